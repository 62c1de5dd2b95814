"""Hooks: when, where, with what, and what their failure does."""
import json
import os
import stat
import time

import pytest

from support import leftovers, proc
from support.bundle import gone
from support.wait import PATIENCE, becomes_true, wait_until

KINDS = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]
STATUS = {"prestart": "created", "createRuntime": "created", "createContainer": "created", "startContainer": "created",
          "poststart": "running", "poststop": "stopped"}
AT_CREATE = KINDS[:3]


@pytest.fixture
def notes(bundle):
    """A directory that hooks of both sides can write into under one name."""
    path = os.path.join(bundle.directory, "notes")
    os.mkdir(path)
    os.makedirs(bundle.rootfs + path)
    bundle.config["mounts"].append({"destination": path, "source": path, "options": ["bind"]})
    return path


def shell(script, **more):
    return {"path": "/bin/sh", "args": ["sh", "-c", script], **more}


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def whole_life(bundle, name=None):
    bundle.process["args"] = ["/bin/sleep", "1000"]
    bundle.start(name=name)
    bundle.ok("kill", name or bundle.name, "KILL")
    bundle.wait_status("stopped", name)
    bundle.delete(name=name)


def test_order_and_state(bundle, notes):
    bundle.config["annotations"] = {"org.example": "value"}
    bundle.config["hooks"] = {kind: [shell(f"cat > {notes}/{kind}; echo {kind} >> {notes}/order"),
                                     shell(f"echo {kind}2 >> {notes}/order")] for kind in KINDS}
    whole_life(bundle)
    assert read(f"{notes}/order").split() == [name for kind in KINDS for name in (kind, kind + "2")]
    pids = set()
    for kind in KINDS:
        state = json.loads(read(f"{notes}/{kind}"))
        assert state["ociVersion"] == "1.3.0" and state["id"] == bundle.name and state["bundle"] == bundle.directory
        assert state["status"] == STATUS[kind] and state["annotations"] == {"org.example": "value"}, (kind, state)
        if kind == "poststop":
            assert not state.get("pid"), state
        else:
            pids.add(state["pid"])
    assert len(pids) == 1 and pids.pop() > 1


def test_hooks_of_run(bundle, notes):
    bundle.config["hooks"] = {kind: [shell(f"echo {kind} >> {notes}/order")] for kind in KINDS}
    bundle.script(f"sleep 0.2; echo program >> {notes}/order")
    assert bundle.run().status == 0
    order = read(f"{notes}/order").split()
    assert [word for word in order if word != "program"] == KINDS and order.index("program") > 3, order


def test_namespaces_directory_environment(bundle, notes):
    """T8: never the image's environment; the bundle as directory outside, the container's root in its namespaces."""
    bundle.process["env"] = ["LD_PRELOAD=./x.so", "PATH=./", "CANARY=1"]
    script = f"""export PATH=/bin:/usr/bin; exec > {notes}/KIND; readlink /proc/self/ns/mnt; readlink /proc/self/ns/net; pwd
        tr '\\0' '\\n' < /proc/self/environ > {notes}/KIND.env; ls -l /proc/self/fd > {notes}/KIND.fd"""
    bundle.config["hooks"] = {kind: [shell(script.replace("KIND", kind)),
                                     shell(f"echo $X > {notes}/{kind}.x", env=["X=y", "PATH=/bin"])] for kind in KINDS}
    bundle.process["args"] = ["/bin/sleep", "1000"]
    bundle.start()
    inside = [proc.namespace(bundle.pid(), kind) for kind in ("mnt", "net")]
    bundle.delete("--force")
    outside = [proc.namespace(os.getpid(), kind) for kind in ("mnt", "net")]
    for kind in KINDS:
        *namespaces, directory = read(f"{notes}/{kind}").splitlines()
        expected = inside if kind in ("createContainer", "startContainer") else outside
        assert namespaces == expected, kind
        assert directory == {"startContainer": "/", "createContainer": bundle.rootfs}.get(kind, bundle.directory), kind
        variables = {line.partition("=")[0] for line in read(f"{notes}/{kind}.env").splitlines()}
        assert variables <= {"PWD", "SHLVL", "_", "OLDPWD"}, (kind, variables)
        assert read(f"{notes}/{kind}.x") == "y\n"
        links = [line for line in read(f"{notes}/{kind}.fd").splitlines() if " -> " in line and "/proc/" not in line]
        assert {line.split(" -> ")[0].split()[-1] for line in links} == {"0", "1", "2"}, (kind, links)


