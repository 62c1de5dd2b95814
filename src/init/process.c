#include "init.h"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <lcsys/netlink.h>

/* Writes a file of the host's own procfs, which nothing in the container can have replaced. */
int init_write_proc(const struct init *init, const char *path, const char *text)
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
    r = init_write_proc(init, path, init_text(init, op, 1));
    return r < 0 ? init_fail(init, "write", path, r) : 0;
}

int step_label(struct init *init, const struct wire_op *op)
{
    const char *lsm = init_text(init, op, 0), *label = init_text(init, op, 1);
    bool apparmor = strcmp(lsm, "apparmor") == 0, key = strcmp(lsm, "selinux-key") == 0;
    const char *file = key ? "proc/thread-self/attr/keycreate" : "proc/thread-self/attr/exec";
    char text[512] = "";
    int r;

    if (apparmor)
        (void)text_copy(text, sizeof(text), "exec ");
    (void)text_append(text, sizeof(text), label);
    r = -ENOENT;
    if (apparmor)
        r = init_write_proc(init, "proc/thread-self/attr/apparmor/exec", text);
    if (r == -ENOENT)
        r = init_write_proc(init, file, text);
    return r < 0 ? init_fail(init, "write", file, r) : 0;
}

/* The user may search it: so that a process that joins the container finds it by name. */
#define KEYRING_RIGHTS 0x3f1b0000ul /* KEY_POS_ALL, KEY_USR_VIEW, READ, SEARCH, LINK */

int step_keyring(struct init *init, const struct wire_op *op)
{
    const char *name = init_text(init, op, 0);
    long key = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name);

    if (key < 0) {
        init_detail(init, errno == EDQUOT ? "the user has too many keys" : "");
        init_detail(init, errno == ENOSYS ? "the kernel has no keyrings" : "");
        return init_fail(init, "keyctl", name, -errno);
    }
    /* One that was there is another's, and has its rights. */
    if (syscall(SYS_keyctl, KEYCTL_SETPERM, key, KEYRING_RIGHTS) < 0 && errno != EACCES)
        return init_fail(init, "keyctl", name, -errno);
    return 0;
}

static bool has_score(const struct init *init, int64_t score)
{
    int fd = openat(init->host_root, "proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);
    char text[32] = "";
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

    init_close(&fd);
    return got > 0 && strtol(text, NULL, 10) == score;
}

int step_oom_score(struct init *init, const struct wire_op *op)
{
    int64_t score = (int64_t)op->number[0];
    char text[32] = "";
    int r;

    if (score < 0)
        (void)text_append(text, sizeof(text), "-");
    text_append_number(text, sizeof(text), (uint64_t)(score < 0 ? -score : score), 10);
    r = init_write_proc(init, "proc/self/oom_score_adj", text);
    /* Lowering takes a right of the host's: who has it may have done it for us. */
    if (r == -EACCES && has_score(init, score))
        r = 0;
    return r < 0 ? init_fail(init, "write", "oom_score_adj", r) : 0;
}

/* We move ourselves: the files were opened, and the right to write them checked, by the parent. */
static int enter_groups(struct init *init, const int *fds, size_t count)
{
    int r = 0;

    for (size_t i = 0; i < count; i++) {
        if (r == 0 && write(fds[i], "0", 1) != 1)
            r = -errno;
        (void)close(fds[i]);
    }
    return r < 0 ? init_fail(init, "write", "cgroup of the container", r) : 0;
}

int step_wait(struct init *init, const struct wire_op *op)
{
    int fds[WIRE_DESCRIPTORS_MAX], r;
    struct wire_message message;
    size_t count;

    (void)op;
    r = wire_receive_all(init->socket, &message, fds, WIRE_DESCRIPTORS_MAX, &count);
    if (r > 0)
        _exit(1); /* the parent is gone, or gave up: nobody is left to tell */
    if (r == 0 && message.type != WIRE_PLACED)
        r = -EPROTO;
    if (r < 0)
        return init_fail(init, "recvmsg", "PLACED", r);
    init->ignored = message.op;
    return enter_groups(init, fds, count);
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

/* A program opens /dev/stdout anew: pipes and terminals become the user's; a file of the host's keeps its owner. */
static void give_streams(const struct init *init)
{
    for (int fd = 0; fd < 3; fd++) {
        struct stat st;

        if (fstat(fd, &st) < 0 || st.st_uid == init->uid || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) ||
                S_ISBLK(st.st_mode) || (S_ISCHR(st.st_mode) && !isatty(fd)))
            continue;
        (void)fchown(fd, init->uid, (gid_t)-1); /* a foreign one stays foreign, and no harm */
    }
}

int step_session(struct init *init, const struct wire_op *op)
{
    /* Out of the caller's session: what runs in the container cannot type into the caller's terminal. */
    if (setsid() < 0 && errno != EPERM)
        return init_fail(init, "setsid", NULL, -errno);
    if (init->console < 0) {
        if (op->number[0] != 0)
            give_streams(init);
        return 0;
    }
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

/* Below the root by descriptor: links of the image lead nowhere else. */
static int make_directory(struct init *init, const char *path)
{
    int fd = path_open(init->root, path, PATH_MAKE_DIRECTORY, false);

    if (fd < 0) {
        init_diagnose_path(init, init->root, path, -fd);
        return init_fail(init, "mkdirat", path, fd);
    }
    (void)close(fd);
    return 0;
}

int step_cwd(struct init *init, const struct wire_op *op)
{
    const char *path = init_text(init, op, 0);
    char where[4096];
    long length;

    if (op->number[0] == WIRE_CWD_MAKE)
        return make_directory(init, path);
    if ((op->number[0] != WIRE_CWD_LAST || init->cwd_refused) && chdir(path) < 0) {
        int r = -errno;

        init->cwd_refused = op->number[0] == WIRE_CWD_FIRST && (r == -EACCES || r == -EPERM);
        if (init->cwd_refused)
            return 0;
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
