"""Every key of limits is in force or refused by name; updates are whole or not at all; groups that can hold no container."""
import os

import pytest

from support import leftovers
from support.limited import MIB, PIDS, forked, is_v2, memory, read
from support.wait import wait_until


# ---- update ----

def test_update_while_it_runs(limited):
    """Up and down: the kernel wants memory below memory and swap at any moment."""
    limited.limit(*memory(64))
    limited.limit(*PIDS)
    limited.start("/bin/sleep", "1000")
    for mib in (128, 64, 100, 64):
        assert limited.update(*memory(mib)).status == 0
        result = limited.join("/bin/helper", "hog", "83")
        assert result.status == (0 if mib > 90 else 137), (mib, result)
    assert limited.update({"pids_limit": 5}, {"pids": {"limit": 5}}).status == 0
    assert forked(limited.join("/bin/limits", "forks", "10", "0")) in (2, 3)
    assert limited.update({"pids_limit": -1}, {"pids": {"limit": -1}}).status == 0
    assert limited.join("/bin/limits", "forks", "50", "0").out == "50 all\n"
    limited.stop()


def test_update_below_what_is_in_use(limited):
    """v1 refuses; the message is about that, and not about swap, whose limit then has to be as high."""
    if is_v2("memory"):
        pytest.skip("v2 kills instead")
    limited.limit(*memory(64))
    limited.start("/bin/sh", "-c", "x=$(head -c 8000000 /dev/zero | tr '\\0' a); while :; do sleep 1; done")
    wait_until(lambda: int(limited.file("memory", "memory.usage_in_bytes", "memory.current")) > 8000000, 10, "its memory")
    result = limited.update(*memory(2))
    assert result.status != 0 and "memory.limit_in_bytes" in result.err and "in use, and the kernel" in result.err, result
    assert limited.file("memory", "memory.limit_in_bytes", "memory.max") == str(64 * MIB)
    limited.stop()


def everything(limited):
    """What stands in each file that a limit can be in."""
    names = ("memory", "cpu.", "pids.max", "cpuset.cpus", "io.max", "io.weight", "blkio.throttle", "hugetlb")
    found = {}
    for controller in ("memory", "cpu", "pids", "cpuset", "io", "blkio", "hugetlb"):
        try:
            path, _ = limited.group(controller)
        except AssertionError:
            continue
        for name in os.listdir(path):
            if name.startswith(names) and not any(word in name for word in (
                    "usage", "stat", "current", "peak", "events", "pressure", "serviced", "io_service", "failcnt", "numa",
                    "max_usage", "kmem", "reclaim", "force_empty", "slabinfo")) and os.stat(f"{path}/{name}").st_mode & 0o444:
                found[f"{path}/{name}"] = read(f"{path}/{name}")
    return found


FAILING = {
    "early": ({"cpu_quota": 1 << 60}, {"cpu": {"quota": 1 << 60}}),
    "middle": ({"cpuset_cpus": "900"}, {"cpu": {"cpus": "900"}}),
    "last": ({"io_max": [{"device": "4000:0", "rbps": 5}]},
             {"blockIO": {"throttleReadBpsDevice": [{"major": 4000, "minor": 0, "rate": 5}]}}),
}


@pytest.mark.parametrize("where", list(FAILING))
def test_update_takes_all_back(limited, where):
    """What fails early, in the middle and at the last of what is written: every file is as it was, and the container runs."""
    limited.limit({**memory(64)[0], **PIDS[0], "cpu_shares": 512, "cpu_quota": 20000, "cpu_period": 50000, "cpuset_cpus": "0"},
                  {**memory(64)[1], **PIDS[1], "cpu": {"shares": 512, "quota": 20000, "period": 50000, "cpus": "0"}})
    if where != "middle":  # there is a group of io for it to fail in
        limited.limit({"io_max": [{"device": root_disk(), "rbps": 1 << 40}]}, {})
    limited.start("/bin/sleep", "1000")
    before = everything(limited)
    wanted = ({**memory(96)[0], "pids_limit": 33, "cpu_shares": 1024, "cpu_quota": 500000, "cpu_period": 1000000,
               "cpu_burst": 1000, **FAILING[where][0]},
              {**memory(96)[1], "pids": {"limit": 33},
               **FAILING[where][1],
               "cpu": {"shares": 1024, "quota": 500000, "period": 1000000, "burst": 1000, "idle": 1,
                       **FAILING[where][1].get("cpu", {})}})
    result = limited.update(*wanted)
    after = everything(limited)
    changed = {name: (before.get(name), after.get(name)) for name in {*before, *after} if before.get(name) != after.get(name)}
    assert result.status != 0 and not changed, (changed, result)
    assert limited.status() == "running" and limited.join("/bin/helper", "hog", "20").status == 0
    limited.stop()


