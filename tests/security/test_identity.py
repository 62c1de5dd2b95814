"""T24 to T41: users, capabilities, sizes, system calls, groups. What was asked for exactly, or a refusal."""
import os
import shutil
import stat
import subprocess

import pytest

from runtime import CAPABILITIES, DOCKER, capabilities, mask
from support import proc, rootfs
from support.wait import wait_until

BOUND = sum(1 << bit for bit in (5, 10, 29))


def sysctl(name):
    with open("/proc/sys/" + name) as file:
        return file.read()


def test_t24_a_number_is_no_name(box):
    """The image's passwd knows a user "1000" who is root."""
    rootfs.write(box.inside("/etc/passwd"), "1000:x:0:0::/:/bin/sh\nroot:x:0:0::/:/bin/sh\n")
    rootfs.write(box.inside("/etc/group"), "1000:x:0:\n")
    box.process["user"] = {"uid": 1000, "gid": 1000}
    assert box.out("id -u; id -g").split() == ["1000", "1000"]
    box.start()
    for user, wanted in (("1000", "1000"), ("1000:1000", "1000"), ("0:1000", "0")):
        result = box.exec("/bin/id", "-u", options=("--user", user))
        assert result.out.strip() == wanted, (user, result)


@pytest.mark.parametrize("user, uid, gid", [
    ("1", 1, None), ("1:2", 1, 2), ("0", 0, 0), ("4294967294", 4294967294, None), ("65534:65533", 65534, 65533)])
def test_t25_exec_user(box, user, uid, gid):
    """CVE-2026-30892: -u 1 was uid 0."""
    box.start()
    status = proc.status(box.exec("/bin/cat", "/proc/self/status", options=("--user", user)).out)
    assert status["Uid"].split() == [str(uid)] * 4
    assert gid is None or status["Gid"].split() == [str(gid)] * 4
    assert uid == 0 or mask(status, "CapEff") == 0


@pytest.mark.parametrize("user", ["-1", "1:", ":1", "1x", "4294967296", "+1", " 1", "1 ", "1:2:3", "0x10", "1:-1",
                                  "18446744073709551616", "1:4294967296", "4294967295"])
def test_t25_exec_user_refused(box, user):
    """Refused; never root by mistake."""
    box.start()
    result = box.exec("/bin/cat", "/proc/self/status", options=(f"--user={user}",))
    if result.status == 0:  # a reading of its own, but at least not root's
        assert proc.status(result.out)["Uid"].split()[0] not in ("0", "4294967295"), result
        assert user in ("1:", "+1", " 1", "1 "), result


def test_t26_inheritable_is_what_was_asked_for(box):
    box.process["capabilities"] = capabilities(DOCKER)
    pid = box.start()
    more = proc.status(box.exec("/bin/cat", "/proc/self/status", options=("--cap", "CAP_SYS_TIME")).out)
    for status in (proc.status(pid), more):
        assert mask(status, "CapInh") == 0 and mask(status, "CapAmb") == 0, status


def test_t27_no_capabilities_for_others_than_root(box):
    box.process["user"] = {"uid": 1000, "gid": 1000}
    pid = box.start()
    for status in (proc.status(pid), proc.status(box.exec("/bin/cat", "/proc/self/status").out)):
        assert [mask(status, f"Cap{which}") for which in ("Eff", "Prm", "Inh", "Amb")] == [0] * 4
        assert mask(status, "CapBnd") == BOUND


def test_t27_ambient_exactly(box):
    box.process["user"] = {"uid": 1000, "gid": 1000}
    box.process["capabilities"] = capabilities(CAPABILITIES, ["CAP_KILL"])
    box.process["capabilities"]["inheritable"] = ["CAP_KILL"]
    status = proc.status(box.out("cat /proc/self/status"))
    assert [mask(status, f"Cap{which}") for which in ("Eff", "Prm", "Inh", "Amb")] == [1 << 5] * 4


@pytest.mark.parametrize("where", ["bounding", "effective", "all"])
def test_t28_unknown_capability(box, where):
    """Refused, or left out with nothing else changed; never wider."""
    sets = box.process["capabilities"]
    for name in (["bounding", "effective", "permitted"] if where == "all" else [where]):
        sets[name] = [*sets[name], "CAP_MADE_UP"]
    result = box.sh("cat /proc/self/status")
    if result.status == 0:
        status = proc.status(result.out)
        assert mask(status, "CapBnd") == mask(status, "CapEff") == BOUND
        assert "CAP_MADE_UP" in result.err, "left out without a word"
    else:
        box.refused(result)


