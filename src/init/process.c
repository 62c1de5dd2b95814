#include "init.h"

#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <lcsys/netlink.h>

/* Writes a file of the host's own procfs, which nothing in the container can have replaced. */
static int write_proc(struct init *init, const char *path, const char *text)
{
    int fd = openat(init->host_root, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW), r = 0;
    ssize_t put;

    if (fd < 0)
        return -errno;
    put = write(fd, text, strlen(text));
    if (put != (ssize_t)strlen(text))
        r = put < 0 ? -errno : -EIO;
    (void)close(fd);
    return r;
}

int step_sysctl(struct init *init, const struct wire_op *op)
{
    char path[512] = "proc/sys/";
    int r;

    (void)text_append(path, sizeof(path), init_text(init, op, 0));
    r = write_proc(init, path, init_text(init, op, 1));
    return r < 0 ? init_fail(init, "write", path, r) : 0;
}

int step_label(struct init *init, const struct wire_op *op)
{
    const char *lsm = init_text(init, op, 0), *label = init_text(init, op, 1);
    bool apparmor = strcmp(lsm, "apparmor") == 0;
    char text[512] = "";
    int r;

    if (apparmor)
        (void)text_copy(text, sizeof(text), "exec ");
    (void)text_append(text, sizeof(text), label);
    r = -ENOENT;
    if (apparmor)
        r = write_proc(init, "proc/thread-self/attr/apparmor/exec", text);
    if (r == -ENOENT)
        r = write_proc(init, "proc/thread-self/attr/exec", text);
    return r < 0 ? init_fail(init, "write", "proc/thread-self/attr/exec", r) : 0;
}

int step_oom_score(struct init *init, const struct wire_op *op)
{
    int64_t score = (int64_t)op->number[0];
    char text[32] = "";
    int r;

    if (score < 0)
        (void)text_append(text, sizeof(text), "-");
    text_append_number(text, sizeof(text), (uint64_t)(score < 0 ? -score : score), 10);
    r = write_proc(init, "proc/self/oom_score_adj", text);
    return r < 0 ? init_fail(init, "write", "oom_score_adj", r) : 0;
}

/* We move ourselves: the file was opened, and the right to write it checked, by the parent. */
static int enter_group(struct init *init, int fd)
{
    int r = write(fd, "0", 1) == 1 ? 0 : -errno;

    (void)close(fd);
    return r < 0 ? init_fail(init, "write", "cgroup of the container", r) : 0;
}

int step_wait(struct init *init, const struct wire_op *op)
{
    struct wire_message message;
    int r, fd;

    (void)op;
    for (;;) {
        fd = -1;
        r = wire_receive(WIRE_FD_SOCKET, &message, &fd);
        if (r > 0)
            _exit(1); /* the parent is gone, or gave up: nobody is left to tell */
        if (r == 0 && message.type == WIRE_PLACED) {
            init->ignored = message.op;
            return 0;
        }
        if (r == 0 && (message.type != WIRE_GROUP || fd < 0))
            r = -EPROTO;
        if (r == 0)
            r = enter_group(init, fd);
        if (r < 0)
            return init_fail(init, "recvmsg", "PLACED", r);
    }
}

/* A bridge port forwards only when the kernel has seen the carrier, a moment after "up": a first packet sent before
 * that is lost and comes again a second later. */
static void wait_running(int socket, struct ifreq *request)
{
    const struct timespec pause = { .tv_nsec = 100000 };

    for (int i = 0; i < 500; i++) {
        if (ioctl(socket, SIOCGIFFLAGS, request) < 0 || (request->ifr_flags & IFF_RUNNING) != 0)
            return;
        (void)nanosleep(&pause, NULL);
    }
}

static int send_messages(struct init *init, const struct wire_op *op, int socket, int index)
{
    static _Alignas(struct nlmsghdr) char copy[4096];
    const char *name = init_text(init, op, 0);

    for (uint32_t at = 0; at + sizeof(struct nlmsghdr) <= op->data_length;) {
        struct nlmsghdr *message = (struct nlmsghdr *)(void *)copy;
        const char *next = init->blob + op->data + at;
        int r;

        memcpy(message, next, sizeof(*message));
        if (message->nlmsg_len < sizeof(*message) || message->nlmsg_len > sizeof(copy) ||
                message->nlmsg_len > op->data_length - at)
            return init_fail(init, "netlink", name, -EBADMSG);
        at += NLMSG_ALIGN(message->nlmsg_len);
        memcpy(message, next, message->nlmsg_len);
        r = netlink_set_index(message, message->nlmsg_len, index);
        if (r >= 0)
            r = netlink_request(
                    socket, message, NULL, NULL, init->failure.detail, sizeof(init->failure.detail));
        if (r < 0)
            return init_fail(init, "netlink", name, r);
    }
    return 0;
}

int step_network(struct init *init, const struct wire_op *op)
{
    const char *name = init_text(init, op, 0);
    struct ifreq request = { 0 };
    int socket = netlink_open(), r;

    if (socket < 0)
        return init_fail(init, "socket", "NETLINK_ROUTE", socket);
    (void)text_copy(request.ifr_name, sizeof(request.ifr_name), name);
    if (ioctl(socket, SIOCGIFINDEX, &request) < 0)
        r = init_fail(init, "ioctl", name, -errno);
    else
        r = send_messages(init, op, socket, request.ifr_ifindex);
    if (r == 0)
        wait_running(socket, &request);
    (void)close(socket);
    return r;
}

