"""T14, T16, T17, T19: another container changes a shared volume while containers start on it."""
import os

import pytest

from runtime import no_mounts_at, until
from support import proc, rootfs
from support.terminal import Terminal
from test_hostile_rootfs import up

LOOK = "cat /proc/self/mountinfo; for d in /v/target /v/target/sub; do ls $d; cat $d/file; done 2>/dev/null; true"


@pytest.fixture
def volume(work):
    path = os.path.join(work, "volume")
    os.makedirs(path)
    return path


def attempts(box, canary, seconds, script, racers, timeout=20):
    """Starts as many containers as fit into the time; whatever they do, the outside is as it was."""
    ran = 0
    for _ in until(seconds):
        result = box.sh(script, timeout=timeout)
        assert "CANARY" not in result.out and "passwd" not in result.out.split(), result
        assert result.status == 0 or result.err.strip(), result
        assert not [mount for mount in proc.mount_list(result.out + "\n") if canary.path in mount.root], result
        ran += result.status == 0
        assert all(racer.working() for racer in racers)
    canary.check()
    no_mounts_at(canary.path)
    return ran


@pytest.mark.race
@pytest.mark.parametrize("link", ["relative", "absolute", "root"])
def test_t14_symlink_exchange(box, canary, racer, volume, seconds, link):
    """CVE-2021-30465: a mount point in a shared volume is swapped for a link."""
    os.makedirs(volume + "/target/sub")
    target = {"relative": up(volume, canary.path), "absolute": canary.path, "root": "/"}[link]
    os.symlink(target, volume + "/swap")
    os.symlink(target, volume + "/swap2")
    canary.reset()
    box.mount(volume, "/v")
    box.mount("tmpfs", "/v/target", "tmpfs")
    box.mount("tmpfs", "/v/target/sub", "tmpfs")
    racers = [racer("exchange", volume + "/target", volume + "/swap"),
              racer("exchange", volume + "/target", volume + "/swap2")]
    attempts(box, canary, seconds, LOOK, racers)


@pytest.mark.race
def test_t16_missing_mount_points(box, canary, racer, volume, seconds):
    """CVE-2024-45310: directories and files that the runtime makes are not made outside."""
    os.symlink(up(volume, canary.path), volume + "/swap")
    os.makedirs(volume + "/target")
    payload = os.path.join(volume, "payload")
    rootfs.write(payload, "payload\n")
    canary.reset()
    box.mount(volume, "/v")
    box.mount("tmpfs", "/v/target/new/deep", "tmpfs")
    box.mount(payload, "/v/target/new-file", "bind", "bind")
    box.mount("tmpfs", "/v/flip/new", "tmpfs")
    attempts(box, canary, seconds, LOOK, [racer("exchange", volume + "/target", volume + "/swap"),
                                          racer("flip", volume + "/flip", up(volume, canary.path))])


@pytest.mark.race
def test_t17_null_swapped(box, canary, racer, seconds):
    """CVE-2025-31133: the image's /dev/null, which masks could be made from, is by turns a device, a link and a file."""
    box.without_mount("/dev", "/dev/pts", "/dev/mqueue")
    rootfs.write(box.inside("/secret"), "SECRET\n")
    pattern = open("/proc/sys/kernel/core_pattern").read()
    box.linux["maskedPaths"] = ["/secret", "/proc/keys"]
    racers = [racer("swap", box.inside("/dev/null"), "/proc/sys/kernel/core_pattern")]
    script = "cat /secret; echo x >/secret; stat -c '%F %t:%T' /secret"
    for _ in until(seconds):
        result = box.sh(script)
        assert "SECRET" not in result.out, result
        if result.status == 0:
            assert result.out == "character special file 1:3\n", result
        assert open("/proc/sys/kernel/core_pattern").read() == pattern and racers[0].working()
    assert open(box.inside("/secret")).read() == "SECRET\n"


@pytest.mark.race
def test_t18_console_swapped(box, canary, racer, seconds):
    """CVE-2025-52565: what is bound on /dev/console is the new terminal, although pts is the image's."""
    box.without_mount("/dev", "/dev/mqueue")
    os.makedirs(box.inside("/dev/pts"))
    racers = [racer("swap", box.inside("/dev/console"), "/proc/sys/kernel/core_pattern"),
              racer("flip", box.inside("/dev/pts"), canary.path)]
    box.process["terminal"] = True
    box.process["args"] = ["/bin/cat", "/proc/self/mountinfo"]
    box.call("state", box.name)
    for _ in until(seconds):
        pattern = open("/proc/sys/kernel/core_pattern").read()
        with Terminal([box.rt, "--root", box.state, "run", box.name], cwd=box.directory) as terminal:
            text = terminal.read_all()
        # The racer may have taken the mount away again; but if there is one, it is the terminal's.
        bound = [mount for mount in proc.mount_list(text.replace("\r", "") + "\n") if mount.point.startswith("/dev/")]
        assert {mount.type for mount in bound} <= {"devpts", "devtmpfs"}, text
        assert open("/proc/sys/kernel/core_pattern").read() == pattern
    assert all(one.working() for one in racers)
    canary.check()


@pytest.mark.race
@pytest.mark.parametrize("place", ["proc", "sys", "dev"])
def test_t19_places_of_the_kernel_swapped(box, canary, racer, seconds, place):
    """CVE-2019-19921, CVE-2025-52881: the root file system is shared with somebody who moves /proc about; sysctls and
    masks go into a procfs that is one, or nowhere."""
    os.symlink(up(box.rootfs, canary.path), box.inside("/swap"))
    canary.reset()
    watched = ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/net/ipv4/ip_forward")
    before = [open(path).read() for path in watched]
    box.linux["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel.msgmax": "4242"}
    racers = [racer("exchange", box.inside(place), box.inside("/swap"))]
    script = "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax; stat -f -c %T /proc /sys"
    for _ in until(seconds):
        result = box.sh(script)
        assert "CANARY" not in result.out, result
        if result.status == 0:  # the racer may have moved the place with its mount away again
            assert set(result.out.split()) <= {"1", "4242", "proc", "sysfs", "ext2/ext3", "UNKNOWN", "tmpfs"}, result
        assert [open(path).read() for path in watched] == before
    assert racers[0].working()
    canary.check()
    no_mounts_at(canary.path)


@pytest.mark.race
def test_t19_mounts_moved(box, canary, racer, volume, seconds):
    """Somebody mounts and unmounts on the place in the volume that the runtime mounts on."""
    os.makedirs(volume + "/target/sub")
    box.mount(volume, "/v")
    box.mount("tmpfs", "/v/target/sub", "tmpfs")
    attempts(box, canary, seconds, "ls /v/target/sub", [racer("remount", volume + "/target", canary.path)])