def root_disk():
    """Any whole disk of the host."""
    for name in sorted(os.listdir("/sys/block")):
        if not name.startswith(("loop", "ram", "zram")):
            return read(f"/sys/block/{name}/dev")
    pytest.skip("this host has no disk")


# ---- what cannot be kept ----

def test_unified(limited):
    limited.limit({"unified": {"memory.high": str(40 * MIB), "cgroup.max.depth": "7"}},
                  {"unified": {"memory.high": str(40 * MIB), "cgroup.max.depth": "7"}})
    if not is_v2("memory"):
        limited.refused("/unified/memory.high", "v2")
        limited.limit({"unified": {}, **memory(64)[0]}, {"unified": {}, **memory(64)[1]})
        limited.start("/bin/sleep", "1000")
        result = limited.update({"unified": {"memory.high": "1"}}, {"unified": {"memory.high": "1"}})
        assert result.status != 0 and "/unified/memory.high" in result.err and "unified is for cgroup v2" in result.err, result
        limited.stop()
        return
    limited.start("/bin/sleep", "1000")
    group, _ = limited.group("memory")
    assert read(group + "/memory.high") == str(40 * MIB) and read(group + "/cgroup.max.depth") == "7"
    limited.stop()


def test_unified_of_no_controller(limited):
    """Also while it runs; and what is no limit cannot be written that way either."""
    limited.limit({"unified": {"cgroup.max.depth": "7"}}, {"unified": {"cgroup.max.depth": "7"}})
    if not any(os.path.exists(point + "/cgroup.controllers") for point in leftovers.hierarchies()):
        limited.refused("/unified/cgroup.max.depth", "v2")
        return
    limited.start("/bin/sleep", "1000")
    group = next(point + limited.path for point in leftovers.hierarchies() if os.path.exists(point + "/cgroup.controllers"))
    assert read(group + "/cgroup.max.depth") == "7"
    assert limited.update({"unified": {"cgroup.max.depth": "5"}}, {"unified": {"cgroup.max.depth": "5"}}).status == 0
    assert read(group + "/cgroup.max.depth") == "5"
    result = limited.update({"unified": {"cgroup.kill": "1"}}, {"unified": {"cgroup.kill": "1"}})
    assert result.status != 0 and "not a limit" in result.err and limited.status() == "running", result
    limited.stop()


# What is set; the controller in either version, its file there, and what then stands in it.
EVERY = {
    "burst": ({"cpu_quota": 20000, "cpu_burst": 5000}, {"cpu": {"quota": 20000, "burst": 5000}},
              ("cpu", "cpu.cfs_burst_us", "5000"), ("cpu", "cpu.max.burst", "5000")),
    "idle": (None, {"cpu": {"idle": 1}}, ("cpu", "cpu.idle", "1"), ("cpu", "cpu.idle", "1")),
    "realtime": (None, {"cpu": {"realtimePeriod": 500000, "realtimeRuntime": 0}},
                 ("cpu", "cpu.rt_period_us", "500000"), ("cpu", None, "/cpu/realtimePeriod")),
    "reservation": ({"memory_reservation": 32 * MIB}, {"memory": {"reservation": 32 * MIB}},
                    ("memory", "memory.soft_limit_in_bytes", str(32 * MIB)), ("memory", "memory.low", str(32 * MIB))),
    "high": ({"memory_high": 32 * MIB}, None, ("memory", None, "/memory_high"), ("memory", "memory.high", str(32 * MIB))),
    "swappiness": (None, {"memory": {"swappiness": 10}}, ("memory", "memory.swappiness", "10"),
                   ("memory", None, "/memory/swappiness")),
    "no killer": (None, {"memory": {"limit": 64 * MIB, "disableOOMKiller": True}},
                  ("memory", "memory.oom_control", "oom_kill_disable 1"), ("memory", None, "/memory/disableOOMKiller")),
    "kernel": (None, {"memory": {"limit": 64 * MIB, "kernel": 32 * MIB, "useHierarchy": True}},
               ("memory", "memory.limit_in_bytes", str(64 * MIB)), ("memory", "memory.max", str(64 * MIB))),
    "kernel TCP": (None, {"memory": {"kernelTCP": 32 * MIB}},
                   ("memory", "memory.kmem.tcp.limit_in_bytes", str(32 * MIB)), ("memory", "memory.max", "max")),
    "io weight": ({"io_weight": 500}, {"blockIO": {"weight": 500}},
                  ("blkio", "blkio.bfq.weight", "500"), ("io", "io.weight", "default 4950")),
    "leaf weight": (None, {"blockIO": {"leafWeight": 500}},
                    ("blkio", "blkio.leaf_weight", "500"), ("io", None, "/blockIO/leafWeight")),
    "leaf weight of a disk": (None, {"blockIO": {"weightDevice": [{"major": 7, "minor": 0, "leafWeight": 500}]}},
                              ("blkio", "blkio.leaf_weight_device", "7:0 500"), ("io", None, "/blockIO/weightDevice/0")),
    "class": (None, {"network": {"classID": 1048577}},
              ("net_cls", "net_cls.classid", "1048577"), ("net_cls", None, "/network/classID")),
    "priorities": (None, {"network": {"priorities": [{"name": "lo", "priority": 5}]}},
                   ("net_prio", "net_prio.ifpriomap", "lo 5"), ("net_prio", None, "/network/priorities")),
    "reserved": ({"hugetlb": {"2MB": 4 * MIB}}, {"hugepageLimits": [{"pageSize": "2MB", "limit": 4 * MIB}]},
                 ("hugetlb", "hugetlb.2MB.rsvd.limit_in_bytes", str(4 * MIB)), ("hugetlb", "hugetlb.2MB.rsvd.max", str(4 * MIB))),
}


