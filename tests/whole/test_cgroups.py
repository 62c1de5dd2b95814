"""cgroups: where the process is, what is written, that limits and device rules really hold, and that all goes away."""
import os

import pytest

from support import leftovers, proc
from support.wait import wait_until

MIB = 1 << 20


def hierarchy(controller):
    """(mount point, is it v2), or a skip."""
    for point, controllers in leftovers.hierarchies().items():
        if controller in controllers:
            return point, os.path.exists(os.path.join(point, "cgroup.controllers"))
    pytest.skip(f"this host has no controller {controller}")


def read(path):
    with open(path) as file:
        return file.read().strip()


def places(pid):
    """{"memory": "/a/b", ...}; "" is cgroup2."""
    found = {}
    for line in read(f"/proc/{pid}/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            found[controller] = path
    return found


@pytest.fixture
def group(box, group_parent):
    """box with cgroups; group(controller) is its directory there."""
    box.config["cgroups"] = {"parent": group_parent, "name": "one"}

    def directory(controller):
        return os.path.join(hierarchy(controller)[0], group_parent, "one")

    box.group = directory
    return box


LIMITS = {
    "memory": ({"memory": 64 * MIB}, "memory.limit_in_bytes", "memory.max", str(64 * MIB), str(64 * MIB)),
    "swap": ({"memory": 64 * MIB, "memory_swap": 96 * MIB}, "memory.memsw.limit_in_bytes", "memory.swap.max",
             str(96 * MIB), str(32 * MIB)),
    "default swap": ({"memory": 64 * MIB}, "memory.memsw.limit_in_bytes", "memory.swap.max", str(128 * MIB),
                     str(64 * MIB)),
    "reservation": ({"memory_reservation": 32 * MIB}, "memory.soft_limit_in_bytes", "memory.low", str(32 * MIB),
                    str(32 * MIB)),
    "pids": ({"pids_limit": 77}, "pids.max", "pids.max", "77", "77"),
    "shares": ({"cpu_shares": 512}, "cpu.shares", "cpu.weight", "512", None),
    "quota": ({"cpu_quota": 20000, "cpu_period": 50000}, "cpu.cfs_quota_us", "cpu.max", "20000", "20000 50000"),
    "period": ({"cpu_quota": 20000, "cpu_period": 50000}, "cpu.cfs_period_us", "cpu.max", "50000", "20000 50000"),
    "cpus": ({"cpuset_cpus": "0"}, "cpuset.cpus", "cpuset.cpus", "0", "0"),
    "mems": ({"cpuset_cpus": "0", "cpuset_mems": "0"}, "cpuset.mems", "cpuset.mems", "0", "0"),
}


@pytest.mark.parametrize("name", list(LIMITS))
def test_limits_are_written_and_hold_the_process(group, group_parent, name):
    keys, v1_file, v2_file, v1_value, v2_value = LIMITS[name]
    controller = v1_file.partition(".")[0]
    point, is_v2 = hierarchy(controller)
    path = os.path.join(group.group(controller), v2_file if is_v2 else v1_file)
    group.config["cgroups"].update(keys)
    if "memsw" in path and not os.path.exists(os.path.join(point, v1_file)):
        pytest.skip("this host does not account swap")
    run = group.start()
    pid = group.live_pid()
    value = v2_value if is_v2 else v1_value
    assert value is None or read(path) == value, path
    assert places(pid)["" if is_v2 else controller] == f"/{group_parent}/one"
    assert str(pid) in read(os.path.join(group.group(controller), "cgroup.procs")).split()
    joined = group.out("cat /proc/self/cgroup")
    assert joined == read(f"/proc/{pid}/cgroup") + "\n", "a joined process is in other groups"
    run.stop()


def test_only_what_is_needed_is_touched(group, group_parent):
    """pids_limit needs no group in cpuset or blkio; where there is a group, the process is in it."""
    group.config["cgroups"]["pids_limit"] = 50
    before = leftovers.groups()
    group.start()
    pid = str(group.live_pid())
    for path in leftovers.groups() - before:
        if path.endswith("/one"):
            assert pid in read(path + "/cgroup.procs").split(), f"{path} was made for nobody"
    if not hierarchy("blkio")[1]:
        assert places(pid)["blkio"] == "/"


def test_memory_hog_is_killed(group, tool):
    group.add_file("/bin/helper", open(tool("helper"), "rb").read(), 0o755)
    group.config["cgroups"].update(memory=32 * MIB, memory_swap=32 * MIB)
    result = group.sh("/bin/helper hog 16; /bin/helper hog 200; echo status $?")
    assert result.out == "touched 16 MiB\nstatus 137\n", result
    assert group.exec("/bin/helper", "hog", "200").status == 137


def test_memory_hog_in_a_join_is_killed(group, tool):
    """The original forgot to put joined processes into the groups."""
    group.add_file("/bin/helper", open(tool("helper"), "rb").read(), 0o755)
    group.config["cgroups"].update(memory=32 * MIB, memory_swap=32 * MIB)
    run = group.start()
    assert group.exec("/bin/helper", "hog", "200").status == 137
    assert run.running()


def test_pids_limit_holds(group):
    group.config["cgroups"]["pids_limit"] = 10
    result = group.sh("for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do sleep 20 & done; echo all")
    assert "all" not in result.out and "fork" in result.err, result


def test_cpuset_holds(group):
    hierarchy("cpuset")
    group.config["cgroups"]["cpuset_cpus"] = "0"
    assert proc.status(group.out("cat /proc/self/status"))["Cpus_allowed_list"] == "0"


def test_unlimited_swap(group):
    point, is_v2 = hierarchy("memory")
    name = "memory.swap.max" if is_v2 else "memory.memsw.limit_in_bytes"
    if not is_v2 and not os.path.exists(os.path.join(point, name)):
        pytest.skip("this host does not account swap")
    group.config["cgroups"].update(memory=32 * MIB, memory_swap=-1)
    group.start()
    value = read(os.path.join(group.group("memory"), name))
    assert value == "max" or int(value) > 1 << 60


# ---- devices ----

ALLOWED = ["c 1 3", "c 1 5", "c 1 7", "c 1 8", "c 1 9", "c 5 0"]


def device_script(*rules):
    lines = ["rm -rf /dev/t; mkdir /dev/t"]
    for index, (node, mode) in enumerate(rules):
        lines.append(f"mknod /dev/t/{index} {node} && /bin/helper try-open /dev/t/{index} {mode}")
    return "; ".join(lines)


@pytest.fixture
def device_box(group, tool):
    group.add_file("/bin/helper", open(tool("helper"), "rb").read(), 0o755)
    return group


@pytest.mark.parametrize("live", [False, True], ids=["start", "join"])
def test_default_device_rules(device_box, live):
    """Any node can be made, only the harmless ones can be opened."""
    if live:
        device_box.start()
    good = device_box.out(device_script(*[(node, "rw") for node in ALLOWED[:5]], ("c 10 200", "r"), ("c 5 2", "rw")))
    assert set(good.split()) <= {"ok", "ENODEV", "ENXIO", "ENOENT"} and good.split()[:5] == ["ok"] * 5, good
    bad = device_box.out(device_script(("b 254 0", "r"), ("c 1 1", "r"), ("c 1 11", "r"), ("c 10 237", "r"),
                                       ("b 7 0", "r"), ("c 10 229", "rw"), ("c 4 0", "r"), ("b 254 0", "w")))
    assert set(bad.split()) == {"EPERM"} and len(bad.split()) == 8, bad


def test_device_access(device_box):
    device_box.config["cgroups"]["device_access"] = True
    text = device_box.out(device_script(("c 1 11", "r"), ("c 10 237", "r"), ("c 10 229", "rw")))
    assert "EPERM" not in text.split(), text


def test_without_cgroups_key(box, tool):
    """No groups are made at all, and no filter applies."""
    before = leftovers.groups()
    box.add_file("/bin/helper", open(tool("helper"), "rb").read(), 0o755)
    box.start()
    assert leftovers.groups() == before
    assert places(box.live_pid()) == places("self")


def test_extra_device_rules(device_box):
    device_box.config["cgroups"]["devices"] = [
        {"allow": True, "type": "c", "major": 1, "minor": 11, "access": "r"},
        {"allow": False, "type": "c", "major": 1, "minor": 5, "access": "rw"}]
    text = device_box.out("mkdir /dev/t; mknod /dev/t/kmsg c 1 11; /bin/helper try-open /dev/t/kmsg r; "
                          "/bin/helper try-open /dev/t/kmsg w; /bin/helper try-open /dev/zero r; "
                          "/bin/helper try-open /dev/null rw")
    assert text.split() == ["ok", "EPERM", "EPERM", "ok"], text


def test_a_list_that_begins_with_all(device_box):
    device_box.config["cgroups"]["devices"] = [{"allow": False, "type": "a"},
                                               {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"}]
    text = device_box.out("/bin/helper try-open /dev/null rw; /bin/helper try-open /dev/zero r; "
                          "mknod /dev/z c 1 1 2>&1 | grep -o 'not permitted'")
    assert text.splitlines() == ["ok", "EPERM", "not permitted"], text


def test_a_rule_that_the_host_cannot_keep_is_refused(device_box):
    """v1 cannot take mknod of one device out of "mknod of any"; it must not be silently ignored."""
    device_box.config["cgroups"]["devices"] = [
        {"allow": False, "type": "c", "major": 5, "minor": 2, "access": "rwm"}]
    result = device_box.sh("/bin/helper try-open /dev/pts/ptmx r; mknod /dev/z c 5 2")
    assert result.status == 125 or (result.out == "EPERM\n" and "not permitted" in result.err), result


def test_a_device_that_is_asked_for_can_be_used(device_box):
    device_box.config["devices"] = [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229}]
    assert device_box.out("stat -c %t /dev/fuse; /bin/helper try-open /dev/fuse rw").split() == ["a", "ok"]


# ---- places ----

@pytest.mark.parametrize("suffix", ["", "/a", "/a/b/c", "//a///b/"])
def test_parents_are_made_and_removed(box, group_parent, suffix):
    box.config["cgroups"] = {"parent": "/" + group_parent + suffix, "name": "x", "pids_limit": 100}
    box.start()
    clean = "/".join(part for part in (group_parent + suffix).split("/") if part)
    assert places(box.live_pid())["pids" if not hierarchy("pids")[1] else ""] == f"/{clean}/x"


def test_existing_parent_stays(box, group_parent):
    point, _ = hierarchy("pids")
    parent = os.path.join(point, group_parent)
    os.mkdir(parent)
    try:
        box.config["cgroups"] = {"parent": group_parent, "name": "x", "pids_limit": 100}
        assert box.exec("/bin/true").status == 0
        assert os.path.isdir(parent) and not os.path.isdir(parent + "/x")
    finally:
        os.rmdir(parent)


def test_generated_names(make_container, busybox, group_parent):
    """No name: two containers under one parent do not meet."""
    boxes = [make_container(busybox, name) for name in ("one", "other")]
    for box in boxes:
        box.config["cgroups"] = {"parent": group_parent, "pids_limit": 100}
        box.start()
    key = "" if hierarchy("pids")[1] else "pids"
    found = [places(box.live_pid())[key] for box in boxes]
    assert found[0] != found[1] and all(path.startswith(f"/{group_parent}/") for path in found), found


def test_two_containers_of_one_parent(make_container, busybox, group_parent):
    """The one that ends first does not take the parent from the other."""
    boxes = [make_container(busybox, name) for name in ("one", "other")]
    runs = []
    for box in boxes:
        box.config["cgroups"] = {"parent": group_parent + "/deep", "name": os.path.basename(box.directory),
                                 "pids_limit": 100}
        runs.append(box.start())
    os.kill(boxes[0].live_pid(), 9)
    assert runs[0].wait().status == 137
    assert boxes[1].out("echo still") == "still\n"
    assert "/deep/other" in str(places(boxes[1].live_pid()))


def test_a_group_in_use_is_refused(make_container, busybox, group_parent):
    boxes = [make_container(busybox, name) for name in ("one", "other")]
    for box in boxes:
        box.config["cgroups"] = {"parent": group_parent, "name": "same", "pids_limit": 100}
    run = boxes[0].start()
    boxes[1].refused("same")
    assert run.running() and boxes[0].out("echo still") == "still\n"
    assert "same" in str(places(boxes[0].live_pid()))


@pytest.mark.parametrize("key, value", [("parent", "../up"), ("parent", "a/../../up"), ("parent", ".."), ("name", ".."),
                                        ("name", "a/b"), ("name", "../x"), ("name", "."), ("name", ""),
                                        ("name", "cgroup.procs"), ("parent", "a\nb"), ("name", "x" * 300)])
def test_names_that_lead_elsewhere(box, group_parent, key, value):
    box.config["cgroups"] = {"parent": group_parent, "name": "x", key: value}
    box.refused(f"/cgroups/{key}")


@pytest.mark.parametrize("keys, pointer", [
    ({"memory": -5}, "memory"), ({"memory": "64m"}, "memory"), ({"memory": 1.5}, "memory"),
    ({"memory": 64 * MIB, "memory_swap": 32 * MIB}, "memory_swap"), ({"memory_swap": 32 * MIB}, "memory_swap"),
    ({"cpu_shares": 1}, "cpu_shares"), ({"cpuset_cpus": "0-"}, "cpuset_cpus"), ({"cpuset_cpus": "999"}, "cpuset"),
    ({"pids_limit": -2}, "pids_limit"), ({"cpu_quota": 10}, "cpu_quota"), ({"cpu_period": 2000000}, "cpu_period"),
    ({"unit_properties": [["x", 1]]}, "unit_properties"), ({"driver": "other"}, "systemd"),
    ({"devices": [{"type": "x"}]}, "devices"), ({"unknown": 1}, "unknown")])
def test_bad_limits(group, keys, pointer):
    group.config["cgroups"].update(keys)
    group.refused(pointer)


def test_memory_too_small_for_anything(group):
    """The kernel refuses or kills; either way nsinit says so and leaves nothing."""
    group.config["cgroups"]["memory"] = 4096
    result = group.exec("/bin/true", timeout=20)
    assert result.status in (125, 137) and (result.err or result.status == 137), result


def test_a_limit_nobody_can_enforce(group):
    point, is_v2 = hierarchy("memory")
    if is_v2:
        pytest.skip("memory is on cgroup2 here, which has memory.high")
    group.config["cgroups"]["memory_high"] = 32 * MIB
    group.refused("memory_high", "memory")


def test_group_is_empty_before_nsinit_returns(group):
    """Without NEWPID the group is what kills the rest."""
    group.config["namespaces"] = ["NEWNS"]
    group.config["cgroups"]["pids_limit"] = 100
    assert group.sh("for i in 1 2 3; do setsid sleep 990 & done; exit 2").status == 2
    assert not os.path.exists(group.group("pids"))
    assert not leftovers.running("sleep 990")


def test_stopped_processes_are_killed_too(group):
    group.config["namespaces"] = ["NEWNS"]
    group.config["cgroups"]["pids_limit"] = 100
    assert group.sh("sleep 989 & kill -STOP $!; exit 2").status == 2
    wait_until(lambda: not leftovers.running("sleep 989"), timeout=1, what="end of the stopped process")
