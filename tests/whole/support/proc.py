"""Looks from outside: /proc/PID of a container's processes."""
import os
import re

NAMESPACES = {
    "NEWNS": "mnt", "NEWUTS": "uts", "NEWIPC": "ipc", "NEWPID": "pid",
    "NEWNET": "net", "NEWUSER": "user", "NEWCGROUP": "cgroup", "NEWTIME": "time",
}


def namespace(pid, kind):
    return os.readlink(f"/proc/{pid}/ns/{kind}")


def namespaces(pid):
    """{"mnt": "mnt:[4026531832]", ...} of all eight."""
    return {kind: namespace(pid, kind) for kind in NAMESPACES.values()}


def status(pid_or_text):
    """/proc/PID/status as a dictionary of strings; from a pid or from text that a container printed."""
    if isinstance(pid_or_text, str) and "\n" in pid_or_text:
        text = pid_or_text
    else:
        with open(f"/proc/{pid_or_text}/status") as file:
            text = file.read()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}


def start_time(pid):
    """Field 22 of /proc/PID/stat; the command name may hold spaces and parentheses."""
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[19])


def state(pid):
    """The one-letter state, or None when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return None


def alive(pid):
    return state(pid) not in (None, "Z", "X")


def command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def descendants(ancestor):
    """Every process below ancestor, zombies too, as a list of pids."""
    children = {}
    for pid in pids():
        try:
            with open(f"/proc/{pid}/stat") as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(parent, []).append(pid)
    found, queue = [], [ancestor]
    while queue:
        for child in children.get(queue.pop(), ()):
            found.append(child)
            queue.append(child)
    return found


def fds(pid):
    """{0: "/dev/null", ...}"""
    result = {}
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            result[int(name)] = os.readlink(f"/proc/{pid}/fd/{name}")
    except (FileNotFoundError, ProcessLookupError):
        pass  # closed, or the process ended, in between
    return result


class Mount:
    """One line of mountinfo."""

    def __init__(self, line):
        left, _, right = line.partition(" - ")
        fields = left.split()
        self.root, self.point = unescape(fields[3]), unescape(fields[4])
        self.options = set(fields[5].split(","))
        self.tags = fields[6:]
        fields = right.split(" ")
        self.type, self.source = fields[0], unescape(fields[1])
        self.super_options = set(fields[2].strip().split(","))

    def __repr__(self):
        return f"{self.type} on {self.point} ({','.join(sorted(self.options))}) {self.tags}"


def unescape(text):
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), text)


def mount_list(pid_or_text="self"):
    if isinstance(pid_or_text, str) and "\n" in pid_or_text:
        text = pid_or_text
    else:
        with open(f"/proc/{pid_or_text}/mountinfo") as file:
            text = file.read()
    return [Mount(line) for line in text.splitlines() if " - " in line]


def mounts(pid_or_text="self"):
    """{mount point: Mount}; the topmost one where several are stacked."""
    return {mount.point: mount for mount in mount_list(pid_or_text)}


def within_file_system(path):
    """What a mount of this path has as its root: the path from its file system's own root on."""
    path = os.path.realpath(path)
    below = [mount for mount in mount_list() if (path + "/").startswith(mount.point.rstrip("/") + "/")]
    longest = max(len(mount.point) for mount in below)
    mount = [mount for mount in below if len(mount.point) == longest][-1]
    return os.path.normpath(mount.root + "/" + path[len(mount.point.rstrip("/")):])
