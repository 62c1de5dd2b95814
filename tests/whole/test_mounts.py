"""What is mounted inside: the defaults, binds, other types, and that the host sees none of it."""
import os
import stat
import subprocess

import pytest

from support import proc


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True, timeout=10)


@pytest.fixture
def umounts():
    """Mount points of the test's own, unmounted at its end."""
    points = []
    yield points
    for point in reversed(points):
        subprocess.run(["umount", "-R", "-l", point], timeout=10, check=True)


@pytest.fixture
def source(work):
    """A host directory with a file and a subdirectory."""
    path = os.path.join(work, "source")
    os.makedirs(path + "/sub/deep")
    with open(path + "/file", "w") as file:
        file.write("hello\n")
    return path


def look(box):
    return proc.mounts(box.out("cat /proc/self/mountinfo"))


# ---- what is always there ----

def test_default_mounts(box):
    mounts = look(box)
    hard = {"nosuid", "nodev", "noexec"}
    assert mounts["/proc"].type == "proc" and mounts["/proc"].options >= hard | {"rw"}
    assert mounts["/sys"].type == "sysfs" and mounts["/sys"].options >= hard | {"ro"}
    assert mounts["/dev"].type == "tmpfs" and "nosuid" in mounts["/dev"].options
    assert mounts["/dev/pts"].type == "devpts" and {"nosuid", "noexec"} <= mounts["/dev/pts"].options
    assert {"gid=5", "mode=620", "ptmxmode=666"} <= mounts["/dev/pts"].super_options
    assert mounts["/dev/shm"].type == "tmpfs" and mounts["/dev/shm"].options >= hard
    assert "size=65536k" in mounts["/dev/shm"].super_options
    assert mounts["/dev/mqueue"].type == "mqueue" and mounts["/dev/mqueue"].options >= hard
    assert mounts["/"].point == "/"


def test_nothing_of_the_host_is_left(box):
    """Only the root and what the configuration asks for; the old root is gone, not just hidden."""
    points = [entry.point for entry in proc.mount_list(box.out("cat /proc/self/mountinfo"))]
    assert len([point for point in points if point == "/"]) == 1, points
    for point in points:
        assert point == "/" or point.startswith(("/proc", "/sys", "/dev")), points


def test_mounts_are_private_both_ways(box, work, umounts):
    """Our mount tree is shared here, as systemd leaves it."""
    run = box.start()
    before = len(proc.mount_list(box.live_pid()))
    assert not [entry for entry in proc.mount_list(box.live_pid())
                if any(tag.startswith("shared") for tag in entry.tags)]
    point = os.path.join(work, "late")
    os.mkdir(point)
    mount("-t", "tmpfs", "tmpfs", point)
    umounts.append(point)
    mount("-t", "tmpfs", "tmpfs", box.inside("/tmp"))
    umounts.append(box.inside("/tmp"))
    assert len(proc.mount_list(box.live_pid())) == before
    run.stop()


def test_device_nodes(box):
    names = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
    text = box.out("cd /dev; stat -c '%n %F %t %T %a %u' " + " ".join(names))
    for line in text.splitlines():
        words = line.split()
        major, minor = names[words[0]]
        assert (int(words[-4], 16), int(words[-3], 16)) == (major, minor), line
        assert words[-2:] == ["666", "0"] and "character" in line, line
    links = box.out("cd /dev; for n in ptmx fd stdin stdout stderr; do readlink $n; done").split()
    assert links[0] in ("pts/ptmx", "/dev/pts/ptmx")
    assert links[1:] == ["/proc/self/fd", "/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2"]
    listed = set(box.out("ls /dev").split())
    assert listed == set(names) | {"ptmx", "fd", "stdin", "stdout", "stderr", "pts", "shm", "mqueue"}


