#include "nsrun.h"

#include <cli/units.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct events_given {
    const char *interval, *pressure;
    bool stats;
};

static const struct option rows[] = {
    { "interval", 0, OPTION_TEXT, offsetof(struct events_given, interval),
            "time between two statistics (default: 5s)" },
    { "pressure", 0, OPTION_TEXT, offsetof(struct events_given, pressure),
            "also when processes wait for a resource, like memory:some:150ms/1s,cpu:full:1s/5s" },
    { "stats", 0, OPTION_FLAG, offsetof(struct events_given, stats), "the statistics of now, once" },
};

struct watch {
    const struct call *call;
    struct lc_runtime *runtime;
    const char *id;
    struct lc_events *events;
};

/* As the library gives them: numbers that are larger than JSON readers take stay as they are. With ret_over, a container that
 * runs no more is no failure. */
static int print_stats(const struct watch *watch, bool *ret_over)
{
    struct lc_error *err = NULL;
    char *text = NULL, *line = NULL;
    int r = lc_container_stats(watch->runtime, watch->id, &text, &err), status;

    if (ret_over != NULL && (r == -ESRCH || r == -ENOENT)) {
        lc_error_free(err);
        *ret_over = true;
        return 0;
    }
    if (r < 0)
        return report_failure(watch->call, r, err);
    if (asprintf(&line, "{\"type\":\"stats\",\"id\":\"%s\",\"data\":%s}", watch->id, text) < 0)
        line = NULL;
    free(text);
    status = line != NULL ? print_document(watch->call, line) : report_text(watch->call, "out of memory");
    free(line);
    return status;
}

static long long milliseconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* All that there is. *ret_ended: that was the last. 0, or an exit status. */
static int print_events(const struct watch *watch, bool *ret_ended)
{
    int status = 0, r = 1;

    while (status == 0 && r > 0) {
        char *line = NULL;

        r = lc_events_next(watch->events, &line);
        if (r > 0)
            status = print_document(watch->call, line);
        free(line);
    }
    *ret_ended = r == -ESRCH;
    if (status == 0 && r < 0 && r != -ESRCH)
        status = report_text(watch->call, "events: %s", strerror(-r));
    return status;
}

static int follow(const struct watch *watch, long long interval)
{
    long long due = milliseconds() + interval;
    bool ended = false, over = false; /* its end may be told some time after it */
    int status = 0;

    while (status == 0 && !ended) {
        struct pollfd polled = { .fd = lc_events_fd(watch->events), .events = POLLIN };
        long long left = due - milliseconds();

        if (poll(&polled, 1, over ? -1 : left > 0 ? (int)left : 0) < 0 && errno != EINTR)
            return report_text(watch->call, "poll: %s", strerror(errno));
        status = print_events(watch, &ended);
        if (status == 0 && !ended && !over && due <= milliseconds()) {
            status = print_stats(watch, &over);
            due += interval;
        }
    }
    return status;
}

static int watch_container(struct watch *watch, const struct events_given *given, long long interval)
{
    const struct lc_events_options options = { .size = sizeof(options), .pressure = given->pressure };
    struct lc_error *err = NULL;
    int r = lc_events_open(watch->runtime, watch->id, &options, &watch->events, &err), status;

    if (r < 0)
        return report_failure(watch->call, r, err);
    status = follow(watch, interval);
    lc_events_free(watch->events);
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
    status = given->stats ? print_stats(&watch, NULL) : watch_container(&watch, given, interval);
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
