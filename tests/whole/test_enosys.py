"""Older kernels: a seccomp filter answers ENOSYS to one new system call at a time, and containers work all the same."""
import os
import subprocess

import pytest

from support import isolation, proc
from support.container import FIVE

MISSING = {
    "openat2": "openat2", "clone3": "clone3", "close_range": "close_range", "mount API": "open_tree,move_mount,fsopen,"
    "fsconfig,fsmount,fspick,mount_setattr", "mount_setattr": "mount_setattr", "open_tree": "open_tree",
    "fsopen": "fsopen,fsconfig,fsmount", "pidfd_open": "pidfd_open", "pidfd_send_signal": "pidfd_send_signal",
    "pidfd": "pidfd_open,pidfd_send_signal,pidfd_getfd",
    "all of them": "openat2,clone3,close_range,open_tree,move_mount,fsopen,fsconfig,fsmount,fspick,mount_setattr,"
                   "pidfd_open,pidfd_send_signal,pidfd_getfd",
}
pytestmark = [pytest.mark.slow, pytest.mark.parametrize("missing", list(MISSING))]


@pytest.fixture
def old(box, tool, missing):
    """box, but nsinit runs under the filter."""
    enosys, calls, nsinit = tool("enosys"), MISSING[missing], box.nsinit
    wrapper = box.path("old-nsinit")
    with open(wrapper, "w") as file:
        file.write(f'#!/bin/sh\nexec {enosys} {calls} {nsinit} "$@"\n')
    os.chmod(wrapper, 0o755)
    box.extra_files.add("old-nsinit")
    box.nsinit = wrapper
    return box


def test_five_namespaces(old):
    run = old.start()
    mine, theirs = proc.namespaces("self"), proc.namespaces(old.live_pid())
    for key in FIVE:
        assert mine[proc.NAMESPACES[key]] != theirs[proc.NAMESPACES[key]]
    assert old.out("echo $$ | grep -v '^1$' > /dev/null && hostname > /dev/null; echo joined") == "joined\n"
    assert old.sh("exit 5").status == 5
    assert set(proc.fds(old.live_pid())) == {0, 1, 2}
    os.kill(old.live_pid(), 9)
    assert run.wait().status == 137


def test_all_namespaces(old, missing):
    """A kernel without clone3 has no time namespaces either; asking for one is then refused."""
    old.config["namespaces"] = FIVE + ["NEWUSER", "NEWCGROUP", "NEWTIME"]
    if "clone3" in MISSING[missing]:
        old.config["namespaces"].remove("NEWTIME")
    old.config["uid_mappings"] = old.config["gid_mappings"] = [{"container_id": 0, "host_id": 0, "size": 65536}]
    result = old.sh("id -u; for n in user cgroup time; do readlink /proc/self/ns/$n; done")
    assert result.status == 0, result
    mine = proc.namespaces("self")
    assert result.out.split()[0] == "0"
    inside = dict(zip(("user", "cgroup", "time"), result.out.split()[1:]))
    for kind in ("user", "cgroup") + (("time",) if "NEWTIME" in old.config["namespaces"] else ()):
        assert inside[kind] != mine[kind], result


def test_time_namespace_needs_clone3(old, missing):
    old.config["namespaces"] = FIVE + ["NEWTIME"]
    result = old.exec("/bin/true")
    assert result.status == (125 if "clone3" in MISSING[missing] else 0), result
    assert not result.status or "/namespaces" in result.err and "clone3" in result.err, result


