"""The candidates: how each starts one default container, and how each joins one."""

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field

POOL = 64  # containers that may live at the same time, each with its own directory and id
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NAMESPACES = ["NEWNS", "NEWUTS", "NEWIPC", "NEWPID", "NEWNET", "NEWCGROUP"]
LIMITS = {"memory": 256 << 20, "cpu_shares": 512, "pids_limit": 100}
MASKED = """/proc/acpi /proc/asound /proc/interrupts /proc/kcore /proc/keys /proc/latency_stats
    /proc/sched_debug /proc/scsi /proc/timer_list /proc/timer_stats /sys/devices/virtual/powercap
    /sys/firmware""".split()
READONLY = "/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger".split()


@dataclass
class Candidate:
    """One row of a table. argv may hold %d, the number of the run."""

    key: str
    label: str
    argv: list
    kind: str = "peer"  # floor, ours or peer: the colour of the bar
    prefix: list = field(default_factory=list)
    groups: str = "devices"
    masks: str = "yes"
    dropped: str = ""  # why it has no figures


def write_json(path, value):
    """Writes value to path, making the directory."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        json.dump(value, out, indent=1)


class Nsinit:
    """Ours: one directory with a container.json per container; the root file system is the cwd."""

    name = "nsinit"

    def __init__(self, host, build):
        self.host = host
        self.path = os.path.join(build, "nsinit/nsinit")
        self.missing = "" if os.access(self.path, os.X_OK) else f"{self.path} is not built"

    def prepare(self, variant="plain", limits=None):
        """Writes the pool of container directories of one variant; returns their path with %d in it."""
        base = os.path.join(self.host.tmp, "nsinit", variant)
        for index in range(POOL):
            group = {"parent": self.host.name, "name": f"nsinit-{variant}-{index}", **(limits or {})}
            config = {
                "hostname": "bench",
                "namespaces": NAMESPACES,
                "environment": [PATH],
                "cgroups": group,
            }
            write_json(f"{base}/{index}/container.json", config)
        return base + "/%d"

    def argv(self, directory, *command):
        """nsinit exec, with the state in directory."""
        return [self.path, "--root", directory, "exec", *command]

    def start_live(self):
        """A container that lives until its standard input is closed. Returns its pid and how to join it."""
        directory = self.prepare("live").replace("%d", "0")
        spawn = [self.host.program("spawn"), "-C", self.host.rootfs]
        command = [*self.host.prefix, *spawn, *self.argv(directory, "/bin/cat")]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)

        def stop():
            process.stdin.close()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()

        self.host.on_close(stop)
        pid = wait_for_pid(os.path.join(directory, "pid"), process)
        return pid, "nsinit-live-0", self.argv(directory, "/bin/true")

    def version(self):
        """First line of --version."""
        return first_line([self.path, "--version"])


class Oci:
    """crun or runc: a pool of bundles that differ in their cgroup only."""

    def __init__(self, host, name):
        self.host = host
        self.name = name
        self.missing = "" if shutil.which(name) else f"{name} is not installed (run.py --install)"
        self.state = os.path.join(host.tmp, name + "-state")
        self.bundles = os.path.join(host.tmp, name + "-bundles")

    def _ids(self, variant):
        return f"{self.host.name}-{self.name}-{variant}-%d"

    def prepare(self, variant="plain", args=("/bin/true",)):
        """Writes the bundles of one variant; returns the arguments that run one."""
        template = self._template(args)
        for index in range(POOL):
            group = f"/{self.host.name}/{self.name}-{variant}-{index}"
            template["linux"]["cgroupsPath"] = group
            write_json(f"{self.bundles}/{variant}/{index}/config.json", template)
        return ["--bundle", f"{self.bundles}/{variant}/%d", self._ids(variant)]

    def _template(self, args):
        """`crun spec`, reduced to what container.json's defaults ask for."""
        directory = os.path.join(self.host.tmp, self.name + "-spec")
        os.makedirs(directory, exist_ok=True)
        subprocess.run([self.name, "spec"], cwd=directory, check=True)
        with open(directory + "/config.json", encoding="utf-8") as file:
            config = json.load(file)
        shutil.rmtree(directory)
        process = config["process"]
        process.update(terminal=False, args=list(args), env=[PATH], noNewPrivileges=False)
        process.pop("rlimits", None)
        config["root"] = {"path": self.host.rootfs, "readonly": False}
        config["hostname"] = "bench"
        config["mounts"] = [m for m in config["mounts"] if m["destination"] != "/sys/fs/cgroup"]
        linux = config["linux"]
        kinds = ["pid", "network", "ipc", "uts", "mount", "cgroup"]
        linux["namespaces"] = [{"type": kind} for kind in kinds]
        linux["maskedPaths"], linux["readonlyPaths"] = MASKED, READONLY
        linux.pop("seccomp", None)
        return config

    def argv(self, *command):
        """The runtime with its state in the temporary directory."""
        return [self.name, "--root", self.state, *command]

    def start_live(self):
        """A sleeping container, deleted at the end. Returns its pid and how to join it."""
        arguments = [a.replace("%d", "0") for a in self.prepare("live", ["/bin/sleep", "100000"])]
        name = arguments[-1]

        def stop():
            command = [*self.host.prefix, *self.argv("delete", "--force", name)]
            subprocess.run(command, stdout=subprocess.DEVNULL, check=False)

        self.host.on_close(stop)
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
        subprocess.run([*self.host.prefix, *self.argv("run", "-d"), *arguments], check=True, **quiet)
        state = subprocess.run(
            [*self.host.prefix, *self.argv("state", name)], check=True, capture_output=True, text=True
        )
        group = f"{self.name}-live-0"
        return json.loads(state.stdout)["pid"], group, self.argv("exec", name, "/bin/true")

    def version(self):
        """First line of --version."""
        return first_line([self.name, "--version"])


