"""What happens to a container, as lines of JSON: nsinit events and nsrun events."""
import fcntl
import json
import os
import signal
import subprocess
import time

import pytest

from support import leftovers
from support.strace import strace
from support.wait import wait_until

MIB = 1 << 20


class Watch:
    """An `events` in the background."""

    def __init__(self, command, path, cwd="/"):
        self.path = path
        with open(path, "wb") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                            cwd=cwd)

    def lines(self):
        with open(self.path) as file:
            return file.read().splitlines()

    def events(self):
        return [json.loads(line) for line in self.lines()]

    def types(self):
        return [event["type"] for event in self.events() if event["type"] != "stats"]

    def wait_for(self, *types):
        wait_until(lambda: self.types() == list(types), 10, f"{types}; there is {self.lines()}")

    def end(self, status=0):
        assert self.process.wait(10) == status, self.lines()


@pytest.fixture
def watch(work):
    made = []

    def start(*command, cwd="/"):
        made.append(Watch(list(command), os.path.join(work, f"events-{len(made)}"), cwd))
        return made[-1]

    yield start
    for one in made:
        one.process.kill()
        one.process.wait(10)


@pytest.fixture
def limited(box, group_parent):
    box.config["cgroups"] = {"parent": group_parent, "name": "one", "memory": 16 * MIB, "memory_swap": 16 * MIB,
                             "pids_limit": 50}
    return box


def watching(box):
    """The watcher has made its journal."""
    wait_until(lambda: any(name.endswith(".events") for name in leftovers.records()), 5, "a journal")


# ---- nsinit ----

def test_a_whole_life(nsinit, limited, watch):
    events = watch(nsinit, "--root", limited.directory, "events")
    watching(limited)
    run = limited.start("echo ready; read x; exit 9", stdin=subprocess.PIPE)
    limited.out("true")
    limited.nsinit_run("pause")
    limited.nsinit_run("resume")
    limited.nsinit_run("update", "--pids-limit", "30")
    limited.nsinit_run("update", "--pids-limit", "x")  # fails, and is no event
    events.wait_for("start", "exec", "pause", "resume", "update")
    run.process.stdin.close()
    assert run.wait().status == 9
    events.end()
    found = events.events()
    assert events.types() == ["start", "exec", "pause", "resume", "update", "exit"]
    assert all(event["root"] == limited.directory for event in found)
    times = [event["time"] for event in found]
    assert times == sorted(times) and times[0].endswith("Z")
    assert found[-1]["data"]["status"] == 9 and found[-1]["data"]["final"]["memory"]["limit"] == 16 * MIB
    assert "signal" not in found[-1]["data"]


def once(types):
    """Without repetitions of "oom": the kernel may find memory out again while whom it killed is still ending."""
    return [kind for i, kind in enumerate(types) if kind != "oom" or "oom" not in types[:i]]


def test_out_of_memory(nsinit, limited, watch):
    run = limited.start("echo ready; read x; exec tail /dev/zero", stdin=subprocess.PIPE)
    events = watch(nsinit, "--root", limited.directory, "events")
    watching(limited)
    run.process.stdin.close()
    assert run.wait().status == 137
    events.end()
    assert once(events.types()) == ["oom", "oom_kill", "exit"]
    assert [event["data"] for event in events.events() if event["type"] == "oom_kill"] == [{"killed": 1}]
    last = events.events()[-1]["data"]
    assert last["status"] == 137 and last["signal"] == 9 and last["final"]["memory"]["events"]["oom_kill"] == 1


def test_a_child_out_of_memory(nsinit, limited, watch):
    run = limited.start("echo ready; read x; tail /dev/zero; tail /dev/zero; sleep 0.5; exit 0", stdin=subprocess.PIPE)
    events = watch(nsinit, "--root", limited.directory, "events")
    watching(limited)
    run.process.stdin.close()
    assert run.wait().status == 0
    events.end()
    killed = sum(event["data"]["killed"] for event in events.events() if event["type"] == "oom_kill")
    assert killed == 2 and events.types()[-1] == "exit" and events.types()[0] == "oom"


def test_killed_nsinit(nsinit, limited, watch):
    """Nobody cleans up: the watcher says what can be said."""
    run = limited.start()
    events = watch(nsinit, "--root", limited.directory, "events")
    watching(limited)
    run.stop()
    events.end()
    assert events.types() == ["exit"] and events.events()[0]["data"]["final"]["memory"]["limit"] == 16 * MIB
    limited.state()


def test_two_watchers(nsinit, limited, watch):
    first = watch(nsinit, "--root", limited.directory, "events")
    second = watch(nsinit, "--root", limited.directory, "events")
    watching(limited)
    time.sleep(0.3)
    assert limited.sh("exit 4").status == 4
    for events in (first, second):
        events.end()
        assert events.types()[0] == "start" and events.events()[-1]["data"]["status"] == 4


