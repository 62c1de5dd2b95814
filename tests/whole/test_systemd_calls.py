"""What the driver "systemd" asks for, by a systemd that only takes notes (tests/fake/systemd.py)."""
import json
import os
import subprocess
import sys
import time

import dbus
import dbus.bus
import pytest

from support import leftovers, proc
from support.wait import wait_until
from test_systemd import built, create, helpers, systemd_bundle  # pylint: disable=unused-import

FAKE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "fake/systemd.py")
UNIT = "lc-box.scope"


class Fake:
    def __init__(self, directory, root):
        self.directory, self.told = directory, {"root": root, "start": "done"}
        self.env = {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=" + os.path.join(directory, "bus")}

    def tell(self, **behaviour):
        self.told.update(behaviour)
        with open(os.path.join(self.directory, "behaviour"), "w", encoding="utf-8") as file:
            json.dump(self.told, file)

    def calls(self, *methods):
        path = os.path.join(self.directory, "calls")
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as file:
            calls = [json.loads(line) for line in file]
        return [call for call in calls if call[0] in methods] if methods else calls

    def call(self, method, signature, *arguments):
        bus = dbus.bus.BusConnection(self.env["DBUS_SYSTEM_BUS_ADDRESS"])
        try:
            bus.call_blocking("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", method,
                              signature, arguments)
        finally:
            bus.close()

    def forget(self):
        if os.path.exists(path := os.path.join(self.directory, "calls")):
            os.unlink(path)


@pytest.fixture
def slices():
    """The groups of the manager and of its slice: in cgroup v2 it is for systemd to hand the controllers down."""
    root, made = f"/lc-whole-{os.getpid()}", []
    for mount in {mount.point for mount in proc.mount_list() if mount.type == "cgroup2"}:
        with open(mount + "/cgroup.controllers", encoding="ascii") as file:
            controllers = file.read().split()
        if not controllers:
            continue
        for path in (mount, mount + root, f"{mount}{root}/system.slice"):
            if path != mount:
                os.mkdir(path)
                made.append(path)
            with open(path + "/cgroup.subtree_control", "w", encoding="ascii") as file:
                file.write(" ".join("+" + name for name in controllers))
    yield root
    for path in reversed(made):
        if os.path.isdir(path):
            os.rmdir(path)


@pytest.fixture
def fake(work, slices):
    directory = os.path.join(work, "fake")
    os.mkdir(directory)
    systemd = Fake(directory, slices)
    systemd.tell()
    with subprocess.Popen([sys.executable, FAKE, directory], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield systemd
        finally:
            process.terminate()


def ns(bundle, fake, *arguments, **options):
    return bundle(*arguments, env={**os.environ, **fake.env}, **options)


def not_loaded(fake, unit=UNIT):
    """The fake may have something to read yet."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            fake.call("GetUnit", "s", unit)
        except dbus.DBusException:
            return True
    return False


def properties(call):
    return dict(call[3])


def test_life(bundle, fake):
    bundle.linux["resources"].update(memory={"limit": 64 << 20}, pids={"limit": 50}, cpu={"quota": 25000})
    bundle.config["annotations"] = {"org.systemd.property.TimeoutStopSec": "2.5", "org.systemd.property.After": "['a.service']"}
    result = create(systemd_bundle(bundle), fake.env)
    assert result.status == 0, result
    [start] = fake.calls("StartTransientUnit")
    given = properties(start)
    assert start[1:3] == [UNIT, "fail"] and start[4] == []
    assert given["Slice"] == "system.slice" and given["Delegate"] is True and given["PIDs"] == [0]
    assert given["DefaultDependencies"] is False and given["CollectMode"] == "inactive-or-failed"
    assert given.get("MemoryLimit", given.get("MemoryMax")) == 64 << 20 and given["TasksMax"] == 50
    assert (given["CPUQuotaPeriodUSec"], given["CPUQuotaPerSecUSec"]) == (100000, 250000)
    assert given["TimeoutStopUSec"] == 2500000 and given["After"] == ["a.service"]
    assert all(given[name + "Accounting"] for name in ("Memory", "CPU", "Tasks"))
    pid = bundle.pid()
    assert fake.calls("AttachProcessesToUnit") == [["AttachProcessesToUnit", UNIT, "", [pid]]]
    assert not helpers()
    with open(f"/proc/{pid}/cgroup", encoding="ascii") as file:
        assert f":{fake.told['root']}/system.slice/{UNIT}\n" in file.read()
    bundle.ok("start", bundle.name)
    fake.forget()
    result = ns(bundle, fake, "exec", bundle.name, "/bin/true")
    assert result.status == 0 and not fake.calls(), result  # a join is our own business
    bundle.ok("kill", bundle.name, "KILL")
    bundle.wait_status("stopped")
    result = ns(bundle, fake, "delete", bundle.name)
    assert result.status == 0, result
    assert [call[0] for call in fake.calls() if call[0] not in ("Get", "Subscribe")] == \
        ["GetUnit", "KillUnit", "StopUnit", "ResetFailedUnit"]


def test_update(bundle, fake):
    bundle.linux["resources"].update(memory={"limit": 64 << 20}, pids={"limit": 50})
    assert create(systemd_bundle(bundle), fake.env).status == 0
    fake.forget()
    result = ns(bundle, fake, "update", "--pids-limit", "60", bundle.name)
    assert result.status == 0, result
    assert fake.calls("SetUnitProperties") == [["SetUnitProperties", UNIT, True, [["TasksMax", 60]]]]
    fake.forget()
    path = os.path.join(bundle.directory, "bad.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"pids": {"limit": 70}, "cpu": {"cpus": "4000"}}, file)
    result = ns(bundle, fake, "update", "--resources", path, bundle.name)
    assert result.status == 1, result
    assert [call[3] for call in fake.calls("SetUnitProperties")] in (
        [[["TasksMax", 70]], [["TasksMax", 60]]], []), fake.calls()
    with open(group(bundle, "pids") + "/pids.max", encoding="ascii") as file:
        assert file.read() == "60\n"
    assert ns(bundle, fake, "delete", "--force", bundle.name).status == 0


def test_keeper(bundle, fake):
    """Who waits for the last word keeps the unit until it has been read; nobody else does."""
    bundle.linux["resources"]["pids"] = {"limit": 50}
    running = systemd_bundle(bundle).launch("run", "--keep", globals_=["--systemd-cgroup"], env={**os.environ, **fake.env})
    bundle.wait_status("running")
    [keeper] = helpers()
    [start] = fake.calls("StartTransientUnit")
    assert properties(start)["TasksMax"] == 51
    path = group(bundle, "pids")
    with open(path + "/pids.max", encoding="ascii") as file:
        assert file.read() == "51\n"
    assert json.loads(bundle.ok("events", "--stats", bundle.name).out)["data"]["pids"]["limit"] == 50
    assert int(keeper) not in json.loads(bundle.ok("ps", "--format", "json", bundle.name).out)
    result = ns(bundle, fake, "update", "--pids-limit", "60", bundle.name)
    assert result.status == 0, result
    assert fake.calls("SetUnitProperties") == [["SetUnitProperties", UNIT, True, [["TasksMax", 61]]]]
    bundle.ok("kill", "--all", bundle.name, "KILL")
    assert running.wait(30).status == 137
    assert not helpers()
    final = bundle.state()["final"]
    assert final["memory"]["peak"] > 0 and final["memory"]["events"]["oom_kill"] == 0, final
    assert ns(bundle, fake, "delete", bundle.name).status == 0


def group(bundle, controller):
    with open(f"/proc/{bundle.pid()}/cgroup", encoding="ascii") as file:
        for line in file:
            _, names, path = line.rstrip("\n").split(":", 2)
            if controller in names.split(","):
                return f"/sys/fs/cgroup/{names}{path}"
    return "/sys/fs/cgroup" + path


def test_a_slice(bundle, fake):
    """Nobody is in it while it is made, so it does not end by itself."""
    name = f"lc{os.getpid()}.slice"
    fake.tell(group=f"{fake.told['root']}/{name}")
    assert create(systemd_bundle(bundle, f"::{name}"), fake.env).status == 0
    [start] = fake.calls("StartTransientUnit")
    assert start[1] == name and not {"PIDs", "Slice", "Delegate"} & set(properties(start))
    assert not fake.calls("AttachProcessesToUnit") and not helpers()
    assert ns(bundle, fake, "delete", "--force", bundle.name).status == 0
    assert [call[1:] for call in fake.calls("StopUnit")] == [[name, "replace"]]
    fake.forget()
    running = bundle.launch("create", globals_=["--systemd-cgroup"], env={**os.environ, **fake.env})
    deadline = time.monotonic() + 10
    while not fake.calls("StartTransientUnit") and time.monotonic() < deadline:
        time.sleep(0.001)
    running.process.kill()
    running.process.wait()
    assert ns(bundle, fake, "delete", "--force", bundle.name).status == 0
    while fake.calls("StartTransientUnit") and helpers() and time.monotonic() < deadline + 10:
        time.sleep(0.01)
    assert not_loaded(fake, name), fake.calls()


def test_a_job_that_fails(bundle, fake):
    fake.tell(start="failed")
    result = create(systemd_bundle(bundle), fake.env)
    assert result.status == 1 and f'the job of {UNIT} ended with "failed", the unit\'s result is "resources"' in \
        result.err.replace('\\"', '"') and "StartTransientUnit: " in result.err, result
    assert fake.calls("ResetFailedUnit") and not os.listdir(bundle.state_root) and not helpers()


@pytest.mark.parametrize("state", ["failed", "inactive", "active", "deactivating"])
def test_a_unit_that_exists(bundle, fake, state):
    fake.tell(start="exists", state=state)
    result = create(systemd_bundle(bundle), fake.env)
    if state == "failed":
        assert result.status == 1, result  # the fake makes it anew each time
        assert len(fake.calls("StartTransientUnit")) == 2 and len(fake.calls("ResetFailedUnit")) == 1
    else:
        assert result.status == 1 and f"{UNIT} is there already, and is {state}" in result.err, result
    assert not fake.calls("StopUnit") and not fake.calls("KillUnit") and not os.listdir(bundle.state_root)


def test_a_failed_unit_is_reset(bundle, fake):
    fake.tell(start="exists", state="failed")
    assert create(systemd_bundle(bundle), fake.env).status == 1
    fake.tell(start="done")
    result = create(systemd_bundle(bundle), fake.env)
    assert result.status == 0, result
    assert ns(bundle, fake, "delete", "--force", bundle.name).status == 0


def test_a_unit_elsewhere(bundle, fake):
    fake.tell(group="/somewhere/else")
    result = create(systemd_bundle(bundle), fake.env)
    assert result.status == 1 and "systemd has put it into /somewhere/else instead of" in result.err, result
    assert not_loaded(fake) and not os.listdir(bundle.state_root)


def rmdir(path):
    try:
        os.rmdir(path)
    except OSError:
        return not os.path.exists(path)
    return True


def test_a_later_unit_of_the_same_name(bundle, fake):
    """Ours has gone; the one that is there now is somebody else's, with its groups and who is in them."""
    assert create(systemd_bundle(bundle), fake.env).status == 0
    fake.call("SetUnitProperties", "sba(sv)", UNIT, True, [("Description", "another")])
    fake.forget()
    groups = [path for path in leftovers.groups() if path.endswith("/" + UNIT)]
    with subprocess.Popen(["sleep", "1000"]) as stranger:
        try:
            for path in groups:
                with open(path + "/cgroup.procs", "w", encoding="ascii") as file:
                    file.write(str(stranger.pid))
            assert ns(bundle, fake, "delete", "--force", bundle.name).status == 0
            assert fake.calls("GetUnit") and not fake.calls("StopUnit") and not fake.calls("KillUnit")
            assert stranger.poll() is None and groups and all(os.path.isdir(path) for path in groups)
        finally:
            stranger.kill()
    for path in groups:
        wait_until(lambda path=path: rmdir(path), 5, f"the end of {path}")
        rmdir(os.path.dirname(path))
        rmdir(os.path.dirname(os.path.dirname(path)))


def test_one_process(bundle, fake):
    bundle.linux["resources"]["pids"] = {"limit": 1}
    assert create(systemd_bundle(bundle), fake.env).status == 0
    [start] = fake.calls("StartTransientUnit")
    assert properties(start)["TasksMax"] == 2
    assert [call[3] for call in fake.calls("SetUnitProperties")] == [[["TasksMax", 1]]]
    with open(group(bundle, "pids") + "/pids.max", encoding="ascii") as file:
        assert file.read() == "1\n"
    assert ns(bundle, fake, "delete", "--force", bundle.name).status == 0


@pytest.mark.slow
@pytest.mark.timeout(90)
def test_no_answer_to_the_start(bundle, fake):
    fake.tell(start="silent")
    begin = time.monotonic()
    result = create(systemd_bundle(bundle), fake.env, timeout=60)
    assert result.status == 1 and "no answer to StartTransientUnit for 30 seconds" in result.err, result
    assert 29 < time.monotonic() - begin < 45 and not os.listdir(bundle.state_root) and not helpers()


def test_killed_at_many_moments(bundle, fake):
    systemd_bundle(bundle)
    begin = time.monotonic()
    assert create(bundle, fake.env).status == 0
    whole = time.monotonic() - begin
    assert ns(bundle, fake, "delete", "--force", bundle.name).status == 0
    for i in range(20):
        running = bundle.launch("create", globals_=["--systemd-cgroup"], env={**os.environ, **fake.env})
        time.sleep(whole * 1.2 * i / 20)
        running.process.kill()
        running.process.wait()
        fake.forget()
        result = ns(bundle, fake, "delete", "--force", bundle.name)
        assert result.status == 0, (i, result)
        deadline = time.monotonic() + 10
        while helpers() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not helpers(), i
        assert not_loaded(fake), (i, fake.calls())
