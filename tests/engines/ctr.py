"""containerd with ctr: the shim calls the runtime. What ctr has no option for comes in a config.json of our own."""
import concurrent.futures
import json
import os
import re
import tarfile
import time

from bench import image, kernel
from bench.engine import Base, missing, steps_of

SPACE = "nsrun-engines"
CONFIGURATION = """version = 2
root = "{work}/root"
state = "/run/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.internal.v1.restart"]
  interval = "1s"
"""


class Engine(Base):
    name = "ctr"
    states = [f"/run/containerd/runc/{SPACE}"]
    ids = r"^[^.]"  # nsrun keeps compiled filters in .seccomp
    mounts = rf"/{SPACE}/.*/rootfs$"
    daemons = r"^/usr/bin/containerd -c "
    parents = [SPACE]

    def command(self, *arguments):
        return ["/usr/bin/ctr", "-n", SPACE, *arguments]

    def start(self):
        self.daemon("/usr/bin/containerd", "-c", self.write("config.toml", CONFIGURATION.format(work=self.work)))
        self.wait_ready("version")
        self.must("images", "import", f"{self.images}/image.tar")
        with tarfile.open(f"{self.images}/rootfs.tar") as tar:
            tar.extractall(f"{self.work}/rootfs")

    def clean(self, step):
        for name in step.run("t", "ls", "-q").out.split():
            step.run("t", "rm", "-f", name)
        for name in step.run("c", "ls", "-q").out.split():
            step.run("c", "rm", name)


def run(engine, step, *command, name=None, options=("--rm",), **checks):
    """ctr run: its result."""
    return step.run("run", "--runc-binary", engine.runtime, *options, engine.image, name or step.name(), *command, **checks)


def sleeper(engine, step, *options, command=("sleep", "1000")):
    """A container in the background; its name and its process."""
    name = step.name()
    run(engine, step, *command, name=name, options=("-d", "--null-io", *options))
    return name, task(step, name)[0]


def logged(engine, step, *options, command):
    """The same, with a log; also its path."""
    log = f"{engine.work}/{step.title}-{step.count}.log"
    name = step.name()
    run(engine, step, *command, name=name, options=("-d", "--log-uri", f"file://{log}", *options))
    return name, task(step, name)[0], log


def task(step, name):
    """(process, status), or (0, "")."""
    found = re.search(rf"^{name}\s+(\d+)\s+(\w+)", step.run("t", "ls").out, re.M)
    return (int(found.group(1)), found.group(2)) if found else (0, "")


def ended(step, name, code):
    """Waits for the end, and removes the task: what it says about the exit status."""
    step.until(lambda: task(step, name)[1] == "STOPPED", "the end")
    result = step.run("t", "rm", name)
    step.true(f"non-zero exit code {code}" in result.err or code == 0 and "non-zero" not in result.err, f"exit code {code}")


def configured(engine, step, *command, change):
    """Runs with a config.json that CHANGE has changed: arguments for ctr run."""
    spec = json.loads(step.run("oci", "spec").out)
    name = step.name()
    spec["process"]["args"] = list(command)
    spec["process"]["env"] = [image.ENV]
    spec["process"]["cwd"] = "/"
    spec["root"]["path"] = f"{engine.work}/rootfs"
    spec["linux"]["cgroupsPath"] = f"/{SPACE}/{name}"
    change(spec)
    return name, ["run", "--runc-binary", engine.runtime, "--config", engine.write(f"{name}.json", json.dumps(spec))]


def step_run(engine, step):
    run(engine, step, "true", out="")
    run(engine, step, "sh", "-c", "echo out; echo err >&2; exit 42", status=42, out="out", err="^err$")
    # Not cat: ctr 1.6 does not hand on the end of its input.
    run(engine, step, "head", "-n", "1", stdin="hello\n", out="hello")
    run(engine, step, "sh", "-c", "echo $A; pwd; echo $$; hostname >/dev/null",
        options=("--rm", "--env", "A=b c", "--cwd", "/tmp"), out="b c\n/tmp\n1")
    run(engine, step, "true", options=("--rm", "--null-io"))
    run(engine, step, "true", options=("--rm", "--no-pivot"))
    result = run(engine, step, "sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x")
    step.equal(len(result.out), 3000000, "output")


def step_run_errors(engine, step):
    for command, words in (("nosuchcmd", 'exec: "nosuchcmd": executable file not found in \\$PATH'),
                           ("/nosuch/path", "/nosuch/path.*no such file"),
                           ("/etc/notexec", "/etc/notexec.*permission denied"), ("/etc", "/etc.*permission denied")):
        run(engine, step, command, options=(), status=1, err=f"OCI runtime create failed: .*{words}")
    step.equal(engine.states_left(), [], "states that are left")


