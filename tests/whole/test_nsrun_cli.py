"""nsrun's command line, on tests/fake/library.c, which writes down what it is asked. runc's is the contract."""
import json
import os
import pty
import re
import signal
import socket
import subprocess
import time

import pytest

from conftest import nsinit_path

FAKE = os.path.join(os.path.dirname(os.path.dirname(nsinit_path())), "tests/nsrun-fake")
COMMANDS = ["checkpoint", "create", "delete", "events", "exec", "features", "kill", "list", "pause", "ps", "restore",
            "resume", "run", "spec", "start", "state", "update"]
LINE = re.compile(r'^time="\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ" level=(\w+) msg="(.*)"$')
SYSTEMD, STEPS = 1, 2
PRESERVE_OPEN = 16


class Result:
    def __init__(self, process, calls):
        self.status, self.out, self.err = process.returncode, process.stdout, process.stderr
        self.calls = calls

    def call(self, function):
        found = [call for call in self.calls if call["function"] == function]
        assert len(found) == 1, self
        return found[0]

    def message(self):
        """The only line of the log, on standard error."""
        found = LINE.match(self.err.rstrip("\n"))
        assert found and found.group(1) == "error", self
        return found.group(2)

    def __repr__(self):
        return f"status {self.status}\n{self.out}\n{self.err}\n{self.calls}"


@pytest.fixture
def fake(work):
    """fake("create", "x", tty=True) runs the program; capital environment variables of the fake by keyword."""
    program = os.path.join(work, "nsrun")
    os.symlink(FAKE, program)
    log = os.path.join(work, "calls")

    def run(*arguments, text=None, environment=None, **settings):
        calls = []
        variables = {"PATH": os.environ["PATH"], "FAKE_CALLS": log, **(environment or {})}
        variables |= {"FAKE_" + name.upper(): str(value) for name, value in settings.items()}
        if os.path.exists(log):
            os.unlink(log)
        process = subprocess.run([program, *arguments], cwd=work, env=variables, input=text or "", timeout=20,
                                 capture_output=True, text=True, errors="surrogateescape")
        if os.path.exists(log):
            with open(log, encoding="utf-8") as lines:
                calls = [json.loads(line) for line in lines]
        return Result(process, calls)

    run.program, run.log, run.directory = program, log, work
    return run


# ---- usage ----

@pytest.mark.parametrize("flag", ["-h", "--help", "-help"])
@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command(fake, command, flag):
    result = fake(command, flag)
    lines = result.out.splitlines()
    assert result.status == 0 and result.err == "" and not result.calls, result
    assert lines[0] == "NAME:" and lines[1].startswith(f"   nsrun {command} - "), result
    assert fake("help", command).out == result.out


@pytest.mark.parametrize("arguments", [["-h"], ["--help"], ["help"], ["h"], []])
def test_help(fake, arguments):
    result = fake(*arguments)
    assert result.status == 0 and result.out.startswith("NAME:\n   nsrun - Open Container Initiative runtime\n"), result
    assert all(f"\n   {command} " in result.out for command in COMMANDS)


@pytest.mark.parametrize("flag", ["-v", "--version", "-version"])
def test_version(fake, flag):
    """docker takes the line with the word "version" apart, and the one that begins "commit:"."""
    result = fake(flag)
    assert result.status == 0
    assert re.fullmatch(r"nsrun version \d+\.\d+\.\d+\ncommit: \S+\nspec: 1\.3\.0\n", result.out), result
    assert result.out.count("version") == 1


def test_unknown_command(fake):
    for arguments in (["foo"], ["foo", "-h"], ["help", "foo"]):
        result = fake(*arguments)
        assert result.status == 3 and result.message() == "No help topic for 'foo'", result


@pytest.mark.parametrize("command", COMMANDS)
def test_unknown_flag(fake, command):
    result = fake(command, "--bogus", "x")
    assert result.status == 1 and result.message() == "flag provided but not defined: -bogus", result
    assert f"nsrun {command} - " in result.out and not result.calls


def test_unknown_global_flag(fake):
    result = fake("--bogus", "list")
    assert result.status == 1 and result.message() == "flag provided but not defined: -bogus", result


