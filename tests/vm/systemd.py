"""The driver "systemd", inside a virtual machine with systemd as pid 1: systemd.py BUILD [PART...]. Root; Python alone.

One line per check, which begins with "ok", "FAIL" or "skip"; the status is 0 when nothing failed. What it says is read back from the
kernel's files and from `systemctl show`.
"""
import concurrent.futures
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

BUILD = pathlib.Path(sys.argv[1]).resolve()
NSRUN, NSINIT = BUILD / "nsrun/nsrun", BUILD / "nsinit/nsinit"
BUSYBOX = "/run/vm-run/busybox"
CGROUP = pathlib.Path("/sys/fs/cgroup")
V2 = (CGROUP / "cgroup.controllers").exists()
HYBRID = (CGROUP / "unified/cgroup.controllers").exists()
SPACES = ("pid", "network", "ipc", "uts", "mount")
MIB = 1 << 20
counts = {"ok": 0, "FAIL": 0, "skip": 0}


def say(word, what, *more):
    counts[word] += 1
    print(f"{word:<5} {what}", *(f"\n      | {line}" for text in more for line in str(text).splitlines()), sep="", flush=True)


def check(what, good, *more):
    say("ok" if good else "FAIL", what, *(() if good else more))
    return good


def equal(what, found, wanted):
    return check(what, found == wanted, f"found {found!r}", f"wanted {wanted!r}")


def run(*args, timeout=240, env=None, user=None, cwd="/"):
    begin = time.monotonic()
    try:
        done = subprocess.run([str(a) for a in args], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=timeout, env=env, user=user, group=user, extra_groups=[] if user else None, cwd=cwd)
    except subprocess.TimeoutExpired as error:
        done = subprocess.CompletedProcess(args, 124, "", f"no end after {timeout} s: {error}")
    done.seconds = time.monotonic() - begin
    return done


def show(unit, *properties, user=False):
    if user:
        out = run("systemctl", "--user", "show", unit, "-p", ",".join(properties), env=USER_ENV, user=1000).stdout
    else:
        out = run("systemctl", "show", unit, "-p", ",".join(properties)).stdout
    return dict(line.split("=", 1) for line in out.splitlines() if "=" in line)


def loaded(pattern):
    out = run("systemctl", "list-units", "--all", "--plain", "--no-legend", pattern).stdout
    return [line.split()[0] for line in out.splitlines()]


def until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def make_rootfs(path):
    for name in ("bin", "proc", "sys", "dev", "tmp", "etc"):
        (path / name).mkdir(parents=True, exist_ok=True)
    shutil.copy(BUSYBOX, path / "bin/busybox")
    for name in ("sh", "sleep", "cat", "dd", "true", "kill", "echo", "taskset", "mknod", "head", "grep", "id", "ls"):
        if not (path / "bin" / name).exists():
            (path / "bin" / name).symlink_to("busybox")


