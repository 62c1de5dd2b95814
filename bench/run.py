#!/usr/bin/python3
"""Measures nsinit against the kernel's floor and its peers; bench/README.md says how to read it."""

import argparse
import os
import platform
import random
import shutil
import signal
import statistics
import subprocess
import sys

sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
import candidates as cand  # noqa: E402
import host as machine  # noqa: E402
import measure  # noqa: E402
import report  # noqa: E402

STARTS, JOBS = 64, 8
START_TITLE = "Start: one default container, /bin/true, and its removal"
QUIET_TITLE = "Quiet machine: the same start after 50 ms of rest"
JOIN_TITLE = "Join: /bin/true inside a live container"
THROUGHPUT_TITLE = f"Throughput: {STARTS} starts, {JOBS} at a time"


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True, help="build directory (nsinit is BUILD/nsinit/nsinit)")
    parser.add_argument("--rounds", type=int, default=60, help="measured rounds (default 60)")
    parser.add_argument("--warmups", type=int, default=5, help="warm-up starts of each (default 5)")
    parser.add_argument("--out", default=os.path.join(machine.HERE, "results"), help="where results go")
    parser.add_argument("--install", action="store_true", help="first apt-get install the peers and tools")
    return parser.parse_args()


def describe(runtimes):
    """What the figures were measured on and with: figures without it mean nothing."""
    system = os.uname()
    lines = [f"{system.sysname} {system.release} {system.machine}, {os.cpu_count()} x {machine.cpu_model()}"]
    lines.append("load before: " + " ".join(f"{load:.2f}" for load in os.getloadavg()))
    lines += [f"{r.name}: {r.version()}" for r in runtimes if not r.missing]
    for program in ("bwrap", "unshare"):
        if shutil.which(program):
            lines.append(f"{program}: {cand.first_line([program, '--version'])}")
    lines.append(f"floors: {machine.compiler()}; python {platform.python_version()}")
    return lines


def summaries_of(host, rows, runs, trace):
    """Summaries of every candidate that finished, with its system calls when asked for."""
    found = {}
    tracing = trace and shutil.which("strace")
    for row in rows:
        if row.dropped or not runs[row.key]:
            continue
        calls = measure.attempt(row, measure.count_calls, host, row) if tracing else 0
        found[row.key] = measure.summarize(runs[row.key], calls or 0)
    return found


def measure_starts(host, rows, args):
    """Table 1. Each batch has an unmeasured start first, so that no one pays for its predecessor."""
    measure.warm_up(host, rows, args.warmups)
    runs = measure.rounds(host, rows, args.rounds, ["-w", "1", "-n", "2"])
    report.show_runs(args.out, "start", START_TITLE, rows, summaries_of(host, rows, runs, True))


