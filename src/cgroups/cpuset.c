/* The cpuset controller needs more care than the others, a different kind in each version. */
#include "internal.h"

#include <base/util.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *file, *v1_effective, *v2_effective;
    enum cgroup_key key;
} lists[] = {
    { "cpuset.cpus", "cpuset.effective_cpus", "cpuset.cpus.effective", CGROUP_KEY_CPUS },
    { "cpuset.mems", "cpuset.effective_mems", "cpuset.mems.effective", CGROUP_KEY_MEMS },
};

static const char *wanted_list(const struct config_cgroups *cgroups, size_t which)
{
    if (cgroups == NULL)
        return NULL;
    return which == 0 ? cgroups->cpuset_cpus : cgroups->cpuset_mems;
}

static void cut_newline(char *text)
{
    text[strcspn(text, "\n")] = '\0';
}

/* One read: such a list is shorter than a page. */
static int read_list(int dirfd, const char *file, char *list, size_t size)
{
    CLEAN_FD int fd = openat(dirfd, file, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, list, size - 1);

    if (got < 0)
        return -errno;
    list[got] = '\0';
    cut_newline(list);
    return 0;
}

static int inherit_one(
        int parent_fd, const struct group_dir *dir, size_t which, bool fresh, const char *pointer)
{
    char list[4096] = "";
    int r = fresh ? 0 : read_list(dir->fd, lists[which].file, list, sizeof(list));

    if (r < 0)
        return group_fail(dir, lists[which].file, -r, "read", pointer);
    if (list[0] != '\0')
        return 0;
    r = read_list(parent_fd, lists[which].v1_effective, list, sizeof(list));
    if (r < 0)
        return group_fail(dir, lists[which].v1_effective, -r, "read", pointer);
    return group_write(dir, lists[which].file, list, pointer);
}

int cpuset_inherit(
        int parent_fd, const struct group_dir *dir, bool fresh, const struct config_cgroups *cgroups)
{
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        const char *pointer = cgroups != NULL ? cgroup_pointer(cgroups, lists[i].key) : NULL;
        int r = wanted_list(cgroups, i) != NULL ? 0 : inherit_one(parent_fd, dir, i, fresh, pointer);

        if (r < 0)
            return r;
    }
    return 0;
}

/* Reads "A" or "A-B" and moves on to the next range; false at the end of the list. */
static bool next_range(const char **list, unsigned long *ret_first, unsigned long *ret_last)
{
    char *end;

    while (**list == ',' || **list == ' ' || **list == '\n')
        (*list)++;
    if (**list < '0' || **list > '9')
        return false;
    *ret_first = *ret_last = strtoul(*list, &end, 10);
    if (*end == '-')
        *ret_last = strtoul(end + 1, &end, 10);
    *list = end;
    return true;
}

static bool list_has(const char *list, unsigned long number)
{
    unsigned long first, last;

    while (next_range(&list, &first, &last)) {
        if (number >= first && number <= last)
            return true;
    }
    return false;
}

/* Is every number of `inner` in `outer`? Numbers above the kernel's own maximum are in no list. */
static bool list_within(const char *inner, const char *outer)
{
    enum { NUMBERS_MAX = 8192 };
    unsigned long first, last;

    while (next_range(&inner, &first, &last)) {
        if (last >= NUMBERS_MAX)
            return false;
        for (unsigned long n = first; n <= last; n++) {
            if (!list_has(outer, n))
                return false;
        }
    }
    return true;
}

bool cpuset_same(const char *left, const char *right)
{
    return list_within(left, right) && list_within(right, left);
}

int cpuset_check_effective(const struct group_dir *dir, const struct config_cgroups *cgroups)
{
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        const char *wanted = wanted_list(cgroups, i), *pointer = cgroup_pointer(cgroups, lists[i].key);
        CLEAN_FREE char *effective = NULL;
        int r;

        if (wanted == NULL)
            continue;
        r = cgroup_read_text(dir->fd, lists[i].v2_effective, &effective);
        if (r < 0)
            return group_fail(dir, lists[i].v2_effective, -r, "read", pointer);
        cut_newline(effective);
        if (cpuset_same(wanted, effective))
            continue;
        return error_raise(dir->err,
                &(struct error_site){
                        .errnum = EINVAL,
                        .stage = "cgroup",
                        .object = dir->path,
                        .pointer = pointer,
                        .hint = "ask only for CPUs and memory nodes that are online and that the parent "
                                "group has",
                },
                "%s \"%s\" would become \"%s\"", lists[i].file, wanted, effective);
    }
    return 0;
}
