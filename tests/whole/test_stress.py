"""The same thing many times. LC_STRESS=full for the numbers of the specification, LC_STRESS=0.5 for half as much."""
import concurrent.futures
import os
import subprocess
import time

import pytest

from support import proc
from support.wait import PATIENCE, wait_until

SETTING = os.environ.get("LC_STRESS", "1")
FULL = SETTING == "full"
SCALE = 1.0 if FULL else float(SETTING)
SEQ = "".join(f"{i}\n" for i in range(1, 20001)).encode()

pytestmark = [pytest.mark.stress, pytest.mark.timeout(1800 if FULL else 120)]


def times(full, default):
    return full if FULL else max(1, int(default * SCALE))


def start(box, *command, **options):
    return subprocess.Popen([box.nsinit, "--root", box.directory, "exec", *command], cwd=box.rootfs,
                            stdin=subprocess.DEVNULL, **options)


def run(box, *command, timeout=20):
    process = start(box, *command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        out, err = process.communicate(timeout=timeout * PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise AssertionError(f"hangs: {command}") from None
    return process.returncode, out, err


def test_starts_in_a_row(box, group_parent):
    """1,000 runs of exec, with cgroups: right status, right output, nothing left after any."""
    box.config["cgroups"] = {"parent": group_parent, "name": "stress", "pids_limit": 100}
    box.write()
    for i in range(times(1000, 500)):
        status, out, err = run(box, "/bin/sh", "-c", f"echo {i}; exit {i % 256}")
        assert (status, out, err) == (i % 256, f"{i}\n".encode(), b""), f"run {i}: {status} {out} {err}"
    assert os.listdir(box.directory) == ["container.json"]


def test_joins_in_a_row(box):
    """10,000 joins in one live container."""
    first = box.start()
    for i in range(times(10000, 4000)):
        status, out, err = run(box, "/bin/sh", "-c", f"echo {i}; exit {i % 256}")
        assert (status, out, err) == (i % 256, f"{i}\n".encode(), b""), f"run {i}: {status} {out} {err}"
    assert first.running()
    assert len(box.out("ls /proc | grep '^[0-9]'").split()) <= 5, "processes pile up"


def test_joins_at_once(box):
    """500 joins, 16 at a time."""
    first = box.start()
    box.write()

    def one(i):
        return run(box, "/bin/sh", "-c", f"echo {i}; exit {i % 256}")

    count = times(500, 500)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for i, result in enumerate(pool.map(one, range(count))):
            assert result == (i % 256, f"{i}\n".encode(), b""), i
    assert first.running()


def test_starts_at_once(make_container, busybox):
    """Containers of different directories, 8 at a time, on one root file system."""
    boxes = [make_container(busybox, f"s{i}") for i in range(8)]
    for box in boxes:
        box.write()

    def one(i):
        results = []
        for k in range(times(40, 8)):
            results.append(run(boxes[i], "/bin/sh", "-c", f"echo {i}.{k}; exit {k}"))
        return results

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for i, results in enumerate(pool.map(one, range(8))):
            assert results == [(k, f"{i}.{k}\n".encode(), b"") for k in range(len(results))]


@pytest.mark.parametrize("tty", [False, True], ids=["pipe", "tty"])
@pytest.mark.parametrize("live", [False, True], ids=["start", "join"])
def test_slow_readers(box, tty, live):
    if live:
        box.start()
    box.config["tty"] = tty
    box.write()
    for _ in range(times(50, 8)):
        process = start(box, "/bin/seq", "20000", stdout=subprocess.PIPE)
        received = bytearray()
        while chunk := os.read(process.stdout.fileno(), 8192):
            received += chunk
            time.sleep(0.001)
        process.stdout.close()
        assert process.wait(10) == 0
        assert bytes(received).replace(b"\r\n", b"\n") == SEQ


@pytest.mark.parametrize("keys, words", [
    ({"sysctl": {"net.ipv4.ip_forward": "maybe"}}, ["/sysctl/net.ipv4.ip_forward", "Invalid argument"]),
    ({"mounts": [{"type": "tmpfs", "destination": "/run", "options": ["nonsense=1"]}]}, ["/mounts/0"]),
    ({"user": "ghost"}, ["/user", "ghost"])], ids=["sysctl", "mount", "user"])
def test_no_message_is_ever_lost(box, keys, words):
    """The child fails while the parent is busy with something else: its reason arrives all the same."""
    box.config.update(keys)
    box.write()
    for i in range(times(2000, 300)):
        status, _, err = run(box, "/bin/true")
        assert status == 125 and all(word in err.decode() for word in words), (i, err)


def test_fork_bomb_ends_with_the_container(box, group_parent):
    box.config["cgroups"] = {"parent": group_parent, "name": "bomb", "pids_limit": 200}
    run = box.start("echo ready; bomb() { bomb | bomb & }; bomb 2>/dev/null; while :; do sleep 1; done")
    time.sleep(0.5)
    os.kill(box.live_pid(), 9)
    assert run.wait(10).status == 137


def test_memory_of_nsinit_does_not_grow(box):
    """One long-lived nsinit with much output through its tty keeps its size."""
    box.config["tty"] = True
    box.write()
    process = start(box, "/bin/sh", "-c", "head -c 20000000 /dev/zero; read x < /dev/zero", stdout=subprocess.PIPE)

    def resident():
        return int(proc.status(process.pid)["VmRSS"].split()[0])

    os.read(process.stdout.fileno(), 4096)
    before, total = resident(), 4096
    while total < 20000000:
        total += len(os.read(process.stdout.fileno(), 1 << 20))
    assert resident() - before < 1024
    os.kill(wait_until(box.live_pid), 9)
    process.stdout.close()
    assert process.wait(10) == 137
