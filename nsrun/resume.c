#include "nsrun.h"

static int run(const struct call *call)
{
    return runtime_do(call, lc_container_resume);
}

const struct command command_resume = {
    .name = "resume",
    .arguments = "<container-id>",
    .summary = "resumes all processes that have been previously paused",
    .description = "   Returns when the kernel has thawed all of them.\n",
    .least = 1,
    .most = 1,
    .run = run,
};