def test_devices_work(box):
    text = box.out("echo x > /dev/null; head -c 3 /dev/zero | wc -c; head -c 2 /dev/urandom | wc -c; "
                   "(echo x > /dev/full) 2>&1 | grep -o 'No space left'; echo out | cat /dev/stdin; "
                   "stat -c %a /dev/shm; touch /dev/shm/x && echo shm")
    assert text.split() == ["3", "2", "No", "space", "left", "out", "1777", "shm"]


def test_devpts_is_our_own(box):
    assert box.out("ls /dev/pts").split() == ["ptmx"]


def test_sys_is_read_only(box):
    assert "Read-only" in box.sh("echo 1 > /sys/kernel/uevent_seqnum").err or \
        "Read-only" in box.sh("mkdir /sys/fs/cgroup/x; touch /sys/x").err


def test_missing_mount_points_are_made(make_container, work):
    from support import rootfs
    root = rootfs.make_busybox(os.path.join(work, "bare"))
    for name in ("proc", "sys", "dev"):
        os.rmdir(os.path.join(root, name))
    box = make_container(root)
    assert look(box)["/proc"].type == "proc"
    assert not os.listdir(os.path.join(root, "dev")), "device nodes were written to disk"


# ---- binds ----

@pytest.mark.parametrize("writable", [True, False])
def test_bind_directory(box, source, writable):
    box.config["mounts"] = [{"source": source, "destination": "/mnt/data", "writable": writable}]
    assert box.out("cat /mnt/data/file") == "hello\n"
    result = box.sh("echo new > /mnt/data/new")
    if writable:
        assert result.status == 0 and open(source + "/new").read() == "new\n"
    else:
        assert "Read-only" in result.err and not os.path.exists(source + "/new"), result
    assert ("rw" if writable else "ro") in look(box)["/mnt/data"].options


@pytest.mark.parametrize("writable", [True, False])
def test_bind_file(box, source, writable):
    box.config["mounts"] = [{"source": source + "/file", "destination": "/etc/new/file", "writable": writable}]
    assert box.out("cat /etc/new/file") == "hello\n"
    result = box.sh("echo changed > /etc/new/file")
    assert open(source + "/file").read() == ("changed\n" if writable else "hello\n"), result
    assert os.path.getsize(box.inside("/etc/new/file")) == 0


def test_bind_over_existing_file(box, source):
    box.config["mounts"] = [{"source": source + "/file", "destination": "/etc/passwd", "writable": False}]
    assert box.out("cat /etc/passwd") == "hello\n"


@pytest.mark.parametrize("writable", [True, False])
def test_submounts(box, source, umounts, writable):
    """Recursive both ways: submounts come along, and read-only means them too."""
    for name, options in (("sub", "size=1m"), ("sub/deep", "size=1m,nosuid")):
        os.makedirs(f"{source}/{name}", exist_ok=True)
        mount("-t", "tmpfs", "-o", options, "tmpfs", f"{source}/{name}")
        if name == "sub":
            umounts.append(f"{source}/sub")
    box.config["mounts"] = [{"source": source, "destination": "/data", "writable": writable}]
    result = box.sh("cat /proc/self/mountinfo; for d in /data /data/sub /data/sub/deep; do touch $d/x; done")
    mounts = proc.mounts(result.out)
    for point in ("/data", "/data/sub", "/data/sub/deep"):
        assert ("rw" if writable else "ro") in mounts[point].options, mounts[point]
        assert os.path.exists(source + point[5:] + "/x") == writable, result
    assert "nosuid" in mounts["/data/sub/deep"].options, "flags of a submount were lost"


def test_private_stops_propagation(box, source, umounts):
    mount("--bind", source, source)
    umounts.append(source)
    mount("--make-shared", source)
    box.config["mounts"] = [{"source": source, "destination": "/data", "writable": True, "private": True}]
    box.start()
    mount("-t", "tmpfs", "tmpfs", source + "/sub")
    inside = proc.mounts(box.live_pid())
    assert "/data/sub" not in inside
    assert not [tag for tag in inside["/data"].tags if tag.startswith(("shared", "master"))]


