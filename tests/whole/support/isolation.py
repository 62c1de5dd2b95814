"""The whole test run lives in mount and network namespaces of its own: bridges, /run and mounts are then ours alone.

The mount tree is shared within that namespace, as systemd leaves it on real hosts: a container that forgets to
make its mounts private shows them to us, and the leftovers check fails.
"""
import ctypes
import os
import subprocess

from . import reaper

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
PR_SET_CHILD_SUBREAPER = 36

libc = ctypes.CDLL(None, use_errno=True)


def call(result, what):
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def run(*command):
    subprocess.run(command, check=True, timeout=10, stdin=subprocess.DEVNULL)


def unshare(flags):
    call(libc.unshare(flags), "unshare")


def become_subreaper():
    """Orphans of containers become our children, so that none can hide."""
    call(libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")


def enter():
    become_subreaper()
    reaper.start()
    unshare(CLONE_NEWNS | CLONE_NEWNET)
    run("mount", "--make-rprivate", "/")
    run("mount", "--make-rshared", "/")
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    os.mkdir("/run/netns")  # as `ip netns` wants it, so that it need not mount it itself
    run("mount", "--bind", "/run/netns", "/run/netns")
    run("ip", "link", "set", "lo", "up")
    os.umask(0o022)
