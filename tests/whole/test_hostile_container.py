"""The container is hostile while nsinit works on it: T1 (own binary), T2 (peeking), T3 (working_dir), T3b (leaked fds)."""
import glob
import os
import socket

import pytest

from support import proc, rootfs
from support.wait import PATIENCE, wait_until

# The README's sample keeps SYS_PTRACE; Docker's default set does not have it.
DOCKER = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "NET_BIND_SERVICE",
          "NET_RAW", "SYS_CHROOT", "MKNOD", "AUDIT_WRITE", "SETFCAP"]
README_MASK = ["SETPCAP", "SYS_MODULE", "SYS_RAWIO", "SYS_PACCT", "SYS_ADMIN", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME",
               "SYS_TTY_CONFIG", "MKNOD", "AUDIT_WRITE", "AUDIT_CONTROL", "MAC_OVERRIDE", "MAC_ADMIN", "NET_ADMIN"]
CAPABILITIES = {"docker": {"capabilities": DOCKER}, "readme": {"capabilities_mask": README_MASK}, "all": {}}


def our_files(nsinit):
    """nsinit and whatever library of ours it may use."""
    build = os.path.dirname(os.path.dirname(nsinit))
    found = [nsinit, *glob.glob(build + "/**/*.so*", recursive=True), *glob.glob(build + "/**/nsinit-init*", recursive=True)]
    return sorted({os.path.realpath(path) for path in found if os.path.isfile(path)})


