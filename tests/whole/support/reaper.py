"""Orphans of containers come to us, the subreaper, and a process namespace ends only when its dead have been buried.

A thread does what init does on a real host. The children that the tests wait for themselves are left alone.
"""
import os
import subprocess
import threading
import time
import weakref

from . import proc

PERIOD = 0.01
ours = weakref.WeakSet()  # every Popen object


class Popen(subprocess.Popen):
    """Registers itself before the child can end."""

    def __init__(self, *arguments, **options):
        self.pid = None
        with lock:
            ours.add(self)
            super().__init__(*arguments, **options)


lock = threading.Lock()


def children():
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return [int(pid) for pid in file.read().split()]


def bury():
    """Collects the dead that nobody else waits for."""
    with lock:
        waited_for = {process.pid for process in list(ours)}
        for pid in children():
            if pid not in waited_for and proc.state(pid) == "Z":
                try:
                    os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:
                    pass


def run():
    while True:
        bury()
        time.sleep(PERIOD)


def start():
    subprocess.Popen = Popen
    threading.Thread(target=run, daemon=True).start()
