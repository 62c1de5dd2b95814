/* Killing whatever is in the groups, also in groups that the container made below its own. */
#include "internal.h"

#include <base/util.h>
#include <lcsys/syscalls.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct list {
    pid_t *pids;
    size_t count, capacity;
    bool failed;
};

struct sweep {
    struct list *list;  /* NULL: not wanted */
    int signal;         /* 0: only look */
    pid_t self, keeper; /* left alone */
    size_t others;      /* processes found, without these two */
    pid_t other;        /* one of them */
    bool found_self;
};

static void list_add(struct list *list, pid_t pid)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        pid_t *grown = realloc(list->pids, capacity * sizeof(*grown));

        if (grown == NULL) {
            list->failed = true;
            return;
        }
        list->pids = grown;
        list->capacity = capacity;
    }
    list->pids[list->count++] = pid;
}

static void sweep_processes(int fd, struct sweep *sweep)
{
    CLEAN_FREE char *text = NULL;
    char *next;

    /* A threaded group of v2 gives EOPNOTSUPP: its processes are listed in the domain above. */
    if (cgroup_read_text(fd, "cgroup.procs", &text) < 0)
        return;
    for (char *at = text; *at != '\0'; at = next + strspn(next, "\n")) {
        long pid = strtol(at, &next, 10);

        if (next == at)
            return;
        if (sweep->list != NULL && pid > 0 && pid != sweep->keeper)
            list_add(sweep->list, (pid_t)pid);
        if (pid != 0 && (pid == sweep->self || pid == sweep->keeper)) {
            sweep->found_self = true;
            continue;
        }
        sweep->others++;
        sweep->other = (pid_t)pid;
        /* 0 stands for a process outside of our pid namespace, but means our process group to kill(). */
        if (sweep->signal != 0 && pid > 0)
            (void)kill((pid_t)pid, sweep->signal);
    }
}

static int places_add(long **places, size_t *capacity, size_t depth, long place)
{
    if (depth == *capacity) {
        size_t wider = *capacity == 0 ? 16 : *capacity * 2;
        long *grown = realloc(*places, wider * sizeof(*grown));

        if (grown == NULL)
            return -ENOMEM;
        *places = grown;
        *capacity = wider;
    }
    (*places)[depth] = place;
    return 0;
}

