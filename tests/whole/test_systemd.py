"""The driver "systemd" where there is no systemd, or one that does not answer. With a systemd: tests/vm/systemd.py."""
import contextlib
import json
import os
import shutil
import socket
import subprocess
import threading
import time

import pytest

from support import proc
from support.strace import strace

NOWHERE = {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere/bus"}
DEADLINE = 30


def helper_path(nsrun):
    return os.path.join(os.path.dirname(os.path.dirname(nsrun)), "systemd/libcontainer-systemd")


@pytest.fixture(autouse=True)
def built(nsinit):
    if not os.path.exists(helper_path(nsinit)):
        pytest.skip("built without libsystemd")


def environment(**more):
    return {**os.environ, **more}


@contextlib.contextmanager
def fake_bus(path, answer):
    """Listens and does what `answer` says with each connection, in a thread of its own."""
    listener, held = socket.socket(socket.AF_UNIX), []
    listener.bind(path)
    listener.listen()

    def serve():
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            held.append(peer)
            answer(peer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={path}"}
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for peer in held:
            peer.close()
        thread.join(10)


def greet(peer):
    """As far as the authentication, and then nothing."""
    with contextlib.suppress(OSError):
        peer.recv(4096)
        peer.sendall(b"OK 0123456789abcdef0123456789abcdef\r\nAGREE_UNIX_FD\r\n")


def helpers():
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/comm", encoding="ascii") as file:
            if file.read().startswith("libcontainer-sy"):
                found.append(pid)
    return found


def systemd_bundle(bundle, path="system.slice:lc:box"):
    bundle.linux["cgroupsPath"] = path
    return bundle


def create(bundle, variables, timeout=20):
    return bundle.launch("create", globals_=["--systemd-cgroup"], env=environment(**variables)).wait(timeout)


def test_no_bus(bundle):
    result = create(systemd_bundle(bundle), NOWHERE)
    assert result.status == 1 and "/linux/cgroupsPath, config.json:" in result.err, result
    assert "there is no D-Bus socket /nowhere/bus" in result.err and "Hint: systemd has to be the init" in result.err, result
    assert bundle("state", bundle.name).status == 1 and not os.listdir(bundle.state_root)


def test_no_bus_for_a_user(box):
    box.config["cgroups"] = {"driver": "systemd", "device_access": True}
    result = box.exec("/bin/true", env=environment(**NOWHERE))
    assert result.status == 125 and "(/cgroups/driver, " in result.err, result
    assert "/nowhere/bus" in result.err, result


@pytest.mark.parametrize("path", ["/docker/x", "system.slice:x", "nonsense:a:b", "system.slice:a:b:c", "a--b.slice:x:y"])
def test_bad_paths(bundle, path):
    result = create(systemd_bundle(bundle, path), NOWHERE)
    assert result.status == 1 and "/linux/cgroupsPath" in result.err and "SLICE:PREFIX:NAME" in result.err, result


def test_refused_annotation(bundle):
    """Before anybody is asked anything."""
    bundle.config["annotations"] = {"org.systemd.property.ExecStartPre": "'touch /x'"}
    result = create(systemd_bundle(bundle), NOWHERE)
    assert result.status == 1 and "/annotations/org.systemd.property.ExecStartPre, config.json:" in result.err, result
    assert "not for a container to set" in result.err and "D-Bus" not in result.err, result


def test_a_bus_that_hangs_up(bundle, work):
    with fake_bus(os.path.join(work, "bus"), lambda peer: peer.close()) as variables:
        begin = time.monotonic()
        result = create(systemd_bundle(bundle), variables)
        assert result.status == 1 and "no connection to D-Bus at unix:path=" in result.err, result
        assert time.monotonic() - begin < 10
    assert not helpers() and not os.listdir(bundle.state_root)


@pytest.mark.slow
@pytest.mark.timeout(90)
@pytest.mark.parametrize("answer", [lambda peer: None, greet], ids=["nothing", "greeting"])
def test_a_silent_bus(make_bundle, box, work, answer):
    """Both programs at the same time, as each takes its whole deadline."""
    bundle = make_bundle("bundle")
    box.config["cgroups"] = {"driver": "systemd", "device_access": True}
    with fake_bus(os.path.join(work, "bus"), answer) as variables:
        begin = time.monotonic()
        running = box.spawn("exec", "/bin/true", env=environment(**variables))
        result = create(systemd_bundle(bundle), variables, timeout=60)
        other = running.wait(60)
        seconds = time.monotonic() - begin
    assert result.status == 1 and f"no answer to connect for {DEADLINE} seconds" in result.err, result
    assert other.status == 125 and f"no answer to connect for {DEADLINE} seconds" in other.err, other
    assert DEADLINE - 1 < seconds < DEADLINE + 15, seconds
    assert not helpers() and not os.listdir(bundle.state_root)


def test_killed_while_it_waits(bundle, work):
    """The helper goes with whom it works for."""
    with fake_bus(os.path.join(work, "bus"), lambda peer: None) as variables:
        running = systemd_bundle(bundle).launch("create", globals_=["--systemd-cgroup"], env=environment(**variables))
        deadline = time.monotonic() + 20
        while not (found := helpers()) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(found) == 1
        assert not set(proc.fds(found[0])) & set(range(5, 100)), proc.fds(found[0])
        running.process.kill()
        running.process.wait()
    # Its connection has ended with the fake bus; one that waits for an answer notices at the latest with its own time limit.
    deadline = time.monotonic() + 20
    while helpers() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not helpers()
    bundle.ok("delete", "--force", bundle.name)


def test_helper_by_hand(nsinit):
    result = subprocess.run([helper_path(nsinit)], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert result.returncode == 2 and result.stderr == "libcontainer-systemd: only libcontainer runs this\n"


def test_where_the_helper_is(bundle, work):
    """Beside the program, as it was installed; but not one that somebody else may have written."""
    for name, source in (("bin/nsrun", bundle.nsrun),
                         ("libexec/libcontainer/libcontainer-systemd", helper_path(bundle.nsrun))):
        os.makedirs(os.path.dirname(os.path.join(work, name)), exist_ok=True)
        shutil.copy(source, os.path.join(work, name))
    library = os.path.join(os.path.dirname(os.path.dirname(bundle.nsrun)), "src")  # of the sanitized build
    bundle.nsrun, helper = os.path.join(work, "bin/nsrun"), os.path.join(work, "libexec/libcontainer/libcontainer-systemd")
    with fake_bus(os.path.join(work, "bus"), lambda peer: peer.close()) as variables:
        variables["LD_LIBRARY_PATH"] = library
        result = create(systemd_bundle(bundle), variables)
        assert result.status == 1 and "no connection to D-Bus at unix:path=" in result.err, result
        shutil.copy("/bin/true", helper)
        result = create(systemd_bundle(bundle), variables)
        assert result.status == 1 and "the helper for systemd ended" in result.err, result
        os.chmod(helper, 0o775)
        installed = "/libexec/libcontainer/libcontainer-systemd"
        result = create(systemd_bundle(bundle), variables)
        assert result.status == 1 and work not in result.err.replace(variables["DBUS_SYSTEM_BUS_ADDRESS"], ""), result
        assert f"{installed}: No such file" in result.err or "no connection to D-Bus" in result.err, result


def ask(nsinit, *requests):
    """The helper's answers to what only it reads."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        def give():
            os.dup2(theirs.fileno(), 3)

        with subprocess.Popen([helper_path(nsinit)], pass_fds=[3, theirs.fileno()], preexec_fn=give) as process:
            theirs.close()
            ours.settimeout(20)
            answers = []
            for request in requests:
                ours.send(request.encode())
                answers.append(ours.recv(65536).decode().split("\n"))
            ours.close()
            assert process.wait(20) == 0
    return answers


def test_helper_and_nonsense(nsinit):
    for answer in ask(nsinit, "what", "open", "\n", "start", "stop\nx", "x" * 100000):
        assert answer[0] == "error" and answer[-1] == "the helper does not understand this", answer


def test_nobody_else_pays(bundle):
    """Neither the helper nor a library of systemd's: without the driver nothing is run."""
    log = os.path.join(bundle.directory, "trace")
    bundle.process["args"] = ["/bin/true"]
    result = bundle.launch("run", prefix=strace(log, "-e", "trace=execve,openat")).wait()
    assert result.status == 0, result
    with open(log, encoding="utf-8") as file:
        text = file.read()
    assert "execve" in text and "libcontainer-systemd" not in text and "libsystemd" not in text and "dbus" not in text, text
    bundle("delete", "--force", bundle.name)


def test_features(bundle):
    document = json.loads(bundle.ok("features").out)
    assert document["linux"]["cgroup"]["systemd"] and document["linux"]["cgroup"]["systemdUser"]
