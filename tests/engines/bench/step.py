"""A step: one named thing that an engine must be able to do with the runtime, made of commands and checks."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import traceback

from . import kernel

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../whole"))
from support.terminal import Terminal  # noqa: E402  pylint: disable=wrong-import-position,import-error

LIMIT = 120  # seconds of one step


class Failure(Exception):
    """A check did not hold."""


class Absent(Exception):
    """The engine, or this machine, has no such thing."""


class Result:
    """What a command left behind."""

    def __init__(self, command, status, out, err, seconds):
        self.command, self.status, self.out, self.err, self.seconds = command, status, out, err, seconds

    def __str__(self):
        text = f"$ {' '.join(self.command)}\n  status {self.status}, {self.seconds * 1000:.0f} ms"
        for name in ("out", "err"):
            value = getattr(self, name).strip()
            if value:
                text += f"\n  {name}: " + value[-1500:].replace("\n", "\n       ")
        return text


class Step:
    """Given to every step function."""

    def __init__(self, engine, name):
        self.engine, self.title, self.results, self.count = engine, name, [], 0

    def name(self):
        """A new name for a container."""
        self.count += 1
        return f"{self.title.replace('_', '-')}-{self.count}"

    # ---- commands

    def host(self, *command, status=0, stdin="", timeout=60, environment=None):
        """Any program inside the sandbox."""
        start = time.monotonic()
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              errors="replace", start_new_session=True, env=environment) as process:
            try:
                out, err = process.communicate(stdin, timeout)
            except BaseException as problem:
                os.killpg(process.pid, signal.SIGKILL)
                out, err = process.communicate()
                self.results.append(Result(command, "none: killed", out, err, time.monotonic() - start))
                if isinstance(problem, subprocess.TimeoutExpired):
                    raise Failure(f"no end within {timeout} s: {' '.join(command)}") from problem
                raise
        result = Result(command, process.returncode, out, err, time.monotonic() - start)
        self.results.append(result)
        if status is not None and result.status != status:
            raise Failure(f"exit status {result.status} instead of {status}: {' '.join(command)}")
        return result

    def run(self, *arguments, status=0, out=None, match=None, err=None, **options):
        """The engine's command: OUT is all of its output, MATCH and ERR are searched for in output and errors."""
        environment = dict(os.environ, **self.engine.environment) if self.engine.environment else None
        result = self.host(*self.engine.command(*arguments), status=status, environment=environment, **options)
        if out is not None:
            self.equal(result.out.strip(), out, f"output of {arguments[0]}")
        if match is not None:
            self.match(match, result.out, f"output of {arguments[0]}")
        if err is not None:
            self.match(err, result.err, f"errors of {arguments[0]}")
        return result

    def terminal(self, *arguments, rows=33, columns=111):
        """The engine's command on a terminal: for `with`."""
        return Terminal(self.engine.command(*arguments), "/", rows=rows, columns=columns,
                        env=dict(os.environ, TERM="xterm", **self.engine.environment))

    def shell(self, terminal, status, timeout=20):
        """Talks to the shell on the terminal: its tty, its size as we set it, and its end with STATUS."""
        terminal.expect("# ", timeout)
        terminal.type("tty\n")
        terminal.expect("/dev/pts/0", timeout)
        self.until(lambda: self._sized(terminal), "the size of the terminal inside, 33 111", timeout)
        terminal.type(f"exit {status}\n")
        self.equal(terminal.process.wait(timeout), status, "status of the command on the terminal")

    @staticmethod
    def _sized(terminal):
        terminal.type("stty size\n")
        try:
            terminal.expect("33 111", 1)
        except AssertionError:
            return False
        return True

    # ---- checks

    @staticmethod
    def equal(value, expected, what):
        if value != expected:
            raise Failure(f"{what}: {str(value)[:600]!r} instead of {expected!r}")

    @staticmethod
    def match(pattern, text, what):
        found = re.search(pattern, text, re.M | re.S)
        if not found:
            raise Failure(f"{what}: nothing like {pattern!r} in {text[-600:]!r}")
        return found

    @staticmethod
    def true(condition, what):
        if not condition:
            raise Failure(f"not so: {what}")

    @staticmethod
    def until(condition, what, timeout=10):
        """Waits until CONDITION() holds, and returns what it gave."""
        end = time.monotonic() + timeout
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > end:
                raise Failure(f"not within {timeout} s: {what}")
            time.sleep(0.05)

    @staticmethod
    def absent(reason):
        raise Absent(reason)


def alarm(*_):
    raise Failure(f"the step took longer than {LIMIT} s")


