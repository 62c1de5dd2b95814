"""What the kernel says about a process: /proc and its control groups, on v1 (as on the project's machine) and on v2."""
import os
import re

ROOT = "/sys/fs/cgroup"


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def field(pid, name):
    """A field of /proc/PID/status."""
    found = re.search(rf"^{name}:\s*(.*)$", read(f"/proc/{pid}/status"), re.M)
    return found.group(1).strip() if found else None


def alive(pid):
    """Exists, and is no zombie."""
    try:
        return field(pid, "State")[0] != "Z"
    except (OSError, TypeError):
        return False


def namespace(pid, kind):
    return os.readlink(f"/proc/{pid}/ns/{kind}")


def comm(pid):
    return read(f"/proc/{pid}/comm").strip()


def processes():
    """Every process that this pid namespace shows: {pid: command line}; kernel threads have none."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                line = read(f"/proc/{entry}/cmdline").replace("\0", " ").strip()
            except OSError:
                continue
            if line:
                found[int(entry)] = line
    return found


def hierarchies():
    """{controller: mount point}; the key "" is cgroup v2. Only what is mounted below /sys/fs/cgroup."""
    found = {}
    for line in read("/proc/self/mountinfo").splitlines():
        left, right = line.split(" - ", 1)
        target, (kind, _, options) = left.split()[4], right.split(" ", 2)
        if not target.startswith(ROOT):
            continue
        if kind == "cgroup2":
            found[""] = target
        elif kind == "cgroup":
            for option in options.split(","):
                if option.startswith("name=") or re.fullmatch("[a-z_]+", option):
                    found.setdefault(option, target)
    return found


def groups(pid):
    """{controller: path}, from /proc/PID/cgroup; the key "" is cgroup v2."""
    found = {}
    for line in read(f"/proc/{pid}/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(","):
            found[name] = path
    return found


def group(pid, controller):
    """The directory of the process's group where this controller is, and whether that is v1."""
    mounts, paths = hierarchies(), groups(pid)
    if controller in mounts and controller in paths:
        return mounts[controller] + paths[controller], True
    return mounts[""] + paths[""], False


def number(text):
    """A limit as a number; None where there is none (v1 writes a huge number, v2 the word "max")."""
    text = text.split()[0]
    return None if text in ("max", "-1") or int(text) > 1 << 60 else int(text)


def limit(pid, what):
    """memory, swap (with memory), pids, quota, shares, cpuset: as the kernel has it now."""
    files = {
        "memory": ("memory", "memory.limit_in_bytes", "memory.max"),
        "reservation": ("memory", "memory.soft_limit_in_bytes", "memory.low"),
        "swap": ("memory", "memory.memsw.limit_in_bytes", "memory.swap.max"),
        "pids": ("pids", "pids.max", "pids.max"),
        "quota": ("cpu", "cpu.cfs_quota_us", "cpu.max"),
        "shares": ("cpu", "cpu.shares", "cpu.weight"),
        "cpuset": ("cpuset", "cpuset.cpus", "cpuset.cpus"),
    }
    controller, old, new = files[what]
    directory, is_v1 = group(pid, controller)
    text = read(os.path.join(directory, old if is_v1 else new)).strip()
    return text if what == "cpuset" else number(text)


def frozen(pid):
    directory, is_v1 = group(pid, "freezer")
    if is_v1:
        return read(f"{directory}/freezer.state").strip() == "FROZEN"
    return "frozen 1" in read(f"{directory}/cgroup.events")


def below(parent):
    """The groups below PARENT (a name like "docker"), in all hierarchies."""
    found = []
    for mount in sorted(set(hierarchies().values())):
        for directory, names, _ in os.walk(f"{mount}/{parent}"):
            found += [os.path.join(directory, name) for name in names]
    return found