def test_bind_destination_through_links_inside_the_root(box, source):
    os.makedirs(box.inside("/real/dir"))
    os.symlink("/real", box.inside("/absolute"))
    os.symlink("real/dir", box.inside("/relative"))
    box.take_manifest()
    box.config["mounts"] = [
        {"source": source, "destination": "/absolute/dir", "writable": False},
        {"type": "tmpfs", "destination": "/relative/sub"}, {"type": "tmpfs", "destination": "/absolute/new/made"}]
    mounts = look(box)
    assert {"/real/dir", "/real/dir/sub", "/real/new/made"} <= set(mounts), mounts


def test_mount_over_mount(box, source, work):
    os.makedirs(os.path.join(work, "other"))
    open(os.path.join(work, "other/second"), "w").close()
    box.config["mounts"] = [{"source": source, "destination": "/data"},
                            {"source": os.path.join(work, "other"), "destination": "/data/sub"}]
    assert box.out("ls /data/sub").split() == ["second"]


def test_bind_of_the_root_itself(box):
    box.config["mounts"] = [{"source": box.rootfs, "destination": "/tmp", "writable": False}]
    assert "busybox" in box.out("ls /tmp/bin/busybox")


def test_many_mounts(box, source):
    box.config["mounts"] = [{"source": source, "destination": f"/m/{i}", "writable": i % 2 == 0}
                            for i in range(200)]
    mounts = look(box)
    assert all(("rw" if i % 2 == 0 else "ro") in mounts[f"/m/{i}"].options for i in range(200))


def test_missing_source(box):
    box.config["mounts"] = [{"source": "/nonexistent/thing", "destination": "/data"}]
    box.refused("/mounts/0", "/nonexistent/thing", "no such file")


def test_directory_over_file(box, source):
    box.config["mounts"] = [{"source": source, "destination": "/etc/passwd"}]
    box.refused("/mounts/0", "/etc/passwd")


@pytest.mark.parametrize("destination", ["/../../../../etc", "/tmp/../../../../etc"])
def test_destination_with_dots_stays_inside(box, source, destination):
    box.config["mounts"] = [{"source": source, "destination": destination, "writable": False}]
    result = box.sh("cat /etc/file")
    assert result.status == 125 or result.out == "hello\n", result


# ---- other types ----

def test_tmpfs_with_options(box):
    box.config["mounts"] = [{"type": "tmpfs", "source": "tmpfs", "destination": "/run",
                             "options": ["size=1m", "mode=0710", "nosuid", "nodev", "noexec"]}]
    found = look(box)["/run"]
    assert found.type == "tmpfs" and {"nosuid", "nodev", "noexec"} <= found.options
    assert {"size=1024k", "mode=710"} <= found.super_options


def test_tmpfs_read_only(box):
    box.config["mounts"] = [{"type": "tmpfs", "destination": "/run", "options": ["ro"]}]
    assert "Read-only" in box.sh("touch /run/x").err


def test_overlay(box, work):
    for name in ("lower", "upper", "scratch"):
        os.mkdir(os.path.join(work, name))
    open(os.path.join(work, "lower/from-below"), "w").close()
    box.config["mounts"] = [{"type": "overlay", "source": "overlay", "destination": "/o", "options": [
        f"lowerdir={work}/lower", f"upperdir={work}/upper", f"workdir={work}/scratch"]}]
    assert box.out("touch /o/new; ls /o").split() == ["from-below", "new"]
    assert os.listdir(os.path.join(work, "upper")) == ["new"]


def test_proc_elsewhere(box):
    box.config["mounts"] = [{"type": "proc", "source": "proc", "destination": "/tmp/p"}]
    assert box.out("readlink /tmp/p/self")