int step_session(struct init *init, const struct wire_op *op)
{
    (void)op;
    /* Out of the caller's session: what runs in the container cannot type into the caller's terminal. */
    if (setsid() < 0 && errno != EPERM)
        return init_fail(init, "setsid", NULL, -errno);
    if (init->console < 0)
        return 0;
    if (ioctl(init->console, TIOCSCTTY, 0) < 0)
        return init_fail(init, "ioctl", "TIOCSCTTY", -errno);
    /* The terminal belongs to who works at it; not to be had for a foreign one (--console), and no harm then. */
    (void)fchown(init->console, init->uid, (gid_t)-1);
    for (int fd = 0; fd < 3; fd++)
        if (dup2(init->console, fd) < 0)
            return init_fail(init, "dup2", "console", -errno);
    init_close(&init->console);
    return 0;
}

int step_cwd(struct init *init, const struct wire_op *op)
{
    const char *path = init_text(init, op, 0);
    char where[4096];
    long length;

    if (chdir(path) < 0) {
        int r = -errno;

        init_diagnose_path(init, AT_FDCWD, path, -r);
        return init_fail(init, "chdir", path, r);
    }
    /* The system call, not the library's getcwd: outside of the root it says "(unreachable)" (CVE-2024-21626). */
    length = syscall(SYS_getcwd, where, sizeof(where));
    if (length < 0)
        return init_fail(init, "getcwd", path, -errno);
    if (where[0] != '/') {
        init_detail(init, "the directory is outside of the container's root");
        return init_fail(init, "getcwd", path, -EXDEV);
    }
    return 0;
}

/* Signals as a fresh process expects them, whatever the caller ignored or blocked. Handlers are gone by exec; only
 * what is ignored stays so, and the parent has told what that is. */
static void reset_signals(const struct init *init)
{
    unsigned long none[2] = { 0, 0 };
    struct {
        void (*handler)(int);
        unsigned long flags;
        void (*restorer)(void);
        unsigned long mask;
    } action = { .handler = SIG_DFL };

    for (int number = 1; number < 32; number++)
        if ((init->ignored >> (number - 1) & 1) != 0)
            (void)syscall(SYS_rt_sigaction, number, &action, NULL, 8);
    (void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, none, NULL, 8);
}

static const char *find_path(char *const envp[])
{
    for (; *envp != NULL; envp++)
        if (strncmp(*envp, "PATH=", 5) == 0)
            return *envp + 5;
    return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

/* Tries each directory of PATH as a shell does: EACCES is remembered, the search goes on. */
static int exec_search(const char *name, char *const argv[], char *const envp[], char *tried, size_t size)
{
    const char *at = find_path(envp);
    char denied[512] = "";
    int result = -ENOENT;

    for (;;) {
        size_t length = strcspn(at, ":");

        if (length + strlen(name) + 3 <= size) {
            memcpy(tried, at, length);
            tried[length] = '\0';
            (void)text_append(tried, size, length > 0 ? "/" : "./");
            (void)text_append(tried, size, name);
            (void)execve(tried, argv, envp);
            if (errno == EACCES) {
                result = -EACCES;
                (void)text_copy(denied, sizeof(denied), tried);
            } else if (errno != ENOENT && errno != ENOTDIR) {
                return -errno;
            } else if (errno == ENOENT && access(tried, F_OK) == 0) {
                return -ENOENT; /* it is there: its interpreter is not */
            }
        }
        if (at[length] == '\0')
            break;
        at += length + 1;
    }
    (void)text_copy(tried, size, result == -EACCES ? denied : name);
    return result;
}

static char **build_vector(struct init *init, const uint32_t *offsets, uint64_t count, char **vector)
{
    for (uint64_t i = 0; i < count; i++)
        vector[i] = (char *)(uintptr_t)(init->blob + (offsets[i] < init->plan->size ? offsets[i] : 0));
    vector[count] = NULL;
    return vector + count + 1;
}

int step_exec(struct init *init, const struct wire_op *op)
{
    const uint32_t *offsets = (const uint32_t *)(const void *)(init->blob + op->data);
    uint64_t argc = op->number[0], envc = op->number[1];
    struct wire_message ready = { .type = WIRE_READY };
    char tried[512], **argv, **envp;
    int r;

    if (argc == 0 || argc > op->data_length || envc > op->data_length ||
            (argc + envc) * sizeof(*offsets) != op->data_length)
        return init_fail(init, "plan", "exec", -EBADMSG);
    argv = mmap(NULL, (argc + envc + 2) * sizeof(char *), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
            -1, 0);
    if (argv == MAP_FAILED)
        return init_fail(init, "mmap", "argv", -errno);
    envp = build_vector(init, offsets, argc, argv);
    (void)build_vector(init, offsets + argc, envc, envp);
    init_follow_parent(init);
    r = wire_send(WIRE_FD_SOCKET, &ready, -1);
    if (r < 0)
        _exit(1);
    reset_signals(init);
    if (strchr(argv[0], '/') != NULL) {
        (void)text_copy(tried, sizeof(tried), argv[0]);
        (void)execve(argv[0], argv, envp);
        r = -errno;
    } else {
        r = exec_search(argv[0], argv, envp, tried, sizeof(tried));
    }
    init_diagnose_exec(init, tried, -r);
    return init_fail(init, "execve", tried, r);
}
