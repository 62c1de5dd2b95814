"""What nsinit says when it cannot: status 125, one clear line for each thing, with its place in the file."""
import json
import os
import re
import shutil
import subprocess

import pytest

from support import leftovers, proc, rootfs
from support.container import PATH


def refuse_text(box, text, *words, lines=None):
    """container.json word for word; every word is in the message, case aside."""
    box.text = text
    result = box.refused(*words)
    if lines is not None:
        assert len(result.err.splitlines()) == lines, result
    assert not result.stdout
    return result


def test_place_of_an_error(box):
    text = '{\n  "hostname": "ok",\n  "mounts": [\n    {"source": "/tmp",\n     "destination": 7}\n  ]\n}\n'
    refuse_text(box, text.replace('"ok"', '5'), "container.json:2:15", "/hostname", "container.json:5:21",
                "/mounts/0/destination")


def test_column_counts_bytes(box):
    refuse_text(box, '{"environment": ["Ü=1", 5]}', "container.json:1:26", "/environment/1", lines=1)


@pytest.mark.parametrize("text, place, pointer", [
    ('{"nonsense": 1}', "1:2", "/nonsense"),
    ('{\n\n   "nonsense"   :   {"a": [1]}}', "3:4", "/nonsense"),
    ('{"cgroups": {"nonsense": 1}}', "1:14", "/cgroups/nonsense"),
    ('{"networks": [{"type": "loopback", "sourze": 1}], "namespaces": ["NEWNET"]}', "1:36", "/networks/0/sourze"),
    ('{"a/b~c": 1}', "1:2", "/a~1b~0c")])
def test_unknown_keys(box, text, place, pointer):
    refuse_text(box, text, f"container.json:{place}", pointer, lines=1)


def test_all_errors_in_one_go(box):
    result = refuse_text(box, json.dumps({
        "hostname": 1, "environment": "x", "user": [], "tty": "yes", "namespaces": ["NEWX", 3],
        "capabilities_mask": ["NOPE"], "unknown": 0, "mounts": [{"destination": "x"}], "umask": -1}, indent=1),
        "/hostname", "/environment", "/user", "/tty", "/namespaces/0", "/namespaces/1", "/capabilities_mask/0",
        "/unknown", "/mounts/0", "/umask")
    assert len(result.err.splitlines()) >= 10, result
    assert all("container.json:" in line for line in result.err.splitlines()), result


def test_lenient(box):
    box.config.update(nonsense=1, hostname="koye")
    box.config["cgroups_"] = {}
    box.refused("nonsense", "cgroups_")
    result = box.exec("/bin/hostname", options=["--lenient"])
    assert result.status == 0 and result.out == "koye\n", result
    box.config["hostname"] = 5
    result = box.exec("/bin/hostname", options=["--lenient"])
    assert result.status == 125 and "/hostname" in result.err, "lenient must not mean blind"


@pytest.mark.parametrize("key, value", [
    ("hostname", 1), ("hostname", "x" * 65), ("environment", {}), ("environment", [1]), ("working_dir", 1),
    ("user", 0), ("tty", 1), ("readonly_fs", "true"), ("no_pivot_root", None), ("namespaces", "NEWNS"),
    ("namespaces", ["newns"]), ("namespaces", [["NEWNS"]]), ("namespaces", ["NEWNS", "NEWNS"]),
    ("capabilities_mask", "KILL"), ("networks", {}), ("cgroups", []), ("context", "x"), ("context", {"x": "y"}),
    ("mounts", {}), ("mounts", [{}]), ("mounts", [{"source": "/tmp"}]), ("mounts", [{"destination": "/x"}]),
    ("mounts", [{"source": "tmp", "destination": "/x"}]), ("mounts", [{"source": "/tmp", "destination": "x"}]),
    ("mounts", [{"source": "/tmp", "destination": "/"}]), ("rlimits", 5), ("oom_score_adj", 1001),
    ("umask", "0999"), ("umask", 0o1000), ("masked_paths", ["relative"]), ("readonly_paths", [1]),
    ("sysctl", []), ("devices", [{"path": "/dev/x", "type": "q"}]), ("no_new_privileges", 1),
    ("additional_groups", [-1]), ("additional_groups", ["audio"]), ("uid_mappings", 1), ("domainname", 5)])
