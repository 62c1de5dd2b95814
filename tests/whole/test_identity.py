"""Who the process is: user, groups, capabilities, limits, environment; from outside and inside."""
import os
import subprocess

import pytest

from support import proc
from support.container import PATH
from support.wait import wait_until

HOST = proc.status("self")
SHOW = "grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp|Umask|SigBlk)' /proc/self/status"


def inside(box):
    return proc.status(box.out(SHOW) + "\n")


@pytest.mark.parametrize("user, uid, gid, groups", [
    (None, 0, 0, None), ("", 0, 0, None), ("root", 0, 0, None), ("0", 0, 0, None), ("0:0", 0, 0, None),
    ("root:root", 0, 0, None), ("alice", 1000, 1000, {10, 100, 1000}), ("bob", 1001, 1001, {10, 29, 1001}),
    ("alice:users", 1000, 100, None), ("alice:29", 1000, 29, None), ("1000:100", 1000, 100, None),
    ("1234:4321", 1234, 4321, None), ("1234:users", 1234, 100, None), ("1234", 1234, None, None),
    ("1000", 1000, None, None), ("4294967294:4294967294", 4294967294, 4294967294, None),
    ("0:4321", 0, 4321, None), ("root:wheel", 0, 10, None),
])
def test_user(box, user, uid, gid, groups):
    if user is not None:
        box.config["user"] = user
    run = box.start()
    outside = proc.status(box.live_pid())
    joined = inside(box)
    run.stop()
    for status in (outside, joined):
        assert status["Uid"].split() == [str(uid)] * 4
        if gid is not None:
            assert status["Gid"].split() == [str(gid)] * 4
        if groups is not None:
            assert {int(group) for group in status["Groups"].split()} | {gid} == groups
    assert outside["Groups"].split() == joined["Groups"].split()


@pytest.mark.parametrize("user", ["1000", "1234", "1000:100", "", "root"])
def test_numbers_bring_no_foreign_groups(box, user):
    """T41: the caller's own groups do not leak in."""
    box.config["user"] = user
    result = box.sh(SHOW, preexec_fn=lambda: os.setgroups([4242, 29]))
    groups = set(proc.status(result.out)["Groups"].split())
    assert result.status == 0 and not groups & {"4242", "29"}, result


def test_caller_groups_do_not_leak_into_a_join(box):
    box.start()
    result = box.sh(SHOW, preexec_fn=lambda: os.setgroups([4242]))
    assert "4242" not in proc.status(result.out)["Groups"].split(), result


def test_additional_groups(box):
    box.config["user"] = "1234:5"
    box.config["additional_groups"] = [7, 4000000000]
    assert set(inside(box)["Groups"].split()) | {"5"} == {"5", "7", "4000000000"}


@pytest.mark.parametrize("user", ["-1", "4294967295", "4294967296", "99999999999999999999", "+1", " 1", "1 ", "1x",
                                  "nobodyhere", "alice:nogroup", "0x10", "1000:-1", "1000:4294967295", "alice:1x",
                                  "root:root:root", "alice ", "ali", "alice2"])
def test_bad_users(box, user):
    """T25. Never, whatever is wrong, does the program run as root because of it."""
    box.config["user"] = user
    box.refused("user", command=("/bin/id", "-u"))


@pytest.mark.parametrize("user", ["1:", ":1", ":", "alice:", ":users"])
def test_half_users_are_not_root(box, user):
    box.config["user"] = user
    result = box.sh("id -u; id -g")
    if result.status != 125:
        uid, gid = map(int, result.out.split())
        assert uid == {"1": 1, "alice": 1000}.get(user.partition(":")[0], 0), result
        assert gid == {"1": 1, "users": 100}.get(user.partition(":")[2], gid), result


