#include "nsrun.h"

#include <cli/units.h>

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct events_given {
    const char *interval;
    bool stats;
};

static const struct option rows[] = {
    { "interval", 0, OPTION_TEXT, offsetof(struct events_given, interval),
            "time between two statistics (default: 5s)" },
    { "stats", 0, OPTION_FLAG, offsetof(struct events_given, stats), "the statistics of now, once" },
};

struct watch {
    const struct call *call;
    struct lc_runtime *runtime;
    const char *id;
    int oom, process;
    short oom_events;
};

/* One line: {"type":...,"id":...} and, for statistics, "data". */
static int print_event(const struct watch *watch, const char *type, json_t *data)
{
    json_t *event = json_pack("{s:s,s:s,s:o*}", "type", type, "id", watch->id, "data", data);

    return event != NULL ? states_print(watch->call, event, JSON_COMPACT)
                         : report_text(watch->call, "out of memory");
}

static int print_stats(const struct watch *watch)
{
    struct lc_error *err = NULL;
    char *text = NULL;
    json_error_t error;
    json_t *data;
    int r = lc_container_stats(watch->runtime, watch->id, &text, &err);

    if (r < 0)
        return report_failure(watch->call, r, err);
    data = json_loads(text, 0, &error);
    free(text);
    return data != NULL ? print_event(watch, "stats", data)
                        : report_text(watch->call, "statistics that are no JSON: %s", error.text);
}

static long long milliseconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool has_ended(const struct watch *watch)
{
    struct pollfd polled = { .fd = watch->process, .events = POLLIN };

    return poll(&polled, 1, 0) != 0;
}

static int follow(struct watch *watch, long long interval)
{
    long long due = milliseconds() + interval;
    int status = 0, killed;

    while (status == 0) {
        struct pollfd polled[] = { { .fd = watch->process, .events = POLLIN },
            { .fd = watch->oom, .events = watch->oom_events } };
        long long left = due - milliseconds();

        if (poll(polled, 2, left > 0 ? (int)left : 0) < 0 && errno != EINTR)
            return report_text(watch->call, "poll: %s", strerror(errno));
        killed = polled[1].revents != 0 ? lc_oom_take(watch->oom) : 0;
        if (killed > 0)
            status = print_event(watch, "oom", NULL);
        else if (killed < 0)
            watch->oom = -1;
        if (has_ended(watch))
            return status;
        if (status == 0 && due <= milliseconds()) {
            status = print_stats(watch);
            due += interval;
            /* The container may have ended under our hands. */
            if (status != 0 && has_ended(watch))
                return 0;
        }
    }
    return status;
}

static int watch_container(struct watch *watch, long long interval)
{
    struct lc_error *err = NULL;
    struct stat kind;
    int status, oom;

    watch->process = lc_container_pidfd(watch->runtime, watch->id, &err);
    if (watch->process < 0)
        return report_failure(watch->call, watch->process, err);
    watch->oom = oom = lc_container_oom_fd(watch->runtime, watch->id, &err);
    /* A file of cgroup v2 can always be read; an eventfd of v1 is no file. */
    watch->oom_events = oom >= 0 && fstat(oom, &kind) == 0 && S_ISREG(kind.st_mode) ? POLLPRI : POLLIN;
    status = oom < 0 ? report_failure(watch->call, oom, err) : follow(watch, interval);
    if (oom >= 0)
        (void)close(oom);
    (void)close(watch->process);
    return status;
}

static int run(const struct call *call)
{
    const struct events_given *given = call->options;
    struct watch watch = { .call = call, .id = call->arguments[0] };
    long long interval = 0;
    int status;

    if (!units_duration(given->interval != NULL ? given->interval : "5s", &interval))
        return report_text(call, "invalid value \"%s\" for flag -interval: parse error", given->interval);
    if (interval <= 0)
        return report_text(call, "duration interval must be greater than 0");
    status = runtime_open(call, &watch.runtime);
    if (status != 0)
        return status;
    status = given->stats ? print_stats(&watch) : watch_container(&watch, interval);
    lc_runtime_free(watch.runtime);
    return status;
}

const struct command command_events = {
    .name = "events",
    .arguments = "<container-id>",
    .summary = "display container events such as OOM notifications, cpu, memory, and IO usage statistics",
    .options = OPTION_TABLE(rows),
    .options_size = sizeof(struct events_given),
    .least = 1,
    .most = 1,
    .run = run,
};