class Box:
    """A bundle and the id of the container in it."""

    def __init__(self, name, command="sleep 1000", path=None, resources=None, user=None, slice_="system.slice", **keys):
        self.id, self.user = name, user
        self.dir = pathlib.Path("/home/user" if user else "/tmp") / f"bundle-{name}"
        self.dir.mkdir(exist_ok=True)
        self.rootfs = ROOTFS
        self.unit, self.slice = f"test-{name}.scope", slice_
        spaces = [{"type": space} for space in SPACES]
        linux = {"namespaces": spaces, "cgroupsPath": path if path is not None else f"{slice_}:test:{name}",
                 "resources": resources or {"devices": [{"allow": False, "access": "rwm"}]}}
        if user:
            spaces.append({"type": "user"})
            linux["uidMappings"] = [{"containerID": 0, "hostID": 1000, "size": 1}]
            linux["gidMappings"] = [{"containerID": 0, "hostID": 1000, "size": 1}]
            linux["resources"].pop("devices", None)
        mounts = [{"destination": "/proc", "type": "proc", "source": "proc"}]
        if not user:
            mounts.append({"destination": "/dev", "type": "tmpfs", "source": "tmpfs"})
        self.config = {"ociVersion": "1.2.0", "root": {"path": str(ROOTFS), "readonly": True}, "mounts": mounts,
                       "process": {"args": ["/bin/sh", "-c", command], "cwd": "/", "env": ["PATH=/bin"],
                                   "user": {"uid": 0, "gid": 0}}, "linux": linux, **keys}
        self.save()

    def save(self):
        (self.dir / "config.json").write_text(json.dumps(self.config))
        if self.user:
            shutil.chown(self.dir, 1000, 1000)

    def ns(self, *args, **options):
        if self.user:
            options.setdefault("env", USER_ENV)
            options.setdefault("user", self.user)
        return run(NSRUN, "--systemd-cgroup", *args, **options)

    def start(self, *flags):
        """Detached: a container keeps its standard error, and nobody would see its end."""
        return self.ns("run", "-d", "--bundle", self.dir, *flags, self.id) if False else self._detached("run", "-d", *flags)

    def create(self):
        return self._detached("create")

    def _detached(self, *command):
        log = self.dir / "log"
        log.unlink(missing_ok=True)
        args = [str(NSRUN), "--systemd-cgroup", "--log", str(log), *command, "--bundle", str(self.dir), self.id]
        begin = time.monotonic()
        extra = {"user": 1000, "group": 1000, "extra_groups": [], "env": USER_ENV} if self.user else {}
        done = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
                              timeout=240, **extra)
        done.seconds = time.monotonic() - begin
        done.stderr = log.read_text() if log.exists() else ""
        return done

    def state(self):
        return json.loads(self.ns("state", self.id).stdout or "{}")

    def pid(self):
        return self.state().get("pid")

    def delete(self):
        return self.ns("delete", "--force", self.id)

    def path(self, controller="memory"):
        """The container's group in the hierarchy of a controller."""
        for line in pathlib.Path(f"/proc/{self.pid()}/cgroup").read_text().splitlines():
            _, names, path = line.split(":", 2)
            if V2 and names == "":
                return CGROUP / path.lstrip("/")
            if controller in names.split(","):
                return CGROUP / names / path.lstrip("/")
        return None

    def read(self, v2, v1, controller="memory"):
        return (self.path(controller) / (v2 if V2 else v1)).read_text().strip()


USER_ENV = {"PATH": os.environ["PATH"], "HOME": "/home/user", "XDG_RUNTIME_DIR": "/run/user/1000"}
ROOTFS = pathlib.Path("/srv/rootfs")


def gone(box, what):
    equal(f"{what}: no unit is left", loaded(f"{box.unit}"), [])
    left = [path for path in CGROUP.rglob(box.unit)]
    check(f"{what}: no group is left", not left, left)


# ------------------------------------------------------------------ parts
def part_life():
    box = Box("life", resources={"memory": {"limit": 64 * MIB}, "pids": {"limit": 20},
                                 "cpu": {"quota": 20000, "period": 50000, "shares": 512, "cpus": "1"},
                                 "devices": [{"allow": False, "access": "rwm"}]})
    done = box.create()
    if not check("create", done.returncode == 0, done.stderr):
        return
    equal("state says created", box.state().get("status"), "created")
    group = box.path()
    equal("the group is the unit's", group.name if group else None, box.unit)
    found = show(box.unit, "ActiveState", "Slice", "Delegate", "ControlGroup", "TasksMax", "Description", "CollectMode",
                 "MemoryMax", "MemoryLimit", "CPUQuotaPerSecUSec", "CPUWeight", "CPUShares", "AllowedCPUs", "DevicePolicy")
    print("      |", found)
    equal("systemd: active", found.get("ActiveState"), "active")
    equal("systemd: delegated", found.get("Delegate"), "yes")
    equal("systemd: TasksMax", found.get("TasksMax"), "20")
    equal("systemd: memory", found.get("MemoryMax" if V2 else "MemoryLimit"), str(64 * MIB))
    equal("systemd: cpu quota", found.get("CPUQuotaPerSecUSec"), "400ms")
    equal("systemd: group", found.get("ControlGroup"), f"/system.slice/{box.unit}")
    equal("kernel: memory", box.read("memory.max", "memory.limit_in_bytes"), str(64 * MIB))
    equal("kernel: pids", box.read("pids.max", "pids.max", "pids"), "20")
    equal("kernel: quota", box.read("cpu.max", "cpu.cfs_quota_us", "cpu"), "20000 50000" if V2 else "20000")
    equal("kernel: cpus", box.read("cpuset.cpus", "cpuset.cpus", "cpuset"), "1")
    procs = (group / "cgroup.procs").read_text().split()
    equal("only the container is in the unit", procs, [str(box.pid())])
    done = box.ns("start", box.id)
    equal("start", (done.returncode, done.stderr), (0, ""))
    done = box.ns("exec", box.id, "cat", "/proc/self/cgroup")
    check("exec is in the unit", done.stdout.count(box.unit) >= 1 and done.returncode == 0, done.stdout, done.stderr)
    part_life_changes(box)
    done = box.ns("kill", box.id, "KILL")
    equal("kill", (done.returncode, done.stderr), (0, ""))
    check("it ends", until(lambda: box.state().get("status") == "stopped"), box.state())
    done = box.ns("delete", box.id)
    equal("delete", (done.returncode, done.stderr), (0, ""))
    gone(box, "delete")


