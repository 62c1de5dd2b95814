"""T1 to T8: the runtime's own binary, its descriptors, directories, terminals and hooks."""
import glob
import os
import pty

import pytest

from runtime import DOCKER, capabilities, mask, no_mounts_at, until
from support import proc, rootfs
from support.wait import wait_until
from test_hostile_container import leaky  # noqa: F401
from test_hostile_rootfs import clear

BITS = {"AUDIT_WRITE": 29, "KILL": 5, "NET_BIND_SERVICE": 10}
SHELL_PATH = "PATH=/sbin:/usr/sbin:/bin:/usr/bin"  # what busybox's shell makes up
ALL_HOOKS = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]


@pytest.fixture
def spied(box, tool, canary, rt):
    """Joins watched by a spy that is the container's first program: its findings, and the commands' statuses."""
    def run(commands, seconds, *words):
        box.process["capabilities"] = capabilities(DOCKER)
        box.process["noNewPrivileges"] = False
        box.add_program(tool("spy"), "/bin/spy")
        rootfs.write(box.inside("/bin/evil"), "#!/proc/self/exe\n", 0o755)
        info, before = os.stat(rt), rootfs.digest(rt)
        box.process["args"] = ["/bin/spy", str(seconds + 40), canary.file(), *words, f"{info.st_dev}:{info.st_ino}"]
        spy = box.spawn("run", box.name)
        wait_until(lambda: "ready" in open(spy.base + ".out").read(), 10, "the spy")
        statuses = {command: set() for command in commands}
        rounds = 0
        for _ in until(seconds, 20):
            for command in commands:
                statuses[command].add(box.exec(*command).status)
                rounds += 1
        rootfs.write(box.inside("/stop"), "")
        result = box.end(spy)
        assert rootfs.digest(rt) == before, "the runtime's own file was changed"
        canary.check()
        lines = result.out.splitlines()
        assert result.status == 0 and lines[-1].startswith("watched "), result
        # How many of them it gets to see before they end is a matter of the machine's load; a few dozen tell that it looks.
        assert int(lines[-1].split()[1]) >= min(rounds // 6, 50), f"the spy slept: {lines[-1]} of {rounds}"
        return sorted(set(lines[1:-1])), statuses

    return run


@pytest.mark.race
def test_t01_own_binary(spied, seconds):
    findings, statuses = spied([("/bin/evil",), ("/proc/self/exe",), ("/bin/true",)], seconds)
    assert not [line for line in findings if line.split()[0] in ("HOST-EXE", "WRITE")], findings
    assert statuses[("/bin/true",)] == {0} and 0 not in statuses[("/bin/evil",)], statuses


@pytest.mark.race
def test_t02_peeking_and_tracing(spied, seconds):
    findings, statuses = spied([("/bin/true",), ("/bin/sh", "-c", "exit 3")], seconds, "attach")
    assert not findings, findings
    assert statuses == {("/bin/true",): {0}, ("/bin/sh", "-c", "exit 3"): {3}}


@pytest.mark.parametrize("way", ["run", "exec"])
@pytest.mark.parametrize("where", ["/proc/self/fd/%d", "/proc/1/fd/%d", "/link-%d"])
def test_t03_cwd_in_a_descriptor(box, leaky, canary, where, way):  # noqa: F811
    look = f"readlink /proc/self/cwd; ls -a . ../../..; cat ../../../../../../../..{canary.file()}"
    if way == "exec":
        box.start(pass_fds=leaky)
    for number in [*range(3, 25), 700]:
        link = box.inside(f"/link-{number}")
        clear(link)
        os.symlink(f"/proc/self/fd/{number}", link)
        box.process["cwd"] = where % number
        result = box.sh(look, pass_fds=leaky) if way == "run" else box.exec(
            "/bin/sh", "-c", look, options=("--cwd", where % number), pass_fds=leaky)
        assert "CANARY" not in result.out and "unreachable" not in result.out, (number, result)
        assert not {"lib64", "boot", "cgroup.procs"} & set(result.out.split()), (number, result)


@pytest.mark.parametrize("preserve", [0, 2])
def test_t03b_descriptors_inside(box, leaky, preserve):  # noqa: F811
    """{0, 1, 2} and those that were asked for, whatever else the caller leaves open."""
    box.process["args"] = ["/bin/sleep", "1000"]
    first = set(range(3, 3 + preserve))

    def hand_over():  # in the new process: 3 and 4 are what is to be preserved
        for number in first:
            os.dup2(leaky[0], number)

    options = ("--preserve-fds", str(preserve)) if preserve else ()
    result = box.call("run", "--detach", *options, box.name, pass_fds=set(leaky) | first, preexec_fn=hand_over)
    assert result.status == 0, result
    assert set(proc.fds(box.state_of()["pid"])) == {0, 1, 2} | first
    result = box.exec("/bin/ls", "/proc/self/fd", pass_fds=leaky)
    assert result.out.split() == ["0", "1", "2", "3"], result  # 3 is ls's own


@pytest.mark.parametrize("dev", ["mounted", "of the image"])
def test_t04_standard_descriptors(box, canary, dev):
    """The image's /dev/null, tty and console lead out, and the caller has no stdin."""
    for name in ("null", "tty", "console"):
        clear(box.inside("/dev/" + name))
        os.symlink(canary.file(name), box.inside("/dev/" + name))
    if dev != "mounted":
        box.without_mount("/dev", "/dev/pts", "/dev/mqueue")
    canary.reset()
    for closed in ((0,), (0, 1, 2)):
        def close(closed=closed):
            for number in closed:
                os.close(number)

        result = box.sh("cat; cat /proc/self/mountinfo", preexec_fn=close)
        assert "CANARY" not in result.out, result
        canary.check()
        no_mounts_at(canary.path)


def unwritable(box, status_ok=(0,)):
    script = ("for f in $(find /sys/fs/cgroup -type f 2>/dev/null | head -2000); do "
              "(: >>$f) 2>/dev/null && echo WRITABLE $f; done; mkdir /sys/fs/cgroup/x 2>/dev/null && echo MADE; "
              "for d in /sys/fs/cgroup/*; do mkdir $d/x 2>/dev/null && echo MADE $d; done; echo looked")
    result = box.sh(script)
    assert result.status in status_ok and "looked" in result.out, result
    assert "WRITABLE" not in result.out and "MADE" not in result.out, result


@pytest.mark.parametrize("user", [False, True], ids=["root", "user namespace"])
def test_t05_cgroups_are_not_writable(box, user):
    """Without a cgroup namespace, by the default specification. T36 too: release_agent is one of the files."""
    if user:
        box.user_namespace()
    unwritable(box)


@pytest.mark.parametrize("namespace", [False, True], ids=["no cgroup namespace", "cgroup namespace"])
@pytest.mark.parametrize("user", [False, True], ids=["root", "user namespace"])
def test_t36_no_release_agent(box, user, namespace):
    """Even where the configuration makes cgroups writable: the file of the hierarchy's root is not there, or not ours."""
    if user:
        box.user_namespace()
    if namespace:
        box.linux["namespaces"].append({"type": "cgroup"})
    for entry in box.config["mounts"]:
        if entry["destination"] == "/sys/fs/cgroup":
            entry["options"] = ["nosuid", "noexec", "nodev", "relatime", "rw"]
    agents = {path: open(path).read() for path in glob.glob("/sys/fs/cgroup/*/release_agent")}
    assert agents
    result = box.sh("for f in $(find /sys/fs/cgroup -name release_agent); do echo /bin/true >$f && echo WRITTEN $f; done; true")
    assert result.status == 0 and "WRITTEN" not in result.out, result
    assert {path: open(path).read() for path in agents} == agents


def test_t05_rootless(box):
    """As an ordinary user, who has no right to any group: all of /sys/fs/cgroup is the host's, bound."""
    box.linux["namespaces"].append({"type": "user"})
    for key in ("uidMappings", "gidMappings"):
        box.linux[key] = [{"containerID": 0, "hostID": 1000, "size": 1}]
    box.linux["namespaces"].remove({"type": "network"})
    for key in ("cgroupsPath", "resources"):
        del box.linux[key]
    box.config["mounts"] = [entry for entry in box.config["mounts"] if entry["destination"] not in ("/dev/pts", "/sys")]
    box.mount("/sys", "/sys", "none", "rbind", "nosuid", "noexec", "nodev", "ro")
    box.without_mount("/sys/fs/cgroup")
    for path in (box.directory, box.rootfs, os.path.dirname(box.directory)):
        os.chown(path, 1000, 1000)

    def become():
        os.setgroups([])
        os.setresgid(1000, 1000, 1000)
        os.setresuid(1000, 1000, 1000)

    spawn = box.spawn
    box.spawn = lambda *arguments, **options: spawn(*arguments, **{"preexec_fn": become, **options})
    unwritable(box)


def test_t06_capabilities_are_exactly_those_listed(box, tool):
    box.add_program(tool("hostile"), "/bin/hostile")
    wanted = sum(1 << bit for bit in BITS.values())
    box.start()
    inside = box.exec("/bin/cat", "/proc/self/status").out
    for status in (proc.status(box.state_of()["pid"]), proc.status(inside)):
        assert mask(status, "CapBnd") == mask(status, "CapEff") == mask(status, "CapPrm") == wanted
        assert mask(status, "CapInh") == mask(status, "CapAmb") == 0
    result = box.exec("/bin/hostile", "by-handle", "/")
    assert result.out == "open_by_handle_at: EPERM\n", result


@pytest.mark.parametrize("way", ["run", "exec"])
def test_t07_tiocsti(box, tool, way):
    """Run on the caller's own terminal, without one of its own: nothing is typed into it."""
    box.add_program(tool("hostile"), "/bin/hostile")
    box.process["args"] = ["/bin/hostile", "tiocsti"]
    if way == "exec":
        box.start()
        box.process["args"] = ["/bin/hostile", "tiocsti"]
    box.spawn("state", box.name)  # writes config.json
    command = ["run", box.name] if way == "run" else ["exec", box.name, "/bin/hostile", "tiocsti"]
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(box.directory)
        os.execv(box.rt, [box.rt, "--root", box.state, *command])
    output = b""
    try:
        while chunk := os.read(master, 4096):
            output += chunk
    except OSError:
        pass  # everybody has closed it
    finally:
        os.close(master)
        try:
            os.waitpid(pid, 0)
        except ChildProcessError:
            pass
    assert b"tty:" in output and b"injected" not in output and b": ok" not in output, output


def hook(out, name):
    script = f"cat /proc/self/environ > {out}-env; pwd > {out}-cwd; ls /proc/self/fd > {out}-fd"
    return {"path": "/bin/busybox", "args": ["sh", "-c", script, name]}


def test_t08_hooks_get_nothing_of_the_image(box, tool, canary, work):
    """No environment, a working directory that is not the image's, no descriptors but their own three."""
    out = os.path.join(work, "hooks")
    os.mkdir(out)
    os.mkdir(box.inside("/hooks"))
    rootfs.write(box.inside("/x.so"), "no library\n")
    box.process["env"] = [f"LD_PRELOAD={canary.file()}", "PATH=./", "HOSTILE=1"]
    if not os.path.exists("/bin/busybox"):
        pytest.fail("the host has no /bin/busybox")
    box.config["hooks"] = {name: [hook(("" if name == "startContainer" else work) + "/hooks/" + name, name)]
                           for name in ALL_HOOKS}
    result = box.run("/bin/true", env={"PATH": os.environ["PATH"]})
    assert result.status == 0, result
    for name in ALL_HOOKS:
        base = (box.rootfs if name == "startContainer" else work) + "/hooks/" + name
        environment = {entry for entry in open(base + "-env").read().split("\0")
                       if entry and not entry.startswith(("PWD=", "SHLVL=", "OLDPWD=", SHELL_PATH))}
        assert "HOSTILE" not in str(environment) and "LD_PRELOAD" not in str(environment), (name, environment)
        assert not environment, (name, environment)
        wanted = {"startContainer": "/", "createContainer": box.rootfs}.get(name, box.directory)
        assert open(base + "-cwd").read().strip() == wanted, name
        assert set(open(base + "-fd").read().split()) <= {"0", "1", "2", "3", "10"}, name
    canary.check()


def test_t08b_hooks_die_with_the_runtime(box, work):
    """SIGKILL of the runtime while a hook runs: no process of it stays."""
    started = os.path.join(work, "started")
    box.config["hooks"] = {"createRuntime": [
        {"path": "/bin/busybox", "args": ["sh", "-c", f"echo $$ > {started}; exec /bin/busybox sleep 1000"]}]}
    run = box.spawn("create", box.name)
    wait_until(lambda: os.path.exists(started) and open(started).read().strip(), 10, "the hook")
    pid = int(open(started).read())
    run.kill()
    run.wait(10)
    try:
        wait_until(lambda: not proc.alive(pid), 2, "the hook dies with the runtime")
    finally:
        if proc.alive(pid):
            os.kill(pid, 9)
    box.live.remove(run)
    assert box.delete().status == 0


def test_t08c_start_hook_has_no_more_than_the_container(box):
    """startContainer runs inside: with the container's namespaces, root and capabilities."""
    box.config["hooks"] = {"startContainer": [{"path": "/bin/sh", "args": [
        "sh", "-c", "cat /proc/self/status > /tmp/status; ls -l /proc/self/ns > /tmp/ns; cat /proc/self/mountinfo > /tmp/mounts"]}]}
    inside = box.out("ls -l /proc/self/ns")
    hooks, program = (sorted(line.partition(">")[2] for line in text.splitlines())
                      for text in (open(box.inside("/tmp/ns")).read(), inside))
    assert hooks == program
    status = proc.status(open(box.inside("/tmp/status")).read())
    assert mask(status, "CapBnd") == sum(1 << bit for bit in BITS.values()), status
    assert mask(status, "CapEff") & ~mask(status, "CapBnd") == 0, status
    points = {mount.point for mount in proc.mount_list(open(box.inside("/tmp/mounts")).read())}
    assert "/" in points and not [point for point in points if point.startswith(("/var/tmp", "/run"))], points
