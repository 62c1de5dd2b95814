/*
 * The floor: the kernel work of one default container, written by hand with nothing around it. No
 * configuration, no checks of its input, no log, no state: what is left is what the kernel costs.
 *
 *     floor [--masks] ROOTFS GROUP
 *
 *     parent                                   child (pid 1 of the container)
 *     clone3, 6 namespaces, pidfd      ----->  / rslave, bind ROOTFS, proc sys dev pts shm mqueue
 *     mkdir GROUP, device rules                masks (--masks), pivot_root, umount the old root
 *                                              hostname, lo up
 *     go                               ----->  attach itself to GROUP, execve /bin/true
 *     waitid, rmdir GROUP
 *
 * GROUP is PARENT/NAME below the v1 devices hierarchy, or below the cgroup2 root where there is none
 * (then the child is born in it by CLONE_INTO_CGROUP, and no device filter is loaded). PARENT must exist.
 * Exit status: 0, or 1 with one line on stderr.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define SAFE (MS_NOSUID | MS_NODEV | MS_NOEXEC)

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

/* struct clone_args of linux/sched.h, which musl-gcc cannot include. */
struct clone_request {
    uint64_t flags;
    uint64_t pidfd;
    uint64_t child_tid;
    uint64_t parent_tid;
    uint64_t exit_signal;
    uint64_t stack;
    uint64_t stack_size;
    uint64_t tls;
    uint64_t set_tid;
    uint64_t set_tid_size;
    uint64_t cgroup;
};

struct job {
    const char *rootfs;
    const char *name; /* of the group, below base */
    int masks;
    int base;
    int unified; /* base is the cgroup2 root */
};

struct node {
    const char *path;
    unsigned int major;
    unsigned int minor;
};

struct link {
    const char *target;
    const char *path;
};

static const struct node nodes[] = {
    { "dev/null", 1, 3 },
    { "dev/zero", 1, 5 },
    { "dev/full", 1, 7 },
    { "dev/random", 1, 8 },
    { "dev/urandom", 1, 9 },
    { "dev/tty", 5, 0 },
};

static const struct link links[] = {
    { "pts/ptmx", "dev/ptmx" },
    { "/proc/self/fd", "dev/fd" },
    { "/proc/self/fd/0", "dev/stdin" },
    { "/proc/self/fd/1", "dev/stdout" },
    { "/proc/self/fd/2", "dev/stderr" },
};

static const char *const masked_files[] = {
    "proc/interrupts",
    "proc/kcore",
    "proc/keys",
    "proc/latency_stats",
    "proc/sched_debug",
    "proc/timer_list",
    "proc/timer_stats",
};

static const char *const masked_dirs[] = {
    "proc/acpi",
    "proc/asound",
    "proc/scsi",
    "sys/devices/virtual/powercap",
    "sys/firmware",
};

static const char *const readonly_paths[] = {
    "proc/bus",
    "proc/fs",
    "proc/irq",
    "proc/sys",
    "proc/sysrq-trigger",
};

static const char *const device_rules[] = {
    "c *:* m",
    "b *:* m",
    "c 1:3 rwm",
    "c 1:5 rwm",
    "c 1:7 rwm",
    "c 1:8 rwm",
    "c 1:9 rwm",
    "c 5:0 rwm",
    "c 5:1 rwm",
    "c 5:2 rwm",
    "c 136:* rwm",
    "c 10:200 rwm",
};

static _Noreturn void die(const char *step, const char *object)
{
    dprintf(STDERR_FILENO, "floor: %s %s: %s\n", step, object, strerror(errno));
    _exit(1);
}

static void check(int result, const char *step, const char *object)
{
    if (result < 0)
        die(step, object);
}

static void add_mount(
        const char *source, const char *target, const char *type, unsigned long flags, const char *data)
{
    check(mount(source, target, type, flags, data), "mount", target);
}

/* The child's half. The working directory is the new root from enter_root() on, so paths are relative. */

static void enter_root(const char *rootfs)
{
    add_mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL);
    add_mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL);
    check(chdir(rootfs), "chdir", rootfs);
}

static void fill_dev(void)
{
    add_mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k");
    for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
        check(mknod(nodes[i].path, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)), "mknod",
                nodes[i].path);
    for (size_t i = 0; i < ARRAY_SIZE(links); i++)
        check(symlink(links[i].target, links[i].path), "symlink", links[i].path);
    check(mkdir("dev/pts", 0755), "mkdir", "dev/pts");
    check(mkdir("dev/shm", 0755), "mkdir", "dev/shm");
    check(mkdir("dev/mqueue", 0755), "mkdir", "dev/mqueue");
}

static void mount_all(void)
{
    add_mount("proc", "proc", "proc", SAFE, NULL);
    add_mount("sysfs", "sys", "sysfs", SAFE | MS_RDONLY, NULL);
    fill_dev();
    add_mount(
            "devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620,gid=5");
    add_mount("shm", "dev/shm", "tmpfs", SAFE, "mode=1777,size=65536k");
    add_mount("mqueue", "dev/mqueue", "mqueue", SAFE, NULL);
}

/* True when the path was there to be mounted on: the kernel's ENOENT is the only existence check. */
static int mount_if_there(
        const char *source, const char *target, const char *type, unsigned long flags, const char *data)
{
    if (mount(source, target, type, flags, data) == 0)
        return 1;
    if (errno != ENOENT)
        die("mount", target);
    return 0;
}

