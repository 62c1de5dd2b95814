"""Start, exit statuses, pid and start files, joining, and the end."""
import os
import re
import signal
import subprocess
import sys
import threading

import pytest

from support import leftovers, proc, rootfs
from support.container import FIVE, PATH
from support.wait import wait_until


@pytest.mark.parametrize("status", [0, 1, 2, 42, 63, 64, 100, 123, 124, 125, 126, 127, 128, 129, 137, 200, 254, 255])
def test_exit_status(box, status):
    result = box.sh(f"exit {status}")
    assert result.status == status and not result.stderr, result


@pytest.mark.parametrize("status", [0, 3, 125, 255])
def test_exit_status_of_a_join(box, status):
    box.start()
    result = box.sh(f"exit {status}")
    assert result.status == status and not result.stderr, result


@pytest.mark.parametrize("name", ["HUP", "INT", "ILL", "ABRT", "KILL", "SEGV", "PIPE", "ALRM", "TERM", "USR1",
                                  "USR2", "XCPU", "SYS"])
def test_death_by_signal(box, name):
    """Without a pid namespace, and in a joined process, every signal kills; pid 1 is immune to most of its own."""
    number = getattr(signal, "SIG" + name)
    box.config["namespaces"] = ["NEWNS"]
    assert box.sh(f"kill -{name} $$").status == 128 + number
    box.config["namespaces"] = FIVE
    box.start()
    assert box.sh(f"kill -{name} $$").status == 128 + number


def test_death_of_pid_1(box, tool):
    box.add_file("/bin/helper", open(tool("helper"), "rb").read(), 0o755)
    assert box.exec("/bin/helper", "crash").status == 139
    run = box.start()
    os.kill(box.live_pid(), signal.SIGKILL)
    assert run.wait().status == 137


@pytest.mark.parametrize("command, status, words", [
    ("/bin/missing", 127, ["/bin/missing"]), ("missing", 127, ["missing"]), ("/etc", 126, ["/etc"]),
    ("/etc/passwd", 126, ["/etc/passwd"]), ("/missing/sub", 127, ["/missing/sub"]), ("/etc/passwd/x", None, []),
    ("/bin/garbage", 126, ["/bin/garbage"]), ("./missing", 127, ["missing"])])
@pytest.mark.parametrize("live", [False, True])
def test_not_found_or_not_executable(box, command, status, words, live):
    box.add_file("/bin/garbage", b"\x7fELF garbage" * 10, 0o755)
    if live:
        box.start()
    result = box.exec(command)
    assert result.status == status if status else result.status in (126, 127), result
    assert result.err.strip() and all(word in result.err for word in words), result


def test_script_without_a_shebang(box):
    """execve says ENOEXEC; only shells run such files."""
    box.add_file("/bin/plain", "echo hello\n", 0o755)
    assert box.exec("/bin/plain").status == 126


@pytest.mark.parametrize("live", [False, True])
def test_path_of_the_container(box, live):
    """The lookup uses the container's PATH inside its root, and skips what cannot be run."""
    box.add_file("/opt/a/tool", "not executable\n", 0o644)
    os.makedirs(box.inside("/opt/b/tool"))
    box.add_file("/opt/c/tool", "#!/bin/sh\necho from c $1\n", 0o755)
    os.symlink("/opt/c/tool", box.inside("/opt/tool-link"))
    box.take_manifest()
    box.config["environment"] = ["PATH=/nowhere:/opt/a:/opt/b:/opt/c"]
    if live:
        box.spawn("/bin/sleep", "1000")
        wait_until(lambda: os.path.exists(box.path("pid")), what="the pid file")
    result = box.exec("tool", "x", env={"PATH": "/usr/bin:/bin"})
    assert result.status == 0 and result.out == "from c x\n", result
    assert box.exec("nsenter", env={"PATH": "/usr/bin:/bin"}).status == 127
    box.config["environment"] = ["PATH=/opt"]
    assert box.exec("tool-link").out == "from c\n"


def test_only_unexecutable_on_path(box):
    box.add_file("/opt/a/tool", "x\n", 0o644)
    box.config["environment"] = ["PATH=/opt/a"]
    assert box.exec("tool").status == 126


def test_arguments_arrive_exactly(box):
    arguments = ["", " ", "a b", "*", "$HOME", "\n", "ü", "-x", "--root", "--", "\\", "x" * 100000]
    result = box.exec("/bin/sh", "-c", 'for a in "$@"; do printf "%s\\0" "$a"; done', "sh", *arguments)
    assert result.out.split("\0")[:-1] == arguments, result
    assert box.exec("/bin/echo", "--version").out == "--version\n"
    assert box.exec("--", "/bin/echo", "hi").out in ("hi\n",)