def test_mounts(old, work):
    source = os.path.join(work, "source")
    os.makedirs(source + "/sub")
    isolation.run("mount", "-t", "tmpfs", "tmpfs", source + "/sub")
    try:
        old.config["mounts"] = [{"source": source, "destination": "/ro", "writable": False},
                                {"source": source, "destination": "/rw", "writable": True, "private": True},
                                {"type": "tmpfs", "destination": "/t", "options": ["size=1m", "nosuid", "nodev"]}]
        result = old.sh("cat /proc/self/mountinfo; touch /ro/x; touch /ro/sub/x; touch /rw/sub/y && echo written; "
                        "echo 1 > /proc/sys/net/ipv4/ip_forward")
        mounts = proc.mounts(result.out)
        assert "ro" in mounts["/ro"].options and "ro" in mounts["/ro/sub"].options, result
        assert {"nosuid", "nodev"} <= mounts["/t"].options and "size=1024k" in mounts["/t"].super_options
        assert {"nosuid", "nodev", "noexec"} <= mounts["/proc"].options and "ro" in mounts["/sys"].options
        assert "ptmxmode=666" in mounts["/dev/pts"].super_options
        assert "written" in result.out and result.err.count("Read-only") == 3, result
    finally:
        isolation.run("umount", source + "/sub")


def test_readonly_root(old):
    old.config["readonly_fs"] = True
    old.config["masked_paths"] = ["/etc/passwd", "/home"]
    result = old.sh("touch /x; cat /etc/passwd; ls /home; echo end")
    assert result.out == "end\n" and "Read-only" in result.err, result


def test_identity(old):
    old.config.update(user="alice", capabilities=["KILL"], no_new_privileges=True, umask="0077",
                      rlimits=[{"type": "RLIMIT_NOFILE", "soft": 30, "hard": 40}])
    for _ in ("start", "join"):
        status = proc.status(old.out("cat /proc/self/status"))
        assert (status["Uid"].split()[0], status["CapBnd"], status["NoNewPrivs"]) == ("1000", "%016x" % 32, "1")
        if _ == "start":
            old.start()


def test_network_and_cgroups(old, group_parent):
    for command in ("link add lcold0 type bridge", "addr add 10.125.0.1/24 dev lcold0", "link set lcold0 up"):
        isolation.run("ip", *command.split())
    try:
        old.config["networks"] = [{"type": "veth", "address": "10.125.0.2/24", "gateway": "10.125.0.1",
                                   "context": {"bridge": "lcold0"}}]
        old.config["cgroups"] = {"parent": group_parent, "name": "old", "memory": 1 << 27, "pids_limit": 50}
        text = old.out("ping -c 1 -w 3 10.125.0.1; cat /proc/self/cgroup")
        assert "1 packets received" in text and f"/{group_parent}/old" in text, text
        old.start()
        assert f"/{group_parent}/old" in old.out("cat /proc/self/cgroup")
        old.stop_all()
        assert old.state()["status"] == "stopped"
    finally:
        isolation.run("ip", "link", "del", "lcold0")


def test_tty_and_signals(old):
    old.config["tty"] = True
    assert old.out("tty").strip() in ("/dev/console", "/dev/pts/0")
    old.config["tty"] = False
    run = old.start("trap 'exit 7' TERM; echo ready; while :; do sleep 0.02; done")
    run.signal(15)
    assert run.wait(5).status == 7
    run = old.start()
    run.signal(9)
    run.process.wait(5)
    assert old.state()["status"] == "stopped"


def test_hostile_links(old, canary):
    os.rmdir(old.inside("/tmp"))
    os.symlink("../" * 20 + canary.path.lstrip("/"), old.inside("/tmp"))
    os.symlink(canary.path, old.inside("/absolute"))
    canary.reset()
    old.rootfs_may_change = True
    for destination in ("/tmp/sub", "/absolute/sub", "/tmp/new/deep", "/tmp"):
        old.config["mounts"] = [{"type": "tmpfs", "destination": destination}]
        result = old.sh("cat /tmp/file /absolute/file 2>/dev/null; true", timeout=10)
        assert result.status in (0, 125) and "CANARY" not in result.out, result
        canary.check()


def test_errors_are_the_same(old):
    assert old.exec("/bin/missing").status == 127
    old.config["mounts"] = [{"source": "/nonexistent", "destination": "/x"}]
    old.refused("/mounts/0", "/nonexistent")


def test_without_newpid(old, tool):
    old.config["namespaces"] = ["NEWNS"]
    old.add_file("/bin/helper", open(tool("helper"), "rb").read(), 0o755)
    assert old.exec("/bin/helper", "stubborn", "5").status == 5
    assert subprocess.run(["true"], timeout=5).returncode == 0
