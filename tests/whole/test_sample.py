"""The README's sample, word for word."""
import json
import os
import re
import subprocess

import pytest

from support import isolation, proc
from support.terminal import Terminal

DATA = os.path.join(os.path.dirname(__file__), "data/readme-container.json")
ID = "11bb30683fb0bdd57fab4d3a8238877f1e4395a2cfc7320ea359f7a02c1a5620"
SOURCES = f"/var/lib/docker/containers/{ID}"
MASKED = ("SETPCAP SYS_MODULE SYS_RAWIO SYS_PACCT SYS_ADMIN SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD "
          "AUDIT_WRITE AUDIT_CONTROL MAC_OVERRIDE MAC_ADMIN NET_ADMIN").split()
NUMBERS = {"SETPCAP": 8, "NET_ADMIN": 12, "SYS_MODULE": 16, "SYS_RAWIO": 17, "SYS_PACCT": 20, "SYS_ADMIN": 21,
           "SYS_NICE": 23, "SYS_RESOURCE": 24, "SYS_TIME": 25, "SYS_TTY_CONFIG": 26, "MKNOD": 27,
           "AUDIT_WRITE": 29, "AUDIT_CONTROL": 30, "MAC_OVERRIDE": 32, "MAC_ADMIN": 33}


def apparmor_is_on():
    try:
        with open("/sys/module/apparmor/parameters/enabled") as file:
            return file.read().strip() == "Y"
    except FileNotFoundError:
        return False


def sample(with_apparmor=False):
    with open(DATA) as file:
        text = file.read()
    if not with_apparmor:
        text = "".join(line for line in text.splitlines(True) if "apparmor_profile" not in line)
    return text


@pytest.fixture
def docker0():
    """In the network namespace of the test run, so a docker0 of this host is in nobody's way."""
    for command in ("link add docker0 type bridge", "addr add 172.17.42.1/16 dev docker0", "link set docker0 up"):
        subprocess.run(["ip", *command.split()], check=True, timeout=10)
    yield
    subprocess.run(["ip", "link", "del", "docker0"], check=True, timeout=10)


@pytest.fixture
def sources():
    """On a file system of our own, so that a real Docker of this host is not touched."""
    isolation.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/var/lib")
    os.makedirs(SOURCES)
    for name in ("resolv.conf", "hostname", "hosts"):
        with open(f"{SOURCES}/{name}", "w") as file:
            file.write(f"content of {name}\n")
    yield
    isolation.run("umount", "-l", "/var/lib")


@pytest.fixture
def koye(make_container, busybox, docker0, sources):
    """As the README says: container.json lies in the root file system, and that is the current directory."""
    container = make_container(busybox, directory=busybox)
    container.text = sample()
    return container


LOOK = r"""
echo hostname $(hostname); echo env $(env -i sh -c 'echo clean')
ip -o addr show eth0; ip link show eth0; ip route
ping -c 1 -w 3 172.17.42.1
grep -E 'Cap|Groups' /proc/self/status
cat /etc/resolv.conf /etc/hostname /etc/hosts
for f in resolv.conf hostname hosts; do (echo x > /etc/$f) 2>&1; done
cat /proc/self/mountinfo
"""


def check_inside(text):
    assert "hostname koye" in text
    assert re.search(r"inet 172\.17\.0\.2/16 ", text), text
    assert re.search(r"eth0.* mtu 1500 ", text), text
    assert "default via 172.17.42.1 dev eth0" in text
    assert "1 packets received" in text, text
    status = proc.status(text)
    host = proc.status("self")
    mask = sum(1 << number for number in NUMBERS.values())
    for key in ("CapBnd", "CapPrm", "CapEff"):
        assert int(status[key], 16) == int(host["CapBnd"], 16) & ~mask, (key, status[key])
    assert len(NUMBERS) == len(MASKED) == 15 and set(NUMBERS) == set(MASKED)
    assert int(status["CapInh"], 16) == 0 and int(status["CapAmb"], 16) == 0
    mounts = proc.mounts(text)
    for name in ("resolv.conf", "hostname", "hosts"):
        assert f"content of {name}" in text
        assert "ro" in mounts[f"/etc/{name}"].options
        assert not [tag for tag in mounts[f"/etc/{name}"].tags if tag.startswith("shared")]
    assert text.count("Read-only file system") >= 3


