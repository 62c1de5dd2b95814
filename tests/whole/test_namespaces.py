"""Which namespaces are new, which are the host's, and what that means for the processes inside."""
import os
import subprocess

import pytest

from support import leftovers, proc
from support.container import FIVE, PATH

ALL = list(proc.NAMESPACES)
SUBSETS = [
    ["NEWNS"], ["NEWNS", "NEWPID"], ["NEWNS", "NEWUTS"], ["NEWNS", "NEWIPC"], ["NEWNS", "NEWNET"],
    ["NEWNS", "NEWCGROUP"], ["NEWNS", "NEWTIME"], ["NEWNS", "NEWPID", "NEWTIME"], ["NEWNS", "NEWPID", "NEWIPC"],
    FIVE, FIVE + ["NEWCGROUP"], FIVE + ["NEWCGROUP", "NEWTIME"], list(reversed(FIVE)),
]
WITHOUT_MOUNTS = [["NEWUTS"], ["NEWIPC"], ["NEWPID"], ["NEWNET"], ["NEWCGROUP"], ["NEWTIME"], ["NEWUTS", "NEWIPC"], []]


def check_from_outside(container, wanted):
    pid = container.live_pid()
    mine, theirs = proc.namespaces("self"), proc.namespaces(pid)
    for key, kind in proc.NAMESPACES.items():
        if key in wanted:
            assert theirs[kind] != mine[kind], f"{kind} is the host's"
        else:
            assert theirs[kind] == mine[kind], f"{kind} is not the host's"
    return pid


@pytest.mark.parametrize("wanted", SUBSETS, ids="+".join)
def test_inodes(box, wanted):
    box.config["namespaces"] = wanted
    run = box.start()
    pid = check_from_outside(box, wanted)
    inside = box.out("for n in mnt uts ipc pid net user cgroup time; do readlink /proc/self/ns/$n; done").split()
    assert inside == list(proc.namespaces(pid).values()), "a joined process is somewhere else"
    os.kill(pid, 9)
    assert run.wait().status == 137


@pytest.mark.parametrize("wanted", WITHOUT_MOUNTS, ids=lambda names: "+".join(names) or "none")
def test_without_newns(box, wanted):
    """No mount may be made then: the leftovers check sees any. The root is the root all the same."""
    box.config["namespaces"] = wanted
    before = sorted(map(repr, proc.mount_list()))
    run = box.start()
    pid = check_from_outside(box, wanted)
    assert sorted(map(repr, proc.mount_list())) == before
    assert os.path.samestat(os.stat(f"/proc/{pid}/root"), os.stat(box.rootfs))
    joined = box.sh("ls / | head -n 1; test -e /var/tmp/libcontainer-tests || echo inside")
    assert joined.status == 0 and joined.out.split() == ["bin", "inside"], joined
    os.kill(pid, 9)
    assert run.wait().status == 137


def test_no_newns_cannot_leave_the_root(box, tool, canary):
    box.config["namespaces"] = ["NEWPID"]
    box.config["capabilities_mask"] = ["SYS_CHROOT"]
    helper = open(tool("helper"), "rb").read()
    box.add_file("/bin/helper", helper, 0o755)
    result = box.exec("/bin/helper", "escape", canary.file())
    assert "escaped" not in result.out


def user_config(box, size=65536):
    box.config["namespaces"] = FIVE + ["NEWUSER"]
    box.config["uid_mappings"] = [{"container_id": 0, "host_id": 100000, "size": size}]
    box.config["gid_mappings"] = [{"container_id": 0, "host_id": 200000, "size": size}]
    for path, directories, files in os.walk(box.rootfs):
        for name in ["", *files]:
            os.chown(os.path.join(path, name), 100000, 200000, follow_symlinks=False)
    box.take_manifest()


