"""The steps that podman and docker share: their command lines are nearly the same."""
import concurrent.futures
import json
import os
import re
import time

from . import kernel
from .step import Result

COUNT = "i=0; while :; do echo $i; i=$((i+1)); sleep 0.05; done"


def inspect(step, name, form):
    return step.run("inspect", "-f", form, name).out.strip()


def pid(step, name):
    return int(inspect(step, name, "{{.State.Pid}}"))


def state(step, name):
    return inspect(step, name, "{{.State.Status}} {{.State.ExitCode}}")


def sleeper(engine, step, *options, command=("sleep", "1000")):
    """A container in the background; its name."""
    name = step.name()
    step.run("run", "-d", "--name", name, *options, engine.image, *command)
    return name


def find(line):
    """The process with this command line, or None."""
    return next((number for number, other in kernel.processes().items() if other == line), None)


def remove(engine, step, *names):
    """rm -f, at once: podman would first ask kindly, for ten seconds."""
    step.run(*engine.force, *names)


def logs(step, name):
    return step.run("logs", name).out


def lines(step, name):
    return len(logs(step, name).splitlines())


def step_run(engine, step):
    step.run("run", "--rm", engine.image, "true", out="")
    step.run("run", "--rm", engine.image, "sh", "-c", "echo out; echo err >&2; exit 42", status=42, out="out", err=r"^err$")
    step.run("run", "--rm", "-i", engine.image, "cat", stdin="hello\n", out="hello")
    step.run("run", "--rm", "-e", "A=b c", "-w", "/tmp", "--hostname", "hh", engine.image, "sh", "-c",
             'echo "$A"; pwd; hostname; echo $$',
             out="b c\n/tmp\nhh\n1")
    step.run("run", "--rm", engine.image, "sh", "-c", "sh -c 'kill -9 $$'; echo $?", out="137", err="")


def step_run_much_output(engine, step):
    result = step.run("run", "--rm", engine.image, "sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x; echo end >&2")
    step.equal((len(result.out), set(result.out)), (3000000, {"x"}), "output")
    step.equal(result.err.strip(), "end", "errors")


def step_run_errors(engine, step):
    """The exit status comes from the words of the runtime's error; and nothing of the container may stay."""
    step.run("run", "--rm", engine.image, "nosuchcmd", status=127, err=r'"nosuchcmd\\?": executable file not found in \$PATH')
    step.run("run", "--rm", engine.image, "/nosuch/path", status=127, err="/nosuch/path.*no such file or directory")
    step.run("run", "--rm", engine.image, "/etc/notexec", status=126, err="/etc/notexec.*permission denied")
    step.run("run", "--rm", engine.image, "/etc", status=126, err="/etc.*permission denied")
    for root in engine.states:
        if os.path.isdir(root):
            step.equal([entry for entry in os.listdir(root) if re.search(engine.ids, entry)], [], "states that are left")


def step_run_it(engine, step):
    with step.terminal("run", "--rm", "-it", engine.image, "sh") as terminal:
        step.shell(terminal, 3)


def step_detached(engine, step):
    name = sleeper(engine, step)
    process = pid(step, name)
    step.equal(kernel.comm(process), "sleep", "name of the container's process")
    step.match(rf"{name} Up", step.run("ps", "--format", "{{.Names}} {{.Status}}").out, "ps")
    for kind in ("mnt", "uts", "ipc", "pid", "net"):
        step.true(kernel.namespace(process, kind) != kernel.namespace("self", kind), f"an own {kind} namespace")
    path = engine.parent(step, name)
    step.equal({controller: where for controller, where in kernel.groups(process).items()
                if where != path and controller in kernel.hierarchies()}, {}, f"groups other than {path}")


def step_logs(engine, step):
    name = sleeper(engine, step, command=("sh", "-c", "echo one; echo two >&2; echo three"))
    step.run("wait", name, out="0")
    result = step.run("logs", name)
    step.equal((result.out, result.err), ("one\nthree\n", "two\n"), "logs")
    name = sleeper(engine, step, command=("sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.2; done"))
    step.run("logs", "-f", name, out="1\n2\n3")
    step.run("logs", "--tail", "1", name, out="3")


