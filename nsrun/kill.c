#include "nsrun.h"

struct kill_given {
    bool all;
};

static const struct option rows[] = {
    { "all", 'a', OPTION_FLAG, offsetof(struct kill_given, all), "to every process of the container" },
};

static int run(const struct call *call)
{
    const struct kill_given *given = call->options;
    const char *text = call->n_arguments > 1 ? call->arguments[1] : "SIGTERM";
    int number = signal_parse(text), status, r;
    struct lc_runtime *runtime = NULL;
    struct lc_error *err = NULL;

    if (number < 0)
        return report_text(call, "unknown signal \"%s\"", text);
    status = runtime_open(call, &runtime);
    if (status != 0)
        return status;
    r = lc_container_kill(runtime, call->arguments[0], number, given->all ? LC_KILL_ALL : 0, &err);
    if (r < 0)
        status = report_failure(call, r, err);
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