@pytest.mark.parametrize("limited, name", [(program, name) for name, row in EVERY.items()
                                           for program, keys in zip(("nsinit", "nsrun"), row) if keys], indirect=["limited"])
def test_every_key_is_in_force_or_refused_by_name(limited, name):
    keys, resources, *versions = EVERY[name]
    limited.limit(keys or {}, resources or {})
    controller, file, value = versions[is_v2(versions[1][0])]
    if file is None or not host_has(controller, file):
        result = limited.refused(value if file is None else "/cgroups/" if limited.kind == "container.json" else "/linux/resources/")
        assert is_v2(controller) or "is a cgroup v2 one" not in str(result), result
        return
    limited.start("/bin/sleep", "1000")
    assert value in read(f"{limited.group(controller)[0]}/{file}").splitlines()
    limited.stop()


def host_has(controller, file):
    """Looked at in a group: the root has not all of them."""
    for point, controllers in leftovers.hierarchies().items():
        if controller in controllers:
            probe = f"{point}/lc-whole-{os.getpid()}-probe"
            os.mkdir(probe)
            try:
                return os.path.exists(f"{probe}/{file}") or os.path.exists(f"{point}/{file}")
            finally:
                os.rmdir(probe)
    return False


@pytest.mark.parametrize("name", ["cgroup.procs", "cgroup.type", "cgroup.freeze", "memory", "../x.y"])
def test_unified_names_limits_only(limited, name):
    limited.limit({"unified": {name: "1"}}, {"unified": {name: "1"}})
    limited.refused("/unified/")


@pytest.mark.parametrize("keys, resources, word", [
    ({"hugetlb": {"3MB": 0}}, {"hugepageLimits": [{"pageSize": "3MB", "limit": 0}]}, "hug"),
    ({"rdma": {"none0": {"hca_handle": 3}}}, {"rdma": {"none0": {"hcaHandles": 3}}}, "rdma"),
    ({"io_max": [{"device": "4000:0", "rbps": 5}]},
     {"blockIO": {"throttleReadBpsDevice": [{"major": 4000, "minor": 0, "rate": 5}]}}, "io"),
], ids=["page size", "rdma", "disk"])
def test_what_the_host_does_not_have(limited, keys, resources, word):
    limited.limit(keys, resources)
    limited.refused("/cgroups/" if limited.kind == "container.json" else "/linux/resources/", word)


# ---- groups that can hold no containers ----

@pytest.mark.parametrize("where", ["parent", "above", "itself"])
def test_threaded_groups_are_refused(limited, where):
    point = next((point for point, _ in leftovers.hierarchies().items() if os.path.exists(point + "/cgroup.controllers")), None)
    if point is None:
        pytest.skip("this host has no cgroup v2")
    if limited.kind == "container.json" and not is_v2("pids"):
        limited.limit({"unified": {"cgroup.max.depth": "9"}}, {})  # so that there is a group in v2
    top = f"{point}/lc-whole-{os.getpid()}-threads"
    os.makedirs(top + "/a/b")
    try:
        with open(top + "/a/cgroup.type", "w", encoding="ascii") as file:
            file.write("threaded")
        below = {"parent": "a/one", "above": "new/one", "itself": "a"}[where]
        path = f"{os.path.basename(top)}/{below}"
        if limited.kind == "container.json":
            limited.box.config["cgroups"].update(parent=os.path.dirname(path), name=os.path.basename(path))
        else:
            limited.bundle.linux["cgroupsPath"] = "/" + path
        limited.refused("thread" if where != "above" else "domain threaded")
        assert sorted(os.listdir(top + "/a")).count("b") == 1 and not os.path.exists(top + "/new")
    finally:
        for name in ("/a/b", "/a", ""):
            os.rmdir(top + name)


def test_no_more_processes_than_one(bundle):
    """pids.limit 0, since 1.3."""
    bundle.linux["resources"]["pids"] = {"limit": 0}
    bundle.script("true & echo made").config["ociVersion"] = "1.3.0"
    result = bundle.run()
    assert "made" not in result.out and "fork" in result.err, result
    bundle.config["ociVersion"] = "1.2.0"
    assert bundle.run().out == "made\n"
