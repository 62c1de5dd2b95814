"""Each limit is proved by running into it, by container.json and by config.json, in whichever version the host has."""
import os
import subprocess
import time

import pytest

from support import leftovers
from support.limited import ByConfigJson, ByContainerJson, read
from support.wait import wait_until

MIB = 1 << 20
MEMORY = ({"memory": 64 * MIB, "memory_swap": 64 * MIB}, {"memory": {"limit": 64 * MIB, "swap": 64 * MIB}})
NO_SWAP = ({"memory": 64 * MIB}, {"memory": {"limit": 64 * MIB}})


@pytest.fixture(params=["nsinit", "nsrun"])
def limited(request, tool, group_parent):
    if request.param == "nsinit":
        made = ByContainerJson(request.getfixturevalue("box"), tool, group_parent)
    else:
        made = ByConfigJson(request.getfixturevalue("bundle"), tool)
    made.add("limits")
    made.add("helper")
    return made


def need(controller):
    if not any(controller in controllers for controllers in leftovers.hierarchies().values()):
        pytest.skip(f"this host has no controller {controller}")


def memory_limit():
    """Where the host does not account swap, there is none to limit."""
    for point, controllers in leftovers.hierarchies().items():
        if "memory" in controllers and not os.path.exists(point + "/cgroup.controllers") and not os.path.exists(
                point + "/memory.memsw.limit_in_bytes"):
            return NO_SWAP
    return MEMORY


# ---- memory ----

def test_memory_is_to_be_had_up_to_the_limit(limited):
    limited.limit(*memory_limit())
    result = limited.run("/bin/helper", "hog", "51")
    assert result.status == 0 and result.out == "touched 51 MiB\n", result


def test_memory_hog_is_killed(limited):
    limited.limit(*memory_limit())
    result = limited.run("/bin/helper", "hog", "83")
    assert result.status == 137 and "touched" not in result.out, result


def test_memory_hog_in_a_join_is_killed(limited):
    limited.limit(*memory_limit())
    limited.start("/bin/sleep", "1000")
    assert limited.join("/bin/helper", "hog", "51").out == "touched 51 MiB\n"
    result = limited.join("/bin/helper", "hog", "83")
    assert result.status == 137 and "touched" not in result.out, result
    assert limited.pid() in limited.inmates()
    limited.stop()


# ---- processes ----

PIDS = ({"pids_limit": 20}, {"pids": {"limit": 20}})


def test_processes_up_to_the_limit(limited):
    limited.limit(*PIDS)
    result = limited.run("/bin/limits", "forks", "100", "0")
    assert result.out == "19 Resource temporarily unavailable\n", result
    assert limited.run("/bin/limits", "forks", "19", "0").out == "19 all\n"


def test_processes_of_joins_count(limited):
    limited.limit(*PIDS)
    limited.start("/bin/sleep", "1000")
    assert forked(limited.join("/bin/limits", "forks", "100", "0")) in (17, 18)
    limited.stop()


def forked(result):
    """How often, until the limit. One that has made the joining process may still be on its way out."""
    assert "Resource temporarily unavailable" in result.out, result
    return int(result.out.split()[0])


@pytest.mark.parametrize("where", ["start", "join"])
def test_no_process_of_a_fork_bomb_escapes(limited, where):
    """It is in its group before its first instruction, and so is all that it makes."""
    limited.limit(*PIDS)
    if where == "start":
        limited.start("/bin/limits", "bomb")
    else:
        limited.start("/bin/sleep", "1000")
        limited.join_in_background("/bin/limits", "bomb")
    group, _ = limited.group("pids")
    wait_until(lambda: len(read(group + "/cgroup.procs").split()) >= 18, what="a full group")
    for _ in range(50):
        found = limited.inmates()
        inside = {int(pid) for pid in read(group + "/cgroup.procs").split()}
        outside = [pid for pid in found if pid not in inside and is_outside(pid, limited.path)]
        assert len(found) <= 20 and not outside, (found, outside)
    assert int(dict(line.split() for line in read(group + "/pids.events").splitlines())["max"]) > 0
    limited.stop()


def is_outside(pid, path):
    try:
        with open(f"/proc/{pid}/cgroup", encoding="ascii") as file:
            lines = [line for line in file.read().splitlines() if line.split(":")[1] in ("", "pids")]
    except OSError:
        return False  # gone
    return not any(line.split(":", 2)[2].startswith(path) for line in lines)


# ---- processor ----

