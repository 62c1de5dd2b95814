"""The machine's side of the benchmark: building, the root file system, cgroups, clean-up."""

import ctypes
import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CGROUP_ROOT = "/sys/fs/cgroup"
UNIFIED = CGROUP_ROOT + "/unified"
PR_SET_CHILD_SUBREAPER = 36
PACKAGES = ["crun", "runc", "bubblewrap", "strace", "busybox-static", "musl-tools"]
PROGRAMS = ["floor", "joinfloor", "spawn", "true"]


class BenchError(Exception):
    """A step of the benchmark itself failed; the text says which and why."""


def install():
    """Installs the peers and tools (only on request: run.py --install)."""
    subprocess.run(["apt-get", "install", "-y", "--no-install-recommends", *PACKAGES], check=True)


def compiler():
    """A command that links static programs: musl when there, as it makes the smaller ones."""
    return "musl-gcc" if shutil.which("musl-gcc") else "gcc"


def build_programs(directory):
    """Compiles bench/*.c into directory."""
    os.makedirs(directory, exist_ok=True)
    flags = ["-std=gnu11", "-O2", "-static", "-Wall", "-Wextra", "-Werror"]
    for name in PROGRAMS:
        source = os.path.join(HERE, name + ".c")
        command = [compiler(), *flags, "-o", os.path.join(directory, name), source]
        subprocess.run(command, check=True)


def cpu_model():
    """The processor's name, as /proc/cpuinfo has it."""
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        names = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    return names[0] if names else os.uname().machine


class Host:
    """One run's place on the machine: everything it makes has `name` in it and is removed by close()."""

    def __init__(self, programs):
        self.programs = programs
        self.name = f"lcbench-{os.getpid()}"
        self.tmp = tempfile.mkdtemp(prefix=self.name + "-")
        self.rootfs = os.path.join(self.tmp, "rootfs")
        self.hybrid = os.path.ismount(UNIFIED)
        self.prefix = []
        self._holder = None
        self._cleanups = []

    def open(self):
        """Makes the root file system, the parent cgroups and the private mount namespace."""
        self._make_rootfs()
        for parent in self._hierarchies():
            os.makedirs(os.path.join(parent, self.name), exist_ok=True)
        if self.hybrid:
            self._hold_namespace()

    def program(self, name):
        """Path of one of the benchmark's own programs."""
        return os.path.join(self.programs, name)

    def on_close(self, function):
        """Runs function before the cgroups and files go; last added, first run."""
        self._cleanups.append(function)

    def close(self):
        """Removes everything, however far open() came; True when all of it went."""
        steps = [*reversed(self._cleanups), self._remove_groups, self._release_namespace, self._remove_files]
        return all([succeeds(step) for step in [*steps, reap]])

    def _release_namespace(self):
        if self._holder:
            self._holder.kill()
            self._holder.wait()

    def _make_rootfs(self):
        for name in ("bin", "dev", "etc", "proc", "sys", "tmp"):
            os.makedirs(os.path.join(self.rootfs, name))
        shutil.copy2(shutil.which("busybox") or "/usr/bin/busybox", os.path.join(self.rootfs, "bin/busybox"))
        for name in ("cat", "sh", "sleep"):
            os.symlink("busybox", os.path.join(self.rootfs, "bin", name))
        shutil.copy2(self.program("true"), os.path.join(self.rootfs, "bin/true"))

    def _hierarchies(self):
        """The v1 hierarchies (or the one v2 tree) in which groups may be made."""
        if os.path.exists(os.path.join(CGROUP_ROOT, "cgroup.controllers")):
            return [CGROUP_ROOT]
        mounts = [path for path in glob.glob(CGROUP_ROOT + "/*") if not os.path.islink(path)]
        return [path for path in mounts if os.path.ismount(path) and path != UNIFIED]

    def _hold_namespace(self):
        """crun refuses the hybrid layout: a mount namespace without the cgroup2 mount, kept by a sleeper."""
        script = f"umount {UNIFIED} && echo ready && exec sleep infinity"
        command = ["unshare", "-m", "--propagation", "private", "sh", "-c", script]
        self._holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        if self._holder.stdout.readline() != "ready\n":
            raise BenchError(f"cannot make a mount namespace without {UNIFIED}")
        self.prefix = ["nsenter", "-t", str(self._holder.pid), "-m", "--"]

    def _own_groups(self):
        """Every group of this run, deepest first, in every hierarchy."""
        for parent in [*self._hierarchies(), UNIFIED]:
            top = os.path.join(parent, self.name)
            for path, _, _ in os.walk(top, topdown=False):
                yield path

    def _remove_groups(self):
        for path in self._own_groups():
            kill_group(path)
            remove_group(path)

    def _remove_files(self):
        with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
            if any(self.tmp in line for line in mounts):
                raise BenchError(f"something is still mounted below {self.tmp}; not removing it")
        shutil.rmtree(self.tmp)


def succeeds(step):
    """Runs one step of the clean-up; a failure is told and does not stop the others."""
    try:
        step()
        return True
    except (OSError, BenchError, subprocess.SubprocessError) as error:
        print(f"bench: clean-up: {error}", file=sys.stderr)
        return False


def adopt():
    """Makes this process the parent of what detached containers leave behind."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap():
    """Waits for the dead among them."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def kill_group(path):
    """Kills what is left in a group of ours (normally nothing)."""
    with open(os.path.join(path, "cgroup.procs"), encoding="ascii") as procs:
        for pid in procs.read().split():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass


def remove_group(path):
    """rmdir, with patience for processes that are still dying."""
    for _ in range(100):
        try:
            os.rmdir(path)
            return
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)
    raise BenchError(f"cannot remove {path}")
