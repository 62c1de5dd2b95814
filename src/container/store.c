/* The state directory: one file per container, named after the root directory's device and inode, which is record
 * and lock in one. It lies where nothing in a container can write, unlike the pid file. */
#include "container.h"
#include "runtime.h"

#include <base/util.h>
#include <lcsys/rootless.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_TRIES 50

static void state_path(char *path, size_t size)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");

    if (!sys_is_rootless())
        (void)snprintf(path, size, "/run/nsinit");
    else if (runtime != NULL && runtime[0] == '/')
        (void)snprintf(path, size, "%s/nsinit", runtime);
    else
        (void)snprintf(path, size, "/tmp/nsinit-%u", (unsigned int)geteuid());
}

static int open_state(struct container *container, struct lc_error **err)
{
    char path[PATH_MAX];
    struct stat st;

    state_path(path, sizeof(path));
    container->state_fd = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (container->state_fd < 0 && errno == ENOENT) {
        if (mkdir(path, 0700) < 0 && errno != EEXIST)
            return error_raise(err,
                    &(struct error_site){
                            .stage = "state", .syscall = "mkdir", .object = path, .errnum = errno },
                    NULL);
        container->state_fd = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }
    if (container->state_fd < 0)
        return error_raise(err,
                &(struct error_site){ .stage = "state", .syscall = "open", .object = path, .errnum = errno },
                NULL);
    if (fstat(container->state_fd, &st) < 0 || st.st_uid != geteuid() || (st.st_mode & 0077) != 0) {
        /* Whoever can write here can make us join or kill anything. */
        return error_raise(err,
                &(struct error_site){ .stage = "state",
                        .object = path,
                        .errnum = EPERM,
                        .hint = "it must be a directory of the caller with mode 0700" },
                "the state directory is not safe");
    }
    return 0;
}

int container_open(struct container *container, const char *root, const char *rootfs, const struct log *log,
        struct lc_error **err)
{
    struct stat st;