# ---- pid and start ----

def test_state_files(box):
    run = box.start(preexec_fn=lambda: os.umask(0o077))
    pid = box.live_pid()
    wait_until(lambda: proc.command_line(pid) == "sleep 1000", what="the exec of the shell")
    for name, content in (("pid", str(pid)), ("start", str(proc.start_time(pid)))):
        with open(box.path(name)) as file:
            text = file.read()
        assert text.strip() == content and re.fullmatch(r"\d+\n?", text), (name, text)
        info = os.lstat(box.path(name))
        assert oct(info.st_mode) == "0o100644" and (info.st_uid, info.st_gid) == (0, 0), name
    assert sorted(os.listdir(box.directory)) == ["container.json", "pid", "start"]
    os.kill(pid, signal.SIGKILL)
    run.wait()
    assert os.listdir(box.directory) == ["container.json"]


def test_state_files_are_never_half_written(box):
    """Read as fast as possible while containers come and go."""
    wrong, stop = [], threading.Event()

    def watch():
        while not stop.is_set():
            for name in ("pid", "start"):
                try:
                    with open(box.path(name)) as file:
                        text = file.read()
                    if not re.fullmatch(r"\d+\n?", text):
                        wrong.append((name, text))
                except FileNotFoundError:
                    pass

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for _ in range(20):
            assert box.exec("/bin/true").status == 0
    finally:
        stop.set()
        watcher.join()
    assert not wrong, wrong[:5]


def test_default_root_is_the_current_directory(make_container, busybox):
    box = make_container(busybox, directory=busybox)
    box.write()
    process = subprocess.Popen([box.nsinit, "exec", "/bin/sleep", "1000"], cwd=busybox, stdin=subprocess.DEVNULL)
    wait_until(lambda: os.path.exists(busybox + "/pid"), what="pid in the current directory")
    joined = subprocess.run([box.nsinit, "exec", "/bin/cat", "/pid"], cwd=busybox, capture_output=True, timeout=10)
    assert joined.returncode == 0 and joined.stdout.strip() == b"%d" % box.live_pid(), joined
    os.kill(box.live_pid(), signal.SIGKILL)
    assert process.wait(10) == 137


@pytest.mark.parametrize("order", [["--root", "DIR", "exec"], ["-root", "DIR", "exec"], ["--root=DIR", "exec"],
                                   ["-root=DIR", "exec"], ["exec", "--root", "DIR"], ["exec", "-root", "DIR"],
                                   ["exec", "--root=DIR"]])
def test_spellings_of_root(box, order):
    box.write()
    arguments = [word.replace("DIR", box.directory) for word in order]
    result = subprocess.run([box.nsinit, *arguments, "/bin/echo", "-n", "hi"], cwd=box.rootfs, capture_output=True,
                            timeout=10, stdin=subprocess.DEVNULL)
    assert result.returncode == 0 and result.stdout == b"hi", result


def test_relative_root_and_linked_cwd(box, work):
    box.write()
    os.symlink(box.rootfs, os.path.join(work, "linked"))
    result = subprocess.run([box.nsinit, "--root", "../box", "exec", "/bin/echo", "hi"], capture_output=True,
                            cwd=os.path.join(work, "linked"), timeout=10, stdin=subprocess.DEVNULL)
    assert result.returncode == 0 and result.stdout == b"hi\n", result


def dead_pid():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(10)
    return process.pid


@pytest.mark.parametrize("pid, start", [
    (lambda: dead_pid(), "12345"), (lambda: os.getpid(), "1"), (lambda: 99999999, "1"), (lambda: "garbage", "1"),
    (lambda: "", ""), (lambda: -1, "0"), (lambda: 0, "0"), (lambda: os.getpid(), None), (lambda: 1, "0"),
    (lambda: "1 1", "1"), (lambda: str(os.getpid()) + "x", None)])
def test_stale_pid_files(box, pid, start):
    """Replaced with a warning, never joined, never fatal, never signalled."""
    rootfs.write(box.path("pid"), f"{pid()}\n")
    if start is not None:
        rootfs.write(box.path("start"), f"{start}\n")
    result = box.sh("echo $$")
    assert result.status == 0 and result.out == "1\n", result
    assert result.err.count("\n") <= 2 and "pid" in result.err, f"no warning: {result}"


