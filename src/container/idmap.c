/* uid_map and gid_map of a new user namespace. */
#include "idmap.h"

#include <base/util.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int write_map(pid_t pid, const char *name, const char *text, size_t length, const char *pointer,
        struct lc_error **err)
{
    char path[64];
    CLEAN_FD int fd = -EBADF;
    ssize_t put;

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    fd = openat(AT_FDCWD, path, O_WRONLY | O_CLOEXEC);
    put = fd < 0 ? -1 : write(fd, text, length);
    if (put == (ssize_t)length)
        return 0;
    return error_raise(err,
            &(struct error_site){ .stage = "create",
                    .op = "user namespace",
                    .syscall = "write",
                    .object = path,
                    .pointer = pointer,
                    .errnum = put < 0 ? errno : EIO,
                    .hint = put < 0 && errno == EPERM
                                    ? "an ordinary user can only map his own id, one entry of size 1"
                            : put < 0 && errno == EINVAL && length >= (size_t)sysconf(_SC_PAGESIZE)
                                    ? "the kernel takes a map of less than one page of text: fewer entries, "
                                      "or shorter "
                                      "numbers"
                                    : NULL },
            NULL);
}

static int write_mappings(pid_t pid, const char *name, const struct config_mapping *mappings, size_t count,
        unsigned int own, const char *pointer, struct lc_error **err)
{
    struct buffer text = { 0 };
    int r;

    for (size_t i = 0; i < count; i++)
        buffer_printf(&text, "%u %u %u\n", mappings[i].container_id, mappings[i].host_id, mappings[i].size);
    if (count == 0)
        buffer_printf(&text, "0 %u 1\n", own);
    if (text.failed)
        r = error_raise(err, &(struct error_site){ .stage = "create", .errnum = ENOMEM }, NULL);
    else
        r = write_map(pid, name, text.data, text.length, pointer, err);
    buffer_done(&text);
    return r;
}

/* What the kernel lets an ordinary user map: himself. */
static bool is_own(const struct config_mapping *mappings, size_t count, unsigned int own)
{
    return count == 0 || (count == 1 && mappings[0].host_id == own && mappings[0].size == 1);
}

int idmap_write(const struct lc_config *config, pid_t pid, struct lc_error **err)
{
    const char *uid_pointer = config->pointers->uid_mappings, *gid_pointer = config->pointers->gid_mappings;
    bool by_helper =
            geteuid() != 0 && (!is_own(config->uid_mappings, config->n_uid_mappings, geteuid()) ||
                                      !is_own(config->gid_mappings, config->n_gid_mappings, getegid()));
    int r = 0;

    if (by_helper) {
        r = idmap_by_helper(pid, "newuidmap", config->uid_mappings, config->n_uid_mappings, uid_pointer, err);
        return r < 0 ? r
                     : idmap_by_helper(pid, "newgidmap", config->gid_mappings, config->n_gid_mappings,
                               gid_pointer, err);
    }
    /* Without privilege the kernel asks for this first: groups could deny access, so dropping them must not be possible. */
    if (geteuid() != 0)
        r = write_map(pid, "setgroups", "deny", 4, gid_pointer, err);
    if (r == 0)
        r = write_mappings(
                pid, "uid_map", config->uid_mappings, config->n_uid_mappings, geteuid(), uid_pointer, err);
    if (r == 0)
        r = write_mappings(
                pid, "gid_map", config->gid_mappings, config->n_gid_mappings, getegid(), gid_pointer, err);
    return r;
}

int idmap_write_mappings(
        const struct config_mappings *mappings, pid_t pid, const char *pointer, struct lc_error **err)
{
    int r = write_mappings(pid, "uid_map", mappings->uid, mappings->n_uid, geteuid(), pointer, err);

    return r < 0 ? r
                 : write_mappings(pid, "gid_map", mappings->gid, mappings->n_gid, getegid(), pointer, err);
}