@pytest.mark.parametrize("options, wanted", [
    (["bind", "ro"], {"ro"}), (["rbind", "nosuid", "nodev", "noexec", "noatime"],
                               {"rw", "nosuid", "nodev", "noexec", "noatime"}), (["bind", "rw"], {"rw"})])
def test_bind_with_options(box, source, options, wanted):
    box.config["mounts"] = [{"type": "bind", "source": source, "destination": "/data", "options": options}]
    assert look(box)["/data"].options >= wanted


def test_plain_bind_leaves_submounts_out(box, source, umounts):
    mount("-t", "tmpfs", "tmpfs", source + "/sub")
    umounts.append(source + "/sub")
    box.config["mounts"] = [{"type": "bind", "source": source, "destination": "/data", "options": ["bind"]}]
    assert "/data/sub" not in look(box)


def test_unknown_file_system(box):
    box.config["mounts"] = [{"type": "magicfs", "source": "x", "destination": "/data"}]
    box.refused("/mounts/0", "magicfs")


def test_bad_option_of_a_file_system(box):
    box.config["mounts"] = [{"type": "tmpfs", "destination": "/run", "options": ["nonsense=1"]}]
    box.refused("/mounts/0")


# ---- masked, read-only ----

def test_masked_and_readonly_paths(box):
    box.add_file("/secret/file", "secret\n")
    box.add_file("/kept/file", "kept\n")
    os.symlink("/secret", box.inside("/way"))
    box.take_manifest()
    box.config["masked_paths"] = ["/secret/file", "/proc/fs", "/missing", "/way/missing"]
    box.config["readonly_paths"] = ["/kept", "/proc/sys", "/missing"]
    result = box.sh("cat /secret/file; ls /proc/fs; cat /kept/file; echo x > /kept/file; "
                    "echo 1 > /proc/sys/net/ipv4/ip_forward; touch /proc/fs/x; echo x > /secret/file")
    assert result.out == "kept\n", result
    assert result.err.count("Read-only") >= 3, result
    assert open(box.inside("/secret/file")).read() == "secret\n"


def test_masked_directory(box):
    box.add_file("/secret/file", "secret\n")
    box.config["masked_paths"] = ["/secret"]
    result = box.sh("ls -A /secret; touch /secret/new")
    assert result.out == "" and result.status != 0, result


def test_default_masks(box):
    """No keys: what must not be seen or changed of the kernel is not. Empty lists: it is."""
    look_at = "for f in kcore keys timer_list sched_debug; do test -e /proc/$f && echo $f $(head -c 1 /proc/$f | wc -c); " \
              "done; echo h > /proc/sysrq-trigger; echo 1 > /proc/sys/net/ipv4/ip_forward; true"
    result = box.sh(look_at)
    assert "1" not in [line.split()[1] for line in result.out.splitlines()], result
    assert result.err.count("Read-only") == 1 + os.path.exists("/proc/sysrq-trigger"), result
    box.config.update(masked_paths=[], readonly_paths=[])
    result = box.sh("echo 1 > /proc/sys/net/ipv4/ip_forward && cat /proc/sys/net/ipv4/ip_forward")
    assert result.out == "1\n", result


# ---- the root ----

def test_readonly_fs(box, source):
    box.config["readonly_fs"] = True
    box.config["mounts"] = [{"source": source, "destination": "/mnt/data", "writable": True}]
    result = box.sh("touch /x; touch /tmp/x; echo x > /dev/null && touch /dev/shm/x && touch /mnt/data/x && echo fine")
    assert result.err.count("Read-only") == 2 and result.out == "fine\n", result
    assert os.path.exists(source + "/x")
    box.start()
    assert "Read-only" in box.sh("touch /x").err


