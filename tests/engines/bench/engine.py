"""What all engines have: how a command is made, how a daemon is started and its log read, the groups that are theirs."""
import os
import re
import signal
import subprocess
import time

from . import image, kernel


class Base:
    """One engine in its sandbox. `runtime` is the path that the engine is given: a link, to the runtime or to the trace."""
    name = ""
    environment = {}   # added to that of the engine's commands
    daemons = r"^$"    # command lines of processes that may stay when no container is left
    states = []        # directories where the runtime keeps a state per container
    ids = r"^[0-9a-f]{64}$"  # names in there that are a container's
    mounts = r"/merged$|/rootfs$|/(mounts|userdata)/shm$"
    own_groups = r"^$"  # groups below these that the engine makes for itself, and leaves
    parents = []       # control groups that the engine puts its containers below

    def __init__(self, options):
        self.work = f"{options['work']}/{self.name}"
        self.images = options["work"]
        self.runtime = f"/run/runtime/{os.path.basename(options['runtime'])}"
        self.image = image.NAME
        self.process, self.log_end = None, 0
        self.groups_before = self.groups()
        os.makedirs(self.work, exist_ok=True)

    def write(self, name, text):
        """A file of ours; its path."""
        path = f"{self.work}/{name}"
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def daemon(self, *command):
        """Starts the daemon; its output goes to a file that daemon_log() reads."""
        environment = {"PATH": "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
        with open(f"{self.work}/daemon.log", "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                                            cwd="/", start_new_session=True)

    def wait_ready(self, *arguments, timeout=30):
        """Until a command of the engine's client succeeds."""
        end = time.monotonic() + timeout
        while subprocess.run(self.command(*arguments), stdin=subprocess.DEVNULL, capture_output=True,
                             check=False).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the daemon of {self.name} does not answer")
            time.sleep(0.1)

    def must(self, *arguments):
        """A command of the preparation."""
        done = subprocess.run(self.command(*arguments), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                              env=dict(os.environ, **self.environment))
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def daemon_log(self):
        """The lines since the last call."""
        try:
            with open(f"{self.work}/daemon.log", encoding="utf-8", errors="replace") as log:
                log.seek(self.log_end)
                text = log.read()
                self.log_end = log.tell()
        except OSError:
            return []
        return text.splitlines()

    def stop(self):
        """Ends the daemon, if there is one."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()

    def groups(self):
        """Groups of containers that are there."""
        return {path for parent in self.parents for path in kernel.below(parent) if not re.search(self.own_groups, path)}

    def groups_left(self):
        """Those that were not there when the engine began."""
        return sorted(self.groups() - self.groups_before)

    def states_left(self):
        """States of containers that are still there."""
        return [entry for root in self.states if os.path.isdir(root) for entry in os.listdir(root) if re.search(self.ids, entry)]

    def command(self, *arguments):
        raise NotImplementedError

    def start(self):
        raise NotImplementedError

    def clean(self, step):
        """Removes all containers."""
        raise NotImplementedError


def steps_of(namespace):
    """The steps of a script: its functions named step_..., in the order of the file."""
    return [(name[len("step_"):], function) for name, function in namespace.items() if name.startswith("step_")]


def missing(reason):
    """A step for what the engine does not have."""
    def step(_, actions):
        actions.absent(reason)
    return step