def step_attach(engine, step):
    name = step.name()
    step.run("create", "--name", name, engine.image, "sh", "-c", "echo created; exit 5")
    step.match("^[cC]reated", state(step, name), "state before the start")
    step.run("start", "-a", name, status=5, out="created")
    step.run("wait", name, out="5")
    step.equal(state(step, name), "exited 5", "state after the end")
    step.run("start", name)
    step.run("wait", name, out="5")
    step.equal(logs(step, name), "created\ncreated\n", "logs of two runs")


def step_exec(engine, step):
    name = sleeper(engine, step)
    step.run("exec", name, "echo", "hi", out="hi")
    step.run("exec", "-u", "app", "-w", "/tmp", "-e", "A=b", name, "sh", "-c", "id -u; id -g; id -G; pwd; echo $A",
             match=r"^1000\n1000\n(1000 )?2000\n/tmp\nb$")
    step.run("exec", name, "sh", "-c", "exit 9", status=9)
    step.run("exec", name, "sh", "-c", "echo out; echo err >&2", out="out", err="^err$")
    step.run("exec", "-i", name, "cat", stdin="in\n", out="in")
    for command, status, words in (("nosuch", engine.missing_exec, r"executable file not found in \$PATH"),
                                   ("/etc/notexec", 126, "permission denied")):
        result = step.run("exec", name, command, status=status)
        step.match(words, result.out + result.err, f"what is said about {command}")
    step.run("exec", name, "sh", "-c", "kill -9 $$", status=137)
    many = step.run("exec", name, "sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' y")
    step.equal(len(many.out), 1000000, "output of exec")