    *container = (struct container){
        .root_fd = -EBADF, .state_fd = -EBADF, .lock_fd = -EBADF, .mark_fd = -EBADF, .status = -1, .log = log
    };
    if (realpath(root != NULL ? root : ".", container->root) == NULL)
        return error_raise(err,
                &(struct error_site){ .stage = "state",
                        .op = "root directory",
                        .syscall = "realpath",
                        .object = root,
                        .errnum = errno },
                NULL);
    if (realpath(rootfs != NULL ? rootfs : ".", container->rootfs) == NULL)
        return error_raise(err,
                &(struct error_site){ .stage = "state",
                        .op = "rootfs",
                        .syscall = "realpath",
                        .object = rootfs,
                        .errnum = errno },
                NULL);
    container->root_fd = openat(AT_FDCWD, container->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (container->root_fd < 0 || fstat(container->root_fd, &st) < 0)
        return error_raise(err,
                &(struct error_site){ .stage = "state",
                        .op = "root directory",
                        .syscall = "open",
                        .object = container->root,
                        .errnum = errno },
                NULL);
    (void)snprintf(container->id, sizeof(container->id), "%llx-%llx", (unsigned long long)st.st_dev,
            (unsigned long long)st.st_ino);
    (void)snprintf(container->record_name, sizeof(container->record_name), "%s.json", container->id);
    return open_state(container, err);
}

void container_close(struct container *container)
{
    container_unlock(container);
    record_done(&container->record);
    free(TAKE_POINTER(container->final));
    fd_close(&container->mark_fd);
    fd_close(&container->root_fd);
    fd_close(&container->state_fd);
}

int container_lock(struct container *container, struct lc_error **err)
{
    struct stat st;

    if (container->lock_fd >= 0)
        return 0;
    for (;;) {
        int fd = openat(
                container->state_fd, container->record_name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

        if (fd < 0)
            break;
        while (flock(fd, LOCK_EX) < 0)
            if (errno != EINTR) {
                fd_close(&fd);
                break;
            }
        if (fd < 0)
            break;
        /* The one who had it may have removed the file meanwhile: then this lock is on nothing. */
        if (fstat(fd, &st) == 0 && st.st_nlink > 0) {
            container->lock_fd = fd;
            return 0;
        }
        fd_close(&fd);
    }
    return error_raise(err,
            &(struct error_site){ .stage = "state",
                    .op = "lock",
                    .syscall = "open",
                    .object = container->record_name,
                    .errnum = errno },
            NULL);
}

void container_unlock(struct container *container)
{
    struct stat st;

    /* An empty record file says nothing: it is only left by a look at a container that is not there. An OCI container's says
     * that create was killed, which `delete` cleans up after. */
    if (container->lock_fd >= 0 && !container->record.oci.present && fstat(container->lock_fd, &st) == 0 &&
            st.st_size == 0 && st.st_nlink > 0)
        (void)unlinkat(container->state_fd, container->record_name, 0);
    fd_close(&container->lock_fd);
}

int record_write(struct container *container, struct lc_error **err)
{
    CLEAN_FREE char *text = NULL;
    size_t length;

    if (container->record.oci.present)
        return record_write_oci(container, err);
    if (container->record.owner.pid == 0)
        (void)identity_read(getpid(), &container->record.owner);
    text = record_format(container, NULL);
    if (text == NULL)
        return error_raise(err, &(struct error_site){ .stage = "state", .errnum = ENOMEM }, NULL);
    length = strlen(text);
    /* One write, never shorter than the one before: members are only added. */
    if (pwrite(container->lock_fd, text, length, 0) != (ssize_t)length)
        return error_raise(err,
                &(struct error_site){ .stage = "state",
                        .op = "record",
                        .syscall = "pwrite",
                        .object = container->record_name,
                        .errnum = errno },
                NULL);
    return 0;
}

/* The record is there before all that stands behind it: a write that large is not atomic. */
static bool is_short(const struct record_oci *oci, off_t size)
{
    return (unsigned long long)size <
           oci->config + oci->config_length + oci->join_length + oci->filter_length;
}

/* A writer may be at it just now. */
int record_load(struct container *container, int fd)
{
    struct stat st;
    bool again = true;
    int r = -EBADMSG;

    for (int i = 0; i < READ_TRIES && again; i++) {
        CLEAN_FREE char *text = NULL;
        ssize_t got;

        record_done(&container->record);
        if (fstat(fd, &st) < 0)
            return -errno;
        if (st.st_size == 0)
            return 1;
        text = calloc(1, (size_t)(st.st_size < RECORD_MAX ? st.st_size : RECORD_MAX) + 1);
        if (text == NULL)
            return -ENOMEM;
        got = pread(fd, text, (size_t)(st.st_size < RECORD_MAX ? st.st_size : RECORD_MAX), 0);
        r = got > 0 ? record_parse(text, &container->record) : -EBADMSG;
        again = r == -EBADMSG || (r == 0 && is_short(&container->record.oci, st.st_size));
        if (again)
            (void)usleep(1000);
    }
    return r;
}

int record_read(struct container *container, struct lc_error **err)
{
    CLEAN_FREE char *text = NULL;
    struct stat st;
    int r;

    record_done(&container->record);
    if (fstat(container->lock_fd, &st) < 0 || st.st_size == 0 || st.st_size > RECORD_MAX)
        return 1;
    text = calloc(1, (size_t)st.st_size + 1);
    if (text == NULL)
        return error_raise(err, &(struct error_site){ .stage = "state", .errnum = ENOMEM }, NULL);
    r = pread(container->lock_fd, text, (size_t)st.st_size, 0) == st.st_size
                ? record_parse(text, &container->record)
                : -EIO;
    if (r < 0) {
        log_warning(container->log, "the record %s is damaged and ignored", container->record_name);
        record_done(&container->record);
        if (ftruncate(container->lock_fd, 0) < 0)
            return -errno;
        return 1;
    }
    return 0;
}