def first_line(command):
    """What a program says its version is."""
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (result.stdout or result.stderr).splitlines()
    return lines[0] if lines else "unknown version"


def wait_for_pid(path, process):
    """Waits until nsinit has published its container."""
    for _ in range(500):
        if process.poll() is not None:
            raise RuntimeError(f"nsinit ended early with status {process.returncode}")
        if os.path.exists(path):
            with open(path, encoding="ascii") as file:
                return int(file.read())
        time.sleep(0.01)
    raise RuntimeError(f"{path} did not appear in 5 seconds")


def floors(host):
    """The hand-written programs."""
    floor, group = host.program("floor"), host.name + "/floor-%d"
    masks = [floor, "--masks", host.rootfs, group]
    rows = [
        Candidate("floor-bare", "floor, no masks", [floor, host.rootfs, group], "floor", masks="no"),
        Candidate("floor", "floor", masks, "floor"),
    ]
    for row in rows:
        row.prefix = host.prefix
    if host.hybrid:
        rows.append(Candidate("floor-hybrid", "floor, hybrid as is", masks, "floor"))
    return rows


def ours(host, nsinit):
    """nsinit, plain, with limits, and on the machine's own cgroup layout."""
    if nsinit.missing:
        return [Candidate("nsinit", "nsinit", [], "ours", dropped=nsinit.missing)]
    plain = nsinit.argv(nsinit.prepare(), "/bin/true")
    limited = nsinit.argv(nsinit.prepare("limits", LIMITS), "/bin/true")
    rows = [
        Candidate("nsinit", "nsinit", plain, "ours", host.prefix),
        Candidate("nsinit-limits", "nsinit, 3 limits", limited, "ours", host.prefix, "devices + 3"),
    ]
    if host.hybrid:
        rows.append(Candidate("nsinit-hybrid", "nsinit, hybrid as is", plain, "ours"))
    return rows


def runtimes(host, crun, runc):
    """The OCI runtimes; crun also without cgroups, because it joins every hierarchy and we only one."""
    rows = []
    for runtime in (crun, runc):
        row = Candidate(runtime.name, runtime.name, [], prefix=host.prefix, groups="all")
        row.dropped = runtime.missing
        if not runtime.missing:
            row.argv = runtime.argv("run", *runtime.prepare())
        rows.append(row)
    if not crun.missing:
        argv = ["crun", "--cgroup-manager=disabled", *rows[0].argv[1:]]
        rows.append(Candidate("crun-nocg", "crun, no cgroups", argv, prefix=host.prefix, groups="none"))
    return rows


def sandboxes(host):
    """Programs that do less: no cgroup, no masks. They bound the field from below."""
    bwrap = ["bwrap", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup"]
    bwrap += ["--hostname", "bench", "--bind", host.rootfs, "/", "--proc", "/proc", "--dev", "/dev"]
    bwrap += ["--mqueue", "/dev/mqueue", "--ro-bind", "/sys", "/sys", "/bin/true"]
    unshare = ["unshare", "-munipCf", "-R", host.rootfs, "--mount-proc", "/bin/true"]
    rows = [
        Candidate("bwrap", "bubblewrap", bwrap, groups="none", masks="no"),
        Candidate("unshare", "unshare(1)", unshare, groups="none", masks="no"),
    ]
    for row in rows:
        row.prefix = host.prefix
        if not shutil.which(row.argv[0]):
            row.dropped = f"{row.argv[0]} is not installed (run.py --install)"
    return rows
