/* The check's own record, lock and directory. All that a probe makes on the host is written down first, as
 * for a container: what a killed check leaves behind is removed by the next one. */
#include "check.h"

#include <base/util.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int renew(struct check *check, struct lc_error **err)
{
    struct container *container = &check->container;
    int r;

    container_unlock(container);
    r = container_settle(container, err);
    if (r > 0)
        r = error_raise(
                err, &(struct error_site){ .stage = "check", .errnum = EBUSY }, "another check runs here");
    if (r < 0)
        return r;
    container->record = (struct record){ .namespaces = NAMESPACE_BIT(NAMESPACE_PID) };
    (void)identity_read(getpid(), &container->record.owner);
    return 0;
}

/* pid and start of the rehearsal must not come where those of a living container are. */
static int make_directory(struct check *check, struct lc_error **err)
{
    struct container *container = &check->container;

    if (mkdirat(container->state_fd, check->directory, 0700) == 0 || errno == EEXIST)
        container->root_fd = openat(
                container->state_fd, check->directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (container->root_fd >= 0)
        return 0;
    return error_raise(err,
            &(struct error_site){
                    .stage = "check", .syscall = "mkdirat", .object = check->directory, .errnum = errno },
            NULL);
}

int check_open(struct check *check, struct lc_error **err)
{
    struct container *container = &check->container;
    char name[sizeof(container->record_name)];
    int r = container_open(container, check->options.root, check->options.rootfs, &check->log, err);

    if (r < 0)
        return r;
    fd_close(&container->root_fd);
    memcpy(name, container->record_name, sizeof(name));
    (void)snprintf(container->record_name, sizeof(container->record_name), "check-%.50s", name);
    (void)snprintf(check->directory, sizeof(check->directory), "%.70s.d", container->record_name);
    (void)snprintf(check->group, sizeof(check->group), "nsinit-check-%d", (int)gettid());
    check->rootfs = open(container->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (check->rootfs < 0)
        return error_raise(err,
                &(struct error_site){ .stage = "check",
                        .op = "rootfs",
                        .syscall = "open",
                        .object = container->rootfs,
                        .errnum = errno },
                NULL);
    r = renew(check, err);
    return r < 0 ? r : make_directory(check, err);
}

int check_undo(struct check *check, struct lc_error **err)
{
    int r = container_reclaim(&check->container, err), again = renew(check, NULL);

    return r < 0 ? r : again;
}

void check_close(struct check *check)
{
    if (check->container.root_fd >= 0)
        (void)unlinkat(check->container.state_fd, check->directory, AT_REMOVEDIR);
    fd_close(&check->rootfs);
    container_close(&check->container);
}