def step_exec_is_inside(engine, step):
    """A process of exec has all that the first one has."""
    name = sleeper(engine, step, "--cap-drop", "NET_RAW", "--security-opt", "no-new-privileges")
    first = pid(step, name)
    step.run("exec", "-d", name, "sleep", "777")
    second = step.until(lambda: find("sleep 777"), "the process of exec -d")
    for kind in ("mnt", "uts", "ipc", "pid", "net", "cgroup", "user"):
        step.equal(kernel.namespace(second, kind), kernel.namespace(first, kind), f"{kind} namespace")
    step.equal(kernel.groups(second), kernel.groups(first), "groups")
    for field in ("CapPrm", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp", "Uid", "Gid"):
        step.equal(kernel.field(second, field), kernel.field(first, field), field)
    step.equal(os.readlink(f"/proc/{second}/root"), "/", "its root")
    remove(engine, step, name)
    step.until(lambda: not kernel.alive(second), "the end of the process of exec")


def step_exec_it(engine, step):
    name = sleeper(engine, step)
    with step.terminal("exec", "-it", name, "sh") as terminal:
        step.shell(terminal, 4)


def step_stop(engine, step):
    name = sleeper(engine, step,
                   command=("sh", "-c", 'trap "echo got term; exit 7" TERM; echo ready; while :; do sleep 0.05; done'))
    step.until(lambda: "ready" in logs(step, name), "the trap")
    start = time.monotonic()
    step.run("stop", name)
    step.true(time.monotonic() - start < 5, "stop waits for the end only")
    step.equal(state(step, name), "exited 7", "state after stop")
    step.run("start", name)
    step.until(lambda: logs(step, name).count("ready") == 2, "the second start")
    step.run("restart", name)
    step.until(lambda: logs(step, name).count("ready") == 3, "the restart")
    step.equal(logs(step, name).count("got term"), 2, "signals that came")
    name = sleeper(engine, step)
    start = time.monotonic()
    step.run("stop", "-t", "1", name)
    step.true(0.9 < time.monotonic() - start < 5, "stop -t 1 waits one second")
    step.equal(state(step, name), "exited 137", "state after a kill")


def step_kill(engine, step):
    name = sleeper(engine, step, command=("sh", "-c", 'trap "echo usr1" USR1; echo ready; while :; do sleep 0.05; done'))
    process = pid(step, name)
    step.until(lambda: "ready" in logs(step, name), "the trap")
    step.run("kill", "-s", "USR1", name)
    step.until(lambda: "usr1" in logs(step, name), "the signal")
    step.run("kill", name)
    step.until(lambda: state(step, name) == "exited 137", "the end")
    step.true(not kernel.alive(process), "the process is gone")
    step.run("kill", name, status=None, err="not running|container state improper")


def step_pause(engine, step):
    name = sleeper(engine, step, command=("sh", "-c", COUNT))
    process = pid(step, name)
    step.until(lambda: lines(step, name) > 2, "output")
    step.run("pause", name)
    step.true(kernel.frozen(process), "frozen, says the kernel")
    step.match("^paused", state(step, name), "state")
    before = lines(step, name)
    time.sleep(0.4)
    step.equal(lines(step, name), before, "lines of output while it is paused")
    result = step.run("exec", name, "true", status=None)
    step.true(result.status != 0, "exec in a paused container fails")
    step.run("unpause", name)
    step.true(not kernel.frozen(process), "thawed, says the kernel")
    step.until(lambda: lines(step, name) > before, "more output")
    step.run("pause", name)
    remove(engine, step, name)
    step.until(lambda: not kernel.alive(process), "the end of a paused container")


def step_stats(engine, step):
    name = sleeper(engine, step, "--memory", "64m", command=("sh", "-c",
                                                             "head -c 5000000 /dev/zero >/dev/shm/x; sleep 1000 & wait"))
    step.until(lambda: find("sleep 1000"), "the sleep")
    form = "{{.Name}} {{.MemUsage}} {{.PIDs}}"
    found = step.match(rf"{name} ([\d.]+)([kKM])i?B / ([\d.]+)Mi?B (\d+)",
                       step.run("stats", "--no-stream", "--format", form, name).out,
                       "stats")
    step.equal(found.group(4), "2", "processes in stats")
    step.true(64 <= float(found.group(3)) < 68, "the limit in stats")
    step.true(float(found.group(1)) * (1 if found.group(2) == "M" else 0.001) > 4, "5 MB are in use in stats")


def step_top(engine, step):
    name = sleeper(engine, step, command=("sh", "-c", "sleep 555 & sleep 666"))
    step.until(lambda: "sleep 666" in kernel.processes().values(), "the processes")
    out = step.run("top", name).out
    for line in ("sleep 555", "sleep 666"):
        step.match(line, out, "top")
    step.equal(len(out.strip().splitlines()), 3, "lines of top")
    step.match("sleep", step.run("top", name, "-eo", "pid,comm").out, "top with options of ps")


def step_user(engine, step):
    name = sleeper(engine, step, "--user", "1000:2000", "--group-add", "5")
    process = pid(step, name)
    step.equal(kernel.field(process, "Uid"), "\t".join(["1000"] * 4), "Uid")
    step.equal(kernel.field(process, "Gid"), "\t".join(["2000"] * 4), "Gid")
    step.true("5" in kernel.field(process, "Groups").split(), "group 5 among the groups")
    step.equal(kernel.field(process, "CapEff"), "0" * 16, "CapEff of an ordinary user")
    step.run("run", "--rm", "--user", "app", engine.image, "sh", "-c",
             "id -un; id -gn; id -Gn; echo x 2>/dev/null >/etc/x || echo refused",
             match=r"^app\napp\n(app )?extra\nrefused$")
    step.run("run", "--rm", "--user", "nosuchuser", engine.image, "true", status=None, err="nosuchuser")


def step_read_only(engine, step):
    step.run("run", "--rm", "--read-only", engine.image, "sh", "-c",
             "grep -E '^[^ ]+ / ' /proc/mounts | cut -d' ' -f4 | cut -d, -f1; "
             "echo x >/x", status=1, match="^ro$", err="Read-only file system")
    step.run("run", "--rm", "--read-only", "--tmpfs", "/scratch", engine.image, "sh", "-c",
             "echo x >/scratch/x && cat /scratch/x; "
             "cat /full/content", out="x\nfrom the image")


def step_tmpfs(engine, step):
    script = "grep ' /scratch ' /proc/mounts; head -c 2000000 /dev/zero >/scratch/x; stat -c '%a %s' /scratch /scratch/x"
    result = step.run("run", "--rm", "--tmpfs", "/scratch:size=1m,mode=1770,noexec", engine.image, "sh", "-c", script)
    step.match(r"^tmpfs /scratch tmpfs (?=\S*noexec)(?=\S*nosuid)(?=\S*nodev)\S*size=1024k", result.out, "mount options")
    step.match(r"^1770 \d+\n\d+ 1048576$", result.out, "mode of the tmpfs, size of the file")
    step.run("run", "--rm", "--shm-size", "8m", engine.image, "grep", " /dev/shm ", "/proc/mounts", match="size=8192k")


def step_volumes(engine, step):
    shared = f"{engine.work}/shared"
    os.makedirs(shared, exist_ok=True)
    engine.write("shared/host", "from the host\n")
    step.run("run", "--rm", "-v", f"{shared}:/data", engine.image, "sh", "-c", "cat /data/host; echo inside >/data/made",
             out="from the host")
    step.equal(kernel.read(f"{shared}/made"), "inside\n", "what the container wrote")
    step.run("run", "--rm", "-v", f"{shared}:/data:ro", engine.image, "sh", "-c", "cat /data/made; echo x >/data/new", status=1,
             out="inside", err="Read-only file system")
    step.run("run", "--rm", "-v", f"{shared}/host:/etc/one-file:ro", engine.image, "cat", "/etc/one-file", out="from the host")
    step.run("run", "--rm", "--mount", f"type=bind,src={shared},dst=/deep/er", engine.image, "cat", "/deep/er/host",
             out="from the host")
    step.run("volume", "create", "kept")
    step.run("run", "--rm", "-v", "kept:/v", engine.image, "sh", "-c", "echo kept >/v/file")
    step.run("run", "--rm", "-v", "kept:/v", engine.image, "cat", "/v/file", out="kept")
    step.run("run", "--rm", "-v", "/full", engine.image, "cat", "/full/content", out="from the image")
    # A mount that the host makes later shows inside only where that was asked for.
    os.makedirs(f"{shared}/later", exist_ok=True)
    step.host("mount", "--bind", shared, shared)
    step.host("mount", "--make-shared", shared)
    slave, private = (sleeper(engine, step, "-v", f"{shared}:/data:{how}") for how in ("rslave", "rprivate"))
    step.host("mount", "-t", "tmpfs", "later", f"{shared}/later")
    step.run("exec", slave, "grep", "-c", "/data/later", "/proc/mounts", out="1")
    step.run("exec", private, "grep", "-c", "/data/later", "/proc/mounts", status=1, out="0")
    step.host("umount", f"{shared}/later")
    # And what the container mounts shows outside only where that was asked for.
    script = "mkdir -p /data/inner && mount -t tmpfs inner /data/inner && touch /data/inner/seen"
    for how, seen in (("rslave", False), ("rshared", True)):
        name = sleeper(engine, step, "--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined", "-v", f"{shared}:/data:{how}")
        step.run("exec", name, "sh", "-c", script)
        step.equal(os.path.exists(f"{shared}/inner/seen"), seen, f"the container's mount outside, {how}")
    step.host("umount", f"{shared}/inner")
    step.host("umount", shared)


def step_init(engine, step):
    name = sleeper(engine, step, "--init", command=("sh", "-c", "sh -c 'sleep 0.1 & exec true'; sleep 1000"))
    step.match("init|tini|catatonit", kernel.comm(pid(step, name)), "name of process 1")

    def zombies():
        out = step.run("exec", name, "sh", "-c", "grep -l '^State:.Z' /proc/[0-9]*/status; true").out
        return out.split()
    time.sleep(0.3)
    step.until(lambda: not zombies(), "no zombies")
    start = time.monotonic()
    step.run("stop", name)
    step.true(time.monotonic() - start < 5, "init hands on the signal")
    step.equal(state(step, name), "exited 143", "state after stop")


def step_capabilities(engine, step):
    name = sleeper(engine, step, "--cap-drop", "ALL")
    for field in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        step.equal(kernel.field(pid(step, name), field), "0" * 16, f"{field} with --cap-drop ALL")
    name = sleeper(engine, step, "--cap-drop", "ALL", "--cap-add", "NET_BIND_SERVICE", "--cap-add", "SYS_TIME")
    for field in ("CapPrm", "CapEff", "CapBnd"):
        step.equal(int(kernel.field(pid(step, name), field), 16), 1 << 10 | 1 << 25, field)
    step.run("run", "--rm", "--cap-drop", "CHOWN", engine.image, "chown", "1", "/tmp", status=1, err="Operation not permitted")
    step.run("run", "--rm", engine.image, "chown", "1", "/tmp")
    name = sleeper(engine, step)
    default = int(kernel.field(pid(step, name), "CapEff"), 16)
    step.true(default & 1 << 0 and not default & 1 << 21, "CHOWN is among the default capabilities, SYS_ADMIN is not")
    step.equal(kernel.field(pid(step, name), "NoNewPrivs"), "0", "NoNewPrivs without the option")
    name = sleeper(engine, step, "--security-opt", "no-new-privileges")
    step.equal(kernel.field(pid(step, name), "NoNewPrivs"), "1", "NoNewPrivs")


def step_seccomp(engine, step):
    name = sleeper(engine, step)
    step.equal(kernel.field(pid(step, name), "Seccomp"), "2", "Seccomp")
    step.run("run", "--rm", engine.image, "sh", "-c", "refused || echo $?", match="^(1|38)$")
    step.run("run", "--rm", "--security-opt", "seccomp=unconfined", engine.image, "sh", "-c",
             "grep Seccomp: /proc/self/status; refused && echo allowed",
             out="Seccomp:\t0\nallowed")
    profile = engine.write("seccomp.json", json.dumps({
        "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28},
                     {"names": ["kill"], "action": "SCMP_ACT_ERRNO",
                      "args": [{"index": 1, "value": 10, "op": "SCMP_CMP_EQ"}]}]}))
    step.run("run", "--rm", "--security-opt", f"seccomp={profile}", engine.image, "sh", "-c",
             "kill -10 $$; kill -0 $$ && echo others; mkdir /tmp/x", status=1, out="others",
             err="(?=.*Operation not permitted)(?=.*No space left on device)")


