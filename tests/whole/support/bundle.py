"""An OCI bundle, and nsrun run on it with a state root of its own and always with a time limit."""
import copy
import json
import os
import signal
import subprocess

from . import leftovers, proc
from .container import Result
from .wait import PATIENCE, wait_until

PATH = "PATH=/bin:/sbin:/usr/bin:/usr/sbin"
NAMESPACES = ("pid", "network", "ipc", "uts", "mount")
MOUNTS = [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"]},
    {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
     "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
]


def make_config(name):
    """The usual container: five namespaces, /proc and /dev, no capability more than spec gives, a group of its own."""
    return {
        "ociVersion": "1.3.0",
        "process": {"user": {"uid": 0, "gid": 0}, "args": ["/bin/sleep", "1000"], "env": [PATH], "cwd": "/",
                    "capabilities": {kind: ["CAP_KILL"] for kind in ("bounding", "effective", "permitted")}},
        "root": {"path": "rootfs"},
        "mounts": copy.deepcopy(MOUNTS),
        "linux": {"namespaces": [{"type": kind} for kind in NAMESPACES], "cgroupsPath": f"/{name}",
                  "resources": {"devices": [{"allow": False, "access": "rwm"}]}},
    }


class Running:
    """nsrun in the background; its output and the container's go to files, so that nothing blocks."""

    def __init__(self, bundle, command, stdin=subprocess.DEVNULL, **options):
        bundle.count += 1
        base = os.path.join(bundle.logs, str(bundle.count))
        self.command, self.out_path, self.err_path = command, base + ".out", base + ".err"
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            options.setdefault("stdout", out)
            options.setdefault("stderr", err)
            options.setdefault("cwd", bundle.directory)
            self.process = subprocess.Popen(command, stdin=stdin, **options)
        self.pid = self.process.pid

    def output(self):
        with open(self.out_path, "rb") as file:
            return file.read()

    def errors(self):
        with open(self.err_path, "rb") as file:
            return file.read()

    def wait(self, timeout=20):
        try:
            code = self.process.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
            raise AssertionError(f"hangs: {self.command}\n{self.output()[-500:]}\n{self.errors()[-500:]}") from None
        return Result(code if code >= 0 else 128 - code, self.output(), self.errors(), self.command)

    def wait_output(self, text, timeout=10):
        wait_until(lambda: text.encode() in self.output(), timeout, f"{text!r} on stdout of {self.command}")
        return self


class Bundle:
    """config is written to config.json before every create and run, so tests just change the dictionary."""

    def __init__(self, nsrun, directory, name):
        self.nsrun, self.directory, self.name = nsrun, directory, name
        self.rootfs = os.path.join(directory, "rootfs")
        self.state_root = os.path.join(directory, "state")
        self.logs = os.path.join(directory, "logs")
        os.makedirs(self.logs, exist_ok=True)
        self.config = make_config(name)
        self.count, self.ids = 0, set()

    # ---- configuration ----
    @property
    def process(self):
        return self.config["process"]

    @property
    def linux(self):
        return self.config["linux"]

    def script(self, text):
        self.process["args"] = ["/bin/sh", "-c", text]
        return self

    def write(self, text=None):
        with open(os.path.join(self.directory, "config.json"), "w", encoding="utf-8") as file:
            file.write(json.dumps(self.config, indent=1) if text is None else text)

    # ---- nsrun ----
    def spawn(self, *arguments, globals_=(), prefix=(), **options):
        return Running(self, [*prefix, self.nsrun, "--root", self.state_root, *globals_, *arguments], **options)

    def __call__(self, *arguments, timeout=20, **options):
        """Any command to its end."""
        return self.spawn(*arguments, **options).wait(timeout)

    def ok(self, *arguments, **options):
        result = self(*arguments, **options)
        assert result.status == 0, result
        return result

    def launch(self, command, *arguments, name=None, **options):
        self.write()
        name = name or self.name
        self.ids.add(name)
        return self.spawn(command, *arguments, name, **options)

    def create(self, *arguments, **options):
        """Must succeed; the Running holds the container's output."""
        running = self.launch("create", *arguments, **options)
        result = running.wait()
        assert result.status == 0, result
        return running

    def run(self, *arguments, timeout=20, **options):
        return self.launch("run", *arguments, **options).wait(timeout)

    def out(self, script, **options):
        """What a script prints that must succeed without a word on stderr."""
        result = self.script(script).run(**options)
        assert result.status == 0 and not result.stderr, result
        return result.out

    def start(self, *arguments, **options):
        """A container whose program runs, detached."""
        running = self.create(*arguments, **options)
        self.ok("start", options.get("name") or self.name)
        return running

    def refused(self, *words, command="create", arguments=(), status=None):
        """create fails and says each word; nothing of the container is left."""
        result = self.launch(command, *arguments).wait()
        assert result.status == (status or 1), result
        for word in words:
            assert word.lower() in result.err.lower(), f"no {word!r} in the message\n{result}"
        assert not self.containers(), result
        return result

    def state(self, name=None):
        return json.loads(self.ok("state", name or self.name).out)

    def status(self, name=None):
        return self.state(name)["status"]

    def pid(self, name=None):
        return self.state(name)["pid"]

    def wait_status(self, status, name=None, timeout=5):
        def reached():
            result = self("state", name or self.name)  # a run that has just been launched is not there yet
            return result.status == 0 and json.loads(result.out)["status"] == status

        wait_until(reached, timeout, f"status {status}")

    def delete(self, *arguments, name=None):
        return self.ok("delete", *arguments, name or self.name)

    # ---- the end ----
    def containers(self):
        """What lies in the state root; the cache of seccomp filters may stay."""
        try:
            return sorted(name for name in os.listdir(self.state_root) if not name.startswith("."))
        except FileNotFoundError:
            return []

    def cleanup(self):
        for name in self.containers():
            self("delete", "--force", name)

    def leftovers(self):
        found = [f"state {name}" for name in self.containers()]
        for path, _, files in os.walk(self.state_root):
            found += [f"temporary {os.path.join(path, name)}" for name in files if "tmp" in name.lower()]
        return found

    def groups(self):
        return sorted(path for path in leftovers.groups() if os.path.basename(path).startswith(self.name))

    def group_file(self, controller, name, v2_name=None):
        """The text of a file of the container's group; v2_name: what it is called there."""
        for point, controllers in leftovers.hierarchies().items():
            v2 = os.path.exists(os.path.join(point, "cgroup.controllers"))
            for path in self.groups():
                file = os.path.join(path, v2_name or name if v2 else name)
                if controller in controllers and path.startswith(point + "/") and os.path.exists(file):
                    with open(file, encoding="utf-8") as text:
                        return text.read().strip()
        raise AssertionError(f"no {name} of {controller} in {self.groups()}")


def kill(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def gone(pid):
    return not proc.alive(pid)