def measure_quiet(host, rows, args):
    """Table 1b: rest before each start, when the kernel's grace periods are not hidden by the last start."""
    runs = measure.rounds(host, rows, max(10, args.rounds // 3), ["-p", "50", "-n", "1"], seed=2)
    report.show_runs(args.out, "quiet", QUIET_TITLE, rows, summaries_of(host, rows, runs, False))


def measure_throughput(host, rows, args):
    """Table 2: wall time of a batch of parallel starts."""
    options = ["-n", str(STARTS), "-j", str(JOBS)]
    totals = {row.key: [] for row in rows}
    order = random.Random(4)
    for _ in range(max(3, args.rounds // 12)):
        for row in order.sample(rows, len(rows)):
            batch = None if row.dropped else measure.attempt(row, measure.spawn, host, row, *options)
            if batch:
                totals[row.key].append(batch[1])
    medians = {key: statistics.median(values) for key, values in totals.items() if values}
    report.show_throughput(args.out, THROUGHPUT_TITLE, rows, medians, STARTS)


def join_rows(host, runtimes):
    """Starts one live container per runtime; the hand-written floor and nsenter(1) join the first of them."""
    rows, first = [], None
    for runtime in runtimes:
        row = cand.Candidate(runtime.name, runtime.name, [], prefix=host.prefix)
        row.kind = "ours" if runtime.name == "nsinit" else "peer"
        row.groups = "devices" if runtime.name == "nsinit" else "all"
        row.masks = ""
        row.dropped = runtime.missing
        rows.append(row)
        if row.dropped:
            continue
        try:
            pid, group, row.argv = runtime.start_live()
        except (OSError, RuntimeError, ValueError, subprocess.SubprocessError) as error:
            row.dropped = f"FAILED: {error}"
            continue
        first = first or (str(pid), group)
    return rows + (join_floors(host, *first) if first else [])


def join_floors(host, pid, group):
    """What the kernel asks for a join, and util-linux's way of doing it."""
    hierarchy, file = machine.CGROUP_ROOT, "cgroup.procs"
    if os.path.isdir(hierarchy + "/devices"):
        hierarchy, file = hierarchy + "/devices", "tasks"
    floor = [host.program("joinfloor"), pid, os.path.join(hierarchy, host.name, group, file)]
    nsenter = ["nsenter", "-t", pid, "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "/bin/true"]
    return [
        cand.Candidate("floor", "floor", floor, "floor", host.prefix, masks=""),
        cand.Candidate("nsenter", "nsenter(1)", nsenter, "peer", host.prefix, "none", ""),
    ]


def measure_joins(host, runtimes, args):
    """Table 3."""
    rows = join_rows(host, runtimes)
    measure.warm_up(host, rows, args.warmups)
    runs = measure.rounds(host, rows, args.rounds, ["-w", "1", "-n", "2"], seed=3)
    report.show_runs(args.out, "join", JOIN_TITLE, rows, summaries_of(host, rows, runs, True))
    return rows


def print_dropped(rows):
    """Says who has no figures and why; returns whether any of them failed (rather than being absent)."""
    for row in rows:
        if row.dropped:
            print(f"skipped {row.label}: {row.dropped}")
    return any(row.dropped.startswith("FAILED") for row in rows)


def measure_all(host, args):
    """All tables; returns the exit status."""
    nsinit = cand.Nsinit(host, os.path.abspath(args.build))
    crun, runc = cand.Oci(host, "crun"), cand.Oci(host, "runc")
    lines = describe([nsinit, crun, runc])
    print("\n".join(lines))
    with open(os.path.join(args.out, "machine.txt"), "w", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")
    main_rows = cand.floors(host) + cand.ours(host, nsinit)
    main_rows += cand.runtimes(host, crun, runc)
    rows = main_rows + cand.sandboxes(host)
    measure_starts(host, rows, args)
    measure_quiet(host, rows, args)
    chosen = [row for row in main_rows if row.key in ("floor", "nsinit", "crun", "runc")]
    measure_throughput(host, chosen, args)
    rows += measure_joins(host, [nsinit, crun, runc], args)
    print()
    failed = print_dropped(rows)
    print(f"CSV and SVG: {args.out}")
    return 1 if failed else 0


def interrupt(number, _frame):
    """Turns a signal into an exception, so that clean-up happens."""
    raise KeyboardInterrupt(signal.Signals(number).name)


def run(host, args):
    """measure_all, with what goes wrong turned into a status."""
    try:
        host.open()
        return measure_all(host, args)
    except (machine.BenchError, OSError, subprocess.SubprocessError, KeyboardInterrupt) as error:
        print(f"bench: {type(error).__name__}: {error}", file=sys.stderr)
        return 1


def close(host):
    """Cleans up, undisturbed; the status is 1 when something would not go."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    return 0 if host.close() else 1


def main():
    """Builds, measures, cleans up."""
    args = arguments()
    if os.geteuid() != 0:
        sys.exit("bench: must be root: the floor and the runtimes make cgroups and mounts")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    if args.install:
        machine.install()
    programs = os.path.join(os.path.abspath(args.build), "bench")
    machine.build_programs(programs)
    os.makedirs(args.out, exist_ok=True)
    machine.adopt()
    host = machine.Host(programs)
    status = 1
    try:
        status = run(host, args)
    finally:
        status = close(host) or status
    return status


if __name__ == "__main__":
    sys.exit(main())
