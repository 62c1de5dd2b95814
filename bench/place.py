#!/usr/bin/python3
"""Measures what control groups cost a start: the same container with and without, nsinit beside nsrun, crun and runc.

Interleaved, in random order; the differences of medians count. Rows that need cgroup v2's controllers, and peers that refuse the
layout of this machine, are left out and named."""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
import host as machine  # noqa: E402
import oci  # noqa: E402

MIB = 1 << 20
NAMESPACES = ["NEWNS", "NEWUTS", "NEWIPC", "NEWPID", "NEWNET"]
# What is written into "cgroups"; None: no such key.
GROUPS = {
    "no group": None,
    "a group": {"device_access": True},
    "memory, pids, cpu": {"device_access": True, "memory": 256 * MIB, "pids_limit": 100, "cpu_shares": 512},
    "and devices": {"memory": 256 * MIB, "pids_limit": 100, "cpu_shares": 512},
}


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True, help="build directory (nsinit is BUILD/nsinit/nsinit)")
    parser.add_argument("--rounds", type=int, default=60, help="measured rounds (default 60)")
    parser.add_argument("--only", nargs="*", default=[""], help="only rows whose name begins like one of these")
    return parser.parse_args()


def layout():
    """How the machine has its hierarchies."""
    if os.path.exists(machine.CGROUP_ROOT + "/cgroup.controllers"):
        return "cgroup v2"
    return "hybrid" if os.path.ismount(machine.UNIFIED) else "cgroup v1"


def nsinit_rows(directory, build, parent):
    """One container directory for each kind of group."""
    rootfs = os.path.join(directory, "rootfs")
    rows = {}
    for name, groups in GROUPS.items():
        root = os.path.join(directory, "nsinit-" + name.replace(" ", "-").replace(",", ""))
        os.makedirs(root)
        config = {"environment": ["PATH=/bin"], "namespaces": NAMESPACES}
        if groups is not None:
            config["cgroups"] = {"parent": parent, **groups}
        with open(os.path.join(root, "container.json"), "w", encoding="utf-8") as file:
            json.dump(config, file)
        command = [os.path.join(build, "nsinit/nsinit"), "--root", root, "exec", "/bin/true"]
        rows["nsinit, " + name] = (lambda number, command=command: command, rootfs)
    return rows


def oci_rows(directory, build, bundle):
    """The same bundle for all; crun can do without groups."""
    programs = {"nsrun": os.path.join(build, "nsrun/nsrun"), "crun": shutil.which("crun"), "runc": shutil.which("runc")}
    rows = {}
    for name, program in programs.items():
        if program is None:
            print(f"left out: {name} is not installed")
            continue
        if layout() == "hybrid" and name == "crun":
            print("left out: crun refuses the hybrid layout")
            continue
        base = [program, "--root", os.path.join(directory, "state-" + name)]
        for title, options in ((f"{name}, no group", ["--cgroup-manager", "disabled"]), (f"{name}, all groups", [])):
            if options and name != "crun":
                continue
            words = base + options + ["run", "-b", bundle]
            rows[title] = (lambda number, words=words, title=title: words + [f"r{abs(hash(title))}-{number}"], directory)
    return rows


def measure(driver, rows, rounds):
    """The times of each row, in milliseconds."""
    times = {name: [] for name in rows}
    for number in range(rounds + 3):
        for name in random.sample(list(rows), len(rows)):
            command, directory = rows[name]
            os.chdir(directory)
            took = oci.timed(driver, command(number))[0]
            if number >= 3:  # the first ones warm up
                times[name].append(took)
    return times


def tenth(values):
    """Of the fastest ten in a hundred the slowest: what a busy machine disturbs least."""
    return sorted(values)[len(values) // 10]


def show(times):
    """Each row beside that of the same program without groups."""
    print(f"start in ms on {layout()}: median and fastest tenth; what the groups add to either, and the ratio of the medians")
    for name, values in times.items():
        without = times.get(name.partition(",")[0] + ", no group")
        middle, fast, more = statistics.median(values), tenth(values), ""
        if without:
            base = statistics.median(without)
            more = f"{middle - base:+8.3f} {fast - tenth(without):+8.3f}   x {middle / base:.3f}"
        print(f"  {name:26} {middle:8.3f} {fast:8.3f} {more}")


def main():
    """All rows, interleaved."""
    given = arguments()
    build = os.path.abspath(given.build)
    parent = f"lcbench-place-{os.getpid()}"
    directory = tempfile.mkdtemp(prefix=parent + "-")
    try:
        machine.build_programs(os.path.join(directory, "programs"))
        oci.make_rootfs(directory)
        bundle = oci.make_bundle(directory, "once", oci.docker_config("once"), ["true"])
        rows = {**nsinit_rows(directory, build, parent), **oci_rows(directory, build, bundle)}
        rows = {name: row for name, row in rows.items() if name.startswith(tuple(given.only))}
        show(measure(os.path.join(directory, "programs/spawn"), rows, given.rounds))
    except machine.BenchError as problem:
        print(problem, file=sys.stderr)
        return 1
    finally:
        os.chdir("/")
        shutil.rmtree(directory, ignore_errors=True)
        oci.remove_groups()
    return 0


if __name__ == "__main__":
    sys.exit(main())
