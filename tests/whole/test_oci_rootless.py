"""nsrun as an ordinary user: with one mapping, with newuidmap and newgidmap, and without a say about control groups."""
import json
import os
import shutil
import subprocess

import pytest

from support import proc
from support.bundle import Bundle, gone
from support.rootfs import make_busybox
from support.wait import wait_until

USER = 61234  # nobody's
SUBORDINATE, COUNT = 700000, 65536


class Ordinary(Bundle):
    """Everything runs as USER, without a group or a capability."""

    def spawn(self, *arguments, prefix=(), **options):
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "XDG_RUNTIME_DIR": os.path.join(self.directory, "xdg"),
                       "HOME": self.directory}
        become = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--inh-caps=-all"]
        options.setdefault("env", environment)
        return super().spawn(*arguments, prefix=[*become, *prefix], **options)


@pytest.fixture
def ordinary(work, nsinit):
    directory = os.path.join(work, "ordinary")
    os.makedirs(os.path.join(directory, "xdg"))
    make_busybox(os.path.join(directory, "rootfs"))
    subprocess.run(["chown", "-R", f"{USER}:{USER}", directory], check=True, timeout=10)
    nsrun = os.path.join(os.path.dirname(os.path.dirname(nsinit)), "nsrun/nsrun")
    bundle = Ordinary(nsrun, directory, f"lc-whole-{os.getpid()}-rootless")
    bundle.ok("spec", "--rootless")
    with open(os.path.join(directory, "config.json"), encoding="utf-8") as file:
        bundle.config = json.load(file)
    bundle.process["terminal"] = False
    yield bundle
    found = bundle.containers()
    bundle.cleanup()
    assert not found


@pytest.fixture
def subordinate(work):
    """The user has subordinate ids, in the files that newuidmap reads; only this run sees them."""
    if not shutil.which("newuidmap"):
        pytest.fail("newuidmap is missing: apt-get install uidmap")
    with open("/etc/passwd", encoding="utf-8") as file:
        passwd = file.read()
    made = {"/etc/subuid": f"{USER}:{SUBORDINATE}:{COUNT}\n", "/etc/subgid": f"{USER}:{SUBORDINATE}:{COUNT}\n",
            "/etc/passwd": f"{passwd}ordinary:x:{USER}:{USER}::/:/bin/sh\n"}
    for number, (path, text) in enumerate(made.items()):
        mine = os.path.join(work, str(number))
        with open(mine, "w", encoding="utf-8") as file:
            file.write(text)
        subprocess.run(["mount", "--bind", mine, path], check=True, timeout=10)
    yield
    for path in made:
        subprocess.run(["umount", path], check=True, timeout=10)


def map_many(bundle):
    for kind in ("uidMappings", "gidMappings"):
        bundle.linux[kind] = [{"containerID": 0, "hostID": USER, "size": 1},
                              {"containerID": 1, "hostID": SUBORDINATE, "size": 1000}]


def test_specification_runs_as_it_is(ordinary):
    """Only the terminal is taken away; there is a warning about groups, and nothing else."""
    ordinary.script("id -u; id -g; hostname; cat /proc/self/uid_map")
    result = ordinary.run()
    assert result.status == 0, result
    assert result.out.split() == ["0", "0", "nsrun", "0", str(USER), "1"], result
    assert all("level=warning" in line for line in result.err.splitlines()), result


