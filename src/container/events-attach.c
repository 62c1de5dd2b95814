/* What a watcher waits on: opened here, closed here. */
#include "events.h"
#include "journal.h"

#include <base/util.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

static int fail(struct lc_error **err, const char *call, const char *object, int errnum)
{
    return error_raise(err,
            &(struct error_site){ .stage = "events", .syscall = call, .object = object, .errnum = errnum },
            NULL);
}

int events_watch(struct lc_events *events, int fd, uint32_t what, enum source source)
{
    struct epoll_event event = { .events = what, .data.u32 = source };

    return epoll_ctl(events->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* With the descriptor on a file of its own: what stands in it can be read to its end also after it is gone. */
int events_open_journal(struct lc_events *events, struct lc_error **err)
{
    const struct container *container = &events->container;
    char name[sizeof(container->record_name) + 8], path[64];
    struct stat st;
    int r;

    fd_close(&events->journal);
    fd_close(&events->fds[SOURCE_JOURNAL]);
    journal_name(container, name, sizeof(name));
    events->journal = openat(container->state_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (events->journal < 0 || fstat(events->journal, &st) < 0)
        return fail(err, "open", name, errno);
    /* What happened before is not ours to tell. */
    events->offset = st.st_size;
    events->fds[SOURCE_JOURNAL] = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", events->journal);
    if (events->fds[SOURCE_JOURNAL] < 0 ||
            inotify_add_watch(events->fds[SOURCE_JOURNAL], path, IN_MODIFY | IN_ATTRIB) < 0)
        return fail(err, "inotify_add_watch", name, errno);
    r = events_watch(events, events->fds[SOURCE_JOURNAL], EPOLLIN, SOURCE_JOURNAL);
    return r < 0 ? fail(err, "epoll_ctl", name, -r) : 0;
}

/* An eventfd of v1 is readable; a file of v2 can always be read, and has something to say when it has priority data. */
static int watch_kernel(struct lc_events *events, int fd, enum source source)
{
    struct stat st;
    bool file = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);

    events->fds[source] = fd;
    return fd < 0 ? 0 : events_watch(events, fd, file ? EPOLLPRI : EPOLLIN, source);
}

static int open_trigger(struct lc_events *events, struct trigger *trigger, struct lc_error **err)
{
    char *const colon = strchr(trigger->name, ':');
    char text[64], kind[8];
    long long threshold, window;

    if (sscanf(colon + 1, "%7[a-z]:%lldus/%lldus", kind, &threshold, &window) != 3)
        return -EINVAL;
    (void)snprintf(text, sizeof(text), "%s %lld %lld", kind, threshold, window);
    trigger->wake_fd = cgroup_pressure_fd(&events->container.record.groups, trigger->file, text);
    /* A little lower, so that it never comes later than the one that wakes. */
    (void)snprintf(text, sizeof(text), "%s %lld %lld", kind, threshold - threshold / 20, window);
    if (trigger->wake_fd >= 0)
        trigger->fact_fd = cgroup_pressure_fd(&events->container.record.groups, trigger->file, text);
    if (trigger->wake_fd >= 0 && trigger->fact_fd >= 0)
        return events_watch(events, trigger->wake_fd, EPOLLPRI, SOURCE_PRESSURE);
    return error_raise(err,
            &(struct error_site){ .stage = "events",
                    .op = "pressure",
                    .object = trigger->name,
                    .errnum = trigger->wake_fd < 0 ? -trigger->wake_fd : -trigger->fact_fd,
                    .hint = "this needs a container in a group of cgroup v2, a kernel with pressure stall "
                            "information (psi=1), and, for others than root, a window of 2s or a multiple" },
            "the kernel does not watch this");
}

static int attach(struct lc_events *events, struct lc_error **err)
{
    const struct cgroup_set *groups = &events->container.record.groups;
    const struct itimerspec soon = { .it_value = { .tv_nsec = 1 } };
    struct cgroup_memory_facts facts;
    int r;

    cgroup_memory_facts(groups, &facts);
    events->oom = facts.oom;
    events->killed = facts.oom_kill;
    r = watch_kernel(events, cgroup_oom_fd(groups), SOURCE_MEMORY);
    if (r == 0)
        r = watch_kernel(events, cgroup_freezer_fd(groups), SOURCE_FREEZER);
    if (r < 0)
        return fail(err, "epoll_ctl", NULL, -r);
    if (events->fds[SOURCE_FREEZER] >= 0)
        events->frozen = cgroup_fd_number(events->fds[SOURCE_FREEZER], "frozen") == 1;
    for (size_t i = 0; r == 0 && i < events->n_triggers; i++)
        r = open_trigger(events, &events->triggers[i], err);
    if (r < 0)
        return r;
    events->fds[SOURCE_TIMER] = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (events->fds[SOURCE_TIMER] < 0)
        return fail(err, "timerfd_create", NULL, errno);
    events->fds[SOURCE_PROCESS] = identity_open(&events->container.record.init);
    r = events_watch(events, events->fds[SOURCE_TIMER], EPOLLIN, SOURCE_TIMER);
    if (r == 0 && events->fds[SOURCE_PROCESS] >= 0)
        r = events_watch(events, events->fds[SOURCE_PROCESS], EPOLLIN, SOURCE_PROCESS);
    /* It may have ended just now: then something else has to wake whoever waits. */
    events->ending = events->fds[SOURCE_PROCESS] < 0;
    if (events->ending)
        (void)timerfd_settime(events->fds[SOURCE_TIMER], 0, &soon, NULL);
    events->attached = true;
    return r < 0 ? fail(err, "epoll_ctl", NULL, -r) : 0;
}

/* All but the journal, which may tell of another start. */
static void detach(struct lc_events *events)
{
    for (size_t i = 0; i < SOURCE_MAX_; i++)
        if (i != SOURCE_JOURNAL)
            fd_close(&events->fds[i]);
    for (size_t i = 0; i < events->n_triggers; i++) {
        fd_close(&events->triggers[i].wake_fd);
        fd_close(&events->triggers[i].fact_fd);
    }
    events->attached = events->ending = false;
}

int events_attach(struct lc_events *events, struct lc_error **err)
{
    int r = attach(events, err);

    if (r < 0)
        detach(events);
    return r;
}

/* "150ms" in microseconds; `end` is what follows. */
static bool parse_time(const char *text, long long *ret, const char **end)
{
    static const struct {
        const char *name;
        long long us;
    } units[] = { { "us", 1 }, { "ms", 1000 }, { "s", 1000000 } };
    char *unit;
    long long number = strtoll(text, &unit, 10);

    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        size_t length = strlen(units[i].name);

        if (unit == text || number <= 0 || number > 10000000 || strncmp(unit, units[i].name, length) != 0)
            continue;
        *ret = number * units[i].us;
        *end = unit + length;
        return true;
    }
    return false;
}

/* RESOURCE:some|full:THRESHOLD/WINDOW, rewritten with microseconds. */
static bool parse_trigger(const char *text, struct trigger *ret)
{
    static const char *const resources[] = { "cpu", "memory", "io" };
    char resource[8], kind[8];
    long long threshold, window;
    const char *at;
    int used = 0;
    bool known = false;

    if (sscanf(text, "%7[a-z]:%7[a-z]:%n", resource, kind, &used) != 2 || used == 0)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(resources); i++)
        known |= strcmp(resource, resources[i]) == 0;
    at = text + used;
    if (!known || (strcmp(kind, "some") != 0 && strcmp(kind, "full") != 0) ||
            !parse_time(at, &threshold, &at) || *at != '/' || !parse_time(at + 1, &window, &at) ||
            *at != '\0' || window < 500000 || window > 10000000 || threshold > window)
        return false;
    *ret = (struct trigger){ .wake_fd = -EBADF, .fact_fd = -EBADF };
    (void)snprintf(ret->name, sizeof(ret->name), "%s:%s:%lldus/%lldus", resource, kind, threshold, window);
    (void)snprintf(ret->file, sizeof(ret->file), "%s.pressure", resource);
    return true;
}

