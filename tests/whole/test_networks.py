"""networks: what is inside, what is on the host meanwhile, and what every mistake says."""
import json
import os
import subprocess

import pytest

from support import isolation, leftovers
from support.wait import wait_until


def ip(*words):
    isolation.run("ip", *" ".join(words).split())


def host(*words):
    output = subprocess.run(["ip", "-j", *" ".join(words).split()], capture_output=True, text=True, timeout=10,
                            check=True).stdout
    return json.loads(output or "[]")


def inside(box, *words):
    """`ip -j` of the host's iproute2 within the container's network namespace."""
    command = ["nsenter", "-t", str(box.live_pid()), "-n", "ip", "-j", *" ".join(words).split()]
    return json.loads(subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout or "[]")


@pytest.fixture
def bridge():
    ip("link add lcbr0 type bridge")
    ip("addr add 10.123.0.1/24 dev lcbr0")
    ip("addr add fd00:123::1/64 dev lcbr0 nodad")
    ip("link set lcbr0 up")
    yield "lcbr0"
    ip("link del lcbr0")


def veth(bridge="lcbr0", **more):
    context = {"bridge": bridge, **more.pop("context", {})}
    return {"type": "veth", "address": "10.123.0.2/24", "gateway": "10.123.0.1", "context": context, **more}


def link(box, name="eth0"):
    return inside(box, "-d link show", name)[0]


def addresses(box, name="eth0"):
    return {f"{entry['local']}/{entry['prefixlen']}" for entry in inside(box, "addr show", name)[0]["addr_info"]
            if entry["scope"] != "link"}


def test_veth(box, bridge):
    box.config["networks"] = [veth(mtu=1400)]
    run = box.start()
    eth0 = link(box)
    assert eth0["mtu"] == 1400 and "UP" in eth0["flags"] and eth0["linkinfo"]["info_kind"] == "veth"
    assert addresses(box) == {"10.123.0.2/24"}
    routes = inside(box, "route")
    assert [route["gateway"] for route in routes if route["dst"] == "default"] == ["10.123.0.1"]
    ends = host("-d link show master lcbr0")
    assert len(ends) == 1 and ends[0]["ifname"].startswith("veth") and ends[0]["mtu"] == 1400
    assert "UP" in ends[0]["flags"] and len(ends[0]["ifname"]) <= 15
    assert "1 packets received" in box.out("ping -c 1 -w 3 10.123.0.1")
    os.kill(box.live_pid(), 9)
    assert run.wait().status == 137
    assert not host("link show master lcbr0"), "the host's end is still there when nsinit has returned"


def test_network_is_ready_when_the_program_starts(box, bridge):
    """No sleeping, no retry: the first packet goes through."""
    box.config["networks"] = [veth()]
    assert "1 packets received" in box.out("ping -c 1 -w 2 10.123.0.1")


def test_loopback_is_up_beside_others(box, bridge):
    box.config["networks"] = [veth()]
    assert "1 packets received" in box.out("ping -c 1 -w 2 127.0.0.1")


def test_both_families(box, bridge):
    box.config["networks"] = [veth(address=["10.123.0.2/24", "10.123.0.3/32", "fd00:123::2/64"],
                                   gateway=["10.123.0.1", "fd00:123::1"])]
    box.start()
    assert addresses(box) == {"10.123.0.2/24", "10.123.0.3/32", "fd00:123::2/64"}
    assert [route["gateway"] for route in inside(box, "-6 route") if route["dst"] == "default"] == ["fd00:123::1"]
    assert "1 packets received" in box.out("ping -c 1 -w 3 fd00:123::1")


def test_only_v6(box, bridge):
    box.config["networks"] = [veth(address="fd00:123::9/64", gateway="fd00:123::1")]
    box.start()
    assert addresses(box) == {"fd00:123::9/64"}
    assert "1 packets received" in box.out("ping -c 1 -w 3 fd00:123::1")


def test_mac_and_queue_length(box, bridge):
    box.config["networks"] = [veth(mac_address="02:42:ac:11:00:02", txqueuelen=77)]
    box.start()
    assert (link(box)["address"], link(box)["txqlen"]) == ("02:42:ac:11:00:02", 77)


