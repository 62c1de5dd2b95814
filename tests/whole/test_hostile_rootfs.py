"""The root file system is the attacker's: links out, FIFOs and loops where something is opened, made or mounted.

Whatever nsinit answers, the canary outside is neither read (access times) nor written nor mounted on, nothing
hangs, and a program that does run sees nothing of it.
"""
import os
import shutil
import subprocess
import sys

import pytest

from support import proc, rootfs

PLACES = ["proc", "sys", "dev", "dev/null", "dev/console", "dev/pts", "dev/shm", "dev/mqueue", "dev/ptmx", "dev/fd",
          "etc/passwd", "etc/group", "etc"]
LOOK = "cat /proc/self/mountinfo; for f in /trap /dev /proc /sys /etc /d; do cat $f/file $f/sub/file; done 2>/dev/null; true"


def up(root, target):
    """A relative link that climbs far above any root."""
    return "../" * 20 + target.lstrip("/")


def clear(path):
    if os.path.islink(path) or os.path.isfile(path):
        os.unlink(path)
    elif os.path.isdir(path):
        shutil.rmtree(path)
    os.makedirs(os.path.dirname(path), exist_ok=True)


def plant(root, place, kind, canary):
    """Puts a trap at place and returns what it points at."""
    path = os.path.join(root, place)
    clear(path)
    base = os.path.basename(place)
    target = canary.file(base) if os.path.exists(canary.file(base)) else canary.path
    if kind == "absolute":
        os.symlink(target, path)
    elif kind == "relative":
        os.symlink(up(root, target), path)
    elif kind == "chain":
        os.symlink("chain-1", path)
        os.symlink("/chain-2", os.path.join(os.path.dirname(path), "chain-1"))
        os.symlink(up(root, target), os.path.join(root, "chain-2"))
    elif kind == "dangling":
        os.symlink(canary.file("not-there"), path)
    elif kind == "dangling relative":
        os.symlink(up(root, canary.file("not-there")), path)
    elif kind == "loop":
        os.symlink(base, path)
    elif kind == "magic":
        os.symlink("/proc/self/root" + target, path)
    elif kind == "magic cwd":
        os.symlink("/proc/1/cwd", path)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "file":
        rootfs.write(path, "hello\n")
    elif kind == "socket":
        subprocess.run([sys.executable, "-c", "import os,socket,sys;os.chdir(sys.argv[1]);"
                        "socket.socket(socket.AF_UNIX).bind(sys.argv[2])", os.path.dirname(path), base],
                       check=True, timeout=10)
    canary.reset()


KINDS = ["absolute", "relative", "chain", "dangling", "dangling relative", "loop", "magic", "magic cwd", "fifo",
         "file", "socket"]


def check_result(result, canary):
    assert result.status in (0, 125, 126, 127), result
    assert "CANARY" not in result.out, result
    if result.status == 125:
        assert result.err.strip(), "refused without a word"
    mounts = proc.mount_list(result.out + "\n")
    outside = proc.within_file_system(canary.path)
    assert not [mount for mount in mounts if outside in mount.root], result
    if result.status == 0:  # then everything is where it belongs, and not somewhere outside
        assert {"proc", "sysfs", "devpts", "mqueue"} <= {mount.type for mount in mounts}, result
    assert not [mount for mount in proc.mount_list() if mount.point.startswith(canary.path)]
    canary.check()


@pytest.mark.rootfs_may_change
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", PLACES)
def test_trap(box, canary, place, kind):
    """T4, T13, T15, T20 of the catalogue."""
    plant(box.rootfs, place, kind, canary)
    box.config["user"] = "alice" if place.startswith("etc") else "root"
    box.config["tty"] = place in ("dev", "dev/console", "dev/pts", "dev/ptmx")
    before = rootfs.manifest(box.rootfs)
    result = box.sh(LOOK, timeout=10)
    check_result(result, canary)
    if kind not in ("file", "socket"):
        assert not rootfs.changes(before, rootfs.manifest(box.rootfs)), "the root file system was written to"
    if place.startswith("etc") and result.status == 0 and kind not in ("file",):
        assert box.exec("/bin/id", "-u").out.strip() != "6666", "the host's passwd was read"