static DIR *open_below(DIR *directory, const char *name)
{
    int fd = openat(dirfd(directory), name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *next = fd >= 0 ? fdopendir(fd) : NULL;

    if (next == NULL)
        fd_close(&fd);
    return next;
}

/* From here down, however deep a container has nested its groups: one directory is open at a time, and remembered where to go on in
 * those above. The kernel moves no group to another parent, so ".." is where we came from. */
static int sweep_tree(int fd_consumed, struct sweep *sweep)
{
    DIR *directory = fdopendir(fd_consumed);
    CLEAN_FREE long *places = NULL;
    size_t depth = 0, capacity = 0;
    int r = directory != NULL ? 0 : -ENOMEM;

    if (directory == NULL)
        fd_close(&fd_consumed);
    else
        sweep_processes(dirfd(directory), sweep);
    while (r == 0) {
        const struct dirent *entry = cgroup_next(directory);
        DIR *next;

        if (entry == NULL && depth == 0)
            break;
        next = open_below(directory, entry != NULL ? entry->d_name : "..");
        if (next == NULL && entry != NULL)
            continue; /* gone meanwhile */
        if (next == NULL) {
            r = -errno;
        } else if (entry != NULL) {
            r = places_add(&places, &capacity, depth++, telldir(directory));
            sweep_processes(dirfd(next), sweep);
        } else {
            seekdir(next, places[--depth]);
        }
        (void)closedir(directory);
        directory = next;
    }
    if (directory != NULL)
        (void)closedir(directory);
    return r;
}

static int sweep_group(const struct cgroup_group *group, struct sweep *sweep)
{
    int fd = openat(AT_FDCWD, group->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    sweep->others = 0;
    sweep->found_self = false;
    if (fd < 0)
        return -errno;
    return sweep_tree(fd, sweep);
}

/* A frozen process of v1 dies only when it is thawed. */
static void thaw(const struct cgroup_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        struct group_dir dir = { .fd = -EBADF, .path = set->groups[i].path };

        if (set->groups[i].v2 || !set->groups[i].made || cgroup_group_frozen(&set->groups[i]) <= 0)
            continue;
        dir.fd = openat(AT_FDCWD, dir.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (dir.fd >= 0)
            (void)group_write(&dir, "freezer.state", "THAWED", NULL);
        fd_close(&dir.fd);
    }
}

/* All at once and without a race; not when somebody of ours is in there, and not before Linux 5.14. */
static void kill_at_once(const struct cgroup_group *group)
{
    struct group_dir dir = { .fd = openat(
                                     AT_FDCWD, group->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW),
        .path = group->path };

    if (dir.fd >= 0)
        (void)group_write(&dir, "cgroup.kill", "1", NULL);
    fd_close(&dir.fd);
}

/* Until somebody who has been killed has ended; or a moment, for what is not told: that the kernel has taken him off its lists. */
static bool await_end(pid_t pid, int64_t deadline, unsigned *step_us)
{
    CLEAN_FD int fd = pid > 0 ? sys_pidfd_open(pid) : -ESRCH;
    struct pollfd end = { .fd = fd, .events = POLLIN };
    int64_t left = deadline - cgroup_now_ms();

    if (fd < 0 || left <= 0 || poll(&end, 1, 0) != 0)
        return cgroup_pause(deadline, step_us);
    return poll(&end, 1, (int)left) != 0;
}

static int kill_group(const struct cgroup_group *group, pid_t keeper, int64_t deadline)
{
    struct sweep sweep = { .self = getpid(), .keeper = keeper };
    unsigned step_us = 0;
    int r;

    r = sweep_group(group, &sweep);
    if (r == 0 && sweep.others > 0 && group->v2 && !sweep.found_self)
        kill_at_once(group);
    sweep.signal = SIGKILL;
    while (r == 0 && sweep.others > 0) {
        r = sweep_group(group, &sweep);
        if (r == 0 && sweep.others > 0 && !await_end(sweep.other, deadline, &step_us))
            return -ETIMEDOUT;
    }
    return r == -ENOENT ? 0 : r;
}

/* Before anybody is thawed everybody has the signal, so that nobody runs on for a moment. */
static void kill_frozen(const struct cgroup_set *set)
{
    struct sweep sweep = { .self = getpid(), .keeper = cgroup_keeper(set), .signal = SIGKILL };

    for (size_t i = 0; i < set->count; i++) {
        if (set->groups[i].v2 || !set->groups[i].made || cgroup_group_frozen(&set->groups[i]) <= 0)
            continue;
        (void)sweep_group(&set->groups[i], &sweep);
        thaw(set);
        return;
    }
}

int cgroup_kill(const struct cgroup_set *set, int timeout_ms)
{
    int64_t deadline = cgroup_now_ms() + timeout_ms;
    int first = 0;

    kill_frozen(set);
    for (size_t i = 0; i < set->count; i++) {
        int r = set->groups[i].made ? kill_group(&set->groups[i], cgroup_keeper(set), deadline) : 0;

        if (first == 0)
            first = r;
    }
    return first;
}

/* All groups of a container hold the same processes: the one that can be frozen, and so be looked through at leisure. */
static const struct cgroup_group *whole_group(const struct cgroup_set *set)
{
    const struct cgroup_group *freezer = cgroup_find(set, CGROUP_FREEZER);

    if (freezer != NULL)
        return freezer;
    for (size_t i = 0; i < set->count; i++) {
        if (set->groups[i].v2)
            return &set->groups[i];
    }
    return set->count > 0 ? &set->groups[0] : NULL;
}

static int compare_pids(const void *left, const void *right)
{
    pid_t a = *(const pid_t *)left, b = *(const pid_t *)right;

    return (a > b) - (a < b);
}

/* Threads of one process may be in several groups of v1. */
static void make_unique(struct list *list)
{
    size_t kept = 0;

    if (list->count > 1)
        qsort(list->pids, list->count, sizeof(*list->pids), compare_pids);
    for (size_t i = 0; i < list->count; i++) {
        if (i == 0 || list->pids[i] != list->pids[kept - 1])
            list->pids[kept++] = list->pids[i];
    }
    list->count = kept;
}

int cgroup_processes(const struct cgroup_set *set, pid_t **ret_pids, size_t *ret_count)
{
    const struct cgroup_group *group = whole_group(set);
    struct list list = { 0 };
    struct sweep sweep = { .list = &list, .keeper = cgroup_keeper(set) };
    int r = group != NULL ? sweep_group(group, &sweep) : -ENOENT;

    if (list.failed)
        r = -ENOMEM;
    if (r < 0) {
        free(list.pids);
        return r;
    }
    make_unique(&list);
    *ret_pids = list.pids;
    *ret_count = list.count;
    return 0;
}

/* Frozen, nobody can fork away from the signal. A group that somebody has paused stays so, but not for a SIGKILL. */
int cgroup_signal(const struct cgroup_set *set, int signal)
{
    enum { PATIENCE_MS = 500 };
    const struct cgroup_group *group = whole_group(set);
    struct sweep sweep = { .self = getpid(), .keeper = cgroup_keeper(set), .signal = signal };
    bool paused = cgroup_frozen(set) > 0, ours = false;
    int r;

    if (group == NULL)
        return -ENOENT;
    if (signal == SIGKILL && sweep.keeper == 0 && group->v2 && cgroup_has_file(group, "cgroup.kill")) {
        kill_at_once(group);
        return 0;
    }
    if (signal != 0 && !paused)
        ours = cgroup_freeze(set, true, PATIENCE_MS, NULL) == 0;
    r = sweep_group(group, &sweep);
    if (ours || (paused && signal == SIGKILL))
        (void)cgroup_freeze(set, false, PATIENCE_MS, NULL);
    return r;
}