def step_masked_paths(engine, step):
    script = "ls /proc/acpi /sys/firmware | wc -w; head -c 1 /proc/timer_list | wc -c; echo 1 >/proc/sys/kernel/panic"
    step.run("run", "--rm", engine.image, "sh", "-c", script, status=1, out="2\n0", err="panic: Read-only file system")
    step.run("run", "--rm", engine.image, "sh", "-c",
             "d=/sys/fs/cgroup; [ ! -d $d/memory ] || d=$d/memory; mkdir $d/x", status=1,
             err="Read-only file system|Permission denied")


def step_memory_limit(engine, step):
    name = sleeper(engine, step, "--memory", "32m", "--memory-swap", "32m", "--memory-reservation", "16m")
    process = pid(step, name)
    for what, value in (("memory", 32 << 20), ("swap", 32 << 20), ("reservation", 16 << 20)):
        step.equal(kernel.limit(process, what), value, what)


def step_pids_limit(engine, step):
    name = sleeper(engine, step, "--pids-limit", "10")
    step.equal(kernel.limit(pid(step, name), "pids"), 10, "limit")
    step.run("exec", name, "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 2 & done", status=None,
             err="can't fork|Resource temporarily unavailable")


def step_cpu_limits(engine, step):
    name = sleeper(engine, step, "--cpus", "0.5", "--cpu-shares", "512", "--cpuset-cpus", "0", "--cpuset-mems", "0")
    process = pid(step, name)
    for what, value in (("quota", 50000), ("shares", 512), ("cpuset", "0")):
        step.equal(kernel.limit(process, what), value, what)
    step.equal(kernel.field(process, "Cpus_allowed_list"), "0", "processors of the process")


