"""NOTIFY_SOCKET: the program's word to the manager of the host, as sd_notify(3) sends it."""
import contextlib
import os
import shutil
import socket

import pytest

from support import proc


@contextlib.contextmanager
def manager(path, mode):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        os.chmod(path, mode)
        listener.settimeout(5)
        yield listener


@pytest.fixture
def notifying(bundle, tool):
    """A bundle whose program says READY=1 and shows the mounts."""
    shutil.copy(tool("helper"), os.path.join(bundle.rootfs, "bin/helper"))
    bundle.config["root"]["readonly"] = True
    bundle.script("helper notify READY=1; cat /proc/self/mountinfo")
    return bundle


def run(bundle, path):
    return bundle.run(env={**os.environ, "NOTIFY_SOCKET": path})


@pytest.mark.parametrize("user", [None, 0o755, 0o777], ids=["host's root", "closed to others", "open"])
def test_ready(notifying, work, user):
    path = os.path.join(work, "manager")
    if user is not None:
        notifying.linux["namespaces"].append({"type": "user"})
        for key in ("uidMappings", "gidMappings"):
            notifying.linux[key] = [{"containerID": 0, "hostID": 100000, "size": 1}]
        for parent, _, files in os.walk(notifying.rootfs):
            for name in ["", *files]:
                os.chown(os.path.join(parent, name), 100000, 100000, follow_symlinks=False)
    with manager(path, user or 0o755) as listener:
        result = run(notifying, path)
        assert result.status == 0 and not result.err and result.out.splitlines()[0] == path + "/notify", result
        assert listener.recv(100) == b"READY=1"
    mounts = proc.mounts(result.out)
    assert {"ro", "nosuid", "nodev", "noexec"} <= mounts[path].options and path + "/notify" in mounts, result


def test_run_systemd_is_the_containers_own(notifying):
    result = run(notifying, "/run/systemd/nobody-made-this")
    assert result.out.startswith("/run/notify/notify: Connection refused\n") and "/run/systemd" not in result.out, result


def test_nobody_there(notifying, work):
    """No reason not to start."""
    path = os.path.join(work, "none")
    result = run(notifying, path)
    assert result.out.startswith(f"{path}/notify: Connection refused\n") and result.status == 0, result
    assert "warning" in result.err and f"NOTIFY_SOCKET {path}: No such file" in result.err, result


def test_without_a_mount_namespace(notifying, work):
    path = os.path.join(work, "manager")
    notifying.linux["namespaces"] = [entry for entry in notifying.linux["namespaces"] if entry["type"] != "mount"]
    notifying.config["mounts"], notifying.config["root"]["readonly"] = [], False
    notifying.script("echo ${NOTIFY_SOCKET-none}")
    with manager(path, 0o777):
        result = run(notifying, path)
        assert result.status == 0 and result.out == "none\n", result


def test_bad_path(notifying):
    result = run(notifying, "@abstract")
    assert result.status == 1 and "NOTIFY_SOCKET" in result.err and "absolute path" in result.err, result