class Runner:
    """The steps of one engine, one after the other, with totals."""

    def __init__(self, engine, options):
        self.engine, self.options = engine, options
        self.counts = {"passed": 0, "failed": 0, "skipped": 0}
        self.work = options["work"]

    def trace(self, name):
        """Lets the engine call the runtime through the trace (a directory of NAME), or, without NAME, directly."""
        link, setting = self.engine.runtime, "/run/runtime/trace.json"
        if name is None:
            target = self.options["runtime"]
        else:
            directory = f"{self.work}/trace/{self.engine.name}/{name}"
            shutil.rmtree(directory, ignore_errors=True)
            os.makedirs(directory)
            with open(f"{setting}.new", "w", encoding="utf-8") as file:
                json.dump({"runtime": self.options["runtime"], "directory": directory}, file)
            os.rename(f"{setting}.new", setting)
            target = "/run/runtime/trace.py"
        os.symlink(target, f"{link}.new")
        os.rename(f"{link}.new", link)

    def calls(self, name):
        """The traced calls of a step, as lines."""
        base = f"{self.work}/trace/{self.engine.name}/{name}"
        for entry in sorted(os.listdir(base)):
            try:
                with open(f"{base}/{entry}/call.json", encoding="utf-8") as file:
                    call = json.load(file)
            except (OSError, ValueError):
                if entry != "count":
                    yield f"{entry}: did not end"
                continue
            yield f"{entry}: status {call['status']}, {call['seconds'] * 1000:.0f} ms: {short(call['arguments'])}"
            for line in call.get("log", "").strip().splitlines():
                yield f"    log: {line}"

    def attempt(self, name, function):
        """Runs the step once: (step, problem), where the problem is None, an Absent or whatever went wrong."""
        step, problem = Step(self.engine, name), None
        signal.signal(signal.SIGALRM, alarm)
        signal.alarm(LIMIT)
        try:
            function(self.engine, step)
        except Absent as reason:
            problem = reason
        except Exception as failure:  # pylint: disable=broad-except  every step must end in a line
            problem = failure
        signal.alarm(LIMIT)
        cleaner = Step(self.engine, "clean")
        try:
            self.engine.clean(cleaner)
        except Exception as failure:  # pylint: disable=broad-except
            step.results += cleaner.results
            if problem is None or isinstance(problem, Absent):
                problem = Failure(f"removing the containers: {failure}")
        finally:
            signal.alarm(0)
        return step, problem

    def explain(self, step, problem):
        """Why it failed: the last commands, what the engine's daemon logged."""
        lines = []
        if not isinstance(problem, (Failure, AssertionError)):
            lines += traceback.format_exception(problem)
        prefix = " ".join(self.engine.command()) + " "
        lines += [str(result).replace(f"$ {prefix}", f"$ {self.engine.name} ") for result in step.results[-6:]]
        lines += [f"daemon: {line}" for line in self.engine.daemon_log() if "level=info" not in line][-12:]
        return lines

    def show(self, title, lines):
        print(f"    -- {title}")
        for line in lines:
            print("    | " + line.rstrip().replace("\n", "\n    | "))

    def one(self, name, function):
        if self.options["trace"]:
            self.trace(name)
        self.engine.daemon_log()
        start = time.monotonic()
        step, problem = self.attempt(name, function)
        label = f"{self.engine.name} {name} ({time.monotonic() - start:.1f} s)"
        if problem is None:
            self.counts["passed"] += 1
            print(f"ok    {label}", flush=True)
        elif isinstance(problem, Absent):
            self.counts["skipped"] += 1
            print(f"skip  {label}: {problem}", flush=True)
        else:
            self.counts["failed"] += 1
            print(f"FAIL  {label}: {problem}")
            self.show("the last commands", self.explain(step, problem))
            if not self.options["trace"]:
                self.trace(name)
                again = self.attempt(name, function)[1]
                self.trace(None)
                self.show(f"once more, traced: {'ok' if again is None else f'FAIL: {again}'}", self.calls(name))
            else:
                self.show("calls of the runtime", self.calls(name))
            sys.stdout.flush()

    def run(self, steps):
        wanted = [(name, step) for name, step in steps if re.search(self.options["filter"], name)]
        if not wanted:
            return self.counts
        self.trace("start" if self.options["trace"] else None)
        try:
            self.engine.start()
        except Exception as problem:  # pylint: disable=broad-except
            self.counts["failed"] += 1
            print(f"FAIL  {self.engine.name} start: {problem}")
            self.show("daemon", self.engine.daemon_log()[-30:])
            return self.counts
        for name, function in wanted:
            self.one(name, function)
        self.one("nothing_left", nothing_left)
        self.engine.stop()
        return self.counts


def short(words):
    """Arguments of a call without the long names."""
    return re.sub(r"([0-9a-f]{8})[0-9a-f]{56}", r"\1", re.sub(r"/\S+/", ".../", " ".join(words)))


def nothing_left(engine, step):
    """After the last container is gone: no process, group, mount or state of one."""
    def processes():
        return [line for pid, line in kernel.processes().items()
                if pid not in (1, os.getpid()) and not re.search(engine.daemons, line)]

    def mounts():
        return [line.split()[4] for line in kernel.read("/proc/self/mountinfo").splitlines()
                if re.search(engine.mounts, line.split()[4])]

    for what, look in (("processes", processes), ("groups", engine.groups_left),
                       ("states", engine.states_left), ("mounts", mounts)):
        end = time.monotonic() + 5
        while look() and time.monotonic() < end:
            time.sleep(0.1)
        step.equal(look(), [], f"{what} that are left")
