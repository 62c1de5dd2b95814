"""Root file systems for the tests and manifests that show whether something changed in a tree."""
import hashlib
import os
import shutil
import stat
import subprocess

CACHE = "/var/tmp/libcontainer-tests"

PASSWD = """\
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/:/bin/false
alice:x:1000:1000:Alice:/home/alice:/bin/sh
bob:x:1001:1001::/home/bob:/bin/sh
"""
GROUP = """\
root:x:0:
daemon:x:1:
wheel:x:10:alice,bob
audio:x:29:bob
users:x:100:alice
alice:x:1000:
bob:x:1001:
"""


# Not all of them: a link takes its time, and there is a root file system for each test.
APPLETS = """[ awk cat chmod chown cp cut date dd df dmesg echo env expr false find grep head hostname id ifconfig ip kill
ln ls mkdir mknod mount mv nc nproc ping ping6 printf ps pwd readlink rm rmdir sed seq setsid sh sha256sum sleep sort stat
stty sync tail tee test timeout touch tr true tty umount uname usleep wc which whoami xargs yes""".split()


def make_busybox(directory):
    """A small root file system around the host's static busybox. Owned by root, nothing shared with anyone."""
    for name in ("bin", "dev", "etc", "home", "proc", "root", "sys", "tmp", "var"):
        os.makedirs(os.path.join(directory, name), exist_ok=True)
    os.chmod(os.path.join(directory, "tmp"), 0o1777)
    shutil.copy("/usr/bin/busybox", os.path.join(directory, "bin/busybox"))
    for applet in APPLETS:
        os.symlink("busybox", os.path.join(directory, "bin", applet))
    write(os.path.join(directory, "etc/passwd"), PASSWD)
    write(os.path.join(directory, "etc/group"), GROUP)
    return directory


def write(path, content, mode=0o644):
    with open(path, "wb" if isinstance(content, bytes) else "w") as file:
        file.write(content)
    os.chmod(path, mode)
    return path


def make_debian():
    """Debian 12, made once by mmdebstrap and kept outside the tree. Returns its path, or a reason why there is none."""
    path = os.path.join(CACHE, "debian-bookworm")
    if os.path.isdir(path):
        return path, None
    if not shutil.which("mmdebstrap"):
        return None, "mmdebstrap is not installed"
    os.makedirs(CACHE, exist_ok=True)
    temporary = f"{path}.{os.getpid()}"
    try:
        made = subprocess.run(["mmdebstrap", "--variant=minbase", "bookworm", temporary], capture_output=True,
                              text=True, timeout=600, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return None, "mmdebstrap took more than ten minutes"
    if made.returncode != 0:
        shutil.rmtree(temporary, ignore_errors=True)
        return None, f"mmdebstrap failed: {made.stderr.strip()[-300:]}"
    try:
        os.rename(temporary, path)
    except OSError:  # another run beside this one was first
        shutil.rmtree(temporary, ignore_errors=True)
    return (path, None) if os.path.isdir(path) else (None, f"{path} cannot be made")


def open_unseen(path, flags):
    """Opens without touching the access time, which tells whether anybody else has read the file."""
    return os.open(path, flags | os.O_NOATIME | os.O_NOFOLLOW | os.O_NONBLOCK)


def digest(path):
    descriptor = open_unseen(path, os.O_RDONLY)
    with os.fdopen(descriptor, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def manifest(root, times=False):
    """{relative path: (type, mode, owner, size, content)} of a tree; with times, access and change times too."""
    entries = {}

    def visit(path, name):
        info = os.lstat(path)
        kind = stat.S_IFMT(info.st_mode)
        content = None
        if kind == stat.S_IFREG:
            content = digest(path)
        elif kind == stat.S_IFLNK:
            content = os.readlink(path)
        elif kind in (stat.S_IFCHR, stat.S_IFBLK):
            content = info.st_rdev
        size = info.st_size if kind == stat.S_IFREG else None
        entry = [stat.filemode(info.st_mode), info.st_uid, info.st_gid, size, content]
        if times:
            entry += [info.st_mtime_ns, info.st_ctime_ns]
            if kind in (stat.S_IFREG, stat.S_IFDIR):
                entry.append(info.st_atime_ns)
        entries[name] = tuple(entry)
        if kind == stat.S_IFDIR:
            descriptor = open_unseen(path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                names = os.listdir(descriptor)
            finally:
                os.close(descriptor)
            for child in names:
                visit(os.path.join(path, child), os.path.join(name, child))

    visit(root, "")
    return entries


def changes(before, after, allow_mount_points=True):
    """Readable differences of two manifests. New empty directories and new empty files are mount points."""
    found = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if old is None and allow_mount_points and (new[0][0] == "d" or (new[0][0] == "-" and new[3] == 0)):
            continue
        found.append(f"/{name}: {old} -> {new}")
    return found


class Canary:
    """Files outside every root file system that nobody may read, write, mount on or add to."""

    def __init__(self, directory):
        self.path = directory
        for name in ("sub", "pts", "shm", "mqueue", "self", "proc", "sys", "dev", "etc"):
            os.makedirs(os.path.join(directory, name))
        for name in ("file", "passwd", "group", "null", "console", "ptmx", "zero", "hostname", "tty", "etc/passwd",
                     "sub/file"):
            write(os.path.join(directory, name), f"CANARY {name}\n")
        write(self.file("passwd"), "mallory:x:4242:4242::/:/bin/sh\nalice:x:6666:6666::/:/bin/sh\n")
        write(self.file("etc/passwd"), "mallory:x:4242:4242::/:/bin/sh\nalice:x:6666:6666::/:/bin/sh\n")
        self.reset()

    def file(self, name="file"):
        return os.path.join(self.path, name)

    def reset(self):
        """Old access times: with relatime, any read moves them."""
        for parent, directories, files in os.walk(self.path):
            for name in directories + files:
                os.utime(os.path.join(parent, name), (1, 1))
        os.utime(self.path, (1, 1))
        self.before = manifest(self.path, times=True)

    def check(self):
        found = changes(self.before, manifest(self.path, times=True), allow_mount_points=False)
        assert not found, "the canary outside the root was touched:\n" + "\n".join(found)