int events_parse_pressure(struct lc_events *events, const char *text, struct lc_error **err)
{
    CLEAN_FREE char *copy = strdup(text);
    char *rest = copy, *one;

    if (copy == NULL)
        return fail(err, "malloc", NULL, ENOMEM);
    while ((one = strsep(&rest, ",")) != NULL) {
        if (events->n_triggers == TRIGGERS_MAX || !parse_trigger(one, &events->triggers[events->n_triggers]))
            return error_raise(err,
                    &(struct error_site){ .stage = "events",
                            .op = "pressure",
                            .object = one,
                            .errnum = EINVAL,
                            .hint = "RESOURCE:KIND:THRESHOLD/WINDOW, like memory:some:150ms/1s: cpu, memory "
                                    "or io; some or full; a window of 500ms to 10s; at most 8" },
                    "not understood");
        events->n_triggers++;
    }
    return 0;
}

/* The journal of a container that is not there would stay for ever. */
static void remove_journal(struct lc_events *events)
{
    struct container *container = &events->container;
    struct stat st;

    if (events->journal < 0 || events->oci || container_lock(container, NULL) < 0)
        return;
    if (fstat(container->lock_fd, &st) == 0 && st.st_size == 0)
        journal_remove(container);
    container_unlock(container);
}

void events_close(struct lc_events *events)
{
    remove_journal(events);
    fd_close(&events->journal);
    detach(events);
    fd_close(&events->fds[SOURCE_JOURNAL]);
    fd_close(&events->epoll);
    for (size_t i = 0; i < events->n_queue; i++)
        free(events->queue[i]);
    free(events->queue);
    container_close(&events->container);
    free(events);
}
