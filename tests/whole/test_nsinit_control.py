"""nsinit ps, kill, pause, resume, update, top: what is done to a container that lives, with and without control groups."""
import json
import os
import signal
import subprocess
import termios
import time

import pytest

from support import leftovers, proc
from support.container import FIVE
from support.terminal import Terminal
from support.wait import wait_until

MIB = 1 << 20
SHAPES = {
    "groups": {"namespaces": FIVE, "cgroups": {"pids_limit": 50}},
    "no groups": {"namespaces": FIVE},
    "no pid namespace": {"namespaces": ["NEWNS", "NEWUTS", "NEWIPC"]},
}


@pytest.fixture(params=list(SHAPES))
def shape(request, box, group_parent):
    box.config.update(json.loads(json.dumps(SHAPES[request.param])))
    if "cgroups" in box.config:
        box.config["cgroups"].update(parent=group_parent, name="one")
    return box


@pytest.fixture
def limited(box, group_parent):
    box.config["cgroups"] = {"parent": group_parent, "name": "one", "memory": 64 * MIB, "pids_limit": 50}
    return box


def pids(box):
    result = box.nsinit_run("ps", "--json")
    assert result.status == 0, result
    return json.loads(result.out)


# ---- ps, kill ----

def test_ps_has_all_processes(shape):
    shape.start("sleep 1000 & sleep 1001 & echo ready; wait")
    wait_until(lambda: [proc.command_line(pid) for pid in pids(shape)].count("sleep 1001") == 1, 5, "the second program")
    found = pids(shape)
    assert len(found) == 3 and found[0] == shape.live_pid(), found
    result = shape.nsinit_run("ps")
    lines = result.out.splitlines()
    assert lines[0].split() == ["PID", "USER", "TIME", "COMMAND"], result
    assert sorted(int(line.split()[0]) for line in lines[1:]) == found, result
    assert any("root" in line and line.endswith("sleep 1001") for line in lines), result


def test_ps_without_a_container(box):
    for command in (["ps"], ["kill"], ["pause"], ["resume"], ["stats"], ["update", "--pids-limit", "5"]):
        result = box.nsinit_run(*command)
        assert result.status == 125 and "no container is running in " + box.directory in result.err, result


def test_ps_shows_no_control_characters(box):
    box.start("echo ready; exec sh -c 'sleep 1000; :' \"$(printf '\\033]0;x')\"")
    wait_until(lambda: "\033]0;x" in proc.command_line(box.live_pid()), 5, "the program")
    result = box.nsinit_run("ps")
    assert result.status == 0 and "\033" not in result.out, result


@pytest.mark.parametrize("name", ["TERM", "SIGTERM", "term", "15", None])
def test_kill_the_first(shape, name):
    run = shape.start("trap 'exit 5' TERM; sleep 1000 & echo ready; while :; do wait; done")
    result = shape.nsinit_run("kill", *([name] if name else []))
    assert result.status == 0, result
    assert run.wait().status == 5


def test_kill_all(shape):
    run = shape.start("trap '' USR1; (trap 'echo got; exit' USR1; echo ready; while :; do sleep 0.1; done) & wait; sleep 1000")
    shape.nsinit_run("kill", "--all", "USR1")
    run.wait_output("got")
    assert shape.nsinit_run("kill", "-all", "KILL").status == 0
    assert run.wait().status == 137


def test_kill_wrong(box):
    box.start()
    result = box.nsinit_run("kill", "FOO")
    assert result.status == 125 and "unknown signal FOO" in result.err, result
    result = box.nsinit_run("kill", "TERM", "extra")
    assert result.status == 125 and "takes one argument" in result.err, result


# ---- pause ----

def test_pause_stops_everybody(shape):
    """Also where the container was made without a group that can be frozen, and however fast it forks."""
    shape.start("echo ready; i=0; while :; do i=$((i+1)); sh -c : ; done")
    result = shape.nsinit_run("pause")
    assert result.status == 0 and not result.err, result
    assert shape.state()["status"] == "paused"

    def times():
        """User and system time of each."""
        found = {}
        for pid in pids(shape):
            try:
                with open(f"/proc/{pid}/stat") as file:
                    found[pid] = file.read().rpartition(")")[2].split()[11:13]
            except (FileNotFoundError, ProcessLookupError):
                pass
        return found

    before = times()
    time.sleep(0.3)
    assert times() == before, "somebody runs"
    result = shape.exec("/bin/true")
    assert result.status == 125 and "paused" in result.err and "resume" in result.err, result
    assert shape.nsinit_run("pause").status == 125
    assert shape.nsinit_run("resume").status == 0
    assert shape.state()["status"] == "running"
    wait_until(lambda: times() != before, 5, "the container goes on")
    assert shape.exec("/bin/true").status == 0
    assert shape.nsinit_run("resume").status == 125


