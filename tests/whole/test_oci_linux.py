"""Each field of config.json's linux section and the mounts, read back from the kernel. Refusals name the key."""
import array
import errno
import fcntl
import json
import os
import re
import socket
import stat
import struct
import subprocess
import threading

import pytest

from support import proc
from support.bundle import NAMESPACES
from support.rootfs import write
from support.strace import strace
from support.wait import wait_until

FIRST = 100000
CAP_SYS_RESOURCE = 24
SECCOMP_IOCTL_NOTIF_RECV, SECCOMP_IOCTL_NOTIF_SEND = 0xC0502100, 0xC0182101


def without(bundle, kind):
    bundle.linux["namespaces"] = [entry for entry in bundle.linux["namespaces"] if entry["type"] != kind]


def in_user_namespace(bundle, size=65536):
    bundle.linux["namespaces"].append({"type": "user"})
    for kind in ("uidMappings", "gidMappings"):
        bundle.linux[kind] = [{"containerID": 0, "hostID": FIRST, "size": size}]
    subprocess.run(["chown", "-R", f"{FIRST}:{FIRST}", bundle.rootfs], check=True, timeout=10)


def mount(bundle, destination, *options, kind="tmpfs", **more):
    bundle.config["mounts"].append({"destination": destination, "type": kind, "source": kind, "options": list(options), **more})


def mounts_of(bundle):
    return proc.mounts(bundle.out("cat /proc/self/mountinfo"))


# ---- namespaces ----

def test_new_namespaces(bundle):
    bundle.linux["namespaces"] += [{"type": "cgroup"}, {"type": "time"}]
    bundle.start()
    for kind in ("pid", "net", "ipc", "uts", "mnt", "cgroup"):
        assert proc.namespace(bundle.pid(), kind) != proc.namespace(os.getpid(), kind), kind
    assert proc.namespace(bundle.pid(), "user") == proc.namespace(os.getpid(), "user")
    bundle.delete("--force")


def test_exec_raises_limits_for_a_user_namespace(bundle, work):
    """As create does: who is root there only may not raise a hard limit above nsrun's own."""
    in_user_namespace(bundle)
    bundle.start()
    limits = [{"type": "RLIMIT_NOFILE", "soft": 40, "hard": 2000}, {"type": "RLIMIT_NPROC", "soft": 50, "hard": 50}]
    write(f"{work}/process.json", json.dumps({"args": ["/bin/sh", "-c", "ulimit -n; ulimit -Hn"], "cwd": "/",
                                              "user": {"uid": 0, "gid": 0}, "env": [], "rlimits": limits}))
    traced = strace(f"{work}/strace", "-e", "trace=prlimit64,setns")
    result = bundle("exec", "-p", f"{work}/process.json", bundle.name, prefix=["prlimit", "--nofile=1000:1000", *traced])
    with open(f"{work}/strace", encoding="utf-8") as file:
        calls = file.read()
    raised, entered = re.search(r"prlimit64\([1-9].*RLIMIT_NOFILE, {.*rlim_max=2000}", calls), re.search(r"setns\(.*USER", calls)
    assert raised and entered and "RLIMIT_NPROC, {" not in calls[:entered.start()], calls
    if int(proc.status("self")["CapEff"], 16) >> CAP_SYS_RESOURCE & 1:
        assert (result.status, result.out) == (0, "40\n2000\n"), result
    bundle.delete("--force")


@pytest.mark.parametrize("kind, name", [("network", "net"), ("ipc", "ipc"), ("uts", "uts"), ("pid", "pid")])
def test_namespace_of_the_host(bundle, kind, name):
    without(bundle, kind)
    bundle.start()
    assert proc.namespace(bundle.pid(), name) == proc.namespace(os.getpid(), name)
    bundle.delete("--force")


@pytest.fixture
def inheriting(bundle):
    """No mount namespace, so nothing that needs one; the mounts are the caller's, and gone with the container."""
    without(bundle, "mount")
    bundle.config["root"]["readonly"] = False
    bundle.linux["maskedPaths"] = bundle.linux["readonlyPaths"] = []
    yield bundle
    assert not [path for path in proc.mounts() if path.startswith(bundle.directory)]


