"""buildah run and build: buildah itself calls create, start, state until the end, and delete."""
import concurrent.futures
import os
import re
import signal
import subprocess

from bench import kernel
from bench.engine import Base, missing, steps_of

CONFIGURATION = """[containers]
default_ulimits = ["nofile=20000:20000", "nproc=20000:20000"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
NO_LIFE = "a container of buildah lives as long as one command"


class Engine(Base):
    name = "buildah"
    states = ["/run/runc", "/run/nsrun", "/run/crun"]
    ids = "^buildah-buildah"
    mounts = r"/mnt/rootfs$|buildah\d+/"

    def __init__(self, options):
        super().__init__(options)
        self.environment = {"CONTAINERS_CONF": self.write("containers.conf", CONFIGURATION), "BUILDAH_RUNTIME": self.runtime,
                            "TMPDIR": "/var/tmp"}

    def groups(self):
        """They lie at the top: buildah asks for no path."""
        return {f"{mount}/{name}" for mount in set(kernel.hierarchies().values()) for name in os.listdir(mount)
                if re.match(self.ids, name)}

    def command(self, *arguments):
        return ["buildah", "--root", f"{self.work}/root", "--runroot", "/run/buildah-run", *arguments]

    def start(self):
        self.must("pull", "-q", f"docker-archive:{self.images}/image.tar")

    def clean(self, step):
        step.run("rm", "-a")


def begin(engine, step, *options):
    """A working container."""
    return step.run("from", "-q", "--pull-never", *options, engine.image).out.strip()


def step_run(engine, step):
    work = begin(engine, step)
    step.run("run", work, "true", out="")
    step.run("run", work, "sh", "-c", "echo out; echo err >&2; exit 42", status=42, out="out", err="^err$")
    step.run("run", work, "cat", stdin="hello\n", out="hello")
    step.run("run", "--workingdir", "/tmp", "-e", "A=b c", "--hostname", "hh", work, "sh", "-c",
             "pwd; echo $A; hostname; echo $$", out="/tmp\nb c\nhh\n1")
    step.run("run", "--no-pivot", work, "true")
    step.equal(len(step.run("run", work, "sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x").out), 3000000, "output")
    step.run("run", work, "sh", "-c", "echo kept >/file")
    step.run("run", work, "cat", "/file", out="kept")


def step_run_errors(engine, step):
    work = begin(engine, step)
    for command, words in (("nosuchcmd", "nosuchcmd.*executable file not found in \\$PATH"),
                           ("/nosuch/path", "/nosuch/path.*no such file"),
                           ("/etc/notexec", "/etc/notexec.*permission denied"), ("/etc", "/etc.*permission denied")):
        step.run("run", work, command, status=1, err=words)
    step.equal(engine.states_left(), [], "states that are left")


def step_run_it(engine, step):
    work = begin(engine, step)
    with step.terminal("run", "-t", work, "sh") as terminal:
        step.shell(terminal, 3)


def step_kill(engine, step):
    """A signal for buildah ends the container."""
    work = begin(engine, step)
    for number in (signal.SIGTERM, signal.SIGINT):
        with subprocess.Popen(engine.command("run", work, "sleep", "777"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=dict(os.environ, **engine.environment),
                              start_new_session=True) as process:
            step.until(lambda: "/bin/sleep 777" in kernel.processes().values(), "the process")
            os.killpg(process.pid, number)
            step.until(lambda: "/bin/sleep 777" not in kernel.processes().values(), "its end")
            process.communicate(timeout=10)
            step.true(process.returncode != 0, "buildah says that it did not end well")


for name in ("exec", "exec_it", "detached", "stop", "pause", "update", "stats", "top", "logs", "rm_f"):
    globals()[f"step_{name}"] = missing(NO_LIFE)
for name in ("healthcheck", "restart_policy", "init", "read_only", "pids_limit"):
    globals()[f"step_{name}"] = missing("buildah run has no such option")


def step_user(engine, step):
    work = begin(engine, step)
    step.run("run", "--user", "app", work, "sh", "-c", "id -u; id -g; id -G; grep CapEff /proc/self/status",
             match=rf"^1000\n1000\n(1000 )?2000\nCapEff:\t{'0' * 16}")
    step.run("run", "--user", "7:8", work, "sh", "-c", "id -u; id -g", out="7\n8")


def step_tmpfs(engine, step):
    work = begin(engine, step)
    result = step.run("run", "--mount", "type=tmpfs,dst=/scratch,tmpfs-size=1m", work, "sh", "-c",
                      "grep /scratch /proc/mounts; head -c 2000000 /dev/zero >/scratch/x; stat -c %s /scratch/x")
    step.match(r"^tmpfs /scratch tmpfs \S*size=1024k", result.out, "mount options")
    step.match(r"^1048576$", result.out, "size of the file")


def step_volumes(engine, step):
    work, shared = begin(engine, step), f"{engine.work}/shared"
    os.makedirs(shared)
    engine.write("shared/host", "from the host\n")
    step.run("run", "-v", f"{shared}:/data", work, "sh", "-c", "cat /data/host; echo inside >/data/made", out="from the host")
    step.equal(kernel.read(f"{shared}/made"), "inside\n", "what the container wrote")
    step.run("run", "-v", f"{shared}:/data:ro", work, "touch", "/data/x", status=1, err="Read-only file system")
    step.run("run", "--mount", f"type=bind,src={shared}/host,dst=/etc/file,ro", work, "cat", "/etc/file", out="from the host")


def step_capabilities(engine, step):
    work = begin(engine, step)
    show = ("sh", "-c", "grep -E 'Cap(Prm|Eff|Bnd)' /proc/self/status | cut -f2 | sort -u")
    default = int(step.run("run", work, *show).out, 16)
    step.true(default & 1 and not default & 1 << 21, "CHOWN is among the default capabilities, SYS_ADMIN is not")
    step.run("run", "--cap-drop", "all", work, *show, out="0" * 16)
    step.run("run", "--cap-drop", "CAP_CHOWN", "--cap-add", "CAP_SYS_TIME", work, *show, out=f"{(default & ~1) | 1 << 25:016x}")
    step.run("run", "--cap-drop", "CAP_CHOWN", work, "chown", "1", "/tmp", status=1, err="Operation not permitted")


def step_seccomp(engine, step):
    work = begin(engine, step)
    step.run("run", work, "sh", "-c", "grep Seccomp: /proc/self/status; refused || echo $?", match=r"^Seccomp:\t2\n(1|38)$")
    work = begin(engine, step, "--security-opt", "seccomp=unconfined")
    step.run("run", work, "sh", "-c", "grep Seccomp: /proc/self/status; refused && echo allowed", out="Seccomp:\t0\nallowed")


def step_masked_paths(engine, step):
    step.run("run", begin(engine, step), "sh", "-c", "head -c 1 /proc/timer_list | wc -c; echo 1 >/proc/sys/kernel/panic",
             status=1, out="0",
             err="panic: Read-only file system")


def step_memory_limit(engine, step):
    work = begin(engine, step, "--memory", "32m", "--memory-swap", "32m", "--cpu-shares", "512", "--cpuset-cpus", "0")
    with subprocess.Popen(engine.command("run", work, "sleep", "778"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, env=dict(os.environ, **engine.environment)) as process:
        found = step.until(lambda: next((number for number, line in kernel.processes().items() if line == "/bin/sleep 778"),
                                        None), "the process")
        values = [kernel.limit(found, what) for what in ("memory", "swap", "shares", "cpuset")]
        os.kill(found, signal.SIGKILL)
        process.communicate(timeout=20)
    step.equal(values, [32 << 20, 32 << 20, 512, "0"], "limits")
    step.equal(process.returncode, 1, "status after the kill")


def step_oom(engine, step):
    work = begin(engine, step, "--memory", "16m", "--memory-swap", "16m")
    step.run("run", work, "tail", "/dev/zero", status=1, err="exited on killed")  # buildah's own translation
    step.run("run", work, "sh", "-c", "tail /dev/zero; echo $?; exit 3", status=3, out="137")


def step_network(engine, step):
    work = begin(engine, step)
    step.run("run", "--network", "host", work, "readlink", "/proc/self/ns/net", out=kernel.namespace("self", "net"))
    step.run("run", "--network", "none", work, "ls", "/sys/class/net", out="lo")
    for kind, option in (("pid", "pid"), ("ipc", "ipc"), ("uts", "uts")):
        step.run("run", f"--{option}", "host", work, "readlink", f"/proc/self/ns/{kind}", out=kernel.namespace("self", kind))


def step_cgroup_namespace(engine, step):
    out = step.run("run", "--cgroupns", "private", begin(engine, step), "cat", "/proc/self/cgroup").out
    step.equal({line.split(":", 2)[2] for line in out.split()}, {"/"}, "paths in a cgroup namespace")


def step_isolation_rootless(engine, step):
    step.run("run", "--isolation", "rootless", begin(engine, step), "echo", "hi", out="hi")


def step_build(engine, step):
    context = f"{engine.work}/context"
    os.makedirs(context)
    engine.write("context/Containerfile",
                 f"FROM {engine.image}\nRUN echo built >/made\nUSER app\nRUN id -u && cat /made && ! touch /x\nCMD cat /made\n")
    step.run("bud", "--pull-never", "--layers=false", "-t", "localhost/built", context, match="^1000\nbuilt$")
    engine.write("context/Containerfile", f"FROM {engine.image}\nRUN exit 5\n")
    result = step.run("bud", "--pull-never", "-t", "localhost/bad", context, status=None)
    step.equal(result.status, 5, "status of a build whose command fails")
    work = step.run("from", "-q", "--pull-never", "localhost/built").out.strip()
    step.run("run", work, "cat", "/made", out="built")


def step_parallel(engine, step):
    works = [begin(engine, step) for _ in range(20)]
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        results = list(pool.map(lambda number: step.run("run", works[number], "sh", "-c", f"echo {number}; exit {number}",
                                                        status=None), range(20)))
    step.equal([(result.status, result.out.strip()) for result in results], [(number, str(number)) for number in range(20)],
               "status and output of 20")


STEPS = steps_of(globals())