@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("burners, share", [("1", 0.25), ("2", 0.4)])
def test_cpu_quota(limited, burners, share):
    quota = int(share * 100000)
    limited.limit({"cpu_quota": quota, "cpu_period": 100000}, {"cpu": {"quota": quota, "period": 100000}})
    limited.start("/bin/limits", "burn", burners)
    time.sleep(0.5)
    before, used, since = throttling(limited), limited.cpu_seconds(), time.monotonic()
    time.sleep(10)
    after, used, passed = throttling(limited), limited.cpu_seconds() - used, time.monotonic() - since
    limited.stop()
    # In a period in which it was not held back, others have used the machine.
    busy = (after[1] - before[1]) / (after[0] - before[0])
    assert 0.95 * share * busy <= used / passed <= 1.05 * share, f"{used:.3f} s in {passed:.3f} s, held back in {busy}"
    assert busy > 0.5


def throttling(limited):
    """Periods, and those in which the quota was used up."""
    counts = dict(line.split() for line in limited.file("cpu", "cpu.stat", "cpu.stat").splitlines())
    return int(counts["nr_periods"]), int(counts["nr_throttled"])


def test_cpu_shares_decide(limited, make_bundle):
    """Two on one CPU, with weights of 1 to 4."""
    other = ByConfigJson(make_bundle("other"), limited.tool)
    other.add("limits")
    other.limit({}, {"cpu": {"shares": 512, "cpus": "0"}})
    limited.limit({"cpu_shares": 2048, "cpuset_cpus": "0"}, {"cpu": {"shares": 2048, "cpus": "0"}})
    if limited.kind == "container.json":  # below a parent, which has to have the same weight
        limited.box.config["cgroups"].update(parent="", name=limited.path.split("/")[1])
        limited.path = "/" + limited.path.split("/")[1]
    for each in (limited, other):
        each.start("/bin/limits", "burn")
    before = [each.cpu_seconds() for each in (limited, other)]
    time.sleep(3)
    mine, others = (each.cpu_seconds() - used for each, used in zip((limited, other), before))
    for each in (limited, other):
        each.stop()
    weights = 4 if not os.path.exists("/sys/fs/cgroup/cgroup.controllers") else 174 / 59
    assert 0.7 * weights < mine / others < 1.4 * weights, (mine, others)


@pytest.mark.parametrize("cpus", ["0", "1", "0-1"])
def test_cpuset(limited, cpus):
    wanted = {"0": [0], "1": [1], "0-1": [0, 1]}[cpus]
    if os.cpu_count() < 2 and 1 in wanted:
        pytest.skip("one CPU")
    limited.limit({"cpuset_cpus": cpus, "cpuset_mems": "0"}, {"cpu": {"cpus": cpus, "mems": "0"}})
    limited.start("/bin/sleep", "1000")
    result = limited.join("/bin/limits", "cpus")
    assert [int(line) for line in result.out.split()] == wanted, result
    assert sorted(os.sched_getaffinity(limited.pid())) == wanted
    limited.stop()


# ---- input and output ----

@pytest.fixture
def disk(work):
    """A block device of our own: (node, major, minor)."""
    path = os.path.join(work, "disk")
    with open(path, "wb") as file:
        file.truncate(64 * MIB)
    subprocess.run(["modprobe", "loop"], check=False, capture_output=True, timeout=20)
    done = subprocess.run(["losetup", "--find", "--show", path], capture_output=True, text=True, check=False, timeout=10)
    if done.returncode != 0:
        pytest.skip(f"no loop device: {done.stderr.strip()}")
    node = done.stdout.strip()
    number = os.stat(node).st_rdev
    yield node, os.major(number), os.minor(number)
    subprocess.run(["losetup", "--detach", node], check=True, timeout=10)


IO = [("rbps", "throttleReadBpsDevice", MIB, ["if=/dev/disk", "of=/dev/null", "iflag=direct", "bs=64k", "count=64"]),
      ("wbps", "throttleWriteBpsDevice", MIB, ["if=/dev/zero", "of=/dev/disk", "oflag=direct", "bs=64k", "count=64"]),
      ("riops", "throttleReadIOPSDevice", 20, ["if=/dev/disk", "of=/dev/null", "iflag=direct", "bs=4k", "count=80"]),
      ("wiops", "throttleWriteIOPSDevice", 20, ["if=/dev/zero", "of=/dev/disk", "oflag=direct", "bs=4k", "count=80"])]


@pytest.mark.parametrize("key, list_name, rate, arguments", IO, ids=[row[0] for row in IO])
def test_io(limited, disk, key, list_name, rate, arguments):
    """Four seconds' worth: without the limit it takes none."""
    _, major, minor = disk
    limited.devices(("/dev/disk", "b", major, minor))
    assert timed(limited, arguments) < 2
    limited.limit({"io_max": [{"device": f"{major}:{minor}", key: rate}]},
                  {"blockIO": {list_name: [{"major": major, "minor": minor, "rate": rate}]}})
    assert 3 < timed(limited, arguments) < 8


