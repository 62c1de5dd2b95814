"""Signals sent to nsinit reach the program; nsinit's death by SIGKILL leaves nothing alive and nothing behind."""
import os
import random
import signal
import time

import pytest

from support import leftovers, proc
from support.container import FIVE
from support.wait import becomes_true, wait_until

FORWARDED = ["TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "WINCH", "ALRM"]


def trap(name, status=7):
    return f"trap 'echo got {name}; exit {status}' {name}; echo ready; while :; do sleep 0.02; done"


@pytest.mark.parametrize("name", FORWARDED)
@pytest.mark.parametrize("namespaces", [FIVE, ["NEWNS"]], ids=["newpid", "no newpid"])
def test_forwarded_to_the_program(box, name, namespaces):
    box.config["namespaces"] = namespaces
    run = box.start(trap(name))
    run.signal(getattr(signal, "SIG" + name))
    result = run.wait(5)
    assert result.status == 7 and f"got {name}" in result.out, result


def test_the_caller_ignores_his_children(box):
    """It is inherited, and then the kernel would keep no status for nsinit; the command does not inherit it any more."""
    ignore = {"preexec_fn": lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)}
    first = box.start("echo ready; sleep 0.3; grep SigIgn /proc/self/status; exit 7", **ignore)
    assert box.sh("exit 8", **ignore).status == 8
    result = first.wait()
    assert result.status == 7 and int(result.out.split()[-1], 16) >> signal.SIGCHLD - 1 & 1 == 0, result


@pytest.mark.parametrize("name", FORWARDED)
def test_forwarded_to_a_joined_process(box, name):
    first = box.start()
    joined = box.start(trap(name, 8))
    joined.signal(getattr(signal, "SIG" + name))
    result = joined.wait(5)
    assert result.status == 8 and f"got {name}" in result.out, result
    assert first.running()


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "USR1"])
def test_a_signal_that_kills(box, name):
    """Default action: a joined process, and a first one without a pid namespace, die of it, and nsinit says so."""
    number = getattr(signal, "SIG" + name)
    box.config["namespaces"] = ["NEWNS"]
    run = box.start()
    run.signal(number)
    assert run.wait(5).status == 128 + number
    box.config["namespaces"] = FIVE
    box.start()
    joined = box.start("echo ready; exec sleep 999")
    joined.signal(number)
    assert joined.wait(5).status == 128 + number


def test_many_signals(box):
    """Each one arrives while the program is busy with the one before; none ends nsinit."""
    run = box.start("n=0; trap 'n=$((n+1)); echo usr1 $n' USR1; trap 'echo end; exit 0' TERM; echo ready; "
                    "while :; do sleep 0.01; done")
    for i in range(1, 21):
        run.signal(signal.SIGUSR1)
        run.wait_output(f"usr1 {i}\n", timeout=3)
    run.signal(signal.SIGTERM)
    assert run.wait(5).status == 0


def test_signal_as_early_as_possible(box):
    """Before the program has started, nsinit must end soon, one way or the other, and leave nothing."""
    for delay in [i / 2000 for i in range(16)]:
        run = box.spawn("/bin/sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.01; done")
        time.sleep(delay)
        # pid 1 without a handler ignores SIGTERM: send until it has one, as a service manager would
        wait_until(lambda: (run.running() and run.signal(signal.SIGTERM), not run.running())[1], timeout=5,
                   interval=0.02, what="the end after SIGTERM")
        assert run.wait().status in (7, 143, 125), run.wait()
        assert box.state()["status"] == "stopped"


def test_stop_and_continue_nsinit(box):
    """A stopped nsinit does not stop the container; output and status are all there afterwards."""
    run = box.start("echo ready; sleep 0.2; echo later; exit 5")
    os.kill(run.pid, signal.SIGSTOP)
    time.sleep(0.4)
    os.kill(run.pid, signal.SIGCONT)
    result = run.wait(5)
    assert result.status == 5 and result.out == "ready\nlater\n"


def nothing_alive(before):
    return not leftovers.living(before)