def test_user_namespace(box):
    user_config(box)
    run = box.start()
    pid = check_from_outside(box, FIVE + ["NEWUSER"])
    outside = proc.status(pid)
    assert outside["Uid"].split() == ["100000"] * 4
    assert outside["Gid"].split() == ["200000"] * 4
    with open(f"/proc/{pid}/uid_map") as file:
        assert file.read().split() == ["0", "100000", "65536"]
    with open(f"/proc/{pid}/gid_map") as file:
        assert file.read().split() == ["0", "200000", "65536"]
    text = box.out("id -u; id -g; touch /tmp/mine; stat -c '%u %g' /tmp/mine; rm /tmp/mine; echo x > /dev/null; "
                   "stat -c %u /dev/mqueue /dev/shm /proc/sys/net/ipv4/ip_forward; hostname; "
                   "for n in mnt uts ipc pid net user; do readlink /proc/self/ns/$n; done")
    lines = text.splitlines()
    assert lines[:3] == ["0", "0", "0 0"], text
    assert lines[3:6] == ["0", "0", "0"], f"mqueue, shm or net sysctl files belong to nobody: {text}"
    assert lines[-6:] == [proc.namespace(pid, kind) for kind in ("mnt", "uts", "ipc", "pid", "net", "user")]
    os.kill(pid, 9)
    assert run.wait().status == 137


def test_user_namespace_other_users(box):
    user_config(box)
    box.config["user"] = "alice"
    assert box.out("id -u; id -g; grep Groups /proc/self/status").split()[:5] == ["1000", "1000", "Groups:",
                                                                                      "10", "100"]
    run = box.start()
    assert proc.status(box.live_pid())["Uid"].split() == ["101000"] * 4
    run.stop()


def test_user_namespace_several_mappings(box):
    user_config(box)
    box.config["uid_mappings"] = [{"container_id": 0, "host_id": 100000, "size": 1},
                                  {"container_id": 1000, "host_id": 300000, "size": 10}]
    box.config["user"] = "1003"
    run = box.start()
    assert proc.status(box.live_pid())["Uid"].split() == ["300003"] * 4
    run.stop()
    box.config["user"] = "999"
    box.state()
    box.refused("999", "/user", "uid_mappings")


def test_user_namespace_is_no_host_root(box, work):
    """Root inside is nobody outside: a host file of root's stays shut, whatever capabilities it has inside."""
    user_config(box)
    secret = os.path.join(work, "secret")
    with open(secret, "w") as file:
        file.write("secret\n")
    os.chmod(secret, 0o600)
    box.config["mounts"] = [{"source": secret, "destination": "/tmp/secret", "writable": True}]
    result = box.sh("id -u; cat /tmp/secret; echo x > /tmp/secret")
    assert "secret\n" not in result.out and open(secret).read() == "secret\n", result


def test_mappings_need_newuser(box):
    box.config["uid_mappings"] = [{"container_id": 0, "host_id": 100000, "size": 10}]
    box.refused("uid_mappings", "NEWUSER")


@pytest.mark.parametrize("enabled", [True, False])
def test_object_form(box, enabled):
    box.config["namespaces"] = [
        {"key": "NEWNS", "value": 131072, "file": "mnt", "enabled": True},
        {"key": "NEWPID", "value": 536870912, "file": "pid"},
        {"key": "NEWUTS", "value": 67108864, "file": "uts", "enabled": enabled},
    ]
    run = box.start()
    check_from_outside(box, ["NEWNS", "NEWPID"] + (["NEWUTS"] if enabled else []))
    run.stop()


def test_newnet_without_networks_has_lo_up(box):
    text = box.out("ip -o link; ip -o addr; ping -c 1 -w 2 127.0.0.1")
    assert "lo:" in text and "UP" in text and "127.0.0.1/8" in text and "1 packets received" in text
    assert text.count("link/") == text.count("link/loopback")


def test_without_newnet_it_is_the_hosts(box):
    box.config["namespaces"] = ["NEWNS", "NEWPID"]
    subprocess.run(["ip", "link", "add", "lcseen", "type", "bridge"], check=True, timeout=10)
    try:
        assert "lcseen" in box.out("ip -o link")
    finally:
        subprocess.run(["ip", "link", "del", "lcseen"], check=True, timeout=10)


def test_netns_strategy(box):
    subprocess.run(["ip", "netns", "add", "lc-other"], check=True, timeout=10)
    try:
        subprocess.run(["ip", "-n", "lc-other", "link", "add", "marker0", "type", "bridge"], check=True, timeout=10)
        box.config["networks"] = [{"type": "netns", "context": {"nspath": "/run/netns/lc-other"}}]
        run = box.start()
        assert os.stat(f"/proc/{box.live_pid()}/ns/net").st_ino == os.stat("/run/netns/lc-other").st_ino
        assert "marker0" in box.out("ip -o link")
        run.stop()
        assert box.state()["status"] == "stopped"
        assert "marker0" in subprocess.run(["ip", "-n", "lc-other", "-o", "link"], capture_output=True, text=True,
                                           timeout=10).stdout, "what we did not make is gone"
    finally:
        subprocess.run(["ip", "netns", "del", "lc-other"], check=True, timeout=10)


