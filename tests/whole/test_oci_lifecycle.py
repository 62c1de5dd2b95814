"""nsrun's life of a container: every command, every status, and what is said when something is not possible."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from support import leftovers, proc
from support.bundle import gone, kill
from support.rootfs import write
from support.strace import strace
from support.wait import PATIENCE, wait_until

RESIDENT_MAX = 200  # KiB of the process that create leaves
BAD_IDS = ["../x", ".", "..", "a/b", "x" * 256, "-x", "", ".hidden", "a b", "a\nb", "ä", "x/", "/x", "a:b", "a@b", "%s"]


def standard_output(running, text):
    wait_until(lambda: text in running.output().decode(), what=text)


# ---- statuses ----

def test_create_start_kill_delete(bundle):
    bundle.script("echo begun; exec sleep 1000")
    running = bundle.create("--pid-file", "pid")
    state = bundle.state()
    assert state["status"] == "created" and state["id"] == bundle.name and state["ociVersion"] == "1.3.0"
    assert state["bundle"] == bundle.directory and running.output() == b""
    with open(os.path.join(bundle.directory, "pid"), encoding="ascii") as file:
        assert int(file.read()) == state["pid"]
    bundle.ok("start", bundle.name)
    assert bundle.status() == "running" and bundle.pid() == state["pid"]
    standard_output(running, "begun")
    bundle.ok("kill", bundle.name, "KILL")
    bundle.wait_status("stopped")
    assert bundle.pid() == 0
    bundle.delete()
    assert bundle("state", bundle.name).status == 1 and not bundle.groups()


def test_what_create_leaves(bundle):
    """One process of ours, small, with no file of the host's at hand."""
    bundle.create()
    pid = bundle.pid()
    status = proc.status(pid)
    assert int(status["VmRSS"].split()[0]) < RESIDENT_MAX, status["VmRSS"]
    assert status["PPid"] == str(os.getpid())
    assert "memfd" in os.readlink(f"/proc/{pid}/exe")
    for number, path in proc.fds(pid).items():
        assert number < 3 or path.startswith(("socket:", "/memfd:", "anon_inode:", "pipe:")) or \
            path == os.path.join(bundle.state_root, bundle.name) or \
            os.path.samestat(os.stat(f"/proc/{pid}/fd/{number}"), os.stat(bundle.rootfs)), (number, path)
    bundle.delete()
    assert gone(pid)


def test_descriptors_of_the_program(bundle):
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    bundle.start(pass_fds=[writer])
    assert set(proc.fds(bundle.pid())) == {0, 1, 2}
    result = bundle("exec", bundle.name, "/bin/ls", "/proc/self/fd", pass_fds=[writer])
    assert result.out.split() == ["0", "1", "2", "3"], result  # 3: ls's own
    os.close(reader)
    os.close(writer)
    bundle.delete("--force")


def test_statuses_seen_from_beside(bundle):
    """Never anything but the next status, however often one looks; and never an error."""
    order = ["creating", "created", "running", "stopped"]
    seen, end = [], threading.Event()

    def look():
        while not end.is_set():
            result = bundle("state", bundle.name)
            if result.status == 0:
                seen.append(json.loads(result.out)["status"])
            else:
                seen.append("" if "does not exist" in result.err else result.err)

    bundle.config["hooks"] = {"createRuntime": [{"path": "/bin/sleep", "args": ["sleep", "0.1"]}]}
    bundle.script("sleep 0.1")
    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        bundle.start()
        bundle.wait_status("stopped")
    finally:
        end.set()
        watcher.join(20)
    bundle.delete()
    steps = [status for number, status in enumerate(seen) if status and (number == 0 or seen[number - 1] != status)]
    assert steps == [status for status in order if status in steps] and "creating" in steps, steps


def test_run_gives_the_status(bundle):
    assert bundle.script("exit 7").run().status == 7
    assert bundle.script("kill -TERM $$; sleep 1").run().status in (0, 143)
    assert bundle.script("kill -KILL -1; exit 3").run().status == 3
    bundle.process["args"] = ["/bin/cat"]
    reader, writer = os.pipe()
    os.write(writer, b"words")
    os.close(writer)
    assert bundle.run(stdin=reader).out == "words"
    os.close(reader)


