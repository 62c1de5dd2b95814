#include "nsrun.h"

static int run(const struct call *call)
{
    return runtime_do(call, lc_container_start);
}

const struct command command_start = {
    .name = "start",
    .arguments = "<container-id>",
    .summary = "executes the user defined process in a created container",
    .description = "   Returns when the program runs, and says why when it cannot be executed.\n",
    .least = 1,
    .most = 1,
    .run = run,
};
