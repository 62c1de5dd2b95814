"""sandbox.py OPTIONS: process 1 of an engine's world: its own mount, host name, ipc, network and process namespaces, so that
killing it removes every process, mount and interface. Control groups are the machine's, as they are. OPTIONS is a JSON object:
engine, runtime, filter, trace, work, result."""
import importlib
import json
import os
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))


def command(*words):
    subprocess.run(words, check=True)


def mount_world():
    """/proc and /sys of our namespaces, an empty /run; what the engines would write elsewhere on the host is covered."""
    command("mount", "--make-rprivate", "/")
    command("mount", "-t", "proc", "proc", "/proc")
    # The groups are moved aside, because the old /sys must go as a whole: its submounts would stay below the new one.
    command("mount", "-t", "tmpfs", "tmpfs", "/mnt")
    os.mkdir("/mnt/cgroup")
    command("mount", "--rbind", "/sys/fs/cgroup", "/mnt/cgroup")
    command("umount", "-R", "-l", "/sys")
    command("mount", "-t", "sysfs", "sysfs", "/sys")
    command("mount", "--move", "/mnt/cgroup", "/sys/fs/cgroup")
    command("umount", "/mnt")
    command("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    for directory in ("/run/lock", "/run/netns", "/run/runtime"):
        os.mkdir(directory)
    for directory in ("/var/lib/cni", "/var/lib/containers", "/opt/containerd", "/etc/cni", "/etc/containers/networks"):
        if os.path.isdir(directory):
            command("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", directory)
    # As systemd leaves it. podman relies on it: with --uidmap its clean-up runs in a mount namespace of conmon's own, and what it
    # unmounts there must go here too.
    command("mount", "--make-rshared", "/")


def reap(child):
    """Waits for everything that is orphaned to us, until the child ends."""
    while True:
        pid, status = os.wait()
        if pid == child:
            return os.waitstatus_to_exitcode(status)


def main():
    options = json.loads(sys.argv[1])
    mount_world()
    socket.sethostname("engines")
    command("ip", "link", "set", "lo", "up")
    with open("/run/runtime/trace.py", "w", encoding="utf-8") as out, open(f"{HERE}/trace.py", encoding="utf-8") as file:
        out.write(file.read())
    os.chmod("/run/runtime/trace.py", 0o755)
    os.chdir(options["work"])  # conmon writes a file named "oom" into its directory
    child = os.fork()
    if child == 0:
        from bench.step import Runner  # pylint: disable=import-outside-toplevel
        script = importlib.import_module(options["engine"])
        counts = Runner(script.Engine(options), options).run(script.STEPS)
        with open(options["result"], "w", encoding="utf-8") as file:
            json.dump(counts, file)
        sys.exit(0)
    sys.exit(reap(child))


main()
