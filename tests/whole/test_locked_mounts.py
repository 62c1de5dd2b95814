"""In a user namespace nobody lifts what the host has mounted read-only, nosuid or nodev: nsinit, and nsrun where namespaces of
others are entered first. The same for any runtime: tests/security, T12."""
import contextlib
import os
import subprocess

import pytest

from support import proc

SCRIPT = "mount -o remount,bind,rw,suid,dev /v; touch /v/made && echo MADE; cat /proc/self/mountinfo"


@pytest.fixture
def volume(work):
    """A directory on the host that is mounted ro,nosuid,nodev; only root gets to it."""
    path = os.path.join(work, "closed", "volume")
    os.makedirs(path)
    os.chmod(path, 0o777)
    subprocess.run(["mount", "--bind", path, path], check=True, timeout=5)
    subprocess.run(["mount", "-o", "remount,bind,ro,nosuid,nodev", path], check=True, timeout=5)
    os.chmod(os.path.dirname(path), 0o700)
    yield path
    subprocess.run(["umount", "-l", path], check=True, timeout=5)


@contextlib.contextmanager
def namespace_file(work, kind):
    """A namespace that belongs to nobody's user namespace but the host's, held by a mount."""
    path = os.path.join(work, kind)
    with open(path, "w", encoding="ascii"):
        pass
    subprocess.run(["unshare", f"--{kind}={path}", "true"], check=True, timeout=5)
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True, timeout=5)


def check(result, volume):
    assert "MADE" not in result.out and not os.listdir(volume), result
    assert {"ro", "nosuid", "nodev"} <= proc.mounts(result.out)["/v"].options, result


def give_to(path, owner):
    for parent, _, files in os.walk(path):
        for name in ["", *files]:
            os.chown(os.path.join(parent, name), owner, owner, follow_symlinks=False)


def test_nsinit(box, volume):
    box.config["namespaces"] = [*box.config["namespaces"], "NEWUSER"]
    for key in ("uid_mappings", "gid_mappings"):
        box.config[key] = [{"container_id": 0, "host_id": 100000, "size": 65536}]
    box.config["capabilities_mask"] = []
    box.config["mounts"] = [{"source": volume, "destination": "/v", "writable": True}]
    give_to(box.rootfs, 100000)
    box.take_manifest()
    check(box.sh(SCRIPT), volume)


@pytest.mark.parametrize("entered", ["none", "ipc", "pid"])
def test_nsrun(bundle, volume, work, entered):
    bundle.linux["namespaces"] = [entry for entry in bundle.linux["namespaces"] if entry["type"] != entered]
    bundle.linux["namespaces"].append({"type": "user"})
    for key in ("uidMappings", "gidMappings"):
        bundle.linux[key] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    for names in bundle.process["capabilities"].values():
        names.append("CAP_SYS_ADMIN")
    bundle.config["mounts"].append({"destination": "/v", "type": "bind", "source": volume, "options": ["rbind"]})
    give_to(bundle.rootfs, 100000)
    with contextlib.ExitStack() as stack:
        if entered == "ipc":
            path = stack.enter_context(namespace_file(work, "ipc"))
            bundle.linux["namespaces"].append({"type": "ipc", "path": path})
        elif entered == "pid":
            bundle.config["mounts"] = [entry for entry in bundle.config["mounts"] if entry["type"] != "proc"]
            bundle.config["mounts"].append(
                {"destination": "/proc", "type": "bind", "source": "/proc", "options": ["rbind"]})
            bundle.linux["namespaces"].append({"type": "pid", "path": "/proc/self/ns/pid"})
        check(bundle.script(SCRIPT).run(), volume)


def test_a_source_that_is_not_there(bundle, work):
    bundle.linux["namespaces"].append({"type": "user"})
    for key in ("uidMappings", "gidMappings"):
        bundle.linux[key] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    give_to(bundle.rootfs, 100000)
    bundle.config["mounts"].append({"destination": "/v", "type": "bind", "source": work + "/none", "options": ["rbind"]})
    bundle.refused(f"/mounts/{len(bundle.config['mounts']) - 1}", "open_tree", "no such file", work + "/none")