def test_run_detached_and_kept(bundle):
    result = bundle.run("--detach", "--pid-file", "pid")
    assert result.status == 0 and bundle.status() == "running"
    with open(os.path.join(bundle.directory, "pid"), encoding="ascii") as file:
        assert int(file.read()) == bundle.pid()
    bundle.delete("--force")
    bundle.process["args"] = ["/bin/true"]
    assert bundle.run("--keep").status == 0 and bundle.status() == "stopped"
    bundle.delete()


# ---- refusals ----

def test_only_once(bundle):
    bundle.start()
    assert bundle("start", bundle.name).status == 1
    assert "already" in bundle("start", bundle.name).err
    assert "already exists" in bundle("create", bundle.name).err
    result = bundle("delete", bundle.name)
    assert result.status == 1 and "not stopped: running" in result.err and bundle.status() == "running"
    bundle.ok("kill", bundle.name, "9")
    bundle.wait_status("stopped")
    for command in (("start",), ("exec",), ("pause",), ("resume",)):
        result = bundle(*command, bundle.name, *(["true"] if command == ("exec",) else []))
        assert result.status in (1, 255) and result.err, result
    assert "not running" in bundle("kill", bundle.name).err
    bundle.delete()


def test_delete_of_created(bundle):
    bundle.create()
    pid = bundle.pid()
    bundle.delete()
    assert gone(pid)


@pytest.mark.parametrize("command", [["state"], ["start"], ["kill"], ["delete"], ["pause"], ["resume"], ["ps"], ["update"],
                                     ["events", "--stats"]])
def test_missing_container(bundle, command):
    result = bundle(*command, "nobody")
    assert result.status == 1 and "does not exist" in result.err, result
    if command == ["delete"]:
        assert bundle("delete", "--force", "nobody").status == 0


@pytest.mark.parametrize("name", BAD_IDS)
def test_bad_ids(bundle, name):
    bundle.write()
    bundle.ok("list")
    for command in (["create", "--", name], ["run", "--", name], ["state", "--", name], ["delete", "--force", "--", name],
                    ["exec", "--", name, "true"], ["start", "--", name]):
        result = bundle(*command)
        assert result.status != 0 and result.err, result
        assert os.listdir(bundle.state_root) == [] and sorted(os.listdir(bundle.directory)) == [
            "config.json", "logs", "rootfs", "state"], command


def test_names_at_the_edge(bundle):
    for name in ("x" * 255, "A.b_c+d-9", "0"):
        bundle.linux["cgroupsPath"] = "/" + bundle.name
        bundle.create(name=name)
        assert bundle.status(name) == "created"
        bundle.delete(name=name)


def test_unsafe_state_root(bundle, work):
    bundle.write()
    for mode in (0o777, 0o770):
        root = os.path.join(work, f"root-{mode:o}")
        os.mkdir(root)
        os.chmod(root, mode)
        result = bundle("list", globals_=["--root", root])
        assert result.status == 1 and "not safe" in result.err, result
    os.symlink(bundle.directory, os.path.join(work, "link"))
    assert bundle("list", globals_=["--root", os.path.join(work, "link")]).status == 1


# ---- programs that cannot be executed ----

def test_program_missing_at_create(bundle):
    bundle.process["args"] = ["/bin/nothing"]
    bundle.refused("/bin/nothing", "no such file")
    bundle.process["args"] = ["nothing"]
    bundle.refused("nothing", "executable file not found in $PATH")
    bundle.process["args"] = ["/etc/passwd"]
    bundle.refused("/etc/passwd", "permission denied")
    bundle.process["args"] = []
    bundle.refused("/process/args")


@pytest.mark.parametrize("change, words", [
    (os.unlink, ["no such file"]),
    (lambda path: os.chmod(path, 0o644), ["permission denied"]),
    (lambda path: write(path, "#!/bin/absent\n", 0o755), ["/bin/absent"]),
    (lambda path: write(path, "\x7fELF nonsense", 0o755), ["exec format error"]),
], ids=["removed", "mode", "interpreter", "format"])
def test_start_says_why(bundle, change, words):
    program = os.path.join(bundle.rootfs, "bin/program")
    shutil.copy(os.path.join(bundle.rootfs, "bin/busybox"), program)
    bundle.process["args"] = ["/bin/program", "sleep", "1000"]
    bundle.create()
    change(program)
    result = bundle("start", bundle.name)
    assert result.status == 1, result
    for word in ["/bin/program", *words]:
        assert word in result.err.lower(), result
    assert bundle.status() == "stopped"  # at once
    bundle.delete()


