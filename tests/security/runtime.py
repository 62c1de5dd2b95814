"""A bundle and an OCI runtime run on it: commands only, and looks at the effects."""
import json
import os
import subprocess
import time

from support import proc, rootfs
from support.container import Result
from support.leftovers import hierarchies

CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
DOCKER = ["CAP_" + name for name in (
    "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "NET_BIND_SERVICE", "NET_RAW",
    "SYS_CHROOT", "MKNOD", "AUDIT_WRITE", "SETFCAP")]
PSEUDO = ["nosuid", "noexec", "nodev"]


def capabilities(names, ambient=()):
    return {"bounding": list(names), "effective": list(names), "permitted": list(names), "ambient": list(ambient)}


def mask(status, name):
    return int(status[name], 16)


def default_config():
    """What `spec` of every runtime says, in the words of version 1.0 that all of them read."""
    return {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": 0, "gid": 0}, "args": ["/bin/true"], "env": ["PATH=/bin"], "cwd": "/",
            "capabilities": capabilities(CAPABILITIES), "noNewPrivileges": True,
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}]},
        "root": {"path": "rootfs", "readonly": False},
        "hostname": "catalogue",
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
             "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
            {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
             "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
            {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": PSEUDO},
            {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": [*PSEUDO, "ro"]},
            {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
             "options": [*PSEUDO, "relatime", "ro"]}],
        "linux": {
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
            "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")],
            "maskedPaths": ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]}}


class Box:
    """config is written to config.json before every run and create, so tests just change the dictionary."""

    def __init__(self, rt, directory, state, name):
        self.rt, self.directory, self.state, self.name = rt, directory, state, name
        self.rootfs = rootfs.make_busybox(os.path.join(directory, "rootfs"))
        self.config = default_config()
        self.config["linux"]["cgroupsPath"] = "/" + name
        self.live, self.runs = [], 0

    process = property(lambda self: self.config["process"])
    linux = property(lambda self: self.config["linux"])

    def inside(self, name):
        return os.path.join(self.rootfs, name.lstrip("/"))

    def add_program(self, source, name):
        with open(source, "rb") as file:
            rootfs.write(self.inside(name), file.read(), 0o755)

    def mount(self, source, destination, kind="bind", *options):
        self.config["mounts"].append({"source": source, "destination": destination, "type": kind,
                                      "options": list(options) or (["rbind"] if kind == "bind" else [])})

    def without_mount(self, *destinations):
        self.config["mounts"] = [entry for entry in self.config["mounts"] if entry["destination"] not in destinations]

    def user_namespace(self, host=100000):
        self.linux["namespaces"].append({"type": "user"})
        for key in ("uidMappings", "gidMappings"):
            self.linux[key] = [{"containerID": 0, "hostID": host, "size": 65536}]
        subprocess.run(["chown", "-hR", f"{host}:{host}", self.rootfs], check=True, timeout=20)

    # ---- commands ----
    def spawn(self, *arguments, stdin=subprocess.DEVNULL, **options):
        """The runtime in the background. Output goes to files: a detached container keeps them open."""
        rootfs.write(os.path.join(self.directory, "config.json"), options.pop("text", None) or json.dumps(self.config))
        self.runs += 1
        base = os.path.join(self.directory, f"log-{self.runs}")
        with open(base + ".out", "wb") as out, open(base + ".err", "wb") as err:
            options = {"stdout": out, "stderr": err, "cwd": self.directory, **options}
            process = subprocess.Popen([self.rt, "--root", self.state, *arguments], stdin=stdin, **options)
        process.base = base
        self.live.append(process)
        return process

    def end(self, process, timeout=20):
        code = process.wait(timeout)
        self.live.remove(process)
        output = []
        for suffix in (".out", ".err"):
            with open(process.base + suffix, "rb") as file:
                output.append(file.read())
            os.unlink(process.base + suffix)
        return Result(code if code >= 0 else 128 - code, *output, process.args)

    def call(self, *arguments, timeout=20, **options):
        return self.end(self.spawn(*arguments, **options), timeout)

    def run(self, *command, timeout=20, **options):
        """create, start, wait and delete in one; the command's output and status."""
        self.process["args"] = list(command) or self.process["args"]
        return self.call("run", self.name, timeout=timeout, **options)

    def sh(self, script, **options):
        return self.run("/bin/sh", "-c", script, **options)

    def out(self, script, **options):
        result = self.sh(script, **options)
        assert result.status == 0, result
        return result.out

    def start(self, *command, **options):
        """A live container in the background; returns the host's pid of its first process."""
        self.process["args"] = list(command) or ["/bin/sleep", "1000"]
        result = self.call("run", "--detach", self.name, **options)
        assert result.status == 0, result
        return self.state_of()["pid"]

    def exec(self, *command, options=(), **popen):
        return self.call("exec", *options, self.name, *command, **popen)

    def state_of(self):
        result = self.call("state", self.name)
        assert result.status == 0, result
        return json.loads(result.out)

    def refused(self, result=None):
        """Fails closed: not zero, a word of explanation, nothing of the command's, nothing left."""
        result = result or self.sh("echo RAN")
        assert result.status not in (0, 139, 134) and "RAN" not in result.out and result.err.strip(), result
        assert not self.leftovers(), (result, self.leftovers())
        return result

    def delete(self):
        return self.call("delete", "--force", self.name, timeout=10)

    # ---- the end ----
    def delete_all(self):
        self.delete()
        for process in self.live:
            process.kill()
            process.wait(10)
        self.live = []

    def leftovers(self):
        found = []
        for parent, directories, _ in os.walk(self.state):
            found += [os.path.join(parent, name) for name in directories if name == self.name]
        own = {line.split(":", 2)[1]: line.strip().split(":", 2)[2] for line in open("/proc/self/cgroup")}
        for point, controllers in hierarchies().items():
            for path in {"", *own.values()}:
                if os.path.exists(point + path + "/" + self.name):
                    found.append(f"cgroup {point}{path}/{self.name} ({','.join(controllers)})")
        return found


class Racer:
    """tests/tools/racer.c at work."""

    def __init__(self, program, arguments, **options):
        self.process = subprocess.Popen([program, *arguments], stdin=subprocess.DEVNULL, **options)
        self.mounts_on = arguments[1] if arguments[0] == "remount" else None

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        if self.mounts_on:  # killed between mounting and unmounting
            subprocess.run(["umount", "-l", self.mounts_on], stderr=subprocess.DEVNULL, check=False, timeout=10)

    def working(self):
        return self.process.poll() is None


def until(seconds, least=5):
    """Counts attempts: at least so many, then until the time is used up."""
    end, attempt = time.monotonic() + seconds, 0
    while attempt < least or time.monotonic() < end:
        yield attempt
        attempt += 1


def no_mounts_at(path):
    assert not [mount for mount in proc.mount_list() if mount.point.startswith(path)], f"mounted on {path}"