def test_mount_namespace_of_the_host(inheriting, work):
    source = os.path.join(work, "source")
    os.mkdir(source)
    mount(inheriting, "/a/b", kind="none", source=source)
    inheriting.config["mounts"][-1]["options"] = ["bind", "ro"]
    inheriting.start()
    assert proc.namespace(inheriting.pid(), "mnt") == proc.namespace(os.getpid(), "mnt")
    assert {"", "/proc", "/dev", "/a/b"} <= {path[len(inheriting.rootfs):] for path in proc.mounts()
                                             if path.startswith(inheriting.rootfs)}
    inside = inheriting.ok("exec", inheriting.name, "/bin/sh", "-c", "cat /proc/self/mountinfo; ls -d /dev/null; touch /a/b/c || true")
    assert {"/proc", "/dev", "/a/b"} <= set(proc.mounts(inside.out)) and "/dev/null" in inside.out
    assert os.listdir(source) == []
    inheriting.ok("kill", inheriting.name, "KILL")
    inheriting.wait_status("stopped")
    inheriting.delete()


@pytest.mark.parametrize("mounts", ["mounts", "none"])
def test_read_only_root_in_the_mount_namespace_of_the_host(inheriting, mounts):
    """The copy is read-only; the directory itself stays as it is."""
    inheriting.config["root"]["readonly"] = True
    if mounts == "none":
        inheriting.config["mounts"] = []
    assert "Read-only file system" in inheriting.out("touch /created 2>&1 || true")
    with open(os.path.join(inheriting.rootfs, "created"), "x", encoding="ascii"):
        pass


