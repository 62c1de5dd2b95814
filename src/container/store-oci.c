/* The state root of OCI containers; runtime.h says what lies in it. */
#include "journal.h"
#include "runtime.h"

#include <base/util.h>
#include <security/seccomp.h>

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>

/* No read or write ever goes there: the byte is only a name for the lock of "created". */
#define CREATED_BYTE ((off_t)1 << 40)
#define LOCK_TRIES 5
/* Room for a record, so that it can be written over what was there; of that, for what is only known at the end. */
#define USUAL_RECORD 5120
#define LAST_WORD 2048

static int fail(struct lc_error **err, const char *call, const char *object, int errnum)
{
    return error_raise(err,
            &(struct error_site){ .stage = "state", .syscall = call, .object = object, .errnum = errnum },
            NULL);
}

int id_check(const char *id, struct lc_error **err)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-.";
    size_t length = id != NULL ? strlen(id) : 0, good = id != NULL ? strspn(id, letters) : 0;
    char wrong[40] = "";

    if (good == length && length > 0 && length < 256 && id[0] != '.' && id[0] != '-')
        return 0;
    if (good < length && isprint((unsigned char)id[good]))
        (void)snprintf(wrong, sizeof(wrong), "invalid character `%c` in the ID, ", id[good]);
    return error_raise(err, &(struct error_site){ .stage = "state", .errnum = EINVAL },
            "invalid container id \"%.260s\": %s1 to 255 of the characters A-Z a-z 0-9 _ + - . and neither . "
            "nor - first",
            id != NULL ? id : "", wrong);
}

static int begin(
        struct container *container, struct lc_runtime *runtime, const char *id, struct lc_error **err)
{
    int r = id_check(id, err);

    if (r < 0)
        return r;
    *container = (struct container){ .root_fd = -EBADF,
        .state_fd = fcntl(runtime->fd, F_DUPFD_CLOEXEC, 0),
        .lock_fd = -EBADF,
        .mark_fd = -EBADF,
        .status = -1,
        .log = &runtime->log,
        .record.oci.present = true };
    memcpy(container->id, id, strlen(id) + 1);
    memcpy(container->record_name, id, strlen(id) + 1);
    return container->state_fd >= 0 ? 0 : fail(err, "fcntl", runtime->root, errno);
}

/* 1: whoever had it before us has removed the file, and this lock is on nothing. */
static int lock_opened(struct container *container)
{
    struct stat st;

    while (flock(container->lock_fd, LOCK_EX) < 0)
        if (errno != EINTR)
            return -errno;
    if (fstat(container->lock_fd, &st) < 0)
        return -errno;
    if (st.st_nlink > 0)
        return S_ISREG(st.st_mode) ? 0 : -ENOENT;
    fd_close(&container->lock_fd);
    return 1;
}

