"""`nsinit plan` prints what exec would run, one op a line with the key it came from; compared with golden files."""
import json
import os
import re

import pytest

from support.container import FIVE, PATH

GOLDEN = os.path.join(os.path.dirname(__file__), "golden")
VETH = {"type": "veth", "address": ["10.123.0.2/24", "fd00:123::2/64"], "gateway": "10.123.0.1", "mtu": 1400,
        "routes": [{"destination": "192.0.2.0/24", "gateway": "10.123.0.254"}], "context": {"bridge": "docker0"}}

PLANS = {
    "minimal": {},
    "no-namespaces": {"namespaces": []},
    "five": {"namespaces": FIVE, "hostname": "koye", "environment": [PATH]},
    "user-namespace": {"namespaces": FIVE + ["NEWUSER"],
                       "uid_mappings": [{"container_id": 0, "host_id": 100000, "size": 65536}],
                       "gid_mappings": [{"container_id": 0, "host_id": 100000, "size": 65536}]},
    "all-eight": {"namespaces": FIVE + ["NEWUSER", "NEWCGROUP", "NEWTIME"],
                  "uid_mappings": [{"container_id": 0, "host_id": 0, "size": 1}],
                  "gid_mappings": [{"container_id": 0, "host_id": 0, "size": 1}]},
    "mounts": {"namespaces": ["NEWNS"], "mounts": [
        {"source": "/tmp", "destination": "/a", "writable": False, "private": True},
        {"source": "/tmp", "destination": "/b", "writable": True},
        {"type": "tmpfs", "destination": "/c", "options": ["nosuid", "size=1m"]},
        {"type": "bind", "source": "/tmp", "destination": "/d", "options": ["rbind", "ro", "rslave"]}]},
    "identity": {"namespaces": FIVE, "user": "1000:100", "capabilities": ["CHOWN", "KILL"], "umask": "0027",
                 "no_new_privileges": True, "oom_score_adj": 100, "working_dir": "/tmp", "additional_groups": [5],
                 "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 10, "hard": 20}]},
    "paths": {"namespaces": FIVE, "masked_paths": ["/proc/kcore"], "readonly_paths": ["/proc/sys"],
              "sysctl": {"net.ipv4.ip_forward": "1"}, "readonly_fs": True,
              "devices": [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229}]},
    "tty": {"namespaces": FIVE, "tty": True},
    "no-pivot": {"namespaces": ["NEWNS"], "no_pivot_root": True},
    "veth": {"namespaces": FIVE, "networks": [VETH]},
    "netns": {"namespaces": ["NEWNS"], "networks": [{"type": "netns", "context": {"nspath": "/run/netns/x"}}]},
    "loopback": {"namespaces": FIVE, "networks": [{"type": "loopback", "mtu": 16000}]},
}


def plan(box, *command):
    result = box.nsinit_run("plan", *command)
    assert result.status == 0, result
    return normalised(box, result.out)


def normalised(box, text):
    """Without what differs from run to run: paths of the test and random names."""
    text = text.replace(box.rootfs, "@ROOTFS@").replace(box.directory, "@DIR@")
    return re.sub(r"veth[0-9a-f]{4,}", "veth@HEX@", text)


@pytest.mark.parametrize("name", list(PLANS))
def test_golden(box, name, request):
    box.config = PLANS[name]
    text = plan(box, "/bin/true", "argument")
    path = os.path.join(GOLDEN, name + ".plan")
    if request.config.getoption("--update-golden"):
        with open(path, "w") as file:
            file.write(text)
    with open(path) as file:
        assert text == file.read(), f"{path} differs; --update-golden writes it anew"


@pytest.mark.parametrize("name", ["minimal", "mounts", "paths"])
def test_deterministic(box, name):
    box.config = PLANS[name]
    assert len({plan(box, "/bin/true") for _ in range(5)}) == 1


def test_every_key_is_named(box):
    """Each line that a key made says so."""
    box.config = {**PLANS["mounts"], **PLANS["identity"], "hostname": "koye"}
    text = plan(box, "/bin/true")
    for pointer in ("/hostname", "/mounts/0", "/mounts/1", "/mounts/2", "/user", "/capabilities", "/umask",
                    "/no_new_privileges", "/oom_score_adj", "/working_dir", "/rlimits/0"):
        assert pointer in text, f"no {pointer} in\n{text}"


@pytest.mark.parametrize("name", list(PLANS))
def test_only_keys_that_are_there_are_named(box, name):
    """What is so by default says so: whoever looks for the key in the file must find it."""
    box.config = PLANS[name]
    for line in plan(box, "/bin/true").splitlines():
        for pointer in re.findall(r"\[(/[^\]]*)\]", line):
            value = box.config
            for part in pointer.strip("/").split("/"):
                value = value[int(part)] if isinstance(value, list) else value.get(part)
                assert value is not None, f"{pointer} is not in container.json: {line}"


def test_plan_shows_the_cgroups(box, group_parent):
    box.config["cgroups"] = {"parent": group_parent, "name": "x", "memory": 64 << 20, "pids_limit": 77}
    text = plan(box, "/bin/true")
    assert f"{group_parent}/x" in text and str(64 << 20) in text and "77" in text, text
    box.config["cgroups"] = {"cpu_quota": 20000, "cpu_burst": 100, "io_weight": 500, "hugetlb": {"2MB": 2097152},
                             "io_max": [{"device": "254:0", "wiops": 5}], "rdma": {"mlx": {"hca_object": 2}},
                             "unified": {"memory.high": "1"}}
    text = plan(box, "/bin/true")
    for line in ("cpu_burst = 100  [/cgroups/cpu_burst]", "io_weight = 500  [/cgroups/io_weight]",
                 "io_max wiops of 254:0 = 5  [/cgroups/io_max/0/wiops]", "hugetlb 2MB = 2097152  [/cgroups/hugetlb/2MB]",
                 "rdma mlx hca_object=2  [/cgroups/rdma/mlx]", "memory.high = 1  [/cgroups/unified/memory.high]"):
        assert f"host  cgroup-limit {line}\n" in text, text


def test_plan_has_no_side_effect(box, group_parent):
    """The leftovers check looks too; this looks for what exec would have made on the way."""
    box.config.update(cgroups={"parent": group_parent, "name": "x", "memory": 1 << 26}, mounts=[
        {"source": "/tmp", "destination": "/missing/mount/point"}])
    before = os.listdir(box.rootfs)
    plan(box, "/bin/true")
    assert os.listdir(box.rootfs) == before


def test_plan_of_a_bad_file(box):
    box.config["hostname"] = 5
    result = box.nsinit_run("plan", "/bin/true")
    assert result.status == 125 and "/hostname" in result.err and not result.out, result


def test_plan_of_the_spec(box):
    box.config = json.loads(box.nsinit_run("spec").out)
    assert plan(box, "/bin/sh").count("\n") > 10
