"""Mounts that change what is there: remount, a tmpfs with a copy of what it hides, ids mapped, propagation."""
import os
import socket
import stat
import subprocess

import pytest

from support import proc


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True, timeout=10)


@pytest.fixture
def tree(work):
    """A host directory that is a mount of its own, shared, with a file, a directory and a submount."""
    path = os.path.join(work, "tree")
    os.makedirs(path)
    mount("-t", "tmpfs", "-o", "size=1m", "tree", path)
    mount("--make-shared", path)
    os.makedirs(path + "/sub")
    mount("-t", "tmpfs", "-o", "size=1m", "sub", path + "/sub")
    os.makedirs(path + "/late")
    with open(path + "/file", "w") as file:
        file.write("hello\n")
    yield path
    subprocess.run(["umount", "-R", "-l", path], timeout=10, check=True)


def user_namespace(box, first=100000):
    box.config["namespaces"] = [*box.config["namespaces"], "NEWUSER"]
    box.config["uid_mappings"] = [{"container_id": 0, "host_id": first, "size": 65536}]
    box.config["gid_mappings"] = [{"container_id": 0, "host_id": first, "size": 65536}]


def look(box):
    return proc.mounts(box.out("cat /proc/self/mountinfo"))


# ---- remount ----

def test_remount_of_a_default_mount(box):
    box.config["mounts"] = [{"destination": "/dev/shm", "options": ["remount", "bind", "ro"]}]
    found = look(box)["/dev/shm"]
    assert "ro" in found.options and {"nosuid", "nodev", "noexec"} <= found.options, "others were lost"
    assert "Read-only" in box.sh("touch /dev/shm/x").err


def test_remount_of_the_file_system(box):
    box.config["mounts"] = [{"type": "tmpfs", "destination": "/dev/shm", "options": ["remount", "size=1m", "sync"]}]
    found = look(box)["/dev/shm"]
    assert "size=1024k" in found.super_options and "sync" in found.super_options, found
    assert {"nosuid", "nodev", "noexec", "rw"} <= found.options


def test_remount_recursively(box, tree):
    box.config["mounts"] = [{"source": tree, "destination": "/data", "writable": True},
                            {"destination": "/data", "options": ["remount", "rbind", "rro"]}]
    mounts = look(box)
    assert "ro" in mounts["/data"].options and "ro" in mounts["/data/sub"].options


def test_remount_where_nothing_is_mounted(box):
    box.config["mounts"] = [{"destination": "/etc", "options": ["remount", "bind", "ro"]}]
    box.refused("/mounts/0", "/etc", "mounted there")


# ---- tmpcopyup ----

def copied(box, *options):
    box.config["mounts"] = [{"type": "tmpfs", "destination": "/data", "options": ["tmpcopyup", *options]}]


@pytest.mark.rootfs_may_change
def test_copy_up_keeps_every_kind(box, canary):
    top = box.inside("/data")
    os.makedirs(top + "/d/e")
    os.chmod(top, 0o2751)
    os.chown(top, 7, 8)
    with open(top + "/d/e/file", "w") as file:
        file.write("x" * 100000)
    os.chown(top + "/d/e/file", 1000, 1001)
    os.chmod(top + "/d/e/file", 0o4711)
    os.setxattr(top + "/d/e/file", "trusted.test", b"value")
    os.utime(top + "/d", (1000000000, 1000000000))
    os.symlink(canary.path, top + "/out")
    os.symlink("/proc/self/root" + canary.path, top + "/magic")
    os.mkfifo(top + "/fifo", 0o600)
    os.mknod(top + "/null", stat.S_IFCHR | 0o640, os.makedev(1, 3))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(top + "/socket")
    canary.reset()
    copied(box)
    text = box.out("cd /data; stat -c '%n %a %u %g %F %Y' . d d/e/file; readlink out; readlink magic; sha256sum < d/e/file; "
                   "stat -c '%n %F' fifo null socket; echo > d/e/file; grep ' /data ' /proc/self/mountinfo")
    assert ". 2751 7 8 directory" in text, text
    assert "d/e/file 4711 1000 1001 regular file" in text and "d 755 0 0 directory 1000000000" in text, text
    assert canary.path in text.split() and "/proc/self/root" + canary.path in text.split()
    assert "fifo fifo" in text and "null character special file" in text and "socket socket" in text
    assert " tmpfs " in text
    assert os.path.getsize(top + "/d/e/file") == 100000, "what lies below was written to"
    canary.check()


