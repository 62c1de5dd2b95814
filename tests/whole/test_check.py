"""nsinit check: one line per key, found out by trying, and nothing left behind."""
import os
import re
import resource
import signal
import subprocess
import time

import pytest

from support import leftovers, rootfs

LINE = re.compile(r"^(supported|NOT supported) +(\S+) +(\S.*)$")
SYS_RESOURCE = 24


def lines_of(result):
    """{key: (supported, text)}; every line has that form, and no key comes twice."""
    found = {}
    for line in result.out.splitlines():
        match = LINE.match(line)
        assert match, f"a line of another form: {line!r}\n{result}"
        assert match[2] not in found, f"{match[2]} twice\n{result}"
        found[match[2]] = (match[1] == "supported", match[3])
    return found


def check(box, **options):
    """All lines; the status agrees with them, and stderr is empty."""
    result = box.nsinit_run("check", **options)
    lines = lines_of(result)
    assert lines and not result.stderr, result
    assert result.status == (0 if all(good for good, _ in lines.values()) else 1), result
    assert list(lines)[-1] == "start" or not all(good for good, _ in lines.values()), result
    return lines


def has_bit(field, bit):
    with open("/proc/self/status") as file:
        return int(re.search(rf"^{field}:\s*(\w+)", file.read(), re.M)[1], 16) >> bit & 1


def test_default_spec(box):
    box.text = box.nsinit_run("spec").out
    lines = check(box)
    assert lines["start"] == (True, "rehearsed: every step up to the command")


def test_lines_are_in_the_order_of_the_file(box):
    box.config = {"tty": False, "namespaces": ["NEWUTS", "NEWNS", "NEWPID"], "hostname": "x", "environment": ["A=b"]}
    assert list(check(box)) == ["/tty", "/namespaces/0", "/namespaces/1", "/namespaces/2", "/hostname", "/environment",
                                "start"]


def test_old_namespace_objects(box):
    box.config["namespaces"] = [{"key": "NEWNS", "enabled": True}, {"key": "NEWUTS", "enabled": False}, "NEWPID"]
    lines = check(box)
    assert "not enabled" in lines["/namespaces/1"][1] and lines["/namespaces/2"][1] == "NEWPID"


def test_all_namespaces(box):
    names = ["NEWNS", "NEWUTS", "NEWIPC", "NEWPID", "NEWNET", "NEWUSER", "NEWCGROUP"]
    if os.path.exists("/proc/self/ns/time"):
        names.append("NEWTIME")
    box.config.update(namespaces=names, uid_mappings=[{"container_id": 0, "host_id": 100000, "size": 65536}],
                      gid_mappings=[{"container_id": 0, "host_id": 100000, "size": 65536}])
    lines = check(box)
    assert all(lines[f"/namespaces/{i}"][0] for i in range(len(names)))
    assert lines["/uid_mappings"][0] and lines["/gid_mappings"][0] and lines["start"][0]


def test_limits_one_by_one(box, group_parent):
    """The impossible one is named, and the others are tried all the same."""
    box.config["cgroups"] = {"parent": group_parent, "name": "x", "memory": 1 << 26, "pids_limit": 10,
                             "cpu_shares": 512, "cpuset_cpus": "60000"}
    lines = check(box)
    assert not lines["/cgroups/cpuset_cpus"][0] and "cpuset" in lines["/cgroups/cpuset_cpus"][1]
    for key in ("parent", "name", "memory", "pids_limit", "cpu_shares", "device_access"):
        assert lines["/cgroups/" + key][0], lines
    assert lines["start"] == (False, "the rehearsal ended at /cgroups/cpuset_cpus: see there")