def step_run_it(engine, step):
    with step.terminal("run", "--rm", "-t", "--runc-binary", engine.runtime, engine.image, step.name(), "sh") as terminal:
        step.shell(terminal, 3)


def step_detached(engine, step):
    file = f"{engine.work}/pid"
    name, process = sleeper(engine, step, "--pid-file", file)
    step.equal(kernel.read(file).strip(), str(process), "the pid file")
    step.equal(task(step, name)[1], "RUNNING", "status")
    step.equal(kernel.comm(process), "sleep", "name of the process")
    for kind in ("mnt", "uts", "ipc", "pid", "net"):
        step.true(kernel.namespace(process, kind) != kernel.namespace("self", kind), f"an own {kind} namespace")
    step.equal({path for controller, path in kernel.groups(process).items() if controller in kernel.hierarchies()},
               {f"/{SPACE}/{name}"}, "groups")


def step_logs(engine, step):
    name, _, log = logged(engine, step, command=("sh", "-c", "echo one; echo two >&2; exit 6"))
    ended(step, name, 6)
    step.equal(sorted(kernel.read(log).split()), ["one", "two"], "the log")


def step_exec(engine, step):
    name, _ = sleeper(engine, step)

    def execute(*command, options=(), **checks):
        step.count += 1
        return step.run("t", "exec", "--exec-id", f"e{step.count}", *options, name, *command, **checks)
    execute("echo", "hi", out="hi")
    execute("sh", "-c", "exit 9", status=9)
    execute("head", "-n", "1", stdin="in\n", out="in")
    execute("sh", "-c", "id -u; id -g; pwd", options=("--user", "1000:1000", "--cwd", "/tmp"), out="1000\n1000\n/tmp")
    execute("nosuch", status=1, err="OCI runtime exec failed: .*executable file not found in \\$PATH")
    execute("sh", "-c", "kill -9 $$", status=137)
    execute("sleep", "777", options=("-d",))
    step.until(lambda: "sleep 777" in kernel.processes().values(), "the process in the background")


def step_exec_it(engine, step):
    name, _ = sleeper(engine, step)
    with step.terminal("t", "exec", "-t", "--exec-id", "tty", name, "sh") as terminal:
        step.shell(terminal, 4)


def step_stop(engine, step):
    name, process, log = logged(engine, step, command=(
        "sh", "-c", 'trap "echo got term; exit 7" TERM; echo ready; while :; do sleep 0.05; done'))
    step.until(lambda: "ready" in kernel.read(log), "the trap")
    step.run("t", "kill", "-s", "TERM", name)
    ended(step, name, 7)
    step.match("got term", kernel.read(log), "the log")
    step.true(not kernel.alive(process), "the process is gone")


def step_kill(engine, step):
    name, _, log = logged(engine, step, command=("sh", "-c", 'trap "echo usr1" USR1; echo ready; while :; do sleep 0.05; done'))
    step.until(lambda: "ready" in kernel.read(log), "the trap")
    step.run("t", "kill", "-s", "USR1", name)
    step.until(lambda: "usr1" in kernel.read(log), "the signal")
    step.run("t", "kill", "-s", "KILL", name)
    step.until(lambda: task(step, name)[1] == "STOPPED", "the end")
    step.run("t", "kill", "-s", "KILL", name, status=1, err="already finished|not found")
    ended(step, name, 137)


def step_kill_all(engine, step):
    name, _ = sleeper(engine, step, command=("sh", "-c", "sleep 601 & sleep 602"))
    step.until(lambda: "sleep 602" in kernel.processes().values(), "the processes")
    step.run("t", "kill", "-a", "-s", "KILL", name)
    ended(step, name, 137)
    step.equal([line for line in kernel.processes().values() if line.startswith("sleep 60")], [], "processes that are left")
    # The host's process namespace: the second process outlives the first until the shim asks for its end.
    pid_host = ("--with-ns", "pid:/proc/1/ns/pid")
    name, _ = sleeper(engine, step, *pid_host, command=("sh", "-c", "sleep 603 & sleep 0.3"))
    step.until(lambda: task(step, name)[1] == "STOPPED", "the end of the first")
    step.until(lambda: "sleep 603" not in kernel.processes().values(), "the end of the second")


def step_pause(engine, step):
    name, process, log = logged(engine, step, command=("sh", "-c", "while :; do echo x; sleep 0.05; done"))
    step.until(lambda: len(kernel.read(log)) > 4, "output")
    step.run("t", "pause", name)
    step.true(kernel.frozen(process), "frozen, says the kernel")
    step.equal(task(step, name)[1], "PAUSED", "status")
    before = kernel.read(log)
    time.sleep(0.4)
    step.equal(kernel.read(log), before, "output while it is paused")
    step.run("t", "exec", "--exec-id", "paused", name, "true", status=1, err="paused")
    step.run("t", "resume", name)
    step.true(not kernel.frozen(process), "thawed, says the kernel")
    step.until(lambda: len(kernel.read(log)) > len(before), "more output")
    step.run("t", "pause", name)
    step.run("t", "rm", "-f", name)
    step.until(lambda: not kernel.alive(process), "the end of a paused container")