def test_create_container_sees_the_host(bundle, notes):
    """Its path is the runtime's; its namespaces are the container's, before the root is changed."""
    bundle.config["hostname"] = "inside"
    bundle.config["hooks"] = {"createContainer": [{"path": "/usr/bin/python3", "args": ["python3", "-c", (
        f"import socket; open('{notes}/name', 'w').write(socket.gethostname())")]}]}
    bundle.create()
    assert read(f"{notes}/name") == "inside"
    bundle.delete()


@pytest.mark.parametrize("kind", KINDS[:5])
def test_failure(bundle, notes, kind):
    """The container ends, poststop hooks run, and the error holds the key, the status and what was printed."""
    bundle.config["hooks"] = {kind: [shell("exit 0"), shell("echo why it failed >&2; exit 42")],
                              "poststop": [shell(f"echo ran > {notes}/poststop")]}
    if kind in AT_CREATE:
        result = bundle.refused(f"/hooks/{kind}/1", "why it failed", "42")
        assert "exit status 42" in result.err
    else:
        bundle.create()
        pid = bundle.pid()
        result = bundle("start", bundle.name)
        assert result.status == 1, result
        for word in (f"/hooks/{kind}/1", "why it failed", "42"):
            assert word in result.err, result
        wait_until(lambda: gone(pid))
        if bundle.containers():
            assert bundle.status() == "stopped"
            bundle.delete()
    assert read(f"{notes}/poststop") == "ran\n"
    assert not bundle.groups()


@pytest.mark.parametrize("kind", KINDS[:5])
def test_failure_of_run(bundle, notes, kind):
    bundle.config["hooks"] = {kind: [shell("exit 3")], "poststop": [shell(f"echo ran >> {notes}/poststop")]}
    assert bundle.run().status != 0
    assert not bundle.containers() and not bundle.groups()
    assert read(f"{notes}/poststop") == "ran\n"


def test_poststop_only_warns(bundle, notes):
    bundle.config["hooks"] = {"poststop": [shell("echo bad luck; exit 1"), shell(f"echo ran > {notes}/second")]}
    bundle.start()
    result = bundle("delete", "--force", bundle.name)
    assert result.status == 0 and "level=warning" in result.err and "bad luck" in result.err, result
    assert read(f"{notes}/second") == "ran\n" and not bundle.groups()


@pytest.mark.parametrize("kind", ["createRuntime", "createContainer", "startContainer", "poststart"])
def test_timeout_ends_the_group(bundle, notes, kind):
    bundle.config["hooks"] = {kind: [shell(f"sleep 1000 & echo $! $$ > {notes}/pids; echo said; wait", timeout=1)]}
    start = time.monotonic()
    if kind in AT_CREATE:
        result = bundle.refused("timed out", f"/hooks/{kind}/0", "said")
    else:
        bundle.create()
        result = bundle("start", bundle.name)
        assert result.status == 1 and "timed out" in result.err, result
    assert 0.9 < time.monotonic() - start < 8
    if kind in ("createRuntime", "poststart"):
        assert all(gone(int(pid)) for pid in read(f"{notes}/pids").split())
    for name in bundle.containers():
        bundle.delete("--force", name=name)


@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer", "startContainer"])
def test_delete_does_not_wait_for_a_hook(bundle, notes, kind):
    """Without a timeout a hook may run for ever, and its maker holds the lock meanwhile."""
    bundle.config["hooks"] = {kind: [shell(f"echo $$ > {notes}/pid; exec sleep 1000")]}
    if kind in AT_CREATE:
        waits = bundle.launch("create")
    else:
        bundle.create()
        waits = bundle.spawn("start", bundle.name)
    wait_until(lambda: os.path.exists(f"{notes}/pid") and read(f"{notes}/pid"), 5, "the hook")
    start = time.monotonic()
    if kind in AT_CREATE:
        result = bundle("delete", bundle.name)
        assert result.status == 1 and "not stopped: creating" in result.err, result
    bundle.ok("delete", "--force", bundle.name)
    assert time.monotonic() - start < 3
    assert waits.wait().status == 1, waits.errors()
    assert "ended" in waits.errors().decode()
    if kind not in ("createContainer", "startContainer"):  # their pids are the container's
        assert gone(int(read(f"{notes}/pid")))
    assert not bundle.containers() and not bundle.groups()


def launch(bundle, command):
    """To its poststart hooks, in the background."""
    if command == "run":
        return bundle.launch("run")
    bundle.create()
    return bundle.spawn("start", bundle.name)


