"""Each field of config.json's process, read back from the kernel. Refusals name the key."""
import os
import resource
import subprocess

import pytest

from support import proc
from support.bundle import PATH

ALL = (1 << 41) - 1
NUMBER = {"CAP_CHOWN": 0, "CAP_KILL": 5, "CAP_NET_BIND_SERVICE": 10, "CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21}
SETS = {"CapInh": "inheritable", "CapPrm": "permitted", "CapEff": "effective", "CapBnd": "bounding", "CapAmb": "ambient"}


def bits(names):
    return sum(1 << NUMBER[name] for name in names)


def sets(text_or_pid):
    status = proc.status(text_or_pid)
    return {name: int(status[key], 16) for key, name in SETS.items()}


def inside(bundle):
    return sets(bundle.out("cat /proc/self/status"))


# ---- user ----

def test_user(bundle):
    bundle.process["user"] = {"uid": 1000, "gid": 100, "umask": 0o27, "additionalGids": [29, 5]}
    bundle.config["mounts"].append({"destination": "/tmp", "type": "tmpfs", "options": ["mode=1777"]})
    out = bundle.out("id -u; id -g; id -G; umask; > /tmp/x; stat -c %a /tmp/x; cat /proc/self/status")
    lines = out.splitlines()
    assert lines[:2] == ["1000", "100"] and set(lines[2].split()) == {"100", "29", "5"}
    assert lines[3:5] == ["0027", "640"]
    status = proc.status(out)
    assert status["Uid"].split() == ["1000"] * 4 and status["Gid"].split() == ["100"] * 4
    assert set(status["Groups"].split()) == {"5", "29"}


def test_groups_are_only_those_asked_for(bundle):
    assert proc.status(bundle.out("cat /proc/self/status"))["Groups"] == ""
    assert bundle.out("umask") == "0022\n"


@pytest.mark.parametrize("user, pointer", [
    ({"uid": -1, "gid": 0}, "/process/user/uid"), ({"uid": 2**32, "gid": 0}, "/process/user/uid"),
    ({"uid": 2**32 - 1, "gid": 0}, "/process/user/uid"), ({"uid": "0", "gid": 0}, "/process/user/uid"),
    ({"uid": 0, "gid": 1.5}, "/process/user/gid"), ({"uid": 0, "gid": 0, "umask": 0o1000}, "/process/user/umask"),
    ({"uid": 0, "gid": 0, "additionalGids": [-1]}, "/process/user/additionalGids"), ([], "/process/user"),
])
def test_bad_user(bundle, user, pointer):
    bundle.process["user"] = user
    bundle.refused(pointer)


# ---- arguments, environment, directory ----

def test_environment_is_exact(bundle):
    bundle.process["env"] = [PATH, "A=", "B=x=y", "C=ü \n."]
    bundle.process["args"] = ["/bin/cat", "/proc/self/environ"]
    words = [word for word in bundle.run().out.split("\0") if word]
    assert words == [PATH, "A=", "B=x=y", "C=ü \n.", "HOME=/root"], words


def test_arguments_are_exact(bundle):
    bundle.process["args"] = ["cat", "/proc/self/cmdline", "/dev/null", "--"]
    assert bundle.run().out == "cat\0/proc/self/cmdline\0/dev/null\0--\0"


def test_directory(bundle):
    bundle.process["cwd"] = "/made/on/demand"
    assert bundle.out("pwd") == "/made/on/demand\n"
    for value, words in (("relative", ["/process/cwd"]), ("", ["/process/cwd"]), (None, ["cwd"]),
                         ("/etc/passwd", ["/process/cwd", "/etc/passwd is not a directory"])):
        bundle.process["cwd"] = value
        bundle.refused(*words)


def test_directory_out_of_reach(bundle):
    """CVE-2024-21626: a directory through a descriptor of ours."""
    for number in range(3, 20):
        bundle.process["cwd"] = f"/proc/self/fd/{number}"
        result = bundle.script("pwd; cat etc/shadow ../../../etc/shadow").run()
        assert result.status != 0 and "root:" not in result.out, result


# ---- capabilities: T26, T27 ----

def test_five_sets(bundle):
    bounding = ["CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_NET_ADMIN"]
    wanted = {"bounding": bounding, "permitted": bounding[:3], "effective": bounding[:2], "inheritable": bounding[1:3],
              "ambient": ["CAP_KILL"]}
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.process["capabilities"] = wanted
    found = inside(bundle)
    # execve, not we: without root, permitted and effective are what is ambient.
    assert found == {**{name: bits(wanted[name]) for name in ("bounding", "inheritable", "ambient")},
                     "permitted": bits(["CAP_KILL"]), "effective": bits(["CAP_KILL"])}
    bundle.process["user"] = {"uid": 0, "gid": 0}
    wanted["ambient"] = []
    found = inside(bundle)
    assert found["bounding"] == bits(bounding) and found["inheritable"] == bits(wanted["inheritable"])
    assert found["ambient"] == 0


def test_what_the_sets_do_not_allow_each_other(bundle):
    """config.json: what cannot be granted is a warning, and no failure."""
    bundle.process["capabilities"] = {"bounding": ["CAP_KILL"], "permitted": ["CAP_KILL"],
                                      "effective": ["CAP_KILL", "CAP_CHOWN"], "ambient": ["CAP_KILL"]}
    bundle.process["args"] = ["cat", "/proc/self/status"]
    result = bundle.run()
    assert result.status == 0, result
    assert "CAP_CHOWN cannot be granted (/process/capabilities/effective)" in result.err, result
    assert "CAP_KILL cannot be granted (/process/capabilities/ambient)" in result.err, result
    found = sets(result.out)
    assert found["effective"] == found["permitted"] == bits(["CAP_KILL"]) and found["ambient"] == 0


def test_places_in_messages(bundle):
    """Only what stands in a file has a line there; and without /etc/passwd the step is called by its name too."""
    script = os.path.join(bundle.rootfs, "bin/script")
    with open(script, "w", encoding="utf-8") as file:
        file.write("#!/no/such\n")
    os.chmod(script, 0o755)
    os.unlink(os.path.join(bundle.rootfs, "etc/passwd"))
    bundle.start()
    for words, expected in ((["nofile"], "command (/process/args): not found"),
                            (["/bin/script"], "exec: exec (/process/args): its interpreter /no/such does not exist"),
                            (["--cwd", "/nowhere", "true"], "(/process/cwd): /nowhere does not exist")):
        result = bundle("exec", *words[:-1], bundle.name, words[-1])
        assert result.status == 255 and expected in result.err and "config.json" not in result.err, result
    bundle.delete("--force")
    bundle.process["args"] = ["/bin/script"]
    result = bundle.refused("exec (/process/args, config.json:", "interpreter /no/such", command="run")
    assert "looked up" not in result.err, result


def test_no_inheritable_by_itself(bundle):
    bundle.process["capabilities"] = {kind: ["CAP_KILL"] for kind in ("bounding", "permitted", "effective")}
    assert inside(bundle)["inheritable"] == 0
    bundle.process["args"] = ["/bin/sleep", "1000"]
    bundle.start()
    text = bundle.ok("exec", "--cap", "CAP_CHOWN", bundle.name, "cat", "/proc/self/status").out
    assert sets(text)["inheritable"] == 0 and sets(text)["effective"] & 1
    bundle.delete("--force")


def test_user_without_ambient_has_nothing(bundle):
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.process["capabilities"] = {kind: ["CAP_KILL"] for kind in ("bounding", "permitted", "effective", "inheritable")}
    found = inside(bundle)
    assert found["effective"] == found["permitted"] == found["ambient"] == 0


def test_no_capabilities_at_all(bundle):
    for value in ({}, {kind: [] for kind in SETS.values()}):
        bundle.process["capabilities"] = value
        assert set(inside(bundle).values()) == {0}
    del bundle.process["capabilities"]
    assert inside(bundle)["effective"] == 0


def test_bad_capabilities(bundle):
    for kind in SETS.values():
        bundle.process["capabilities"] = {kind: "CAP_KILL"}
        bundle.refused(f"/process/capabilities/{kind}")


# ---- limits and scheduling ----

def test_rlimits(bundle):
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    bundle.process["rlimits"] = [
        {"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}, {"type": "RLIMIT_CORE", "soft": 0, "hard": 0},
        {"type": "RLIMIT_STACK", "soft": 1 << 20, "hard": 2**64 - 1}, {"type": "RLIMIT_NPROC", "soft": 50, "hard": 60}]
    found = {" ".join(line.split()[:3]): line.split()[-3:] for line in bundle.out("cat /proc/self/limits").splitlines()}
    assert found["Max open files"][:2] == ["100", "200"] and found["Max core file"][:2] == ["0", "0"], (found, hard)
    assert found["Max stack size"][:2] == [str(1 << 20), "unlimited"]
    for limit, pointer in (({"type": "RLIMIT_NONE", "soft": 1, "hard": 1}, "/type"),
                           ({"type": "RLIMIT_NOFILE", "soft": 2, "hard": 1}, ""), ({"type": "RLIMIT_NOFILE"}, "")):
        bundle.process["rlimits"] = [limit]
        bundle.refused("/process/rlimits/0" + pointer)
    bundle.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 1}] * 2
    bundle.refused("/process/rlimits/1")


