/* The only file of this room that touches the system: reads a configuration from a directory. */
#include <config/reader.h>

#include <base/util.h>

#include <fcntl.h>
#include <sys/stat.h>

static int raise_system(struct lc_error **err, const char *syscall, const char *file, const char *hint)
{
    struct error_site site = {
        .stage = "config", .errnum = errno, .syscall = syscall, .object = file, .hint = hint
    };

    return error_raise(err, &site, NULL);
}

/* Reads until the end, or one byte more than is allowed; that byte makes config_parse refuse it. */
static int read_all(int fd, char *text, size_t capacity, size_t *ret_length)
{
    size_t length = 0;

    while (length < capacity) {
        ssize_t got = read(fd, text + length, capacity - length);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        length += (size_t)got;
    }
    *ret_length = length;
    return 0;
}

int config_read_file(int dirfd, const char *name, const char *file, const char *hint, char **ret_text,
        size_t *ret_length, struct lc_error **err)
{
    const struct error_site irregular = { .stage = "config", .object = file };
    CLEAN_FREE char *text = NULL;
    CLEAN_FD int fd = -EBADF;
    struct stat status;
    size_t length = 0, capacity;

    /* Without O_NONBLOCK a FIFO in this place would hang us. */
    fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return raise_system(err, "openat", file, errno == ENOENT ? hint : NULL);
    if (fstat(fd, &status) < 0)
        return raise_system(err, "fstat", file, NULL);
    if (!S_ISREG(status.st_mode))
        return error_raise(err, &irregular, "not a regular file");
    capacity = status.st_size < TEXT_MAX ? (size_t)status.st_size + 1 : (size_t)TEXT_MAX + 1;
    text = malloc(capacity);
    if (text == NULL)
        return raise_system(err, "malloc", file, NULL);
    if (read_all(fd, text, capacity, &length) < 0)
        return raise_system(err, "read", file, NULL);
    if (length > (size_t)status.st_size && length <= TEXT_MAX)
        return error_raise(err, &irregular, "the file changed while it was read");
    *ret_text = TAKE_POINTER(text);
    *ret_length = length;
    return 0;
}

int config_load(int dirfd, const char *name, const char *file, const struct config_options *options,
        struct lc_config **ret, struct lc_error **err)
{
    CLEAN_FREE char *text = NULL;
    size_t length = 0;
    int r = config_read_file(
            dirfd, name, file, "`nsinit spec > container.json` makes one to start from", &text, &length, err);

    return r < 0 ? r : config_parse(text, length, file, options, ret, err);
}