def test_netns_strategy_refuses_other_files(box, canary):
    for path in (canary.file(), "/proc/self/ns/uts", "/nonexistent/net"):
        box.config["networks"] = [{"type": "netns", "context": {"nspath": path}}]
        box.refused("/networks/0")


def test_hostname_and_domainname(box):
    box.config["hostname"] = "koye"
    box.config["domainname"] = "example.org"
    with open("/proc/sys/kernel/hostname") as file:
        before = file.read()
    assert box.out("hostname; cat /proc/sys/kernel/domainname").split() == ["koye", "example.org"]
    with open("/proc/sys/kernel/hostname") as file:
        assert file.read() == before


@pytest.mark.parametrize("namespaces", [["NEWNS", "NEWPID"], ["NEWNS", "NEWPID", "NEWUSER"]])
def test_hostname_needs_newuts(box, namespaces):
    with open("/proc/sys/kernel/hostname") as file:
        before = file.read()
    box.config["namespaces"] = namespaces
    box.config["hostname"] = "koye"
    box.refused("hostname", "NEWUTS")
    with open("/proc/sys/kernel/hostname") as file:
        assert file.read() == before


def test_pid_namespace_view(box):
    """The shell, ls, and grep, if that is there already when ls looks."""
    assert box.out("echo $$; ls /proc | grep -c '^[0-9]'").split() in (["1", "2"], ["1", "3"])


@pytest.mark.parametrize("cgroups", [False, True], ids=["tree", "cgroup"])
@pytest.mark.parametrize("namespaces", [["NEWNS"], [], ["NEWNS", "NEWUTS", "NEWIPC", "NEWNET"]],
                         ids=lambda names: "+".join(names) or "none")
def test_without_newpid_nothing_survives(box, tool, group_parent, namespaces, cgroups):
    """A background child in a session of its own that ignores all signals; the leftovers check sees it too."""
    box.config["namespaces"] = namespaces
    if cgroups:
        box.config["cgroups"] = {"parent": group_parent}
    box.add_file("/bin/helper", open(tool("helper"), "rb").read(), 0o755)
    for _ in range(5):  # the first process is gone again in no time
        result = box.exec("/bin/helper", "stubborn", "5")
        assert result.status == 5 and result.out == "left\n", result
        assert not leftovers.running("/bin/helper stubborn")


def test_with_newpid_nothing_survives(box, tool):
    box.add_file("/bin/helper", open(tool("helper"), "rb").read(), 0o755)
    result = box.exec("/bin/helper", "stubborn", "6")
    assert result.status == 6, result


def test_time_namespace_keeps_the_clock(box):
    box.config["namespaces"] = FIVE + ["NEWTIME"]
    uptime = float(box.out("cut -d' ' -f1 /proc/uptime"))
    with open("/proc/uptime") as file:
        assert abs(float(file.read().split()[0]) - uptime) < 5


def test_cgroup_namespace_hides_the_path(box, group_parent):
    box.config["namespaces"] = FIVE + ["NEWCGROUP"]
    box.config["cgroups"] = {"parent": group_parent, "name": "hidden"}
    text = box.out("cat /proc/self/cgroup")
    assert group_parent not in text, text


def test_ipc_namespace_is_empty(box):
    assert PATH in box.config["environment"]
    made = subprocess.run(["ipcmk", "-Q"], capture_output=True, text=True, timeout=10).stdout.split()[-1]
    try:
        assert box.out("wc -l < /proc/sysvipc/msg").strip() == "1"
    finally:
        subprocess.run(["ipcrm", "-q", made], check=True, timeout=10)


def test_two_containers_do_not_share(make_container, busybox):
    one, other = make_container(busybox, "one"), make_container(busybox, "other")
    one.start()
    other.start()
    first, second = proc.namespaces(one.live_pid()), proc.namespaces(other.live_pid())
    for kind in ("mnt", "uts", "ipc", "pid", "net"):
        assert first[kind] != second[kind]