def test_lists_of_limits(box, group_parent):
    """Each key of its own; the freezer's is only looked at."""
    box.config["cgroups"] = {"parent": group_parent, "name": "x", "freezer": "THAWED", "cpu_quota": 20000, "cpu_burst": 100,
                             "io_max": [{"device": "4000:0", "rbps": 5}], "rdma": {"none0": {"hca_handle": 1}},
                             "hugetlb": {"3MB": 0}, "unified": {"nothing.at_all": "1"}}
    lines = check(box)
    for key in ("freezer", "cpu_quota", "cpu_burst"):
        assert lines["/cgroups/" + key][0], lines
    for key in ("io_max/0/rbps", "rdma/none0", "hugetlb/3MB", "unified/nothing.at_all"):
        assert not lines["/cgroups/" + key][0], lines
    assert not lines["start"][0]


def test_group_in_use(box, make_container, group_parent):
    """By this very container: fine. By another one: refused."""
    box.config["cgroups"] = {"parent": group_parent, "name": "x", "pids_limit": 100}
    box.start()
    assert check(box)["/cgroups/name"] == (True, "in use by this container, which is running")
    other = make_container(box.rootfs, "other")
    other.config["cgroups"] = box.config["cgroups"]
    good, text = check(other)["/cgroups/name"]
    assert not good and "has processes" in text and "choose another name" in text


def test_beside_a_living_container(box, group_parent):
    box.config["cgroups"] = {"parent": group_parent, "name": "x", "pids_limit": 100}
    run = box.start()
    before = box.state()
    assert check(box)["start"][0]
    assert box.state() == before and run.running() and box.out("echo joined") == "joined\n"


def test_missing_bridge_and_loopback(box):
    box.config["networks"] = [{"type": "loopback"}, {"type": "veth", "context": {"bridge": "lcb-none"}}]
    lines = check(box)
    assert lines["/networks/0"][0]
    good, text = lines["/networks/1/context/bridge"]
    assert not good and "ip link add lcb-none type bridge" in text


def test_veth_on_a_bridge(box):
    subprocess.run(["ip", "link", "add", "lcb-check", "type", "bridge"], check=True, timeout=10)
    try:
        box.config["networks"] = [{"type": "veth", "address": "10.9.8.2/24", "context": {"bridge": "lcb-check"}}]
        lines = check(box)
        assert lines["/networks/0"] == (True, "a pair was made and removed") and lines["start"][0]
    finally:
        subprocess.run(["ip", "link", "del", "lcb-check"], check=True, timeout=10)


def test_bridge_that_would_be_made(box):
    """The fixture sees to it that it is not there afterwards."""
    box.config["networks"] = [{"type": "veth", "address": "10.9.8.2/24",
                               "context": {"bridge": "lcb-made", "create": "true", "bridge_address": "10.9.8.1/24"}}]
    lines = check(box)
    assert lines["/networks/0"][0] and lines["start"][0]


def test_netns_path(box, work):
    path = os.path.join(work, "plain")
    rootfs.write(path, "")
    box.config["networks"] = [{"type": "netns", "context": {"nspath": path}}]
    good, text = check(box)["/networks/0/context/nspath"]
    assert not good and "not a namespace" in text


def test_mount_sources(box, work):
    """The component that is missing is named."""
    box.config["mounts"] = [{"source": os.path.join(work, "not/there/at/all"), "destination": "/mnt"},
                            {"source": work, "destination": "/mnt2"},
                            {"type": "nofs", "source": "x", "destination": "/mnt3"}]
    lines = check(box)
    assert not lines["/mounts/0"][0] and f"it fails at {work}/not:" in lines["/mounts/0"][1]
    assert lines["/mounts/1"][0]
    assert not lines["/mounts/2"][0] and "modprobe nofs" in lines["/mounts/2"][1]


def test_rootfs_is_not_written(box, work):
    """Missing mount points are made in a layer above it, so the rehearsal is whole."""
    box.config["mounts"] = [{"source": work, "destination": "/new/mount/point"},
                            {"type": "tmpfs", "source": "tmpfs", "destination": "/other"}]
    before = rootfs.manifest(box.rootfs)
    assert check(box)["start"] == (True, "rehearsed: every step up to the command")
    assert rootfs.manifest(box.rootfs) == before