def test_mounts_of_the_host_below_the_root_stay(inheriting, work):
    """What was mounted there before is seen, and not ours to take away."""
    path = os.path.join(inheriting.rootfs, "mnt")
    os.makedirs(path, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", path], check=True, timeout=10)
    try:
        assert inheriting.out("touch /mnt/seen") == "" and os.listdir(path) == ["seen"]
    finally:
        subprocess.run(["umount", path], check=True, timeout=10)


def test_mountinfo_has_the_order_of_the_list(bundle):
    """The kernel lists mounts by their age since Linux 6.8, so that nothing may be copied before its turn."""
    points = ["/m/0", "/m/1", "/m/2", "/m/3", "/m/4"]
    for i, point in enumerate(points):
        if i % 2 == 0:
            mount(bundle, point)
        else:
            mount(bundle, point, "rbind" if i == 1 else "bind", kind="none", source="/etc")
    found = [one.point for one in proc.mount_list(bundle.out("cat /proc/self/mountinfo"))]
    assert [point for point in found if point in points] == points


def test_recursive_bind_of_the_hosts_root(bundle):
    """It is copied before the container's root lies on it."""
    mount(bundle, "/host", "rbind", "ro", kind="none", source="/")
    assert bundle.out("cat /host/etc/hostname; ls /host/proc/self/mountinfo").split()[0] == os.uname().nodename
    mount(bundle, "/flat", "bind", kind="none", source="/")
    found = list(proc.mounts(bundle.out("cat /proc/self/mountinfo")))
    assert "/host/proc" in found and "/flat" in found
    assert not [path for path in found if path.startswith("/flat/")], found


@pytest.mark.parametrize("moment", ["mounts", "program"])
def test_mount_namespace_of_the_host_and_a_failed_create(inheriting, moment):
    if moment == "mounts":
        mount(inheriting, "/x", kind="nosuch")
        inheriting.refused("/mounts/", "nosuch")
    else:
        inheriting.process["args"] = ["/nosuch"]
        inheriting.refused("/process/args")


def test_namespaces_by_path(make_bundle):
    first, second = make_bundle("first"), make_bundle("second")
    first.start()
    shared = ("network", "ipc", "uts", "pid")
    for entry in second.linux["namespaces"]:
        if entry["type"] in shared:
            entry["path"] = f"/proc/{first.pid()}/ns/{'net' if entry['type'] == 'network' else entry['type']}"
    second.start()
    for kind in ("net", "ipc", "uts", "pid"):
        assert proc.namespace(first.pid(), kind) == proc.namespace(second.pid(), kind), kind
    assert proc.namespace(first.pid(), "mnt") != proc.namespace(second.pid(), "mnt")
    assert second.ok("exec", second.name, "readlink", "/proc/self/ns/net").out.strip() == proc.namespace(first.pid(), "net")
    second.delete("--force")
    first.delete("--force")


@pytest.mark.parametrize("entry, pointer", [
    ({"type": "none"}, "/type"), ({}, ""), ({"type": "ipc"}, ""), ({"type": "user", "path": "relative"}, "/path"),
])
def test_bad_namespaces(bundle, entry, pointer):
    bundle.linux["namespaces"].append(entry)
    bundle.refused(f"/linux/namespaces/{len(NAMESPACES)}{pointer}")


@pytest.mark.parametrize("path", ["/nowhere", "/proc/self/ns/uts", "/etc/passwd"])
def test_paths_that_are_no_such_namespace(bundle, path):
    bundle.linux["namespaces"].append({"type": "cgroup", "path": path})
    bundle.refused("/linux/namespaces", path)


def test_user_namespace(bundle):
    in_user_namespace(bundle)
    bundle.script("sleep 1000")
    bundle.start()
    assert proc.status(bundle.pid())["Uid"].split() == [str(FIRST)] * 4
    with open(f"/proc/{bundle.pid()}/gid_map", encoding="ascii") as file:
        assert file.read().split() == ["0", str(FIRST), "65536"]
    assert bundle.ok("exec", bundle.name, "id", "-u").out == "0\n"
    bundle.delete("--force")


def test_time_offsets(bundle):
    bundle.linux["namespaces"].append({"type": "time"})
    bundle.linux["timeOffsets"] = {"boottime": {"secs": 1000000}, "monotonic": {"secs": 5, "nanosecs": 7}}
    assert float(bundle.out("cat /proc/uptime").split()[0]) > 1000000
    without(bundle, "time")
    bundle.refused("/linux/timeOffsets")
    bundle.linux["namespaces"].append({"type": "time"})
    bundle.linux["timeOffsets"] = {"monotonic": {"secs": 1, "nanosecs": 10**9}}
    bundle.refused("/linux/timeOffsets/monotonic")


# ---- names, sysctl ----

def test_names(bundle):
    bundle.config.update(hostname="box-1", domainname="example.org")
    assert bundle.out("hostname; cat /proc/sys/kernel/domainname") == "box-1\nexample.org\n"
    without(bundle, "uts")
    bundle.refused("/hostname")


def test_sysctl(bundle):
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel.shm_rmid_forced": "1", "net/ipv4/ping_group_range": "5 9"}
    assert bundle.out("cd /proc/sys; cat net/ipv4/ip_forward kernel/shm_rmid_forced net/ipv4/ping_group_range").split() == [
        "1", "1", "5", "9"]


@pytest.mark.parametrize("name, value", [
    ("kernel.panic", "1"), ("net.ipv4.no_such", "1"), ("net.ipv4.ip_forward", "many"), ("../x", "1"),
    ("vm.swappiness", "1"),
])
def test_bad_sysctl(bundle, name, value):
    bundle.config["hostname"] = "box"
    bundle.linux["sysctl"] = {name: value}
    bundle.refused("/linux/sysctl")


def test_sysctl_of_the_host(bundle):
    without(bundle, "network")
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    bundle.refused("/linux/sysctl")


# ---- paths ----

def test_masked_and_readonly_paths(bundle):
    write(bundle.rootfs + "/etc/secret", "secret")
    bundle.linux.update(maskedPaths=["/etc/secret", "/var", "/not/there"], readonlyPaths=["/proc/sys", "/etc", "/not/there"])
    write(bundle.rootfs + "/var/file", "x")
    out = bundle.out("cat /etc/secret; ls /var; touch /etc/x 2>/dev/null || echo ro; echo 1 2>/dev/null > /proc/sys/net/ipv4/ip_forward || echo ro")
    assert out == "ro\nro\n"
    for key in ("maskedPaths", "readonlyPaths"):
        bundle.linux[key] = ["relative"]
        bundle.refused(f"/linux/{key}/0")
        bundle.linux[key] = []


def test_readonly_root(bundle):
    bundle.config["root"]["readonly"] = True
    assert bundle.out("touch /x 2>/dev/null || echo ro") == "ro\n"
    assert "ro" in mounts_of(bundle)["/"].options


@pytest.mark.parametrize("value, tag", [("private", ""), ("slave", "master:"), ("shared", "shared:"), ("unbindable", "unbindable")])
def test_root_propagation(bundle, value, tag):
    bundle.linux["rootfsPropagation"] = value
    tags = " ".join(mounts_of(bundle)["/"].tags)
    assert (tag in tags) if tag else tags == "", tags
    bundle.linux["rootfsPropagation"] = "other"
    bundle.refused("/linux/rootfsPropagation")


def test_devices(bundle):
    bundle.linux["devices"] = [
        {"path": "/dev/special", "type": "c", "major": 1, "minor": 5, "fileMode": 0o640, "uid": 3, "gid": 4},
        {"path": "/dev/deep/pipe", "type": "p", "fileMode": 0o600}]
    bundle.script("sleep 1000")
    bundle.start()
    root = f"/proc/{bundle.pid()}/root"
    made = os.stat(root + "/dev/special")
    assert stat.S_ISCHR(made.st_mode) and made.st_rdev == os.makedev(1, 5) and made.st_mode & 0o7777 == 0o640
    assert (made.st_uid, made.st_gid) == (3, 4) and stat.S_ISFIFO(os.stat(root + "/dev/deep/pipe").st_mode)
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        assert stat.S_ISCHR(os.stat(f"{root}/dev/{name}").st_mode)
    for name, target in {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "ptmx": "pts/ptmx"}.items():
        assert os.readlink(f"{root}/dev/{name}") == target
    assert bundle("exec", bundle.name, "sh", "-c", "cat /dev/special | head -c 1").out == ""  # the filter
    bundle.delete("--force")


@pytest.mark.parametrize("device, pointer", [
    ({"path": "/dev/x", "type": "q"}, "/type"), ({"path": "x", "type": "p"}, "/path"), ({"type": "p"}, ""),
    ({"path": "/dev/x", "type": "c"}, ""), ({"path": "/dev/x", "type": "c", "major": -5, "minor": 1}, "/major"),
    ({"path": "/dev/x", "type": "p", "fileMode": -1}, "/fileMode"),
])
def test_bad_devices(bundle, device, pointer):
    bundle.linux["devices"] = [device]
    bundle.refused("/linux/devices/0" + pointer)


# ---- mounts ----

@pytest.mark.parametrize("options, words", [
    (["ro"], {"ro"}), (["nosuid", "nodev", "noexec"], {"nosuid", "nodev", "noexec"}), (["noatime"], {"noatime"}),
    (["relatime"], {"relatime"}), (["nodiratime"], {"nodiratime"}), (["nosymfollow"], {"nosymfollow"}),
    (["ro", "rw"], {"rw"}), (["nosuid", "suid", "noexec", "exec", "nodev", "dev"], {"rw"}),
    (["noatime", "atime"], {"relatime"}), (["defaults"], {"rw"}),
])
def test_mount_options(bundle, options, words):
    mount(bundle, "/mnt", *options)
    found = mounts_of(bundle)["/mnt"].options
    assert words <= found, found
    if "suid" in options:
        assert not found & {"nosuid", "noexec", "nodev"}, found


@pytest.mark.parametrize("options, words", [
    (["sync"], {"sync"}), (["dirsync"], {"dirsync"}), (["lazytime"], {"lazytime"}), (["size=1m", "mode=700"], {"size=1024k"}),
])
def test_options_of_the_file_system(bundle, options, words):
    mount(bundle, "/mnt", *options)
    assert words <= mounts_of(bundle)["/mnt"].super_options


@pytest.mark.parametrize("option, tag", [("shared", "shared:"), ("slave", None), ("unbindable", "unbindable"), ("private", None),
                                         ("rshared", "shared:"), ("rprivate", None)])
def test_propagation_of_mounts(bundle, option, tag):
    mount(bundle, "/mnt", option)
    tags = " ".join(mounts_of(bundle)["/mnt"].tags)
    assert (tag in tags) if tag else "shared" not in tags, tags


def test_bind_mounts(bundle, work):
    source = os.path.join(work, "source")
    os.makedirs(source + "/below")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", source + "/below"], check=True, timeout=10)
    write(source + "/file", "content")
    for name, options in {"one": ["bind", "ro"], "all": ["rbind", "ro"], "deep": ["rbind", "rro", "rnosuid"]}.items():
        mount(bundle, "/" + name, *options, kind="bind", source=source)
    mount(bundle, "/etc/file", "bind", kind="none", source=source + "/file")
    found = mounts_of(bundle)
    assert bundle.out("cat /etc/file") == "content"
    subprocess.run(["umount", source + "/below"], check=True, timeout=10)
    assert "ro" in found["/one"].options and "/one/below" not in found
    assert "ro" in found["/all"].options and "rw" in found["/all/below"].options
    assert {"ro", "nosuid"} <= found["/deep"].options and {"ro", "nosuid"} <= found["/deep/below"].options


def test_copied_up(bundle):
    write(bundle.rootfs + "/var/file", "text")
    mount(bundle, "/var", "tmpcopyup")
    assert bundle.out("cat /var/file; echo new > /var/file; cat /var/file") == "textnew\n"
    with open(bundle.rootfs + "/var/file", encoding="ascii") as file:
        assert file.read() == "text"


@pytest.mark.parametrize("explicit", [True, False])
def test_idmap(bundle, work, explicit):
    source = os.path.join(work, "mapped")
    os.mkdir(source)
    write(source + "/file", "x")
    os.chown(source + "/file", 1000, 1000)
    in_user_namespace(bundle)
    maps = {kind: [{"containerID": 0, "hostID": FIRST, "size": 65536}] for kind in ("uidMappings", "gidMappings")}
    mount(bundle, "/mnt", "bind", "idmap", kind="bind", source=source, **(maps if explicit else {}))
    result = bundle.script("stat -c '%u %g' /mnt/file").run()
    if result.status != 0:
        assert "/mounts/" in result.err and "mount_setattr" in result.err, result
    else:
        assert result.out == "1000 1000\n"


@pytest.mark.parametrize("entry, pointer", [
    ({"destination": "/x", "type": "nofs", "source": "x"}, ""), ({"type": "tmpfs"}, ""),
    ({"destination": "/x", "type": "bind", "source": "/not/there", "options": ["bind"]}, ""),
    ({"destination": "/x", "type": "tmpfs", "options": ["no_such_option=1"]}, ""),
    ({"destination": "/x", "type": "tmpfs", "options": "ro"}, "/options"),
    ({"destination": 5, "type": "tmpfs"}, "/destination"),
])
def test_bad_mounts(bundle, entry, pointer):
    bundle.config["mounts"].append(entry)
    bundle.refused(f"/mounts/{len(bundle.config['mounts']) - 1}{pointer}")


# ---- seccomp, personality, the rest ----

def seccomp(bundle, action, **more):
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": action, **more}]}


@pytest.mark.parametrize("action, more, words", [
    ("SCMP_ACT_ERRNO", {}, "not permitted"), ("SCMP_ACT_ERRNO", {"errnoRet": 28}, "No space left"),
    ("SCMP_ACT_ALLOW", {}, "made"), ("SCMP_ACT_LOG", {}, "made"), ("SCMP_ACT_TRACE", {"errnoRet": 1}, "Function not implemented"),
    ("SCMP_ACT_ERRNO", {"args": [{"index": 2, "value": 0o123, "op": "SCMP_CMP_EQ"}]}, "made"),
])
def test_seccomp(bundle, action, more, words):
    seccomp(bundle, action, **more)
    result = bundle.script("mkdir /tmp/x && echo made; grep Seccomp: /proc/self/status").run()
    assert words in result.out + result.err and "Seccomp:\t2" in result.out, result


@pytest.mark.parametrize("change", [None, "removed", "damaged"])
def test_seccomp_of_exec(bundle, change):
    """From the cache, or compiled again where the cache has been spoilt."""
    seccomp(bundle, "SCMP_ACT_ERRNO", errnoRet=28)
    bundle.script("while :; do sleep 1; done").start()
    cache = os.path.join(bundle.state_root, ".seccomp")
    for entry in os.listdir(cache):
        path = os.path.join(cache, entry)
        if change == "removed":
            os.unlink(path)
        elif change == "damaged":
            with open(path, "r+b") as file:
                file.seek(-8, os.SEEK_END)
                file.write(b"\6\0\0\0\0\0\xff\x7f")
    result = bundle.ok("exec", bundle.name, "sh", "-c", "mkdir /tmp/x; grep Seccomp: /proc/self/status")
    assert "No space left" in result.err and "Seccomp:\t2" in result.out, result
    bundle.delete("--force")


@pytest.mark.parametrize("action", ["SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP"])
def test_seccomp_that_kills(bundle, action):
    seccomp(bundle, action)
    result = bundle.script("mkdir /tmp/x; echo $?").run()
    assert result.out.strip() == "159", result  # SIGSYS


def answer_calls(server, told, error):
    """What the agent of seccomp does, once: takes the listener, and answers the first call with `error`."""
    connection, _ = server.accept()
    with connection:
        text, control, _, _ = connection.recvmsg(65536, 1024)
        listener = array.array("i", control[0][2])[0]
    told.update(json.loads(text))
    request = bytearray(80)
    fcntl.ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, request)
    number = struct.unpack_from("=Q", request)[0]
    fcntl.ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, bytearray(struct.pack("=QqiI", number, 0, -error, 0)))
    os.close(listener)


