#include "nsrun.h"

#include <cli/units.h>

struct kill_given {
    bool all, regex;
};

static const struct option rows[] = {
    { "all", 'a', OPTION_FLAG, offsetof(struct kill_given, all), "to every process of the container" },
    { "regex", 'r', OPTION_FLAG, offsetof(struct kill_given, regex),
            "the id is a regular expression: all containers that it finds" },
};

static const char *signal_text(const struct call *call)
{
    return call->n_arguments > 1 && *call->arguments[1] != '\0' ? call->arguments[1] : "SIGTERM";
}

static int kill_one(const struct call *call, struct lc_runtime *runtime, const char *id)
{
    const struct kill_given *given = call->options;
    struct lc_error *err = NULL;
    int r = lc_container_kill(
            runtime, id, signal_parse(signal_text(call)), given->all ? LC_KILL_ALL : 0, &err);

    return r < 0 ? report_failure(call, r, err) : 0;
}

static int run(const struct call *call)
{
    const struct kill_given *given = call->options;
    struct lc_runtime *runtime = NULL;
    int status;

    if (signal_parse(signal_text(call)) < 0)
        return report_text(call, "unknown signal \"%s\"", signal_text(call));
    if (given->regex)
        return runtime_each(call, call->arguments[0], kill_one);
    status = runtime_open(call, &runtime);
    if (status == 0)
        status = kill_one(call, runtime, call->arguments[0]);
    lc_runtime_free(runtime);
    return status;
}

const struct command command_kill = {
    .name = "kill",
    .arguments = "<container-id> [signal]",
    .summary = "kill sends the specified signal (default: SIGTERM) to the container's init process",
    .description = "   The signal is a number or a name, with or without SIG.\n",
    .options = OPTION_TABLE(rows),
    .options_size = sizeof(struct kill_given),
    .least = 1,
    .most = 2,
    .run = run,
};