def test_one_life_after_the_other(nsinit, limited, watch):
    """The journal of one goes with it, and the watcher of the next does not wait on it."""
    for status in (1, 2, 3):
        events = watch(nsinit, "--root", limited.directory, "events")
        watching(limited)
        assert limited.sh(f"exit {status}").status == status
        events.end()
        assert events.events()[-1]["data"]["status"] == status
    assert not leftovers.records()


def test_a_watcher_that_gives_up_leaves_nothing(nsinit, box, watch):
    events = watch(nsinit, "--root", box.directory, "events")
    box.write()
    watching(box)
    events.process.send_signal(signal.SIGTERM)
    events.process.wait(5)
    wait_until(lambda: not leftovers.records(), 3, "no journal is left")


def test_nobody_watches(limited):
    """Then nobody writes."""
    limited.start()
    limited.nsinit_run("pause")
    limited.nsinit_run("resume")
    assert not [name for name in leftovers.records() if name.endswith(".events")]


@pytest.mark.parametrize("text", ["memory", "memory:some", "memory:some:1s/100ms", "disk:some:150ms/1s",
                                  "memory:most:150ms/1s", "memory:some:2s/1s", "memory:some:150ms/1s,",
                                  "memory:some:150ms/1sx"])
def test_pressure_that_is_none(limited, text):
    limited.start()
    result = limited.nsinit_run("events", "--pressure=" + text)
    assert result.status == 125 and "pressure" in result.err and "memory:some:150ms/1s" in result.err, result


def has_pressure():
    return os.path.exists("/proc/pressure/memory") and any(
        os.path.exists(os.path.join(point, "cgroup.controllers")) and "memory" in controllers
        for point, controllers in leftovers.hierarchies().items())


def test_pressure(nsinit, limited, watch):
    limited.config["cgroups"]["cpu_quota"] = 10000
    run = limited.start("echo ready; read x; i=0; while [ $i -lt 3 ]; do (while :; do :; done) & i=$((i+1)); done; wait",
                        stdin=subprocess.PIPE)
    if not has_pressure():
        result = limited.nsinit_run("events", "--pressure")
        assert result.status == 125 and "memory:some:150000us/1000000us" in result.err and "v2" in result.err, result
        return
    events = watch(nsinit, "--root", limited.directory, "events", "--pressure=cpu:some:200ms/1s")
    watching(limited)
    run.process.stdin.close()
    wait_until(lambda: "pressure" in events.types(), 30, "an event")
    assert events.events()[0]["data"]["trigger"] == "cpu:some:200000us/1000000us"


# ---- nsrun ----

def nsrun_watch(watch, bundle, *arguments, prefix=()):
    events = watch(*prefix, bundle.nsrun, "--root", bundle.state_root, "events", *arguments, bundle.name)
    wait_until(lambda: any(name.endswith(".events") for name in os.listdir(bundle.state_root)), 5, "a journal")
    return events


def test_nsrun_events(bundle, watch):
    bundle.script("sleep 1000").create()
    events = nsrun_watch(watch, bundle)
    bundle.ok("start", bundle.name)
    bundle.ok("exec", bundle.name, "/bin/true")
    bundle.ok("pause", bundle.name)
    bundle.ok("resume", bundle.name)
    bundle.ok("update", "--pids-limit", "77", bundle.name)
    events.wait_for("start", "exec", "pause", "resume", "update")
    bundle.ok("kill", bundle.name, "KILL")
    events.end()
    assert events.types()[-1] == "exit"
    assert events.lines()[2] == f'{{"type":"pause","id":"{bundle.name}"}}'
    last = events.events()[-1]["data"]
    assert last["final"]["memory"]["events"]["oom_kill"] == 0
    assert (last.get("status"), last.get("signal")) in ((137, 9), (None, None))
    bundle.delete()


def test_nsrun_events_out_of_memory(bundle, watch):
    bundle.linux["resources"]["memory"] = {"limit": 16 * MIB, "swap": 16 * MIB}
    bundle.script("tail /dev/zero; sleep 0.3; exit 5").create()
    events = nsrun_watch(watch, bundle, "--interval", "100ms")
    bundle.ok("start", bundle.name)
    events.end()
    assert once(events.types()) == ["start", "oom", "oom_kill", "exit"]
    assert f'{{"type":"oom","id":"{bundle.name}"}}' in events.lines()
    assert any(event["type"] == "stats" for event in events.events())
    bundle.delete()


def test_nsrun_events_of_run(bundle, watch):
    """run deletes the container at once: its end is told all the same."""
    bundle.script("echo ready; read x; exit 6")
    run = bundle.launch("run", stdin=subprocess.PIPE).wait_output("ready")
    events = nsrun_watch(watch, bundle)
    run.process.stdin.close()
    assert run.wait().status == 6
    events.end()
    assert events.types() == ["exit"] and events.events()[0]["data"]["status"] == 6


