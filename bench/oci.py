#!/usr/bin/python3
"""Measures nsrun beside crun and runc: one container with docker's configuration and seccomp profile.

`run` is the whole life of a container with /bin/true, `exec` the same program in a live one. Interleaved, in random order, in
the view that crun can work in: cgroup v1, without the extra cgroup2 mount of a hybrid host. Ratios of medians count."""

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

TOP = os.path.dirname(machine.HERE)
DOCKER = os.path.join(TOP, "tests/unit/data/oci/docker20.10-run.json")


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True, help="build directory (nsrun is BUILD/nsrun/nsrun)")
    parser.add_argument("--rounds", type=int, default=40, help="measured rounds (default 40)")
    return parser.parse_args()


def make_bundle(directory, name, command):
    """Docker's own configuration, without what only docker's daemon can provide."""
    rootfs = os.path.join(directory, "rootfs")
    os.makedirs(os.path.join(rootfs, "bin"), exist_ok=True)
    if not os.path.exists(os.path.join(rootfs, "bin/busybox")):
        shutil.copy("/bin/busybox", os.path.join(rootfs, "bin"))
        for applet in ("true", "sleep"):
            os.symlink("busybox", os.path.join(rootfs, "bin", applet))
    with open(DOCKER, encoding="utf-8") as file:
        config = json.load(file)
    config.pop("hooks", None)
    config["root"]["path"] = rootfs
    config["process"]["args"] = command
    config["mounts"] = [mount for mount in config["mounts"] if mount["type"] != "bind"]
    config["linux"]["cgroupsPath"] = f"/lcbench-oci-{os.getpid()}/{name}"
    bundle = os.path.join(directory, name)
    os.makedirs(bundle)
    with open(os.path.join(bundle, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file)
    return bundle


def timed(driver, command):
    """Milliseconds from vfork to wait, and KiB of the largest process, as spawn.c sees them."""
    done = subprocess.run([driver, "--", *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)
    words = done.stdout.split()
    if done.returncode != 0 or words[6] != "0":
        raise machine.BenchError(f"{' '.join(command)}: {done.stdout}{done.stderr[-500:]}")
    return int(words[2]) / 1e6, int(words[5])


def measure(title, driver, commands, rounds):
    """Interleaved rounds; prints one line each with the ratio to nsrun."""
    times = {name: [] for name in commands}
    memory = dict.fromkeys(commands, 0)
    for number in range(rounds + 3):
        order = list(commands)
        random.shuffle(order)
        for name in order:
            took, size = timed(driver, commands[name](number))
            if number >= 3:  # the first ones warm up
                times[name].append(took)
                memory[name] = max(memory[name], size)
    ours = statistics.median(times["nsrun"])
    print(f"{title}: median and minimum in ms, largest process in KiB; nsrun's part of the median")
    for name, values in times.items():
        middle = statistics.median(values)
        print(f"  {name:6} {middle:8.2f} {min(values):8.2f} {memory[name]:7}   {ours / middle:.3f}")


def remove_groups():
    """Those above the containers' own, in every hierarchy."""
    places = [machine.CGROUP_ROOT, *(os.path.join(machine.CGROUP_ROOT, name) for name in os.listdir(machine.CGROUP_ROOT))]
    for group in (f"{place}/lcbench-oci-{os.getpid()}" for place in places):
        if os.path.isdir(group):
            subprocess.run(["find", group, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"], check=False)


def main():
    """The table for run, then for exec."""
    given = arguments()
    if os.environ.get("LCBENCH_PRIVATE") is None:
        os.environ["LCBENCH_PRIVATE"] = "1"
        os.execvp("unshare", ["unshare", "-m", "--propagation", "private", sys.executable, *sys.argv])
    if os.path.ismount(machine.UNIFIED):
        subprocess.run(["umount", machine.UNIFIED], check=True)
    directory = tempfile.mkdtemp(prefix="lcbench-oci-")
    programs = {"nsrun": os.path.join(given.build, "nsrun/nsrun"), "crun": shutil.which("crun"), "runc": shutil.which("runc")}
    runtimes = {name: [os.path.abspath(path), "--root", os.path.join(directory, "state-" + name)]
                for name, path in programs.items() if path}
    machine.build_programs(os.path.join(directory, "programs"))
    driver = os.path.join(directory, "programs/spawn")
    try:
        once = make_bundle(directory, "once", ["true"])
        measure("run", driver, {name: lambda number, words=words: words + ["run", "-b", once, f"r{number}"]
                                for name, words in runtimes.items()}, given.rounds)
        for name, words in runtimes.items():
            bundle = make_bundle(directory, "live-" + name, ["sleep", "1000"])
            subprocess.run(words + ["run", "-d", "-b", bundle, "live"], stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        measure("exec", driver, {name: lambda number, words=words: words + ["exec", "live", "true"]
                                 for name, words in runtimes.items()}, given.rounds)
    except machine.BenchError as problem:
        print(problem, file=sys.stderr)
        return 1
    finally:
        for words in runtimes.values():
            subprocess.run(words + ["delete", "-f", "live"], stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(directory, ignore_errors=True)
        # crun takes the directory below the unmounted cgroup2 for a hierarchy, and leaves plain files there.
        shutil.rmtree(f"{machine.UNIFIED}/lcbench-oci-{os.getpid()}", ignore_errors=True)
        remove_groups()
    return 0


if __name__ == "__main__":
    sys.exit(main())