@pytest.mark.parametrize("arguments, text", [
    (["create"], r'nsrun: \"create\" requires exactly 1 argument(s)'),
    (["run", "a", "b"], r'nsrun: \"run\" requires exactly 1 argument(s)'),
    (["start"], r'nsrun: \"start\" requires exactly 1 argument(s)'),
    (["kill"], r'nsrun: \"kill\" requires a minimum of 1 argument(s)'),
    (["kill", "a", "9", "c"], r'nsrun: \"kill\" requires a maximum of 2 argument(s)'),
    (["exec"], r'nsrun: \"exec\" requires a minimum of 1 argument(s)'),
    (["ps"], r'nsrun: \"ps\" requires a minimum of 1 argument(s)'),
    (["spec", "x"], r'nsrun: \"spec\" requires exactly 0 argument(s)'),
])
def test_number_of_arguments(fake, arguments, text):
    result = fake(*arguments)
    assert result.status == 1 and result.message() == text and not result.calls, result


@pytest.mark.parametrize("arguments, text", [
    (["create", "--preserve-fds", "x", "a"], r'invalid value \"x\" for flag -preserve-fds: parse error'),
    (["create", "a", "--preserve-fds"], "flag needs an argument: -preserve-fds"),
    (["delete", "--force=maybe", "a"], r'invalid boolean value \"maybe\" for -force: parse error'),
])
def test_bad_values(fake, arguments, text):
    result = fake(*arguments)
    assert result.status == 1 and result.message() == text, result


# ---- the log ----

def test_log_file(fake):
    path = os.path.join(fake.directory, "log")
    result = fake("--log", path, "kill", "a", "FOO")
    assert result.status == 1 and result.err == 'nsrun kill failed: unknown signal "FOO"\n', result
    with open(path, encoding="utf-8") as log:
        assert LINE.match(log.read()).group(2) == r'nsrun kill failed: unknown signal \"FOO\"'


def test_log_json_is_appended_and_made(fake):
    path = os.path.join(fake.directory, "log")
    assert fake("--log=" + path, "--log-format=json", "start", "a").status == 0
    assert os.stat(path).st_size == 0 and os.stat(path).st_mode & 0o777 == 0o644
    for name in ("F\nO", "B\\A\x01R\u00e9", b"\xff".decode("utf-8", "surrogateescape")):
        assert fake("--log", path, "--log-format", "json", "kill", "a", name).status == 1
    with open(path, encoding="utf-8") as log:
        lines = [json.loads(line) for line in log]
    assert [line["level"] for line in lines] == ["error"] * 3
    assert [line["msg"] for line in lines] == [f'nsrun kill failed: unknown signal "{name}"' for name in
                                               ("F\nO", "B\\A\x01R\u00e9", "\ufffd")]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", lines[0]["time"])


def test_log_format(fake):
    result = fake("--log-format", "xml", "list")
    assert result.status == 1 and result.message() == "invalid log-format: xml" and not result.calls
    assert json.loads(fake("--log-format", "json", "kill", "a", "FOO").err)["level"] == "error"


def test_debug_and_warnings(fake):
    result = fake("--debug", "start", "a", warn=1)
    levels = [LINE.match(line).groups() for line in result.err.splitlines()]
    assert result.status == 0 and levels == [("debug", "a step"), ("warning", r'a \"warning\"')], result
    assert result.call("lc_runtime_open")["flags"] == STEPS


@pytest.mark.parametrize("arguments, levels, steps", [
    ([], ["warning", "error"], False), (["--log-level", "error"], ["error"], False),
    (["--log-level=warning"], ["warning", "error"], False), (["--log-level=debug"], ["debug", "warning", "error"], True),
    (["--debug", "--log-level=error"], ["error"], False)])
def test_log_level(fake, arguments, levels, steps):
    result = fake(*arguments, "start", "a", warn=1, fail=fail("lc_container_start", 22))
    assert [LINE.match(line).group(1) for line in result.err.splitlines()] == levels, result
    assert result.call("lc_runtime_open")["flags"] == STEPS * steps


def test_bad_log_level(fake):
    result = fake("--log-level", "loud", "list")
    assert result.status == 1 and "invalid log-level: loud" in result.message() and not result.calls, result


def test_log_as_crun_names_files(fake):
    assert fake("--log=file:" + os.path.join(fake.directory, "log"), "kill", "a", "FOO").status == 1
    with open(os.path.join(fake.directory, "log"), encoding="utf-8") as log:
        assert LINE.match(log.read()).group(1) == "error"