def test_devices(box):
    box.config["devices"] = [{"path": "/dev/mine", "type": "c", "major": 1, "minor": 3}, "/dev/not-on-this-host"]
    lines = check(box)
    assert lines["/devices/0"][0]
    assert not lines["/devices/1"][0] and "no such device" in lines["/devices/1"][1]


def test_devices_in_a_user_namespace(box):
    box.config["namespaces"].append("NEWUSER")
    box.config["devices"] = ["/dev/null"]
    good, text = check(box)["/devices/0"]
    assert not good and "bind" in text


def test_user_and_working_dir(box):
    box.config.update(user="stranger:crowd", working_dir="/no/such/place")
    lines = check(box)
    assert not lines["/user"][0] and "stranger" in lines["/user"][1] and "/etc/passwd" in lines["/user"][1]
    assert not lines["/working_dir"][0]
    box.config.update(user="4711:4711", working_dir="/bin")
    lines = check(box)
    assert lines["/user"][0] and lines["/working_dir"][0]


def test_apparmor_off(box):
    if os.path.exists("/sys/kernel/security/apparmor"):
        pytest.skip("AppArmor is on")
    box.config["context"] = {"apparmor_profile": "docker-default"}
    good, text = check(box)["/context/apparmor_profile"]
    assert not good and "AppArmor is off" in text


@pytest.mark.skipif(has_bit("CapBnd", SYS_RESOURCE), reason="CAP_SYS_RESOURCE is there")
def test_without_sys_resource(box):
    """Not the keep-list, no higher limit, no lower score; the keys that can be had are."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    box.config.update(capabilities=["CHOWN", "SYS_RESOURCE"], oom_score_adj=-900,
                      rlimits=[{"type": "CORE", "soft": 0, "hard": 0}, {"type": "NOFILE", "soft": 64, "hard": hard + 1}])
    lines = check(box)
    assert not lines["/capabilities"][0] and "CAP_SYS_RESOURCE" in lines["/capabilities"][1]
    assert not lines["/oom_score_adj"][0] and "CAP_SYS_RESOURCE" in lines["/oom_score_adj"][1]
    assert lines["/rlimits/0"][0]
    assert not lines["/rlimits/1"][0] and f"the hard limit here is {hard}" in lines["/rlimits/1"][1]


def test_sysctl(box):
    box.config["sysctl"] = {"net.ipv4.ip_forward": 1}
    assert check(box)["/sysctl/net.ipv4.ip_forward"] == (True, "was set to 1 in a rehearsal")
    box.config["sysctl"] = {"net.ipv4.no_such_setting": 1}
    assert not check(box)["/sysctl/net.ipv4.no_such_setting"][0]


def test_unknown_key_is_said(box):
    """--lenient ignores it; check says so."""
    box.config["seccomb"] = "default"
    result = box.nsinit_run("check", options=("--lenient",))
    assert result.status == 1 and "NOT supported /seccomb" in result.out, result


def test_start_that_no_key_foretells(box, group_parent):
    """Each key by itself is fine, but a process does not fit in."""
    box.config["cgroups"] = {"parent": group_parent, "name": "x", "memory": 4096}
    result = box.nsinit_run("check")
    lines = lines_of(result)
    assert result.status == 1 and not all(good for good, _ in lines.values()), result


def test_killed_check_is_cleaned_by_the_next(box, group_parent):
    box.config["cgroups"] = {"parent": group_parent, "name": "x", "memory": 1 << 26, "pids_limit": 10}
    for delay in range(0, 40, 4):
        run = box.spawn_nsinit("check")
        time.sleep(delay / 1000)
        run.signal(signal.SIGKILL)
        run.process.wait(5)
    check(box)
    assert not [path for path in leftovers.groups() if "nsinit-check" in path or group_parent in path]
    assert not [path for path in leftovers.records() if "check-" in path]


@pytest.mark.timeout(120)
def test_checks_at_the_same_time(box, group_parent):
    box.config["cgroups"] = {"parent": group_parent, "memory": 1 << 26}
    runs = [box.spawn_nsinit("check") for _ in range(6)]
    assert [run.wait(60).status for run in runs] == [0] * 6
