"""linux.netDevices: interfaces of the host in the container; linux.intelRdt on a machine without it."""
import os
import subprocess

import pytest

from support.isolation import run
from support.wait import wait_until


def links():
    output = subprocess.run(["ip", "-o", "link"], check=True, capture_output=True, text=True, timeout=10).stdout
    return {line.split(": ")[1].split("@")[0] for line in output.splitlines()}


@pytest.fixture
def veth():
    """lct0, up, with an address and an MTU of its own; its other end stays here, so that it can be taken away."""
    run("ip", "link", "add", "lct0", "mtu", "1400", "type", "veth", "peer", "name", "lct0peer")
    run("ip", "address", "add", "198.18.3.1/24", "dev", "lct0")
    run("ip", "link", "set", "lct0", "up")
    yield
    # The pair may just be going with the container's namespace.
    subprocess.run(["ip", "link", "delete", "lct0peer"], check=False, capture_output=True, timeout=10)
    wait_until(lambda: links() <= {"lo"}, what="no link is left")


def add_user(bundle):
    bundle.linux["namespaces"].append({"type": "user"})
    for kind in ("uidMappings", "gidMappings"):
        bundle.linux[kind] = [{"containerID": 0, "hostID": 0, "size": 65536}]


def moved(bundle):
    assert "lct0" not in links()
    output = bundle("exec", bundle.name, "/bin/ip", "address").out
    assert "net0" in output and "198.18.3.1/24" in output and "mtu 1400" in output and ",UP" in output, output
    bundle.delete("--force")


@pytest.mark.parametrize("kind", ["plain", "user", "late"])
def test_moves(bundle, veth, kind):
    bundle.linux["netDevices"] = {"lct0": {"name": "net%d"}}
    if kind != "plain":
        add_user(bundle)
    if kind == "late":
        bundle.linux["namespaces"] = [one for one in bundle.linux["namespaces"] if one["type"] != "ipc"]
        bundle.linux["namespaces"].append({"type": "ipc", "path": "/proc/self/ns/ipc"})
    bundle.start()
    moved(bundle)


def test_moves_to_a_path(bundle, veth):
    run("ip", "netns", "add", "lctns")
    try:
        bundle.linux["netDevices"] = {"lct0": {"name": "net%d"}}
        for one in bundle.linux["namespaces"]:
            if one["type"] == "network":
                one["path"] = "/run/netns/lctns"
        bundle.start()
        moved(bundle)
        # It stays: nothing is moved back at the end.
        run("ip", "-n", "lctns", "link", "show", "net0")
    finally:
        run("ip", "netns", "delete", "lctns")


def test_sysctl_of_a_moved_one(bundle, veth):
    bundle.linux["netDevices"] = {"lct0": {"name": "eth0"}}
    bundle.linux["sysctl"] = {"net.ipv4.conf.eth0.forwarding": "1"}
    assert bundle.out("cat /proc/sys/net/ipv4/conf/eth0/forwarding") == "1\n"


@pytest.mark.parametrize("what", ["name", "missing", "later"])
def test_failure_leaves_the_host_as_it_was(bundle, veth, what):
    bundle.linux["netDevices"] = {"lct0": {"name": "eth0"}}
    if what == "name":
        bundle.linux["netDevices"] = {"lct0": {"name": "lo"}}
        bundle.refused("/linux/netDevices/lct0", "interface of that name", "%d")
    elif what == "missing":
        bundle.linux["netDevices"]["none0"] = {}
        bundle.refused("/linux/netDevices/none0", "no such interface")
    else:
        bundle.config["hooks"] = {"createRuntime": [{"path": "/bin/false"}]}
        bundle.refused("/bin/false")
    output = subprocess.run(["ip", "address", "show", "lct0"], capture_output=True, text=True, timeout=10).stdout
    assert "198.18.3.1/24" in output and ",UP" in output, output


def test_no_resctrl(bundle):
    if os.path.exists("/sys/fs/resctrl/schemata"):
        pytest.skip("this machine has resctrl")
    bundle.linux["intelRdt"] = {"closID": "gold", "l3CacheSchema": "L3:0=f"}
    bundle.refused("/linux/intelRdt", "resctrl is not mounted", "mount -t resctrl")
    del bundle.linux["intelRdt"]
    bundle.start()
    result = bundle("update", "--l3-cache-schema", "L3:0=f", bundle.name)
    assert result.status == 1 and "/linux/intelRdt" in result.err, result
    bundle.delete("--force")
