/* Hooks: programs of others at fixed moments. Whatever they do, they end, or are ended; and what they say is heard only
 * when they fail. */
#include "init.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif

#define OUTPUT_MAX ((size_t)4096)
/* Of a process that goes on writing after the hook itself has ended. */
#define LATE_OUTPUT_MAX ((size_t)1024 * 1024)
#define LOOK_INTERVAL_MS 5

/* One of the list, and while it runs. */
struct hook {
    const char *path, *pointer;
    uint32_t timeout, argc, envc;
    const uint32_t *words; /* offsets: argv, then envp */
    char **argv, **envp;
    pid_t pid;
    int pidfd, output; /* pidfd -1: to be asked again and again */
    int64_t started;
};

/* What it printed last. */
static char ring[OUTPUT_MAX];
static size_t ring_total;

static int64_t now_ms(void)
{
    struct timespec now = { 0 };

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Reads what is there. False at the end. */
static bool drain(int fd, size_t most)
{
    char text[OUTPUT_MAX];
    ssize_t got;

    for (size_t done = 0; done < most; done += (size_t)got) {
        got = read(fd, text, sizeof(text));
        if (got <= 0)
            return got < 0 && (errno == EAGAIN || errno == EINTR);
        for (ssize_t i = 0; i < got; i++)
            ring[(ring_total + (size_t)i) % sizeof(ring)] = text[i];
        ring_total += (size_t)got;
    }
    return true;
}

static void keep_output(struct init *init)
{
    size_t length = ring_total < sizeof(ring) ? ring_total : sizeof(ring), at = ring_total - length;
    char text[OUTPUT_MAX];

    if (length == 0)
        return;
    for (size_t i = 0; i < length; i++)
        text[i] = ring[(at + i) % sizeof(ring)];
    init->output = sys_memfd_create("hook", 1 /* MFD_CLOEXEC */);
    if (init->output >= 0 &&
            (write(init->output, text, length) != (ssize_t)length || lseek(init->output, 0, SEEK_SET) < 0))
        init_close(&init->output);
}

/* The hook's own process, up to its execve: what fails is said through `report`. */
static void become(
        const struct init *init, const struct hook *hook, const struct hooks_run *run, int output, int report)
{
    int r = 0;

    (void)setsid();
    (void)umask(022);
    init_default_signals(UINT32_MAX);
    if (lseek(run->state, 0, SEEK_SET) < 0 || dup2(run->state, 0) < 0 || dup2(output, 1) < 0 ||
            dup2(output, 2) < 0)
        r = -errno;
    if (r == 0 && (run->directory >= 0 ? fchdir(run->directory) : chdir(run->path)) < 0)
        r = -errno;
    if (r == 0 && run->filter != NULL)
        r = init_filter_hook(init, run->filter);
    if (r == 0) {
        (void)execve(hook->path, hook->argv, hook->envp);
        r = -errno;
    }
    (void)!write(report, &r, sizeof(r));
    _exit(127);
}

static pid_t fork_hook(struct hook *hook)
{
    long pid;

    hook->pidfd = -1;
    pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &hook->pidfd, 0, 0);
    if (pid < 0 && errno == EINVAL) {
        hook->pidfd = -1;
        pid = syscall(SYS_clone, SIGCHLD, 0, NULL, 0, 0);
    }
    return (pid_t)pid;
}

static int spawn_hook(struct init *init, struct hook *hook, const struct hooks_run *run)
{
    int output[2], report[2], r = 0;

    if (pipe2(output, O_CLOEXEC) < 0)
        return init_fail(init, "pipe2", hook->path, -errno);
    if (pipe2(report, O_CLOEXEC) < 0) {
        r = -errno;
        (void)close(output[0]);
        (void)close(output[1]);
        return init_fail(init, "pipe2", hook->path, r);
    }
    hook->started = now_ms();
    hook->pid = fork_hook(hook);
    if (hook->pid == 0)
        become(init, hook, run, output[1], report[1]);
    if (hook->pid < 0)
        r = init_fail(init, "clone", hook->path, -errno);
    (void)close(output[1]);
    (void)close(report[1]);
    hook->output = output[0];
    if (r == 0 && read(report[0], &r, sizeof(r)) == (ssize_t)sizeof(r)) {
        init_diagnose_exec(init, hook->path, -r);
        (void)init_fail(init, "execve", hook->path, r);
        init->failure.outcome = WIRE_FAILED;
    }
    (void)close(report[0]);
    /* Only ours: the hook's end blocks as it always does. */
    if (r == 0 && fcntl(hook->output, F_SETFL, O_NONBLOCK) < 0)
        r = init_fail(init, "fcntl", hook->path, -errno);
    return r;
}

