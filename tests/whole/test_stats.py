"""What a container uses, live and at its end: the numbers are the kernel's own."""
import json
import os

import pytest

from support.wait import wait_until

MIB = 1 << 20
UNLIMITED = (1 << 64) - 1
HOG = "tail /dev/zero"


@pytest.fixture
def limited(box, group_parent):
    box.config["cgroups"] = {"parent": group_parent, "name": "one", "memory": 16 * MIB, "memory_swap": 16 * MIB,
                             "pids_limit": 50}
    return box


@pytest.fixture
def hungry(bundle):
    bundle.linux["resources"]["memory"] = {"limit": 16 * MIB, "swap": 16 * MIB}
    return bundle.script("sleep 0.2; exec " + HOG)


def read(path):
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return None


def files(groups):
    """name -> text of every file of the container's groups."""
    found = {}
    for group in groups:
        for name in os.listdir(group):
            text = read(os.path.join(group, name)) if os.path.isfile(os.path.join(group, name)) else None
            if text is not None:
                found[name] = text
    return found


def look(groups, ask):
    """The kernel's files, what `ask` says, and the files again. Slabs are given back, and counters of processors brought together, also
    while everybody is frozen: so until what is compared word by word was the same before and after."""
    def once():
        before, said, after = files(groups), ask(), files(groups)
        steady = all(before.get(name) == after.get(name) for name in ("memory.stat", "memory.numa_stat", "io.stat"))
        return (before, said, after) if steady else None
    return wait_until(once, 10, "memory.stat stands still")


def words(text):
    return {line.split()[0]: int(line.split()[1]) for line in text.splitlines() if len(line.split()) == 2}


def number(text):
    return UNLIMITED if text == "max" else int(text)


# member -> file (or the sum of two), and the word in it; of either version, whichever is there
EXPECTED = {
    ("memory", "usage", "usage"): [("memory.usage_in_bytes", None), ("memory.current", None)],
    ("memory", "usage", "limit"): [("memory.limit_in_bytes", None), ("memory.max", None)],
    ("memory", "usage", "max"): [("memory.max_usage_in_bytes", None), ("memory.peak", None)],
    ("memory", "swap", "usage"): [("memory.memsw.usage_in_bytes", None), ("memory.current+memory.swap.current", None)],
    ("memory", "swap", "limit"): [("memory.memsw.limit_in_bytes", None), ("memory.max+memory.swap.max", None)],
    ("memory", "swapOnly", "usage"): [("memory.swap.current", None)],
    ("memory", "swapOnly", "limit"): [("memory.swap.max", None)],
    ("memory", "cache"): [("memory.stat", "cache"), ("memory.stat", "file")],
    ("memory", "events", "killed"): [("memory.oom_control", "oom_kill"), ("memory.events", "oom_kill")],
    ("memory", "events", "max"): [("memory.events", "max")],
    ("memory", "eventsLocal", "outOfMemory"): [("memory.events.local", "oom")],
    ("pids", "current"): [("pids.current", None)],
    ("pids", "limit"): [("pids.max", None)],
    ("pids", "peak"): [("pids.peak", None)],
    ("pids", "events", "max"): [("pids.events", "max")],
    ("pids", "eventsLocal", "max"): [("pids.events.local", "max")],
    ("memory", "usage", "high"): [("memory.high", None)],
    ("memory", "usage", "low"): [("memory.low", None)],
    ("memory", "usage", "min"): [("memory.min", None)],
    ("memory", "swapOnly", "high"): [("memory.swap.high", None)],
    ("memory", "zswap", "usage"): [("memory.zswap.current", None)],
    ("cpu", "rawLocal", "throttled_usec"): [("cpu.stat.local", "throttled_usec")],
    ("cgroup", "raw", "nr_descendants"): [("cgroup.stat", "nr_descendants")],
    ("cpu", "usage", "total"): [("cpuacct.usage", None), ("cpu.stat", "usage_usec")],
    ("cpu", "throttling", "periods"): [("cpu.stat", "nr_periods")],
    ("cpu", "throttling", "throttledPeriods"): [("cpu.stat", "nr_throttled")],
    ("cpu", "throttling", "bursts"): [("cpu.stat", "nr_bursts")],
}


def kernel_value(kernel, path):
    """What the files say for a member; None: they say nothing."""
    for file, word in EXPECTED[path]:
        names = file.split("+")
        if not set(names) <= set(kernel) or word and word not in words(kernel[file]):
            continue
        value = words(kernel[file])[word] if word else min(sum(number(kernel[name]) for name in names), UNLIMITED)
        return value * 1000 if word and word.endswith("_usec") and path[1] != "rawLocal" else value
    return None


def check_agreement(stats, before, after):
    """Of a frozen container, whose numbers stand still, but for the kernel's own clocks. How many were compared."""
    checked = 0
    for path in EXPECTED:
        value = stats
        for name in path:
            value = value.get(name, {})
        bounds = kernel_value(before, path), kernel_value(after, path)
        if bounds[0] is None or path[0] in stats.get("from_processes", ()):
            continue
        low, high = sorted(bounds)  # what was charged in advance may be given back meanwhile
        assert low <= value <= high, f"{path}: {value}, the kernel says {low} to {high}"
        checked += 1
    return checked


