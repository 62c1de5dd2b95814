"""docker: dockerd with a containerd of its own, whose shim calls the runtime. The network comes by a prestart hook."""
import json
import os
import re
import time

from bench import common, kernel
from bench.engine import Base, steps_of

SOCKET = "unix:///run/docker.sock"


class Engine(Base):
    name = "docker"
    missing_exec = 126
    oom_is_told = True
    states = ["/run/docker/runtime-runc/moby"]
    daemons = r"^/usr/(sbin/dockerd|bin/containerd) |^containerd --config /(var/)?run/docker/|docker-proxy"
    parents = ["docker"]
    force = ["rm", "-f", "-v"]

    def command(self, *arguments):
        return ["/usr/bin/docker", "-H", SOCKET, *arguments]

    def start(self):
        base = os.path.basename(self.runtime)
        name = f"{base}-tested" if base == "runc" else base  # "runc" is docker's built-in
        self.daemon("/usr/sbin/dockerd", "--data-root", f"{self.work}/root", "--exec-root", "/run/docker", "--pidfile",
                    "/run/docker.pid", "-H", SOCKET, "--ip6tables=false", "--exec-opt", "native.cgroupdriver=cgroupfs",
                    "--add-runtime", f"{name}={self.runtime}", "--default-runtime", name, "--storage-driver", "overlay2")
        self.wait_ready("version")
        self.must("load", "-q", "-i", f"{self.images}/image.tar")

    def clean(self, step):
        containers = step.run("ps", "-aq").out.split()
        if containers:
            step.run("rm", "-f", "-v", *containers)
        volumes = step.run("volume", "ls", "-q").out.split()
        if volumes:
            step.run("volume", "rm", "-f", *volumes)
        step.equal(step.run("ps", "-aq").out, "", "containers that are left")

    @staticmethod
    def parent(step, container):
        """The group that the container's own is in."""
        return f"/docker/{step.run('inspect', '-f', '{{.Id}}', container).out.strip()}"


globals().update(common.STEPS)


def step_info(engine, step):
    version = re.search(r"^.* version (\S+)", step.host(engine.runtime, "--version").out, re.M).group(1)
    information = json.loads(step.run("info", "--format", "{{json .}}").out)
    step.equal(information["Runtimes"][information["DefaultRuntime"]]["path"], engine.runtime, "the default runtime's path")
    server = step.run("version", "--format", "{{json .Server.Components}}").out
    step.match(re.escape(f'"Version":"{version}"'), server, "version of the runtime in docker version")


def step_workdir_missing(engine, step):
    step.run("run", "--rm", "-w", "/nodir/x", engine.image, "pwd", out="/nodir/x")


def step_run_error_state(engine, step):
    """dockerd keeps an exit code of its own, which is not that of the client."""
    for command, code in (("nosuchcmd", "127"), ("/nosuch/path", "127"), ("/etc/notexec", "126")):
        name = step.name()
        step.run("run", "--name", name, engine.image, command, status=int(code))
        step.equal(common.inspect(step, name, "{{.State.Status}} {{.State.ExitCode}}"), f"created {code}",
                   f"state after {command}")


def step_update(engine, step):
    name = common.sleeper(engine, step)
    pid = common.pid(step, name)
    step.run("update", "--memory", "64m", "--memory-swap", "64m", "--cpus", "0.5", "--pids-limit", "50", "--cpu-shares", "300",
             "--cpuset-cpus", "0", "--memory-reservation", "32m", name)
    values = {"memory": 64 << 20, "swap": 64 << 20, "quota": 50000, "pids": 50, "shares": 300, "cpuset": "0",
              "reservation": 32 << 20}
    for what, value in values.items():
        step.equal(kernel.limit(pid, what), value, f"{what} after the first update")
    # Zeros mean "as it is".
    step.run("update", "--restart", "always", name)
    for what, value in values.items():
        step.equal(kernel.limit(pid, what), value, f"{what} after an update of something else")
    step.run("update", "--restart", "no", "--memory", "128m", "--memory-swap", "256m", name)
    values.update({"memory": 128 << 20, "swap": 256 << 20})
    for what, value in values.items():
        step.equal(kernel.limit(pid, what), value, f"{what} after the third update")
    step.run("update", "--memory", "40m", "--memory-swap", "40m", name)
    step.equal(kernel.limit(pid, "memory"), 40 << 20, "memory after the last update")
    step.equal(kernel.limit(pid, "swap"), 40 << 20, "swap after the last update")