static bool has_ended(const struct hook *hook, bool readable)
{
    siginfo_t info = { 0 };

    if (hook->pidfd >= 0)
        return readable;
    return waitid(P_PID, (id_t)hook->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

/* Until it ends: 0; until its time is over: -ETIMEDOUT; or until nobody is there any more who wants to know: -EPIPE. */
static int watch(const struct init *init, const struct hook *hook)
{
    struct pollfd watched[] = { { .fd = hook->output, .events = POLLIN },
        { .fd = hook->pidfd, .events = POLLIN }, { .fd = init->socket } };
    int64_t deadline = hook->started + (int64_t)hook->timeout * 1000;

    for (;;) {
        int64_t left = hook->timeout != 0 ? deadline - now_ms() : -1;

        if (hook->timeout != 0 && left <= 0)
            return -ETIMEDOUT;
        if (hook->pidfd < 0 && (left < 0 || left > LOOK_INTERVAL_MS))
            left = LOOK_INTERVAL_MS;
        if (left > INT32_MAX)
            left = INT32_MAX;
        if (poll(watched, 3, (int)left) < 0 && errno != EINTR)
            return -errno;
        if ((watched[2].revents & (POLLHUP | POLLERR)) != 0)
            return -EPIPE;
        if (watched[0].revents != 0 && !drain(hook->output, OUTPUT_MAX * 16))
            watched[0].fd = -1;
        if (has_ended(hook, watched[1].revents != 0))
            return 0;
    }
}

static void describe_end(struct init *init, const struct hook *hook, int status)
{
    init_detail(init, WIFSIGNALED(status) ? "killed by signal " : "exit status ");
    text_append_number(init->failure.detail, sizeof(init->failure.detail),
            (uint64_t)(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)), 10);
    if (WIFSIGNALED(status)) {
        char name[64] = " (";

        (void)text_append(name, sizeof(name), strsignal(WTERMSIG(status)));
        name[2] = (char)(name[2] | 0x20);
        init_detail(init, name);
        init_detail(init, ")");
    }
    init_detail(init, ", after ");
    text_append_number(
            init->failure.detail, sizeof(init->failure.detail), (uint64_t)(now_ms() - hook->started), 10);
    init_detail(init, " ms");
}

static int end_hook(struct init *init, const struct hook *hook, int result)
{
    int status = 0;
    pid_t got;

    if (result < 0) {
        (void)kill(-hook->pid, SIGKILL);
        (void)kill(hook->pid, SIGKILL);
    }
    do
        got = waitpid(hook->pid, &status, __WALL);
    while (got < 0 && errno == EINTR);
    /* Others may hold the pipe open: what is there counts, nothing is waited for. */
    (void)drain(hook->output, LATE_OUTPUT_MAX);
    if (got < 0)
        return init_fail(init, "waitpid", hook->path, -errno);
    if (result == -ETIMEDOUT) {
        init_detail(init, "timed out after ");
        text_append_number(init->failure.detail, sizeof(init->failure.detail), hook->timeout, 10);
        init_detail(init, " s");
    }
    if (result < 0)
        return init_fail(init, "poll", hook->path, result);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    describe_end(init, hook, status);
    return init_fail(init, "wait", hook->path, -ECANCELED);
}

static char **add_words(const struct init *init, const uint32_t *offsets, uint32_t count, char **vector)
{
    for (uint32_t i = 0; i < count; i++)
        vector[i] = (char *)(uintptr_t)(init->blob + (offsets[i] < init->plan->size ? offsets[i] : 0));
    vector[count] = NULL;
    return vector + count + 1;
}

static int run_hook(struct init *init, struct hook *hook, const struct hooks_run *run)
{
    size_t size = ((size_t)hook->argc + hook->envc + 2) * sizeof(char *);
    int r;

    ring_total = 0;
    hook->output = -1;
    hook->argv = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (hook->argv == MAP_FAILED)
        return init_fail(init, "mmap", hook->path, -errno);
    hook->envp = add_words(init, hook->words, hook->argc, hook->argv);
    (void)add_words(init, hook->words + hook->argc, hook->envc, hook->envp);
    r = spawn_hook(init, hook, run);
    if (r == 0)
        r = end_hook(init, hook, watch(init, hook));
    else if (hook->pid > 0)
        (void)waitpid(hook->pid, NULL, __WALL);
    init_close(&hook->output);
    init_close(&hook->pidfd);
    (void)munmap(hook->argv, size);
    return r;
}

/* The next of the list; false: the data are not a list. */
static bool next_hook(const struct init *init, const struct wire_op *op, uint32_t *at, struct hook *hook)
{
    struct wire_hook header;
    uint64_t words;

    if (op->data_length - *at < sizeof(header))
        return false;
    memcpy(&header, init->blob + op->data + *at, sizeof(header));
    *at += (uint32_t)sizeof(header);
    words = (uint64_t)header.argc + header.envc;
    if (words > (op->data_length - *at) / sizeof(uint32_t) || header.argc == 0 ||
            header.path >= init->plan->size || header.pointer >= init->plan->size)
        return false;
    *hook = (struct hook){ .path = init->blob + header.path,
        .pointer = init->blob + header.pointer,
        .timeout = header.timeout,
        .argc = header.argc,
        .envc = header.envc,
        .words = (const uint32_t *)(const void *)(init->blob + op->data + *at) };
    *at += (uint32_t)(words * sizeof(uint32_t));
    return true;
}

/* The first failure of several is the one that is told. */
static int run_apart(struct init *init, struct hook *hook, const struct hooks_run *run, int result)
{
    static struct wire_message first;
    int r;

    first = init->failure;
    r = run_hook(init, hook, run);
    if (result < 0) {
        init->failure = first;
        return result;
    }
    if (r < 0) {
        (void)text_copy(init->failure.pointer, sizeof(init->failure.pointer), hook->pointer);
        keep_output(init);
    }
    return r;
}

int init_run_hooks(struct init *init, const struct hooks_run *run)
{
    const struct wire_op *op = run->op;
    struct sigaction action = { .sa_handler = SIG_DFL };
    struct wire_hook_list list = { 0 };
    uint32_t at = sizeof(list);
    int result = 0;

    if (init->blob != NULL && op->data_length >= sizeof(list))
        memcpy(&list, init->blob + op->data, sizeof(list));
    if (list.count == 0)
        return 0;
    if (run->state < 0)
        return init_fail(init, "recvmsg", "the container's state, for hooks", -EPROTO);
    /* A caller that ignores it would make the kernel forget how hooks end. */
    (void)sigaction(SIGCHLD, &action, NULL);
    for (uint32_t i = 0; i < list.count && (result == 0 || run->keep_going); i++) {
        struct hook hook;

        if (!next_hook(init, op, &at, &hook))
            return init_fail(init, "plan", "hooks", -EBADMSG);
        result = run_apart(init, &hook, run, result);
    }
    return result;
}

/* The mount that the rootfs lies on must not hand the root's mount on to the host. */
static int make_private(const char *path)
{
    char mount[4096];
    int r;

    for ((void)text_copy(mount, sizeof(mount), path);;) {
        char *slash = strrchr(mount, '/');

        r = sys_mount("", mount[0] != '\0' ? mount : "/", NULL, MS_PRIVATE, NULL);
        if (r != -EINVAL || slash == NULL)
            return r;
        *slash = '\0';
    }
}

/* Hooks know the rootfs by its path on the host; so for a while it is mounted there, instead of on "/". */
static int show_root(struct init *init, const char *path)
{
    int at, r;

    if (path == NULL || init->old_mounts || strcmp(path, "/") == 0)
        return 0;
    r = make_private(path);
    if (r < 0)
        return init_fail(init, "mount", path, r);
    at = openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (at < 0)
        return init_fail(init, "open", path, -errno);
    r = sys_move_mount(init->root, at, NULL);
    (void)close(at);
    return r < 0 ? init_fail(init, "move_mount", path, r) : 0;
}

static int hide_root(struct init *init, const char *path)
{
    int r;

    if (path == NULL || init->old_mounts || strcmp(path, "/") == 0)
        return 0;
    r = sys_move_mount(init->root, init->host_root, NULL);
    return r < 0 ? init_fail(init, "move_mount", "/", r) : 0;
}

int step_hooks(struct init *init, const struct wire_op *op)
{
    struct hooks_run run = { .op = op, .state = -1, .directory = init->root, .path = "/" };
    struct wire_message message = { .type = WIRE_PREPARED };
    const char *path = init_text(init, op, 0);
    int r = show_root(init, path);

    if (r < 0)
        return r;
    r = wire_send(init->socket, &message, -1);
    if (r == 0)
        r = wire_receive(init->socket, &message, &run.state);
    if (r > 0)
        _exit(1); /* a hook of the parent's has failed */
    if (r == 0 && message.type != WIRE_HOOKED)
        r = -EPROTO;
    if (r < 0)
        return init_fail(init, "recvmsg", "HOOKED", r);
    r = init_run_hooks(init, &run);
    init_close(&run.state);
    return r < 0 ? r : hide_root(init, path);
}

int step_run_hooks(struct init *init, const struct wire_op *op)
{
    const char *path = init_text(init, op, 0);
    struct hooks_run run = { .op = op,
        .state = init->slots[op->slot],
        .directory = -1,
        .path = path != NULL ? path : "/",
        .keep_going = op->number[0] != 0 };

    return init_run_hooks(init, &run);
}

int step_done(struct init *init, const struct wire_op *op)
{
    struct wire_message ready = { .type = WIRE_READY };

    (void)op;
    _exit(wire_send(init->socket, &ready, -1) < 0);
}
