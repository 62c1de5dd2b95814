/* What the caller of create and exec gets besides the return value: pid files, and descriptors through a socket. */
#include "runtime.h"

#include <base/util.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* A path of any length, by the directory's descriptor. */
static int connect_to(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    CLEAN_FD int socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CLEAN_FD int target = openat(AT_FDCWD, path, O_PATH | O_CLOEXEC);

    if (target < 0 || socket_fd < 0)
        return -errno;
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", target);
    if (connect(socket_fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    return fd_take(&socket_fd);
}

int send_descriptor(const char *path, int fd, const char *payload, size_t length, const char *what,
        const char *pointer, struct lc_error **err)
{
    struct iovec part = { .iov_base = (void *)payload, .iov_len = length };
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {
        .header = { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int)) }
    };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control.bytes)
    };
    CLEAN_FD int socket_fd = connect_to(path);
    struct error_site site = {
        .stage = what, .pointer = pointer, .syscall = "connect", .object = path, .errnum = -socket_fd
    };

    if (socket_fd < 0)
        return error_raise(err, &site, NULL);
    memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    if (sendmsg(socket_fd, &message, MSG_NOSIGNAL) == (ssize_t)length)
        return 0;
    site.syscall = "sendmsg";
    site.errnum = errno;
    return error_raise(err, &site, NULL);
}

int send_console(struct session *session, const char *path, struct lc_error **err)
{
    static const char name[] = "/dev/ptmx";
    int flags, r;

    if (session->console < 0 || path == NULL)
        return 0;
    /* Ours does not block, for the relay; who gets it expects one that does, as any new terminal. */
    flags = fcntl(session->console, F_GETFL);
    if (flags < 0 || fcntl(session->console, F_SETFL, flags & ~O_NONBLOCK) < 0)
        return error_raise(err,
                &(struct error_site){ .stage = "console socket", .syscall = "fcntl", .errnum = errno }, NULL);
    r = send_descriptor(path, session->console, name, sizeof(name) - 1, "console socket", NULL, err);
    fd_close(&session->console);
    return r;
}

/* Atomically: who sees the file sees the whole number. */
int pid_file_write(const char *path, pid_t pid, struct lc_error **err)
{
    CLEAN_FREE char *temporary = NULL;
    const char *slash = strrchr(path, '/');
    char text[16];
    int fd, length = snprintf(text, sizeof(text), "%d", (int)pid), saved;

    if (asprintf(&temporary, "%.*s.%s.%d", slash != NULL ? (int)(slash + 1 - path) : 0, path,
                slash != NULL ? slash + 1 : path, (int)getpid()) < 0) {
        temporary = NULL;
        return error_raise(err, &(struct error_site){ .stage = "pid file", .errnum = ENOMEM }, NULL);
    }
    (void)unlink(temporary);
    fd = openat(AT_FDCWD, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd >= 0) {
        bool written = write(fd, text, (size_t)length) == length && fchmod(fd, 0644) == 0;

        fd_close(&fd);
        if (written && rename(temporary, path) == 0)
            return 0;
        saved = errno;
        (void)unlink(temporary);
        errno = saved;
    }
    return error_raise(err,
            &(struct error_site){ .stage = "pid file", .syscall = "open", .object = path, .errnum = errno },
            NULL);
}

int hand_over(struct session *session, const char *console_socket, const char *pidfd_socket,
        const char *pid_file, struct lc_error **err)
{
    int r = send_console(session, console_socket, err);

    if (r == 0 && pidfd_socket != NULL)
        r = send_descriptor(pidfd_socket, session->pidfd, "pidfd", 5, "pidfd socket", NULL, err);
    if (r == 0 && pid_file != NULL)
        r = pid_file_write(pid_file, session->pid, err);
    return r;
}
