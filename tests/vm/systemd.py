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
        out = run("systemctl", "--user", "show", unit, "-p", ",".join(properties), env=USER_ENV, user=USER).stdout
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
        self.dir = pathlib.Path("/home/lcuser" if user else "/tmp") / f"bundle-{name}"
        self.dir.mkdir(exist_ok=True)
        self.rootfs = ROOTFS
        self.unit, self.slice = f"test-{name}.scope", slice_
        spaces = [{"type": space} for space in SPACES]
        linux = {"namespaces": spaces, "cgroupsPath": path if path is not None else f"{slice_}:test:{name}",
                 "resources": resources or {"devices": [{"allow": False, "access": "rwm"}]}}
        if user:
            spaces.append({"type": "user"})
            linux["uidMappings"] = [{"containerID": 0, "hostID": USER, "size": 1}]
            linux["gidMappings"] = [{"containerID": 0, "hostID": USER, "size": 1}]
            linux["resources"].pop("devices", None)
        mounts = [{"destination": "/proc", "type": "proc", "source": "proc"},
                  {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}]
        self.config = {"ociVersion": "1.2.0", "root": {"path": str(ROOTFS), "readonly": True}, "mounts": mounts,
                       "process": {"args": ["/bin/sh", "-c", command], "cwd": "/", "env": ["PATH=/bin"],
                                   "user": {"uid": 0, "gid": 0},
                                   "capabilities": {kind: ["CAP_MKNOD"] for kind in ("bounding", "effective", "permitted")}}, "linux": linux, **keys}
        self.save()

    def save(self):
        (self.dir / "config.json").write_text(json.dumps(self.config))
        if self.user:
            shutil.chown(self.dir, USER, USER)

    def ns(self, *args, **options):
        if self.user:
            options.setdefault("env", USER_ENV)
            options.setdefault("user", self.user)
        return run(NSRUN, "--systemd-cgroup", *args, **options)

    def start(self, *flags):
        """Detached: a container keeps its standard error, and nobody would see its end."""
        return self._detached("run", "-d", *flags)

    def create(self):
        return self._detached("create")

    def _detached(self, *command):
        log = self.dir / "log"
        log.unlink(missing_ok=True)
        args = [str(NSRUN), "--systemd-cgroup", "--log", str(log), *command, "--bundle", str(self.dir), self.id]
        begin = time.monotonic()
        extra = {"user": USER, "group": USER, "extra_groups": [], "env": USER_ENV} if self.user else {}
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


USER = 4321  # nobody on the host, whose files the machine shows
USER_ENV = {"PATH": os.environ["PATH"], "HOME": "/home/lcuser", "XDG_RUNTIME_DIR": f"/run/user/{USER}"}
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


def part_limits():
    """Each limit is met."""
    box = Box("limits", "while :; do sleep 1; done", resources={"memory": {"limit": 32 * MIB}, "pids": {"limit": 12},
                                                 "cpu": {"quota": 20000, "period": 100000, "cpus": "0"},
                                                 "devices": [{"allow": False, "access": "rwm"}]})
    if not check("run", (done := box.start()).returncode == 0, done.stderr):
        return
    done = box.ns("exec", box.id, "dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1")
    check("memory: a hog dies", done.returncode == 137, done.returncode, done.stderr)
    done = box.ns("exec", box.id, "dd", "if=/dev/zero", "of=/dev/null", "bs=8M", "count=1")
    check("memory: below the limit nobody dies", done.returncode == 0, done.stderr)
    equal("memory: the container lives on", box.state().get("status"), "running")
    done = box.ns("exec", box.id, "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do sleep 1 & done; echo all")
    check("pids: no more than the limit", "can't fork" in done.stderr or "fork" in done.stderr, done.stdout, done.stderr)
    time.sleep(2)
    usage = lambda: int(next(line.split()[1] for line in (box.path("cpuacct") / "cpu.stat").read_text().splitlines()
                             if line.startswith("usage_usec"))) if V2 else int((box.path("cpuacct") / "cpuacct.usage").read_text()) // 1000
    busy = subprocess.Popen([NSRUN, "exec", box.id, "sh", "-c", "while :; do :; done"], stdin=subprocess.DEVNULL)
    time.sleep(3)
    first, begin = usage(), time.monotonic()
    time.sleep(10)
    share = (usage() - first) / 1e6 / (time.monotonic() - begin)
    check("cpu: a busy loop gets its fifth of a processor", 0.17 < share < 0.23, share)
    done = box.ns("exec", box.id, "sh", "-c", "mknod /dev/mem c 1 1 && head -c 1 /dev/mem")
    check("devices: a node that nobody allowed", "ermitted" in done.stderr, done.stdout, done.stderr)
    run("systemctl", "daemon-reload")
    done = box.ns("exec", box.id, "sh", "-c", "head -c 1 /dev/mem")
    check("devices: nor after a reload of systemd", "ermitted" in done.stderr, done.stdout, done.stderr)
    done = box.ns("exec", box.id, "sh", "-c", "echo x > /dev/null && head -c 4 /dev/zero > /dev/null && echo fine")
    equal("devices: what is always there works", done.stdout.strip(), "fine")
    done = box.delete()
    equal("delete --force", (done.returncode, done.stderr), (0, ""))
    busy.wait()
    gone(box, "delete --force")


