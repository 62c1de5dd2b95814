#include "container.h"

#include <base/util.h>
#include <lcsys/processor.h>
#include <lcsys/syscalls.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* The child answers within milliseconds, unless a file system that it mounts hangs. */
#define ANSWER_TIMEOUT_MS 60000

static int raise_call(struct lc_error **err, const char *call, int result)
{
    return error_raise(
            err, &(struct error_site){ .stage = "spawn", .syscall = call, .errnum = -result }, NULL);
}

static int plan_memory(const struct lc_plan *plan, struct lc_error **err)
{
    size_t size = 0;
    CLEAN_FREE void *blob = plan_blob((struct lc_plan *)plan, &size);
    int fd;

    if (blob == NULL)
        return raise_call(err, "malloc", -ENOMEM);
    fd = sys_memfd_create("nsinit-plan", MFD_CLOEXEC);
    if (fd < 0)
        return raise_call(err, "memfd_create", fd);
    if (write(fd, blob, size) != (ssize_t)size) {
        fd_close(&fd);
        return raise_call(err, "write", -errno);
    }
    return fd;
}

/* A stdio of -1 becomes the host's /dev/null. */
static int fill_stdio(struct spawn *spawn, const int stdio[3], int *ret_null)
{
    for (int i = 0; i < 3; i++) {
        spawn->stdio[i] = stdio[i];
        if (spawn->stdio[i] >= 0 && fcntl(spawn->stdio[i], F_GETFD) >= 0)
            continue;
        if (*ret_null < 0)
            *ret_null = openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC);
        if (*ret_null < 0)
            return -errno;
        spawn->stdio[i] = *ret_null;
    }
    return 0;
}

/* The child works beside us until it waits for its groups. Only where it can be given back what it had: with no mask of its own. */
static void send_away(struct session *session)
{
    struct processors now;

    if (!session->netns_begun || !session->netns.maker_roams || session->plan->forks)
        return;
    processors_look(&now);
    session->away = processors_send_away(&now, session->pid);
}

static int let_roam(struct session *session, struct lc_error **err)
{
    int r = session->away ? processors_free(session->pid) : 0;

    session->away = false;
    return r == -ESRCH ? 0 : r < 0 ? raise_call(err, "sched_setaffinity", r) : 0;
}

int session_start(
        struct session *session, const int stdio[3], const int *given, int cgroup_fd, struct lc_error **err)
{
    CLEAN_FD int image = -EBADF, plan = -EBADF, null = -EBADF, child = -EBADF;
    struct spawn *spawn = &session->spawn;
    int pair[2], r;

    image = image_open(err);
    if (image < 0)
        return image;
    plan = plan_memory(session->plan, err);
    if (plan < 0)
        return plan;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return raise_call(err, "socketpair", -errno);
    session->socket = pair[0];
    child = pair[1];
    *spawn = (struct spawn){ .clone_flags = session->plan->clone_flags,
        .cgroup_fd = cgroup_fd,
        .given = given,
        .n_given = session->plan->n_given,
        .plan_fd = plan,
        .image_fd = image,
        .child_socket = child,
        .parent_socket = pair[0],
        .own_memory = cgroup_fd >= 0 && session->memory_limited,
        .wait_mapped = session->plan->map_ids };
    r = fill_stdio(spawn, stdio, &null);
    if (r < 0)
        return raise_call(err, "open", r);
    r = spawn_child(spawn);
    if (r < 0)
        return error_raise(err,
                &(struct error_site){ .stage = "spawn",
                        .op = "clone",
                        .syscall = "clone3",
                        .pointer = session->plan->config->pointers->namespaces,
                        .errnum = -r,
                        .hint = hint_clone(-r, spawn->clone_flags) },
                NULL);
    session->pid = spawn->pid;
    session->pidfd = spawn->pidfd;
    send_away(session);
    log_line(session->log, "spawn: pid %d", (int)spawn->pid);
    return 0;
}

/* The child shares our memory until it has executed the image: our ends of its descriptors must not be closed before.
 * The first word from it, or its end, says so. */
static void heard_from_child(struct session *session)
{
    spawn_release(&session->spawn);
}

