/* pid and start, for the world to see. The directory may be the rootfs itself, writable by the container: so they
 * are written atomically, never followed, and never believed. */
#include "container.h"

#include <base/util.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const names[] = { "start", "pid" };

static void temporary_name(char *out, size_t size, const char *name, pid_t owner)
{
    (void)snprintf(out, size, ".%s.%d", name, (int)owner);
}

static int write_file(
        const struct container *container, const char *name, unsigned long long number, struct lc_error **err)
{
    char temporary[32], text[32];
    int fd, length = snprintf(text, sizeof(text), "%llu\n", number), saved;

    temporary_name(temporary, sizeof(temporary), name, container->record.owner.pid);
    fd = openat(container->root_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0 && errno == EEXIST) {
        (void)unlinkat(container->root_fd, temporary, 0);
        fd = openat(
                container->root_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    }
    if (fd >= 0) {
        bool written = write(fd, text, (size_t)length) == length && fchmod(fd, 0644) == 0;

        fd_close(&fd);
        if (written && renameat(container->root_fd, temporary, container->root_fd, name) == 0)
            return 0;
        saved = errno;
        (void)unlinkat(container->root_fd, temporary, 0);
        errno = saved;
    }
    return error_raise(err,
            &(struct error_site){ .stage = "state",
                    .op = "write",
                    .object = name,
                    .errnum = errno,
                    .hint = errno == EROFS || errno == EACCES ? "give a writable directory with --root"
                                                              : NULL },
            "%s", container->root);
}

int files_write(const struct container *container, struct lc_error **err)
{
    int r = write_file(container, "start", container->record.init.start, err);

    /* pid last: who sees it may rely on start being there. */
    return r < 0 ? r : write_file(container, "pid", (unsigned long long)container->record.init.pid, err);
}

void files_warn_stale(const struct container *container)
{
    char text[32] = "";
    CLEAN_FD int fd =
            openat(container->root_fd, "pid", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return;
    if (read(fd, text, sizeof(text) - 1) < 0)
        text[0] = '\0';
    /* Somebody else's text does not go to the caller's terminal. */
    text[strspn(text, "0123456789")] = '\0';
    log_warning(container->log, "the pid file in %s (%s) is stale and is replaced", container->root, text);
}

void files_remove(const struct container *container)
{
    (void)unlinkat(container->root_fd, "pid", 0);
    (void)unlinkat(container->root_fd, "start", 0);
    /* What another's crash left half-way. */
    for (size_t i = 0; container->record.owner.pid != getpid() && i < ARRAY_SIZE(names); i++) {
        char temporary[32];

        temporary_name(temporary, sizeof(temporary), names[i], container->record.owner.pid);
        (void)unlinkat(container->root_fd, temporary, 0);
    }
}