@pytest.mark.rootfs_may_change
@pytest.mark.parametrize("kind", ["absolute", "relative", "chain", "magic"])
def test_passwd_link_is_resolved_inside(box, canary, kind):
    """A user that only the outside file knows does not exist."""
    plant(box.rootfs, "etc/passwd", kind, canary)
    box.config["user"] = "mallory"
    result = box.exec("/bin/id", "-u", timeout=10)
    assert result.status == 125 and "4242" not in result.out, result
    canary.check()


@pytest.mark.rootfs_may_change
def test_passwd_link_inside_the_root_works(box):
    os.rename(box.inside("/etc/passwd"), box.inside("/etc/passwd.real"))
    os.symlink("/etc/passwd.real", box.inside("/etc/passwd"))
    box.config["user"] = "alice"
    assert box.out("id -u") == "1000\n"


@pytest.mark.rootfs_may_change
@pytest.mark.parametrize("where", ["itself", "parent", "grandparent"])
@pytest.mark.parametrize("kind", ["absolute", "relative", "chain", "dangling", "dangling relative", "loop", "magic",
                                  "magic cwd", "fifo"])
@pytest.mark.parametrize("directory", [True, False], ids=["directory", "file"])
def test_mount_destination(box, canary, work, where, kind, directory):
    """T10: binds and tmpfs on destinations that are, or lie under, traps."""
    source = os.path.join(work, "source")
    os.makedirs(source)
    rootfs.write(source + "/file", "payload\n")
    os.makedirs(box.inside("/target"), exist_ok=True)
    destination = {"itself": "/trap", "parent": "/trap/sub", "grandparent": "/trap/sub/new/deep"}[where]
    plant(box.rootfs, "trap", kind, canary)
    box.config["mounts"] = [
        {"source": source if directory else source + "/file", "destination": destination, "writable": True},
        {"type": "tmpfs", "source": "tmpfs", "destination": destination + "-other"}]
    result = box.sh(LOOK, timeout=10)
    check_result(result, canary)
    if result.status == 0:
        assert [mount.type for mount in proc.mount_list(result.out) if mount.point.endswith("-other")] == ["tmpfs"]
        ours = proc.within_file_system(source)
        assert [mount for mount in proc.mount_list(result.out) if mount.root.startswith(ours)], result
    assert open(source + "/file").read() == "payload\n"


@pytest.mark.rootfs_may_change
@pytest.mark.parametrize("relative", [True, False])
def test_link_inside_an_earlier_mount(box, canary, work, relative):
    """T10: mount k's content redirects mount k+1."""
    volume = os.path.join(work, "volume")
    os.makedirs(volume)
    os.symlink(up(box.rootfs, canary.path) if relative else canary.path, volume + "/b")
    box.config["mounts"] = [{"source": volume, "destination": "/a", "writable": True},
                            {"type": "tmpfs", "source": "tmpfs", "destination": "/a/b"},
                            {"type": "tmpfs", "source": "tmpfs", "destination": "/a/b/sub"}]
    check_result(box.sh(LOOK), canary)


@pytest.mark.rootfs_may_change
@pytest.mark.parametrize("key", ["masked_paths", "readonly_paths"])
@pytest.mark.parametrize("kind", ["absolute", "relative", "chain", "magic", "loop", "fifo"])
def test_masked_paths_over_links(box, canary, key, kind):
    plant(box.rootfs, "trap", kind, canary)
    box.config[key] = ["/trap", "/trap/sub", "/trap/file"]
    check_result(box.sh(LOOK, timeout=10), canary)


@pytest.mark.rootfs_may_change
@pytest.mark.parametrize("kind", ["absolute", "relative", "chain", "dangling", "magic"])
def test_devices_through_links(box, canary, kind):
    plant(box.rootfs, "trap", kind, canary)
    box.config["devices"] = [{"path": "/trap/fuse", "type": "c", "major": 10, "minor": 229}]
    check_result(box.sh(LOOK), canary)


@pytest.mark.rootfs_may_change
@pytest.mark.parametrize("kind", ["absolute", "relative", "chain", "magic", "loop", "dangling"])
def test_working_dir_and_command_through_links(box, canary, kind):
    plant(box.rootfs, "trap", kind, canary)
    box.config["working_dir"] = "/trap"
    result = box.exec("/bin/sh", "-c", "readlink /proc/self/cwd; ls")
    assert canary.path not in result.out or result.status != 0, result
    assert "passwd" not in result.out.split()
    canary.check()
    box.config["working_dir"] = "/"
    box.config["environment"] = ["PATH=/trap:/bin"]
    assert box.exec("file").status in (125, 126, 127)
    canary.check()