def test_sample_inside_on_a_terminal(koye):
    koye.write()
    with Terminal([koye.nsinit, "exec", "/bin/sh", "-c", LOOK], cwd=koye.rootfs, container=koye) as terminal:
        text = terminal.read_all(20)
        assert terminal.status() == 0, text
    check_inside(text.replace("\r\n", "\n"))


def test_sample_inside_without_a_terminal(koye):
    config = sample()
    assert '"tty" : true' in config  # works all the same when stdin is /dev/null
    koye.write()
    result = subprocess.run([koye.nsinit, "exec", "/bin/sh", "-c", LOOK], cwd=koye.rootfs, capture_output=True,
                            stdin=subprocess.DEVNULL, timeout=20)
    assert result.returncode == 0, result
    check_inside(result.stdout.decode().replace("\r\n", "\n"))


def test_sample_from_outside(koye):
    run = koye.start()
    pid = koye.live_pid()
    mine, theirs = proc.namespaces("self"), proc.namespaces(pid)
    for key, kind in proc.NAMESPACES.items():
        if key in ("NEWNS", "NEWUTS", "NEWIPC", "NEWPID", "NEWNET"):
            assert theirs[kind] != mine[kind], f"{kind} is the host's"
        else:
            assert theirs[kind] == mine[kind], f"{kind} is not the host's"
    with open(f"/proc/{pid}/cgroup") as file:
        lines = [line.strip().split(":", 2) for line in file]
    places = {controllers: path for _, controllers, path in lines}
    assert places.get("devices", places.get("")) == f"/docker/{ID}", places  # the default device rules need it
    for mount in proc.mount_list():
        group = f"{mount.point}/docker/{ID}"
        if mount.type in ("cgroup", "cgroup2") and os.path.isdir(group):
            with open(group + "/cgroup.procs") as file:
                assert str(pid) in file.read().split(), f"made but not entered: {group}"
    environ = koye.nsinit_run("exec", "/bin/cat", "/proc/self/environ")
    assert environ.out.split("\0")[:-1] == json.loads(sample())["environment"], environ
    links = subprocess.run(["ip", "-o", "link", "show", "master", "docker0"], capture_output=True, text=True,
                           timeout=10).stdout
    assert re.match(r"\d+: veth[0-9a-f]+@.*mtu 1500", links) and "UP" in links, links
    joined = koye.nsinit_run("exec", "/bin/sh", "-c", "hostname; ip -o -4 addr show eth0")
    assert joined.status == 0 and "koye" in joined.out and "172.17.0.2/16" in joined.out, joined
    os.kill(pid, 9)
    assert run.wait().status == 137
    # The autouse leftovers check now looks for the veth, the cgroup, the pid file and changes of the rootfs.


def test_sample_with_the_apparmor_line(koye):
    if apparmor_is_on():
        pytest.skip("AppArmor is on: the profile docker-default decides")
    koye.text = sample(with_apparmor=True)
    result = koye.exec("/bin/echo", "ran")
    assert result.status == 125, result
    assert "apparmor_profile" in result.err and "ran" not in result.out, result


def test_sample_on_debian(debian, make_container, docker0, sources, work):
    container = make_container(debian, directory=debian, watched=os.path.join(work, "upper"))
    container.text = sample()
    container.rootfs_may_change = True  # container.json itself
    result = container.exec("/bin/bash", "-c", "hostname; cat /etc/debian_version; echo $HOME $TERM; tty; id -un")
    assert result.status == 0, result
    assert result.out.split() == ["koye", *result.out.split()[1:2], "/", "xterm", "/dev/pts/0", "root"], result