@pytest.mark.parametrize("field, path, value", [
    ({"oomScoreAdj": 321}, "oom_score_adj", "321"), ({"oomScoreAdj": 1000}, "oom_score_adj", "1000"),
])
def test_oom_score(bundle, field, path, value):
    bundle.process.update(field)
    assert bundle.out(f"cat /proc/self/{path}") == value + "\n"
    bundle.process["oomScoreAdj"] = 1001
    bundle.refused("/process/oomScoreAdj")


@pytest.mark.parametrize("policy, number, more", [
    ("SCHED_OTHER", os.SCHED_OTHER, {"nice": 7}), ("SCHED_BATCH", os.SCHED_BATCH, {"nice": 3}),
    ("SCHED_IDLE", os.SCHED_IDLE, {}), ("SCHED_FIFO", os.SCHED_FIFO, {"priority": 4}),
    ("SCHED_RR", os.SCHED_RR, {"priority": 9, "flags": ["SCHED_FLAG_RESET_ON_FORK"]}),
])
def test_scheduler(bundle, policy, number, more):
    bundle.process["scheduler"] = {"policy": policy, **more}
    result = bundle.launch("create").wait()
    if result.status != 0:  # a group without real-time share, for one: the key is named
        assert "/process/scheduler" in result.err, result
        assert policy in ("SCHED_FIFO", "SCHED_RR"), result
        return
    bundle.ok("start", bundle.name)
    pid = bundle.pid()
    assert os.sched_getscheduler(pid) & ~0x40000000 == number
    if "nice" in more:
        assert os.getpriority(os.PRIO_PROCESS, pid) == more["nice"]
    if "priority" in more:
        assert os.sched_getparam(pid).sched_priority == more["priority"]
    bundle.delete("--force")


