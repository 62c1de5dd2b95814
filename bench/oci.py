#!/usr/bin/python3
"""Measures nsrun beside crun and runc: one container with docker's seccomp profile.

`run` is the whole life of a container with /bin/true, by the configuration that `spec` prints and by docker's own; `exec` the same
program in a live one. Interleaved, in random order, in the view that crun can work in: cgroup v1, without the extra cgroup2
mount of a hybrid host. Ratios of medians count."""

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


def make_rootfs(directory):
    """Busybox, with what is run."""
    rootfs = os.path.join(directory, "rootfs")
    os.makedirs(os.path.join(rootfs, "bin"))
    shutil.copy("/bin/busybox", os.path.join(rootfs, "bin"))
    for applet in ("true", "sleep"):
        os.symlink("busybox", os.path.join(rootfs, "bin", applet))
    return rootfs


def docker_config(name):
    """Docker's own, without what only docker's daemon can provide."""
    with open(DOCKER, encoding="utf-8") as file:
        config = json.load(file)
    config.pop("hooks", None)
    config["mounts"] = [mount for mount in config["mounts"] if mount["type"] != "bind"]
    config["linux"]["cgroupsPath"] = f"/lcbench-oci-{os.getpid()}/{name}"
    return config


def spec_config(nsrun):
    """The first one of everybody, which is runc's word for word, with docker's filter."""
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([nsrun, "spec", "--bundle", directory], check=True)
        with open(os.path.join(directory, "config.json"), encoding="utf-8") as file:
            config = json.load(file)
    config["ociVersion"] = "1.0.2"  # the peers of Debian know no later one
    config["process"]["terminal"] = False
    config["linux"]["seccomp"] = docker_config("")["linux"]["seccomp"]
    return config


def make_bundle(directory, name, config, command):
    """A bundle with the common rootfs."""
    config["root"]["path"] = os.path.join(directory, "rootfs")
    config["process"]["args"] = command
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
        make_rootfs(directory)
        for title, config in (("spec", spec_config(programs["nsrun"])), ("docker", docker_config("once"))):
            once = make_bundle(directory, title, config, ["true"])
            measure(f"run, configuration of {title}", driver, {
                name: lambda number, words=words, once=once: words + ["run", "-b", once, f"lcbench-{os.getpid()}-{number}"]
                for name, words in runtimes.items()}, given.rounds)
        for name, words in runtimes.items():
            bundle = make_bundle(directory, "live-" + name, docker_config("live-" + name), ["sleep", "1000"])
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