def test_names(box, bridge):
    box.config["networks"] = [veth(), veth(address="10.123.0.3/24", gateway=None),
                              veth(address="10.123.0.4/24", gateway=None, name="lan-side")]
    for network in box.config["networks"][1:]:
        del network["gateway"]
    box.start()
    assert addresses(box, "eth0") == {"10.123.0.2/24"}
    assert addresses(box, "eth1") == {"10.123.0.3/24"}
    assert addresses(box, "lan-side") == {"10.123.0.4/24"}
    assert len(host("link show master lcbr0")) == 3


def test_prefix(box, bridge):
    box.config["networks"] = [veth(context={"prefix": "koye"})]
    box.start()
    assert host("link show master lcbr0")[0]["ifname"].startswith("koye")


def test_routes(box, bridge):
    box.config["networks"] = [veth(routes=[
        {"destination": "192.0.2.0/24", "gateway": "10.123.0.254", "metric": 42},
        {"destination": "198.51.100.0/24", "gateway": "10.123.0.253", "source": "10.123.0.2"},
        {"destination": "203.0.113.7/32"}])]
    box.start()
    routes = {route["dst"]: route for route in inside(box, "route")}
    assert (routes["192.0.2.0/24"]["gateway"], routes["192.0.2.0/24"]["metric"]) == ("10.123.0.254", 42)
    assert routes["198.51.100.0/24"]["prefsrc"] == "10.123.0.2"
    assert routes["203.0.113.7"]["dev"] == "eth0"


def test_loopback_mtu(box):
    box.config["networks"] = [{"type": "loopback", "mtu": 16000}]
    box.start()
    assert link(box, "lo")["mtu"] == 16000 and "UP" in link(box, "lo")["flags"]


def test_no_address(box, bridge):
    box.config["networks"] = [{"type": "veth", "context": {"bridge": bridge}}]
    box.start()
    assert addresses(box) == set() and "UP" in link(box)["flags"]


def test_two_containers_talk(make_container, busybox, bridge):
    one, other = make_container(busybox, "one"), make_container(busybox, "other")
    one.config["networks"] = [veth()]
    other.config["networks"] = [veth(address="10.123.0.3/24")]
    one.start()
    assert "1 packets received" in other.out("ping -c 1 -w 3 10.123.0.2")


def test_user_namespace_gets_its_network(box, bridge):
    box.config["namespaces"].append("NEWUSER")
    box.config["uid_mappings"] = box.config["gid_mappings"] = [{"container_id": 0, "host_id": 100000, "size": 65536}]
    for path, _, files in os.walk(box.rootfs):
        for name in ["", *files]:
            os.chown(os.path.join(path, name), 100000, 100000, follow_symlinks=False)
    box.take_manifest()
    box.config["networks"] = [veth()]
    box.start()
    assert addresses(box) == {"10.123.0.2/24"}
    assert "10.123.0.2" in box.out("ip addr show eth0")


def test_created_bridge(box):
    box.config["networks"] = [veth("lcnew0", address="10.124.0.2/24", gateway="10.124.0.1",
                                   context={"create": "true", "bridge_address": "10.124.0.1/24"})]
    try:
        box.start()
        made = host("-d link show lcnew0")[0]
        assert made["linkinfo"]["info_kind"] == "bridge" and "UP" in made["flags"]
        assert "10.124.0.1" in str(host("addr show lcnew0"))
        assert "1 packets received" in box.out("ping -c 1 -w 3 10.124.0.1")
        box.stop_all()
        box.state()
    finally:
        subprocess.run(["ip", "link", "del", "lcnew0"], timeout=10, stderr=subprocess.DEVNULL)


def test_create_keeps_an_existing_bridge(box, bridge):
    box.config["networks"] = [veth(context={"create": "true", "bridge_address": "10.123.0.1/24"})]
    assert "1 packets received" in box.out("ping -c 1 -w 3 10.123.0.1")
    assert host("link show lcbr0"), "a bridge that was there before is gone"
    assert "fd00:123::1" in str(host("addr show lcbr0"))


def test_a_failed_start_removes_what_it_made(box, bridge):
    box.config["networks"] = [veth()]
    assert box.exec("/bin/missing").status == 127
    assert not host("link show master lcbr0")
    box.config["mounts"] = [{"source": "/nonexistent", "destination": "/x"}]
    assert box.exec("/bin/true").status == 125
    assert not host("link show master lcbr0")


