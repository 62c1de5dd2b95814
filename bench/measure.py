"""Measuring: rounds of short batches in shuffled order, each run by spawn.c."""

import os
import random
import statistics
import subprocess
from dataclasses import dataclass

TIMEOUT = 300


@dataclass
class Run:
    """One measured start, as spawn.c reports it."""

    wall_ms: float
    cpu_ms: float
    rss_kb: int


@dataclass
class Summary:
    """What the tables show of a candidate."""

    median: float
    minimum: float
    p90: float
    cpu: float
    rss_kb: int
    calls: int


class RunFailed(Exception):
    """A candidate's command failed; the text is its standard error."""


def parse(text):
    """spawn.c's lines -> ([Run], wall time of all in ms)."""
    runs, total = [], 0.0
    for line in text.splitlines():
        words = line.split()
        if words[0] == "all":
            total = int(words[1]) / 1e6
            continue
        wall, user, system, rss, status = map(int, words[2:])
        if status != 0:
            raise RunFailed(f"run {words[1]} ended with status {status}")
        runs.append(Run(wall / 1e6, (user + system) / 1e3, rss))
    return runs, total


def spawn(host, row, *options):
    """One batch of a candidate."""
    command = [*row.prefix, host.program("spawn"), "-C", host.rootfs, *options, "--", *row.argv]
    return run_command(command)


def run_command(command):
    """Runs spawn.c and parses what it says; a failure carries the standard error."""
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise RunFailed(f"no end after {TIMEOUT} seconds") from error
    try:
        if result.returncode > 1 or not result.stdout:
            raise RunFailed(f"spawn ended with status {result.returncode}")
        return parse(result.stdout)
    except RunFailed as error:
        said = result.stderr.strip().splitlines()
        raise RunFailed(f"{error}: {said[0] if said else 'no message'}") from error


def attempt(row, function, *arguments):
    """function's value, or None and the row dropped with the reason."""
    try:
        return function(*arguments)
    except RunFailed as error:
        row.dropped = f"FAILED: {error}"
        return None


def rounds(host, rows, count, options, seed=1):
    """Every live candidate once per round, in an order shuffled anew (but the same each time we run)."""
    order = random.Random(seed)
    runs = {row.key: [] for row in rows}
    for _ in range(count):
        for row in order.sample(rows, len(rows)):
            if row.dropped:
                continue
            batch = attempt(row, spawn, host, row, *options)
            if batch:
                runs[row.key] += batch[0]
    return runs


def warm_up(host, rows, count):
    """Unmeasured runs of every candidate; the first failure shows here."""
    for row in rows:
        if not row.dropped:
            attempt(row, spawn, host, row, "-n", str(count))


def count_calls(host, row):
    """System calls of one start, all processes, by strace -f -c; 0 when there is no strace."""
    output = os.path.join(host.tmp, "strace.txt")
    trace = ["strace", "-f", "-c", "-U", "calls,name", "-o", output]
    argv = [word.replace("%d", "0") for word in row.argv]
    head = [*row.prefix, host.program("spawn"), "-C", host.rootfs, "--"]
    run_command([*head, *trace, *argv])
    with open(output, encoding="utf-8") as file:
        totals = [line.split() for line in file if line.rstrip().endswith("total")]
    return int(totals[-1][0]) if totals else 0


def summarize(runs, calls=0):
    """The figures of a candidate's runs."""
    walls = sorted(run.wall_ms for run in runs)
    return Summary(
        median=statistics.median(walls),
        minimum=walls[0],
        p90=walls[min(len(walls) - 1, int(len(walls) * 0.9))],
        cpu=statistics.median(run.cpu_ms for run in runs),
        rss_kb=max(run.rss_kb for run in runs),
        calls=calls,
    )