def test_default_state_root(ordinary):
    ordinary.process["args"] = ["/bin/sleep", "1000"]
    ordinary.write()
    environment = {"XDG_RUNTIME_DIR": os.path.join(ordinary.directory, "xdg"), "PATH": "/usr/bin:/bin"}
    become = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]

    def nsrun(*arguments):
        return subprocess.run([*become, ordinary.nsrun, *arguments], cwd=ordinary.directory, env=environment, check=True,
                              timeout=20, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    nsrun("run", "-d", "mine")
    path = os.path.join(ordinary.directory, "xdg/nsrun")
    assert os.listdir(path) == ["mine"] and os.stat(path).st_mode & 0o777 == 0o700
    nsrun("delete", "--force", "mine")
    assert os.listdir(path) == []


def life(bundle):
    bundle.process["args"] = ["/bin/sleep", "1000"]
    bundle.create()
    assert bundle.status() == "created"
    bundle.ok("start", bundle.name)
    pid = bundle.pid()
    assert bundle.status() == "running" and proc.status(pid)["Uid"].split()[0] == str(USER)
    assert bundle.ok("exec", bundle.name, "id", "-u").out == "0\n"
    assert bundle("exec", bundle.name, "sh", "-c", "exit 5").status == 5
    assert bundle("delete", bundle.name).status == 1
    bundle.ok("kill", bundle.name, "KILL")
    bundle.wait_status("stopped")
    bundle.delete()
    assert gone(pid)


def test_life_with_one_mapping(ordinary):
    life(ordinary)


def test_life_with_many_mappings(ordinary, subordinate):
    map_many(ordinary)
    life(ordinary)


def test_subordinate_ids(ordinary, subordinate):
    map_many(ordinary)
    ordinary.config["root"]["readonly"] = False
    ordinary.process["user"] = {"uid": 5, "gid": 6, "additionalGids": [7]}
    ordinary.script("id -u; id -g; id -G; echo x > /tmp/file; sleep 1000")
    running = ordinary.start()
    wait_until(lambda: os.path.exists(ordinary.rootfs + "/tmp/file"))
    assert running.output().split() == [b"5", b"6", b"6", b"7"]
    made = os.stat(ordinary.rootfs + "/tmp/file")
    assert (made.st_uid, made.st_gid) == (SUBORDINATE + 4, SUBORDINATE + 5)
    result = ordinary.ok("exec", "--user", "9:10", ordinary.name, "id")
    assert "uid=9 gid=10" in result.out
    ordinary.delete("--force")


def test_ids_of_others(ordinary, subordinate):
    """newuidmap says no, and the message says which mapping."""
    map_many(ordinary)
    ordinary.linux["uidMappings"][1]["hostID"] = 100
    ordinary.refused("newuidmap", "/linux/uidMappings")
    ordinary.linux["uidMappings"] = [{"containerID": 0, "hostID": 0, "size": 1}]
    ordinary.refused("/linux/uidMappings")


@pytest.mark.parametrize("resources, pointer", [
    ({"pids": {"limit": 5}}, "pids"), ({"memory": {"limit": 1 << 26}}, "memory"), ({"cpu": {"shares": 100}}, "cpu"),
])
def test_limit_without_delegation(ordinary, resources, pointer):
    ordinary.linux["resources"] = resources
    result = ordinary.refused(f"/linux/resources/{pointer}")
    assert "delegated to this user" in result.err and "Delegate=yes" in result.err, result


def test_update_without_groups(ordinary):
    ordinary.process["args"] = ["/bin/sleep", "1000"]
    ordinary.start()
    assert ordinary("update", "--pids-limit", "7", ordinary.name).status == 1
    assert ordinary("pause", ordinary.name).status == 1
    ordinary.delete("--force")


def test_hooks_and_terminal(ordinary):
    notes = os.path.join(ordinary.directory, "xdg/notes")
    ordinary.config["hooks"] = {kind: [{"path": "/bin/sh", "args": ["sh", "-c", f"echo {kind} >> {notes}"]}]
                                for kind in ("createRuntime", "poststart", "poststop")}
    ordinary.process["args"] = ["/bin/true"]
    assert ordinary.run().status == 0
    with open(notes, encoding="ascii") as file:
        assert file.read().split() == ["createRuntime", "poststart", "poststop"]


def test_without_user_namespace(ordinary):
    """Not possible, and said so."""
    ordinary.linux["namespaces"] = [entry for entry in ordinary.linux["namespaces"] if entry["type"] != "user"]
    del ordinary.linux["uidMappings"], ordinary.linux["gidMappings"]
    ordinary.refused("/linux/namespaces")


def test_crash(ordinary, tool):
    """A killed create leaves nothing that delete --force would not remove."""
    ordinary.process["args"] = ["/bin/sleep", "1000"]
    ordinary.write()
    kill_at = tool("kill-at")
    before = set(proc.descendants(os.getpid()))
    for place in range(3, 400, 29):
        result = ordinary("create", ordinary.name, prefix=[kill_at, str(place)])
        assert result.status in (0, 3), result
        ordinary.ok("delete", "--force", ordinary.name)
        assert not ordinary.containers()
        wait_until(lambda: not [pid for pid in proc.descendants(os.getpid()) if pid not in before and proc.alive(pid)])
        if result.status == 3:
            break
