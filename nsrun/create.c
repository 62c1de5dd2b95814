#include "launch.h"

struct create_given {
    struct launch launch;
};

static const struct option rows[] = { LAUNCH_ROWS(struct create_given, launch) };

static int create(const struct call *call)
{
    const struct create_given *given = call->options;
    struct launched launched;
    struct lc_error *err = NULL;
    int status = launch_prepare(call, &given->launch, true, &launched), r;

    if (status == 0) {
        r = lc_container_create(
                launched.runtime, call->arguments[0], launched.config, &launched.options, &err);
        if (r < 0)
            status = report_failure(call, r, err);
    }
    launch_release(&launched);
    return status;
}

const struct command command_create = {
    .name = "create",
    .arguments = "<container-id>",
    .summary = "create a container",
    .description = "   Makes the container that config.json in the bundle describes, up to its program, "
                   "which \"start\" lets run.\n"
                   "   The id must be unique below the state root.\n",
    .options = OPTION_TABLE(rows),
    .options_size = sizeof(struct create_given),
    .least = 1,
    .most = 1,
    .run = create,
};