def test_no_pivot_root(umounts, make_container, busybox_master, work, tool, canary):
    root = os.path.join(work, "ram")
    os.mkdir(root)
    mount("-t", "tmpfs", "tmpfs", root)
    umounts.append(root)
    subprocess.run(["cp", "-a", busybox_master + "/.", root], check=True, timeout=10)
    box = make_container(root)
    box.add_file("/bin/helper", open(tool("helper"), "rb").read(), 0o755)
    box.config["no_pivot_root"] = True
    assert box.out("ls -d /bin /../../bin; echo $$").split() == ["/../../bin", "/bin", "1"]
    assert box.exec("/bin/helper", "escape", canary.file()).out == "still inside\n"
    assert set(box.exec("/bin/helper", "unshared", canary.file()).out.splitlines()) == {"still inside"}
    box.start()
    assert box.exec("/bin/helper", "escape", canary.file()).out == "still inside\n"
    assert box.out("ls -d /bin").split() == ["/bin"]


@pytest.mark.parametrize("no_pivot", [False, True])
def test_no_whole_proc_lies_below_the_root(box, no_pivot):
    """Who found one could mount his own, with nothing masked in it."""
    box.config["no_pivot_root"] = no_pivot
    result = box.exec("/bin/busybox", "unshare", "-mrpf", "/bin/busybox", "mount", "-t", "proc", "none", "/proc")
    assert result.status == 1 and "permission denied" in result.err, result


def test_chroot_escape_finds_nothing(box, tool, canary):
    box.add_file("/bin/helper", open(tool("helper"), "rb").read(), 0o755)
    for _ in ("start", "join"):
        for way in ("escape", "unshared"):
            assert set(box.exec("/bin/helper", way, canary.file()).out.splitlines()) == {"still inside"}
        if _ == "start":
            box.start()


def test_extra_devices(box):
    box.config["devices"] = [
        {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "mode": "0660", "uid": 5, "gid": 6},
        {"path": "/dev/deep/block", "type": "b", "major": 7, "minor": 1}]
    text = box.out("stat -c '%t %T %a %u %g' /dev/fuse; stat -c '%F %t %T' /dev/deep/block")
    assert text.splitlines() == ["a e5 660 5 6", "block special file 7 1"], text
    assert not os.path.exists(box.inside("/dev/fuse"))


def test_sysctl(box):
    box.config["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel/shmmax": "12345678"}
    assert box.out("cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmax").split() == ["1", "12345678"]
    with open("/proc/sys/kernel/shmmax") as file:
        assert file.read().strip() != "12345678"


@pytest.mark.parametrize("key, namespaces", [
    ("kernel.core_pattern", None), ("kernel/../vm/overcommit_memory", None), ("vm.overcommit_memory", None),
    ("net.ipv4.ip_forward", ["NEWNS", "NEWPID"]), ("kernel.shmmax", ["NEWNS", "NEWNET"]),
    ("net/../kernel/core_pattern", None), ("kernel.+x", None), ("", None), ("net.ipv4.no_such_thing", None),
    ("/kernel/core_pattern", None), ("net...kernel.core_pattern", None)])
def test_sysctls_of_the_host_are_refused(box, key, namespaces):
    """T31."""
    host = [open(f"/proc/sys/{name}").read() for name in ("kernel/core_pattern", "vm/overcommit_memory",
                                                          "net/ipv4/ip_forward", "kernel/shmmax")]
    if namespaces:
        box.config["namespaces"] = namespaces
    box.config["sysctl"] = {key: "7"}
    box.refused("/sysctl")
    assert host == [open(f"/proc/sys/{name}").read() for name in ("kernel/core_pattern", "vm/overcommit_memory",
                                                                  "net/ipv4/ip_forward", "kernel/shmmax")]


def test_rootfs_on_disk_stays_as_it_was(box):
    box.config["tty"] = True
    box.config["hostname"] = "koye"
    assert box.sh("true").status == 0
    for name in ("dev", "proc", "sys"):
        for entry in os.listdir(box.inside(name)):
            info = os.lstat(box.inside(f"{name}/{entry}"))
            assert stat.S_ISDIR(info.st_mode) or info.st_size == 0