step_update = missing("ctr has no command for it")
step_healthcheck = missing("containerd has no health checks")
step_init = missing("ctr has no such option")


def step_stats(engine, step):
    name, _ = sleeper(engine, step, "--memory-limit", str(64 << 20), command=("sh", "-c", "sleep 1000 & wait"))
    found = json.loads(step.run("t", "metrics", "--format", "json", name).out)
    step.equal((found["memory"]["usage"]["limit"], found["pids"]["current"]), (64 << 20, 2), "limit and processes")


def step_top(engine, step):
    name, process = sleeper(engine, step, command=("sh", "-c", "sleep 555 & sleep 666"))
    step.until(lambda: "sleep 555" in kernel.processes().values(), "the processes")
    listed = {int(number) for number in re.findall(r"^(\d+)\s", step.run("t", "ps", name).out, re.M)}
    wanted = {process} | {number for number, line in kernel.processes().items() if line in ("sleep 555", "sleep 666")}
    step.equal(listed, wanted, "processes")


def step_user(engine, step):
    def change(spec):
        spec["process"]["user"] = {"uid": 1000, "gid": 2000, "additionalGids": [5, 7], "umask": 0o27}
    name, command = configured(engine, step, "sh", "-c", "id -u; id -g; id -G; umask; grep CapEff /proc/self/status",
                               change=change)
    step.run(*command, "--rm", name, out=f"1000\n2000\n2000 5 7\n0027\nCapEff:\t{'0' * 16}")


def step_read_only(engine, step):
    run(engine, step, "touch", "/x", options=("--rm", "--read-only"), status=1, err="Read-only file system")
    run(engine, step, "touch", "/x")


def step_tmpfs(engine, step):
    result = run(engine, step, "sh", "-c",
                 "grep /scratch /proc/mounts; head -c 2000000 /dev/zero >/scratch/x; stat -c %s /scratch/x",
                 options=("--rm", "--mount", "type=tmpfs,src=tmpfs,dst=/scratch,options=size=1m:noexec:nodev"))
    step.match(r"^tmpfs /scratch tmpfs (?=\S*nodev)(?=\S*noexec)\S*size=1024k", result.out, "mount options")
    step.match(r"^1048576$", result.out, "size of the file")


def step_volumes(engine, step):
    shared = f"{engine.work}/shared"
    os.makedirs(shared)
    engine.write("shared/host", "from the host\n")
    mount = f"type=bind,src={shared},dst=/data,options=rbind"
    run(engine, step, "sh", "-c", "cat /data/host; echo inside >/data/made", options=("--rm", "--mount", f"{mount}:rw"),
        out="from the host")
    step.equal(kernel.read(f"{shared}/made"), "inside\n", "what the container wrote")
    run(engine, step, "touch", "/data/x", options=("--rm", "--mount", f"{mount}:ro"), status=1, err="Read-only file system")
    run(engine, step, "cat", "/etc/file", options=("--rm", "--mount",
                                                   f"type=bind,src={shared}/host,dst=/etc/file,options=bind:ro"),
        out="from the host")


def step_capabilities(engine, step):
    _, process = sleeper(engine, step)
    default = int(kernel.field(process, "CapEff"), 16)
    step.true(default & 1 and not default & 1 << 21, "CHOWN is among the default capabilities, SYS_ADMIN is not")
    step.equal(kernel.field(process, "NoNewPrivs"), "1", "NoNewPrivs")
    _, process = sleeper(engine, step, "--cap-drop", "CAP_CHOWN", "--cap-add", "CAP_SYS_TIME", "--allow-new-privs")
    for field in ("CapPrm", "CapEff", "CapBnd"):
        step.equal(int(kernel.field(process, field), 16), (default & ~1) | 1 << 25, field)
    step.equal(kernel.field(process, "NoNewPrivs"), "0", "NoNewPrivs with --allow-new-privs")
    ours = kernel.field("self", "CapEff")
    run(engine, step, "grep", "CapEff", "/proc/self/status", options=("--rm", "--privileged"), out=f"CapEff:\t{ours}")


def step_seccomp(engine, step):
    run(engine, step, "sh", "-c", "grep Seccomp: /proc/self/status; refused || echo $?", options=("--rm", "--seccomp"),
        out="Seccomp:\t2\n1")
    run(engine, step, "sh", "-c", "grep Seccomp: /proc/self/status; refused && echo allowed", out="Seccomp:\t0\nallowed")


