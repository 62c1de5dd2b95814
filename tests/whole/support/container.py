"""A container directory, a root file system and nsinit run on them, always with a time limit."""
import json
import os
import signal
import subprocess

from . import proc, rootfs
from .wait import PATIENCE, wait_until

PATH = "PATH=/bin:/sbin:/usr/bin:/usr/sbin"
FIVE = ["NEWNS", "NEWUTS", "NEWIPC", "NEWPID", "NEWNET"]


class Result:
    """How a command ended."""

    def __init__(self, status, stdout, stderr, command):
        self.status, self.stdout, self.stderr, self.command = status, stdout, stderr, command

    @property
    def out(self):
        return self.stdout.decode(errors="replace")

    @property
    def err(self):
        return self.stderr.decode(errors="replace")

    def __repr__(self):
        return f"status {self.status} of {self.command}\nstdout: {self.out[:3000]}\nstderr: {self.err[:3000]}"


class Run:
    """nsinit in the background; output goes to files, so that nothing blocks."""

    def __init__(self, container, arguments, stdin=subprocess.DEVNULL, stdout=None, stderr=None, **options):
        container.runs += 1
        base = os.path.join(container.logs, str(container.runs))
        self.out_path, self.err_path = base + ".out", base + ".err"
        self.command = [container.nsinit, *arguments]
        self._reported = None
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.process = subprocess.Popen(
                self.command, stdin=stdin, stdout=out if stdout is None else stdout,
                stderr=err if stderr is None else stderr, cwd=container.rootfs, **options)
        self.pid = self.process.pid
        container.live.append(self)

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
            raise AssertionError(f"hangs: {self.command}\n{self.describe()}") from None
        return Result(code if code >= 0 else 128 - code, self.output(), self.errors(), self.command)

    def wait_output(self, text, timeout=10):
        """Waits until the program has printed text."""
        text = text.encode()

        def printed():
            if text in self.output():
                return True
            if self.process.poll() is not None and text not in self.output():
                raise AssertionError(f"ended before it printed {text!r}: {self.wait()}")
            return False

        wait_until(printed, timeout, f"{text!r} on stdout of {self.command}\n{self.describe()}")
        return self

    def signal(self, number):
        os.kill(self.pid, number)

    def stop(self):
        """Ends nsinit by force, and with it the container."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10 * PATIENCE)

    def running(self):
        return self.process.poll() is None

    def describe(self):
        lines = [f"stdout: {self.output()[-500:]}", f"stderr: {self.errors()[-500:]}"]
        for pid in [self.pid, *proc.descendants(self.pid)]:
            try:
                with open(f"/proc/{pid}/stack") as file:
                    stack = file.readline().strip()
            except OSError:
                stack = "?"
            lines.append(f"{pid} {proc.state(pid)} {proc.command_line(pid)[:80]} at {stack}")
        return "\n".join(lines)


class Container:
    """config is written to container.json before every call, so tests just change the dictionary."""

    def __init__(self, nsinit, root, directory, logs):
        self.nsinit, self.rootfs, self.directory, self.logs = nsinit, root, directory, logs
        self.watched = root  # the tree whose changes count: an overlay's upper directory, for one
        os.makedirs(directory, exist_ok=True)
        os.makedirs(logs, exist_ok=True)
        self.config = {"environment": [PATH], "namespaces": list(FIVE)}
        self.text = None  # container.json word for word, instead of config
        self.written = None
        self.runs, self.live = 0, []
        self.extra_files = set()  # names in the directory that the test itself made
        self.rootfs_may_change = False
        self.before = {}

    def take_manifest(self):
        """After a test has changed the root file system on purpose, before the container runs."""
        self.before = rootfs.manifest(self.watched)

    # ---- files ----
    def path(self, name):
        return os.path.join(self.directory, name)

    def inside(self, name):
        """The host path of a path inside the root."""
        return os.path.join(self.rootfs, name.lstrip("/"))

    def write(self):
        content = self.text if self.text is not None else json.dumps(self.config, indent=2)
        if content != self.written:  # not while another nsinit may be reading it
            rootfs.write(self.path("container.json"), content)
        self.written = content

    def add_file(self, name, content, mode=0o644):
        os.makedirs(os.path.dirname(self.inside(name)), exist_ok=True)
        rootfs.write(self.inside(name), content, mode)
        self.take_manifest()

    def live_pid(self):
        with open(self.path("pid")) as file:
            return int(file.read())

    # ---- nsinit ----
    def spawn_nsinit(self, *arguments, options=(), **popen):
        self.write()
        return Run(self, ["--root", self.directory, *options, *arguments], **popen)

    def spawn(self, *command, **popen):
        """`nsinit exec COMMAND` in the background."""
        return self.spawn_nsinit("exec", *command, **popen)

    def nsinit_run(self, *arguments, timeout=20, input=None, **popen):
        """Any nsinit command, to its end."""
        if input is not None:
            reader, writer = os.pipe()
            popen["stdin"] = reader
        run = self.spawn_nsinit(*arguments, **popen)
        if input is not None:
            os.close(reader)
            feed(writer, input, timeout)
        result = run.wait(timeout)
        self.live.remove(run)
        return result

    def exec(self, *command, **options):
        return self.nsinit_run("exec", *command, **options)

    def sh(self, script, **options):
        return self.exec("/bin/sh", "-c", script, **options)

    def out(self, script, **options):
        """stdout of a script that must succeed without a word on stderr."""
        result = self.sh(script, **options)
        assert result.status == 0 and not result.stderr, result
        return result.out

    def start(self, script="echo ready; exec sleep 1000", marker="ready", **popen):
        """A live container; returns when its program has printed the marker."""
        run = self.spawn("/bin/sh", "-c", script, **popen)
        return run.wait_output(marker)

    def refused(self, *words, command=("/bin/true",), **options):
        """nsinit itself refuses: status 125, and the message holds every word."""
        result = self.exec(*command, **options)
        assert result.status == 125, result
        for word in words:
            assert word.lower() in result.err.lower(), f"no {word!r} in the message\n{result}"
        assert_clear_message(result)
        return result

    def state(self):
        result = self.nsinit_run("state")
        assert result.status == 0, result
        return json.loads(result.out)

    # ---- the end ----
    def stop_all(self):
        for run in self.live:
            run.stop()
        self.live = []

    def leftovers(self):
        found = [f"file {self.path(name)}" for name in os.listdir(self.directory)
                 if name != "container.json" and name not in self.extra_files
                 and self.path(name) not in (self.rootfs, self.logs) and self.directory != self.rootfs]
        if self.directory == self.rootfs:
            found += [f"file {self.path(name)}" for name in ("pid", "start") if os.path.lexists(self.path(name))]
        if not self.rootfs_may_change:
            now = rootfs.manifest(self.watched)
            if self.directory == self.rootfs:
                now.pop("container.json", None)
            found += [f"rootfs {change}" for change in rootfs.changes(self.before, now)]
        return found


def assert_clear_message(result):
    lines = [line for line in result.err.splitlines() if line]
    assert lines, f"no message\n{result}"
    for word in ("Assertion", "AddressSanitizer", "runtime error", "Segmentation", "(null)"):
        assert word not in result.err, result
    return lines


def feed(descriptor, data, timeout):
    """Writes all data to a pipe from a child process, so that the test itself cannot block."""
    writer = os.fork()
    if writer == 0:
        try:
            signal.alarm(int(timeout) + 1)
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view[:65536]):]
        finally:
            os._exit(0)
    os.close(descriptor)
