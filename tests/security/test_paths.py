"""T9 to T23 without a racer: names that lead out of the root file system, and what is mounted, made or removed there."""
import contextlib
import json
import os
import stat
import subprocess

import pytest

from runtime import CAPABILITIES, capabilities, no_mounts_at
from support import proc, rootfs
from support.terminal import Terminal
from test_hostile_rootfs import clear, evil_library, plant, up

LOOK = "cat /proc/self/mountinfo; for f in /trap /dev /proc /sys /etc /a /d; do cat $f/file $f/sub/file; done 2>/dev/null; true"


def check(box, canary, result):
    """Refused with a word, or run with nothing of the outside."""
    assert "CANARY" not in result.out, result
    if result.status != 0:
        box.refused(result)
    assert not [mount for mount in proc.mount_list(result.out + "\n") if canary.path in mount.root], result
    no_mounts_at(canary.path)
    canary.check()


@pytest.mark.parametrize("name", ["../x", ".", "..", "a/b", "/abs", "x" * 256, "x" * 5000, "", "a b", "a\nb", "\x01",
                                  "a/../../b", "\udcff"])
def test_t09_bad_ids(box, name):
    parent = os.path.dirname(box.state)
    before = set(os.listdir(parent))
    for command in (["create"], ["run"], ["run", "--detach"]):
        result = box.call(*command, "--", name)
        assert result.status not in (0, 134, 139) and result.err.strip(), result
        assert set(os.listdir(parent)) - before <= {"state"}
        assert not os.path.exists(box.state) or not os.listdir(box.state), os.listdir(box.state)
    for command in ("state", "kill", "delete", "start", "pause"):
        assert box.call(command, "--", name).status not in (0, 134, 139)


@pytest.mark.parametrize("relative", [True, False])
def test_t10_link_inside_an_earlier_mount(box, canary, work, relative):
    volume = os.path.join(work, "volume")
    os.makedirs(volume)
    os.symlink(up(volume, canary.path) if relative else canary.path, volume + "/b")
    box.mount(volume, "/a")
    box.mount("tmpfs", "/a/b", "tmpfs")
    box.mount("tmpfs", "/a/b/sub", "tmpfs")
    check(box, canary, box.sh(LOOK))


@pytest.mark.parametrize("where", ["itself", "parent", "grandparent"])
@pytest.mark.parametrize("kind", ["absolute", "relative", "chain", "dangling", "dangling relative", "loop", "magic",
                                  "magic cwd", "fifo"])
def test_t10_destinations(box, canary, work, kind, where):
    source = os.path.join(work, "source")
    os.makedirs(source)
    rootfs.write(source + "/file", "payload\n")
    destination = {"itself": "/trap", "parent": "/trap/sub", "grandparent": "/trap/sub/new/deep"}[where]
    plant(box.rootfs, "trap", kind, canary)
    box.mount(source, destination)
    box.mount("tmpfs", destination + "-other", "tmpfs")
    check(box, canary, box.sh(LOOK))
    assert open(source + "/file").read() == "payload\n"


@pytest.mark.parametrize("destination", ["/proc/self", "/proc/self/attr", "/proc/1", "/proc/sys/kernel", "/proc/./self/../1"])
def test_t11_mounts_inside_proc(box, work, destination):
    """A made-up attr or task directory would swallow the label."""
    source = os.path.join(work, "fake")
    os.makedirs(source + "/attr/apparmor")
    for name in ("attr/exec", "attr/current", "attr/apparmor/exec", "status"):
        rootfs.write(os.path.join(source, name), "")
    before = rootfs.manifest(source)
    box.mount(source, destination)
    result = box.sh("cat /proc/self/mountinfo")
    box.refused(result)
    assert rootfs.manifest(source) == before


def test_t11_mount_over_proc(box, work):
    """What lies on /proc is a procfs, or there is no container."""
    source = os.path.join(work, "fake")
    os.makedirs(source + "/self/attr/apparmor")
    rootfs.write(source + "/self/attr/exec", "")
    before = rootfs.manifest(source)
    box.mount(source, "/proc")
    box.refused(box.sh("cat /proc/self/mountinfo"))
    assert rootfs.manifest(source) == before


def test_t12_masked_and_readonly_paths(box):
    script = "\n".join(
        [f"[ -d {path} ] && ls -A {path} | head -3; [ -f {path} ] && head -c 10 {path}" for path in box.linux["maskedPaths"]]
        + [f"(: > {path}) 2>/dev/null && echo WRITTEN {path}" for path in (
            "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/kernel/hostname", "/proc/irq/x")])
    pattern = open("/proc/sys/kernel/core_pattern").read()
    assert box.sh(script + "\ntrue").out == ""
    assert open("/proc/sys/kernel/core_pattern").read() == pattern


