/* From what woke us to lines. What the kernel knows is asked of the kernel; what our own calls did is in the journal. */
#include "events.h"
#include "final.h"
#include "journal.h"

#include <base/util.h>

#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>

#define KILL_COUNT_MS 20   /* v1 says that memory is out before it counts whom it kills */
#define LAST_WORD_MS 50    /* between two looks for it */
#define LAST_WORD_MAX 6000 /* the owner's own patience, and a second */

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void look_again(struct lc_events *events, long milliseconds)
{
    struct itimerspec when = { .it_value = { .tv_nsec = milliseconds * 1000000 } };

    (void)timerfd_settime(events->fds[SOURCE_TIMER], 0, &when, NULL);
}

static void note_killed(struct lc_events *events, int64_t killed, const char *time)
{
    char data[64];

    if (killed == CGROUP_UNKNOWN || killed <= events->killed)
        return;
    if (!events->oom_said)
        events_add(events, "oom", time, NULL);
    (void)snprintf(data, sizeof(data), "{\"killed\":%lld}",
            (long long)(killed - (events->killed > 0 ? events->killed : 0)));
    events_add(events, "oom_kill", time, data);
    events->killed = killed;
    events->oom_said = false;
}

static void look_at_memory(struct lc_events *events, bool woken)
{
    struct cgroup_memory_facts facts;
    int taken = woken ? cgroup_oom_take(events->fds[SOURCE_MEMORY]) : 0;
    bool v1;

    cgroup_memory_facts(&events->container.record.groups, &facts);
    v1 = facts.oom == CGROUP_UNKNOWN;
    /* The end of a group of v1 wakes as well: then it has no facts. */
    if (facts.oom_kill == CGROUP_UNKNOWN)
        return;
    if (v1 ? taken > 0 : facts.oom > events->oom) {
        events_add(events, "oom", NULL, NULL);
        events->oom_said = true;
        events->oom = facts.oom;
    }
    if (v1 && taken > 0 && facts.oom_kill <= events->killed)
        look_again(events, KILL_COUNT_MS);
    note_killed(events, facts.oom_kill, NULL);
}

static void look_at_freezer(struct lc_events *events)
{
    int64_t frozen = cgroup_fd_number(events->fds[SOURCE_FREEZER], "frozen");

    if (frozen == CGROUP_UNKNOWN || (frozen == 1) == events->frozen)
        return;
    events->frozen = frozen == 1;
    events_add(events, events->frozen ? "pause" : "resume", NULL, NULL);
}

static void look_at_pressure(struct lc_events *events)
{
    for (size_t i = 0; i < events->n_triggers; i++) {
        struct pollfd polled = { .fd = events->triggers[i].fact_fd, .events = POLLPRI };
        char data[96];

        if (polled.fd < 0 || poll(&polled, 1, 0) <= 0 || (polled.revents & POLLPRI) == 0)
            continue;
        (void)snprintf(data, sizeof(data), "{\"trigger\":\"%s\"}", events->triggers[i].name);
        events_add(events, "pressure", NULL, data);
    }
}

static void learn_status(struct lc_events *events)
{
    if (events->exit_code < 0)
        events->exit_code = identity_status(&events->container.record.init);
    if (events->exit_code < 0)
        events->exit_code = reaped_status(events->fds[SOURCE_PROCESS]);
}

/* ---- the journal ---- */
static void add_exit(struct lc_events *events, const char *time, const char *data)
{
    events_add(events, "exit", time, data);
    events->ended = true;
}

/* Where the groups went before we looked, the last word still knows. */
static void exit_line(struct lc_events *events, const char *time, const json_t *data)
{
    const json_t *memory = json_object_get(json_object_get(data, "final"), "memory");
    const json_t *killed = json_object_get(json_object_get(memory, "events"), "oom_kill");
    const json_t *status = json_object_get(data, "status"), *final = json_object_get(data, "final");
    CLEAN_FREE char *final_text = final != NULL ? json_dumps(final, JSON_COMPACT) : NULL;
    CLEAN_FREE char *text = NULL;

    if (events->attached && json_is_integer(killed))
        note_killed(events, json_integer_value(killed), time);
    if (json_is_integer(status))
        events->exit_code = (int)json_integer_value(status);
    else
        learn_status(events);
    text = exit_json(events->exit_code, final_text);
    add_exit(events, time, text);
}

/* Its start may have been missed, or be in the journal as well. */
static void take_living(struct lc_events *events)
{
    const struct identity *init = &events->container.record.init;
    char data[32];

    if (root_look(&events->container) != 0 || !identity_runs(init))
        return;
    (void)snprintf(data, sizeof(data), "{\"pid\":%d}", (int)init->pid);
    events_add(events, "start", NULL, data);
    (void)events_attach(events, NULL);
}

static void start_line(struct lc_events *events, const char *time, const char *data)
{
    /* Of an OCI container it is the second step of its life. */
    if (events->attached && !events->oci)
        return;
    events_add(events, "start", time, data);
    /* It may be gone again; its end is in the journal then. */
    if (!events->attached && root_look(&events->container) == 0)
        (void)events_attach(events, NULL);
}

