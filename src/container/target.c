/* One container by either of its names: a root directory, or an id below a state root. */
#include "control.h"

#include <base/util.h>

#include <fcntl.h>

static const struct log quiet;

int root_look(struct container *container)
{
    CLEAN_FD int fd = openat(container->state_fd, container->record_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT ? 1 : -errno;
    return record_load(container, fd);
}

enum status container_status(const struct container *container)
{
    if (container->record.oci.present)
        return oci_status(container);
    if (!identity_runs(&container->record.init))
        return STATUS_STOPPED;
    return cgroup_frozen(&container->record.groups) > 0 ? STATUS_PAUSED : STATUS_RUNNING;
}

static int open_root(
        const char *root, bool locked, struct container *ret, const char *stage, struct lc_error **err)
{
    int r = container_open(ret, root, NULL, &quiet, err);

    if (r < 0)
        return r;
    r = locked ? container_settle(ret, err) : root_look(ret);
    if (r < 0 && !locked)
        return error_raise(err,
                &(struct error_site){
                        .stage = stage, .syscall = "open", .object = ret->record_name, .errnum = -r },
                "the record of the container");
    if (r < 0)
        return r;
    if (r == (locked ? 1 : 0) && container_status(ret) != STATUS_STOPPED)
        return 0;
    return refuse(err, stage, ESRCH, "no container is running in %s", ret->root);
}

int target_open(struct lc_runtime *runtime, const char *id, bool locked, struct container *ret,
        const char *stage, struct lc_error **err)
{
    int r;

    if (runtime != NULL)
        return locked ? oci_open_locked(runtime, id, ret, err) : oci_open(runtime, id, ret, err);
    r = open_root(id, locked, ret, stage, err);
    if (r < 0)
        container_close(ret);
    return r;
}