def test_many_starts_at_once(make_container, busybox, bridge):
    """Random host names do not collide, and nobody removes another's."""
    boxes = [make_container(busybox, f"b{i}") for i in range(6)]
    for i, box in enumerate(boxes):
        box.config["networks"] = [veth(address=f"10.123.0.{i + 10}/24")]
    runs = [box.spawn("/bin/sh", "-c", "ping -c 1 -w 5 10.123.0.1 && echo ready && exec sleep 1000") for box in boxes]
    for run in runs:
        run.wait_output("ready")
    assert len(host("link show master lcbr0")) == 6
    for box, run in zip(boxes, runs):
        os.kill(box.live_pid(), 9)
        run.wait()
    assert not host("link show master lcbr0")


# ---- mistakes ----

def test_missing_bridge_has_a_hint(box):
    box.config["networks"] = [veth("docker-missing")]
    result = box.refused("/networks/0", "docker-missing")
    assert "ip link add" in result.err or '"create"' in result.err, result


@pytest.mark.parametrize("key, value", [
    ("address", "172.17.0.2/33"), ("address", "300.1.1.1/8"), ("address", "10.0.0.1/"), ("address", "10.0.0/8"),
    ("address", "fd00::1/129"), ("address", "hello"), ("address", ""), ("address", 5), ("address", ["10.0.0.1/8", "x"]),
    ("gateway", "10.123.0.256"), ("gateway", "10.123.0.1/24"), ("gateway", "x"), ("mtu", 10), ("mtu", "1500"),
    ("mtu", -1), ("mtu", 10**9), ("mac_address", "02:42"), ("mac_address", "zz:42:ac:11:00:02"),
    ("mac_address", "ff:ff:ff:ff:ff:ff"), ("txqueuelen", -1), ("name", "x" * 16), ("name", "a/b"), ("name", ".."),
    ("name", "a b"), ("name", ""), ("type", "magic"), ("type", 1), ("unknown", 1),
    ("routes", [{"destination": "nowhere"}]), ("routes", [{"gateway": "10.123.0.1"}]), ("routes", 5)])
def test_bad_values(box, bridge, key, value):
    box.config["networks"] = [veth(**{key: value})]
    box.refused(f"/networks/0/{key}" if key != "routes" else "/networks/0/routes")


@pytest.mark.parametrize("context", [{}, {"bridge": ""}, {"bridge": 5}, {"bridge": "lcbr0", "prefix": "x" * 15},
                                     {"bridge": "lcbr0", "magic": "x"}, {"bridge": "lcbr0", "prefix": "a/b"},
                                     {"bridge": "lcbr0", "create": "maybe"}])
def test_bad_context(box, bridge, context):
    box.config["networks"] = [{"type": "veth", "address": "10.123.0.2/24", "context": context}]
    box.refused("/networks/0")


def test_taken_name(box, bridge):
    box.config["networks"] = [veth(name="lan0"), veth(name="lan0", address="10.123.0.3/24")]
    box.refused("/networks/1", "lan0")
    box.config["networks"] = [veth(name="lo")]
    box.refused("/networks/0")


def test_gateway_off_link(box, bridge):
    box.config["networks"] = [veth(gateway="192.0.2.1")]
    box.refused("/networks/0", "gateway", "192.0.2.1")


def test_gateway_without_address(box, bridge):
    box.config["networks"] = [{"type": "veth", "gateway": "10.123.0.1", "context": {"bridge": bridge}}]
    box.refused("/networks/0")


def test_not_a_bridge(box):
    ip("link add lcv0 type veth peer name lcv1")
    try:
        box.config["networks"] = [veth("lcv0")]
        box.refused("/networks/0", "lcv0", "bridge")
    finally:
        ip("link del lcv0")


def test_needs_newnet(box, bridge):
    box.config["namespaces"].remove("NEWNET")
    box.config["networks"] = [veth()]
    box.refused("/networks/0", "NEWNET")


def test_error_halfway_removes_the_first(box, bridge):
    """The second network fails: the first one's host end goes too."""
    box.config["networks"] = [veth(), veth("lcmissing", address="10.123.0.3/24")]
    box.refused("/networks/1")
    assert not host("link show master lcbr0")
    wait_until(lambda: not [name for name in leftovers.interfaces() if name.startswith("veth")], timeout=1)