@pytest.mark.rootfs_may_change
def test_every_place_at_once(box, canary):
    for place in ("proc", "sys", "dev", "etc", "tmp", "run", "var"):
        plant(box.rootfs, place, "relative", canary)
    check_result(box.sh(LOOK), canary)


@pytest.mark.rootfs_may_change
def test_dev_link_with_decoys(box, canary):
    """T20: /dev leads out to a directory that has a ptmx; nothing there is unlinked or made."""
    for kind in ("absolute", "relative"):
        clear(os.path.join(box.rootfs, "dev"))
        os.symlink(canary.path if kind == "absolute" else up(box.rootfs, canary.path), box.inside("/dev"))
        for tty in (False, True):
            box.config["tty"] = tty
            check_result(box.sh(LOOK), canary)


def evil_library(work, path):
    """A library whose constructor leaves a mark; any host program that loads it inside the root shows itself."""
    source = os.path.join(work, "evil.c")
    rootfs.write(source, '#include <fcntl.h>\n__attribute__((constructor)) static void mark(void)\n'
                         '{ open("/pwned", O_CREAT | O_WRONLY, 0600); open("/tmp/pwned", O_CREAT | O_WRONLY, 0600); }\n')
    os.makedirs(os.path.dirname(path), exist_ok=True)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", path, source], check=True, timeout=30)


@pytest.mark.rootfs_may_change
def test_hostile_nss(box, work):
    """T15: looking up a user loads nothing from the root."""
    rootfs.write(box.inside("/etc/nsswitch.conf"), "passwd: evil\ngroup: evil\n")
    for name in ("libnss_evil.so.2", "libnss_files.so.2", "gconv/UTF-16.so", "libc.so.6"):
        evil_library(work, box.inside("/lib/x86_64-linux-gnu/" + name))
    rootfs.write(box.inside("/etc/ld.so.preload"), "/lib/x86_64-linux-gnu/libnss_evil.so.2\n")
    box.config["user"] = "alice"
    for _ in ("start", "join"):
        assert box.exec("/bin/true", env={**os.environ, "LC_ALL": "xx_YY.UTF-16"}).status == 0
        assert not os.path.exists(box.inside("/pwned")) and not os.path.exists(box.inside("/tmp/pwned"))
        if _ == "start":
            box.start()


RACER = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
a, b = (os.path.join(sys.argv[1], name).encode() for name in ("target", "swap"))
while True:
    libc.renameat2(-100, a, -100, b, 2)
"""


@pytest.mark.rootfs_may_change
@pytest.mark.timeout(90)
def test_racing_links(box, canary, work):
    """T14: someone swaps a mount point in a shared volume for a link to the outside while containers start."""
    volume = os.path.join(work, "volume")
    os.makedirs(volume + "/target/sub")
    os.symlink(up(volume, canary.path), volume + "/swap")
    canary.reset()
    racer = subprocess.Popen([sys.executable, "-c", RACER, volume])
    try:
        box.config["mounts"] = [{"source": volume, "destination": "/v", "writable": True},
                                {"type": "tmpfs", "source": "tmpfs", "destination": "/v/target"},
                                {"type": "tmpfs", "source": "tmpfs", "destination": "/v/target/sub"}]
        ran = 0
        for _ in range(60):
            result = box.sh("ls /v/target /v/target/sub; cat /proc/self/mountinfo")
            assert result.status in (0, 125), result
            ran += result.status == 0
            assert "passwd" not in result.out.split(), result
        canary.check()
    finally:
        racer.kill()
        racer.wait(10)


@pytest.mark.parametrize("kind", ["fifo", "directory", "link to a fifo", "socket", "/dev/zero"])
def test_container_json_is_no_file(box, work, kind):
    """nsinit neither hangs nor reads without end."""
    path = box.path("container.json")
    box.write = lambda: None
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        os.mkdir(path)
    elif kind == "link to a fifo":
        os.mkfifo(box.path("real"))
        box.extra_files.add("real")
        os.symlink("real", path)
    elif kind == "/dev/zero":
        os.symlink("/dev/zero", path)
    else:
        plant(box.directory, "container.json", "socket", rootfs.Canary(os.path.join(work, "unused")))
    result = box.exec("/bin/true", timeout=5)
    assert result.status == 125 and "container.json" in result.err, result
    clear(path)