/* Freezing is told by the kernel, where it can. */
static bool is_told(const struct lc_events *events, const char *type)
{
    return strcmp(type, "exec") == 0 || strcmp(type, "update") == 0 ||
           ((strcmp(type, "pause") == 0 || strcmp(type, "resume") == 0) && events->fds[SOURCE_FREEZER] < 0);
}

static void take_line(struct lc_events *events, const char *line)
{
    json_t *object = json_loads(line, 0, NULL);
    const char *type = json_string_value(json_object_get(object, "type"));
    const char *time = json_string_value(json_object_get(object, "time"));
    const json_t *data = json_object_get(object, "data");
    CLEAN_FREE char *text = data != NULL ? json_dumps(data, JSON_COMPACT) : NULL;

    if (type != NULL && !events->ended) {
        if (strcmp(type, "exit") == 0)
            exit_line(events, time, data);
        else if (strcmp(type, "start") == 0)
            start_line(events, time, text);
        else if (is_told(events, type))
            events_add(events, type, time, text);
    }
    json_decref(object);
}

static void read_lines(struct lc_events *events)
{
    CLEAN_FREE char *text = NULL;
    struct stat st;
    ssize_t got;

    if (fstat(events->journal, &st) < 0)
        return;
    /* Made empty because it had become too long. */
    if (st.st_size < events->offset)
        events->offset = 0;
    if (st.st_size == events->offset)
        return;
    text = malloc((size_t)(st.st_size - events->offset) + 1);
    got = text != NULL ? pread(events->journal, text, (size_t)(st.st_size - events->offset), events->offset)
                       : -1;
    if (got <= 0)
        return;
    text[got] = '\0';
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        events->offset += end + 1 - line;
        take_line(events, line);
    }
}

static void look_at_journal(struct lc_events *events)
{
    char drain[1024];
    struct stat st;

    while (read(events->fds[SOURCE_JOURNAL], drain, sizeof(drain)) > 0)
        ;
    read_lines(events);
    /* Another watcher has taken it along: what comes is written into a new one. */
    if (events->attached || events->ended || fstat(events->journal, &st) < 0 || st.st_nlink > 0)
        return;
    /* Or its owner, who has written before: perhaps only after we had read. */
    read_lines(events);
    if (!events->attached && !events->ended && events_open_journal(events, NULL) == 0)
        take_living(events);
}

/* ---- the end ---- */
static void say_exit(struct lc_events *events, bool with_final)
{
    const struct container *container = &events->container;
    CLEAN_FREE char *final = with_final ? final_json(container, events->exit_code, NULL) : NULL;
    CLEAN_FREE char *data = exit_json(events->exit_code, final);

    look_at_memory(events, false);
    add_exit(events, NULL, data);
}

/* Is somebody at its end who will say the last word? Its owner, as long as the record is there: of a root directory always, of an
 * OCI container when it is he who has reaped it, and so he alone knows how it ended. */
static bool is_expected(struct lc_events *events)
{
    struct container now = events->container;
    bool there;

    if (events->oci && events->exit_code >= 0)
        return false;
    now.record = (struct record){ 0 };
    there = root_look(&now) == 0 && now.record.init.pid == events->container.record.init.pid;
    if (there && events->oci)
        events->exit_code = now.record.oci.status;
    there = there && (!events->oci || events->exit_code < 0) && identity_alive(&now.record.owner);
    record_done(&now.record);
    return there;
}

static void try_end(struct lc_events *events)
{
    int64_t now = now_ms();
    int ready;

    learn_status(events);
    if (events->deadline_ms == 0)
        events->deadline_ms = now + LAST_WORD_MAX;
    /* In this order: who is done has written before. */
    if (is_expected(events) && now < events->deadline_ms) {
        look_again(events, LAST_WORD_MS);
        return;
    }
    read_lines(events);
    if (events->ended)
        return;
    ready = final_ready(&events->container);
    say_exit(events, ready > 0);
}

static void process_ended(struct lc_events *events)
{
    (void)epoll_ctl(events->epoll, EPOLL_CTL_DEL, events->fds[SOURCE_PROCESS], NULL);
    events->ending = true;
}

void events_look(struct lc_events *events, uint32_t ready)
{
    uint64_t times;

    if ((ready & 1u << SOURCE_JOURNAL) != 0)
        look_at_journal(events);
    if (!events->attached || events->ended)
        return;
    if ((ready & 1u << SOURCE_TIMER) != 0 && read(events->fds[SOURCE_TIMER], &times, sizeof(times)) > 0)
        look_at_memory(events, false);
    if ((ready & 1u << SOURCE_MEMORY) != 0)
        look_at_memory(events, true);
    if ((ready & 1u << SOURCE_FREEZER) != 0)
        look_at_freezer(events);
    look_at_pressure(events);
    if ((ready & 1u << SOURCE_PROCESS) != 0)
        process_ended(events);
    if (events->ending)
        try_end(events);
}