def test_exec_that_fails(bundle):
    bundle.start()
    result = bundle("exec", bundle.name, "nothing")
    assert result.status == 255 and "executable file not found in $PATH" in result.err, result
    assert bundle("exec", bundle.name, "/etc/passwd").status == 255
    assert bundle("exec", "--cwd", "/nowhere", bundle.name, "true").status == 255
    assert bundle.status() == "running"
    bundle.delete("--force")


# ---- exec ----

def test_exec(bundle):
    bundle.start()
    assert bundle("exec", bundle.name, "sh", "-c", "exit 9").status == 9
    assert bundle("exec", bundle.name, "sh", "-c", "kill -9 $$").status == 137
    script = "pwd; id -u; id -g; id -G; echo $A; grep NoNewPrivs /proc/self/status"
    result = bundle.ok("exec", "--cwd", "/tmp", "--user", "1000:100", "--additional-gids", "29", "--env", "A=b",
                       "--no-new-privs", bundle.name, "sh", "-c", script)
    assert result.out.split() == ["/tmp", "1000", "100", "100", "29", "b", "NoNewPrivs:", "1"], result
    write(os.path.join(bundle.directory, "process.json"), json.dumps(
        {"user": {"uid": 5, "gid": 6}, "cwd": "/etc", "args": ["sh", "-c", "id -u; id -g; pwd; echo $X"], "env": ["X=1",
         "PATH=/bin"]}))
    assert bundle.ok("exec", "--process", "process.json", bundle.name).out.split() == ["5", "6", "/etc", "1"]
    bundle.delete("--force")


@pytest.mark.parametrize("members, bounding, soft", [
    ({}, 1 << 5, "77"), ({"capabilities": {}, "rlimits": [{"type": "RLIMIT_CORE", "soft": 3, "hard": 3}]}, 0, "3")])
def test_exec_of_a_process_that_leaves_something_out(bundle, members, bounding, soft):
    """Capabilities and limits are the container's then, as with runc and crun; noNewPrivileges never is."""
    bundle.process.update(noNewPrivileges=True, rlimits=[{"type": "RLIMIT_CORE", "soft": 77, "hard": 77}],
                          capabilities={name: ["CAP_KILL"] for name in ("bounding", "effective", "permitted")})
    bundle.start()
    write(os.path.join(bundle.directory, "process.json"), json.dumps(
        {"cwd": "/", "args": ["/bin/cat", "/proc/self/status", "/proc/self/limits"], **members}))
    text = bundle.ok("exec", "--process", "process.json", bundle.name).out
    status = proc.status(text)
    assert [int(status[f"Cap{which}"], 16) for which in ("Bnd", "Eff", "Prm")] == [bounding] * 3
    assert status["NoNewPrivs"] == "0"
    assert next(line for line in text.splitlines() if line.startswith("Max core")).split()[4] == soft
    bundle.delete("--force")


def test_exec_detached(bundle):
    bundle.start()
    bundle.ok("exec", "--detach", "--pid-file", "pid", bundle.name, "sleep", "500")
    with open(os.path.join(bundle.directory, "pid"), encoding="ascii") as file:
        pid = int(file.read())
    assert proc.command_line(pid) == "sleep 500"
    for kind in ("mnt", "pid", "net", "ipc", "uts"):
        assert proc.namespace(pid, kind) == proc.namespace(bundle.pid(), kind)
    with open(f"/proc/{pid}/cgroup", encoding="ascii") as mine, open(f"/proc/{bundle.pid()}/cgroup",
                                                                      encoding="ascii") as first:
        assert mine.read() == first.read()
    assert pid in json.loads(bundle.ok("ps", "--format", "json", bundle.name).out)
    bundle.delete("--force")
    wait_until(lambda: gone(pid))


def test_sixteen_execs_at_once(bundle):
    bundle.start()
    runs = [bundle.spawn("exec", bundle.name, "sh", "-c", f"echo {number}; exit {number}") for number in range(16)]
    for number, run in enumerate(runs):
        result = run.wait(30)
        assert result.status == number and result.out == f"{number}\n", result
    assert len(json.loads(bundle.ok("ps", "-f", "json", bundle.name).out)) == 1
    assert [pid for pid in proc.descendants(os.getpid()) if proc.state(pid) == "Z"] == []
    bundle.delete("--force")


# ---- whose container is it ----

