/* "remount": what is mounted there already gets other attributes, or its file system other options. */
#include "init.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

/* Only this mount, and with the r-forms those below it. */
static int change_mount(struct init *init, int mounted, const struct bind_request *request)
{
    struct mount_attr attr = { .attr_set = request->set, .attr_clr = request->clear };
    int r;

    if ((request->set | request->clear) == 0)
        return 0;
    r = sys_mount_setattr(
            mounted, (request->flags & WIRE_MOUNT_RECURSIVE_ATTR) != 0 ? AT_RECURSIVE : 0, &attr);
    return r == -ENOSYS ? init_old_attributes(init, mounted, request) : r;
}

/* The file system too: one call sets both, so the mount's attributes have to come along. */
static int change_file_system(int mounted, const struct wire_op *op, const char *data)
{
    uint64_t set = op->number[0] & UINT32_MAX, clear = op->number[0] >> 32;
    long flags = init_mount_flags(mounted, op->number[2], op->number[3]);

    if (flags < 0)
        return (int)flags;
    return sys_mount("", init_fd_path(mounted).text, NULL,
            MS_REMOUNT | (((unsigned long)flags | (unsigned long)set) & ~(unsigned long)clear), data);
}

int init_remount(struct init *init, const struct wire_op *op)
{
    struct bind_request request = { .destination = init_text(init, op, 2),
        .set = op->number[2],
        .clear = op->number[3],
        .flags = op->number[1] };
    bool whole = strcmp(init_text(init, op, 0), "bind") != 0;
    int r, mounted = path_open(init->root, request.destination, PATH_MUST_EXIST, false);

    if (mounted < 0)
        return init_fail(init, "openat2", request.destination, mounted);
    r = whole ? change_file_system(mounted, op, init_text(init, op, 3)) : 0;
    if (r == 0 && (!whole || (request.flags & WIRE_MOUNT_RECURSIVE_ATTR) != 0))
        r = change_mount(init, mounted, &request);
    if (r == 0)
        r = init_propagation(mounted, op->number[1] >> WIRE_MOUNT_PROPAGATION_SHIFT);
    (void)close(mounted);
    if (r == -EINVAL)
        init_detail(init, "is something mounted there to be remounted?");
    return r < 0 ? init_fail(init, "mount", request.destination, r) : 0;
}
