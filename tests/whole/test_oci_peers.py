"""What other runtimes' own tests ask for, beyond what the tests of each subject already do."""
import json
import os
import platform
import threading

import pytest

from support import leftovers
from support.bundle import gone

RELEASE = tuple(int(word) for word in platform.release().split("-")[0].split(".")[:2])
CLONES_DETACHED = (6, 15)  # the first Linux that copies a mount which is mounted nowhere


def user_namespace(bundle, first=100000):
    bundle.linux["namespaces"].append({"type": "user"})
    for kind in ("uidMappings", "gidMappings"):
        bundle.linux[kind] = [{"containerID": 0, "hostID": first, "size": 65536}]


def test_device_that_the_host_lacks_in_a_user_namespace(bundle):
    """It must be there, with the owner asked for, and usable as the device that it is."""
    user_namespace(bundle)
    bundle.linux["devices"] = [{"path": "/dev/no-such", "type": "c", "major": 1, "minor": 5, "uid": 10, "gid": 11,
                                "fileMode": 0o644}]
    bundle.linux["resources"] = {"devices": [{"allow": True, "access": "rwm"}]}
    if RELEASE < CLONES_DETACHED:
        bundle.refused("mknodat", "/linux/devices/0")
        return
    out = bundle.out("stat -c '%u:%g %a %F %t:%T' /dev/no-such; head -c 3 /dev/no-such | od -An -tx1")
    assert out.split("\n")[:2] == ["10:11 644 character special file 1:5", " 00 00 00"], out
    assert not os.path.exists("/dev/no-such")


def test_owner_without_mapping(bundle):
    user_namespace(bundle)
    bundle.linux["devices"] = [{"path": "/dev/no-such", "type": "c", "major": 1, "minor": 5, "uid": 70000}]
    bundle.refused("/linux/devices/0")


def test_sysctl_of_the_host_name(bundle):
    bundle.linux["sysctl"] = {"kernel.hostname": "x"}
    bundle.refused("/linux/sysctl/kernel.hostname", "hostname")


def test_unknown_capability_of_exec(bundle):
    bundle.start()
    result = bundle.ok("exec", "--cap", "CAP_NO_SUCH", bundle.name, "grep", "CapEff", "/proc/self/status")
    assert int(result.out.split()[1], 16) == 1 << 5 and 'unknown capability "CAP_NO_SUCH"' in result.err.replace("\\", "")
    bundle.delete("--force")


@pytest.mark.parametrize("path", ["other/config.json", "/absolute"])
def test_config_elsewhere(bundle, path, tmp_path):
    bundle.process["args"] = ["/bin/echo", "from elsewhere"]
    target = str(tmp_path / "config") if path[0] == "/" else os.path.join(bundle.directory, path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "w", encoding="utf-8") as file:
        json.dump(bundle.config, file)
    result = bundle.ok("--cgroup-manager", "cgroupfs", "run", "--config", target if path[0] == "/" else path,
                       "--bundle", bundle.directory, bundle.name, cwd="/")
    assert result.out == "from elsewhere\n", result


def test_regular_expression(bundle):
    names = [f"{bundle.name}-{letter}" for letter in "abc"]
    del bundle.linux["cgroupsPath"]
    for name in names:
        bundle.start(name=name)
    bundle.ok("kill", "--regex", "[ab]$", "KILL")
    for name in names[:2]:
        bundle.wait_status("stopped", name)
    assert bundle.status(names[2]) == "running"
    bundle.ok("delete", "--force", "--regex", f"^{bundle.name}-")
    assert not bundle.containers()


def test_device_path_with_a_slash_at_its_end(bundle):
    bundle.linux["devices"] = [{"path": "/dev/fuse/", "type": "c", "major": 10, "minor": 229}]
    assert bundle.out("stat -c '%F %t:%T' /dev/fuse") == "character special file a:e5\n"


def test_character_that_an_id_must_not_have(bundle):
    bundle.write()
    assert "invalid character `/` in the ID" in bundle("run", "this/is/invalid").err


def test_descriptors_to_preserve_that_are_not_open(bundle):
    """What create says on its standard error is seen as the container's own words."""
    result = bundle.script("echo here").run("--preserve-fds", "100")
    assert (result.status, result.out, result.err) == (0, "here\n", ""), result


def test_deleted_in_a_frozen_group_of_somebody_else(bundle):
    """v1: nobody dies there, not even of SIGKILL."""
    tops = [point for point, controllers in leftovers.hierarchies().items() if "freezer" in controllers]
    if not tops:
        pytest.skip("v2 kills what is frozen")
    other = os.path.join(tops[0], f"{bundle.name}-frozen")
    bundle.start()
    pid = bundle.pid()
    os.mkdir(other)
    try:
        for file, value in (("cgroup.procs", str(pid)), ("freezer.state", "FROZEN")):
            with open(os.path.join(other, file), "w", encoding="ascii") as group:
                group.write(value)
        result = bundle.delete("--force")
        assert gone(pid) and not result.out and not result.err, result
    finally:
        with open(os.path.join(other, "freezer.state"), "w", encoding="ascii") as group:
            group.write("THAWED")
        os.rmdir(other)


def test_state_while_create_writes_it(bundle):
    """Its one write is not seen as one: config.json behind the record may come a moment later."""
    bundle.create()
    path = os.path.join(bundle.state_root, bundle.name)
    with open(path, "rb") as file:
        whole = file.read()
    cut = sum(json.JSONDecoder().raw_decode(whole.decode(errors="replace"))[0]["config"]) - 10
    os.truncate(path, cut)

    def finish():
        with open(path, "r+b") as file:
            file.write(whole)

    short = bundle("state", bundle.name)
    assert short.status == 1 and short.err.count("level=error") == 1 and "memory" not in short.err, short
    for _ in range(10):
        os.truncate(path, cut)
        timer = threading.Timer(0.015, finish)
        timer.start()
        result = bundle("state", bundle.name)
        timer.join()
        if result.status == 0:
            break
    assert json.loads(result.out)["status"] == "created"
    bundle.delete("--force")