def step_oom(engine, step):
    name = step.name()
    step.run("run", "--name", name, "--memory", "16m", "--memory-swap", "16m", engine.image, "tail", "/dev/zero", status=137)
    step.equal(state(step, name), "exited 137", "state")
    name = step.name()
    step.run("run", "--name", name, "--memory", "16m", "--memory-swap", "16m", engine.image, "sh", "-c",
             "tail /dev/zero; echo $?; sleep 1; exit 3",
             status=3, out="137")
    if engine.oom_is_told:
        step.equal(inspect(step, name, "{{.State.OOMKilled}}"), "true", "OOMKilled when a child was killed")
    step.run("run", "--rm", "--memory", "16m", engine.image, "true")


def step_restart_policy(engine, step):
    name = sleeper(engine, step, "--restart", "on-failure:2", command=("sh", "-c", "echo run; exit 1"))
    step.until(lambda: inspect(step, name, "{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}") == "2 exited 1",
               "two restarts", 20)
    step.equal(logs(step, name).split(), ["run"] * 3, "logs of three runs")


def step_devices(engine, step):
    device = os.stat("/dev/fuse")  # one that no container has by itself
    numbers = f"{os.major(device.st_rdev)},\\s+{os.minor(device.st_rdev)}"
    script = "ls -l /dev/other; : </dev/other && echo readable; : >/dev/other"
    step.run("run", "--rm", "--device", "/dev/fuse:/dev/other:r", engine.image, "sh", "-c", script, status=1,
             match=rf"^c.*\s{numbers}\s.*/dev/other\nreadable$", err="Operation not permitted")
    step.run("run", "--rm", "--device", "/dev/fuse:/dev/other", engine.image, "sh", "-c", script, match="readable")
    step.run("run", "--rm", engine.image, "sh", "-c", "echo x >/dev/null && echo x >/dev/full", status=1,
             err="No space left on device")
    step.run("run", "--rm", engine.image, "sh", "-c", "ls /dev; ls -l /dev/ptmx /dev/stdin /dev/fd",
             match=r"full\n.*null\n.*ptmx.*tty\nurandom\nzero")