int oci_make(struct lc_runtime *runtime, const char *id, struct container *container, struct lc_error **err)
{
    int r = begin(container, runtime, id, err);

    if (r < 0)
        return r;
    container->record.oci.status = -1;
    do {
        container->lock_fd =
                openat(container->state_fd, id, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        r = container->lock_fd < 0 ? -errno : lock_opened(container);
    } while (r > 0);
    if (r == -EEXIST)
        r = error_raise(err, &(struct error_site){ .stage = "state", .errnum = EEXIST },
                "container with given ID already exists: %s", id);
    else if (r < 0)
        r = fail(err, "open", id, -r);
    if (r < 0 && container->lock_fd >= 0)
        (void)unlinkat(container->state_fd, id, 0);
    if (r < 0)
        container_close(container);
    return r;
}

/* What follows the record. A listener takes more than the filter's program: who joins such a container reads everything. */
static size_t follow(struct container *container, struct iovec *parts)
{
    const struct lc_config *config = container->config;
    const struct seccomp_filter *filter = container->filter;
    struct record_oci *oci = &container->record.oci;

    oci->config_length = config->length;
    oci->join_length = filter->notifies ? 0 : config->oci.join_length;
    oci->filter_length = filter->notifies ? 0 : filter->length;
    oci->filter_flags = filter->flags;
    parts[0] = (struct iovec){ (void *)config->text, oci->config_length };
    parts[1] = (struct iovec){ (void *)config->oci.join, oci->join_length };
    parts[2] = (struct iovec){ filter->program, oci->filter_length };
    return oci->config_length + oci->join_length + oci->filter_length;
}

/* The record in one write, and the first time config.json behind it. */
int record_write_oci(struct container *container, struct lc_error **err)
{
    struct record_oci *oci = &container->record.oci;
    bool first = oci->config == 0;
    CLEAN_FREE char *text = NULL;
    size_t length, following = 0, size = USUAL_RECORD;
    struct iovec parts[4];
    ssize_t put;

    if (container->record.owner.pid == 0)
        (void)identity_read(getpid(), &container->record.owner);
    if (first)
        following = follow(container, parts + 1);
    do {
        free(TAKE_POINTER(text));
        oci->config = first ? size : oci->config;
        text = record_format(container, NULL);
        size = text != NULL ? (strlen(text) + LAST_WORD + 1023) / 1024 * 1024 : 0;
    } while (first && size > oci->config);
    length = text != NULL ? strlen(text) : 0;
    if (length == 0 || length > oci->config)
        return fail(err, "malloc", container->id, ENOMEM);
    text = realloc(text, oci->config);
    if (text == NULL)
        return fail(err, "malloc", container->id, ENOMEM);
    memset(text + length, ' ', oci->config - length);
    text[oci->config - 1] = '\n';
    parts[0] = (struct iovec){ text, oci->config };
    put = pwritev(container->lock_fd, parts, first ? 4 : 1, 0);
    if (put != (ssize_t)(oci->config + following))
        return fail(err, "pwritev", container->id, put < 0 ? errno : ENOSPC);
    return 0;
}

static int missing(const char *id, struct lc_error **err)
{
    return error_raise(err, &(struct error_site){ .stage = "state", .errnum = ENOENT },
            "container does not exist: %s", id);
}

/* What open(2) says to nothing, a directory, a link and a socket. */
static bool is_no_file(int errnum)
{
    return errnum == ENOENT || errnum == EISDIR || errnum == ELOOP || errnum == ENXIO;
}

/* 1 (from reading): create was killed before it wrote anything, or is just beginning. 2: what it wrote is damaged. */
static int finish_open(struct container *container, int fd, struct lc_error **err)
{
    int r = record_load(container, fd);

    if (r == 0 && !container->record.oci.present)
        r = -EBADMSG;
    container->record.oci.present = true;
    if (r >= 0)
        return r;
    record_done(&container->record);
    container->record.oci.present = true;
    if (r == -EBADMSG) {
        log_warning(container->log, "the state of container %s is damaged", container->id);
        return 2;
    }
    return fail(err, "open", container->id, -r);
}

static bool is_locked(int fd)
{
    if (flock(fd, LOCK_SH | LOCK_NB) < 0)
        return true;
    (void)flock(fd, LOCK_UN);
    return false;
}

bool oci_is_locked(struct lc_runtime *runtime, const char *id)
{
    CLEAN_FD int fd = -EBADF;

    if (id_check(id, NULL) == 0)
        fd = openat(runtime->fd, id, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 && is_locked(fd);
}

int oci_open(struct lc_runtime *runtime, const char *id, struct container *container, struct lc_error **err)
{
    CLEAN_FD int fd = -EBADF;
    struct stat st;
    int r = begin(container, runtime, id, err);

    if (r < 0)
        return r;
    fd = openat(container->state_fd, id, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        r = is_no_file(errno) ? missing(id, err) : fail(err, "open", id, errno);
    else if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        r = missing(id, err);
    else
        r = finish_open(container, fd, err);
    /* Its maker makes the file, then locks it, then writes: a dead maker's lock is gone. */
    for (int i = 0; i < LOCK_TRIES && r == 1 && !container->beginning; i++) {
        container->beginning = is_locked(fd);
        (void)usleep(200);
        r = finish_open(container, fd, err);
    }
    if (r < 0)
        container_close(container);
    return r < 0 ? r : 0;
}

int oci_open_locked(
        struct lc_runtime *runtime, const char *id, struct container *container, struct lc_error **err)
{
    int r = begin(container, runtime, id, err);

    if (r < 0)
        return r;
    container->lock_fd = openat(container->state_fd, id, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    r = container->lock_fd < 0 ? -errno : lock_opened(container);
    /* 1: deleted while we waited for the lock. There may be another of this name by now, but that is not the one meant. */
    if (r > 0 || is_no_file(-r))
        r = missing(id, err);
    else if (r < 0)
        r = fail(err, "open", id, -r);
    else
        r = finish_open(container, container->lock_fd, err);
    if (r < 0)
        container_close(container);
    return r < 0 ? r : 0;
}

int oci_open_again(const struct container *mine, struct container *container, struct lc_error **err)
{
    const struct identity *before = &mine->record.init, *now = &container->record.init;
    struct lc_runtime runtime = { .fd = mine->state_fd, .log = *mine->log };
    int r = oci_open_locked(&runtime, mine->id, container, err);

    if (r < 0)
        return r;
    container->log = mine->log;
    if (now->pid == before->pid && now->start == before->start)
        return 0;
    container_close(container);
    return missing(mine->id, err);
}

int created_lock(const struct container *container, struct lc_error **err)
{
    struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = CREATED_BYTE, .l_len = 1 };
    CLEAN_FD int fd = openat(container->state_fd, container->id, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0 || fcntl(fd, F_OFD_SETLK, &lock) < 0)
        return fail(err, "fcntl", container->id, errno);
    return fd_take(&fd);
}

static bool is_waiting(const struct container *container)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = CREATED_BYTE, .l_len = 1 };
    CLEAN_FD int fd = openat(container->state_fd, container->id, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

    return fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

const char *status_name(enum status status)
{
    static const char *const names[STATUS_MAX_] = { "creating", "created", "running", "paused", "stopped" };

    return names[status];
}

enum status oci_status(const struct container *container)
{
    const struct record *record = &container->record;
    bool created;

    if ((container->beginning && !record->oci.complete) ||
            (!record->oci.complete && identity_alive(&record->owner)))
        return STATUS_CREATING;
    if (!record->oci.complete || !identity_runs(&record->init))
        return STATUS_STOPPED;
    /* In this order: who does not wait any more has been started. A frozen one cannot answer to `start`. */
    created = is_waiting(container);
    if (!created && !identity_runs(&record->init))
        return STATUS_STOPPED;
    if (cgroup_frozen(&record->groups) > 0)
        return STATUS_PAUSED;
    return created ? STATUS_CREATED : STATUS_RUNNING;
}

void oci_companion(const struct container *container, const char *kind, char *out, size_t size)
{
    struct stat st = { 0 };

    (void)fstatat(container->state_fd, container->record_name, &st, AT_SYMLINK_NOFOLLOW);
    (void)snprintf(out, size, ".%llx.%s", (unsigned long long)st.st_ino, kind);
}

int oci_remove(struct container *container, struct lc_error **err)
{
    char start[COMPANION_MAX];

    journal_remove(container);
    oci_companion(container, "start", start, sizeof(start));
    if (unlinkat(container->state_fd, start, 0) < 0 && errno != ENOENT)
        return fail(err, "unlinkat", start, errno);
    if (unlinkat(container->state_fd, container->id, 0) < 0 && errno != ENOENT)
        return fail(err, "unlinkat", container->id, errno);
    return 0;
}