def full_config(box, parent, bridge):
    box.config["cgroups"] = {"parent": parent, "name": "killed", "memory": 256 << 20, "pids_limit": 100}
    box.config["networks"] = [{"type": "veth", "address": "10.87.0.2/24", "gateway": "10.87.0.1",
                               "context": {"bridge": bridge}}]
    box.config["mounts"] = [{"source": "/usr/bin", "destination": "/mnt", "writable": False}]


@pytest.fixture
def bridge():
    from support import isolation
    for command in ("link add lcbr9 type bridge", "addr add 10.87.0.1/24 dev lcbr9", "link set lcbr9 up"):
        isolation.run("ip", *command.split())
    yield "lcbr9"
    isolation.run("ip", "link", "del", "lcbr9")


def kill_and_look(box, run, snapshot, delay):
    time.sleep(delay)
    run.signal(signal.SIGKILL)
    run.process.wait(5)
    assert becomes_true(lambda: nothing_alive(snapshot.processes), timeout=1.0), (
        f"alive one second after SIGKILL at {delay * 1000:.2f} ms: "
        + ", ".join(f"{pid} {proc.command_line(pid)}" for pid in leftovers.living(snapshot.processes)))
    state = box.state()
    assert state["status"] == "stopped", state
    found = snapshot.check(patience=0.5) + box.leftovers()
    assert not found, f"left after SIGKILL at {delay * 1000:.2f} ms and `nsinit state`: {found}"
    box.live.remove(run)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("first, last, rounds", [(0, 0.003, 40), (0.003, 0.010, 40), (0.010, 0.040, 20)],
                         ids=["0-3 ms", "3-10 ms", "10-40 ms"])
def test_kill_at_random_moments(box, group_parent, bridge, first, last, rounds):
    full_config(box, group_parent, bridge)
    generator = random.Random(int(first * 1e6))
    for _ in range(rounds):
        snapshot = leftovers.Snapshot()
        run = box.spawn("/bin/sh", "-c", "sleep 995 & exec sleep 996")
        kill_and_look(box, run, snapshot, generator.uniform(first, last))


@pytest.mark.parametrize("namespaces", [FIVE, ["NEWNS"], []], ids=lambda names: "+".join(names) or "none")
@pytest.mark.parametrize("cgroups", [True, False], ids=["cgroup", "no cgroup"])
def test_kill_of_a_running_one(box, group_parent, namespaces, cgroups):
    box.config["namespaces"] = namespaces
    if cgroups:
        box.config["cgroups"] = {"parent": group_parent, "name": "killed"}
    # Without a pid namespace two are woken, the first process, to die, and who watches: in any order.
    for _ in range(1 if "NEWPID" in namespaces else 10):
        snapshot = leftovers.Snapshot()
        run = box.start("trap '' TERM HUP INT; sleep 995 | { echo ready; while :; do sleep 994; done; }")
        kill_and_look(box, run, snapshot, 0)


def test_next_exec_cleans_up_too(box, group_parent, bridge):
    full_config(box, group_parent, bridge)
    for _ in range(3):
        run = box.start()
        run.signal(signal.SIGKILL)
        run.process.wait(5)
        result = box.sh("echo $$; ip -o -4 addr show eth0 | grep -c 10.87.0.2")
        assert result.status == 0 and result.out.split() == ["1", "1"], result
        interfaces = {name for name in leftovers.interfaces() if name.startswith("veth")}
        assert not interfaces, interfaces


def test_kill_during_a_join(box):
    first = box.start()
    generator = random.Random(7)
    for _ in range(30):
        joined = box.spawn("/bin/sleep", "994")
        time.sleep(generator.uniform(0, 0.006))
        joined.signal(signal.SIGKILL)
        joined.process.wait(5)
    wait_until(lambda: "sleep 994" not in box.out("ps"), timeout=2, what="end of the joined processes")
    assert first.running()


def test_kill_while_others_are_joined(box):
    first = box.start()
    joined = box.start("echo ready; exec sleep 993")
    first.signal(signal.SIGKILL)
    first.process.wait(5)
    assert joined.wait(3).status == 137
    assert box.state()["status"] == "stopped"