@pytest.mark.parametrize("end", ["kill", "kill nsinit", "signal"])
def test_paused_container_can_be_ended(shape, end):
    run = shape.start()
    assert shape.nsinit_run("pause").status == 0
    started = time.monotonic()
    if end == "kill":
        assert shape.nsinit_run("kill", "KILL").status == 0
        assert run.wait().status == 137
    elif end == "signal":
        run.signal(signal.SIGTERM)  # cgroup v2 lets this end a frozen process, v1 does not
        result = shape.nsinit_run("kill", "--all", "KILL")
        assert result.status == 0 or "no container is running" in result.err, result
        run.wait()
    else:
        run.stop()
        assert shape.state()["status"] == "stopped"
    assert time.monotonic() - started < 4


# ---- update ----

def test_update(limited):
    limited.start()
    groups = {entry["path"] for entry in limited.state()["cgroups"]}

    def read(*names):
        for path in groups:
            for name in names:
                if os.path.exists(os.path.join(path, name)):
                    with open(os.path.join(path, name)) as file:
                        return file.read().strip()
        raise AssertionError(f"no {names} in {groups}")

    result = limited.nsinit_run("update", "--memory", "32M", "--pids-limit=20")
    assert result.status == 0 and not result.out + result.err, result
    assert read("memory.limit_in_bytes", "memory.max") == str(32 * MIB) and read("pids.max") == "20"
    result = limited.nsinit_run("update", "-r", "-", input=b'{"pids_limit": 30, "memory": -1}')
    assert result.status == 125 or read("pids.max") == "30", result
    result = limited.nsinit_run("update", "--pids-limit", "25", "--memory-swap", "1")
    assert result.status == 125 and "memory_swap" in result.err, result
    assert read("pids.max") in ("20", "30"), "half of an update"
    result = limited.nsinit_run("update", "--pids-limit", "0")
    assert result.status == 0 and read("pids.max") == "max", result


def group_of(box, *names):
    """The container's group that has one of these files, and the file."""
    return next((entry["path"], os.path.join(entry["path"], name)) for entry in box.state()["cgroups"] for name in names
                if os.path.exists(os.path.join(entry["path"], name)))


def text(path):
    with open(path) as file:
        return file.read().strip()


@pytest.mark.parametrize("how", ["running", "paused"])
def test_update_of_what_nobody_had_limited(box, group_parent, how):
    """A group is made for it, and everybody put in, however fast it forks; also where there was none at all."""
    box.config["namespaces"] = FIVE
    if how == "paused":
        box.config["cgroups"] = {"parent": group_parent, "name": "one"}
    box.start("echo ready; i=0; while :; do i=$((i+1)); sh -c : ; done")
    if how == "paused":
        assert box.nsinit_run("pause").status == 0
    for key, value, names in (("pids-limit", "40", ["pids.max"]), ("cpu-quota", "50000", ["cpu.cfs_quota_us", "cpu.max"]),
                              ("cpuset-cpus", "0", ["cpuset.cpus"])):
        result = box.nsinit_run("update", "--" + key, value)
        assert result.status == 0 and not result.err, result
        group, file = group_of(box, *names)
        assert text(file).split()[0] == value
        assert str(box.live_pid()) in text(group + "/cgroup.procs").split()
        assert box.state()["status"] == how
    if how == "paused":
        assert box.nsinit_run("resume").status == 0
    result = box.nsinit_run("update", "--memory", "64m")
    assert result.status == 125 and "/cgroups/memory" in result.err and "in use already" in result.err, result
    assert box.nsinit_run("update", "--cpuset-cpus", "4000").status == 125
    joined = box.exec("/bin/cat", "/proc/self/cgroup")
    own = group_of(box, "pids.max")[0]
    assert own.split("/", 5)[-1] in joined.out and box.state()["status"] == "running", joined


def test_a_group_of_somebody_elses_stays_his(box, group_parent):
    """The name is taken in the hierarchy that is wanted later: nobody is moved out of it, and it is not removed."""
    box.config["cgroups"] = {"parent": group_parent, "name": "one"}
    box.start()
    own = {os.path.dirname(os.path.dirname(entry["path"])) for entry in box.state()["cgroups"]}
    for point, controllers in leftovers.hierarchies().items():
        if not {"freezer", "pids"} & set(controllers) or point in own:
            continue
        group = f"{point}/{group_parent}/one"
        os.makedirs(group)
        with subprocess.Popen(["sleep", "1000"]) as stranger:
            try:
                with open(group + "/cgroup.procs", "w", encoding="ascii") as file:
                    file.write(str(stranger.pid))
                result = box.nsinit_run("pause") if "freezer" in controllers else box.nsinit_run("update", "--pids-limit", "9")
                assert result.status == 125 and "made by another process" in result.err, result
                assert text(group + "/cgroup.procs") == str(stranger.pid) and box.state()["status"] == "running"
            finally:
                stranger.kill()
        wait_until(lambda group=group: not text(group + "/cgroup.procs"), 5, "the stranger's end")
        os.rmdir(group)
        os.rmdir(os.path.dirname(group))