/* The child tells only how far it came: its ops run in order. */
static void log_ops(const struct session *session, size_t done)
{
    for (size_t i = 0; session->log->steps && session->plan != NULL && i < done && i < session->plan->n_ops;
            i++) {
        struct buffer out = { 0 };
        char *text;

        plan_print_op(session->plan, i, &out);
        text = buffer_take_text(&out);
        log_line(session->log, "%s: ok", text != NULL ? text : "");
        free(text);
    }
}

static const char *stage(const struct session *session)
{
    return session->stage != NULL ? session->stage : session->plan->forks ? "join" : "create";
}

/* What a hook has printed comes along as a file. */
static void read_output(int fd, char *out, size_t size)
{
    ssize_t got = fd >= 0 ? pread(fd, out, size - 1, 0) : 0;

    out[got > 0 ? got : 0] = '\0';
    for (size_t length = strlen(out); length > 0 && (out[length - 1] == '\n' || out[length - 1] == ' ');)
        out[--length] = '\0';
}

/* `start` has no plan: the keys of what the child does after its START. */
static const char *late_pointer(enum wire_op_kind kind)
{
    const struct config_pointers *keys = &config_pointers_oci;

    switch (kind) {
    case WIRE_OP_SECCOMP:
        return keys->seccomp;
    case WIRE_OP_CAPABILITIES:
        return keys->capabilities;
    case WIRE_OP_EXEC:
        return keys->command;
    default:
        return NULL;
    }
}

static const char *error_pointer(const struct session *session, const struct wire_message *message)
{
    if (message->pointer[0] != '\0') /* a hook's own */
        return message->pointer;
    if (session->plan == NULL)
        return late_pointer(message->kind);
    return message->op < session->plan->n_ops ? session->plan->pointers[message->op] : NULL;
}

static int child_error(
        struct session *session, const struct wire_message *message, int output_fd, struct lc_error **err)
{
    static const enum error_kind kinds[] = { ERROR_GENERIC, ERROR_NOT_EXECUTABLE, ERROR_NOT_FOUND };
    const char *pointer = error_pointer(session, message);
    char output[4097];
    struct error_site site = {
        .kind = message->outcome < ARRAY_SIZE(kinds) ? kinds[message->outcome] : ERROR_GENERIC,
        .stage = stage(session),
        .op = message->op != UINT32_MAX ? wire_op_name(message->kind) : "start",
        .syscall = message->syscall[0] != '\0' ? message->syscall : NULL,
        .object = message->object[0] != '\0' ? message->object : NULL,
        .pointer = pointer != NULL && pointer[0] != '\0' ? pointer : NULL,
        .errnum = message->errnum,
    };
    int r;

    read_output(output_fd, output, sizeof(output));
    r = error_raise(err, &site, "%s%s%s%s", message->pointer[0] != '\0' ? "error running hook: " : "",
            message->detail, output[0] != '\0' ? "; it printed: " : "", output);
    log_ops(session, message->op);
    log_line(session->log, "child %s: %s %s: %s", site.op, message->syscall, message->object,
            strerror(message->errnum));

    if (err != NULL && session->plan != NULL)
        hint_add(*err, message, session->plan);
    return r;
}

static int child_vanished(struct session *session, struct lc_error **err)
{
    int status = 0;

    /* `start` speaks with a process that is not its child. */
    if (session->pid < 0)
        return error_raise(err, &(struct error_site){ .stage = stage(session), .errnum = EPIPE },
                "the container's process has ended");
    if (wait_process(session->pid, session->pidfd, &status) < 0)
        status = -1;
    session->pid = -1;
    return error_raise(err, &(struct error_site){ .stage = stage(session), .errnum = EPIPE },
            "the container's process ended during set-up with status %d", status);
}

/* A join's second process: the first has done its work and ends. A container with CAP_SYS_PTRACE and no user namespace
 * can take the socket out of the second and speak in its place. So the pid is believed only once, and only of a child
 * that is ours and not yet reaped; its descriptor is our own look-up. */
