#!/usr/bin/python3 -SE
"""Stands in for the runtime and keeps a trace of every call. The engine's path to the runtime is a link to this file;
/run/runtime/trace.json says which program is meant and where the trace goes: one directory a call, with call.json (arguments,
environment, descriptors, status, time), the files that came in, what was added to the --log file, and the answer of commands that
have one. Descriptors and signals are the engine's; nothing is held longer than the call."""
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time

COMMANDS = {"create", "run", "start", "state", "kill", "delete", "exec", "pause", "resume", "update", "ps", "events", "list",
            "spec", "features", "checkpoint", "restore"}
ANSWERS = {"state", "ps", "events", "list", "features", "version"}


def option(name, arguments):
    """The value of --name V or --name=V."""
    for index, argument in enumerate(arguments):
        if argument == f"--{name}" and index + 1 < len(arguments):
            return arguments[index + 1]
        if argument.startswith(f"--{name}="):
            return argument.split("=", 1)[1]
    return None


def descriptors():
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            if not fcntl.fcntl(int(name), fcntl.F_GETFD) & fcntl.FD_CLOEXEC:
                found[name] = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            pass
    return found


def next_directory(base, command):
    """BASE/NNNN-command; the number counts all calls, from all processes."""
    with open(f"{base}/count", "a+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        count = int(file.read() or 0) + 1
        file.truncate(0)
        file.write(str(count))
    directory = f"{base}/{count:04d}-{command}"
    os.mkdir(directory)
    return directory


def keep(source, target):
    if source and os.path.isfile(source):
        shutil.copyfile(source, target)


def copy_inputs(command, arguments, directory):
    """What the call reads; the stream for the program when its standard input had to be read here."""
    if command in ("create", "run", "restore"):
        keep(f"{option('bundle', arguments) or '.'}/config.json", f"{directory}/config.json")
    keep(option("process", arguments), f"{directory}/process.json")
    resources = option("resources", arguments)
    if resources != "-":
        keep(resources, f"{directory}/resources.json")
        return None
    with open(f"{directory}/resources.json", "wb") as file:
        file.write(sys.stdin.buffer.read())
    return open(f"{directory}/resources.json", "rb")


def main():
    with open("/run/runtime/trace.json", encoding="utf-8") as file:
        setting = json.load(file)
    arguments = sys.argv[1:]
    command = next((word for word in arguments if word in COMMANDS), "version" if "--version" in arguments else "other")
    call = {"arguments": arguments, "cwd": os.getcwd(), "parent": os.getppid(), "descriptors": descriptors(),
            "environment": dict(os.environ)}
    directory = next_directory(setting["directory"], command)
    stdin = copy_inputs(command, arguments, directory)
    log = option("log", arguments)
    before = os.path.getsize(log) if log and os.path.isfile(log) else 0
    start = time.monotonic()
    with subprocess.Popen([sys.argv[0], *arguments], executable=setting["runtime"], close_fds=False, stdin=stdin,
                          stdout=subprocess.PIPE if command in ANSWERS else None) as process:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda number, _: process.send_signal(number))
        answer = process.communicate()[0]
    call["seconds"] = round(time.monotonic() - start, 4)
    call["status"] = process.returncode
    if answer is not None:
        with open(f"{directory}/stdout", "wb") as file:
            file.write(answer)
        sys.stdout.buffer.write(answer)
        sys.stdout.flush()
    if log and os.path.isfile(log):
        with open(log, encoding="utf-8", errors="replace") as file:
            file.seek(before)
            call["log"] = file.read()
    keep(option("pid-file", arguments), f"{directory}/pid")
    with open(f"{directory}/call.json", "w", encoding="utf-8") as file:
        json.dump(call, file, indent=1)
    if process.returncode < 0:
        signal.signal(-process.returncode, signal.SIG_DFL)
        os.kill(os.getpid(), -process.returncode)
    sys.exit(process.returncode)


main()
