/* All of the caller's containers of root directories: the records of the state directory. */
#include "control.h"

#include <base/util.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* "DEVICE-INODE.json", in hexadecimal; the directory holds records of checks too. */
static bool is_record(const char *name)
{
    static const char digits[] = "0123456789abcdef";
    size_t device = strspn(name, digits), inode;

    if (device == 0 || name[device] != '-')
        return false;
    inode = strspn(name + device + 1, digits);
    return inode > 0 && strcmp(name + device + 1 + inode, ".json") == 0;
}

static int is_candidate(const struct dirent *entry)
{
    return is_record(entry->d_name);
}

/* One that has ended, or ends just now, is none. */
static void add_one(const struct container *directory, const char *name, struct buffer *out)
{
    struct container container = { .root_fd = -EBADF,
        .state_fd = directory->state_fd,
        .lock_fd = -EBADF,
        .mark_fd = -EBADF,
        .log = directory->log };
    enum status status;
    CLEAN_FREE char *text = NULL;

    (void)snprintf(container.record_name, sizeof(container.record_name), "%s", name);
    if (root_look(&container) == 0 && container.record.root != NULL) {
        (void)snprintf(container.root, sizeof(container.root), "%s", container.record.root);
        status = container_status(&container);
        if (status != STATUS_STOPPED)
            text = record_format(&container, status_name(status));
    }
    if (text != NULL)
        buffer_printf(out, "%s%s", out->length > 1 ? ",\n" : "", text);
    record_done(&container.record);
}

int lc_list(char **ret_json, struct lc_error **err)
{
    static const struct log quiet;
    struct container directory;
    struct dirent **entries = NULL;
    struct buffer out = { 0 };
    char path[64];
    int n, r = container_open(&directory, "/", "/", &quiet, err);

    if (r < 0) {
        container_close(&directory);
        return r;
    }
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", directory.state_fd);
    n = scandir(path, &entries, is_candidate, alphasort);
    if (n < 0) {
        r = error_raise(
                err, &(struct error_site){ .stage = "state", .syscall = "scandir", .errnum = errno }, NULL);
        container_close(&directory);
        return r;
    }
    buffer_text(&out, "[");
    for (int i = 0; i < n; i++) {
        add_one(&directory, entries[i]->d_name, &out);
        free(entries[i]);
    }
    free(entries);
    container_close(&directory);
    buffer_text(&out, "]\n");
    *ret_json = buffer_take_text(&out);
    return *ret_json != NULL ? 0 : refuse(err, "state", ENOMEM, "no memory for the list");
}
