"""tty: false. The program has the caller's own 0, 1 and 2; no byte is lost, none is added."""
import fcntl
import hashlib
import os
import socket
import subprocess
import time

import pytest

from support import proc, rootfs
from support.wait import wait_until

SEQ = "".join(f"{i}\n" for i in range(1, 20001)).encode()


def slow_read(descriptor, size=4096, pause=0.002):
    received = bytearray()
    while chunk := os.read(descriptor, size):
        received += chunk
        time.sleep(pause)
    return bytes(received)


def start(box, *command, **options):
    box.write()
    return subprocess.Popen([box.nsinit, "--root", box.directory, "exec", *command], cwd=box.rootfs, **options)


@pytest.mark.parametrize("live", [False, True], ids=["start", "join"])
@pytest.mark.parametrize("tty", [False, True], ids=["pipe", "tty"])
def test_slow_reader_gets_everything(box, live, tty):
    if live:
        box.start()
    box.config["tty"] = tty
    process = start(box, "/bin/seq", "20000", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    received = slow_read(process.stdout.fileno())
    process.stdout.close()
    assert process.wait(10) == 0
    assert received.replace(b"\r\n", b"\n") == SEQ


def test_output_after_nsinit_has_ended(box):
    """The pipe is the program's own: what is still in it can be read when all is over."""
    process = start(box, "/bin/seq", "10000", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert process.wait(10) == 0
    assert process.stdout.read() == SEQ[:SEQ.index(b"\n10001\n") + 1]
    process.stdout.close()


@pytest.mark.parametrize("live", [False, True], ids=["start", "join"])
def test_big_stdin(box, live):
    data = os.urandom(5000000)
    if live:
        box.start()
    result = box.exec("/bin/sha256sum", input=data)
    assert result.status == 0 and hashlib.sha256(data).hexdigest() in result.out, result


def test_stdin_is_passed_on_not_eaten(box):
    """What the program does not read is still there for the caller."""
    reader, writer = os.pipe()
    os.write(writer, b"first\nsecond\n")
    os.close(writer)
    result = box.sh("dd bs=6 count=1 2>/dev/null", stdin=reader)
    assert result.out.startswith("first"), result
    assert os.read(reader, 100) == b"second\n"
    os.close(reader)


def test_stdout_and_stderr_are_apart(box):
    result = box.sh("echo out; echo err >&2")
    assert (result.out, result.err) == ("out\n", "err\n")


CLOSED = [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]


@pytest.mark.parametrize("live", [False, True], ids=["start", "join"])
@pytest.mark.parametrize("closed", CLOSED, ids=str)
def test_closed_descriptors(box, closed, live):
    """Nothing of nsinit's own lands on 0, 1 or 2: neither the program's output in container.json nor its input from it."""
    if live:
        box.start()

    def close():
        for descriptor in closed:
            os.close(descriptor)

    script = "cat; echo garbage; echo garbage >&2; " \
             "for f in /proc/$$/fd/*; do readlink $f; done > /fds 2>/dev/null; exit 7"
    box.rootfs_may_change = True
    result = box.sh(script, preexec_fn=close)
    assert result.status == 7, result
    with open(box.path("container.json")) as file:
        assert "garbage" not in file.read()
    for descriptor, text in ((1, result.out), (2, result.err)):
        assert ("garbage" in text) == (descriptor not in closed), result
    for target in open(box.inside("/fds")).read().split():
        assert "container.json" not in target and "memfd" not in target and "socket" not in target, target


@pytest.mark.parametrize("closed", [(0,), (1,), (0, 1, 2)], ids=str)
def test_closed_descriptors_with_an_error(box, closed):
    box.config["hostname"] = 5

    def close():
        for descriptor in closed:
            os.close(descriptor)

    before = dict(box.config)
    assert box.sh("true", preexec_fn=close).status == 125
    import json
    assert json.load(open(box.path("container.json"))) == before


def test_closed_stdin_reads_nothing_of_the_host(box):
    result = box.exec("/bin/cat", preexec_fn=lambda: os.close(0), timeout=5)
    assert result.status in (0, 1) and not result.stdout, result


def test_append_and_offset(box, work):
    """The file description is the caller's: offset and O_APPEND hold."""
    path = rootfs.write(os.path.join(work, "log"), "before\n")
    with open(path, "ab") as file:
        assert start(box, "/bin/echo", "inside", stdout=file, stdin=subprocess.DEVNULL).wait(10) == 0
        file.write(b"after\n")
    assert open(path).read() == "before\ninside\nafter\n"


def test_socket_as_stdio(box):
    ours, theirs = socket.socketpair()
    process = start(box, "/bin/sh", "-c", "read x; echo got $x", stdin=theirs, stdout=theirs)
    theirs.close()
    ours.sendall(b"hello\n")
    ours.settimeout(10)
    assert ours.recv(100) == b"got hello\n"
    assert process.wait(10) == 0
    ours.close()


def test_reader_goes_away(box):
    process = start(box, "/bin/sh", "-c", "while echo x; do :; done; exit 9", stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    os.read(process.stdout.fileno(), 100)
    process.stdout.close()
    assert process.wait(10) in (9, 141)


def test_full_device(box):
    with open("/dev/full", "w") as full:
        assert start(box, "/bin/sh", "-c", "echo x || exit 8", stdin=subprocess.DEVNULL, stdout=full,
                     stderr=subprocess.DEVNULL).wait(10) == 8


def test_flags_of_the_caller_stay(box):
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETFL, fcntl.fcntl(writer, fcntl.F_GETFL) | os.O_NONBLOCK)
    before = [fcntl.fcntl(descriptor, fcntl.F_GETFL) for descriptor in (reader, writer)]
    result = box.exec("/bin/true", stdin=reader, stdout=writer)
    assert result.status == 0
    assert before == [fcntl.fcntl(descriptor, fcntl.F_GETFL) for descriptor in (reader, writer)]
    os.close(reader)
    os.close(writer)


def test_error_of_nsinit_goes_to_stderr_only(box):
    box.config["hostname"] = 5
    result = box.sh("true")
    assert result.status == 125 and not result.stdout and result.stderr, result


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["spec"]])
def test_full_stdout_is_an_error(box, arguments):
    """A tool whose output cannot be written says so."""
    box.write()
    with open("/dev/full", "w") as full:
        process = subprocess.run([box.nsinit, *arguments], stdout=full, stderr=subprocess.PIPE, timeout=10,
                                 cwd=box.rootfs)
    assert process.returncode != 0 and process.stderr, process


def test_no_process_of_ours_eats_the_pipe(box):
    """When the program closes its output, the reader sees the end, although nsinit lives on."""
    process = start(box, "/bin/sh", "-c", "echo x; exec >/dev/null 2>&1; sleep 992", stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE)
    wait_until(lambda: os.path.exists(box.path("pid")), what="pid")
    assert os.read(process.stdout.fileno(), 10) == b"x\n"
    pipe = os.readlink(f"/proc/self/fd/{process.stdout.fileno()}")
    wait_until(lambda: not [pid for pid in proc.descendants(process.pid) if pipe in proc.fds(pid).values()],
               timeout=2, what="only nsinit itself holding the pipe")
    os.kill(box.live_pid(), 9)
    assert process.wait(10) == 137
    process.stdout.close()
