/* Stopping all processes of a container at once, and letting them go on. */
#include "internal.h"

#include <base/util.h>

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define V1_STATE "freezer.state"
#define V1_SELF "freezer.self_freezing"
#define V2_FREEZE "cgroup.freeze"
#define V2_EVENTS "cgroup.events"

/* Asked for in this very group: a frozen group above does not count. */
int cgroup_group_frozen(const struct cgroup_group *group)
{
    CLEAN_FREE char *text = NULL;
    int r = cgroup_read_file(group, group->v2 ? V2_FREEZE : V1_SELF, &text);

    return r < 0 ? r : text[0] == '1';
}

/* By the usual name of the mount: where it is that, the others need not be asked. */
static bool is_usual(const struct cgroup_group *group)
{
    const char *slash = strrchr(group->mount, '/');

    return !group->v2 && slash != NULL && strcmp(slash, "/freezer") == 0;
}

/* v1 where the host has it, as everybody looks there; the core of v2 has its own. NULL: neither. *ret_frozen: is it? */
static const struct cgroup_group *find_freezer(const struct cgroup_set *set, int *ret_frozen)
{
    const struct cgroup_group *found = NULL;

    for (size_t i = 0; i < set->count; i++) {
        int frozen = is_usual(&set->groups[i]) ? cgroup_group_frozen(&set->groups[i]) : -ENOENT;

        if (frozen >= 0) {
            *ret_frozen = frozen;
            return &set->groups[i];
        }
    }
    for (size_t i = 0; i < set->count; i++) {
        const struct cgroup_group *group = &set->groups[i];
        int frozen = found == NULL || !group->v2 ? cgroup_group_frozen(group) : -ENOENT;

        if (frozen < 0)
            continue;
        *ret_frozen = frozen;
        found = group;
    }
    return found;
}

const struct cgroup_group *cgroup_freezer_group(const struct cgroup_set *set)
{
    int frozen;

    return find_freezer(set, &frozen);
}

bool cgroup_can_freeze(const struct cgroup_set *set)
{
    return cgroup_freezer_group(set) != NULL;
}

int cgroup_frozen(const struct cgroup_set *set)
{
    int frozen = 0;

    return find_freezer(set, &frozen) == NULL ? 0 : frozen;
}

static int write_state(const struct cgroup_group *group, bool frozen)
{
    char path[PATH_MAX];
    CLEAN_FD int fd = -EBADF;

    (void)snprintf(path, sizeof(path), "%s/%s", group->path, group->v2 ? V2_FREEZE : V1_STATE);
    fd = openat(AT_FDCWD, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    if (group->v2)
        return cgroup_write_text(fd, frozen ? "1" : "0");
    return cgroup_write_text(fd, frozen ? "FROZEN" : "THAWED");
}

/* v1 has no notification. A process that came in after the order, or was being traced, keeps the group at FREEZING:
 * the order is given again, now and then with a short thaw between. */
static int wait_v1(const struct cgroup_group *group, int64_t deadline)
{
    enum { THAW_EVERY = 25 };
    unsigned step_us = 0;
    int r = 0;

    for (unsigned round = 1; r == 0; round++) {
        CLEAN_FREE char *state = NULL;

        r = cgroup_read_file(group, V1_STATE, &state);
        if (r < 0 || strcmp(state, "FROZEN\n") == 0)
            return r;
        if (!cgroup_pause(deadline, &step_us))
            return -ETIMEDOUT;
        if (round % THAW_EVERY == 0)
            r = write_state(group, false);
        if (r == 0)
            r = write_state(group, true);
    }
    return r;
}

/* POLLPRI comes with every change of cgroup.events since the last read. */
static int wait_v2(const struct cgroup_group *group, bool frozen, int64_t deadline)
{
    char path[PATH_MAX], text[256];
    struct pollfd events = { .events = POLLPRI };
    CLEAN_FD int fd = -EBADF;

    (void)snprintf(path, sizeof(path), "%s/" V2_EVENTS, group->path);
    fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    for (;;) {
        ssize_t got = pread(fd, text, sizeof(text) - 1, 0);
        int64_t left = deadline - cgroup_now_ms();

        if (got < 0)
            return -errno;
        text[got] = '\0';
        if (strstr(text, frozen ? "frozen 1" : "frozen 0") != NULL)
            return 0;
        if (left <= 0)
            return -ETIMEDOUT;
        events.fd = fd;
        if (poll(&events, 1, (int)left) < 0 && errno != EINTR)
            return -errno;
    }
}

static int freeze_fail(const struct cgroup_group *group, int errnum, bool frozen, struct lc_error **err)
{
    return error_raise(err,
            &(struct error_site){ .stage = "cgroup",
                    .errnum = errnum,
                    .object = group->path,
                    .hint = errnum == ETIMEDOUT
                                    ? "a process in it waits in the kernel and cannot be stopped now"
                                    : NULL },
            frozen ? "cannot freeze the container; it runs on" : "cannot thaw the container");
}

int cgroup_freeze(const struct cgroup_set *set, bool frozen, int timeout_ms, struct lc_error **err)
{
    const struct cgroup_group *group = cgroup_freezer_group(set);
    int64_t deadline = cgroup_now_ms() + timeout_ms;
    int r;

    if (group == NULL)
        return error_raise(err,
                &(struct error_site){ .stage = "cgroup",
                        .errnum = ENOTSUP,
                        .hint = "mount the freezer hierarchy, or cgroup2 of Linux 5.2 or newer" },
                "the container is in no control group that can be frozen");
    r = write_state(group, frozen);
    if (r == 0 && group->v2)
        r = wait_v2(group, frozen, deadline);
    else if (r == 0 && frozen)
        r = wait_v1(group, deadline);
    if (r == 0)
        return 0;
    if (frozen)
        (void)write_state(group, false);
    return freeze_fail(group, -r, frozen, err);
}