def test_seccomp_that_asks(bundle, work):
    path, told = os.path.join(work, "agent"), {}
    seccomp(bundle, "SCMP_ACT_NOTIFY")
    bundle.linux["seccomp"].update(listenerPath=path, listenerMetadata="about it")
    bundle.script("mkdir /tmp/x")
    bundle.refused("failed to connect with seccomp agent", "/linux/seccomp/listenerPath", path, command="run")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(1)
        server.settimeout(20)
        agent = threading.Thread(target=answer_calls, args=(server, told, errno.EXDEV), daemon=True)
        agent.start()
        result = bundle.run()
        agent.join(20)
    assert result.status == 1 and "cross-device" in result.err.lower(), result
    assert told["fds"] == ["seccompFd"] and told["metadata"] == "about it" and told["pid"] == told["state"]["pid"] > 0, told


@pytest.mark.parametrize("change, pointer", [
    ({"defaultAction": "X"}, "/defaultAction"), ({"architectures": ["X"]}, "/architectures/0"),
    ({"syscalls": [{"names": ["read"], "action": "X"}]}, "/syscalls/0/action"), ({"flags": ["X"]}, "/flags/0"),
    ({"syscalls": [{"names": [], "action": "SCMP_ACT_LOG"}]}, "/syscalls/0/names"),
    ({"syscalls": [{"names": ["read"], "action": "SCMP_ACT_LOG", "args": [{"index": 9, "value": 1, "op": "SCMP_CMP_EQ"}]}]},
     "/syscalls/0/args/0/index"),
    ({"syscalls": [{"names": ["read"], "action": "SCMP_ACT_NOTIFY"}]}, "/syscalls/0"),
])
def test_bad_seccomp(bundle, change, pointer):
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", **change}
    bundle.refused("/linux/seccomp" + pointer)


