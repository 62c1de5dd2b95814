"""The end of one container is nobody else's business: neighbours on the same host and on the same root live on."""
import os
import signal
import subprocess
import threading

import pytest

from support import leftovers, proc
from support.container import FIVE
from support.wait import wait_until


@pytest.mark.parametrize("ended", [["NEWNS"], ["NEWUTS"], ["NEWNET"], [], FIVE], ids=lambda names: "+".join(names) or "none")
@pytest.mark.timeout(120)
def test_starts_beside_ends(make_container, busybox, ended):
    """Containers without NEWPID have their leftover processes looked for; the kernel soon gives the number of an ended
    namespace to a new one, and that one's processes must not be taken for them."""
    ending, starting = make_container(busybox, "ending"), make_container(busybox, "starting")
    ending.config["namespaces"] = ended
    for box in (ending, starting):
        box.write()
    over = threading.Event()

    def run(box):
        return subprocess.run([box.nsinit, "--root", box.directory, "exec", "/bin/true"], cwd=box.rootfs, timeout=20,
                              stdin=subprocess.DEVNULL, capture_output=True)

    def keep_ending():
        while not over.is_set():
            run(ending)

    thread = threading.Thread(target=keep_ending)
    thread.start()
    try:
        results = [run(starting) for _ in range(250)]
    finally:
        over.set()
        thread.join()
    wrong = [(result.returncode, result.stderr) for result in results if result.returncode != 0]
    assert not wrong, f"{len(wrong)} of {len(results)}: {wrong[0]}"


@pytest.mark.parametrize("how", ["exit", "kill nsinit"])
@pytest.mark.parametrize("namespaces", [[], ["NEWUTS"], ["NEWNS"], FIVE], ids=lambda names: "+".join(names) or "none")
def test_neighbour_on_the_same_root(make_container, busybox, namespaces, how):
    one, other = make_container(busybox, "one"), make_container(busybox, "other")
    for box in (one, other):
        box.config["namespaces"] = namespaces
        box.start()
    if how == "exit":
        os.kill(one.live_pid(), signal.SIGKILL)
        one.live[0].wait()
    else:
        one.live[0].signal(signal.SIGKILL)
        one.live[0].process.wait(5)
        one.state()
    assert other.live[0].running() and proc.alive(other.live_pid()), "the neighbour was killed"
    assert other.out("echo still") == "still\n"


def test_stranger_in_the_same_root(make_container, busybox):
    """A host process that has merely changed its root to the same directory is not the container's."""
    box = make_container(busybox)
    box.config["namespaces"] = []
    stranger = subprocess.Popen(["chroot", busybox, "/bin/sleep", "987"])
    try:
        assert box.exec("/bin/true").status == 0
        assert stranger.poll() is None, "killed with the container"
    finally:
        stranger.kill()
        stranger.wait(10)
    assert not leftovers.running("/bin/sleep 987")


@pytest.mark.parametrize("namespaces", [["NEWNET"], ["NEWNS", "NEWNET", "NEWPID"]], ids="+".join)
def test_stranger_who_entered_a_namespace(make_container, busybox, namespaces):
    """An administrator's nsenter into the container's network is not of the container's process tree."""
    box = make_container(busybox)
    box.config["namespaces"] = namespaces
    run = box.start()
    stranger = subprocess.Popen(["nsenter", "-t", str(box.live_pid()), "-n", "sleep", "986"])
    try:
        wait_until(lambda: proc.command_line(stranger.pid) == "sleep 986", what="nsenter")
        os.kill(box.live_pid(), signal.SIGKILL)
        assert run.wait().status == 137
        assert stranger.poll() is None, "killed with the container"
    finally:
        stranger.kill()
        stranger.wait(10)