def part_life_changes(box):
    before = box.read("memory.max", "memory.limit_in_bytes")
    done = box.ns("update", "--memory", 96 * MIB, "--memory-swap", 96 * MIB, "--pids-limit", 33, "--cpu-quota", 30000, box.id)
    if "swap" in done.stderr:
        done = box.ns("update", "--memory", 96 * MIB, "--pids-limit", 33, "--cpu-quota", 30000, box.id)
    equal("update", (done.returncode, done.stderr), (0, ""))
    found = show(box.unit, "TasksMax", "MemoryMax", "MemoryLimit", "CPUQuotaPerSecUSec")
    equal("update: systemd knows", (found["TasksMax"], found["MemoryMax" if V2 else "MemoryLimit"], found["CPUQuotaPerSecUSec"]),
          ("33", str(96 * MIB), "600ms"))
    equal("update: kernel", (box.read("memory.max", "memory.limit_in_bytes"), box.read("pids.max", "pids.max", "pids")),
          (str(96 * MIB), "33"))
    run("systemctl", "daemon-reload")
    equal("a reload of systemd leaves the limits", (box.read("memory.max", "memory.limit_in_bytes"),
                                                    box.read("pids.max", "pids.max", "pids")), (str(96 * MIB), "33"))
    (box.dir / "bad").write_text(json.dumps({"memory": {"limit": 80 * MIB}, "cpu": {"cpus": "77"}}))
    done = box.ns("update", "-r", box.dir / "bad", box.id)
    check("a bad update is refused", done.returncode != 0, done.stdout)
    found = show(box.unit, "MemoryMax", "MemoryLimit")
    equal("  and systemd has the old values again", found["MemoryMax" if V2 else "MemoryLimit"], str(96 * MIB))
    equal("  and the kernel", box.read("memory.max", "memory.limit_in_bytes"), str(96 * MIB))
    equal("pause", box.ns("pause", box.id).returncode, 0)
    equal("  paused", box.state().get("status"), "paused")
    equal("resume", box.ns("resume", box.id).returncode, 0)
    done = box.ns("events", "--stats", box.id)
    check("stats", '"pids"' in done.stdout, done.stdout, done.stderr)
    print("      | memory before the update:", before)


PARTS = {name[5:]: function for name, function in list(globals().items()) if name.startswith("part_") and name != "part_life_changes"}

if __name__ == "__main__":
    make_rootfs(ROOTFS)
    print("layout:", "v2" if V2 else "hybrid" if HYBRID else "v1", "kernel:", os.uname().release,
          run("systemctl", "--version").stdout.splitlines()[0], flush=True)
    for part in sys.argv[2:] or PARTS:
        print(f"== {part}", flush=True)
        try:
            PARTS[part]()
        except Exception as error:  # the other parts are worth having
            say("FAIL", f"{part}: {error!r}")
    print(", ".join(f"{number} {word}" for word, number in counts.items()))
    sys.exit(counts["FAIL"] != 0)
