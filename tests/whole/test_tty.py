"""tty: true. A shell as people use it: job control, resize, exit; and what scripts and pipes do with it."""
import os
import re
import shutil
import signal
import subprocess
import termios
import threading
import time

import pytest

from support import rootfs
from support.terminal import Terminal, set_size
from support.wait import wait_until


@pytest.fixture
def tty_box(box):
    box.config["tty"] = True
    box.config["environment"].append("PS1=prompt> ")
    return box


def shell(box, *command, **options):
    box.write()
    return Terminal([box.nsinit, "--root", box.directory, "exec", *(command or ("/bin/sh",))], cwd=box.rootfs,
                    container=box, **options)


def test_it_is_the_console(tty_box):
    text = tty_box.out("tty; for n in 0 1 2; do readlink /proc/self/fd/$n; done; stat -L -c '%F %t %T' /dev/console "
                       "/dev/stdin; ls -1 /dev/pts; exec 3<>/dev/tty && echo controlling; stat -c '%a %u' /dev/console")
    lines = text.replace("\r", "").splitlines()
    assert all(re.fullmatch(r"/dev/(console|pts/0)", line) for line in lines[:4]), text
    assert lines[4] == lines[5] == "character special file 88 0", text
    assert set(lines[6:8]) == {"0", "ptmx"} and "controlling" in lines, text
    assert lines[-1] in ("620 0", "600 0"), text


@pytest.mark.parametrize("live", [False, True], ids=["start", "join"])
def test_interactive_shell(tty_box, live):
    if live:
        tty_box.config["tty"] = False
        tty_box.start()
        tty_box.config["tty"] = True
    with shell(tty_box) as t:
        t.expect("prompt> ")
        assert t.is_raw()
        t.type("echo $((6*7))\n")
        t.expect("42\r\n")
        t.type("sleep 500\n")
        time.sleep(0.1)
        t.type("\x03")
        t.expect("prompt> ")
        t.type("sleep 501\n")
        time.sleep(0.1)
        t.type("\x1a")
        t.expect("Stopped")
        t.expect("prompt> ")
        t.type("jobs\n")
        t.expect("sleep 501")
        t.type("bg\n")
        t.expect("prompt> ")
        t.type("fg\n")
        t.expect("sleep 501")
        time.sleep(0.1)
        t.type("\x03")
        t.expect("prompt> ")
        t.type("exit 3\n")
        assert t.status() == 3
        assert t.settings() == t.before


def test_interactive_bash_on_debian(debian_box):
    debian_box.config["tty"] = True
    debian_box.config["environment"] += ["TERM=xterm", "PS1=prompt> ", "HISTFILE="]
    with shell(debian_box, "/bin/bash", "--norc") as t:
        t.expect("prompt> ")
        t.type("sleep 500\n")
        time.sleep(0.2)
        t.type("\x1a")
        t.expect("Stopped")
        t.type("fg\n")
        time.sleep(0.2)
        t.type("\x03")
        t.expect("^C")
        t.expect("prompt> ")
        time.sleep(0.2)  # readline drops what is typed while it takes the terminal over
        t.type("\x04")
        assert t.status() in (0, 130)
        assert t.settings() == t.before
        assert "no job control" not in t.text.decode()


def test_end_of_file_key(tty_box):
    with shell(tty_box) as t:
        t.expect("prompt> ")
        t.type("\x04")
        assert t.status() == 0


def test_window_size_at_start_and_on_resize(tty_box):
    with shell(tty_box, rows=33, columns=111) as t:
        t.expect("prompt> ")
        t.type("stty size\n")
        t.expect("33 111\r\n")
        for rows, columns in ((44, 99), (10, 20), (200, 300)):
            set_size(t.master, rows, columns)
            deadline = time.monotonic() + 5
            while True:  # SIGWINCH is on its way
                t.type("stty size\n")
                if f"{rows} {columns}" in read_size(t):
                    break
                assert time.monotonic() < deadline, f"{rows} {columns} does not arrive"
        t.type("exit\n")
        assert t.status() == 0


def read_size(t):
    return re.search(r"\d+ \d+\r\n", read_until(t, r"\d+ \d+\r\n")).group()


def read_until(t, pattern, timeout=5):
    deadline = time.monotonic() + timeout
    while not re.search(pattern.encode(), t.text[t.position:]):
        assert time.monotonic() < deadline, t.tail()
        t._read(0.1)
    match = re.search(pattern.encode(), t.text[t.position:])
    start, t.position = t.position, t.position + match.end()
    return t.text[start:t.position].decode()


def test_resize_signals_the_program(tty_box):
    with shell(tty_box, "/bin/sh", "-c", "trap 'stty size' WINCH; echo ready; while :; do sleep 0.02; done") as t:
        t.expect("ready")
        set_size(t.master, 50, 60)
        t.expect("50 60")


