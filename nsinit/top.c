/* A table of all containers, renewed while somebody looks at a terminal. */
#include "nsinit.h"
#include "usage.h"

#include <cli/terminal.h>
#include <cli/units.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FIRST_LOOK_MS 200 /* what the first percentages are about */
#define CTRL_C 3

struct screen {
    bool live; /* a terminal: the table stays where it is */
    int signals;
    unsigned short rows, columns;
    long long delay_ms, left; /* left: tables still to be shown; -1: until the end */
};

/* A terminal of 80 columns has all of them. One column stays free: clearing the rest of a full line would clear its end. */
static size_t name_width(const struct screen *screen)
{
    enum { LEAST = 9 }; /* its title */

    if (!screen->live || screen->columns == 0 || screen->columns > USAGE_NAME_MAX + USAGE_NUMBERS)
        return USAGE_NAME_MAX;
    return screen->columns > LEAST + USAGE_NUMBERS ? screen->columns - USAGE_NUMBERS - 1u : LEAST;
}

static int show(const struct screen *screen, const struct usages *usages)
{
    /* To the end of each line, and below the last: what stood there before. */
    const char *end = screen->live ? "\033[K\r\n" : "\n";

    if (screen->live)
        (void)fputs("\033[H", stdout);
    usage_print_titles(name_width(screen), end);
    for (size_t i = 0; i < usages->count && (!screen->live || i + 2 < screen->rows); i++)
        usage_print(&usages->items[i], name_width(screen), end);
    if (screen->live)
        (void)fputs("\033[J", stdout);
    return finish_output();
}

/* 1: somebody wants it to end. */
static int wait_for(const struct screen *screen, long long milliseconds)
{
    struct pollfd polled[] = { { .fd = screen->signals, .events = POLLIN },
        { .fd = screen->live ? 0 : -1, .events = POLLIN } };
    char key = 0;
    int r = poll(polled, 2, (int)milliseconds);

    if (r <= 0)
        return 0;
    if (polled[0].revents != 0 || (polled[1].revents & (POLLHUP | POLLERR)) != 0 || read(0, &key, 1) <= 0)
        return 1;
    return key == 'q' || key == 'Q' || key == CTRL_C;
}

static int run(struct screen *screen)
{
    struct usages before = { 0 }, now;
    struct lc_error *err = NULL;
    int status = 0, ended;

    if (usages_take(NULL, &before, &err) < 0)
        return report_and_free(err);
    ended = wait_for(screen, FIRST_LOOK_MS);
    while (status == 0 && ended == 0) {
        (void)terminal_size(&screen->rows, &screen->columns);
        if (usages_take(&before, &now, &err) < 0) {
            status = report_and_free(err);
            break;
        }
        status = show(screen, &now);
        usages_free(&before);
        before = now;
        if (screen->left > 0 && --screen->left == 0)
            break;
        ended = wait_for(screen, screen->delay_ms);
    }
    usages_free(&before);
    return status;
}

int command_top(const struct arguments *arguments)
{
    struct screen screen = {
        .live = isatty(0) != 0 && isatty(1) != 0 && arguments->count == NULL, .rows = 24, .left = -1
    };
    int status;

    if (!units_seconds(arguments->delay != NULL ? arguments->delay : "1", &screen.delay_ms) ||
            screen.delay_ms <= 0)
        return report_text("top: -d %s: expected seconds, like 0.5", arguments->delay);
    if (arguments->count != NULL && (!units_number(arguments->count, &screen.left) || screen.left <= 0))
        return report_text("top: -n %s: expected a number from 1 up", arguments->count);
    if (!screen.live && arguments->count == NULL)
        screen.left = 1;
    screen.signals = ending_signals();
    if (screen.live && terminal_raw(0, true))
        (void)fputs("\033[?1049h\033[?25l\033[?7l", stdout); /* a screen of its own, no cursor, no wrapping */
    status = run(&screen);
    if (screen.live)
        (void)fputs("\033[?7h\033[?25h\033[?1049l", stdout);
    (void)fflush(stdout);
    terminal_restore();
    return status;
}