def blocked_on_lock(pid):
    with open("/proc/locks", encoding="ascii") as file:
        return any("->" in line and str(pid) in line.split() for line in file)


def test_the_caller_ignores_his_children(bundle):
    """It is inherited, and then the kernel would keep no status for nsrun."""
    ignore = {"preexec_fn": lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)}
    assert bundle.script("exit 7").run(**ignore).status == 7
    bundle.script("exec sleep 1000").start(**ignore)
    assert bundle("exec", bundle.name, "sh", "-c", "exit 8", **ignore).status == 8
    bundle.delete("--force")


def test_run_ends_its_own_container_only(bundle):
    """While it stood still somebody has deleted its container, and made another with the same id."""
    attended = bundle.launch("run")
    bundle.wait_status("running")
    bundle.ok("update", bundle.name)  # has had the lock: it is let go of after the container is running
    os.kill(attended.pid, signal.SIGSTOP)
    bundle.delete("--force")
    bundle.launch("run", "--detach").wait()
    pid = bundle.pid()
    os.kill(attended.pid, signal.SIGCONT)
    assert attended.wait().status == 128 + signal.SIGKILL and not attended.errors()
    assert bundle.status() == "running" and bundle.pid() == pid
    bundle.delete("--force")


def test_delete_waits_for_its_own_container_only(bundle):
    """Who waits for the lock of one that is then deleted, does not go on with the next one of that id."""
    bundle.config["hooks"] = {"poststop": [{"path": "/bin/sh", "args": ["sh", "-c", (
        f"while [ ! -e {bundle.directory}/go ]; do sleep 0.01; done")]}]}
    bundle.start()
    first = bundle.spawn("delete", "--force", bundle.name)
    bundle.wait_status("stopped")
    second = bundle.spawn("delete", "--force", bundle.name)
    wait_until(lambda: blocked_on_lock(second.pid), what="the lock")
    os.kill(second.pid, signal.SIGSTOP)
    write(f"{bundle.directory}/go", "")
    assert first.wait().status == 0
    bundle.start()
    os.kill(second.pid, signal.SIGCONT)
    assert second.wait().status == 0
    assert bundle.status() == "running"
    bundle.delete("--force")


# ---- pause, resume, update, numbers ----

def test_pause_and_resume(bundle):
    running = bundle.script("while :; do echo x; sleep 0.01; done").start()
    bundle.ok("pause", bundle.name)
    assert bundle.status() == "paused"
    length = len(running.output())
    result = bundle("exec", bundle.name, "true")
    assert result.status == 255 and "paused" in result.err, result
    assert "paused" in bundle("delete", bundle.name).err and bundle("pause", bundle.name).status == 1
    assert len(running.output()) == length
    bundle.ok("resume", bundle.name)
    assert bundle.status() == "running" and bundle("resume", bundle.name).status == 1
    wait_until(lambda: len(running.output()) > length)
    bundle.ok("pause", bundle.name)
    bundle.delete("--force")


