/* The groups of a container as a unit of systemd's. */
#include "internal.h"

#include <errno.h>

int systemd_plan(struct planner *planner, const char *id)
{
    (void)id;
    return error_raise(planner->err,
            &(struct error_site){ .stage = "cgroup",
                    .errnum = ENOTSUP,
                    .pointer = "/linux/cgroupsPath",
                    .hint = "leave --systemd-cgroup out, and let the engine use the cgroupfs driver" },
            "the systemd cgroup driver is not in this version");
}
