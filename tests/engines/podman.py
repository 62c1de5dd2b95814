"""podman: no daemon; conmon calls create and exec, podman the rest."""
import re

from bench import common, kernel
from bench.engine import Base, steps_of

# Without CAP_SYS_RESOURCE podman's own default limits cannot be set, by any runtime.
CONFIGURATION = """[containers]
default_ulimits = ["nofile=20000:20000", "nproc=20000:20000"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
"""


class Engine(Base):
    name = "podman"
    missing_exec = 127
    oom_is_told = False  # conmon 2.1.6 does not see it on v1 when a limit is the container's own: runc has "false" here too
    states = ["/run/runc", "/run/nsrun", "/run/crun"]
    daemons = r"^(aardvark-dns|/usr/lib/podman/aardvark-dns|catatonit -P)"
    parents = ["libpod_parent"]
    own_groups = r"/libpod_parent/(conmon|[0-9a-f]{64})$"  # of conmon and of pods
    force = ["rm", "-f", "-v", "-t", "0"]

    def __init__(self, options):
        super().__init__(options)
        self.environment = {"CONTAINERS_CONF": self.write("containers.conf", CONFIGURATION)}

    def command(self, *arguments):
        return ["podman", "--root", f"{self.work}/root", "--runroot", "/run/podman-run", "--tmpdir", "/run/podman-tmp",
                "--runtime", self.runtime, *arguments]

    def start(self):
        self.must("load", "-q", "-i", f"{self.images}/image.tar")

    def clean(self, step):
        step.run("pod", "rm", "-fa", "-t", "0")
        step.run("rm", "-fa", "-t", "0")
        step.run("volume", "rm", "-fa")
        step.equal(step.run("ps", "-aq").out, "", "containers that are left")

    @staticmethod
    def parent(step, container):
        """The group that the container's own is in."""
        return f"/libpod_parent/libpod-{step.run('inspect', '-f', '{{.Id}}', container).out.strip()}"


globals().update(common.STEPS)


def step_info(engine, step):
    version = step.host(engine.runtime, "--version").out.splitlines()[0]
    step.run("info", "--format", "{{.Host.OCIRuntime.Path}}", out=engine.runtime)
    step.match(re.escape(version), step.run("info", "--format", "{{.Host.OCIRuntime.Version}}").out, "version in podman info")


def step_workdir_missing(engine, step):
    step.run("run", "--rm", "-w", "/nodir/x", engine.image, "pwd", status=126, err="does not exist")


def step_update(engine, step):
    name = common.sleeper(engine, step)
    pid = common.pid(step, name)
    step.run("update", "--memory", "64m", "--memory-swap", "64m", "--cpus", "0.5", "--cpu-shares", "300",
             "--cpuset-cpus", "0", name)
    values = {"memory": 64 << 20, "swap": 64 << 20, "quota": 50000, "shares": 300, "cpuset": "0"}
    for what, value in values.items():
        step.equal(kernel.limit(pid, what), value, f"{what} after the first update")
    step.run("update", "--memory", "128m", "--memory-swap", "256m", name)
    values.update({"memory": 128 << 20, "swap": 256 << 20})
    for what, value in values.items():
        step.equal(kernel.limit(pid, what), value, f"{what} after the second update")
    step.run("update", "--memory", "32m", "--memory-swap", "32m", name)
    step.equal(kernel.limit(pid, "memory"), 32 << 20, "memory after the third update")
    step.equal(kernel.limit(pid, "swap"), 32 << 20, "swap after the third update")


def step_healthcheck(engine, step):
    name = step.name()
    step.run("run", "-d", "--name", name, "--health-cmd", "test -e /tmp/ok", "--health-interval", "disable",
             "--health-retries", "1", engine.image, "sleep", "100")
    step.run("healthcheck", "run", name, status=1, match="unhealthy")
    step.equal(common.inspect(step, name, "{{.State.Health.Status}}"), "unhealthy", "health before")
    step.run("exec", name, "touch", "/tmp/ok")
    step.run("healthcheck", "run", name)
    step.equal(common.inspect(step, name, "{{.State.Health.Status}}"), "healthy", "health after")


def step_pod(engine, step):
    step.run("pod", "create", "--name", "p1")
    step.run("run", "-d", "--pod", "p1", "--name", "pa", engine.image, "sleep", "100")
    first, infra = common.pid(step, "pa"), step.run("pod", "inspect", "-f", "{{.InfraContainerID}}", "p1").out.strip()
    for kind in ("net", "ipc", "uts"):
        step.equal(kernel.namespace(first, kind), kernel.namespace(common.pid(step, infra), kind), f"{kind} namespace")
    step.run("run", "--rm", "--pod", "p1", engine.image, "hostname", out="p1")
    step.match("pa", step.run("pod", "stats", "--no-stream", "p1").out, "pod stats")
    step.run("pod", "pause", "p1")
    step.true(kernel.frozen(first), "the container is frozen after pod pause")
    step.run("pod", "unpause", "p1")
    step.true(not kernel.frozen(first), "the container is thawed after pod unpause")
    step.run("pod", "stop", "-t", "1", "p1")
    step.until(lambda: not kernel.alive(first), "the end of the container")
    step.run("pod", "rm", "-f", "p1")


def step_privileged(engine, step):
    ours = kernel.field("self", "CapEff")
    step.run("run", "--rm", "--privileged", engine.image, "sh", "-c",
             "grep -E 'CapEff|Seccomp:' /proc/self/status; ls -d /dev/vda",
             match=rf"CapEff:\t{ours}.*Seccomp:\t0.*/dev/vda")
    name = common.sleeper(engine, step)
    step.run("exec", "--privileged", name, "grep", "CapEff", "/proc/self/status", out=f"CapEff:\t{ours}")


def step_userns(engine, step):
    script = "cat /proc/self/uid_map /proc/self/gid_map; touch /file; ls -ln /file; cat /proc/self/cgroup >/dev/null; sleep 0.1"
    step.run("run", "--rm", "--uidmap", "0:100000:65536", "--gidmap", "0:200000:65536", engine.image, "sh", "-c", script,
             match=r"0\s+100000\s+65536\n\s*0\s+200000\s+65536\n-rw-r--r--\s+1\s+0\s+0\s")
    name = common.sleeper(engine, step, "--uidmap", "0:100000:65536", "--gidmap", "0:200000:65536")
    step.equal(kernel.field(common.pid(step, name), "Uid"), "\t".join(["100000"] * 4), "user id outside")
    step.run("exec", name, "id", "-u", out="0")


def step_preserve_fds(engine, step):
    command = "exec 3<<<third 4<<<fourth; " + " ".join(engine.command("run", "--rm", "--preserve-fds", "2", engine.image,
                                                                        "sh", "-c", "'cat <&3; cat <&4'"))
    result = step.host("/bin/bash", "-c", command, environment=dict(PATH="/usr/sbin:/usr/bin:/sbin:/bin", **engine.environment))
    step.equal(result.out, "third\nfourth\n", "what the descriptors say")


def step_systemd(engine, step):
    step.run("run", "--rm", "--systemd", "always", engine.image, "sh", "-c",
             "grep -E ' (/run|/tmp|/run/lock) ' /proc/mounts | wc -l; "
             "touch /sys/fs/cgroup/systemd/$(sed -n 's/.*name=systemd:.//p' /proc/self/cgroup | head -1)/cgroup.procs",
             match=r"^3")


STEPS = steps_of(globals())