@pytest.mark.parametrize("name, content, user, wanted", [
    ("a number is no name", "1000:x:0:0::/:/bin/sh\n", "1000", "1000"),
    ("first entry counts", "eve:x:5:5::/:\neve:x:0:0::/:\n", "eve", "5"),
    ("no newline at the end", "eve:x:5:5::/:", "eve", "5"),
    ("prefixes do not match", "eve2:x:0:0::/:\nev:x:0:0::/:\neve:x:5:5::/:\n", "eve", "5"),
    ("short lines before", "x\n:\n::\neve\n\neve:x:5:5::/:\n", "eve", "5"),
    ("minimal fields", "eve:x:5:5\n", "eve", "5"),
    ("uid too large", "eve:x:4294967296:5::/:\n", "eve", None),
    ("uid is -1", "eve:x:-1:5::/:\n", "eve", None),
    ("uid is 2^32-1", "eve:x:4294967295:5::/:\n", "eve", None),
    ("uid is no number", "eve:x:five:5::/:\n", "eve", None),
    ("uid is empty", "eve:x::5::/:\n", "eve", None),
    ("uid with blanks", "eve:x: 5:5::/:\n", "eve", None),
    ("empty file", "", "eve", None),
    ("binary", "\0\1\2eve:x:0:0\0\n\xff", "eve", None),
    ("a very long line first", "y" * 1000000 + ":x:0:0::/:\neve:x:5:5::/:\n", "eve", "5"),
    ("name inside another field", "root:x:0:0:eve:x:0:0\n", "eve", None),
], ids=lambda value: value if isinstance(value, str) and len(value) < 40 and value.isprintable() else "")
def test_hostile_passwd(box, name, content, user, wanted):
    """T24 and friends."""
    box.add_file("/etc/passwd", content.encode("latin-1"))
    box.config["user"] = user
    result = box.sh("id -u", timeout=10)
    if wanted is None:
        assert result.status == 125 and "user" in result.err, result
    elif result.status != 125:  # a file that no sane system has may also be refused, but not misread
        assert result.out.split() == [wanted], result
    if name in ("a number is no name", "first entry counts", "no newline at the end", "prefixes do not match"):
        assert result.status == 0, result


def test_no_passwd_at_all(box):
    for name in ("passwd", "group"):
        os.unlink(box.inside(f"/etc/{name}"))
    box.take_manifest()
    for user, wanted in (("", "0"), ("root", "0"), ("0", "0"), ("77:88", "77")):
        box.config["user"] = user
        assert box.out("id -u").split() == [wanted]
    box.config["user"] = "alice"
    box.refused("alice")


def test_user_on_debian(debian_box):
    debian_box.config["user"] = "games:audio"
    assert debian_box.out("id -un; id -gn").split() == ["games", "audio"]
    debian_box.config["user"] = "www-data"
    assert debian_box.out("id -u; id -g").split() == ["33", "33"]


def mask_of(*numbers):
    return sum(1 << number for number in numbers)


ALL = int(HOST["CapBnd"], 16)


