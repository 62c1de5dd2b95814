"""Waiting by polling with a deadline, and test time limits. LC_PATIENCE stretches them all: an emulated machine is slow."""
import contextlib
import os
import signal
import time

PATIENCE = float(os.environ.get("LC_PATIENCE", "1"))


def wait_until(predicate, timeout=5.0, what="the condition", interval=0.002):
    """Polls until predicate() is true and returns its value; fails loudly at the deadline."""
    deadline = time.monotonic() + timeout * PATIENCE
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not so after {timeout} s")
        time.sleep(interval)
        interval = min(interval * 1.5, 0.05)


def becomes_true(predicate, timeout=5.0):
    """Like wait_until, but says False instead of failing."""
    try:
        wait_until(predicate, timeout)
        return True
    except AssertionError:
        return False


class TooLong(BaseException):
    """Not an Exception, so that no test swallows it."""


@contextlib.contextmanager
def time_limit(seconds):
    def expire(_signal, _frame):
        raise TooLong(f"the test took longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds * PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