def part_paused():
    box = Box("paused", "while :; do sleep 1; done")
    if check("run", (done := box.start()).returncode == 0, done.stderr):
        equal("pause", box.ns("pause", box.id).returncode, 0)
        equal("delete --force of a paused one", ((done := box.delete()).returncode, done.stderr), (0, ""))
    gone(box, "paused")
    box = Box("shared", "sleep 1000 & sleep 1000 & wait")
    box.config["linux"]["namespaces"] = [{"type": "mount"}]
    box.save()
    if check("run without a pid namespace", (done := box.start()).returncode == 0, done.stderr):
        check("  three processes", until(lambda: len((box.path("pids") / "cgroup.procs").read_text().split()) == 3))
        equal("  delete --force", ((done := box.delete()).returncode, done.stderr), (0, ""))
    gone(box, "shared")
    box = Box("nested", "sleep 1000")
    if check("run", (done := box.start()).returncode == 0, done.stderr):
        (box.path("pids") / "inner").mkdir()
        equal("  delete --force with a group inside", ((done := box.delete()).returncode, done.stderr), (0, ""))
    gone(box, "nested")


def part_one_process():
    """The helper is in the unit while the container begins: it must not take the only place."""
    box = Box("single", "exec sleep 1000", resources={"pids": {"limit": 1}})
    done = box.start()
    check("pids.limit 1", done.returncode == 0, done.stderr)
    equal("  kernel", box.read("pids.max", "pids.max", "pids"), "1")
    equal("  systemd", show(box.unit, "TasksMax").get("TasksMax"), "1")
    box.delete()
    gone(box, "pids.limit 1")


def part_names():
    for name, path, unit, group in (
            ("default", "", "nsrun-default.scope", "/system.slice/nsrun-default.scope"),
            ("deep", "a-b.slice:x:deep", "x-deep.scope", "/a.slice/a-b.slice/x-deep.scope"),
            ("odd", "system.slice::cpu.odd", "cpu.odd.scope", "/system.slice/cpu.odd.scope"),
            ("cpu", "system.slice::cpu", "cpu.scope", "/system.slice/_cpu.scope"),
            ("core", "io.slice::cgroup.core", "cgroup.core.scope", "/_io.slice/_cgroup.core.scope"),
            ("slice", "::test-pod.slice", "test-pod.slice", "/test.slice/test-pod.slice")):
        box = Box(name, path=path)
        if not path:
            del box.config["linux"]["cgroupsPath"]
            box.save()
        box.unit = unit
        done = box.start()
        if check(f"{path!r}", done.returncode == 0, done.stderr):
            equal("  group", show(unit, "ControlGroup").get("ControlGroup"), group)
            check("  the container is in it", f":{group}\n" in pathlib.Path(f"/proc/{box.pid()}/cgroup").read_text(),
                  pathlib.Path(f"/proc/{box.pid()}/cgroup").read_text())
        equal("  delete", (done := box.delete()).returncode, 0)
        gone(box, f"  {path!r}")


