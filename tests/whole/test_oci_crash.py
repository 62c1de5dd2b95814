"""nsrun killed after each of its first 400 system calls: `delete --force` then answers at once and nothing is left.

In the short run every 7th place (shifted per test, so that the tests do not look at the same ones); LC_STRESS=full: all.
"""
import json
import os
import shutil
import socket
import time

import pytest

from support import leftovers, proc
from support.bundle import kill
from support.wait import PATIENCE, becomes_true

FULL = os.environ.get("LC_STRESS") == "full"
STEP = 1 if FULL else 7
LAST = 400
ENDED_BEFORE, KILLED = 3, 0
PROMPT = 1.0  # seconds that delete may take
# Slow: with the sanitizers the first 400 system calls are mostly theirs.
pytestmark = [pytest.mark.timeout(600 if FULL else 60), pytest.mark.slow]


class Machine:
    """What a killed nsrun may have left, looked at after each delete."""

    def __init__(self, bundle):
        self.bundle = bundle
        self.processes, self.mounts = set(proc.descendants(os.getpid())), leftovers.mounts()

    def left(self):
        found = self.bundle.leftovers() + [f"group {path}" for path in self.bundle.groups()]
        found += [f"process {pid}: {proc.command_line(pid)}" for pid in leftovers.living(self.processes)]
        if leftovers.mounts() != self.mounts:
            found += [f"mount {entry}" for entry in set(leftovers.mounts()) ^ set(self.mounts)]
        return found

    def delete(self, place):
        # The wall clock is everybody's: on a busy machine the second is one of the processor's time.
        load = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
        start = time.monotonic()
        result = self.bundle("delete", "--force", self.bundle.name)
        elapsed = time.monotonic() - start
        assert result.status == 0 and elapsed < PROMPT * load * PATIENCE, f"killed {place}: {elapsed:.2f} s, {result}"
        becomes_true(lambda: not self.left(), timeout=2)
        assert not self.left(), f"killed {place}: left behind\n" + "\n".join(self.left())


@pytest.fixture
def machine(bundle):
    return Machine(bundle)


def everywhere(machine, kill_at, prepare, command, check=lambda place: None, first=1):
    """Kills `command` at each place, after `prepare`, until it ends before; the number of places, which is smaller on v2."""
    bundle, places = machine.bundle, 0
    for place in range(first, LAST + 1, STEP):
        prepare()
        result = bundle(*command, bundle.name, prefix=[kill_at, str(place)])
        assert result.status in (KILLED, ENDED_BEFORE), result
        text = f"at system call {place} of {command[0]}"
        check(text)
        machine.delete(text)
        if result.status == ENDED_BEFORE:
            return places
        places += 1
    return places


def status_is(bundle, allowed):
    def status():
        return bundle.status() if bundle("state", bundle.name).status == 0 else None

    def check(place):
        # Not at once: the child of a killed create dies after it, and until then holds the lock that says "creating".
        assert becomes_true(lambda: status() in allowed, timeout=1), f"killed {place}: {status()}"
    return check


def drop_cache(bundle):
    shutil.rmtree(os.path.join(bundle.state_root, ".seccomp"), ignore_errors=True)


def test_create(machine, tool):
    bundle = machine.bundle
    bundle.write()
    check = status_is(bundle, (None, "stopped", "created"))
    assert everywhere(machine, tool("kill-at"), lambda: None, ("create",), check, 1) > 100 // STEP


def test_create_of_more(machine, tool, work):
    """With all that is made beside: a seccomp filter for the cache, hooks, a user namespace."""
    bundle = machine.bundle
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["acct"], "action": "SCMP_ACT_ERRNO"}]}
    bundle.config["hooks"] = {kind: [{"path": "/bin/true"}] for kind in ("createRuntime", "createContainer", "poststop")}
    bundle.config["hooks"]["createContainer"][0]["path"] = "/usr/bin/true"
    bundle.linux["namespaces"].append({"type": "user"})
    for kind in ("uidMappings", "gidMappings"):
        bundle.linux[kind] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    os.chown(bundle.rootfs, 100000, 100000)
    bundle.write()
    assert everywhere(machine, tool("kill-at"), lambda: drop_cache(bundle), ("create",), first=2) > 100 // STEP


