#include "nsrun.h"

static int run(const struct call *call)
{
    return runtime_do(call, lc_container_pause);
}

const struct command command_pause = {
    .name = "pause",
    .arguments = "<container-id>",
    .summary = "pause suspends all processes inside the container",
    .description = "   Returns when the kernel has frozen all of them.\n",
    .least = 1,
    .most = 1,
    .run = run,
};