@pytest.mark.parametrize("how", ["exit", "kill init", "term nsinit", "bad command", "output and exit"])
def test_terminal_is_restored(tty_box, how):
    if how == "bad command":
        with shell(tty_box, "/bin/missing") as t:
            assert t.status() == 127
            assert t.settings() == t.before
        return
    # A signal in the moment before `read` waits would not wake it, so who is to have one does not read.
    wait = "while :; do sleep 0.02; done" if how == "term nsinit" else "read x; exit 9"
    with shell(tty_box, "/bin/sh", "-c", f"trap 'exit 9' TERM; echo ready; {wait}") as t:
        t.expect("ready")
        wait_until(t.is_raw, what="raw mode")
        if how == "kill init":
            os.kill(tty_box.live_pid(), signal.SIGKILL)
        elif how == "term nsinit":
            t.process.send_signal(signal.SIGTERM)
        else:
            t.type("\n")
        assert t.status() == (137 if how == "kill init" else 9)
        assert t.settings() == t.before, "the terminal was not restored"


def test_odd_terminal_settings_are_kept(tty_box):
    """Whatever they were, not just sane defaults."""
    with shell(tty_box, "/bin/true") as first:
        first.status()
    master, slave = os.openpty()
    settings = termios.tcgetattr(slave)
    settings[3] &= ~termios.ECHO
    settings[0] |= termios.IXOFF
    settings[6][termios.VINTR] = b"\x1b"
    termios.tcsetattr(slave, termios.TCSANOW, settings)
    tty_box.state()
    result = tty_box.exec("/bin/echo", "hi", stdin=slave, stdout=slave)
    assert result.status == 0 and termios.tcgetattr(slave) == settings
    os.close(master)
    os.close(slave)


def test_under_script(tty_box, work):
    tty_box.write()
    typescript = os.path.join(work, "typescript")
    command = f"{tty_box.nsinit} --root {tty_box.directory} exec /bin/sh"
    with Terminal(["script", "-qec", command, typescript], cwd=tty_box.rootfs, container=tty_box) as t:
        t.expect("prompt> ")
        t.type("sleep 500\n")
        time.sleep(0.2)
        t.type("\x1a")
        t.expect("Stopped")
        t.type("fg\n")
        time.sleep(0.2)
        t.type("\x03")
        t.expect("prompt> ")
        t.type("exit 5\n")
        assert t.status() == 5
    assert "Stopped" in open(typescript, errors="replace").read()


@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")
def test_under_tmux(tty_box, work):
    tty_box.write()
    socket = os.path.join(work, "tmux")

    def tmux(*arguments):
        return subprocess.run(["tmux", "-S", socket, "-f", "/dev/null", *arguments], capture_output=True, text=True,
                              timeout=10, check=True, cwd=tty_box.rootfs, env={**os.environ, "TERM": "xterm",
                                                                                "LC_ALL": "C.UTF-8"}).stdout

    def screen():
        return tmux("capture-pane", "-p")

    tmux("new-session", "-d", "-x", "90", "-y", "30", "/bin/sh")
    try:
        tmux("send-keys", f"PS1='outer$ '; {tty_box.nsinit} --root {tty_box.directory} exec /bin/sh", "Enter")
        wait_until(lambda: screen().rstrip().endswith("prompt>"), what="the prompt")
        tmux("send-keys", "stty size; sleep 500", "Enter")
        wait_until(lambda: "30 90" in screen(), what="the window size")
        tmux("send-keys", "C-z")
        wait_until(lambda: "Stopped" in screen(), what="Stopped")
        tmux("send-keys", "fg", "Enter")
        tmux("send-keys", "C-c")
        wait_until(lambda: screen().rstrip().endswith("prompt>"), what="the prompt")
        tmux("resize-window", "-x", "70", "-y", "20")
        time.sleep(0.2)
        tmux("send-keys", "stty size", "Enter")
        wait_until(lambda: "20 70" in screen(), what="the new window size")
        tmux("send-keys", "exit 6", "Enter")
        wait_until(lambda: screen().rstrip().endswith("outer$"), what="the outer prompt")
        tmux("send-keys", "echo status=$?; stty -a | grep -o ' icanon'", "Enter")
        wait_until(lambda: "status=6" in screen() and "\n icanon" in screen(), what="a sane terminal")
    finally:
        tmux("kill-server")


# ---- without a terminal outside ----

def test_stdin_is_a_pipe(tty_box):
    result = tty_box.exec("/bin/sh", input=b"echo $((40+2))\nexit 3\n")
    assert result.status == 3 and "42" in result.out, result


def test_stdin_pipe_ends(tty_box):
    """The end of the pipe is the end of input: cat ends."""
    result = tty_box.exec("/bin/cat", input=b"one\ntwo\n", timeout=10)
    assert result.status == 0 and result.out.count("two") >= 1, result