@pytest.mark.parametrize("where, name, begin", [("journald:web", "journal", "<11>web: "), ("syslog:", "log", "<11>nsrun: ")])
def test_log_of_the_system(fake, where, name, begin):
    """On sockets where those of the journal and of syslog are."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(os.path.join(fake.directory, name))
        server.settimeout(10)
        script = ('mount -t tmpfs t /run && mkdir -p /run/systemd/journal && ln -s "$1/journal" /run/systemd/journal/dev-log && '
                  'mount -t tmpfs t /dev && ln -s "$1/log" /dev/log && exec "$2" --log="$3" --log-format=json kill a FOO')
        result = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", fake.directory, fake.program, where],
                                capture_output=True, text=True, timeout=20)
        said = 'nsrun kill failed: unknown signal "FOO"'
        assert result.returncode == 1 and result.stderr == said + "\n", result
        assert server.recv(1000).decode() == begin + said


@pytest.mark.parametrize("where", ["journald:web", "syslog:web"])
def test_log_of_a_system_without(fake, where):
    result = subprocess.run(["unshare", "-m", "sh", "-c", 'mount -t tmpfs t /run && mount -t tmpfs t /dev && exec "$@"', "sh",
                             fake.program, "--log", where, "list"], cwd=fake.directory, capture_output=True, text=True)
    assert result.returncode == 1 and re.search("connect /.*log: No such file", result.stderr), result
    assert not os.path.exists(os.path.join(fake.directory, where))


def test_log_that_cannot_be_opened(fake):
    result = fake("--log", "/nonexistent/log", "list")
    assert result.status == 1 and "open /nonexistent/log: " in result.message() and not result.calls


def test_global_options(fake):
    result = fake("-root", "/r", "--systemd-cgroup", "--rootless=true", "--criu", "x", "start", "a")
    assert result.status == 0
    assert result.call("lc_runtime_open") | {"root": "/r", "flags": SYSTEMD} == result.call("lc_runtime_open")


@pytest.mark.parametrize("word, good", [("true", True), ("0", True), ("Auto", True), ("", True), ("maybe", False)])
def test_rootless_is_true_false_or_auto(fake, word, good):
    result = fake("--rootless=" + word, "start", "a")
    assert (result.status == 0) == good and ('--rootless' in result.err) != good and bool(result.calls) == good, result


# ---- failures ----

def fail(function, errnum, status=125, thing="x", text="what the library says"):
    return f"{function} {errnum} {status} {thing} {text}"


@pytest.mark.parametrize("thing, errnum, status, words", [
    ("sh", 2, 127, r'exec: \"sh\": executable file not found in $PATH: '),
    ("/bin/sh", 2, 127, r'exec: \"/bin/sh\": stat /bin/sh: no such file or directory: '),
    ("sh", 13, 126, r'exec: \"sh\": permission denied: '),
    ("/dir", 21, 126, r'exec: \"/dir\": is a directory: permission denied: '),
    ("/text", 8, 126, r'exec: \"/text\": exec format error: '),
])
def test_words_of_a_command_that_does_not_start(fake, thing, errnum, status, words):
    for function, command, ends in (("create", ["create", "a"], 1), ("start", ["start", "a"], 1),
                                    ("run", ["run", "a"], 1), ("exec", ["exec", "a", "b"], 255)):
        result = fake(*command, fail=fail("lc_container_" + function, errnum, status, thing))
        assert result.status == ends, result
        assert result.message() == f"nsrun {function} failed: {words}what the library says"


@pytest.mark.parametrize("command", ["create", "start", "kill", "delete", "pause", "resume", "state", "ps", "update", "exec"])
@pytest.mark.parametrize("errnum", [2, 3, 16, 17, 22])
def test_what_failed_is_said_by_the_library_alone(fake, command, errnum):
    """An error number does not tell: ENOENT may be a group that is missing, EEXIST an interface of that name."""
    function = {"ps": "processes"}.get(command, command)
    more = ["sh"] if command == "exec" else []
    result = fake(command, "a", *more, fail=fail("lc_container_" + function, errnum))
    assert result.status == (255 if command == "exec" else 1), result
    assert result.message() == f"nsrun {command} failed: what the library says"


def test_every_mistake_of_a_file_has_a_line(fake):
    result = fake("create", "a", fail=fail("lc_runtime_load_bundle", 22, text="one|two"))
    messages = [LINE.match(line).group(2) for line in result.err.splitlines()]
    assert result.status == 1 and messages == ["nsrun create failed: one", "nsrun create failed: two"], result


@pytest.mark.parametrize("command", ["checkpoint", "restore"])
def test_not_built_in(fake, command):
    result = fake(command, "--image-path", "/i", "--work-path=/w", "a")
    assert result.status == 1 and result.message() == f"nsrun {command} failed: not built in" and not result.calls
    newer = fake("checkpoint", "--tcp-skip-in-flight", "--link-remap", "--network-lock", "skip", "a")
    assert newer.message() == "nsrun checkpoint failed: not built in"
    assert fake("restore", "--tcp-close", "a").message() == "nsrun restore failed: not built in"


# ---- create, run ----

@pytest.mark.parametrize("arguments", [
    ["--bundle", "/b", "--pid-file", "p", "a"], ["-bundle=/b", "-pid-file=p", "a"],
    ["-b", "/b", "a", "--pid-file", "p"],
    ["a", "--bundle=/b", "--pid-file=p"], ["-b=/b", "--pid-file", "p", "--", "a"],
])
def test_create(fake, arguments):
    result = fake("create", *arguments)
    create = result.call("lc_container_create")
    assert result.status == 0 and result.out == result.err == "", result
    assert result.call("lc_runtime_load_bundle")["bundle"] == "/b"
    assert (create["id"], create["pid_file"], create["stdio"], create["flags"]) == ("a", "p", [0, 1, 2], PRESERVE_OPEN)


def test_create_options(fake):
    create = fake("create", "--no-pivot", "--no-new-keyring", "--preserve-fds=2", "--pidfd-socket", "s",
                  "--no-subreaper", "a", environment={"LISTEN_FDS": "3", "NOTIFY_SOCKET": "/n"}).call("lc_container_create")
    assert (create["flags"], create["preserve_fds"], create["listen_fds"]) == (PRESERVE_OPEN | 3, 2, 3)
    assert (create["pidfd_socket"], create["notify_socket"], create["pid_file"]) == ("s", "/n", None)


def test_another_config(fake, tmp_path):
    (tmp_path / "other.json").write_text("{}")
    parsed = fake("create", "-b", str(tmp_path), "--config", "other.json", "a").call("lc_config_parse_oci")
    assert (parsed["text"], parsed["name"], parsed["bundle"]) == ("{}", "other.json", str(tmp_path)), parsed
    result = fake("run", "--config", str(tmp_path / "none.json"), "a")
    assert result.status == 1 and "none.json: No such file or directory" in result.message(), result


@pytest.mark.parametrize("manager, status", [("cgroupfs", 0), ("systemd", 0), ("disabled", 1), ("x", 1)])
def test_cgroup_manager(fake, manager, status):
    result = fake("--cgroup-manager", manager, "create", "a")
    assert result.status == status and ("--cgroup-manager" in result.err) == bool(status), result
    opened = [call for call in result.calls if call["function"] == "lc_runtime_open"]
    assert [bool(call["flags"] & 1) for call in opened] == [manager == "systemd"] * (not status), result


@pytest.mark.parametrize("arguments, function", [
    (["delete", "-f", "--regex"], "lc_container_delete"), (["kill", "-r"], "lc_container_kill"),
])
def test_regex(fake, arguments, function):
    found = json.loads(fake("list", "--format", "json").out)[0]["id"]
    assert fake(*arguments, "^" + found[0]).call(function)["id"] == found
    result = fake(*arguments, "^no-such$")
    assert result.status == 0 and function not in names(result), result
    result = fake(*arguments, "(")
    assert result.status == 1 and "no regular expression" in result.message(), result


@pytest.mark.parametrize("variables, expected", [
    ({"LISTEN_FDS": "2", "LISTEN_PID": "1"}, 0), ({"LISTEN_FDS": ""}, 0), ({"LISTEN_FDS": "x"}, 0), ({}, 0),
])
def test_listen_fds_of_somebody_else(fake, variables, expected):
    create = fake("create", "a", environment=variables).call("lc_container_create")
    assert create["listen_fds"] == expected and create["notify_socket"] is None


@pytest.mark.parametrize("tty, arguments, text", [
    (True, ["create", "a"], "cannot allocate tty if nsrun will detach without setting console socket: use --console-socket"),
    (True, ["run", "-d", "a"], "cannot allocate tty if nsrun will detach without setting console socket: use --console-socket"),
    (False, ["create", "--console-socket", "s", "a"],
     "cannot use console socket if nsrun will not detach or allocate tty"),
    (True, ["run", "--console-socket", "s", "a"], "cannot use console socket if nsrun will not detach or allocate tty"),
    (False, ["run", "-d", "--console-socket", "s", "a"],
     "cannot use console socket if nsrun will not detach or allocate tty"),
])
def test_console_socket_and_terminal(fake, tty, arguments, text):
    result = fake(*arguments, **({"tty": 1} if tty else {}))
    assert result.status == 1 and result.message() == f"nsrun {arguments[0]} failed: {text}", result
    assert not [call for call in result.calls if call["function"].startswith("lc_container")]


def test_exec_console_socket(fake):
    result = fake("exec", "-d", "-t", "a", "sh")
    assert result.status == 255 and "cannot allocate tty if nsrun will detach" in result.message(), result
    result = fake("exec", "--console-socket", "s", "a", "sh")
    assert result.status == 255 and "cannot use console socket" in result.message(), result
    assert fake("exec", "-d", "-t", "--console-socket", "s", "a", "sh").status == 0


def names(result):
    return [call["function"] for call in result.calls]


def test_run(fake):
    result = fake("run", "a", run="cat; exit 7", text="passed on")
    assert (result.status, result.out, result.err) == (7, "passed on", ""), result
    assert names(result) == ["lc_runtime_open", "lc_runtime_load_bundle", "lc_container_run", "lc_process_wait",
                             "lc_process_delete"]


def test_run_keep(fake):
    result = fake("run", "--keep", "a", run="kill -TERM $$")
    assert result.status == 128 + signal.SIGTERM and "lc_process_delete" not in names(result), result


def test_run_detached(fake):
    result = fake("run", "--detach", "a")
    assert result.status == 0 and names(result)[-2:] == ["lc_container_create", "lc_container_start"], result
    result = fake("run", "-d", "a", fail=fail("lc_container_start", 2, 127))
    assert result.status == 1 and names(result)[-1] == "lc_container_delete", result
    assert result.call("lc_container_delete")["flags"] == 0


def test_run_with_a_terminal(fake):
    """What was printed reaches a pipe unchanged, to the last byte."""
    result = fake("run", "a", tty=1, run="seq 20000; exit 3")
    assert result.status == 3 and result.out == "".join(f"{i}\n" for i in range(1, 20001)), result.out[:100]


def test_signals_are_forwarded(fake):
    environment = {"PATH": os.environ["PATH"], "FAKE_CALLS": fake.log,
                   "FAKE_RUN": "trap 'echo got it; exit 5' HUP; echo ready; while :; do sleep 0.05; done"}
    # Under nohup a shell could not trap it.
    with subprocess.Popen([fake.program, "run", "a"], cwd=fake.directory, env=environment, stdout=subprocess.PIPE,
                          preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL)) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGHUP)
        assert process.stdout.read() == b"got it\n" and process.wait(10) == 5


def test_terminal_of_the_caller_is_restored(fake):
    master, slave = pty.openpty()
    before = subprocess.run(["stty", "-a"], stdin=slave, capture_output=True, check=True).stdout
    environment = {"PATH": os.environ["PATH"], "FAKE_RUN": "stty size; read line; echo \"<$line>\"", "FAKE_TTY": "1"}
    with subprocess.Popen([fake.program, "run", "a"], cwd=fake.directory, env=environment, stdin=slave,
                          stdout=slave) as process:
        time.sleep(0.3)
        os.write(master, b"typed\r")
        assert process.wait(10) == 0
    shown = os.read(master, 4096)
    assert b"<typed>\r\n" in shown and b"\r\r" not in shown
    assert subprocess.run(["stty", "-a"], stdin=slave, capture_output=True, check=True).stdout == before
    os.close(master)
    os.close(slave)


# ---- exec ----

def test_exec(fake):
    result = fake("exec", "-u", "1:2", "--env", "A=B", "-e=C=D", "--cwd", "/w", "-c", "CAP_KILL", "--cap=CAP_CHOWN",
                  "-g", "5", "--additional-gids", "6", "--no-new-privs", "--ignore-paused", "--apparmor", "p",
                  "--process-label", "l", "--cgroup", "memory:x", "--cgroup", "cpu:y", "--preserve-fds", "1", "--pid-file", "f", "a",
                  "cmd", "-x", "--env", "E=F", "--", "-h", run="exit 9")
    call = result.call("lc_container_exec")
    expected = {"id": "a", "argv": ["cmd", "-x", "--env", "E=F", "--", "-h"], "user": "1:2", "env": ["A=B", "C=D"],
                "cwd": "/w", "capabilities": ["CAP_KILL", "CAP_CHOWN"], "additional_gids": [5, 6], "flags": PRESERVE_OPEN | 5,
                "apparmor": "p", "process_label": "l", "cgroup": "memory:x\ncpu:y", "preserve_fds": 1, "pid_file": "f",
                "process": None, "waited_for": True}
    assert result.status == 9 and call | expected == call, result


def test_exec_detached(fake):
    result = fake("exec", "--detach", "a", "cmd")
    assert result.status == 0 and not result.call("lc_container_exec")["waited_for"], result
    assert names(result)[-1] == "lc_container_exec"


def test_exec_without_a_command(fake):
    result = fake("exec", "a")
    assert result.status == 255 and result.message() == "nsrun exec failed: process args cannot be empty", result


def test_exec_process(fake):
    with open(os.path.join(fake.directory, "p.json"), "w", encoding="utf-8") as out:
        out.write('{"terminal": true, "args": ["x"], "cwd": "/"}')
    result = fake("exec", "-d", "--console-socket", "s", "-p", "p.json", "a")
    call = result.call("lc_container_exec")
    assert result.status == 0 and json.loads(call["process"])["args"] == ["x"], result
    assert (call["process_name"], call["flags"], call["argv"]) == ("p.json", PRESERVE_OPEN | 2, [])
    result = fake("exec", "-d", "-p", "missing", "a")
    assert result.status == 255 and result.message() == "nsrun exec failed: open missing: No such file or directory"


def test_exec_process_from_a_pipe(fake):
    text = '{"args": ["x"], "cwd": "/", "env": ["A=' + "b" * 100000 + '"]}'
    assert fake("exec", "-p", "/dev/stdin", "a", text=text).call("lc_container_exec")["process"] == text


def test_exec_bad_group(fake):
    result = fake("exec", "-g", "staff", "a", "b")
    assert result.status == 255 and "not a group id" in result.message(), result


# ---- kill, delete ----

@pytest.mark.parametrize("text, number", [
    ("9", 9), ("KILL", 9), ("SIGKILL", 9), ("sigkill", 9), ("0", 0), ("term", 15), ("64", 64), ("RTMIN", 34),
    ("SIGRTMIN+3", 37), ("RTMAX-1", 63), ("SIGWINCH", 28),
])
def test_kill(fake, text, number):
    result = fake("kill", "a", text)
    assert result.status == 0 and result.call("lc_container_kill")["signal"] == number, result


@pytest.mark.parametrize("text", ["FOO", "SIGFOO", "65", "999", "SIG", "9x", "RTMIN+31", "RTMIN3"])
def test_unknown_signals(fake, text):
    result = fake("kill", "a", text)
    assert result.status == 1 and result.message() == fr'nsrun kill failed: unknown signal \"{text}\"', result


def test_no_signal_is_the_usual_one(fake):
    for arguments in (["a"], ["a", ""]):
        assert fake("kill", *arguments).call("lc_container_kill")["signal"] == signal.SIGTERM, arguments


@pytest.mark.parametrize("arguments, flags", [([], 0), (["-a"], 1), (["--all"], 1), (["--all=false"], 0)])
def test_kill_all(fake, arguments, flags):
    call = fake("kill", *arguments, "a").call("lc_container_kill")
    assert (call["signal"], call["flags"]) == (signal.SIGTERM, flags)


@pytest.mark.parametrize("arguments, flags", [(["a"], 0), (["-f", "a"], 1), (["a", "--force"], 1)])
def test_delete(fake, arguments, flags):
    assert fake("delete", *arguments).call("lc_container_delete")["flags"] == flags


# ---- state, list, ps, features, spec ----

ORDER = ["ociVersion", "id", "pid", "status", "bundle", "rootfs", "created", "owner"]


def test_state(fake):
    result = fake("state", "one")
    assert result.status == 0 and list(json.loads(result.out)) == ORDER, result
    assert result.out.startswith('{\n  "ociVersion": "1.3.0",\n  "id": "one",\n  "pid": 42,')


def test_list(fake):
    result = fake("list", "--format", "json")
    assert result.out.startswith('[{"ociVersion":"1.3.0","id":"one","pid":42,') and result.out.endswith('"}]\n'), result
    assert list(json.loads(result.out)[0]) == ORDER
    assert fake("list", "-q").out == "one\n"
    assert fake("list").out == (
        "ID          PID         STATUS      BUNDLE                  CREATED                  OWNER\n"
        "one         42          running     /a/rather/long/bundle   2026-01-02T03:04:05.6Z   root\n")
    assert fake("list", "one").message() == fr'nsrun: \"list\" requires exactly 0 argument(s)'
    assert fake("list", "-f", "xml").message() == "nsrun list failed: invalid format option"


def test_empty_list(fake):
    assert fake("list", "-q", empty=1).out == ""
    assert fake("list", "-f=json", empty=1).out == "[]\n"
    assert fake("list", empty=1).out == "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n"


def test_ps(fake):
    result = fake("ps", "a")
    lines = result.out.splitlines()
    assert result.status == 0 and re.match(r"UID +PID +PPID +C +STIME +TTY +TIME +CMD$", lines[0]), result
    assert len(lines) == 3 and str(os.getpid()) in lines[1] + lines[2]
    assert re.match(r" +PID TTY +STAT +TIME COMMAND$", fake("ps", "a", "-e", "-x").out.splitlines()[0])
    assert os.getpid() in json.loads(fake("ps", "--format", "json", "a").out)
    assert fake("ps", "-f", "xml", "a").message() == "nsrun ps failed: invalid format option"


def test_ps_that_fails(fake):
    assert "couldn't find PID field" in fake("ps", "a", "-o", "comm").err
    result = fake("ps", "a", "--bogus")
    assert result.status == 1 and "unknown gnu long option" in result.err and "ps: exit status 1" in result.err, result


def test_features(fake):
    assert json.loads(fake("features").out) == {"ociVersionMax": "1.3.0"}


def test_spec(fake):
    assert fake("spec").status == 0
    with open(os.path.join(fake.directory, "config.json"), encoding="utf-8") as written:
        assert json.load(written)["ociVersion"] == "1.3.0"
    result = fake("spec")
    assert result.status == 1 and result.message() == "nsrun spec failed: File config.json exists. Remove it first"
    os.mkdir(os.path.join(fake.directory, "b"))
    result = fake("spec", "--bundle", "b", "--rootless")
    assert result.status == 0 and result.call("lc_config_default_oci")["rootless"] is True, result
    assert os.path.exists(os.path.join(fake.directory, "b/config.json"))
    assert fake("spec", "-b", "none").status == 1


# ---- update ----

@pytest.mark.parametrize("arguments, expected", [
    (["--memory", "1024"], {"memory": {"limit": 1024}}),
    (["--memory", "50M", "--memory-reservation=1.5g"], {"memory": {"limit": 50 << 20, "reservation": 3 << 29}}),
    (["--memory=-1", "--memory-swap", "-1"], {"memory": {"limit": -1, "swap": -1}}),
    (["--memory", "64kb"], {"memory": {"limit": 65536}}),
    (["--memory", "64 KiB"], {"memory": {"limit": 65536}}),
    (["--cpu-quota", "-1", "--cpu-period", "100000"], {"cpu": {"quota": -1, "period": 100000}}),
    (["--cpu-share", "100", "--cpu-idle", "1", "--cpu-burst", "7"], {"cpu": {"shares": 100, "idle": 1, "burst": 7}}),
    (["--cpu-rt-period", "9", "--cpu-rt-runtime", "8"], {"cpu": {"realtimePeriod": 9, "realtimeRuntime": 8}}),
    (["--cpuset-cpus", "0-1", "--cpuset-mems", "0"], {"cpu": {"cpus": "0-1", "mems": "0"}}),
    (["--pids-limit", "-1", "--blkio-weight", "500"], {"pids": {"limit": -1}, "blockIO": {"weight": 500}}),
    ([], {}),
])
def test_update(fake, arguments, expected):
    for order in (["a", *arguments], [*arguments, "a"]):
        result = fake("update", *order)
        assert result.status == 0 and json.loads(result.call("lc_container_update")["resources"]) == expected, result


@pytest.mark.parametrize("option, value", [
    ("memory", "abc"), ("memory", "-2"), ("memory", "1x"), ("memory", "1e400"), ("memory", "0x10"),
    ("cpu-quota", "1.5"), ("cpu-period", "-1"), ("pids-limit", "many"), ("cpu-share", "99999999999999999999"), ("memory-swap", "9999999999g"),
])
def test_update_bad_numbers(fake, option, value):
    result = fake("update", "--" + option, value, "a")
    assert result.status == 1 and result.message().startswith(f'nsrun update failed: invalid value for {option}: \\"{value}\\" is not a '), result
    assert not result.calls


@pytest.mark.parametrize("arguments", [["--resources", "-"], ["--resources=-"], ["-r", "-"], ["-r", "/dev/stdin"]])
def test_update_from_standard_input(fake, arguments):
    text = '{"pids": {"limit": 7}}'
    result = fake("update", *arguments, "--memory", "x", "a", text=text)
    assert result.status == 0 and result.call("lc_container_update")["resources"] == text, result


def test_update_kernel_memory_and_schemas(fake):
    result = fake("update", "--kernel-memory", "1", "--l3-cache-schema", "L3:0=f", "--mem-bw-schema", "MB:0=10", "a")
    call = result.call("lc_container_update")
    assert result.status == 0 and "level=warning" in result.err, result
    assert (call["l3"], call["mb"], call["resources"]) == ("L3:0=f", "MB:0=10", "{}")


def test_update_missing_file(fake):
    result = fake("update", "-r", "none", "a")
    assert result.status == 1 and "open none: No such file" in result.message(), result


# ---- events ----

def test_events_stats(fake):
    assert fake("events", "--stats", "a").out == '{"type":"stats","id":"a","data":{"pids":{"current":1}}}\n'


@pytest.mark.parametrize("interval", ["0s", "0", "x", "5", "-1s", ""])
def test_events_bad_interval(fake, interval):
    result = fake("events", "--interval", interval, "a")
    assert result.status == 1 and "interval" in result.message(), result


def test_events_pressure(fake):
    """A container that has ended already."""
    with subprocess.Popen(["sleep", "0"], stdin=subprocess.DEVNULL) as container:
        os.waitid(os.P_PID, container.pid, os.WEXITED | os.WNOWAIT)
        result = fake("events", "--pressure=memory:some:1s/2s", "a", pid=container.pid)
    assert result.status == 0 and result.call("lc_events_open") == {
        "function": "lc_events_open", "id": "a", "pressure": "memory:some:1s/2s"}, result


def test_events_until_the_end(fake):
    fifo = os.path.join(fake.directory, "oom")
    os.mkfifo(fifo)
    with subprocess.Popen(["sleep", "100"]) as container:
        environment = {"FAKE_PID": str(container.pid), "FAKE_OOM": fifo}
        with subprocess.Popen([fake.program, "events", "--interval=50ms", "a"], env=environment,
                              stdout=subprocess.PIPE) as events:
            assert events.stdout.readline() == b'{"type":"stats","id":"a","data":{"pids":{"current":1}}}\n'
            with open(fifo, "wb", buffering=0) as out:
                out.write(b"-o")
            assert any(events.stdout.readline() == b'{"type":"oom","id":"a"}\n' for _ in range(20))
            container.kill()
            container.wait()
            assert events.wait(5) == 0


# ---- the environment ----

def test_closed_standard_descriptors(fake):
    result = fake("create", "a")
    assert result.call("lc_container_create")["stdio"] == [0, 1, 2]
    os.unlink(fake.log)
    subprocess.run(["/bin/sh", "-c", f"exec {fake.program} create a <&- 2>&-"], cwd=fake.directory, check=True,
                   timeout=10, env={"FAKE_CALLS": fake.log})
    with open(fake.log, encoding="utf-8") as calls:
        assert json.loads(calls.readlines()[-1])["stdio"] == [-1, 1, -1]


def test_output_that_cannot_be_written(fake):
    for command in (["list"], ["state", "a"], ["features"], ["ps", "-f", "json", "a"], ["events", "--stats", "a"]):
        with open("/dev/full", "wb") as full:
            process = subprocess.run([fake.program, *command], stdout=full, stderr=subprocess.PIPE, text=True,
                                     timeout=10)
        assert process.returncode == 1 and "standard output: No space left" in process.stderr, command