def test_wrong_values(box, key, value):
    box.config[key] = value
    result = box.refused(f"/{key}")
    assert re.search(r"container\.json:\d+:\d+", result.err), result


@pytest.mark.parametrize("name, text, words", [
    ("empty", "", []), ("blank", " \n\t ", []), ("not an object", "[]", []), ("a string", '"x"', []),
    ("null", "null", []), ("cut off", '{"hostname": "x"', [":1:"]), ("trailing garbage", "{} x", [":1:4"]),
    ("two objects", "{}\n{}", [":2:1"]), ("trailing comma", '{"tty": true,}', [":1:"]),
    ("comment", '{"tty": true} // no', [":1:15"]), ("duplicate", '{"tty": true,\n "tty": false}', [":2:", "tty"]),
    ("duplicate deep", '{"cgroups": {"name": "a",\n"name": "b"}}', [":2:", "name"]),
    ("NUL in a string", '{"hostname": "a\\u0000b"}', [":1:"]), ("raw NUL", '{"hostname": "a\0b"}', [":1:"]),
    ("NUL in a key", '{"host\\u0000name": "x"}', [":1:"]), ("bad UTF-8", b'{"hostname": "\xff\xfe"}', [":1:"]),
    ("a lone surrogate", '{"hostname": "\\ud800"}', [":1:"]), ("a number too big", '{"umask": 1e999}', [":1:"]),
    ("a very big integer", '{"umask": 99999999999999999999999}', [":1:"]),
    ("control character", '{"hostname": "a\nb"}', [":1:"]), ("BOM", b'\xef\xbb\xbf{"tty": 1}', []),
    ("single quotes", "{'tty': true}", [":1:"])])
def test_bad_json(box, name, text, words):
    refuse_text(box, text, "container.json", *words)


def test_deep(box):
    deep = '{"mounts": ' + "[" * 100 + "]" * 100 + "}"
    refuse_text(box, deep, "container.json:1:", "64")
    refuse_text(box, "[" * 1000000, "container.json", lines=1)
    refuse_text(box, '{"a":' * 100000 + "1" + "}" * 100000, "container.json", lines=1)


def test_oversized(box):
    refuse_text(box, '{"hostname": "x"' + " " * (4 << 20) + "}", "container.json", "4 MiB", lines=1)
    box.text = '{"environment": ["' + PATH + '"], "namespaces": ["NEWNS"]' + " " * (4 << 20 - 1 >> 1) + "}"
    assert box.exec("/bin/true").status == 0


def test_many_errors_are_bounded(box):
    """A hostile file cannot make nsinit print for ever."""
    result = refuse_text(box, json.dumps({"environment": [5] * 60000}), "/environment/0")
    assert len(result.err) < 200000


def test_hostile_bytes_in_messages(box):
    """What is quoted from the file cannot drive the reader's terminal."""
    result = refuse_text(box, json.dumps({"\x1b]0;owned\x07\u009b2J": 1, "hostname": 5}), "/hostname")
    assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]", result.stderr), result


def test_no_container_json(box):
    box.write = lambda: None
    result = box.exec("/bin/true")
    assert result.status == 125 and "container.json" in result.err and "No such file" in result.err, result
    assert len(result.err.splitlines()) == 1, result


def test_no_such_root(box, work):
    box.write()
    for path in ("/nonexistent/dir", box.path("container.json")):
        result = subprocess.run([box.nsinit, "--root", path, "exec", "/bin/true"], cwd=box.rootfs, text=True,
                                capture_output=True, timeout=10)
        assert result.returncode == 125 and path in result.stderr, result


@pytest.mark.parametrize("arguments", [[], ["exec"], ["nonsense"], ["--nonsense", "exec", "/bin/true"], ["--root"],
                                       ["state", "extra", "words"], ["--console"], ["-x"],
                                       ["exec", "--nonsense", "/bin/true"], ["--log"]])