@pytest.fixture
def spied(box, tool, canary, nsinit):
    """Joins watched by a spy inside: spied(capabilities, commands) gives the spy's findings."""
    def run(capabilities, commands, rounds):
        box.config.update(CAPABILITIES[capabilities])
        box.add_file("/bin/spy", open(tool("spy"), "rb").read(), 0o755)
        box.add_file("/bin/evil", "#!/proc/self/exe\n", 0o755)
        files = our_files(nsinit)
        digests = {path: rootfs.digest(path) for path in files}
        numbers = [f"{os.stat(path).st_dev}:{os.stat(path).st_ino}" for path in files[:8]]
        spy = box.spawn("/bin/spy", str(int(40 * PATIENCE)), canary.file(), *numbers).wait_output("ready")
        statuses = {command: set() for command in commands}
        for _ in range(rounds):
            for command in commands:
                statuses[command].add(box.exec(*command).status)
        rootfs.write(box.inside("/stop"), "")
        result = spy.wait()
        os.unlink(box.inside("/stop"))
        assert {path: rootfs.digest(path) for path in files} == digests, "a file of ours was changed"
        canary.check()
        lines = result.out.splitlines()
        assert result.status == 0 and lines[-1].startswith("watched "), result
        # On a busy machine it shares a processor with whom it watches, and misses most of them.
        assert int(lines[-1].split()[1]) >= min(rounds * len(commands) // 6, 10), f"the spy slept: {lines[-1]}"
        return sorted({line.rpartition("/")[0] + line.rpartition("/")[1] if line.startswith("FD") else line.split()[0]
                       for line in lines[1:-1]}), statuses

    return run


@pytest.mark.parametrize("capabilities", list(CAPABILITIES))
def test_own_binary(spied, capabilities):
    """T1: the container's program is `#!/proc/self/exe`, and its neighbour grabs every executable it can see."""
    findings, statuses = spied(capabilities, [("/bin/evil",), ("/proc/self/exe",), ("/bin/true",)], 40)
    assert not findings, findings
    assert statuses[("/bin/true",)] == {0}


@pytest.mark.parametrize("capabilities", list(CAPABILITIES))
def test_peeking_at_a_joining_process(spied, capabilities):
    """T2: no root, cwd or descriptor of a joining process leads out, and nothing of ours can be traced."""
    findings, statuses = spied(capabilities, [("/bin/true",), ("/bin/sh", "-c", "exit 3")], 100)
    assert not findings, findings
    assert statuses == {("/bin/true",): {0}, ("/bin/sh", "-c", "exit 3"): {3}}


@pytest.mark.parametrize("program", ["#!/proc/self/exe\n", "#!/proc/self/fd/3\n", "#!/proc/self/fd/4\n"])
@pytest.mark.parametrize("path", ["/bin/sh", "/proc/self/exe"])
def test_first_program_is_our_own_image(box, nsinit, program, path):
    """Nothing of ours is run again inside; at worst the exec fails."""
    os.unlink(box.inside("/bin/sh"))
    box.add_file("/bin/sh", program, 0o755)
    before = {file: rootfs.digest(file) for file in our_files(nsinit)}
    result = box.exec(path, "--version", timeout=10)
    assert result.status not in (0,), result
    assert before == {file: rootfs.digest(file) for file in our_files(nsinit)}


def test_exe_during_set_up_is_a_memfd(box, work, nsinit):
    """Seen from outside: pid 1 of the container never runs a file of the host once it is a program of its own."""
    box.config["mounts"] = [{"source": work, "destination": f"/m/{i}", "writable": False} for i in range(300)]
    seen = {}

    def sample(run):
        for pid in proc.descendants(run.pid):
            try:
                target = os.readlink(f"/proc/{pid}/exe")
                if proc.namespace(pid, "pid") != proc.namespace("self", "pid"):
                    seen[target] = seen.get(target, 0) + 1
            except (FileNotFoundError, ProcessLookupError):
                pass
        return not run.running()

    for _ in range(5):
        run = box.spawn("/bin/true")
        wait_until(lambda: sample(run), timeout=10, interval=0.0001)
        assert run.wait().status == 0
    memfd = [target for target in seen if "memfd:" in target]
    others = [target for target in seen if target not in memfd and not target.endswith("/bin/busybox")]
    # Between clone and execve the child shares our memory, and so our image; that cannot be seen from inside.
    assert memfd, seen
    assert set(others) <= {os.path.realpath(nsinit)}, seen


@pytest.fixture
def leaky(work):
    """Descriptors that a careless caller leaves open, none of them close-on-exec."""
    pair = socket.socketpair()
    made = [os.open(path, os.O_RDONLY | os.O_DIRECTORY) for path in ("/", work, "/sys/fs/cgroup", "/proc/self")]
    made.append(os.open("/etc/shadow", os.O_RDONLY))
    made += [end.fileno() for end in pair]
    high = os.dup2(made[0], 700)
    gone = os.path.join(work, "gone")
    os.mkdir(gone)
    made.append(os.open(gone, os.O_RDONLY | os.O_DIRECTORY))
    os.rmdir(gone)
    made.append(high)
    yield made
    for descriptor in made[:5] + made[7:]:
        os.close(descriptor)
    for end in pair:
        end.close()


@pytest.mark.parametrize("tty", [False, True])
def test_leaked_descriptors(box, leaky, tty):
    """T3b, from outside and inside, for the first process and for a joined one."""
    box.config["tty"] = tty
    box.start("echo ready; exec sleep 1000", pass_fds=leaky)
    pid = box.live_pid()
    assert set(proc.fds(pid)) == {0, 1, 2}, proc.fds(pid)
    joined = box.spawn("/bin/sleep", "999", pass_fds=leaky)

    def find():
        return [pid for pid in proc.descendants(os.getpid()) if proc.command_line(pid) == "/bin/sleep 999"]

    found = wait_until(find, what="the joined process")
    assert set(proc.fds(found[0])) == {0, 1, 2}, proc.fds(found[0])
    joined.stop()
    result = box.exec("/bin/ls", "/proc/self/fd", pass_fds=leaky)
    assert result.out.split() == ["0", "1", "2", "3"], result  # 3 is ls's own


@pytest.mark.parametrize("where", ["/proc/self/fd/%d", "/proc/1/fd/%d", "/proc/thread-self/fd/%d", "/link-%d"])
def test_working_dir_in_a_descriptor(box, leaky, canary, where):
    """T3: CVE-2024-21626, as first process and as a joined one."""
    for number in range(0, 40):
        os.symlink(f"/proc/self/fd/{number}", box.inside(f"/link-{number}"))
    box.take_manifest()
    numbers = [*range(3, 20), 700] if "self/fd" in where and "thread" not in where else [3, 4, 5, 6, 7, 8, 9, 10]
    show = f"readlink /proc/self/cwd; ls -a . .. ../../..; cat ../../../../../../../../{canary.file()}"
    for live in (False, True):
        if live:
            box.config["working_dir"] = "/"
            box.start(pass_fds=leaky)
        for number in numbers:
            box.config["working_dir"] = where % number
            result = box.sh(show, pass_fds=leaky)
            assert "CANARY" not in result.out and "unreachable" not in result.out, (number, result)
            assert "lib64" not in result.out.split() and "container.json" not in result.out.split(), (number, result)
            assert "process_api" not in result.out.split(), (number, result)


def test_command_in_a_descriptor(box, leaky, work, tool):
    """No descriptor leads to a program of the host, whatever directory it is of."""
    program = os.path.join(work, "outside")
    rootfs.write(program, open(tool("helper"), "rb").read(), 0o755)
    for number in [*range(3, 16), 700]:
        for way in (program, "/../../../../../../../.." + program, "/outside"):
            result = box.exec(f"/proc/self/fd/{number}{way}", "signals", pass_fds=leaky)
            assert result.status in (125, 126, 127) and "blocked" not in result.out, result


def test_identity_is_what_was_asked_for(box):
    """T40: read back from the kernel, for both ways in."""
    box.config.update(user="1000:100", no_new_privileges=True, capabilities=DOCKER, umask="0077")
    run = box.start()
    joined = proc.status(box.out("cat /proc/self/status"))
    for status in (proc.status(box.live_pid()), joined):
        assert status["Uid"].split() == ["1000"] * 4 and status["Gid"].split() == ["100"] * 4
        assert status["NoNewPrivs"] == "1" and int(status["CapEff"], 16) == 0 and status["Umask"] == "0077"
        assert int(status["CapBnd"], 16).bit_count() == len(DOCKER)
    run.stop()


def test_no_abstract_sockets(box):
    """T33."""
    before = open("/proc/net/unix").read().count("@")
    box.start()
    assert open("/proc/net/unix").read().count("@") == before


def test_container_json_is_no_secret_way_in(box):
    """A container whose own rootfs holds container.json, pid and start as links does not redirect ours."""
    for name in ("pid", "start", "container.json"):
        os.symlink("/etc/hostname", box.inside("/" + name))
    box.take_manifest()
    before = open("/etc/hostname").read()
    assert box.out("echo fine") == "fine\n"
    assert open("/etc/hostname").read() == before
