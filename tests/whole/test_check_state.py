"""spec, check and state: for people and for scripts, before, during and after a container's life."""
import json
import os
import signal
import subprocess

import pytest

from support import proc, rootfs
from support.container import FIVE


# ---- spec ----

def test_spec_is_a_good_start(box):
    """What it prints runs as it is, and is not careless."""
    text = box.nsinit_run("spec").out
    spec = json.loads(text)
    assert set(FIVE) <= set(spec["namespaces"])
    assert "capabilities" in spec and not set(spec["capabilities"]) & {"SYS_ADMIN", "SYS_PTRACE", "SYS_MODULE",
                                                                     "DAC_READ_SEARCH", "NET_ADMIN", "SYS_RAWIO"}
    assert spec["no_new_privileges"] is True
    box.text = text
    result = box.sh("hostname; id -u; grep NoNewPrivs /proc/self/status")
    assert result.status == 0 and result.out.split()[1:] == ["0", "NoNewPrivs:", "1"], result


def test_spec_masks_what_matters(box):
    """T12."""
    spec = json.loads(box.nsinit_run("spec").out)
    assert {"/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/proc/scsi", "/proc/acpi",
            "/sys/firmware"} <= set(spec["masked_paths"])
    assert {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"} <= set(spec["readonly_paths"])


def test_spec_needs_no_directory(nsinit, work):
    result = subprocess.run([nsinit, "spec"], cwd=work, capture_output=True, timeout=10)
    assert result.returncode == 0 and json.loads(result.stdout) and not os.listdir(work)


# ---- check ----

def test_check_of_a_good_file(box):
    box.config.update(hostname="koye", umask="0022", tty=True)
    result = box.nsinit_run("check")
    assert result.status == 0, result
    for key in ("hostname", "umask", "tty", "namespaces", "environment"):
        assert key in result.out, f"nothing about {key}\n{result}"
    assert not result.stderr, result


def test_check_tries_the_host(box):
    """What this host cannot do is said for the key, with a way to get it; the rest is still said."""
    box.config.update(context={"process_label": "system_u:system_r:x_t:s0"}, hostname="koye")
    if os.path.exists("/sys/fs/selinux/enforce"):
        pytest.skip("SELinux is on")
    result = box.nsinit_run("check")
    assert result.status == 125 or result.status == 1, result
    text = result.out + result.err
    assert "process_label" in text and "SELinux" in text and "hostname" in text, result


def test_check_missing_bridge(box):
    box.config["networks"] = [{"type": "veth", "context": {"bridge": "br-missing"}}]
    result = box.nsinit_run("check")
    assert result.status != 0 and "br-missing" in result.out + result.err, result


def test_check_of_a_bad_file(box):
    box.config.update(hostname=5, umask="x")
    result = box.nsinit_run("check")
    assert result.status != 0 and "/hostname" in result.err + result.out and "/umask" in result.err + result.out


def test_check_has_no_side_effect(box, group_parent):
    box.config["cgroups"] = {"parent": group_parent, "name": "x", "memory": 1 << 26, "pids_limit": 5}
    box.config["mounts"] = [{"source": "/tmp", "destination": "/missing/mount/point"}]
    before = rootfs.manifest(box.rootfs)
    assert box.nsinit_run("check").status == 0
    assert rootfs.manifest(box.rootfs) == before


# ---- state ----

def test_state_without_a_container(box):
    state = box.state()
    assert state["status"] == "stopped"
    assert not state.get("pid")


def test_state_without_container_json(box):
    """An empty directory has no container; asking is no error."""
    box.write = lambda: None
    result = box.nsinit_run("state")
    assert result.status == 0 and json.loads(result.out)["status"] == "stopped", result


def test_state_while_running(box, group_parent):
    box.config["cgroups"] = {"parent": group_parent, "name": "x", "pids_limit": 100}
    run = box.start()
    pid = box.live_pid()
    state = box.state()
    assert state["status"] == "running"
    assert state["pid"] == pid and int(state["start"]) == proc.start_time(pid)
    text = json.dumps(state["namespaces"])
    assert all(name in text for name in FIVE) and "NEWUSER" not in text, text
    paths = json.dumps(state["cgroups"])
    assert f"{group_parent}/x" in paths, paths
    os.kill(pid, signal.SIGKILL)
    assert run.wait().status == 137
    assert box.state()["status"] == "stopped"


def test_state_is_read_only_for_a_live_container(box):
    run = box.start()
    for _ in range(3):
        assert box.state()["status"] == "running"
    assert run.running() and box.out("echo still") == "still\n"


def test_state_after_the_configuration_has_gone_bad(box):
    """What runs, runs: a broken container.json does not hide it."""
    box.start()
    pid = box.live_pid()
    box.text = "{"
    result = box.nsinit_run("state")
    assert result.status == 0 and json.loads(result.out)["pid"] == pid, result


def test_state_after_kill_of_nsinit(box, group_parent):
    box.config["cgroups"] = {"parent": group_parent, "name": "x", "pids_limit": 100}
    run = box.start()
    run.signal(signal.SIGKILL)
    run.process.wait(5)
    assert box.state()["status"] == "stopped"
    assert box.leftovers() == []


def test_state_of_a_stale_pid(box):
    rootfs.write(box.path("pid"), f"{os.getpid()}\n")
    rootfs.write(box.path("start"), "1\n")
    assert box.state()["status"] == "stopped"
    for name in ("pid", "start"):
        if os.path.exists(box.path(name)):
            os.unlink(box.path(name))


def test_state_pid_is_that_of_the_program(box):
    """`kill $(cat pid)` and waiting on it is what the README promises."""
    run = box.start("trap 'exit 5' TERM; echo ready; while :; do sleep 0.02; done")
    os.kill(box.state()["pid"], signal.SIGTERM)
    assert run.wait().status == 5


def test_apparmor_prints_a_profile(nsinit, work):
    """A profile of our own wording, and --load says clearly that this host has none."""
    result = subprocess.run([nsinit, "apparmor"], cwd=work, capture_output=True, text=True, timeout=10)
    assert result.returncode == 0 and "profile" in result.stdout and "{" in result.stdout, result
    if not os.path.exists("/sys/kernel/security/apparmor"):
        result = subprocess.run([nsinit, "apparmor", "--load"], cwd=work, capture_output=True, text=True, timeout=10)
        assert result.returncode == 125 and "AppArmor" in result.stderr, result
