#include "nsinit.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define USUAL_PRESSURE "memory:some:150ms/1s"

/* All that there is. 1: that was the last; 0; or a negative errno. */
static int print_events(struct lc_events *events)
{
    for (;;) {
        char *line = NULL;
        int r = lc_events_next(events, &line);

        if (r <= 0)
            return r == -ESRCH ? 1 : r;
        (void)puts(line);
        free(line);
        if (finish_output() != 0)
            return -EPIPE;
    }
}

int command_events(const struct arguments *arguments)
{
    struct lc_events_options options = {
        .size = sizeof(options), .flags = LC_EVENTS_TIME, .pressure = arguments->pressure
    };
    struct lc_events *events = NULL;
    struct lc_error *err = NULL;
    int signals = ending_signals(), r = 0;

    if (options.pressure != NULL && options.pressure[0] == '\0')
        options.pressure = USUAL_PRESSURE;
    if (lc_events_open(NULL, arguments->root, &options, &events, &err) < 0)
        return report_and_free(err);
    while (r == 0) {
        struct pollfd polled[] = { { .fd = lc_events_fd(events), .events = POLLIN },
            { .fd = signals, .events = POLLIN } };

        if (poll(polled, 2, -1) < 0 && errno != EINTR)
            r = -errno;
        else
            r = polled[1].revents != 0 ? 1 : print_events(events);
    }
    lc_events_free(events);
    if (r < 0 && r != -EPIPE)
        return report_text("events: %s", strerror(-r));
    return r < 0 ? NSINIT_FAILED : 0;
}