def test_usage_errors(box, arguments):
    box.write()
    result = subprocess.run([box.nsinit, *arguments], cwd=box.directory, capture_output=True, text=True, timeout=10,
                            stdin=subprocess.DEVNULL)
    assert result.returncode == 125 and result.stderr.strip() and not result.stdout, result
    assert len(result.stderr.splitlines()) <= 3 or not arguments, result


@pytest.mark.parametrize("spelling", ["--help", "-help", "--version", "-version"])
def test_help_and_version(nsinit, spelling, work):
    result = subprocess.run([nsinit, spelling], cwd=work, capture_output=True, text=True, timeout=10)
    assert result.returncode == 0 and result.stdout and not result.stderr, result
    if "help" in spelling:
        for word in ("exec", "spec", "check", "plan", "state", "--root", "--log", "--console", "125"):
            assert word in result.stdout, f"--help says nothing of {word}"


# ---- one line that says which step, on which object, and why ----

ONE_LINE = {
    "missing source": ({"mounts": [{"source": "/nonexistent/x", "destination": "/x"}]},
                       ["/mounts/0", "/nonexistent/x", "No such file"]),
    "bad file system": ({"mounts": [{"type": "magicfs", "destination": "/x"}]}, ["/mounts/0", "magicfs"]),
    "unknown user": ({"user": "ghost"}, ["ghost", "/user"]),
    "missing working_dir": ({"working_dir": "/etc/passwd"}, ["/etc/passwd", "/working_dir", "Not a directory"]),
    "apparmor": ({"context": {"apparmor_profile": "docker-default"}}, ["apparmor_profile", "AppArmor"]),
    "selinux": ({"context": {"process_label": "system_u:system_r:x_t:s0"}}, ["process_label", "SELinux"]),
    "mount label": ({"context": {"mount_label": "system_u:object_r:x_t:s0"}}, ["mount_label", "SELinux"]),
    "rlimit": ({"rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 10**12}]}, ["/rlimits/0"]),
    "sysctl": ({"sysctl": {"net.ipv4.ip_forward": "maybe"}}, ["/sysctl/net.ipv4.ip_forward", "Invalid argument"]),
    "bridge": ({"networks": [{"type": "veth", "context": {"bridge": "br-missing"}}]}, ["/networks/0", "br-missing"]),
    "cpuset": ({"cgroups": {"parent": f"lc-whole-{os.getpid()}", "name": "x", "cpuset_cpus": "999"}}, ["/cgroups", "cpuset"]),
}


@pytest.mark.parametrize("name", list(ONE_LINE))
def test_one_clear_line(box, name):
    keys, words = ONE_LINE[name]
    if name == "apparmor" and os.path.exists("/sys/kernel/security/apparmor"):
        pytest.skip("AppArmor is on")
    if name in ("selinux", "mount label") and os.path.exists("/sys/fs/selinux/enforce"):
        pytest.skip("SELinux is on")
    box.config.update(keys)
    result = box.refused(*words)
    assert len(result.err.splitlines()) == 1, result
    assert re.search(r"container\.json:\d+:\d+", result.err), f"no place\n{result}"
    assert result.err.startswith("nsinit"), result


def test_nothing_is_left_by_any_error(box, group_parent):
    """Each of these fails late, with cgroups made and a network under way."""
    snapshot = leftovers.Snapshot()
    for keys, _ in ONE_LINE.values():
        before = dict(box.config)
        box.config.update({"cgroups": {"parent": group_parent, "name": "x", "pids_limit": 100}, **keys})
        assert box.exec("/bin/true").status == 125
        box.config = before
        assert not snapshot.check(patience=0.5) and not box.leftovers(), keys


# ---- hints ----

def test_eacces_names_the_component(box, work):
    """A user namespace whose root may not enter a parent of the rootfs."""
    closed = os.path.join(work, "closed")
    os.mkdir(closed)
    shutil.move(box.rootfs, os.path.join(closed, "rootfs"))
    os.chmod(closed, 0o700)
    try:
        box.config["mounts"] = [{"source": os.path.join(closed, "rootfs/etc"), "destination": "/tmp/x"}]
        os.makedirs(box.rootfs)
        for name in ("proc", "sys", "dev", "tmp/x"):
            os.makedirs(box.inside(name))
        box.take_manifest()
        box.config["namespaces"].append("NEWUSER")
        box.config["uid_mappings"] = box.config["gid_mappings"] = [{"container_id": 0, "host_id": 100000, "size": 10}]
        result = box.exec("/bin/true")
        assert result.status in (125, 127), result
        if "ermission denied" in result.err:
            assert closed in result.err and "100000" in result.err, f"no word on who lacks what where\n{result}"
    finally:
        os.chmod(closed, 0o755)


def test_eacces_of_the_program(box):
    box.add_file("/opt/closed/tool", "#!/bin/sh\n", 0o755)
    os.chmod(box.inside("/opt/closed"), 0o700)
    box.take_manifest()
    box.config["user"] = "1000:1000"
    result = box.exec("/opt/closed/tool")
    assert result.status == 126 and "/opt/closed" in result.err and "1000" in result.err, result
    box.add_file("/opt/tool", "#!/bin/sh\n", 0o744)
    result = box.exec("/opt/tool")
    assert result.status == 126 and "/opt/tool" in result.err and "1000" in result.err, result


def test_missing_interpreter_of_a_script(box):
    box.add_file("/bin/script", "#!/usr/bin/python9 -x\nprint()\n", 0o755)
    result = box.exec("/bin/script")
    assert result.status in (126, 127) and "/usr/bin/python9" in result.err, result
    box.start()
    result = box.exec("/bin/script")
    assert result.status in (126, 127) and "/usr/bin/python9" in result.err, result


def test_missing_interpreter_of_a_program(box, work):
    path = os.path.join(work, "dynamic")
    source = os.path.join(os.path.dirname(__file__), "../tools/interpreter.c")
    subprocess.run(["cc", "-o", path, source, "-Wl,--dynamic-linker=/lib/ld-missing.so.9"], check=True, timeout=30)
    box.add_file("/bin/dynamic", open(path, "rb").read(), 0o755)
    result = box.exec("/bin/dynamic")
    assert result.status in (126, 127) and "/lib/ld-missing.so.9" in result.err, result


def test_program_on_a_noexec_mount(box, work):
    rootfs.write(os.path.join(work, "tool"), "#!/bin/sh\n", 0o755)
    box.config["mounts"] = [{"type": "bind", "source": os.path.join(work, "tool"), "destination": "/tmp/tool",
                             "options": ["bind", "noexec"]}]
    result = box.exec("/tmp/tool")
    assert result.status == 126 and "noexec" in result.err, result


def test_no_room_for_pids_names_the_file(box, group_parent):
    if not any("pids" in controllers for controllers in leftovers.hierarchies().values()):
        pytest.skip("no pids controller")
    box.config["cgroups"] = {"parent": group_parent, "name": "full", "pids_limit": 1}
    run = box.start("echo ready; exec sleep 1000")
    result = box.exec("/bin/true", timeout=10)
    if result.status == 125:
        assert "pids" in result.err, result
    assert run.running()


def test_not_root(box):
    """An ordinary user is told what is missing, and leaves nothing."""
    box.write()
    os.chmod(box.directory, 0o777)
    result = subprocess.run([box.nsinit, "--root", box.directory, "exec", "/bin/true"], cwd=box.rootfs, text=True,
                            capture_output=True, timeout=10, user=1000, group=1000, extra_groups=[])
    assert result.returncode == 125 and result.stderr.strip(), result
    assert proc.alive(os.getpid())


def test_message_survives_a_long_name(box):
    box.config["mounts"] = [{"source": "/" + "x" * 4000, "destination": "/x"}]
    result = box.exec("/bin/true")
    assert result.status == 125 and "/mounts/0" in result.err and "name too long" in result.err.lower(), result
