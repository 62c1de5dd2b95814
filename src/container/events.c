/* Watching a container: one descriptor to poll, and lines of JSON. */
#include "events.h"
#include "journal.h"

#include <base/util.h>

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

void events_add(struct lc_events *events, const char *type, const char *time, const char *data)
{
    char **grown = realloc(events->queue, (events->n_queue + 1) * sizeof(*grown));
    struct buffer out = { 0 };
    char now[TIME_TEXT_MAX], *line;

    if (grown != NULL)
        events->queue = grown;
    buffer_printf(&out, "{\"type\":\"%s\",\"%s\":", type, events->oci ? "id" : "root");
    buffer_json_string(&out, events->oci ? events->container.id : events->container.root);
    if (events->with_time && time == NULL)
        time_text(now, sizeof(now));
    if (events->with_time) {
        buffer_text(&out, ",\"time\":");
        buffer_json_string(&out, time != NULL ? time : now);
    }
    if (data != NULL)
        buffer_printf(&out, ",\"data\":%s", data);
    buffer_text(&out, "}");
    line = buffer_take_text(&out);
    if (grown == NULL || line == NULL) {
        events->no_memory = true;
        free(line);
        return;
    }
    events->queue[events->n_queue++] = line;
}

/* Locked: nobody is at its end while the journal is made. */
static int open_target(
        struct lc_events *events, struct lc_runtime *runtime, const char *id, struct lc_error **err)
{
    static const struct log quiet;
    struct container *container = &events->container;
    int r;

    if (runtime != NULL) {
        r = target_open(runtime, id, true, container, "events", err);
        container->log = &quiet; /* the runtime may go first */
        return r;
    }
    r = container_open(container, id, NULL, &quiet, err);
    return r == 0 ? container_settle(container, err) : r;
}

static int begin(
        struct lc_events *events, const struct lc_events_options *options, bool living, struct lc_error **err)
{
    int r = options->pressure != NULL ? events_parse_pressure(events, options->pressure, err) : 0;

    if (r < 0)
        return r;
    events->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (events->epoll < 0)
        return error_raise(err,
                &(struct error_site){ .stage = "events", .syscall = "epoll_create1", .errnum = errno }, NULL);
    r = events_open_journal(events, err);
    return r == 0 && living ? events_attach(events, err) : r;
}

int lc_events_open(struct lc_runtime *runtime, const char *id, const struct lc_events_options *given,
        struct lc_events **ret, struct lc_error **err)
{
    struct lc_events_options options = { 0 };
    struct lc_events *events;
    bool living;
    int r = given != NULL ? options_take(given, &options, &options_kinds[OPTIONS_EVENTS], err) : 0;

    if (r < 0)
        return r;
    events = calloc(1, sizeof(*events));
    if (events == NULL)
        return refuse(err, "events", ENOMEM, "no memory");
    events->epoll = events->journal = -EBADF;
    for (size_t i = 0; i < SOURCE_MAX_; i++)
        events->fds[i] = -EBADF;
    events->exit_code = -1;
    events->killed = CGROUP_UNKNOWN;
    events->oci = runtime != NULL;
    events->with_time = (options.flags & LC_EVENTS_TIME) != 0;
    events->container =
            (struct container){ .root_fd = -EBADF, .state_fd = -EBADF, .lock_fd = -EBADF, .mark_fd = -EBADF };
    r = open_target(events, runtime, id, err);
    if (r >= 0) {
        living = events->oci ? container_status(&events->container) != STATUS_STOPPED : r > 0;
        if (living || !events->oci)
            r = begin(events, &options, living, err);
        else
            r = refuse(err, "events", ESRCH, "container with id %s is not running", id);
        container_unlock(&events->container);
    }
    if (r < 0) {
        events_close(events);
        return r;
    }
    *ret = events;
    return 0;
}

int lc_events_fd(const struct lc_events *events)
{
    return events->epoll;
}

int lc_events_next(struct lc_events *events, char **ret_json)
{
    struct epoll_event ready[16];
    uint32_t sources = 0;
    int n = 0;

    if (events->n_queue == 0 && !events->ended) {
        n = epoll_wait(events->epoll, ready, ARRAY_SIZE(ready), 0);
        if (n < 0 && errno != EINTR)
            return -errno;
        for (int i = 0; i < n; i++)
            sources |= 1u << ready[i].data.u32;
        events_look(events, sources);
    }
    if (events->no_memory)
        return -ENOMEM;
    if (events->n_queue == 0)
        return events->ended ? -ESRCH : 0;
    *ret_json = events->queue[0];
    memmove(events->queue, events->queue + 1, --events->n_queue * sizeof(*events->queue));
    return 1;
}

void lc_events_free(struct lc_events *events)
{
    if (events != NULL)
        events_close(events);
}