@pytest.mark.parametrize("stdin", ["null", "closed", "file"])
def test_stdin_is_something_else(tty_box, stdin, work):
    options = {}
    if stdin == "closed":
        options["preexec_fn"] = lambda: os.close(0)
    elif stdin == "file":
        options["stdin"] = open(rootfs.write(os.path.join(work, "input"), "echo $((40+2)); exit 4\n"))
        result = tty_box.exec("/bin/sh", **options)
        options["stdin"].close()
        assert result.status == 4 and "42" in result.out, result
        return
    result = tty_box.sh("tty; exit 6", **options)
    assert result.status == 6 and result.out.strip() in ("/dev/console", "/dev/pts/0"), result


def test_join_with_a_terminal_beside_one(tty_box):
    """Each has its own pty. The one that comes first is the container's own process, so the other waits for it."""
    with shell(tty_box) as one:
        one.expect("prompt> ")
        with shell(tty_box) as other:
            other.expect("prompt> ")
            one.type("ls /dev/pts; echo one\n")
            other.type("echo other\n")
            one.expect("one\r\n")
            other.expect("other\r\n")
            other.type("exit 2\n")
            assert other.status() == 2
        one.type("exit 1\n")
        assert one.status() == 1


@pytest.mark.parametrize("slow", [False, True], ids=["fast", "slow"])
def test_million_bytes_out(tty_box, slow):
    """Byte-exact, to the last byte before the exit; through a pipe with a reader that may be slow."""
    data = os.urandom(750000).hex().encode()[:1000000]
    tty_box.add_file("/data", data)
    tty_box.write()
    process = subprocess.Popen([tty_box.nsinit, "--root", tty_box.directory, "exec", "/bin/cat", "/data"],
                               cwd=tty_box.rootfs, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    received = bytearray()
    while chunk := os.read(process.stdout.fileno(), 8192):
        received += chunk
        if slow and len(received) < 500000:
            time.sleep(0.002)
    process.stdout.close()
    assert process.wait(10) == 0
    assert len(received) == 1000000 and bytes(received) == data


def test_million_bytes_in_and_out(tty_box):
    """Raw both ways, every byte value."""
    data = bytes(range(256)) * 3907
    data = data[:1000000]
    script = f"stty raw -echo; echo ready; head -c {len(data)} | sha256sum"
    import hashlib
    with shell(tty_box, "/bin/sh", "-c", script) as t:
        t.expect("ready")
        writer = threading.Thread(target=t.type, args=(data,))
        writer.start()
        text = t.expect(" -", timeout=20)
        writer.join()
        assert hashlib.sha256(data).hexdigest() in text, text
        assert t.status() == 0


def test_output_at_the_very_end(tty_box):
    for i in range(20):
        result = tty_box.exec("/bin/echo", f"last words {i}")
        assert result.status == 0 and result.out == f"last words {i}\r\n", result


def test_given_console(tty_box):
    """--console PATH: the caller's pty; what the program writes comes out of its master."""
    master, slave = os.openpty()
    path = os.ttyname(slave)
    run = tty_box.spawn("/bin/sh", "-c", "tty; read line; echo got $line; exit 4", options=["--console", path])
    text = b""
    deadline = time.monotonic() + 5
    os.write(master, b"hello\n")
    while b"got hello" not in text and time.monotonic() < deadline:
        text += os.read(master, 1000)
    assert b"/dev/" in text and b"not a tty" not in text and b"got hello" in text, text
    assert run.wait(5).status == 4
    os.close(master)
    os.close(slave)


@pytest.mark.parametrize("path", ["/etc/passwd", "/dev/null", "/nonexistent", "/dev/ptmx"])
def test_given_console_is_no_terminal(tty_box, path):
    tty_box.refused(path, options=["--console", path])


def test_caller_keeps_blocking_descriptors(tty_box):
    """O_NONBLOCK belongs to the open file, which the caller shares."""
    import fcntl
    reader, writer = os.pipe()
    other, end = os.pipe()
    os.close(end)
    tty_box.exec("/bin/echo", "x", stdin=other, stdout=writer)
    for descriptor in (writer, other):
        assert not fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_NONBLOCK
    for descriptor in (reader, writer, other):
        os.close(descriptor)


def test_without_tty_the_terminal_is_the_callers(box):
    """tty: false on a terminal: passed straight through, settings untouched, ^C reaches the program."""
    with shell(box, "/bin/sh", "-c", "trap 'echo INT; exit 5' INT; echo ready; while :; do sleep 0.05; done") as t:
        t.expect("ready")
        assert t.settings() == t.before
        t.type("\x03")
        t.expect("INT")
        assert t.status() == 5
        assert t.settings() == t.before
