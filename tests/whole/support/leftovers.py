"""What a container may not leave behind: processes, cgroups, interfaces, mounts, records."""
import os
import signal
import subprocess

from . import proc
from .wait import becomes_true

RECORDS = "/run/nsinit"
# Others on the machine make and remove groups at any time: only what the tests can have made counts.
OUR_GROUPS = (f"lc-whole-{os.getpid()}", "docker", "up")


def hierarchies():
    """{mount point: set of controllers} of every cgroup hierarchy; cgroup2's controllers from its root."""
    found = {}
    for mount in proc.mount_list():
        if mount.type == "cgroup":
            found[mount.point] = mount.super_options - {"rw", "ro"}
        elif mount.type == "cgroup2":
            with open(os.path.join(mount.point, "cgroup.controllers")) as file:
                found[mount.point] = set(file.read().split())
    return found


def groups():
    found = set()
    for point in hierarchies():
        for path, directories, _ in os.walk(point):
            if path == point:
                directories[:] = [name for name in directories if name.startswith(OUR_GROUPS)]
            found.update(os.path.join(path, name) for name in directories)
    return found


def interfaces():
    output = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True, timeout=10).stdout
    return {line.split(":")[1].strip().partition("@")[0] for line in output.splitlines()}


def mounts():
    return sorted(f"{mount.point} {mount.type}" for mount in proc.mount_list())


def records():
    found = set()
    for path, _, files in os.walk(RECORDS):
        found.update(os.path.join(path, name) for name in files)
    return found


def living(before=()):
    return [pid for pid in proc.descendants(os.getpid()) if pid not in before and proc.alive(pid)]


def running(command):
    """Our living processes whose command line begins like this; the machine may run this suite twice at a time."""
    return [pid for pid in living() if proc.command_line(pid).startswith(command)]


class Snapshot:
    """Taken before a test; check() names what is new afterwards. Everything but processes started by others."""

    def __init__(self):
        self.processes = set(proc.descendants(os.getpid()))
        self.groups, self.interfaces = groups(), interfaces()
        self.mounts, self.records = mounts(), records()

    def _found(self):
        found = [f"process {pid}: {proc.command_line(pid)}" for pid in living(self.processes)]
        found += [f"cgroup {path}" for path in sorted(groups() - self.groups)]
        found += [f"interface {name}" for name in sorted(interfaces() - self.interfaces)]
        if mounts() != self.mounts:
            found += [f"mount {entry}" for entry in set(mounts()) ^ set(self.mounts)] or ["a mount stacked twice"]
        found += [f"record {path}" for path in sorted(records() - self.records)]
        return found

    def check(self, patience=2.0):
        """Everything is gone when nsinit returns; the patience is for other people's runs of nsinit."""
        if becomes_true(lambda: not self._found(), timeout=patience):
            return []
        return self._found()

    def clean(self):
        """After a failed check, so that the next test starts from a clean machine. Only processes below us."""
        for pid in living(self.processes):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        becomes_true(lambda: not living(self.processes), timeout=3)
        for path in sorted(groups() - self.groups, key=len, reverse=True):
            if "lc-whole" not in path:
                continue
            try:
                os.rmdir(path)
            except OSError:
                pass
        for name in interfaces() - self.interfaces:
            subprocess.run(["ip", "link", "del", name], timeout=10, stderr=subprocess.DEVNULL)
        extra = [entry.rpartition(" ")[0] for entry in mounts() if entry not in self.mounts]
        for point in sorted(extra, key=len, reverse=True):
            subprocess.run(["umount", "-l", point], timeout=10, stderr=subprocess.DEVNULL)
        for path in records() - self.records:
            os.unlink(path)