def step_limits_and_sysctl(engine, step):
    step.run("run", "--rm", "--ulimit", "nofile=1024:2048", "--ulimit", "nproc=10000:10000", "--sysctl",
             "net.ipv4.ip_forward=1", "--sysctl", "kernel.msgmax=9000",
             engine.image, "sh", "-c", "ulimit -Sn; ulimit -Hn; cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax",
             out="1024\n2048\n1\n9000")
    name = sleeper(engine, step, "--oom-score-adj", "500")
    step.equal(kernel.read(f"/proc/{pid(step, name)}/oom_score_adj").strip(), "500", "oom_score_adj")


def step_descriptors(engine, step):
    """Nothing but the three streams gets in."""
    name = sleeper(engine, step)
    step.equal(sorted(os.listdir(f"/proc/{pid(step, name)}/fd")), ["0", "1", "2"], "descriptors of the first process")
    step.run("exec", "-d", name, "sleep", "778")
    second = step.until(lambda: find("sleep 778"), "the process of exec -d")
    step.equal(sorted(os.listdir(f"/proc/{second}/fd")), ["0", "1", "2"], "descriptors of the process of exec")
    name = sleeper(engine, step, "-t")
    step.equal(sorted(os.listdir(f"/proc/{pid(step, name)}/fd")), ["0", "1", "2"], "descriptors on a terminal")


def step_network(engine, step):
    step.run("run", "--rm", "--network", "none", engine.image, "ls", "/sys/class/net", out="lo")
    step.run("run", "--rm", "--network", "host", engine.image, "hostname", out="engines")
    step.run("run", "--rm", "--network", "host", engine.image, "readlink", "/proc/self/ns/net",
             out=kernel.namespace("self", "net"))
    server = sleeper(engine, step, "-p", "127.0.0.1:8088:80",
                     command=("sh", "-c", "echo page >/tmp/index.html; httpd -f -p 80 -h /tmp"))
    address = inspect(step, server, "{{.NetworkSettings.IPAddress}}")
    # Not wget: busybox's static one looks names up with a library that is not there.
    fetch = "printf 'GET /index.html HTTP/1.0\\r\\n\\r\\n' | busybox nc -w 3"
    step.until(lambda: "page" in step.host("sh", "-c", f"{fetch} 127.0.0.1 8088", status=None).out, "the published port")
    step.run("run", "--rm", engine.image, "sh", "-c", f"{fetch} {address} 80", match="^page$")
    step.run("run", "--rm", engine.image, "sh", "-c",
             "cat /sys/class/net/eth0/operstate; cat /etc/hosts | wc -l; cat /etc/hostname", match="^up")