def test_pid_file_is_a_link(box, canary):
    """Replaced by rename; what it points at is not written."""
    os.symlink(canary.file(), box.path("pid"))
    os.symlink(canary.file(), box.path("start"))
    before = rootfs.digest(canary.file())
    result = box.sh("echo $$; cat /proc/self/mountinfo > /dev/null")
    assert result.status in (0, 125), result
    assert rootfs.digest(canary.file()) == before
    for name in ("pid", "start"):
        if os.path.lexists(box.path(name)):
            os.unlink(box.path(name))


@pytest.mark.parametrize("round_", range(3))
def test_concurrent_first_execs(box, round_):
    """Eight at once: one starts the container, the others join it."""
    script = "echo pid $$ $(readlink /proc/self/ns/pid); until [ -e /stop ]; do sleep 0.02; done; exit 9"
    box.rootfs_may_change = True
    runs = [box.spawn("/bin/sh", "-c", script) for _ in range(8)]
    for run in runs:
        run.wait_output("pid ")
    lines = [run.output().decode().split() for run in runs]
    assert sorted(line[1] for line in lines).count("1") == 1, lines
    assert len({line[2] for line in lines}) == 1, "more than one container was started"
    rootfs.write(box.inside("/stop"), "")
    results = [run.wait() for run in runs]
    for line, result in zip(lines, results):
        assert result.status == 9 if line[1] == "1" else result.status in (9, 137), result


# ---- joining ----

def test_join_is_the_same_place(box, group_parent):
    box.config.update(hostname="koye", cgroups={"parent": group_parent, "name": "one"}, user="alice",
                      working_dir="/tmp", environment=[PATH, "A=b"], umask="0027", rlimits=[
                          {"type": "RLIMIT_NOFILE", "soft": 50, "hard": 60}])
    show = "for n in /proc/self/ns/*; do readlink $n; done; cat /proc/self/cgroup; hostname; id -u; pwd; echo $A; " \
           "umask; ulimit -n; grep -E 'Cap|Groups|NoNew' /proc/self/status; cat /proc/self/oom_score_adj"
    box.start(f"{show}; echo ready; exec sleep 1000")
    first = box.live[-1].output().decode().removesuffix("ready\n")
    assert box.out(show) == first
    assert group_parent + "/one" in first


def test_join_uses_the_configuration_of_now(box):
    box.start()
    box.config.update(environment=[PATH, "NEW=1"], user="1000:1000", working_dir="/etc")
    assert box.out("id -u; pwd; echo $NEW").split() == ["1000", "/etc", "1"]


def test_join_sees_the_processes(box):
    box.start()
    text = box.out("echo $$; ps")
    assert int(text.split()[0]) > 1 and "sleep 1000" in text


def test_end_of_pid_1_ends_joined_processes(box):
    run = box.start("echo ready; read x", stdin=subprocess.PIPE)
    joined = [box.spawn("/bin/sh", "-c", "trap '' TERM HUP INT; echo in; while :; do sleep 1; done") for _ in range(3)]
    for one in joined:
        one.wait_output("in")
    run.process.stdin.close()
    assert run.wait().status == 1
    assert [one.wait().status for one in joined] == [137] * 3


def test_end_of_a_join_does_not_end_the_container(box):
    run = box.start()
    assert box.sh("exit 4").status == 4
    assert run.running() and box.out("echo still") == "still\n"


def test_killed_joins_nsinit_takes_its_process_along(box):
    run = box.start()
    joined = box.spawn("/bin/sh", "-c", "echo in; exec sleep 998").wait_output("in")
    joined.signal(signal.SIGKILL)
    wait_until(lambda: "sleep 998" not in box.out("ps"), timeout=2, what="end of the joined process")
    assert run.running()


def test_orphans_of_a_join_end_with_the_container(box):
    run = box.start()
    assert box.sh("setsid sleep 997 & echo done").out == "done\n"
    os.kill(box.live_pid(), signal.SIGKILL)
    assert run.wait().status == 137
    assert not leftovers.running("sleep 997")


def test_two_containers_at_once(make_container, busybox):
    one, other = make_container(busybox, "one"), make_container(busybox, "other")
    one.config["hostname"], other.config["hostname"] = "one", "other"
    one.start()
    other.start()
    assert (one.out("hostname"), other.out("hostname")) == ("one\n", "other\n")
    assert one.live_pid() != other.live_pid()


def test_log(box, work):
    log = os.path.join(work, "log")
    assert box.exec("/bin/true", options=["--log", log]).status == 0
    assert os.path.getsize(log) > 0
    result = box.exec("/bin/true", options=["--log", "stderr"])
    assert result.status == 0 and result.stderr, result
    result = box.exec("/bin/true", options=["--log", "none"])
    assert result.status == 0 and not result.stderr, result