def test_t12_spec_has_the_usual_paths(box):
    os.mkdir(os.path.join(box.directory, "spec"))
    result = box.call("spec", cwd=os.path.join(box.directory, "spec"))
    assert result.status == 0, result
    linux = json.load(open(os.path.join(box.directory, "spec/config.json")))["linux"]
    assert {"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
            "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"} <= set(linux["maskedPaths"])
    assert {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"} <= set(linux["readonlyPaths"])


@pytest.mark.parametrize("kind", ["absolute", "relative", "chain", "dangling", "dangling relative", "loop", "magic",
                                  "inside", "root", "fifo", "file"])
@pytest.mark.parametrize("place", ["proc", "sys"])
def test_t13_links_for_proc_and_sys(box, canary, place, kind):
    if kind in ("inside", "root"):
        clear(box.inside(place))
        os.makedirs(box.inside("/elsewhere"))
        os.symlink("elsewhere" if kind == "inside" else "/", box.inside(place))
    else:
        plant(box.rootfs, place, kind, canary)
    result = box.sh(f"stat -f -c %T /{place}; " + LOOK)
    check(box, canary, result)
    if result.status == 0:
        at = proc.mounts(result.out).get("/" + place)
        assert at is not None and at.type == {"proc": "proc", "sys": "sysfs"}[place], result


def test_t15_no_code_of_the_image_is_loaded(box, work):
    rootfs.write(box.inside("/etc/nsswitch.conf"), "passwd: evil\ngroup: evil\n")
    for name in ("libnss_evil.so.2", "libnss_files.so.2", "gconv/UTF-16.so", "libc.so.6"):
        evil_library(work, box.inside("/lib/x86_64-linux-gnu/" + name))
    rootfs.write(box.inside("/etc/ld.so.preload"), "/lib/x86_64-linux-gnu/libnss_evil.so.2\n")
    environment = {**os.environ, "LC_ALL": "xx_YY.UTF-16"}
    box.process["user"] = {"uid": 1000, "gid": 1000}
    box.start(env=environment)
    for user in ("1000", "0:0", "alice", "alice:audio"):
        box.exec("/bin/true", options=("--user", user), env=environment)
    assert not [name for name in ("/pwned", "/tmp/pwned") if os.path.exists(box.inside(name))]


@pytest.mark.parametrize("kind", ["link", "file", "fifo", "directory", "other device"])
def test_t17_false_null(box, canary, kind):
    """Masks are made from a real null, whatever the image calls by that name."""
    box.without_mount("/dev", "/dev/pts", "/dev/mqueue")
    null = box.inside("/dev/null")
    if kind == "link":
        os.symlink("/proc/sys/kernel/core_pattern", null)
    elif kind == "file":
        rootfs.write(null, "not empty\n", 0o666)
    elif kind == "fifo":
        os.mkfifo(null)
    elif kind == "directory":
        os.mkdir(null)
    else:
        os.mknod(null, stat.S_IFCHR | 0o666, os.makedev(1, 9))
    pattern = open("/proc/sys/kernel/core_pattern").read()
    rootfs.write(box.inside("/secret"), "SECRET\n")
    box.linux["maskedPaths"].append("/secret")
    result = box.sh("cat /secret /proc/kcore | head -c 100; echo x >/secret; stat -c '%F %t:%T' /secret")
    assert "SECRET" not in result.out and open("/proc/sys/kernel/core_pattern").read() == pattern
    if result.status == 0:
        assert result.out.splitlines()[-1] == "character special file 1:3", result
    assert open(box.inside("/secret")).read() == "SECRET\n"
    canary.check()


@pytest.mark.parametrize("where", ["pts", "ptmx", "console", "dev"])
def test_t18_terminal_on_a_hostile_dev(box, canary, where):
    """/dev/console is the new terminal and nothing else."""
    box.without_mount("/dev", "/dev/mqueue", *(["/dev/pts"] if where == "pts" else []))
    if where == "dev":
        plant(box.rootfs, "dev", "relative", canary)
    else:
        plant(box.rootfs, "dev/" + where, "absolute", canary)
        if where == "pts":
            clear(box.inside("/dev/pts"))
            os.makedirs(box.inside("/dev/pts"))
            for number in range(64):
                os.symlink(canary.file(), box.inside(f"/dev/pts/{number}"))
    canary.reset()
    box.process["terminal"] = True
    box.process["args"] = ["/bin/sh", "-c", "stat -c '%F %t' /dev/console; " + (
        "cat /dev/pts/*; true" if where == "pts" else "true")]
    box.call("state", box.name)  # writes config.json
    with Terminal([box.rt, "--root", box.state, "run", box.name], cwd=box.directory) as terminal:
        text = terminal.read_all()
    assert "CANARY" not in text
    if "character special file" in text:
        assert "character special file 88" in text, text
    no_mounts_at(canary.path)
    canary.check()


@pytest.mark.parametrize("kind", ["absolute", "relative"])
@pytest.mark.parametrize("way", ["run", "create", "terminal"])
@pytest.mark.parametrize("dev", ["mounted", "of the image"])
def test_t20_dev_leads_out(box, canary, kind, way, dev):
    """CVE-2026-41579, CVE-2026-47766: nothing is made or removed in the directory outside."""
    clear(box.inside("/dev"))
    os.symlink(canary.path if kind == "absolute" else up(box.rootfs, canary.path), box.inside("/dev"))
    if dev != "mounted":
        box.without_mount("/dev", "/dev/pts", "/dev/mqueue")
    box.process["args"] = ["/bin/sh", "-c", LOOK]
    if way == "create":
        if box.call("create", box.name).status == 0:
            box.call("start", box.name)
            box.exec("/bin/true")
            box.delete()
    elif way == "terminal":
        box.process["terminal"] = True
        box.call("state", box.name)
        with Terminal([box.rt, "--root", box.state, "run", box.name], cwd=box.directory) as terminal:
            assert "CANARY" not in terminal.read_all()
    else:
        assert "CANARY" not in box.run().out
    canary.check()


@pytest.mark.parametrize("kind", ["absolute", "relative", "dangling", "dangling relative"])
def test_t21_every_name_that_is_written(box, canary, kind):
    """One image with a trap at every name that some runtime makes or writes."""
    for place in ("dev/null", "dev/zero", "dev/full", "dev/tty", "dev/random", "dev/urandom", "dev/ptmx", "dev/fd",
                  "dev/stdin", "dev/stdout", "dev/stderr", "dev/core", "dev/pts", "dev/shm", "dev/mqueue", "dev/console",
                  "etc/mtab", "etc/hostname", "etc/resolv.conf", "run", ".krun_config.json", "sys", "run/systemd", "trap"):
        if not os.path.islink(os.path.join(box.rootfs, os.path.dirname(place))):
            plant(box.rootfs, place, kind, canary)
    box.without_mount("/dev", "/dev/pts", "/dev/mqueue")
    box.linux["devices"] = [{"path": "/trap/fuse", "type": "c", "major": 10, "minor": 229}]
    box.linux["maskedPaths"] += ["/trap", "/trap/file", "/run"]
    box.linux["readonlyPaths"] += ["/trap/sub", "/etc/hostname"]
    check(box, canary, box.sh(LOOK))


def test_t22_teardown_removes_nothing(box, canary, work):
    """Mount points that the runtime made are swapped for links while the container runs; delete touches no name."""
    source = os.path.join(work, "source")
    os.makedirs(source + "/keep")
    box.mount(source, "/made/by/runtime")
    box.mount(source + "/keep", "/made/two")
    box.start()
    subprocess.run(["mv", box.inside("/made"), box.inside("/was")], check=True, timeout=5)
    os.symlink(canary.path, box.inside("/made"))
    os.makedirs(canary.file("by/runtime"))
    os.makedirs(canary.file("two"))
    canary.reset()
    assert box.delete().status == 0
    canary.check()
    assert os.path.isdir(source + "/keep")


def test_t23_bind_of_the_whole_host(box, work):
    """The host's root as a source, with a namespace file mounted somewhere in it: the host's, or nothing."""
    point = os.path.join(work, "nsfs")
    rootfs.write(point, "")
    rootfs.write(os.path.join(work, "only-outside"), "outside\n")
    made = subprocess.run(["unshare", f"--net={point}", "true"], timeout=10)
    assert made.returncode == 0
    try:
        for option in ("rbind", "bind"):
            box.config["mounts"] = [entry for entry in box.config["mounts"] if entry["destination"] != "/host"]
            box.mount("/", "/host", "none", option, "rprivate")
            result = box.sh(f"cat /host{work}/only-outside")
            assert result.status != 0 and result.err or result.out == "outside\n", result
    finally:
        subprocess.run(["umount", point], check=True, timeout=10)


@contextlib.contextmanager
def mounted_on_itself(path, options):
    subprocess.run(["mount", "--bind", path, path], check=True, timeout=5)
    try:
        subprocess.run(["mount", "-o", "remount,bind," + options, path], check=True, timeout=5)
        yield
    finally:
        subprocess.run(["umount", path], check=True, timeout=5)


def with_mount_rights(box):
    box.user_namespace()
    box.process["capabilities"] = capabilities([*CAPABILITIES, "CAP_SYS_ADMIN"])


def options_inside(box, script, point):
    """What the mount at `point` has after the script, by its own mountinfo."""
    line = next(line for line in box.sh(script + "; cat /proc/self/mountinfo").out.splitlines()
                if line.split()[4:5] == [point])
    return set(line.split()[5].split(","))


@pytest.mark.parametrize("idmap", [False, True], ids=["plain", "idmap"])
def test_t12_read_only_binds_stay_so_in_a_user_namespace(box, work, idmap):
    """What the host has mounted read-only is not remounted by a root with CAP_SYS_ADMIN in its own user namespace."""
    volume = os.path.join(work, "volume")
    os.mkdir(volume)
    os.chmod(volume, 0o777)
    with mounted_on_itself(volume, "ro,nosuid,nodev"):
        with_mount_rights(box)
        box.mount(volume, "/v", "bind", "rbind", *(["idmap"] if idmap else []))
        result = box.sh("mount -o remount,bind,rw,suid,dev /v; touch /v/made && echo MADE; umount /v; true")
        assert "MADE" not in result.out and not os.listdir(volume), result


@pytest.mark.parametrize("source, flag, word", [
    *(("bind", *pair) for pair in (("nosuid", "suid"), ("nodev", "dev"), ("noexec", "exec"), ("ro", "rw"))),
    *(("root", *pair) for pair in (("nosuid", "suid"), ("nodev", "dev"), ("ro", "rw")))])  # root and noexec: nothing runs
def test_t12_each_flag_of_the_host_is_locked(box, work, flag, word, source):
    """Of the source of a bind, and of the file system that the root lies on."""
    volume = box.rootfs if source == "root" else os.path.join(work, "volume")
    os.makedirs(volume, exist_ok=True)
    with_mount_rights(box)
    if source == "bind":
        box.mount(volume, "/v", "bind", "rbind")
    point = "/" if source == "root" else "/v"
    os.makedirs(box.inside("/v"), exist_ok=True)
    os.makedirs(box.inside("/dev/mqueue"), exist_ok=True)
    with mounted_on_itself(volume, flag):
        assert flag in options_inside(box, f"mount -o remount,bind,{word} {point} 2>/dev/null", point)


def test_t12_only_root_may_enter_the_source(box, work):
    """Directories closed to the container's ids are no obstacle to what is bound, nor does the lock get lost."""
    closed = os.path.join(work, "closed")
    os.makedirs(closed + "/volume")
    rootfs.write(closed + "/volume/file", "seen\n")
    with mounted_on_itself(closed + "/volume", "ro"):
        os.chmod(closed, 0o700)
        with_mount_rights(box)
        box.mount(closed + "/volume", "/v", "bind", "rbind")
        result = box.sh("cat /v/file; mount -o remount,bind,rw /v; touch /v/made && echo MADE; true")
        assert "seen" in result.out and "MADE" not in result.out, result


def test_t12_what_lies_below_the_source(box, work):
    """Submounts come along locked; without them, what they hide is shown only where nothing has to be locked."""
    volume = os.path.join(work, "volume")
    os.makedirs(volume + "/sub/hidden")
    with_mount_rights(box)
    with mounted_on_itself(volume, "suid"), mounted_on_itself(volume + "/sub", "ro"):
        box.mount(volume, "/v", "bind", "rbind")
        result = box.sh("mount -o remount,bind,rw /v/sub; touch /v/sub/made && echo MADE; umount /v/sub; true")
        assert "MADE" not in result.out, result
        box.without_mount("/v")
        box.mount(volume, "/v", "bind", "bind")
        result = box.sh("ls /v/sub; cat /proc/self/mountinfo")
        points = [line.split()[4] for line in result.out.splitlines() if "/v" in line.split()[4:5]]
        assert result.status == 0 and result.out.startswith("hidden\n") and points == ["/v"] or result.err, result
        subprocess.run(["mount", "-o", "remount,bind,ro", volume], check=True, timeout=5)
        result = box.sh("mount -o remount,bind,rw /v; touch /v/made && echo MADE; true")
        assert "MADE" not in result.out and not os.path.exists(volume + "/made"), result