def test_nsinit_stats_agree_with_the_kernel(limited):
    limited.start("dd if=/dev/zero of=/dev/shm/x bs=1k count=300 2>/dev/null; echo ready; exec sleep 1000")
    assert limited.nsinit_run("pause").status == 0  # so that nothing changes between the two looks
    groups = [entry["path"] for entry in limited.state()["cgroups"]]
    kernel, stats, after = look(groups, lambda: json.loads(limited.nsinit_run("stats").out))
    assert check_agreement(stats, kernel, after) >= 8
    assert stats["memory"]["raw"] == words(kernel["memory.stat"])
    assert [entry["Name"] for entry in stats["network_interfaces"]] == ["lo"]


def pairs(text):
    """"name key=1 key=2" per line; of v1: "name=3 key=1 key=2"."""
    found = {}
    for line in text.splitlines():
        first, *rest = line.split()
        name, _, total = first.partition("=")
        members = [("total", total)] * bool(total) + [word.split("=") for word in rest]
        found[name] = {key: int(value) for key, value in members}
    return found


def test_each_node_and_device(limited):
    """The files whose words nobody knows beforehand, as they are: NUMA nodes and, with what controllers of cost add, devices."""
    limited.start("dd if=/dev/zero of=/dev/shm/x bs=1k count=300 2>/dev/null; echo ready; exec sleep 1000")
    assert limited.nsinit_run("pause").status == 0
    groups = [entry["path"] for entry in limited.state()["cgroups"]]
    kernel, stats, _ = look(groups, lambda: json.loads(limited.nsinit_run("stats").out))
    found = [(stats[part].get(name), pairs(kernel[file])) for part, name, file in
             (("memory", "numa", "memory.numa_stat"), ("blkio", "raw", "io.stat")) if file in kernel]
    if not found:
        pytest.skip("this kernel has neither memory.numa_stat nor io.stat")
    for ours, its in found:
        assert ours == its


def test_nsrun_stats_agree_with_the_kernel(bundle):
    bundle.linux["resources"].update(memory={"limit": 64 * MIB}, pids={"limit": 40},
                                     cpu={"quota": 20000, "period": 100000})
    bundle.script("while :; do :; done").start()
    wait_until(lambda: any(words(read(f"{group}/cpu.stat") or "").get("nr_throttled") for group in bundle.groups()), 10,
               "the loop is throttled")
    bundle.ok("pause", bundle.name)
    kernel = files(bundle.groups())
    event = json.loads(bundle.ok("events", "--stats", bundle.name).out, parse_int=int)
    after = files(bundle.groups())
    bundle.ok("resume", bundle.name)
    assert event["type"] == "stats" and event["id"] == bundle.name
    assert check_agreement(event["data"], kernel, after) >= 10
    assert event["data"]["cpu"]["throttling"]["throttledPeriods"] >= 1
    bundle.delete("--force")


def test_stats_without_groups(box):
    """Sums over the processes, and said to be such."""
    box.start("sleep 1000 & i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo ready; wait")
    stats = json.loads(box.nsinit_run("stats").out)
    assert set(stats["from_processes"]) == {"cpu", "memory", "pids"}
    assert stats["pids"]["current"] == 2 and stats["memory"]["usage"]["usage"] > 4096
    assert stats["cpu"]["usage"]["total"] >= 10_000_000


def test_counters_of_the_network(box):
    box.start("ping -c 3 -i 0.1 127.0.0.1 >/dev/null; echo ready; exec sleep 1000")
    interfaces = json.loads(box.nsinit_run("stats").out)["network_interfaces"]
    assert [entry["RxPackets"] for entry in interfaces if entry["Name"] == "lo"] >= [6]
    box.config["namespaces"] = ["NEWNS", "NEWPID"]


def test_the_hosts_network_is_not_the_containers(box):
    box.config["namespaces"] = ["NEWNS", "NEWPID"]
    box.start()
    assert json.loads(box.nsinit_run("stats").out)["network_interfaces"] is None


# ---- the last word ----

def final(result):
    return json.loads([line for line in result.err.splitlines() if line.startswith("{")][-1])


def test_final_of_a_good_end(limited):
    result = limited.exec("--stats", "/bin/sh", "-c",
                          "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; sleep 0 & sleep 0 & wait; exit 3")
    assert result.status == 3, result
    last = final(result)
    assert last["exitStatus"] == 3
    assert last["memory"]["limit"] == 16 * MIB and last["memory"]["events"]["oom_kill"] == 0
    assert last["memory"]["peak"] is None or 100_000 < last["memory"]["peak"] < 16 * MIB
    assert last["cpu"]["total"] >= 10_000_000
    assert last["pids"]["peak"] is None or last["pids"]["peak"] >= 2