def test_t28_no_capabilities_object(box):
    del box.process["capabilities"]
    status = proc.status(box.out("cat /proc/self/status"))
    assert [mask(status, f"Cap{which}") for which in ("Eff", "Prm", "Inh", "Amb")] == [0] * 4


@pytest.mark.parametrize("what", ["hostname", "domainname", "sysctl", "namespace path", "cgroupsPath", "env", "argument",
                                  "oom", "destination", "source", "annotation"])
@pytest.mark.parametrize("size", [70000, 66000])
def test_t29_oversized(box, what, size):
    """70 kB in a field overflowed a 16 bit length once. An error, or exactly what was asked for."""
    big = "A" * size
    if what in ("hostname", "domainname"):
        box.config[what] = big
    elif what == "sysctl":
        box.linux["sysctl"] = {"net.ipv4.ip_forward": "1" + " " * size}
    elif what == "namespace path":
        box.linux["namespaces"][1]["path"] = "/proc/self/ns/net" + "/" * size
    elif what == "cgroupsPath":
        box.linux["cgroupsPath"] = "/" + big
    elif what == "env":
        box.process["env"].append("BIG=" + big)
    elif what == "oom":
        box.process["oomScoreAdj"] = 10 ** 12
    elif what == "destination":
        box.mount("tmpfs", "/" + "a/" * (size // 2), "tmpfs")
    elif what == "source":
        box.mount("/" + big, "/a")
    elif what == "annotation":
        box.config["annotations"] = {"a": big}
    result = box.sh("echo RAN $(hostname) ${#BIG} $(id -u)", timeout=30) if what != "argument" else box.run(
        "/bin/sh", "-c", f"echo RAN $(hostname) {len(big)} $(id -u) #{big}")
    if result.status == 0:
        length = size if what in ("env", "argument") else 0
        assert result.out == f"RAN catalogue {length} 0\n", result
    else:
        box.refused(result)


def test_t30_maps_of_340_lines(box):
    box.user_namespace(1000)
    for key in ("uidMappings", "gidMappings"):  # short ones: all must fit into a page
        box.linux[key] = [{"containerID": i, "hostID": 1000 + i, "size": 1} for i in range(340)]
    assert len(box.out("cat /proc/self/uid_map").splitlines()) == 340
    for key in ("uidMappings", "gidMappings"):
        box.linux[key].append({"containerID": 340, "hostID": 1340, "size": 1})
    box.refused()


def test_t30_long_chain_of_links(box, canary):
    """Forty symlinks, each nearly PATH_MAX long, on the way to a mount point."""
    deep = "/".join(["d" * 200] * 15)
    os.makedirs(box.inside(deep))
    for number in range(45):
        os.symlink(f"/{deep}/" + "../" * 15 + f"link{number + 1}", box.inside(f"/link{number}"))
    os.mkdir(box.inside("/link45"))
    box.mount("tmpfs", "/link0/x", "tmpfs")
    result = box.sh("echo RAN")
    assert result.status not in (134, 139), result
    canary.check()


def test_t30_thousands_of_mounts(box):
    for number in range(1000):
        box.mount("tmpfs", f"/m/{number}", "tmpfs", "size=4k")
    result = box.sh("grep -c ' /m/' /proc/self/mountinfo", timeout=40)
    assert result.out == "1000\n", result


@pytest.mark.parametrize("name", ["kernel.core_pattern", "kernel/core_pattern", "kernel/../kernel/core_pattern",
                                  "kernel.shm_rmid_forced+kernel.core_pattern", "../sys/kernel/core_pattern",
                                  "/proc/sys/kernel/core_pattern", "kernel.core_pattern\x00", "fs.file-max", "vm.swappiness",
                                  "kernel.sysrq", "net/../kernel/core_pattern", "fs.mqueue.../../kernel.core_pattern", "", "."])
def test_t31_sysctls_of_the_host(box, name):
    watched = ("kernel/core_pattern", "vm/swappiness", "kernel/hostname", "fs/file-max")
    before = [sysctl(path) for path in watched]
    box.linux["sysctl"] = {name: "1"}
    box.refused()
    assert [sysctl(path) for path in watched] == before


def test_t31_net_without_a_network_namespace(box):
    """Only those of a namespace that is the container's own."""
    box.linux["namespaces"] = [entry for entry in box.linux["namespaces"] if entry["type"] not in ("network", "ipc")]
    box.without_mount("/dev/mqueue", "/sys")
    for name, path in (("net.ipv4.ip_forward", "net/ipv4/ip_forward"), ("kernel.msgmax", "kernel/msgmax")):
        before = sysctl(path)
        box.linux["sysctl"] = {name: "1" if before.strip() != "1" else "0"}
        box.refused()
        assert sysctl(path) == before


def test_t32_annotations_do_nothing_here(box, work):
    """Properties for systemd are commands for it: without systemd they are words, and nothing runs."""
    mark = os.path.join(work, "mark")
    box.config["annotations"] = {"org.systemd.property.ExecStartPre": f"'touch {mark}'", "run.oci.hooks": f"touch {mark}",
                                 "org.systemd.property.DefaultDependencies": "false"}
    box.sh("echo RAN")
    assert not os.path.exists(mark)


def test_t33_no_abstract_sockets(box):
    def abstract():
        return [line for line in open("/proc/net/unix").read().splitlines() if " @" in line]

    before = abstract()
    box.process["args"] = ["/bin/sleep", "1000"]
    assert box.call("create", box.name).status == 0
    assert abstract() == before
    assert box.call("start", box.name).status == 0
    box.exec("/bin/true")
    assert abstract() == before


@pytest.mark.parametrize("kind", ["link", "foreign", "group-writable", "file"])
def test_t34_state_root_of_somebody_else(box, work, kind):
    """A state root that others prepared is not used, or made safe first; nothing follows a link out of it."""
    outside = os.path.join(work, "outside")
    os.mkdir(outside)
    if kind == "link":
        os.symlink(outside, box.state)
    elif kind == "file":
        rootfs.write(box.state, "")
    else:
        os.mkdir(box.state)
        os.chmod(box.state, 0o777 if kind == "group-writable" else 0o755)
        if kind == "foreign":
            os.chown(box.state, 1000, 1000)
    result = box.call("create", box.name)
    assert not os.listdir(outside), os.listdir(outside)
    if result.status == 0:
        info = os.lstat(box.state)
        box.delete()
        assert stat.S_ISDIR(info.st_mode) and info.st_uid == 0 and not info.st_mode & 0o022, "a state root of others is used"


def test_t34_nobody_else_can_look_into_the_state(box):
    box.start()
    assert stat.S_IMODE(os.stat(os.path.join(box.state, box.name)).st_mode) & 0o022 == 0
    result = subprocess.run(["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "find", box.state],
                            capture_output=True, text=True, timeout=10)
    visible = [line for line in result.stdout.splitlines() if line.startswith(os.path.join(box.state, box.name) + "/")]
    assert not visible, visible


def test_t34_no_setuid(rt):
    assert not os.stat(rt).st_mode & (stat.S_ISUID | stat.S_ISGID)
    assert "security.capability" not in os.listxattr(rt)


def test_t35_exec_under_a_false_proc(box):
    """The container has covered its /proc with files of its own; what joins is limited all the same."""
    box.process["capabilities"] = capabilities([*CAPABILITIES, "CAP_SYS_ADMIN"])
    box.start("/bin/sh", "-c", "mount -t tmpfs tmpfs /proc && mkdir -p /proc/self/attr /proc/thread-self/attr /proc/sys && "
              "touch /proc/self/attr/exec /proc/self/status /proc/self/uid_map && echo 4000000 >/proc/sys/cap_last_cap; "
              "exec sleep 1000")
    init = box.state_of()["pid"]
    wait_until(lambda: "sleep" in proc.command_line(init).split()[0], 5, "the program has covered /proc")
    box.process["args"] = ["unused"]
    joined = box.spawn("exec", box.name, "/bin/sleep", "998")

    def find():
        return [pid for pid in proc.descendants(os.getpid()) if proc.command_line(pid) == "/bin/sleep 998"]

    def ended():
        return joined.poll() is not None

    wait_until(lambda: find() or ended(), 10, "the joined process")
    if ended():  # refused: with no procfs there it may be
        assert joined.returncode != 0
        return
    status = proc.status(find()[0])
    assert mask(status, "CapBnd") == mask(status, "CapEff") == BOUND | 1 << 21 and status["NoNewPrivs"] == "1"
    os.kill(find()[0], 9)


@pytest.mark.parametrize("path", ["../..", "/", "/../..", "a/../../b", "../../../docker", "link", "cpu:../.."])
def test_t37_exec_cgroup(box, path):
    """--cgroup does not lead out of the container's own groups."""
    box.start()
    box.process["args"] = ["unused"]
    before = set(proc_groups(box.state_of()["pid"]))
    result = box.exec("/bin/cat", "/proc/self/cgroup", options=("--cgroup", path))
    if result.status == 0:
        inside = [line.split(":", 2)[2] for line in result.out.splitlines()]
        outside = [line for line in inside if box.name not in line and line not in before]
        assert not outside and len(inside) == len(before_lines(box)), (path, result)
        assert not [line for line in result.out.splitlines() if line.split(":")[1] and box.name not in line], result
    for point in ("/sys/fs/cgroup/pids", "/sys/fs/cgroup/memory"):
        assert not os.path.exists(point + "/b") and not os.path.exists(point + "/docker/" + box.name)


def proc_groups(pid):
    with open(f"/proc/{pid}/cgroup") as file:
        return [line.strip().split(":", 2)[2] for line in file]


def before_lines(box):
    return proc_groups(box.state_of()["pid"])


@pytest.mark.parametrize("path", ["/../../../../tmp/ESCAPE", "../../ESCAPE", "/a/../../../ESCAPE", "/./ESCAPE/..", "..", "/.."])
def test_t37_cgroups_path_with_dots(box, path):
    """cgroupsPath stays below the hierarchy's root, and is not that itself."""
    name = f"{box.name}-escape"
    box.linux["cgroupsPath"] = path.replace("ESCAPE", name)
    result = box.sh("cat /proc/self/cgroup")
    outside = [place for place in ("/tmp/", "/sys/fs/", "/") if os.path.exists(place + name)]
    subprocess.run(["find", "/sys/fs/cgroup", "-depth", "-name", name, "-exec", "rmdir", "{}", ";"], timeout=20)
    for place in outside:
        shutil.rmtree(place + name)
    assert not outside, outside
    for line in result.out.splitlines():
        assert ".." not in line, line
    if result.status == 0 and "ESCAPE" not in path:
        assert not [line for line in result.out.splitlines() if line.endswith(":/") and line.split(":")[1]], result


@pytest.mark.parametrize("key, value", [
    ("hugepageLimits", [{"pageSize": "../../x", "limit": 1}]), ("hugepageLimits", [{"pageSize": "2MB/../../memory", "limit": 1}]),
    ("hugepageLimits", [{"pageSize": "", "limit": 1}]), ("unified", {"../memory.max": "1"}), ("unified", {"a/b": "1"}),
    ("unified", {"..": "1"}), ("unified", {"cgroup.procs/../cgroup.kill": "1"}),
    ("rdma", {"../x": {"hcaHandles": 1}}), ("devices", [{"allow": True, "type": "c\na *:*", "access": "rwm"}]),
    ("cpu", {"cpus": "0\n1"}), ("network", {"priorities": [{"name": "lo 1\nlo", "priority": 1}]})],
    ids=lambda value: str(value)[:40].replace("/", "|").replace("\n", "."))
def test_t38_names_of_limit_files(box, key, value):
    box.linux["resources"][key] = value
    box.refused()


FILTER = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
          "syscalls": [{"names": ["getpid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]}


@pytest.mark.parametrize("architectures", [["SCMP_ARCH_X86_64"], ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]],
                         ids=["native", "all three"])
@pytest.mark.parametrize("way", ["run", "exec"])
def test_t39_other_system_call_tables(box, tool, architectures, way):
    """A filter without getpid is not passed by by int 0x80 or x32."""
    box.add_program(tool("hostile"), "/bin/hostile")
    box.linux["seccomp"] = dict(FILTER, architectures=architectures)
    if way == "exec":
        box.start()
        result = box.exec("/bin/hostile", "getpids")
    else:
        result = box.run("/bin/hostile", "getpids")
    answers = dict(line.split(": ") for line in result.out.splitlines())
    assert answers.get("native") == "refused" and "pid" not in answers.values(), result


@pytest.mark.parametrize("new_privileges", [False, True])
def test_t40_identity_read_back(box, new_privileges):
    box.linux["seccomp"] = FILTER
    box.process.update(user={"uid": 1000, "gid": 100, "additionalGids": [7, 8], "umask": 0o077},
                       noNewPrivileges=not new_privileges)
    pid = box.start()
    joined = proc.status(box.exec("/bin/cat", "/proc/self/status").out)
    for status in (proc.status(pid), joined):
        assert status["Uid"].split() == ["1000"] * 4 and status["Gid"].split() == ["100"] * 4
        assert set(status["Groups"].split()) - {"100"} == {"7", "8"} and status["Umask"] == "0077"
        assert status["NoNewPrivs"] == str(int(not new_privileges)) and status["Seccomp"] == "2"
        assert mask(status, "CapBnd") == BOUND and mask(status, "CapEff") == 0


def test_t41_groups_and_umask_of_the_caller(box):
    def become():
        os.setgroups([4242, 4243])
        os.umask(0)

    box.start(preexec_fn=become)
    joined = box.call("exec", box.name, "/bin/cat", "/proc/self/status", preexec_fn=become)
    for status in (proc.status(box.state_of()["pid"]), proc.status(joined.out)):
        assert not {"4242", "4243"} & set(status["Groups"].split()) and status["Umask"] == "0022", status
