/* netns: the container joins a namespace that exists. It is used as it is, so there is nothing to make. */
#include "strategy.h"

#include <base/util.h>

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

#define NSFS_TYPE 0x6e736673

static int netns_check(struct network_host *host, const struct config_network *network, struct lc_error **err)
{
    struct error_site site = { .errnum = EINVAL, .object = network->nspath };
    CLEAN_FD int fd = -EBADF;
    struct statfs fs;

    (void)host;
    if (network->nspath == NULL)
        return network_raise(err, network, "/context/nspath", &site, "the path of the namespace is missing");
    /* NONBLOCK: whatever the path turns out to be, opening it must not wait. */
    fd = open(network->nspath, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        site.errnum = errno;
        site.syscall = "open";
        return network_raise(err, network, "/context/nspath", &site, NULL);
    }
    if (fstatfs(fd, &fs) < 0 || fs.f_type != NSFS_TYPE)
        return network_raise(err, network, "/context/nspath", &site,
                "not a namespace: it must be /proc/PID/ns/net or a bind mount of one");
    if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
        return network_raise(
                err, network, "/context/nspath", &site, "a namespace, but not a network namespace");
    return 0;
}

const struct network_strategy network_netns = {
    .name = "netns",
    .check = netns_check,
};
