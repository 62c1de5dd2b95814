"""nsrun over and over, and with configurations that have gone wrong: nothing may stay, grow, crash or hang.

LC_STRESS=full: the 10,000 cycles of the specification; a number scales the 100 of the short run.
"""
import copy
import json
import os
import random
import threading

import pytest

from support import leftovers, proc
from support.wait import becomes_true

STRESS = os.environ.get("LC_STRESS", "1")
CYCLES = 10000 if STRESS == "full" else max(16, int(100 * float(STRESS or 1)))
MUTATIONS = 2000 if STRESS == "full" else max(40, int(200 * float(STRESS or 1)))
AT_ONCE = 8
CRASHES = {128 + number for number in (4, 6, 7, 8, 11, 31)} | {99}


class Failures(list):
    """What threads find; assertions in a thread are nobody's."""

    def check(self, condition, *what):
        if not condition:
            self.append(what)
        return condition


def cycle(bundle, name, failures):
    bundle.ids.add(name)
    for command, status in (("create", "created"), ("start", "running"), ("kill", None), ("delete", None)):
        result = bundle(command, name, *(["KILL"] if command == "kill" else []), timeout=60)
        if not failures.check(result.status == 0, command, result):
            bundle("delete", "--force", name)
            return
        if status is not None:
            found = json.loads(bundle("state", name).out or "{}").get("status")
            failures.check(found == status, name, command, found)
        if command == "kill" and not becomes_true(lambda: bundle.status(name) == "stopped", 20):
            failures.append((name, "is not stopped", bundle.status(name)))