def test_nsrun_events_of_run_when_only_run_knows_the_status(bundle, watch, work):
    """Before Linux 6.15 a pidfd does not tell how a process ended that has been reaped: then the record, or its owner, will.
    Until then there are no statistics, which is no failure."""
    log = os.path.join(work, "strace")
    slow = strace(log, "-e", "trace=waitid", "-e", "inject=waitid:delay_exit=500000")
    old = strace(log + "-events", "-e", "trace=ioctl", "-e", "inject=ioctl:error=ENOTTY")
    for command in (["run"], ["run", "--keep"]):
        bundle.script("echo ready; read x; exit 6")
        run = bundle.launch(*command, prefix=slow, stdin=subprocess.PIPE).wait_output("ready")
        events = nsrun_watch(watch, bundle, "--interval", "20ms", prefix=old)
        run.process.stdin.close()
        assert run.wait().status == 6
        events.end()
        assert events.types() == ["exit"], events.lines()
        assert events.events()[-1]["data"].get("status") == 6, events.lines()  # before it there may have been statistics
    bundle.delete()


def test_nsrun_events_of_run_while_another_watcher_begins(bundle, watch, work):
    """It holds the lock: run's word about the end waits for it."""
    old = strace(os.path.join(work, "strace"), "-e", "trace=ioctl", "-e", "inject=ioctl:error=ENOTTY")
    bundle.script("echo ready; read x; exit 6")
    run = bundle.launch("run", stdin=subprocess.PIPE).wait_output("ready")
    events = nsrun_watch(watch, bundle, prefix=old)
    with open(os.path.join(bundle.state_root, bundle.name)) as record:
        fcntl.flock(record, fcntl.LOCK_EX)
        run.process.stdin.close()
        time.sleep(0.3)
    assert run.wait().status == 6
    events.end()
    assert events.types() == ["exit"] and events.events()[0]["data"].get("status") == 6, events.lines()


def test_state_between_the_end_and_the_word_of_its_owner(bundle, work):
    """Who asks in that moment writes down what he knows; how it ended only run knows."""
    slow = strace(os.path.join(work, "strace"), "-e", "trace=waitid", "-e", "inject=waitid:delay_exit=700000")
    bundle.script("echo ready; read x; exit 6")
    run = bundle.launch("run", "--keep", prefix=slow, stdin=subprocess.PIPE).wait_output("ready")
    pid = bundle.pid()
    run.process.stdin.close()
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 5, "its end")
    assert "exitStatus" not in bundle.state()
    assert run.wait().status == 6
    state = bundle.state()
    assert state["exitStatus"] == state["final"]["exitStatus"] == 6, state
    bundle.delete()


def test_nsrun_events_of_a_stopped_container(bundle):
    bundle.script("true").start()
    bundle.wait_status("stopped")
    result = bundle("events", bundle.name)
    assert result.status == 1 and "not running" in result.err, result
    bundle.delete()


def test_paused_before_start(bundle):
    bundle.create()
    bundle.ok("pause", bundle.name)
    assert bundle.status() == "paused"
    result = bundle("start", bundle.name)
    assert result.status == 1 and "paused" in result.err, result
    bundle.ok("resume", bundle.name)
    assert bundle.status() == "created"
    bundle.ok("start", bundle.name)
    bundle.delete("--force")


def test_a_watcher_goes_while_another_waits(nsinit, box, watch):
    """The first takes the journal along."""
    box.write()
    first = watch(nsinit, "--root", box.directory, "events")
    second = watch(nsinit, "--root", box.directory, "events")
    watching(box)
    time.sleep(0.3)
    first.process.send_signal(signal.SIGTERM)
    first.process.wait(5)
    assert box.sh("sleep 0.3; exit 8").status == 8
    second.end()
    assert second.types() == ["start", "exit"] and second.events()[1]["data"]["status"] == 8


@pytest.mark.slow
def test_the_journal_does_not_grow_for_ever(nsinit, limited, watch):
    """It is made empty when it is long, and nobody who reads at once misses anything."""
    limited.start()
    events = watch(nsinit, "--root", limited.directory, "events")
    watching(limited)
    command = [nsinit, "--root", limited.directory, "update", "--pids-limit", "40"]
    for _ in range(1400):
        subprocess.run(command, check=True, timeout=10)
    (journal,) = [name for name in leftovers.records() if name.endswith(".events")]
    assert os.path.getsize(journal) < 66 * 1024
    wait_until(lambda: len(events.lines()) == 1400, 10, "every event")
    limited.nsinit_run("kill", "KILL")
    events.end()
    assert events.types() == ["update"] * 1400 + ["exit"]