def test_create_while_a_hook_runs(machine, work):
    bundle = machine.bundle
    bundle.config["hooks"] = {"createRuntime": [{"path": "/bin/sh", "args": [
        "sh", "-c", f"echo > {work}/begun; exec sleep 1000"]}]}
    running = bundle.launch("create")
    assert becomes_true(lambda: os.path.exists(f"{work}/begun"))
    assert bundle.status() == "creating"
    kill(running.pid)
    running.process.wait(10)
    assert bundle.status() == "stopped"
    machine.delete("in a hook")


def test_run(machine, tool):
    """The container's process must not survive its killed run unrecorded."""
    machine.bundle.process["args"] = ["/bin/true"]
    machine.bundle.write()
    assert everywhere(machine, tool("kill-at"), lambda: None, ("run",), first=3) > 100 // STEP


def test_start(machine, tool):
    bundle = machine.bundle
    check = status_is(bundle, ("created", "running", "stopped"))
    assert everywhere(machine, tool("kill-at"), bundle.create, ("start",), check, 4) > 40 // STEP


def test_exec(machine, tool):
    bundle = machine.bundle
    kill_at, places = tool("kill-at"), 0
    for place in range(5, LAST + 1, STEP):
        bundle.start()
        result = bundle("exec", bundle.name, "/bin/true", prefix=[kill_at, str(place)])
        assert result.status in (KILLED, ENDED_BEFORE), result
        assert bundle.status() == "running", place
        assert bundle("exec", bundle.name, "/bin/true").status == 0, f"after {place} no exec any more"
        machine.delete(f"at system call {place} of exec")
        if result.status == ENDED_BEFORE:
            break
        places += 1
    assert places > 100 // STEP


@pytest.mark.parametrize("option", [(), ("--force",)], ids=["stopped", "running"])
def test_delete(machine, tool, option):
    bundle = machine.bundle

    def prepare():
        bundle.start()
        if not option:
            bundle.ok("kill", bundle.name, "KILL")
            bundle.wait_status("stopped")

    check = status_is(bundle, (None, "running", "stopped"))
    assert everywhere(machine, tool("kill-at"), prepare, ("delete", *option), check, 6) > 30 // STEP


def test_pause_is_no_trap(machine, tool):
    """Killed in the middle of pause and resume: nothing stays frozen."""
    bundle = machine.bundle
    assert everywhere(machine, tool("kill-at"), bundle.start, ("pause",), first=1) > 20 // STEP

    def paused():
        bundle.start()
        bundle.ok("pause", bundle.name)

    assert everywhere(machine, tool("kill-at"), paused, ("resume",), first=2) > 20 // STEP


def test_nothing_recorded_yet(machine):
    """The first trace: an empty file of the state."""
    bundle = machine.bundle
    bundle.ok("list")
    path = os.path.join(bundle.state_root, bundle.name)
    for content in ("", "{", "{}"):
        with open(path, "w", encoding="ascii") as file:
            file.write(content)
        assert bundle.status() == "stopped", content
        assert bundle("exec", bundle.name, "true").status == 255
        assert bundle("start", bundle.name).status == 1
        machine.delete("before the record")


def test_not_ours(machine):
    """What is no file lies in the state root by somebody else's doing: no container, and left alone."""
    bundle = machine.bundle
    bundle.ok("list")
    inside = {name: os.path.join(bundle.state_root, name) for name in ("directory", "fifo", "link", "socket")}
    os.mkdir(inside["directory"])
    os.mkfifo(inside["fifo"])
    os.symlink("/etc/passwd", inside["link"])
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(inside["socket"])
    try:
        assert json.loads(bundle.ok("list", "--format", "json").out) in ([], None)
        for name in inside:
            assert "does not exist" in bundle("state", name).err
            assert bundle("delete", name).status == 1 and bundle("delete", "--force", name).status == 0
            assert bundle("create", "--bundle", bundle.directory, name).status == 1, name
        assert all(os.path.lexists(path) for path in inside.values())
    finally:
        os.rmdir(inside.pop("directory"))
        for path in inside.values():
            os.unlink(path)