@pytest.mark.parametrize("command", ["start", "run"])
def test_delete_does_not_wait_for_poststart(bundle, notes, command):
    bundle.config["hooks"] = {"poststart": [shell(f"echo $$ > {notes}/pid; exec sleep 1000")]}
    waits = launch(bundle, command)
    wait_until(lambda: os.path.exists(f"{notes}/pid") and read(f"{notes}/pid"), 5, "the hook")
    assert bundle.status() == "running"
    start = time.monotonic()
    bundle.delete("--force")
    assert time.monotonic() - start < 1 * PATIENCE
    assert not bundle.containers() and not bundle.groups()
    os.kill(int(read(f"{notes}/pid")), 9)
    result = waits.wait()
    assert result.status == 1 and "/hooks/poststart/0" in result.err, result


@pytest.mark.parametrize("command", ["start", "run"])
def test_poststart_calls_nsrun(bundle, notes, command):
    """It holds no lock that they would wait for, and the container is running for them."""
    nsrun = f"{bundle.nsrun} --root {bundle.state_root}"
    bundle.config["hooks"] = {"poststart": [shell(f"""set -e; exec > {notes}/said 2>&1
        {nsrun} state {bundle.name} | grep '"status"'
        {nsrun} update --pids-limit 33 {bundle.name}; {nsrun} exec {bundle.name} echo inside
        {nsrun} pause {bundle.name}; {nsrun} resume {bundle.name}; {nsrun} kill {bundle.name} USR1; echo end""")]}
    bundle.script("trap 'exit 7' USR1; while :; do sleep 0.02; done")
    assert launch(bundle, command).wait().status == (7 if command == "run" else 0), read(f"{notes}/said")
    assert read(f"{notes}/said").split() == ['"status":', '"running",', "inside", "end"]
    bundle.delete("--force")


@pytest.mark.parametrize("command", ["start", "run"])
def test_failed_poststart_ends_its_own_container_only(bundle, notes, command):
    bundle.config["hooks"] = {"poststart": [shell(
        f"echo x > {notes}/hook; while [ ! -e {notes}/go ]; do sleep 0.01; done; exit 3")]}
    waits = launch(bundle, command)
    wait_until(lambda: os.path.exists(f"{notes}/hook"), 5, "the hook")
    bundle.delete("--force")
    del bundle.config["hooks"]
    bundle.start()
    pid = bundle.pid()
    with open(f"{notes}/go", "w", encoding="ascii"):
        pass
    assert waits.wait().status == 1, waits.errors()
    assert bundle.status() == "running" and bundle.pid() == pid
    bundle.delete("--force")


@pytest.mark.parametrize("command", ["start", "run"])
def test_failed_poststart_ends_a_paused_container(bundle, command):
    bundle.config["hooks"] = {"poststart": [shell(
        f"{bundle.nsrun} --root {bundle.state_root} pause {bundle.name}; exit 3")]}
    assert launch(bundle, command).wait().status == 1
    assert command == "run" or bundle.status() == "stopped"
    bundle.delete("--force")
    assert not bundle.containers() and not bundle.groups()


FREEZE = """
import json, sys
top, names, file, word = sys.argv[1:]
for line in open(f"/proc/{json.load(sys.stdin)['pid']}/cgroup"):
    _, found, path = line.strip().split(":", 2)
    if found == names:
        with open(f"{top}{path}/{file}", "w") as group:
            group.write(word)
        sys.exit(3)
"""