def test_exec_waits_for_a_paused_container(bundle):
    """Outside, so that nothing stands still in there; a signal ends the wait, and so does the container's end."""
    bundle.start()
    bundle.ok("pause", bundle.name)
    for number in (signal.SIGTERM, signal.SIGINT):
        waits = bundle.spawn("exec", "--ignore-paused", bundle.name, "true",
                             preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        time.sleep(0.3)
        assert waits.process.poll() is None and len(json.loads(bundle.ok("ps", "-f", "json", bundle.name).out)) == 1
        os.kill(waits.pid, number)
        assert waits.wait().status == 128 + number
    waits = [bundle.spawn("exec", "--ignore-paused", bundle.name, "sh", "-c", "exit 7") for _ in range(3)]
    time.sleep(0.3)
    assert all(run.process.poll() is None for run in waits)
    bundle.ok("resume", bundle.name)
    assert [run.wait().status for run in waits] == [7, 7, 7]
    bundle.ok("pause", bundle.name)
    waits = bundle.spawn("exec", "--ignore-paused", bundle.name, "true")
    time.sleep(0.3)
    bundle.delete("--force")
    assert waits.wait().status == 255 and "does not exist" in waits.errors().decode(), waits.errors()


def test_exec_that_is_paused_on_its_way_in(bundle, work):
    """It has not given up when the minute for an answer is over, which here is two and a half seconds."""
    bundle.start()
    log = write(os.path.join(work, "strace"), "")
    slow = strace(log, "-e", "trace=poll,setns", "-e", "inject=setns:delay_enter=500000",
                  "-e", "inject=poll:retval=0:delay_enter=2500000:when=1")
    run = bundle.spawn("exec", bundle.name, "sh", "-c", "exit 7", prefix=slow)
    wait_until(lambda: "setns(" in open(log, encoding="utf-8").read(), what="the join")
    bundle.ok("pause", bundle.name)
    time.sleep(3)
    assert run.process.poll() is None, run.errors()
    bundle.ok("resume", bundle.name)
    assert run.wait().status == 7, run.errors()
    bundle.delete("--force")


def test_update(bundle):
    bundle.start()
    bundle.ok("update", "--pids-limit", "33", "--memory", "64M", "--cpu-share", "300", bundle.name)
    assert bundle.group_file("pids", "pids.max") == "33"
    assert bundle.group_file("memory", "memory.limit_in_bytes", "memory.max") == str(64 << 20)
    assert bundle.group_file("cpu", "cpu.shares", "cpu.weight") in ("300", "39")
    write(os.path.join(bundle.directory, "r.json"), '{"pids": {"limit": 44}}')
    bundle.ok("update", "-r", "r.json", bundle.name)
    assert bundle.group_file("pids", "pids.max") == "44"
    assert bundle.group_file("memory", "memory.limit_in_bytes", "memory.max") == str(64 << 20)
    bundle.delete("--force")


@pytest.mark.parametrize("given, words", [
    (["--cpu-share", "1"], ["failed: --cpu-share: config: (/cpu/shares): expected an integer from 2"]),
    (["--cpu-share", "1", "--pids-limit", "7", "--cpu-quota", "2"], ["failed: --cpu-share: ", "failed: --cpu-quota: "]),
    (["--cpuset-cpus", "4095"], ["failed: --cpuset-cpus: cgroup: (/linux/resources/cpu/cpus)"]),
])
def test_update_names_the_option(bundle, given, words):
    """What was given as an option is known by that name, not by its place in a file that nobody has written."""
    bundle.start()
    before = bundle.group_file("pids", "pids.max")
    result = bundle("update", *given, bundle.name)
    assert result.status == 1 and all(word in result.err for word in words) and ":1:" not in result.err, result
    assert bundle.group_file("pids", "pids.max") == before
    bundle.delete("--force")


@pytest.mark.parametrize("memory, swap", [("64M", "32M"), (None, "64M")])
def test_update_of_swap_alone(bundle, memory, swap):
    """The sum of memory and swap is never below memory, in no version: a limit that cannot be is no reason to lift one."""
    if memory:
        bundle.linux["resources"]["memory"] = {"limit": 64 << 20, "swap": 64 << 20}
    bundle.start()
    before = bundle.group_file("memory", "memory.memsw.limit_in_bytes", "memory.swap.max")
    result = bundle("update", "--memory-swap", swap, bundle.name)
    assert result.status == 1 and "--memory-swap: cgroup: (/linux/resources/memory/swap)" in result.err, result
    assert bundle.group_file("memory", "memory.memsw.limit_in_bytes", "memory.swap.max") == before
    bundle.delete("--force")


@pytest.mark.parametrize("said", [None, True, False])
def test_update_checks_what_config_json_wants_checked(bundle, said):
    bundle.linux["resources"]["memory"] = {"limit": 256 << 20, "checkBeforeUpdate": True}
    bundle.config["mounts"].append({"destination": "/mem", "type": "tmpfs", "source": "tmpfs"})
    bundle.config["process"]["args"] = ["/bin/sh", "-c", "head -c 16000000 /dev/zero >/mem/x; echo ready; sleep 1000"]
    running = bundle.start()
    wait_until(lambda: b"ready" in running.output(), 20, "ready")
    memory = {"limit": 4 << 20, **({} if said is None else {"checkBeforeUpdate": said})}
    write(os.path.join(bundle.directory, "r.json"), json.dumps({"memory": memory}))
    result = bundle("update", "--resources", "r.json", bundle.name)
    if said is not False:
        assert result.status == 1 and "bytes are in use, more than the new limit 4194304" in result.err, result
        assert bundle.status() == "running"
    else:  # it is for the kernel: v1 refuses, v2 kills
        assert "more than the new limit" not in result.err, result
    bundle.delete("--force")


def test_two_containers_of_one_group(bundle, make_bundle):
    """The first has ended and is deleted late: who has moved into its groups since lives on."""
    path = f"/lc-whole-{os.getpid()}-shared/one"
    bundle.linux["cgroupsPath"] = path
    bundle.start()
    bundle.ok("kill", bundle.name, "KILL")
    bundle.wait_status("stopped")
    other = make_bundle("other")
    other.linux["cgroupsPath"] = path
    other.start()
    result = bundle("delete", bundle.name)
    assert result.status == 0 and "none of this container's" in result.err, result
    assert other.status() == "running"
    other.delete("--force")
    for point in leftovers.hierarchies():
        for each in (point + path, os.path.dirname(point + path)):
            if os.path.isdir(each):
                os.rmdir(each)


def put(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def test_a_limit_of_a_group_that_was_there(bundle):
    """What nobody has asked to change stays."""
    path = f"/lc-whole-{os.getpid()}-admin"
    point = next(point for point, controllers in leftovers.hierarchies().items() if "memory" in controllers)
    group = point + path
    v2 = os.path.exists(point + "/cgroup.controllers")
    if v2:
        put(point + "/cgroup.subtree_control", "+memory")
    os.mkdir(group)
    names = ["memory.max", "memory.swap.max"] if v2 else ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"]
    try:
        for name in names:
            if os.path.exists(f"{group}/{name}"):
                put(f"{group}/{name}", str(100 << 20))
        bundle.linux["cgroupsPath"] = path
        bundle.start()
        for name in names:
            if os.path.exists(f"{group}/{name}"):
                assert open(f"{group}/{name}", encoding="ascii").read() == f"{100 << 20}\n", name
        bundle.delete("--force")
    finally:
        os.rmdir(group)


def test_update_of_devices_is_not_left_out_in_silence(bundle):
    """Engines give the container's own rules with every update; others are warned of."""
    bundle.start()
    for rules, words in ((bundle.linux["resources"].get("devices", []), []),
                         ([{"allow": True, "type": "b", "major": 7, "minor": 0, "access": "rwm"}], ["/devices", "cannot change"])):
        write(os.path.join(bundle.directory, "r.json"), json.dumps({"devices": rules, "pids": {"limit": 55}}))
        result = bundle.ok("update", "-r", "r.json", bundle.name)
        assert all(word in result.err for word in words) and bool(result.err) == bool(words), result
        assert bundle.group_file("pids", "pids.max") == "55"
    bundle.delete("--force")


def test_exec_into_a_group_that_is_not_there(bundle):
    bundle.start()
    result = bundle("exec", "--cgroup", "/none", bundle.name, "/bin/true")
    assert result.status == 255 and "/none/cgroup.procs: no such file" in result.err, result
    assert "container does not exist" not in result.err, result
    bundle.delete("--force")


@pytest.mark.parametrize("groups, words", [([":/sub"], "controller ''"), (["pids,:/"], "unknown controller"),
                                           (["/"] * 24, ""), (["/"] * 25, "more than 24")])
def test_exec_into_groups_that_make_no_sense(bundle, groups, words):
    """None of them is left out without a word."""
    bundle.start()
    result = bundle("exec", *[word for group in groups for word in ("--cgroup", group)], bundle.name, "/bin/true")
    assert result.status == (255 if words else 0) and words in result.err and ("--cgroup" in result.err) == bool(words), result
    bundle.delete("--force")


def test_events_list_ps(bundle):
    bundle.start()
    stats = json.loads(bundle.ok("events", "--stats", bundle.name).out)
    assert stats["type"] == "stats" and stats["id"] == bundle.name and stats["data"]["pids"]["current"] == 1
    assert stats["data"]["memory"]["usage"]["usage"] > 0
    entry, = json.loads(bundle.ok("list", "--format", "json").out)
    assert entry["id"] == bundle.name and entry["status"] == "running" and entry["owner"] == "root"
    assert re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z$", entry["created"]) and entry["rootfs"] == bundle.rootfs
    assert bundle.ok("list", "-q").out == bundle.name + "\n"
    assert "sleep 1000" in bundle.ok("ps", bundle.name).out
    events = bundle.spawn("events", "--interval", "50ms", bundle.name)
    events.wait_output('"type":"stats"')
    bundle.ok("kill", bundle.name, "KILL")
    assert events.wait(5).status == 0
    bundle.delete()


def test_kill(bundle):
    running = bundle.script("trap 'echo term; exit 0' TERM; trap 'echo usr' USR1; echo ready; while :; do sleep 0.01; done").start()
    standard_output(running, "ready")
    bundle.ok("kill", bundle.name, "SIGUSR1")
    standard_output(running, "usr")
    bundle.ok("kill", bundle.name)
    bundle.wait_status("stopped")
    assert "term" in running.output().decode()
    assert bundle("kill", bundle.name, "NONSENSE").status == 1
    bundle.delete()


def test_program_without_its_first_thread(bundle, tool):
    write(os.path.join(bundle.rootfs, "bin/helper"), open(tool("helper"), "rb").read(), 0o755)
    bundle.process["args"] = ["/bin/helper", "headless"]
    running = bundle.start()
    standard_output(running, "ready")
    wait_until(lambda: proc.state(bundle.pid()) == "Z")
    assert bundle.status() == "running"
    assert "running" in bundle("delete", bundle.name).err
    bundle.ok("kill", bundle.name, "KILL")
    bundle.wait_status("stopped")
    bundle.delete()


IDLE_REAPER = """
import ctypes, subprocess, sys, time
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
nsrun, root, name = sys.argv[1:]
def call(*arguments):
    quiet = subprocess.DEVNULL
    return subprocess.run([nsrun, "--root", root, *arguments, name], stdin=quiet, stdout=quiet).returncode
assert call("run", "--detach") == 0
assert subprocess.run([nsrun, "--root", root, "exec", "--detach", name, "sleep", "1000"], stdin=subprocess.DEVNULL).returncode == 0
start = time.monotonic()
assert call("delete", "--force") == 0
print(time.monotonic() - start)
"""


def test_delete_waits_for_nobody_to_reap(bundle):
    """The kernel keeps the first process of a pid namespace until the orphans of exec have been reaped: whoever does that has time."""
    bundle.write()
    result = subprocess.run([sys.executable, "-c", IDLE_REAPER, bundle.nsrun, bundle.state_root, bundle.name],
                            cwd=bundle.directory, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert float(result.stdout) < 1 * PATIENCE and not bundle.containers() and not bundle.groups()


def test_kill_without_pid_namespace(bundle):
    bundle.linux["namespaces"] = [entry for entry in bundle.linux["namespaces"] if entry["type"] != "pid"]
    running = bundle.script("sleep 1000 & setsid sleep 1000 & echo ready; wait").start()
    standard_output(running, "ready")
    pids = json.loads(bundle.ok("ps", "-f", "json", bundle.name).out)
    assert len(pids) >= 3
    bundle.delete("--force")
    assert all(gone(pid) for pid in pids)


# ---- terminals and descriptors ----

def take_terminal(path):
    """Listens there; the function returned gives the descriptor that arrives."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(1)
    listener.settimeout(10)

    def take():
        connection, _ = listener.accept()
        with connection:
            _, descriptors, _, _ = socket.recv_fds(connection, 4096, 1)
        listener.close()
        return descriptors[0]

    return take


def read_terminal(master, text):
    data = b""
    while text.encode() not in data:
        data += os.read(master, 4096)
    return data.decode()


def test_console_socket(bundle):
    bundle.process.update(terminal=True, consoleSize={"height": 11, "width": 33})
    bundle.script("stty size; tty; read word; echo got $word; exec sleep 1000")
    bundle.refused("console socket")
    take = take_terminal(os.path.join(bundle.directory, "console"))
    bundle.create("--console-socket", "console")
    master = take()
    bundle.ok("start", bundle.name)
    assert "11 33" in read_terminal(master, "/dev/")
    os.write(master, b"hello\n")
    read_terminal(master, "got hello")
    take = take_terminal(os.path.join(bundle.directory, "console2"))
    bundle.ok("exec", "--tty", "--detach", "--console-socket", "console2", bundle.name, "sh", "-c", "tty; sleep 100")
    other = take()
    read_terminal(other, "/dev/pts/")
    os.close(master)
    os.close(other)
    bundle.delete("--force")


@pytest.mark.parametrize("how", ["preserve", "listen"])
def test_descriptors_handed_on(bundle, how):
    reader, writer = os.pipe()
    environment = {**os.environ, "LISTEN_FDS": "1"} if how == "listen" else dict(os.environ)
    bundle.script("echo word >&3; echo ${LISTEN_FDS-none} ${LISTEN_PID-none}; ls /proc/self/fd")
    bundle.write()
    arguments = ["--preserve-fds", "1"] if how == "preserve" else []
    result = bundle.spawn("run", *arguments, bundle.name, stdin=writer, env=environment,
                          prefix=["sh", "-c", 'exec 3>&0 </dev/null; export LISTEN_PID=$$; exec "$@"', "sh"]).wait()
    os.close(writer)
    with os.fdopen(reader) as file:
        assert file.read() == "word\n", result
    words = result.out.split()
    assert words[:2] == (["1", "1"] if how == "listen" else ["none", "none"]), result
    assert words[2:6] == ["0", "1", "2", "3"], result


@pytest.mark.parametrize("command", ["run", "exec"])
def test_preserved_descriptors_that_are_not_open(bundle, command):
    """They stay closed, also where nsrun has one of its own there; the others keep their numbers."""
    look = "cat <&9; ls /proc/self/fd"
    arguments = ["--preserve-fds", "50", bundle.name]
    if command == "exec":
        bundle.start()
        arguments += ["sh", "-c", look]
    bundle.script(look).write()
    result = bundle(command, *arguments, globals_=("--debug",),
                    prefix=["sh", "-c", 'echo nine >nine; exec 9<nine; exec "$@"', "sh"])
    words = result.out.split()
    assert words[:4] == ["nine", "0", "1", "2"] and words[-1] == "9" and len(words) == 6, result
    assert "49 of the 50 descriptors" in result.err, result
    if command == "exec":
        bundle.delete("--force")


def test_lost_container(bundle):
    """Its process was killed by another: stopped at once, and deletable."""
    bundle.start()
    kill(bundle.pid())
    bundle.wait_status("stopped")
    bundle.delete()


def test_changed_configuration(bundle):
    """What is changed in config.json after create has no effect."""
    bundle.script("echo old; sleep 1000")
    running = bundle.create()
    bundle.script("echo new")
    bundle.write()
    bundle.ok("start", bundle.name)
    standard_output(running, "old")
    bundle.delete("--force")


def test_log(bundle):
    bundle.write()
    log = os.path.join(bundle.directory, "log")
    assert bundle("state", "nobody", globals_=["--log", log, "--log-format", "json"]).status == 1
    with open(log, encoding="utf-8") as lines:
        entry = json.loads(lines.readlines()[-1])
    assert entry["level"] == "error" and "does not exist" in entry["msg"]


def test_spec_runs(bundle):
    bundle.ok("spec")
    with open(os.path.join(bundle.directory, "config.json"), encoding="utf-8") as file:
        bundle.config = json.load(file)
    bundle.process.update(terminal=False, args=["/bin/hostname"])
    bundle.linux["cgroupsPath"] = "/" + bundle.name
    assert bundle.run().out == "nsrun\n"
    assert subprocess.run([bundle.nsrun, "--version"], check=True, capture_output=True, timeout=10).stdout


def test_no_process(bundle):
    """The specification wants it at start only; until then, and for exec, it is a container like any other."""
    del bundle.config["process"]
    bundle.create()
    assert bundle.status() == "created"
    result = bundle("start", bundle.name)
    assert result.status == 1 and "/process" in result.err and "no process" in result.err, result
    assert bundle.status() == "created"
    result = bundle("exec", "--cwd", "/", "--env", "PATH=/bin", bundle.name, "sh", "-c", "echo $$; pwd")
    assert result.status == 0 and result.out.split()[1] == "/", result
    bundle.ok("kill", bundle.name, "KILL")
    bundle.wait_status("stopped")
    bundle.delete()
    bundle.refused("/process", "no process", command="run")


def test_group_that_was_there_stays(bundle):
    """`delete` removes what create has made, and nothing else."""
    groups = [os.path.join(point, bundle.name) for point in leftovers.hierarchies()]
    bundle.linux["cgroupsPath"] = "/" + bundle.name
    for path in groups[:2]:
        os.mkdir(path)
    try:
        bundle.process["args"] = ["/bin/true"]
        assert bundle.run().status == 0
        assert [path for path in groups if os.path.exists(path)] == groups[:2]
    finally:
        for path in groups[:2]:
            os.rmdir(path)


def test_absolute_root(bundle):
    bundle.config["root"]["path"] = os.path.join(bundle.directory, "rootfs")
    bundle.create()
    assert bundle.state()["rootfs"] == bundle.config["root"]["path"]
    bundle.delete("--force")