@pytest.mark.parametrize("value, pointer", [
    ({"policy": "SCHED_NONE"}, "/policy"), ({"policy": "SCHED_ISO"}, ""), ({}, ""),
    ({"policy": "SCHED_OTHER", "nice": 20}, "/nice"), ({"policy": "SCHED_OTHER", "flags": ["X"]}, "/flags"),
])
def test_bad_scheduler(bundle, value, pointer):
    bundle.process["scheduler"] = value
    bundle.refused("/process/scheduler" + pointer)


def test_io_priority(bundle):
    bundle.process["ioPriority"] = {"class": "IOPRIO_CLASS_BE", "priority": 6}
    bundle.start()
    libc = __import__("ctypes").CDLL(None)
    assert libc.syscall(252, 1, bundle.pid()) == 2 << 13 | 6  # ioprio_get
    bundle.delete("--force")
    bundle.process["ioPriority"] = {"class": "IOPRIO_CLASS_NO", "priority": 6}
    bundle.refused("/process/ioPriority/class")
    bundle.process["ioPriority"] = {"class": "IOPRIO_CLASS_BE", "priority": 8}
    bundle.refused("/process/ioPriority/priority")


def affinity_inside(bundle, own):
    """Of anybody who enters the container's groups: before Linux 6.2 a group with processors gives all of them anew."""
    entering = subprocess.Popen(["sleep", "1000"], preexec_fn=(lambda: os.sched_setaffinity(0, own)) if own else None)
    try:
        for group in bundle.groups():
            with open(os.path.join(group, "cgroup.procs"), "w") as file:
                file.write(str(entering.pid))
        return proc.status(entering.pid)["Cpus_allowed_list"]
    finally:
        entering.kill()
        entering.wait()


@pytest.mark.parametrize("own", [None, {0}, {1}], ids=["everywhere", "first", "second"])
def test_affinity_of_the_caller(bundle, own):
    """While it is set up, the child is kept off its maker's processor: nothing of that may be left."""
    if own is not None and not own <= os.sched_getaffinity(0):
        pytest.skip(f"this machine has no processor {own}")
    for _ in range(10):
        bundle.start(preexec_fn=(lambda: os.sched_setaffinity(0, own)) if own else None)
        assert proc.status(bundle.pid())["Cpus_allowed_list"] == affinity_inside(bundle, own)
        bundle.delete("--force")