def test_personality(bundle):
    bundle.linux["personality"] = {"domain": "LINUX32"}
    assert bundle.out("cat /proc/self/personality; uname -m").split() == ["00000008", "i686"]
    bundle.linux["personality"] = {"domain": "BSD"}
    bundle.refused("/linux/personality/domain")


def test_rdt_that_is_not_there(bundle):
    if os.path.exists("/sys/fs/resctrl/schemata"):
        return
    bundle.linux["intelRdt"] = {"closID": "x", "l3CacheSchema": "L3:0=f"}
    bundle.refused("/linux/intelRdt")


def test_memory_policy(bundle):
    bundle.linux["memoryPolicy"] = {"mode": "MPOL_BIND", "nodes": "0"}
    result = bundle.script("cat /proc/self/numa_maps").run()
    if os.path.exists("/proc/self/numa_maps"):
        assert result.status == 0 and "bind:0" in result.out, result
    else:  # a kernel without NUMA
        assert result.status == 0 or "/linux/memoryPolicy" in result.err, result
    bundle.linux["memoryPolicy"] = {"mode": "MPOL_NONE", "nodes": "0"}
    bundle.refused("/linux/memoryPolicy/mode")


def test_net_devices(bundle):
    made = subprocess.run(["ip", "link", "add", "lcdev0", "type", "dummy"], check=False, capture_output=True, timeout=10)
    if made.returncode != 0:
        subprocess.run(["ip", "link", "add", "lcdev0", "type", "veth", "peer", "name", "lcdev1"], check=True, timeout=10)
    bundle.linux["netDevices"] = {"lcdev0": {"name": "inside0"}}
    try:
        assert "inside0" in bundle.out("cat /proc/net/dev")
        wait_until(lambda: not os.path.exists("/sys/class/net/inside0"))
    finally:
        for name in ("lcdev0", "lcdev1"):
            subprocess.run(["ip", "link", "del", name], check=False, stderr=subprocess.DEVNULL, timeout=10)
    bundle.linux["netDevices"] = {"lc-not-there": {}}
    bundle.refused("/linux/netDevices")