@pytest.mark.parametrize("kind", ["prestart", "createRuntime"])
def test_failed_start_of_who_is_frozen(bundle, kind):
    """v1: nobody dies in a frozen group, not even of SIGKILL; the failure is told all the same, and nothing stays."""
    v1 = [point for point, controllers in leftovers.hierarchies().items() if "freezer" in controllers]
    group = [v1[0], "freezer", "freezer.state", "FROZEN"] if v1 else ["/sys/fs/cgroup", "", "cgroup.freeze", "1"]
    # With these mounted, it is in its groups before the hooks run.
    bundle.config["mounts"].append({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup"})
    bundle.config["hooks"] = {kind: [{"path": "/usr/bin/python3", "args": ["python3", "-c", FREEZE, *group]}]}
    bundle.refused(f"/hooks/{kind}/0", "exit status 3")
    assert not bundle.containers() and not bundle.groups()


@pytest.mark.parametrize("kind", ["createRuntime", "createContainer", "startContainer", "poststart"])
@pytest.mark.parametrize("status", [0, 1])
def test_ten_megabytes(bundle, kind, status):
    """T42: never blocks; what was printed last is kept."""
    program = "/bin/busybox yes 0123456789 | /bin/busybox head -c 10000000"
    if not os.path.exists("/bin/busybox"):
        program = program.replace("/bin/busybox ", "")
    script = shell(f"{program}; echo the end; exit {status}")
    bundle.config["hooks"] = {kind: [script]}
    bundle.launch("create").wait()
    result = bundle("start", bundle.name) if bundle.containers() else None
    if status == 0:
        assert result and result.status == 0, result
        assert "0123456789" not in result.err
    else:
        text = result.err if result else read(os.path.join(bundle.logs, f"{bundle.count}.err"))
        assert "the end" in text and 3000 < len(text) < 16000, (len(text), text[:500])
    for name in bundle.containers():
        bundle.delete("--force", name=name)


def test_no_such_program(bundle, notes):
    for kind in AT_CREATE:
        bundle.config["hooks"] = {kind: [{"path": "/bin/absent-hook"}]}
        bundle.refused(f"/hooks/{kind}/0", "/bin/absent-hook", "no such file")


@pytest.mark.parametrize("hook, pointer", [
    ({"path": "bin/sh"}, "/path"), ({}, ""), ({"path": "/bin/true", "timeout": 0}, "/timeout"),
    ({"path": "/bin/true", "timeout": -1}, "/timeout"), ({"path": "/bin/true", "args": "x"}, "/args"),
    ({"path": "/bin/true", "env": [1]}, "/env"), ("x", ""),
])
def test_refusals(bundle, hook, pointer):
    bundle.config["hooks"] = {"createRuntime": [hook]}
    bundle.refused("/hooks/createRuntime/0" + pointer)


def test_hooks_inherit_nothing(bundle, notes):
    """A descriptor of the caller's and his ignored signals stay with him."""
    reader, writer = os.pipe()
    script = f"grep -E 'SigIgn|SigBlk' /proc/self/status > {notes}/signals; /bin/ls /proc/$$/fd > {notes}/fds"
    bundle.config["hooks"] = {"createRuntime": [shell(script)]}
    bundle.create(pass_fds=[writer], prefix=["sh", "-c", 'trap "" USR1 TERM; exec "$@"', "sh"])
    assert str(writer) not in read(f"{notes}/fds").split()
    signals = read(f"{notes}/signals")
    assert all(int(line.split()[1], 16) & ~(1 << 12 | 1 << 24) == 0 for line in signals.splitlines()), signals
    os.close(reader)
    os.close(writer)
    bundle.delete()


def test_a_hook_that_leaves_a_process(bundle, notes):
    """Its end counts, not that of what it has started, even where that holds the pipe."""
    bundle.config["hooks"] = {"createRuntime": [shell(f"sleep 1000 & echo $! > {notes}/pid")]}
    start = time.monotonic()
    bundle.create()
    assert time.monotonic() - start < 5
    os.kill(int(read(f"{notes}/pid")), 9)
    bundle.delete()


def test_killed_from_a_hook(bundle, notes):
    """createRuntime may already know the pid and the groups."""
    script = f"cat /proc/$(sed -n 's/.*\"pid\": *\\([0-9]*\\).*/\\1/p')/cgroup > {notes}/groups"
    bundle.config["hooks"] = {"createRuntime": [shell(script)]}
    bundle.create()
    assert bundle.name in read(f"{notes}/groups")
    assert stat.S_ISREG(os.stat(f"{notes}/groups").st_mode) and becomes_true(bundle.groups)
    bundle.delete()


@pytest.mark.parametrize("version, ends", [("1.3.0", True), ("1.2.1", False), ("1.0.2-dev", False)])
@pytest.mark.parametrize("command", ["start", "run"])
def test_poststart_fails(bundle, notes, version, ends, command):
    """1.3 of the specification ends the container; before, there was a warning, and life went on."""
    bundle.config["ociVersion"] = version
    bundle.config["hooks"] = {"poststart": [shell("echo bad luck; exit 3"), shell(f"echo ran > {notes}/second")]}
    if command == "start":
        bundle.create()
        result = bundle("start", bundle.name)
    else:
        result = bundle.run("--detach")
    assert "/hooks/poststart/0" in result.err and "bad luck" in result.err, result
    assert result.status == int(ends) and os.path.exists(f"{notes}/second") != ends, result
    if ends:
        assert becomes_true(lambda: not bundle.containers() or bundle.status() == "stopped")
    else:
        assert "level=warning" in result.err and bundle.status() == "running", result
    bundle("delete", "--force", bundle.name)