def step_shared_namespaces(engine, step):
    """Without a process namespace of its own, the engine has to have the rest killed when the first process ends."""
    first = sleeper(engine, step)
    step.run("run", "--rm", "--pid", f"container:{first}", "--network", f"container:{first}", engine.image, "ps",
             match="sleep 1000")
    for kind, option in (("pid", "pid"), ("net", "network"), ("ipc", "ipc"), ("uts", "uts")):
        step.run("run", "--rm", f"--{option}", "host", engine.image, "readlink", f"/proc/self/ns/{kind}",
                 out=kernel.namespace("self", kind))
    name = sleeper(engine, step, "--pid", "host", command=("sh", "-c", "sleep 888 & sleep 0.3"))
    step.run("wait", name, out="0")
    step.until(lambda: "sleep 888" not in kernel.processes().values(), "the end of the other process")


def step_cgroup_namespace(engine, step):
    out = step.run("run", "--rm", "--cgroupns", "private", engine.image, "cat", "/proc/self/cgroup").out
    step.equal({line.split(":", 2)[2] for line in out.split()}, {"/"}, "paths in a cgroup namespace")
    step.run("run", "--rm", "--cgroupns", "private", "--memory", "32m", engine.image, "sh", "-c",
             "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max", out=str(32 << 20))
    step.run("run", "--rm", "--cgroupns", "host", "--memory", "32m", engine.image, "sh", "-c",
             "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || true", match=f"^{32 << 20}$|^$")


def step_copy_and_commit(engine, step):
    name = step.name()
    step.run("run", "--name", name, engine.image, "sh", "-c", "echo new >/tmp/made")
    target = f"{engine.work}/copied"
    step.run("cp", f"{name}:/tmp/made", target)
    step.equal(kernel.read(target), "new\n", "the copied file")
    step.match("A /tmp/made", step.run("diff", name).out, "diff")
    step.run("commit", name, "committed")
    step.run("run", "--rm", "committed", "cat", "/tmp/made", out="new")
    live = sleeper(engine, step)
    step.run("cp", target, f"{live}:/in")
    step.run("exec", live, "cat", "/in", out="new")


def step_parallel(engine, step):
    """20 at a time, each with an output and a status of its own; then 20 that stay, and their end."""
    def one(number):
        return step.run("run", "--rm", engine.image, "sh", "-c", f"echo {number}; exit {number}", status=None)

    def stay(number):
        return step.run("run", "-d", "--name", f"many{number}", engine.image, "sleep", "1000")

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        results: list[Result] = list(pool.map(one, range(20)))
        step.equal([(result.status, result.out.strip()) for result in results], [(number, str(number)) for number in range(20)],
                   "status and output of 20")
        list(pool.map(stay, range(20)))
        pids = [pid(step, f"many{number}") for number in range(20)]
        step.equal(len({number for number in pids if kernel.alive(number)}), 20, "processes that live")
        list(pool.map(lambda number: step.run("exec", f"many{number}", "true"), range(20)))
        list(pool.map(lambda number: remove(engine, step, f"many{number}"), range(20)))
    step.equal([number for number in pids if kernel.alive(number)], [], "processes that are left")


def step_rm_f(engine, step):
    name = sleeper(engine, step, command=("sh", "-c", "sleep 999 & sleep 1000"))
    process = pid(step, name)
    directories = {kernel.group(process, controller)[0] for controller in kernel.groups(process)
                   if controller in kernel.hierarchies()}
    remove(engine, step, name)
    step.true(not kernel.alive(process), "the process is gone")
    step.true("sleep 999" not in kernel.processes().values(), "its child is gone")
    step.until(lambda: not [path for path in directories if os.path.isdir(path)], "its groups are gone", 2)
    step.run("inspect", name, status=None, err="(?i)no such")


STEPS = {name: function for name, function in list(globals().items()) if name.startswith("step_")}
