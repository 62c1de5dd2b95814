#include "nsinit.h"

#include <cli/units.h>

int command_kill(const struct arguments *arguments)
{
    const char *name = arguments->rest[0] != NULL ? arguments->rest[0] : "TERM";
    int signal = signal_parse(name);
    struct lc_error *err = NULL;

    if (signal < 0)
        return report_text("kill: unknown signal %s", name);
    if (lc_kill(arguments->root, signal, arguments->all ? LC_KILL_ALL : 0, &err) < 0)
        return report_and_free(err);
    return 0;
}