def part_properties():
    box = Box("prop", annotations={"org.systemd.property.TimeoutStopSec": "7", "org.systemd.property.KillSignal": "10",
                                   "org.systemd.property.After": "['dbus.service']", "org.example.x": "y"})
    done = box.start()
    check("annotations", done.returncode == 0, done.stderr)
    found = show(box.unit, "TimeoutStopUSec", "KillSignal", "After")
    check("  systemd has them", found.get("TimeoutStopUSec") == "7s" and found.get("KillSignal") == "10" and
          "dbus.service" in found.get("After", ""), found)
    equal("  delete does not wait for TimeoutStopSec", ((done := box.delete()).returncode, done.seconds < 7), (0, True))
    gone(box, "annotations")
    every = {"Before": "['x.service']", "CollectMode": "'inactive'", "DefaultDependencies": "true", "IPAccounting": "true",
             "IgnoreOnIsolate": "true", "ManagedOOMMemoryPressure": "'kill'", "ManagedOOMMemoryPressureLimit": "uint32 1000000",
             "ManagedOOMPreference": "'avoid'", "ManagedOOMSwap": "'kill'", "MemoryMin": "1048576", "PartOf": "['x.service']",
             "RuntimeMaxSec": "5000", "SendSIGHUP": "true", "StartupCPUWeight": "50", "StartupIOWeight": "50"}
    box = Box("every", annotations={f"org.systemd.property.{name}": value for name, value in every.items()})
    done = box.start()
    check("every allowed property is one that systemd takes", done.returncode == 0, done.stderr)
    box.delete()
    gone(box, "every property")
    for name, value in (("ExecStopPost", "'/bin/touch /tmp/run'"), ("OnFailure", "['poweroff.target']"), ("TimeoutStopSec", "'x'")):
        box = Box("bad", annotations={f"org.systemd.property.{name}": value})
        done = box.start()
        check(f"{name} = {value} is refused", done.returncode != 0 and f"/annotations/org.systemd.property.{name}" in done.stderr,
              done.stderr)
        box.delete()


def part_exists():
    sleeper = subprocess.Popen(["systemd-run", "--scope", "--unit", "test-taken.scope", "sleep", "1000"], stderr=subprocess.DEVNULL)
    check("a unit of somebody else's", until(lambda: show("test-taken.scope", "ActiveState")["ActiveState"] == "active"))
    box = Box("taken")
    done = box.start()
    check("its name is refused", done.returncode != 0 and "is there already, and is active" in done.stderr, done.stderr)
    box.delete()
    equal("  and it runs on", (sleeper.poll(), show("test-taken.scope", "ActiveState")["ActiveState"]), (None, "active"))
    run("systemctl", "stop", "test-taken.scope")
    sleeper.wait()
    # A unit that has failed stays until somebody resets it.
    subprocess.run(["systemd-run", "-q", "--scope", "--unit", "test-failed.scope", "-p", "RuntimeMaxSec=1", "-p", "TimeoutStopSec=1",
                    "sh", "-c", "trap '' TERM; while :; do sleep 1; done"], stderr=subprocess.DEVNULL, check=False)
    check("a failed unit", until(lambda: show("test-failed.scope", "ActiveState")["ActiveState"] == "failed"),
          show("test-failed.scope", "ActiveState", "Result"))
    box = Box("failed")
    done = box.start()
    check("  is no obstacle", done.returncode == 0, done.stderr)
    box.delete()
    gone(box, "a failed unit")
    box = Box("nowhere", path="system.slice:test:nowhere", annotations={"org.systemd.property.After": "['no-unit-name']"})
    done = box.start()
    check("what systemd refuses is said in its words", done.returncode != 0 and "StartTransientUnit" in done.stderr, done.stderr)
    print("      |", done.stderr.strip()[:300])
    box.delete()
    gone(box, "a refusal")