def test_final_tells_how_long_a_quota_held_back(limited):
    """Also where v1 counts time in another hierarchy than the quota's, which the container is not in."""
    limited.config["cgroups"]["cpu_quota"] = 10000
    last = final(limited.exec("--stats", "/bin/sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"))
    assert last["cpu"]["throttled"] > 10_000_000 and last["cpu"]["total"] >= 10_000_000, last


def test_final_counts_whom_the_first_process_left(limited):
    """A process that nobody waited for is in the numbers of the group."""
    # The shell asks for no memory meanwhile, or it may be the one that is killed: it sleeps until the other's end of the pipe is closed.
    script = f"mkfifo /dev/shm/end; {HOG} > /dev/shm/end & read -r _ < /dev/shm/end; exit 0"
    result = limited.exec("--stats", "/bin/sh", "-c", script)
    last = final(result)
    assert result.status == 0 and last["memory"]["events"]["oom_kill"] == 1, result


def test_final_of_one_out_of_memory(limited, work):
    path = os.path.join(work, "last.json")
    result = limited.exec("--stats=" + path, "/bin/sh", "-c", "exec " + HOG)
    assert result.status == 137, result
    with open(path) as file:
        last = json.load(file)
    assert last["exitStatus"] == 137 and last["memory"]["events"]["oom_kill"] == 1
    assert last["memory"]["peak"] is None or 15 * MIB < last["memory"]["peak"] <= 16 * MIB
    line = next(line for line in result.err.splitlines() if "out of memory" in line)
    assert "killed 1 process " in line and str(16 * MIB) in line and "/cgroups/memory" in line, result


def test_final_has_no_place_to_go(limited):
    """Said before anything runs, not when the numbers are lost."""
    result = limited.exec("--stats=/nowhere/last.json", "/bin/sh", "-c", "echo runs")
    assert result.status == 125 and not result.out and "/nowhere/last.json: No such file" in result.err, result


def test_final_without_groups(box):
    last = final(box.exec("--stats", "/bin/sh", "-c", "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done"))
    assert last["exitStatus"] == 0 and last["cpu"]["total"] >= 10_000_000 and last["memory"]["peak"] > 100_000
    assert last["memory"]["events"] == {"max": None, "oom": None, "oom_kill": None}


def test_final_of_a_joined_process(limited):
    limited.start()
    last = final(limited.exec("--stats", "/bin/sh", "-c", "exit 7"))
    assert last["exitStatus"] == 7 and last["memory"]["limit"] is None


def test_stats_are_only_printed_when_asked_for(limited):
    result = limited.sh("exit 0")
    assert not result.err and not result.out, result


def test_a_sigkill_is_no_lack_of_memory(limited):
    result = limited.sh("kill -9 $$; sleep 1; exit 0")
    run = limited.start()
    limited.nsinit_run("kill", "KILL")
    result = run.wait()
    assert result.status == 137 and not result.err, result


def test_state_of_a_stopped_container(hungry):
    """create and start, and somebody else waits: the state tells what can be known, until delete."""
    hungry.start()
    hungry.wait_status("stopped")
    state = hungry.state()
    last = state["final"]
    assert last["memory"]["events"]["oom_kill"] == 1 and last["memory"]["limit"] == 16 * MIB
    assert last["memory"]["peak"] is None or 15 * MIB < last["memory"]["peak"] <= 16 * MIB
    assert state.get("exitStatus", 137) == 137
    assert hungry.state() == state
    hungry.delete()


def test_run_keeps_the_status(hungry):
    result = hungry.run("--keep")
    assert result.status == 137 and "out of memory" in result.err and "/linux/resources/memory/limit" in result.err
    state = hungry.state()
    assert state["exitStatus"] == 137 and state["final"]["memory"]["events"]["oom_kill"] == 1
    hungry.delete()


def test_state_of_a_running_container_has_no_end(bundle):
    bundle.start()
    assert not {"exitStatus", "final"} & set(bundle.state())
    bundle.delete("--force")


# ---- too little for the start itself ----

@pytest.mark.parametrize("limit", [4 << 10, 64 << 10, 256 << 10, 512 << 10, MIB])
def test_little_memory(limited, limit):
    limited.config["cgroups"].update(memory=limit, memory_swap=limit)
    result = limited.exec("/bin/true")
    if result.status == 0:
        return
    assert result.status in (125, 137), result
    assert "memory" in result.err and "/cgroups/memory" in result.err and str(limit) in result.err, result


@pytest.mark.parametrize("limit", [4 << 10, 64 << 10, 256 << 10, 512 << 10, MIB])
def test_little_memory_of_a_bundle(bundle, limit):
    bundle.linux["resources"]["memory"] = {"limit": limit, "swap": limit}
    bundle.process["args"] = ["/bin/true"]
    result = bundle.run()
    if result.status == 0:
        return
    assert "memory" in result.err and "/linux/resources/memory/limit" in result.err, result
    assert str(limit) in result.err, result
