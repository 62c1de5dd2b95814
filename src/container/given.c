/* Descriptors that only the parent can open: trees behind directories closed to a user namespace, namespaces, terminals. */
#include "container.h"
#include "idmap.h"

#include <base/util.h>
#include <lcsys/syscalls.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

static uint32_t host_id(const struct config_mapping *mappings, size_t n, uint32_t id)
{
    for (size_t i = 0; i < n; i++)
        if (id >= mappings[i].container_id && id - mappings[i].container_id < mappings[i].size)
            return mappings[i].host_id + (id - mappings[i].container_id);
    return UINT32_MAX;
}

/* Nothing of it has a name on the host, so nothing can be left there. Before Linux 6.15 what is mounted nowhere cannot be
 * copied: EINVAL. */
static int make_device(const struct lc_config *config, const struct config_device *device)
{
    uint32_t uid = host_id(config->uid_mappings, config->n_uid_mappings, device->uid);
    uint32_t gid = host_id(config->gid_mappings, config->n_gid_mappings, device->gid);
    mode_t type = device->type == 'c' ? S_IFCHR : S_IFBLK;
    CLEAN_FD int fd = sys_detached_tmpfs();

    if (uid == UINT32_MAX || gid == UINT32_MAX)
        return -EOVERFLOW;
    if (fd < 0)
        return fd;
    if (mknodat(fd, "node", type, makedev(device->major, device->minor)) < 0 ||
            fchmodat(fd, "node", device->mode, 0) < 0 ||
            fchownat(fd, "node", uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return sys_open_tree(fd, "node", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}

static const char *call_name(enum plan_given_kind kind)
{
    return kind == GIVEN_TREE ? "open_tree" : kind == GIVEN_DEVICE ? "mknodat" : "open";
}

static int open_one(const struct lc_config *config, const struct plan_given *given, pid_t init,
        const int *descriptors, char *path, size_t size)
{
    unsigned int number;
    int fd;

    (void)snprintf(path, size, "%s", given->path != NULL ? given->path : "");
    switch (given->kind) {
    case GIVEN_TREE:
        return sys_open_tree(
                AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (given->flat ? 0 : AT_RECURSIVE));
    case GIVEN_NAMESPACE:
        if (given->path == NULL)
            (void)snprintf(path, size, "/proc/%d/ns/%s", (int)init, config_namespaces[given->namespace].proc);
        fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        break;
    case GIVEN_ROOT:
        (void)snprintf(path, size, "/proc/%d/root", (int)init);
        fd = openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        break;
    case GIVEN_CONSOLE:
        fd = openat(AT_FDCWD, path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        /* A master is a terminal too, but not one to sit at. */
        if (fd >= 0 && (!isatty(fd) || ioctl(fd, TIOCGPTN, &number) == 0)) {
            fd_close(&fd);
            errno = ENOTTY;
        }
        /* The container's standard streams must block as they always do. */
        if (fd >= 0)
            (void)fcntl(fd, F_SETFL, O_RDWR);
        break;
    case GIVEN_DEVICE:
        (void)snprintf(path, size, "%s", given->device->path);
        return make_device(config, given->device);
    case GIVEN_DESCRIPTOR:
        fd = fcntl(descriptors[given->number], F_DUPFD_CLOEXEC, 0);
        break;
    default:
        errno = EINVAL;
        fd = -1;
    }
    return fd < 0 ? -errno : fd;
}

int given_open(
        const struct lc_plan *plan, pid_t init, const int *descriptors, int *fds, struct lc_error **err)
{
    char path[PATH_MAX];

    for (size_t i = 0; i < plan->n_given; i++)
        fds[i] = -EBADF;
    for (size_t i = 0; i < plan->n_given; i++) {
        const char *pointer = plan->given[i].pointer;

        fds[i] = open_one(plan->config, &plan->given[i], init, descriptors, path, sizeof(path));
        if (fds[i] < 0) {
            int r = fds[i];

            given_close(fds, plan->n_given);
            return error_raise(err,
                    &(struct error_site){ .stage = "acquire",
                            .errnum = -r,
                            .object = path,
                            .syscall = call_name(plan->given[i].kind),
                            .pointer = pointer != NULL && pointer[0] != '\0' ? pointer : NULL },
                    NULL);
        }
        if (plan->given[i].idmap) {
            int r = idmap_mount(fds[i], plan->config, &plan->given[i], err);

            if (r < 0) {
                given_close(fds, plan->n_given);
                return r;
            }
        }
    }
    return 0;
}

void given_close(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fd_close(&fds[i]);
}