def test_exec_affinity(bundle):
    """The group's processors are given first, then those asked for."""
    bundle.process["execCPUAffinity"] = {"initial": "0", "final": "1" if os.cpu_count() > 1 else "0"}
    bundle.start()
    status = proc.status(bundle.ok("exec", bundle.name, "cat", "/proc/self/status").out)
    assert status["Cpus_allowed_list"] == bundle.process["execCPUAffinity"]["final"]
    assert proc.status(bundle.pid())["Cpus_allowed_list"] == proc.status("self")["Cpus_allowed_list"]
    bundle.delete("--force")
    bundle.process["execCPUAffinity"] = {"final": "x"}
    bundle.refused("/process/execCPUAffinity/final")


@pytest.mark.parametrize("value", [True, False])
def test_no_new_privileges(bundle, value):
    bundle.process["noNewPrivileges"] = value
    assert proc.status(bundle.out("cat /proc/self/status"))["NoNewPrivs"] == str(int(value))


@pytest.mark.parametrize("key", ["apparmorProfile", "selinuxLabel"])
def test_labels_that_cannot_be(bundle, key):
    if os.path.exists("/sys/kernel/security/apparmor") or os.path.exists("/sys/fs/selinux/enforce"):
        return
    bundle.process[key] = "something"
    bundle.refused(f"/process/{key}")


@pytest.mark.parametrize("key, value", [
    ("args", "x"), ("args", [1]), ("env", ["NOEQUALS\u0000"]), ("env", "A=b"), ("terminal", 1), ("cwd", 1),
    ("noNewPrivileges", "yes"), ("oomScoreAdj", "1"), ("rlimits", {}), ("capabilities", []), ("ioPriority", 1),
])
def test_wrong_types(bundle, key, value):
    bundle.process[key] = value
    bundle.refused(f"/process/{key}")


def test_unknown_is_ignored(bundle):
    """The specification: unknown properties MUST be ignored."""
    bundle.config["org.example"] = bundle.process["org.example"] = bundle.linux["org.example"] = {"a": [1]}
    assert bundle.out("echo well") == "well\n"


@pytest.mark.parametrize("version, good", [
    ("1.0.0", True), ("1.0.2-dev", True), ("1.2.0", True), ("1.3.0", True), ("2.0.0", False), ("0.9.0", False), ("x", False),
    ("", False), (1, False),
])
def test_version(bundle, version, good):
    bundle.config["ociVersion"] = version
    bundle.script("true")
    if good:
        assert bundle.run().status == 0
    else:
        bundle.refused("/ociVersion")


def test_groups_of_the_caller_where_asked_for(bundle):
    """podman run --group-add keep-groups; also for exec."""
    prefix, name = ["setpriv", "--groups", "7,8"], "run.oci.keep_original_groups"
    look = "sed -n 's/^Groups:\\s*//p' /proc/self/status"
    bundle.config["annotations"] = {name: "1"}
    assert bundle.out(look, prefix=prefix).split() == ["7", "8"]
    bundle.process["args"] = ["/bin/sleep", "100"]
    bundle.start(prefix=prefix)
    assert bundle.ok("exec", bundle.name, "sh", "-c", look, prefix=prefix).out.split() == ["7", "8"]
    bundle.delete("--force")
    bundle.config["annotations"] = {name: "0"}
    assert bundle.out(look, prefix=prefix).split() == []
    bundle.process["user"]["additionalGids"] = [9]
    assert bundle.out(look, prefix=prefix).split() == ["9"]
    bundle.config["annotations"] = {name: "1"}
    bundle.refused("additionalGids", "keep_original_groups")
    bundle.config["annotations"] = {name: "yes"}
    bundle.refused(name, "must be")


def test_exec_names_the_place(bundle):
    """Who joins reads a part of config.json; messages are about the whole of it."""
    bundle.process["cwd"] = "/tmp/gone"
    bundle.script("while :; do sleep 1; done").start()
    os.rmdir(os.path.join(bundle.rootfs, "tmp/gone"))
    result = bundle("exec", bundle.name, "true")
    with open(os.path.join(bundle.directory, "config.json"), encoding="utf-8") as file:
        before = file.read().split('"/tmp/gone"')[0]
    place = f"/process/cwd, config.json:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
    assert result.status == 255 and place in result.err, result
    bundle.delete("--force")