def part_nsinit():
    box = pathlib.Path("/tmp/nsinit")
    box.mkdir(exist_ok=True)
    keys = {"namespaces": ["NEWNS", "NEWUTS", "NEWIPC", "NEWPID", "NEWNET"], "environment": ["PATH=/bin"],
            "cgroups": {"driver": "systemd", "name": "box", "memory": 64 * MIB, "pids_limit": 30,
                        "unit_properties": [["TimeoutStopSec", 9], ["CollectMode", "inactive-or-failed"]]}}
    (box / "container.json").write_text(json.dumps(keys))
    command = [NSINIT, "--root", str(box), "exec"]
    first = subprocess.Popen([*command, "sleep", "1000"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=ROOTFS)
    up = until(lambda: show("nsinit-box.scope", "ActiveState")["ActiveState"] == "active" and (box / "pid").exists())
    check("nsinit exec", up and first.poll() is None, first.poll())
    found = show("nsinit-box.scope", "TasksMax", "TimeoutStopUSec", "ControlGroup")
    # One more than is asked for: our helper, which stays to read the last word, is none of the container's processes.
    equal("  systemd", found, {"TasksMax": "31", "TimeoutStopUSec": "9s", "ControlGroup": "/system.slice/nsinit-box.scope"})
    done = run(*command, "cat", "/proc/self/cgroup", cwd=ROOTFS)
    check("  a join is in the unit", "nsinit-box.scope" in done.stdout, done.stdout, done.stderr)
    first.kill()
    first.wait()
    done = run(NSINIT, "--root", box, "state", cwd=ROOTFS)
    equal("  after SIGKILL of nsinit `state` cleans up", loaded("nsinit-box.scope"), [])
    done = run(*command, "true", cwd=ROOTFS)
    equal("  a whole life", (done.returncode, done.stderr), (0, ""))
    equal("  no unit is left", loaded("nsinit-box.scope"), [])
    done = run(NSINIT, "--root", box, "check", cwd=ROOTFS)
    check("  check", done.returncode == 0, done.stdout, done.stderr)
    equal("  check leaves no unit", loaded("nsinit-*"), [])


HOG = "exec dd if=/dev/zero of=/dev/null bs=64M count=1"


def whole_word(what, final, killed):
    """The last word of a container that has had a limit of 32 MiB: nothing that this layout counts is missing."""
    memory = final.get("memory", {})
    check(f"{what}: memory", memory.get("limit") == 32 * MIB and 0 < (memory.get("peak") or 0) <= 32 * MIB, final)
    equal(f"{what}: oom_kill", memory.get("events", {}).get("oom_kill"), killed)
    check(f"{what}: processor", all(isinstance(value, int) for value in final.get("cpu", {}).values()), final)
    check(f"{what}: io", all(isinstance(value, int) for value in final.get("io", {}).values()), final)


def final_of(name, command, **resources):
    """Of a container that somebody waits for."""
    box = Box(name, command, resources={"memory": {"limit": 32 * MIB}, **resources})
    done = box.ns("run", "--keep", "--bundle", box.dir, box.id)
    final = box.state().get("final", {})
    check(f"{name}: no unit is left", until(lambda: not loaded(box.unit), 10), loaded(box.unit))
    equal(f"{name}: delete", ((deleted := box.delete()).returncode, deleted.stderr), (0, ""))
    gone(box, name)
    return done, final


def part_final():
    """systemd takes an empty unit away at once: where somebody waits, the last word is read before."""
    for i in range(3):
        done, final = final_of(f"hog{i}", HOG)
        check("a hog dies, and that is said", done.returncode == 137 and "out of memory: the kernel killed 1 process" in done.stderr, done)
        whole_word(f"hog {i}", final, 1)
        done, final = final_of(f"short{i}", "true")
        equal("a short life", (done.returncode, done.stderr), (0, ""))
        whole_word(f"short {i}", final, 0)
    print("      |", json.dumps(final))
    check("pids: the container's own only", final["pids"]["peak"] in (None, 1), final)
    done, final = final_of("full", "for i in 1 2 3 4; do sleep 5 & done; wait", pids={"limit": 3})
    check("pids: it has as many as it was given", "fork" in done.stderr and final.get("pids", {}).get("peak") in (None, 3), done, final)
    done, final = final_of("one", "exec true", pids={"limit": 1})
    equal("pids: one is one", (done.returncode, done.stderr), (0, ""))
    final_alive()
    final_nsinit()
    killed_is_said()


def killed_is_said():
    """Who attends a container with a limit of memory hears what it died of, also when nobody has asked for the last word."""
    box = Box("said", HOG, resources={"memory": {"limit": 32 * MIB}})
    unified = Box("unified", HOG, resources={"unified": {"memory.max": str(32 * MIB), "memory.swap.max": "0"}})
    path = pathlib.Path("/tmp/nsinit-said")
    path.mkdir(exist_ok=True)
    (path / "container.json").write_text(json.dumps({
        "namespaces": ["NEWNS", "NEWUTS", "NEWIPC", "NEWPID", "NEWNET"], "environment": ["PATH=/bin"],
        "cgroups": {"driver": "systemd", "name": "said", "memory": 32 * MIB}}))
    for i in range(4):
        done = [(box, box.ns("run", "--bundle", box.dir, box.id))]
        done += [(unified, unified.ns("run", "--bundle", unified.dir, unified.id))] if V2 else []
        done += [(None, run(NSINIT, "--root", path, "exec", *HOG.split()[1:], cwd=ROOTFS))]
        for owner, result in done:
            what = f"{owner.id if owner else 'nsinit'} {i}"
            equal(f"{what}: a hog dies", result.returncode, 137)
            check(f"{what}: of memory", "out of memory: the kernel killed 1 process" in result.stderr, result.stderr)
            if owner:
                check(f"{what}: no unit is left", until(lambda: not loaded(owner.unit), 10), loaded(owner.unit))
    equal("no helper is left", helpers(), [])


def final_alive():
    """The keeper is none of the container's processes, and goes with whom it works for."""
    box = Box("kept", "while :; do sleep 1; done", resources={"memory": {"limit": 32 * MIB}, "pids": {"limit": 9}})
    process = subprocess.Popen([NSRUN, "--systemd-cgroup", "run", "--keep", "--bundle", box.dir, box.id], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    check("it runs", until(lambda: box.state().get("status") == "running", 60), box.state())
    equal("one helper", len(helpers()), 1)
    inside = (box.path("pids") / "cgroup.procs").read_text().split() if V2 else []
    check("it is in no group of the container's with controllers to hand down", not set(inside) & set(helpers()), inside)
    done = box.ns("ps", "-f", "json", box.id)
    check("ps does not show it", not set(map(str, json.loads(done.stdout))) & set(helpers()), done)
    stats = json.loads(box.ns("events", "--stats", box.id).stdout)["data"]["pids"]
    check("stats do not count it", stats["limit"] == 9 and stats["current"] <= 2, stats)
    done = box.ns("update", "--pids-limit", "11", box.id)
    equal("update", (done.returncode, done.stderr), (0, ""))
    equal("  has the new limit", json.loads(box.ns("events", "--stats", box.id).stdout)["data"]["pids"]["limit"], 11)
    equal("pause and resume", (box.ns("pause", box.id).returncode, box.ns("resume", box.id).returncode), (0, 0))
    equal("kill --all", (done := box.ns("kill", "--all", box.id, "KILL")).returncode, 0)
    equal("it has ended", process.wait(60), 137)
    whole_word("killed with all", box.state().get("final", {}), 0)
    box.delete()
    gone(box, "killed with all")
    process = subprocess.Popen([NSRUN, "--systemd-cgroup", "run", "--keep", "--bundle", box.dir, box.id], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    check("it runs again", until(lambda: box.state().get("status") == "running", 60), box.state())
    process.kill()
    process.wait()
    check("the keeper goes with nsrun", until(lambda: not helpers(), 10), helpers())
    equal("delete --force", ((done := box.delete()).returncode, done.stderr), (0, ""))
    gone(box, "a killed nsrun")


def final_nsinit():
    box = pathlib.Path("/tmp/nsinit-final")
    box.mkdir(exist_ok=True)
    keys = {"namespaces": ["NEWNS", "NEWUTS", "NEWIPC", "NEWPID", "NEWNET"], "environment": ["PATH=/bin"],
            "cgroups": {"driver": "systemd", "name": "final", "memory": 32 * MIB, "pids_limit": 30}}
    others = ["sh", "-c", "sleep 1000 >/dev/null 2>&1 & sleep 1000 >/dev/null 2>&1 &"]
    for i in range(3):
        if i == 2:
            keys["namespaces"].remove("NEWPID")  # who is left is killed first, and the keeper is not
        (box / "container.json").write_text(json.dumps(keys))
        for command, killed in ((HOG.split()[1:], 1), (["true"], 0), (others, 0)):
            done = run(NSINIT, "--root", box, "exec", "--stats", *command, cwd=ROOTFS)
            equal(f"nsinit exec --stats {command[0]}", done.returncode, 137 if killed else 0)
            whole_word(f"nsinit {command[0]} {i}", json.loads(done.stderr[done.stderr.index("{"):]), killed)
            equal("  no unit is left", loaded("nsinit-final.scope"), [])


def part_user():
    """A user with linger, from outside of his session: only systemd may move his processes."""
    run("useradd", "-m", "-u", str(USER), "-s", "/bin/sh", "lcuser")
    run("loginctl", "enable-linger", "lcuser")
    if not check("the user's systemd", until(lambda: pathlib.Path(f"/run/user/{USER}/bus").exists(), 60)):
        return
    for way, extra in (("from outside", []), ("from a unit of his own", ["systemd-run", "--user", "--scope", "-q"])):
        box = Box("user" if not extra else "inside", user=USER, slice_="user.slice",
                  resources={"memory": {"limit": 48 * MIB}, "pids": {"limit": 25}, "cpu": {"quota": 30000, "period": 100000}})
        if not V2:
            done = box.start()
            check("on v1 it is refused in words", done.returncode != 0 and "no controllers on cgroup v1" in done.stderr, done.stderr)
            box.delete()
            return
        log = box.dir / "log"
        done = subprocess.run([*extra, NSRUN, "--systemd-cgroup", "--log", log, "run", "-d", "--bundle", box.dir, box.id],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
                              user=USER, group=USER, extra_groups=[], env=USER_ENV, timeout=240, check=False)
        if not check(f"run {way}", done.returncode == 0, log.read_text() if log.exists() else done):
            continue
        group = box.path()
        check("  in the user's own unit", str(group).endswith(f"/user@{USER}.service/user.slice/{box.unit}"), group)
        equal("  kernel", [(group / name).read_text().strip() for name in ("memory.max", "pids.max", "cpu.max")],
              [str(48 * MIB), "25", "30000 100000"])
        found = show(box.unit, "MemoryMax", "TasksMax", "CPUQuotaPerSecUSec", user=True)
        equal("  systemd", found, {"MemoryMax": str(48 * MIB), "TasksMax": "25", "CPUQuotaPerSecUSec": "300ms"})
        done = box.ns("exec", box.id, "cat", "/proc/self/cgroup")
        check("  exec is in the unit", box.unit in done.stdout, done.stdout, done.stderr)
        done = box.ns("exec", box.id, "dd", "if=/dev/zero", "of=/dev/null", "bs=96M", "count=1")
        equal("  a hog dies", done.returncode, 137)
        done = box.ns("update", "--pids-limit", "40", box.id)
        equal("  update", (done.returncode, done.stderr, (group / "pids.max").read_text().strip()), (0, "", "40"))
        equal("  pause and resume", (box.ns("pause", box.id).returncode, box.ns("resume", box.id).returncode), (0, 0))
        done = box.delete()
        equal("  delete --force", (done.returncode, done.stderr), (0, ""))
        equal("  no unit is left", show(box.unit, "LoadState", "ActiveState", user=True).get("ActiveState"), "inactive")
        check("  no group is left", not group.exists())
    user_namespace()
    user_nsinit()


def user_namespace():
    """As a rootless engine does: root of a user namespace, whose units are still the user's."""
    box = Box("rootless", user=USER, slice_="user.slice", resources={"memory": {"limit": 40 * MIB}})
    for kind in ("uidMappings", "gidMappings"):
        box.config["linux"][kind] = [{"containerID": 0, "hostID": 0, "size": 1}]
    box.save()
    log = box.dir / "log"
    command = ["unshare", "-U", "-r", NSRUN, "--systemd-cgroup"]
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/", "user": USER,
               "group": USER, "extra_groups": [], "env": USER_ENV, "timeout": 240, "check": False}
    done = subprocess.run([*command, "--log", log, "run", "-d", "--bundle", box.dir, box.id], **options)
    if check("run as root of a user namespace", done.returncode == 0, log.read_text() if log.exists() else done):
        found = show(box.unit, "MemoryMax", "ActiveState", user=True)
        equal("  systemd", found, {"MemoryMax": str(40 * MIB), "ActiveState": "active"})
        done = subprocess.run([*command, "--log", log, "delete", "--force", box.id], **options)
        equal("  delete --force", (done.returncode, log.read_text()), (0, ""))
        equal("  no unit is left", show(box.unit, "ActiveState", user=True).get("ActiveState"), "inactive")


def user_nsinit():
    box = pathlib.Path("/home/lcuser/nsinit")
    box.mkdir(exist_ok=True)
    keys = {"namespaces": ["NEWNS", "NEWUTS", "NEWIPC", "NEWPID", "NEWNET", "NEWUSER"], "environment": ["PATH=/bin"],
            "cgroups": {"driver": "systemd", "name": "mine", "memory": 48 * MIB, "pids_limit": 30, "device_access": True}}
    (box / "container.json").write_text(json.dumps(keys))
    shutil.copytree(ROOTFS, box / "rootfs", symlinks=True, dirs_exist_ok=True)
    run("chown", "-R", f"{USER}:{USER}", box)
    options = {"user": USER, "env": USER_ENV, "cwd": box / "rootfs"}
    command = [NSINIT, "--root", box, "exec"]
    done = run(*command, "sh", "-c", "cat /proc/self/cgroup", **options)
    check("nsinit of a user", "/user.slice/nsinit-mine.scope" in done.stdout and done.returncode == 0, done.stdout, done.stderr)
    done = run(*command, "--stats", "dd", "if=/dev/zero", "of=/dev/null", "bs=96M", "count=1", **options)
    equal("  a hog dies", done.returncode, 137)
    final = json.loads(done.stderr[done.stderr.index("{"):])
    check("  and the last word says so", final["memory"]["events"]["oom_kill"] == 1 and final["memory"]["peak"] <= 48 * MIB, final)
    equal("  no unit is left", show("nsinit-mine.scope", "ActiveState", user=True).get("ActiveState"), "inactive")


def part_many():
    """64 at a time: every one lives, or has said why not within its deadline."""
    boxes = [Box(f"many{i}", "exec sleep 1000", resources={"pids": {"limit": 10}}) for i in range(64)]
    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        results = list(pool.map(Box.create, boxes))
    good = [done for done in results if done.returncode == 0]
    print(f"      | {len(good)} of 64 made in {time.monotonic() - begin:.0f} s, the slowest took {max(d.seconds for d in results):.1f} s")
    check("none hangs", all(done.seconds < 60 for done in results), max(done.seconds for done in results))
    check("who has failed says why", all(done.stderr for done in results if done.returncode != 0),
          *(done.stderr for done in results if done.returncode != 0))
    check("most are made", len(good) > 32, len(good))
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        ended = list(pool.map(Box.delete, boxes))
    equal("all are deleted", {done.returncode for done in ended}, {0})
    equal("no unit is left", loaded("test-many*"), [])
    equal("no helper is left", helpers(), [])


def helpers():
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/comm"):
        try:
            if path.read_text().startswith("libcontainer-sy"):
                found.append(path.parent.name)
        except OSError:
            pass
    return found


def part_killed():
    """SIGKILL of nsrun at many moments: after `delete --force` there is nothing."""
    box = Box("killed", "exec sleep 1000")
    done = box.create()
    whole = done.seconds
    box.delete()
    left = []
    for i in range(24):
        process = subprocess.Popen([NSRUN, "--systemd-cgroup", "create", "--bundle", box.dir, box.id], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(whole * 1.2 * i / 24)
        process.kill()
        process.wait()
        done = box.delete()
        if done.returncode != 0 or not until(lambda: not loaded(box.unit), 10) or not until(lambda: not helpers(), 10):
            left.append((i, done.stderr, loaded(box.unit), helpers()))
    equal(f"24 moments within {whole:.1f} s: nothing is left", left, [])
    gone(box, "killed")


def part_silent():
    """Nobody answers on the bus."""
    box = Box("silent", "exec sleep 1000")
    daemon = int(show("dbus.service", "MainPID")["MainPID"])
    os.kill(daemon, signal.SIGSTOP)
    try:
        done = box.create()
    finally:
        os.kill(daemon, signal.SIGCONT)
    check("create ends within its deadline", done.returncode != 0 and 25 < done.seconds < 50, done.seconds, done.stderr)
    check("  and says for what it waited", "no answer to" in done.stderr and "30 seconds" in done.stderr, done.stderr)
    print("      |", done.stderr.strip()[:300])
    box.delete()
    gone(box, "silent")
    done = box.create()
    check("it works when the bus is back", done.returncode == 0, done.stderr)
    os.kill(daemon, signal.SIGSTOP)
    try:
        done = box.delete()
        check("delete --force ends too, and says why", done.returncode != 0 and done.seconds < 50 and "no answer" in done.stderr,
              done.seconds, done.stderr)
    finally:
        os.kill(daemon, signal.SIGCONT)
    done = box.delete()
    equal("  and can be repeated", (done.returncode, done.stderr), (0, ""))
    gone(box, "  and then")


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
