"""Each limit is proved by running into it, by container.json and by config.json, in whichever version the host has."""
import os
import re
import subprocess
import time

import pytest

from support import leftovers
from support.limited import MIB, PIDS, ByConfigJson, forked, is_v2, memory, read
from support.wait import wait_until


def need(controller):
    if not any(controller in controllers for controllers in leftovers.hierarchies().values()):
        pytest.skip(f"this host has no controller {controller}")


# ---- memory ----

def test_memory_is_to_be_had_up_to_the_limit(limited):
    limited.limit(*memory(64))
    result = limited.run("/bin/helper", "hog", "51")
    assert result.status == 0 and result.out == "touched 51 MiB\n", result


def test_memory_hog_is_killed(limited):
    limited.limit(*memory(64))
    result = limited.run("/bin/helper", "hog", "83")
    assert result.status == 137 and "touched" not in result.out, result


def test_memory_hog_in_a_join_is_killed(limited):
    limited.limit(*memory(64))
    limited.start("/bin/sleep", "1000")
    assert limited.join("/bin/helper", "hog", "51").out == "touched 51 MiB\n"
    result = limited.join("/bin/helper", "hog", "83")
    assert result.status == 137 and "touched" not in result.out, result
    assert limited.pid() in limited.inmates()
    limited.stop()


# ---- processes ----

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
    assert busy > 0.1, "others have had this machine nearly for themselves"


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
    """Of dd alone: how long a container takes to start and end is a matter of the machine."""
    result = limited.run("/bin/busybox", "time", "-p", "dd", *arguments)
    said = re.search(r"^real ([\d.]+)$", result.err, re.M)
    assert result.status == 0 and said, result
    return float(said.group(1))


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