/* One empty read-only tmpfs, bound over every masked directory after the first. */
static void mask_dirs(void)
{
    const char *empty = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(masked_dirs); i++) {
        const char *path = masked_dirs[i];

        if (empty)
            mount_if_there(empty, path, NULL, MS_BIND, NULL);
        else if (mount_if_there("tmpfs", path, "tmpfs", SAFE | MS_RDONLY, "size=0"))
            empty = path;
    }
}

static void mask_all(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(masked_files); i++)
        mount_if_there("dev/null", masked_files[i], NULL, MS_BIND, NULL);
    mask_dirs();
    for (size_t i = 0; i < ARRAY_SIZE(readonly_paths); i++) {
        const char *path = readonly_paths[i];

        if (mount_if_there(path, path, NULL, MS_BIND, NULL))
            add_mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | SAFE, NULL);
    }
}

static void pivot(void)
{
    check((int)syscall(SYS_pivot_root, ".", "."), "pivot_root", ".");
    check(umount2(".", MNT_DETACH), "umount", "old root");
}

static void set_host(void)
{
    struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    check(sethostname("floor", 5), "sethostname", "floor");
    check(fd, "socket", "AF_INET");
    check(ioctl(fd, SIOCSIFFLAGS, &request), "SIOCSIFFLAGS", "lo");
}

/*
 * Writing "0" to the v1 file tasks moves the calling thread alone, and that is the one attach that does
 * not take cgroup_threadgroup_rwsem for writing: on a quiet machine any other waits 5-15 ms for an RCU
 * grace period (kernel commit 9a3284fad42f).
 */
static void attach_self(int base, const char *name)
{
    char path[256];
    int fd;

    snprintf(path, sizeof(path), "%s/tasks", name);
    fd = openat(base, path, O_WRONLY | O_CLOEXEC);
    check(fd, "open", path);
    check((int)write(fd, "0", 1), "write", path);
}

static _Noreturn void run_child(const struct job *job, int go_fd)
{
    char *const argv[] = { "/bin/true", NULL };
    char *const envp[] = { "PATH=/bin", NULL };
    char byte;

    umask(0);
    enter_root(job->rootfs);
    mount_all();
    if (job->masks)
        mask_all();
    pivot();
    set_host();
    if (read(go_fd, &byte, 1) != 1)
        die("read", "go");
    if (!job->unified)
        attach_self(job->base, job->name);
    execve(argv[0], argv, envp);
    die("execve", argv[0]);
}

/* The parent's half: it makes the group while the child mounts. */

static void open_base(struct job *job)
{
    job->base = open("/sys/fs/cgroup/devices", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (job->base >= 0)
        return;
    job->unified = 1;
    job->base = open("/sys/fs/cgroup", O_PATH | O_DIRECTORY | O_CLOEXEC);
    check(job->base, "open", "/sys/fs/cgroup");
}

static int make_group(const struct job *job)
{
    int group;

    check(mkdirat(job->base, job->name, 0755), "mkdir", job->name);
    group = openat(job->base, job->name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    check(group, "open", job->name);
    return group;
}

static void write_rule(int fd, const char *rule)
{
    check((int)write(fd, rule, strlen(rule)), "write device rule", rule);
}

static void set_devices(int group)
{
    int deny = openat(group, "devices.deny", O_WRONLY | O_CLOEXEC);
    int allow = openat(group, "devices.allow", O_WRONLY | O_CLOEXEC);

    check(deny, "open", "devices.deny");
    check(allow, "open", "devices.allow");
    write_rule(deny, "a");
    for (size_t i = 0; i < ARRAY_SIZE(device_rules); i++)
        write_rule(allow, device_rules[i]);
}

static int wait_child(int pidfd)
{
    siginfo_t info = { 0 };

    check(waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED), "waitid", "child");
    return info.si_code == CLD_EXITED ? info.si_status : 1;
}

static void start(const struct job *job, int *go, int *pidfd)
{
    struct clone_request request = {
        .flags = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP |
                 CLONE_PIDFD,
        .pidfd = (uint64_t)(uintptr_t)pidfd,
        .exit_signal = SIGCHLD,
    };
    pid_t pid;

    if (job->unified) {
        request.flags |= CLONE_INTO_CGROUP;
        request.cgroup = (uint64_t)make_group(job);
    }
    pid = (pid_t)syscall(SYS_clone3, &request, sizeof(request));
    check(pid, "clone3", "six namespaces");
    if (pid == 0) {
        close(go[1]); /* a parent that died must read as end of file */
        run_child(job, go[0]);
    }
}

static int run(struct job *job)
{
    int pidfd = -1;
    int go[2];
    int status;

    check(pipe2(go, O_CLOEXEC), "pipe", "go");
    open_base(job);
    start(job, go, &pidfd);
    if (!job->unified)
        set_devices(make_group(job));
    check((int)write(go[1], "g", 1), "write", "go");
    status = wait_child(pidfd);
    check(unlinkat(job->base, job->name, AT_REMOVEDIR), "rmdir", job->name);
    return status;
}

int main(int argc, char **argv)
{
    int masks = argc == 4 && strcmp(argv[1], "--masks") == 0;
    struct job job = { .masks = masks };

    if (argc != 3 && !masks) {
        dprintf(STDERR_FILENO, "usage: floor [--masks] ROOTFS GROUP\n");
        return 2;
    }
    job.rootfs = argv[argc - 2];
    job.name = argv[argc - 1];
    return run(&job);
}