def timed(limited, arguments):
    since = time.monotonic()
    result = limited.run("/bin/dd", *arguments)
    assert result.status == 0, result
    return time.monotonic() - since


# ---- devices ----

def test_devices(limited):
    """What is denied is denied when it is opened and when it is made; what is allowed works."""
    rules = [{"allow": False, "type": "a"}, {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"},
             {"allow": True, "type": "c", "major": 1, "minor": 11, "access": "rm"}]
    limited.limit({"devices": rules}, {"devices": rules})
    if limited.kind == "config.json":
        limited.bundle.process["capabilities"] = {
            kind: ["CAP_MKNOD", "CAP_SYS_ADMIN", "CAP_SYSLOG"] for kind in ("bounding", "effective", "permitted")}
    script = ("mkdir -p /dev/t; mknod /dev/t/kmsg c 1 11; /bin/helper try-open /dev/t/kmsg r; /bin/helper try-open /dev/t/kmsg w; "
              "/bin/helper try-open /dev/null rw; for n in 'mem c 1 1' 'disk b 7 0' 'zero c 1 5'; do "
              "mknod /dev/t/$n 2>&1 | grep -o 'not permitted' || /bin/helper try-open /dev/t/${n%% *} r; done")
    expected = ["ok", "EPERM", "ok"]
    if limited.kind == "config.json":  # its rules come before what every container has: all may be made, and zero used
        expected += ["EPERM", "EPERM", "ok"]
    else:  # on v2, what every /dev has may always be made
        expected += ["not permitted", "not permitted", "EPERM" if is_v2("memory") else "not permitted"]
    assert limited.run("/bin/sh", "-c", script).out.splitlines() == expected
    limited.start("/bin/sleep", "1000")
    assert limited.join("/bin/sh", "-c", script.replace("/t", "/u")).out.splitlines() == expected
    limited.stop()


# ---- huge pages ----

@pytest.fixture
def huge_pages():
    """Some, for all of the machine, as long as the test lasts."""
    knob = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
    if not os.path.exists(knob):
        pytest.skip("no huge pages of 2 MB")
    before = read(knob)
    set_pages(knob, int(before) + 4)
    try:
        if int(read(knob)) < int(before) + 4:
            pytest.skip("no memory for huge pages")
        yield
    finally:
        set_pages(knob, before)


def set_pages(knob, number):
    with open(knob, "w", encoding="ascii") as file:
        file.write(str(number))


def test_huge_pages(limited, huge_pages):
    need("hugetlb")
    limited.limit({"hugetlb": {"2MB": 4 * MIB}}, {"hugepageLimits": [{"pageSize": "2MB", "limit": 4 * MIB}]})
    assert limited.run("/bin/limits", "huge", "2").out == "touched 2\n"
    result = limited.run("/bin/limits", "huge", "3")
    assert result.status == 135 or result.out == "Cannot allocate memory\n", result


# ---- update ----

def memory(mib):
    """That much, and no swap, where there is one to count."""
    if memory_limit() is NO_SWAP:
        return {"memory": mib * MIB}, {"memory": {"limit": mib * MIB}}
    return ({"memory": mib * MIB, "memory_swap": mib * MIB}, {"memory": {"limit": mib * MIB, "swap": mib * MIB}})


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
    "first": ({"memory": 1, "memory_swap": 1}, {"memory": {"limit": 1, "swap": 1}}),
    "middle": ({"cpuset_cpus": "900"}, {"cpu": {"cpus": "900"}}),
    "last": ({"io_max": [{"device": "4000:0", "rbps": 5}]},
             {"blockIO": {"throttleReadBpsDevice": [{"major": 4000, "minor": 0, "rate": 5}]}}),
}


@pytest.mark.parametrize("where", list(FAILING))
def test_update_takes_all_back(limited, where):
    """What fails at the first, a middle and the last of what is written: every file is as it was, and the container runs."""
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

def is_v2(controller):
    return any(controller in controllers and os.path.exists(point + "/cgroup.controllers")
               for point, controllers in leftovers.hierarchies().items())


def test_unified(limited):
    limited.limit({"unified": {"memory.high": str(40 * MIB), "cgroup.max.depth": "7"}},
                  {"unified": {"memory.high": str(40 * MIB), "cgroup.max.depth": "7"}})
    if not is_v2("memory"):
        limited.refused("/unified/memory.high", "v2")
        return
    limited.start("/bin/sleep", "1000")
    group, _ = limited.group("memory")
    assert read(group + "/memory.high") == str(40 * MIB) and read(group + "/cgroup.max.depth") == "7"
    limited.stop()


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