@pytest.mark.stress
@pytest.mark.timeout(3600 if STRESS == "full" else 120)
def test_cycles(bundle):
    """The group differs by container: what each leaves counts."""
    del bundle.linux["cgroupsPath"]
    bundle.write()
    failures, before = Failures(), set(proc.descendants(os.getpid()))
    groups = {path for path in all_groups() if "cycle-" in path}

    def work(worker):
        for number in range(CYCLES // AT_ONCE):
            if failures:
                return
            cycle(bundle, f"cycle-{os.getpid()}-{worker}-{number}", failures)

    threads = [threading.Thread(target=work, args=[worker]) for worker in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[:3]
    assert bundle.containers() == [] and leftovers.living(before) == []
    assert {path for path in all_groups() if f"cycle-{os.getpid()}-" in path} == groups


def all_groups():
    for point in leftovers.hierarchies():
        for path, directories, _ in os.walk(point):
            yield from (os.path.join(path, name) for name in directories)


@pytest.mark.stress
def test_same_name_at_once(bundle):
    """Eight want to make, start and delete the same container: one of each wins, none is confused."""
    bundle.write()
    for _ in range(max(4, CYCLES // 50)):
        results = [run.wait(30) for run in [bundle.spawn("create", bundle.name) for _ in range(AT_ONCE)]]
        assert sorted(result.status for result in results) == [0] + [1] * (AT_ONCE - 1), results
        results = [run.wait(30) for run in [bundle.spawn("start", bundle.name) for _ in range(AT_ONCE)]]
        assert sorted(result.status for result in results) == [0] + [1] * (AT_ONCE - 1), results
        assert bundle.status() == "running"
        results = [run.wait(30) for run in [bundle.spawn("delete", "--force", bundle.name) for _ in range(AT_ONCE)]]
        assert all(result.status == 0 for result in results), results
        assert not bundle.containers() and not bundle.groups()


def rich(bundle):
    """A valid configuration with something of everything."""
    config = copy.deepcopy(bundle.config)
    config.update(hostname="box", domainname="example", annotations={"a": "b"})
    config["hooks"] = {"createRuntime": [{"path": "/bin/true", "args": ["true"], "env": ["A=b"], "timeout": 5}],
                       "poststop": [{"path": "/bin/true"}]}
    config["process"].update(
        args=["/bin/true"], rlimits=[{"type": "RLIMIT_NOFILE", "hard": 512, "soft": 256}], noNewPrivileges=True,
        oomScoreAdj=500, ioPriority={"class": "IOPRIO_CLASS_BE", "priority": 5},
        scheduler={"policy": "SCHED_BATCH", "nice": 5})
    config["process"]["user"].update(umask=0o22, additionalGids=[5, 6])
    config["linux"].update(
        sysctl={"net.ipv4.ip_forward": "1"}, maskedPaths=["/proc/kcore"], readonlyPaths=["/proc/sys"],
        devices=[{"path": "/dev/x", "type": "c", "major": 1, "minor": 3, "fileMode": 438, "uid": 0, "gid": 0}],
        rootfsPropagation="private", personality={"domain": "LINUX"},
        seccomp={"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
            {"names": ["acct"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1,
             "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]}]})
    config["linux"]["resources"].update(memory={"limit": 1 << 28}, pids={"limit": 100}, cpu={"shares": 512})
    config["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "size=1m"]})
    return config


VALUES = [None, True, 0, -1, 1, 2**31, 2**32, 2**63, -2**63, 2**64 - 1, 1.5, "", "x", "/", "..", "/../..", "a" * 5000, [], {},
          [None], [[]], {"a": 1}, ["x", "x"], "\u0000", "\ud7ff", "-1", [0] * 300]


def places(value, path=()):
    """Every (parent, key) below value."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in list(entries):
        yield value, key, path + (key,)
        yield from places(child, path + (key,))


def mutate(config, dice):
    """One to three changes; the group and what would touch the machine beside stay."""
    for _ in range(dice.choice([1, 1, 1, 2, 3])):
        candidates = [place for place in places(config) if place[2][-1] != "cgroupsPath" and place[2] != ("linux",)
                      and place[2][:2] != ("linux", "rootfsPropagation")]
        parent, key, _ = dice.choice(candidates)
        how = dice.randrange(6)
        if how == 0:
            del parent[key]
        elif how == 1 and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[key]))
        elif how == 2 and isinstance(parent, dict):
            parent[str(key) + "x"] = parent.pop(key)
        elif how == 3 and isinstance(parent[key], int) and not isinstance(parent[key], bool):
            parent[key] += dice.choice([-1, 1, 1000, 2**31, 2**62])
        else:
            parent[key] = copy.deepcopy(dice.choice(VALUES))
    return config


def damage(text, dice):
    """Text that is no JSON any more, mostly."""
    at = dice.randrange(len(text))
    return [text[:at], text[:at] + dice.choice("{}[],:\"\\\x01é0") + text[at + 1:], text[:at] + text[at:at + 40] * 3 + text[at:]][
        dice.randrange(3)]


@pytest.mark.stress
@pytest.mark.timeout(1200 if STRESS == "full" else 120)
def test_mutations(bundle):
    valid, dice = rich(bundle), random.Random(20261124)
    bundle.config = copy.deepcopy(valid)
    assert bundle.run().status == 0
    before, mounts = set(proc.descendants(os.getpid())), leftovers.mounts()
    ran = 0
    for number in range(MUTATIONS):
        bundle.config = mutate(copy.deepcopy(valid), dice)
        text = json.dumps(bundle.config, indent=1)
        if number % 8 == 7:
            text = damage(json.dumps(valid, indent=1), dice)
        bundle.write(text)
        result = bundle("run", bundle.name, timeout=20)
        trace = os.path.join(bundle.directory, "config.json"), number, result
        assert result.status not in CRASHES, trace
        assert "Sanitizer" not in result.err and "(null)" not in result.err, trace
        ran += result.status == 0
        if result.status not in (0, 127) or "level=error" in result.err:
            assert "level=error" in result.err, trace
            assert "/" in result.err or "config.json" in result.err, trace
        assert not bundle.containers(), trace
        assert not bundle.groups(), trace
        assert leftovers.mounts() == mounts, trace
    assert becomes_true(lambda: leftovers.living(before) == [])
    assert MUTATIONS // 20 < ran < MUTATIONS, ran