static int take_fork(struct session *session, const struct wire_message *message, struct lc_error **err)
{
    siginfo_t info;
    int r;

    if (session->pid != session->spawn.pid || message->pid == session->spawn.pid)
        return -EPROTO;
    if (waitid(P_PID, (id_t)message->pid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0) {
        session->failed = (signals_ignored() >> (SIGCHLD - 1) & 1) != 0;
        return session->failed ? raise_reaped(err) : -EPROTO;
    }
    r = wait_process(session->spawn.pid, session->spawn.pidfd, NULL);
    fd_close(&session->spawn.pidfd);
    session->pid = message->pid;
    session->pidfd = sys_pidfd_open(session->pid);
    /* Who ignores SIGCHLD cannot know how it ended, but it has. */
    return r == -ECHILD ? 0 : r;
}

/* A container that has been paused while the process was on its way in. */
static bool is_paused(const struct session *session)
{
    return session->groups != NULL && cgroup_frozen(session->groups) > 0;
}

static int receive(struct session *session, struct wire_message *message, int *ret_fd, struct lc_error **err)
{
    struct pollfd ready[] = { { .fd = session->socket, .events = POLLIN },
        { .fd = session->meanwhile, .events = POLLIN } };
    int r;

    do
        r = poll(ready, ARRAY_SIZE(ready), session->patient ? -1 : ANSWER_TIMEOUT_MS);
    while ((r < 0 && errno == EINTR) || (r == 0 && is_paused(session)));
    if (ready[0].revents == 0 && ready[1].revents != 0)
        return error_raise(err, &(struct error_site){ .stage = stage(session), .errnum = ESRCH },
                "the container's process ended while its hooks ran");
    if (r == 0)
        return error_raise(err, &(struct error_site){ .stage = stage(session), .errnum = ETIMEDOUT },
                "the container's process gave no answer for %d seconds", ANSWER_TIMEOUT_MS / 1000);
    r = wire_receive(session->socket, message, ret_fd);
    if (r < 0)
        return error_raise(err, &(struct error_site){ .stage = "create", .syscall = "recvmsg", .errnum = -r },
                "message from the container's process");
    heard_from_child(session);
    return r;
}

/* What may come at any time, or is waited for; 1: it is what was waited for. */
static int take_message(struct session *session, const struct wire_message *message, int *fd,
        enum wire_message_type until, struct lc_error **err)
{
    switch ((enum wire_message_type)message->type) {
    case WIRE_CONSOLE:
        if (session->console >= 0 || *fd < 0)
            return -EPROTO;
        session->console = fd_take(fd);
        return 0;
    case WIRE_NOTIFY:
        if (session->listener >= 0 || *fd < 0)
            return -EPROTO;
        session->listener = fd_take(fd);
        return until == WIRE_NOTIFY;
    case WIRE_CHILD: {
        int r = session->plan != NULL && session->plan->forks && message->pid > 0
                        ? take_fork(session, message, err)
                        : -EPROTO;

        return r < 0 ? r : until == WIRE_CHILD;
    }
    case WIRE_READY:
        if (until != WIRE_READY || session->ready)
            return -EPROTO;
        session->ready = true;
        return 0;
    case WIRE_UNSHARED:
        session->unshared++;
        return until == WIRE_UNSHARED;
    case WIRE_TREE:
        session->in_place = true;
        return until == WIRE_TREE;
    case WIRE_PREPARED:
    case WIRE_CREATED:
        return message->type == until ? 1 : -EPROTO;
    case WIRE_ERROR: {
        int r = child_error(session, message, *fd, err);

        session->failed = true;
        return r;
    }
    default:
        return -EPROTO;
    }
}

int session_until(struct session *session, enum wire_message_type until, struct lc_error **err)
{
    for (;;) {
        struct wire_message message;
        int fd = -1, r = receive(session, &message, &fd, err);

        if (r < 0)
            return r;
        if (r > 0 && session->ready)
            log_ops(session, session->plan != NULL ? session->plan->n_ops : 0);
        if (r > 0)
            return session->ready ? 0 : child_vanished(session, err);
        log_line(session->log, "child: %s", wire_message_name(message.type));
        r = take_message(session, &message, &fd, until, err);
        fd_close(&fd);
        if (r > 0)
            return 0;
        if (r < 0 && session->failed)
            return r;
        if (r < 0)
            return error_raise(err, &(struct error_site){ .stage = stage(session), .errnum = -r },
                    "unexpected message %s", wire_message_name(message.type));
    }
}

int session_unshared(struct session *session, unsigned int count, struct lc_error **err)
{
    int r = 0;

    while (r == 0 && session->unshared < count)
        r = session_until(session, WIRE_UNSHARED, err);
    return r;
}

/* The child enters the groups by itself. Closes the descriptors; -1 among them: nothing to enter. */
static int place(struct session *session, int *fds, size_t count, struct lc_error **err)
{
    struct wire_message message = { .type = WIRE_PLACED, .op = signals_ignored() };
    int given[WIRE_DESCRIPTORS_MAX], r;
    size_t n = 0;

    for (size_t i = 0; i < count; i++)
        if (fds[i] >= 0)
            given[n++] = fds[i];
    r = wire_send_all(session->socket, &message, given, n);
    given_close(fds, count);
    /* A child that has died says why itself: session_until reads its last word. */
    return r == -EPIPE || r == -ECONNRESET ? 0 : r < 0 ? raise_call(err, "sendmsg", r) : 0;
}
_Static_assert(CGROUP_HIERARCHIES_MAX <= WIRE_DESCRIPTORS_MAX, "all groups go in one message");

int session_place(struct session *session, const struct cgroup_set *groups, struct lc_error **err)
{
    int fds[CGROUP_HIERARCHIES_MAX], r = let_roam(session, err);

    if (r == 0)
        r = cgroup_place(groups, session->pid, session->spawn.placed, err);
    if (r < 0)
        return r;
    session->spawn.placed |= r > 0;
    for (size_t i = 0; i < groups->count; i++) {
        fds[i] = -EBADF;
        if (groups->groups[i].v2 && session->spawn.placed)
            continue;
        fds[i] = cgroup_open_entry(&groups->groups[i], err);
        if (fds[i] < 0) {
            r = fds[i];
            given_close(fds, i);
            return r;
        }
    }
    return place(session, fds, groups->count, err);
}

int session_place_below(
        struct session *session, const struct cgroup_set *groups, const char *below, struct lc_error **err)
{
    int fds[CGROUP_HIERARCHIES_MAX], r;
    CLEAN_FREE char *text = strdup(below);
    const char *specs[CGROUP_HIERARCHIES_MAX + 1]; /* the last: one too many */
    size_t n = 0;

    for (char *at = text; at != NULL && n < ARRAY_SIZE(specs);)
        specs[n++] = strsep(&at, "\n");
    if (text == NULL)
        return raise_call(err, "malloc", -ENOMEM);
    if (n == ARRAY_SIZE(specs))
        return error_raise(err, &(struct error_site){ .stage = "exec", .op = "--cgroup", .errnum = E2BIG },
                "more than %d groups", CGROUP_HIERARCHIES_MAX);
    r = cgroup_open_entries_below(groups, specs, n, fds, err);
    return r < 0 ? r : place(session, fds, groups->count, err);
}

/* v1: who is in a group that somebody has frozen does not even die of SIGKILL. */
static void await_death(const struct session *session)
{
    enum { PATIENCE_MS = 100 };
    struct pollfd end = { .fd = session->pidfd, .events = POLLIN };

    if (session->pidfd < 0 || poll(&end, 1, PATIENCE_MS) == 0)
        (void)cgroup_take_out(session->pid);
    (void)wait_process(session->pid, session->pidfd, NULL);
}

void session_abort(struct session *session)
{
    if (session->pid > 0) {
        (void)signal_process(session->pid, session->pidfd, SIGKILL);
        await_death(session);
    }
    session->pid = -1;
    guard_end(&session->guard);
    heard_from_child(session);
    session_close(session);
}

void session_close(struct session *session)
{
    netns_drop(session);
    fd_close(&session->socket);
    fd_close(&session->console);
    fd_close(&session->listener);
    fd_close(&session->pidfd);
}

void session_init(struct session *session, const struct log *log)
{
    *session = (struct session){ .log = log,
        .socket = -EBADF,
        .console = -EBADF,
        .listener = -EBADF,
        .pid = -1,
        .pidfd = -EBADF,
        .meanwhile = -1,
        .spawn = { .pidfd = -EBADF } };
}