def test_resources(bundle):
    bundle.linux["resources"].update(memory={"limit": 1 << 26, "reservation": 1 << 25}, pids={"limit": 77},
                                     cpu={"shares": 333, "quota": 40000, "period": 50000, "cpus": "0", "mems": "0"})
    bundle.start()
    for controller, name, value, v2_name, v2_value in (
            ("memory", "memory.limit_in_bytes", 1 << 26, "memory.max", 1 << 26),
            ("memory", "memory.soft_limit_in_bytes", 1 << 25, "memory.low", 1 << 25),
            ("pids", "pids.max", 77, "pids.max", 77), ("cpu", "cpu.shares", 333, "cpu.weight", 42),
            ("cpu", "cpu.cfs_quota_us", 40000, "cpu.max", "40000 50000"),
            ("cpu", "cpu.cfs_period_us", 50000, "cpu.max", "40000 50000"), ("cpuset", "cpuset.cpus", 0, "cpuset.cpus", 0)):
        assert bundle.group_file(controller, name, v2_name) in (str(value), str(v2_value)), name
    bundle.delete("--force")


@pytest.mark.parametrize("resources, pointer", [
    ({"memory": {"limit": "1"}}, "/memory/limit"), ({"pids": {}}, "/pids"), ({"cpu": {"shares": -1}}, "/cpu/shares"),
    ({"cpu": {"cpus": "900"}}, "/cpu/cpus"), ({"devices": [{"allow": 1}]}, "/devices/0"),
    ({"devices": [{"allow": True, "access": "q"}]}, "/devices/0/access"), ({"hugepageLimits": [{"pageSize": "3KB", "limit": 1}]},
                                                                            "/hugepageLimits/0"),
])
def test_bad_resources(bundle, resources, pointer):
    bundle.linux["resources"].update(resources)
    bundle.refused("/linux/resources" + pointer)


def test_smallest_configuration(bundle):
    """What the specification requires and no more; the group is named after the container."""
    bundle.config = {"ociVersion": "1.0.0", "root": {"path": "rootfs"},
                     "process": {"cwd": "/", "args": ["/bin/true"], "user": {"uid": 0, "gid": 0}},
                     "linux": {"namespaces": [{"type": "mount"}]}}
    assert bundle.run().status == 0
    assert json.loads(bundle.ok("list", "-f", "json").out) == []