def health(step, name):
    return common.inspect(step, name, "{{.State.Health.Status}}")


def step_healthcheck(engine, step):
    name = step.name()
    step.run("run", "-d", "--name", name, "--health-cmd", "test -e /tmp/ok", "--health-interval", "0.3s", "--health-retries",
             "1",
             engine.image, "sleep", "100")
    step.until(lambda: health(step, name) == "unhealthy", "unhealthy")
    step.run("exec", name, "touch", "/tmp/ok")
    step.until(lambda: health(step, name) == "healthy", "healthy")


def step_healthcheck_timeout(engine, step):
    name = step.name()
    step.run("run", "-d", "--name", name, "--health-cmd", "sleep 30", "--health-interval", "0.3s", "--health-retries", "1",
             "--health-timeout", "1s", engine.image, "sleep", "100")
    step.until(lambda: health(step, name) == "unhealthy", "unhealthy")
    step.match("exceeded timeout", common.inspect(step, name, "{{json .State.Health.Log}}"), "the log of the check")


def step_restart_always(engine, step):
    name = step.name()
    step.run("run", "-d", "--name", name, "--restart", "always", engine.image, "sleep", "100")
    first = common.pid(step, name)
    step.host("kill", "-9", str(first))
    step.until(lambda: common.pid(step, name) not in (0, first), "a new process")
    step.equal(common.inspect(step, name, "{{.RestartCount}} {{.State.Status}}"), "1 running", "state after the restart")


def step_events(engine, step):
    """The order in which dockerd heard of things."""
    name = step.name()
    begin = time.time()
    step.run("run", "--name", name, engine.image, "true")
    step.run("rm", name)
    events = step.run("events", "--since", str(begin), "--until", str(time.time()), "--filter", f"container={name}",
                      "--format", "{{.Action}}")
    step.equal([word for word in events.out.split() if word in ("create", "start", "die", "destroy")],
               ["create", "start", "die", "destroy"], "events")


def step_build(engine, step):
    context = f"{engine.work}/context"
    os.makedirs(context, exist_ok=True)
    engine.write("context/Dockerfile", f"FROM {engine.image}\nRUN echo built >/made\nCMD cat /made\n")
    # Not with buildkit: that of 20.10 runs "runc" and nothing else.
    step.host("env", "DOCKER_BUILDKIT=0", *engine.command("build", "--no-cache", "-t", "built", context))
    step.run("run", "--rm", "built", out="built")


def step_device_cgroup_rule(engine, step):
    script = "mknod /n c 1 3 && echo x >/n && echo null; mknod /f c 10 229; : </f"
    step.run("run", "--rm", engine.image, "sh", "-c", script, status=1, match="null", err="Operation not permitted")
    result = step.run("run", "--rm", "--device-cgroup-rule", "c 10:229 rwm", engine.image, "sh", "-c", script, status=None)
    step.true("Operation not permitted" not in result.err, "the device may be opened with the rule")


def step_privileged(engine, step):
    """docker 20.10 asks for all capabilities of the kernel. Where we do not have them all, a runtime may refuse (runc) or leave
    out what cannot be had (nsrun), and that for run and exec alike."""
    every = (2 << int(kernel.read("/proc/sys/kernel/cap_last_cap"))) - 1 & (1 << 38) - 1
    # The names that docker 20.10 knows end with AUDIT_READ, the 38th.
    ours = int(kernel.field("self", "CapPrm"), 16) & (1 << 38) - 1
    name, show = common.sleeper(engine, step), ("grep", "CapEff", "/proc/self/status")
    done = step.run("run", "--rm", "--privileged", engine.image, *show, status=None)
    if done.status == 0:
        step.equal(done.out.strip(), f"CapEff:\t{ours:016x}", "capabilities of run")
        step.run("exec", "--privileged", name, *show, out=f"CapEff:\t{ours:016x}")
        return
    step.true(ours != every, "all capabilities are there, and refused")
    step.equal(done.status, 125, "status of run")
    step.match("(?i)operation not permitted", done.err, "errors of run")
    step.run("exec", "--privileged", name, *show, status=126, match="(?i)operation not permitted")


STEPS = steps_of(globals())