@pytest.mark.rootfs_may_change
def test_copy_up_read_only_and_with_a_mode(box):
    os.makedirs(box.inside("/data"))
    open(box.inside("/data/file"), "w").close()
    copied(box, "ro", "mode=0700")
    result = box.sh("ls /data; stat -c %a /data; touch /data/new")
    assert result.out.split() == ["file", "700"] and "Read-only" in result.err


@pytest.mark.rootfs_may_change
def test_copy_up_does_not_outgrow_its_size(box):
    os.makedirs(box.inside("/data"))
    with open(box.inside("/data/big"), "wb") as file:
        file.truncate(1 << 40)
    copied(box, "size=1m")
    box.refused("/mounts/0", "/data (tmpcopyup): big", "No space left")


@pytest.mark.rootfs_may_change
def test_copy_up_of_a_deep_tree_ends(box):
    path = box.inside("/data")
    for _ in range(260):
        path += "/d"
    os.makedirs(path)
    copied(box)
    box.refused("/mounts/0", "tmpcopyup")


@pytest.mark.rootfs_may_change
def test_copy_up_of_a_directory_that_is_a_link(box, canary):
    os.symlink(canary.path, box.inside("/data"))
    copied(box)
    result = box.sh("ls -A /data/")
    assert result.status == 125 or result.out == "", result
    canary.check()


# ---- ids mapped ----

@pytest.mark.parametrize("option, below", [("idmap", "65534"), ("ridmap", "0")])
def test_idmap(box, tree, option, below):
    if tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2]) < (6, 3):
        pytest.skip("before Linux 6.3 a tmpfs cannot have its ids mapped")
    user_namespace(box)
    box.config["mounts"] = [{"source": tree, "destination": "/data", "options": ["rbind", option]}]
    text = box.out("cd /data; stat -c '%n %u %g' . file sub; echo > new")
    assert text.splitlines() == [". 0 0", "file 0 0", f"sub {below} {below}"], text
    st = os.stat(tree + "/new")
    assert (st.st_uid, st.st_gid) == (0, 0), "what is written inside belongs to the same id on disk"


def test_without_idmap_the_ids_are_nobody(box, tree):
    user_namespace(box)
    box.config["mounts"] = [{"source": tree, "destination": "/data", "options": ["rbind"]}]
    assert box.out("stat -c %u /data/file") == "65534\n"


# ---- propagation ----

def test_nothing_of_a_user_namespace_reaches_the_host(box, tree):
    """What the parent hands in has been a peer of the host's mount."""
    user_namespace(box)
    box.config["mounts"] = [{"source": tree, "destination": "/data", "options": ["rbind"]}]
    text = box.out("grep ' /data ' /proc/self/mountinfo; mount -t tmpfs x /data/late && echo mounted")
    assert "mounted" in text and "shared:" not in text, text
    assert not os.path.ismount(tree + "/late")


def test_a_slave_can_be_shared(box, tree):
    box.config["mounts"] = [{"source": tree, "destination": "/data", "options": ["rbind", "rslave", "rshared"]}]
    tags = look(box)["/data"].tags
    assert any(tag.startswith("shared:") for tag in tags) and any(tag.startswith("master:") for tag in tags)


def test_private_with_a_read_only_top(box, tree):
    """Recursion of the one is not recursion of the other."""
    box.config["mounts"] = [{"source": tree, "destination": "/data", "options": ["rbind", "ro", "rprivate"]}]
    mounts = look(box)
    assert "ro" in mounts["/data"].options and "rw" in mounts["/data/sub"].options
    assert not mounts["/data"].tags and not mounts["/data/sub"].tags
