/* pause and resume. A container of a root directory may have been made without a group that can be frozen: it gets one when
 * somebody wants to freeze it. */
#include "control.h"

#define FREEZE_TIMEOUT_MS 10000

int control_freeze(struct container *container, bool frozen, struct lc_error **err)
{
    struct cgroup_set *groups = &container->record.groups;
    size_t known;
    int r;

    if (container->record.oci.present || !frozen || cgroup_can_freeze(groups))
        return cgroup_freeze(groups, frozen, FREEZE_TIMEOUT_MS, err);
    known = groups->count;
    r = late_add(container, CGROUP_FREEZER, NULL, err);
    if (r == 0)
        r = cgroup_freeze(groups, true, FREEZE_TIMEOUT_MS, err);
    if (r == 0)
        r = late_move_in(container, err);
    if (r == 0)
        r = cgroup_freeze(groups, true, FREEZE_TIMEOUT_MS, err);
    if (r == 0 || groups->count == known)
        return r;
    /* Half of the container in a group would hide the other half. */
    (void)cgroup_freeze(groups, false, FREEZE_TIMEOUT_MS, NULL);
    late_undo(container);
    return r;
}