@pytest.mark.parametrize("arguments, words", [
    ([], ["which limit"]), (["--memory", "many"], ["--memory many"]), (["--frob", "1"], ["unknown option --frob"]),
    (["--cpu-shares", "1"], ["--cpu-shares: config: (/cpu_shares): expected"]),
    (["--cpu-shares", "0"], ["--cpu-shares: ", "an integer from 2 to 262144, found"]),
    (["--memory-swap", "1m"], ["--memory-swap: ", "/cgroups/memory_swap"]),
    (["--cpu-quota", "1", "--cpu-period", "2"], ["--cpu-quota: ", "\nnsinit: --cpu-period: "]), (["--cpuset-cpus", "4095"], ["--cpuset-cpus: "]), (["-r", "/nowhere"], ["/nowhere"])])
def test_update_wrong(limited, arguments, words):
    limited.start()
    result = limited.nsinit_run("update", *arguments)
    assert result.status == 125 and all(word in result.err for word in words), result


@pytest.mark.parametrize("text, words", [
    (b'{"pids_limits": 1}', ["pids_limits"]), (b'{"name": "x"}', ["/name", "cannot change"]),
    (b'[]', ["an object"]), (b'{"memory": 1', ["standard input:1"])])
def test_update_wrong_object(limited, text, words):
    limited.start()
    result = limited.nsinit_run("update", "--resources", "-", input=text)
    assert result.status == 125 and all(word in result.err for word in words), result


# ---- top ----

def test_top_is_plain_without_a_terminal(limited):
    limited.start("echo ready; while :; do :; done")
    result = limited.nsinit_run("top")
    assert result.status == 0 and "\033" not in result.out, result
    lines = result.out.splitlines()
    assert lines[0].split() == ["CONTAINER", "PIDS", "CPU%", "MEMORY", "LIMIT", "READ", "WRITTEN", "OOM"], result
    row = next(line for line in lines if limited.directory[-32:] in line)
    words = row.replace("/ ", "/").split()
    assert words[1] == "1" and "64.0M" in row and float(words[2]) > 5, result


def test_top_repeats(limited):
    limited.start()
    result = limited.nsinit_run("top", "-n", "3", "-d", "0.1")
    assert result.status == 0 and result.out.count("CONTAINER") == 3, result
    for arguments in (["-n", "0"], ["-n", "x"], ["-d", "x"], ["-d", "0"]):
        assert limited.nsinit_run("top", *arguments).status == 125


@pytest.mark.parametrize("end", ["q", "\x03", "hangup"])
def test_top_on_a_terminal(nsinit, limited, end):
    limited.start()
    with Terminal([nsinit, "top", "-d", "0.1"], cwd="/") as terminal:
        terminal.expect("\033[?1049h")
        terminal.expect("CONTAINER")
        terminal.expect("OOM\033[K")
        titles = terminal.text.decode().partition("CONTAINER")[2].partition("OOM")[0]
        assert len("CONTAINER" + titles + "OOM") == 79, titles  # of the 80 that there are
        terminal.expect("\033[J")
        if end == "hangup":
            terminal.process.send_signal(signal.SIGTERM)
        else:
            terminal.type(end)
        assert terminal.expect("\033[?1049l")
        assert terminal.process.wait(5) == 0
        assert termios.tcgetattr(terminal.slave) == terminal.before


# ---- the help ----

def test_help_names_every_command(nsinit):
    text = subprocess.run([nsinit, "--help"], capture_output=True, text=True, check=True, timeout=10).stdout
    for word in ("stats", "events", "ps", "top", "kill", "pause", "resume", "update", "--stats"):
        assert word in text


def test_pause_that_fails_changes_nothing(box, work):
    """A user without rights on control groups: refused, and the container is as it was."""
    box.config["namespaces"] = ["NEWUSER", *FIVE]
    runtime = os.path.join(work, "runtime")
    os.mkdir(runtime, 0o700)
    for path, directories, names in os.walk(work):
        for name in [".", *directories, *names]:
            os.lchown(os.path.join(path, name), 1000, 1000)
    box.rootfs_may_change = True
    environment = {**os.environ, "XDG_RUNTIME_DIR": runtime}
    options = {"user": 1000, "group": 1000, "extra_groups": [], "env": environment}
    run = box.start("trap 'echo got' USR1; echo ready; while :; do sleep 0.1; done", **options)
    result = box.nsinit_run("pause", **options)
    assert result.status == 125 and "ermission" in result.err, result
    assert len(json.loads(box.nsinit_run("ps", "--json", **options).out)) >= 1
    assert box.nsinit_run("kill", "--all", "USR1", **options).status == 0
    run.wait_output("got")
    run.signal(signal.SIGKILL)
    run.wait()
    assert box.nsinit_run("state", **options).status == 0