@pytest.mark.parametrize("key, names, kept", [
    ("capabilities_mask", [], ALL),
    ("capabilities_mask", ["CHOWN"], ALL & ~1),
    ("capabilities_mask", ["CAP_CHOWN", "SETUID", "CHECKPOINT_RESTORE"], ALL & ~mask_of(0, 7, 40)),
    ("capabilities", [], 0),
    ("capabilities", ["CHOWN", "CAP_KILL"], mask_of(0, 5)),
    ("capabilities", ["BPF", "PERFMON"], mask_of(38, 39)),
    (None, None, ALL),
])
@pytest.mark.parametrize("user", ["root", "1000"])
def test_capabilities(box, key, names, kept, user):
    """T26 and T27: nothing inheritable, nothing ambient; who is not root starts without any."""
    if key is not None:
        box.config[key] = names
    box.config["user"] = user
    run = box.start()
    for status in (proc.status(box.live_pid()), inside(box)):
        found = {name: int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
        effective = kept if user == "root" else 0
        assert found == {"CapInh": 0, "CapPrm": effective, "CapEff": effective, "CapBnd": kept, "CapAmb": 0}
    run.stop()


def test_inheritable_of_the_caller_does_not_leak(box):
    box.write()
    call = f"cd {box.rootfs} && exec {box.nsinit} --root {box.directory} exec /bin/cat /proc/self/status"
    result = subprocess.run(["capsh", "--inh=cap_net_raw,cap_chown", "--", "-c", call], capture_output=True,
                            text=True, timeout=20)
    assert result.returncode == 0, result
    status = proc.status(result.stdout)
    assert int(status["CapInh"], 16) == 0 and int(status["CapAmb"], 16) == 0


def test_capabilities_object_form(box):
    box.config["capabilities_mask"] = [
        {"key": "SETPCAP", "value": 8, "enabled": False}, {"key": "MKNOD", "value": 27, "enabled": True},
        {"key": "CHOWN", "value": 0}]
    assert int(inside(box)["CapBnd"], 16) == ALL & ~mask_of(8, 0)


@pytest.mark.parametrize("key", ["capabilities", "capabilities_mask"])
@pytest.mark.parametrize("name", ["SYS_MAGIC", "CAP_", "", "41", "CAP_CAP_KILL"])
def test_unknown_capability(box, key, name):
    box.config[key] = ["KILL", name]
    box.refused(f"/{key}/1")


def test_capability_lists_exclude_each_other(box):
    box.config.update(capabilities=["KILL"], capabilities_mask=["CHOWN"])
    box.refused("capabilities", "capabilities_mask")


@pytest.mark.parametrize("wanted", [True, False])
def test_no_new_privileges(box, wanted, tool):
    box.config["no_new_privileges"] = wanted
    box.config["user"] = "1000:1000"
    program = open(tool("helper"), "rb").read()
    box.add_file("/bin/helper", program, 0o4755)
    box.add_file("/root/secret", "secret\n", 0o600)
    run = box.start()
    for status in (proc.status(box.live_pid()), inside(box)):
        assert status["NoNewPrivs"] == str(int(wanted))
    assert box.out("/bin/helper try-open /root/secret r").strip() == ("EACCES" if wanted else "ok")
    run.stop()


def test_rlimits(box):
    box.config["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 77, "hard": 99},
                             {"type": "RLIMIT_CORE", "soft": 0, "hard": 0},
                             {"type": "RLIMIT_NPROC", "soft": 1000, "hard": 2000}]
    run = box.start()
    with open(f"/proc/{box.live_pid()}/limits") as file:
        text = file.read()
    for limits in (text, box.out("cat /proc/self/limits")):
        found = {line[:26].strip(): line[26:].split()[:2] for line in limits.splitlines()}
        assert found["Max open files"] == ["77", "99"]
        assert found["Max core file size"] == ["0", "0"]
        assert found["Max processes"] == ["1000", "2000"]
    run.stop()


def test_rlimits_bad(box):
    box.config["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 99}]
    box.refused("/rlimits/0")
    box.config["rlimits"] = [{"type": "RLIMIT_MAGIC", "soft": 1, "hard": 1}]
    box.refused("RLIMIT_MAGIC")


@pytest.mark.parametrize("umask, shown", [("0027", "0027"), ("077", "0077"), (0o22, "0022"), (0, "0000")])
def test_umask(box, umask, shown):
    box.config["umask"] = umask
    result = box.sh(SHOW, preexec_fn=lambda: os.umask(0o111))
    assert result.status == 0 and proc.status(result.out)["Umask"] == shown, result
    assert proc.status(box.out(SHOW))["Umask"] == shown


def test_umask_of_the_caller_does_not_spoil_the_rootfs(box):
    result = box.sh("stat -c %a /dev /dev/null /dev/shm /proc", preexec_fn=lambda: os.umask(0o777))
    assert result.status == 0 and result.out.split()[:3] == ["755", "666", "1777"], result


def test_oom_score_adj(box):
    box.config["oom_score_adj"] = 500
    box.start()
    with open(f"/proc/{box.live_pid()}/oom_score_adj") as file:
        assert file.read().strip() == "500"
    assert box.out("cat /proc/self/oom_score_adj").strip() == "500"


@pytest.mark.parametrize("environment", [[], ["A=1"], [PATH, "B=", "C=a=b c\td", "Ü=ß", "LONG=" + "x" * 100000],
                                         ["Z=1", "A=2", "M=3"]])
def test_environment_is_exact(box, environment):
    box.config["environment"] = environment
    wanted = b"".join(entry.encode() + b"\0" for entry in environment)
    box.spawn("/bin/sleep", "1000")
    wait_until(lambda: os.path.exists(box.path("pid")) and proc.command_line(box.live_pid()) == "/bin/sleep 1000")

    def found():
        with open(f"/proc/{box.live_pid()}/environ", "rb") as file:
            return file.read()
    # The kernel says where the arguments are before it has copied the environment: until then the file is empty.
    if wanted:
        wait_until(found)
    assert found() == wanted
    box.stop_all()
    box.state()
    for _ in ("start", "join"):
        result = box.exec("/bin/cat", "/proc/self/environ", env={"LEAK": "1", "LD_PRELOAD": "", "PATH": "/usr/bin"})
        assert result.status == 0 and result.stdout == wanted, result
        if _ == "start":
            box.start()


def test_no_environment_key_is_an_empty_one(box):
    del box.config["environment"]
    assert box.exec("/bin/cat", "/proc/self/environ").stdout == b""


@pytest.mark.parametrize("bad", ["NOEQUALS", "=value", ""])
def test_bad_environment(box, bad):
    box.config["environment"] = [PATH, bad]
    box.refused("/environment/1")


@pytest.mark.parametrize("given, shown", [(None, "/"), ("/", "/"), ("/tmp", "/tmp"), ("/var/../etc", "/etc"),
                                          ("/link", "/etc"), ("/absolute", "/etc"), ("/up", "/")])
def test_working_dir(box, given, shown):
    for name, target in (("link", "etc"), ("absolute", "/etc"), ("up", "../../../../..")):
        os.symlink(target, box.inside(name))
    box.take_manifest()
    if given is not None:
        box.config["working_dir"] = given
    assert box.exec("/bin/readlink", "/proc/self/cwd").out.strip() == shown
    box.start()
    assert box.exec("/bin/readlink", "/proc/self/cwd").out.strip() == shown
    assert box.out("/bin/ls -d bin ../bin 2>/dev/null | head -n 1") in ("bin\n", "../bin\n", "")


@pytest.mark.parametrize("given", ["/etc/passwd", "tmp"])
def test_bad_working_dir(box, given):
    box.config["working_dir"] = given
    box.refused("working_dir")


def test_working_dir_that_the_user_may_not_enter(box):
    os.mkdir(box.inside("/closed"), 0o700)
    box.take_manifest()
    box.config.update(working_dir="/closed", user="1000:1000")
    result = box.exec("/bin/readlink", "/proc/self/cwd")
    if result.status == 0:  # entered as root, before the user changed; runc allows it too
        assert result.out == "/closed\n", result
    else:
        assert result.status == 125 and "/closed" in result.err and "1000" in result.err, result


def test_signals_are_clean(box, tool):
    """Nothing of nsinit's own signal handling shows: nothing blocked, nothing ignored that the caller did not."""
    box.add_file("/bin/helper", open(tool("helper"), "rb").read(), 0o755)
    assert box.exec("/bin/helper", "signals", restore_signals=True).out == "blocked 0 ignored 0\n"
    box.start()
    assert box.exec("/bin/helper", "signals", restore_signals=True).out == "blocked 0 ignored 0\n"