def step_masked_paths(engine, step):
    run(engine, step, "sh", "-c", "head -c 1 /proc/timer_list | wc -c; echo 1 >/proc/sys/kernel/panic", status=1, out="0",
        err="panic: Read-only file system")


def step_memory_limit(engine, step):
    _, process = sleeper(engine, step, "--memory-limit", str(32 << 20))
    step.equal(kernel.limit(process, "memory"), 32 << 20, "memory")


def step_cpu_limits(engine, step):
    _, process = sleeper(engine, step, "--cpus", "0.5", "--cpu-shares", "512")
    step.equal((kernel.limit(process, "quota"), kernel.limit(process, "shares")), (50000, 512), "quota and shares")


def step_pids_limit(engine, step):
    def change(spec):
        spec["linux"]["resources"]["pids"] = {"limit": 5}
        spec["linux"]["resources"]["cpu"] = {"cpus": "0"}
    name, command = configured(engine, step, "sh", "-c", "for i in 1 2 3 4 5 6 7; do sleep 1 & done; wait", change=change)
    step.run(*command, "--rm", name, status=None, err="can't fork|Resource temporarily unavailable")
    name, command = configured(engine, step, "sleep", "1000", change=change)
    step.run(*command, "-d", "--null-io", name)
    process = task(step, name)[0]
    step.equal((kernel.limit(process, "pids"), kernel.limit(process, "cpuset")), (5, "0"), "limits")


def step_oom(engine, step):
    run(engine, step, "tail", "/dev/zero", options=("--rm", "--memory-limit", str(16 << 20)), status=137)
    name = step.name()
    run(engine, step, "sh", "-c", "tail /dev/zero; echo $?; sleep 0.5; exit 3", name=name,
        options=("--rm", "--memory-limit", str(16 << 20)), status=3, out="137")


def step_restart_policy(engine, step):
    """containerd's own monitor starts anew what a label wants to run."""
    name, first = sleeper(engine, step, "--label", "containerd.io/restart.status=running")
    step.host("kill", "-9", str(first))
    step.until(lambda: task(step, name)[1] == "RUNNING" and task(step, name)[0] != first, "a new process", 20)
    step.run("c", "label", name, "containerd.io/restart.status=stopped")
    step.until(lambda: task(step, name)[1] != "RUNNING", "the end", 20)


def step_user_namespace(engine, step):
    _, process = sleeper(engine, step, "--uidmap", "0:100000:65536", "--gidmap", "0:200000:65536")
    step.equal(kernel.field(process, "Uid"), "\t".join(["100000"] * 4), "user id outside")
    step.equal(kernel.read(f"/proc/{process}/gid_map").split(), ["0", "200000", "65536"], "gid_map")


def step_network(engine, step):
    run(engine, step, "readlink", "/proc/self/ns/net", options=("--rm", "--net-host"), out=kernel.namespace("self", "net"))
    run(engine, step, "ls", "/sys/class/net", out="lo")
    step.host("ip", "netns", "add", "mine")
    run(engine, step, "stat", "-L", "-c", "%i", "/proc/self/ns/net", options=("--rm", "--with-ns", "network:/run/netns/mine"),
        out=str(os.stat("/run/netns/mine").st_ino))
    step.host("ip", "netns", "del", "mine")


def step_descriptors(engine, step):
    _, process = sleeper(engine, step)
    step.equal(sorted(os.listdir(f"/proc/{process}/fd")), ["0", "1", "2"], "descriptors")


def step_parallel(engine, step):
    def one(number):
        return run(engine, step, "sh", "-c", f"echo {number}; exit {number}", name=f"par{number}", status=None)

    def stay(number):
        return run(engine, step, "sleep", "1000", name=f"many{number}", options=("-d", "--null-io"))

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        results = list(pool.map(one, range(20)))
        step.equal([(result.status, result.out.strip()) for result in results], [(number, str(number)) for number in range(20)],
                   "status and output of 20")
        list(pool.map(stay, range(20)))
        pids = [task(step, f"many{number}")[0] for number in range(20)]
        step.equal(len({number for number in pids if number and kernel.alive(number)}), 20, "processes that live")
        list(pool.map(lambda number: step.run("t", "rm", "-f", f"many{number}"), range(20)))
    step.equal([number for number in pids if kernel.alive(number)], [], "processes that are left")


def step_rm_f(engine, step):
    name, process = sleeper(engine, step, command=("sh", "-c", "sleep 999 & sleep 1000"))
    directories = {kernel.group(process,
                                controller)[0] for controller in kernel.groups(process) if controller in kernel.hierarchies()}
    step.run("t", "rm", "-f", name)
    step.true(not kernel.alive(process), "the process is gone")
    step.equal([path for path in directories if os.path.isdir(path)], [], "groups that are left")
    step.equal(engine.states_left(), [], "states that are left")


STEPS = steps_of(globals())
