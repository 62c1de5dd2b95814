/* sd_notify(3): the socket of the caller's manager, at a path of the container's own. And limits that only the host's side may raise. */
#include "runtime.h"

#include <base/util.h>

#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define NOTIFY_PATH "/run/notify/notify.sock"

static bool is_notify(const char *variable)
{
    return strncmp(variable, "NOTIFY_SOCKET=", strlen("NOTIFY_SOCKET=")) == 0;
}

int notify_add(
        struct lc_config *config, const char *socket_path, struct notify *notify, struct lc_error **err)
{
    struct config_mount mount = { .pointer = "",
        .type = "bind",
        .source = socket_path,
        .destination = NOTIFY_PATH,
        .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC };
    size_t n = 0;

    if (socket_path == NULL)
        return 0;
    if (socket_path[0] != '/')
        return refuse(err, "create", EINVAL, "NOTIFY_SOCKET \"%s\" is not an absolute path", socket_path);
    notify->mounts = calloc(config->n_mounts + 1, sizeof(*notify->mounts));
    notify->environment = calloc(config->n_environment + 2, sizeof(*notify->environment));
    if (notify->mounts == NULL || notify->environment == NULL)
        return refuse(err, "create", ENOMEM, "no memory");
    if (config->n_mounts > 0)
        memcpy(notify->mounts, config->mounts, config->n_mounts * sizeof(mount));
    notify->mounts[config->n_mounts] = mount;
    for (size_t i = 0; i < config->n_environment; i++)
        if (!is_notify(config->environment[i]))
            notify->environment[n++] = config->environment[i];
    notify->environment[n++] = "NOTIFY_SOCKET=" NOTIFY_PATH;
    config->mounts = notify->mounts;
    config->n_mounts++;
    config->environment = notify->environment;
    config->n_environment = n;
    return 0;
}

void notify_done(struct notify *notify)
{
    free(notify->mounts);
    free(notify->environment);
    *notify = (struct notify){ 0 };
}

void limits_raise(const struct lc_config *config, pid_t pid)
{
    char path[64], text[16];
    CLEAN_FD int fd = -EBADF;
    int length;

    /* What fails here is tried by the child as well, and said by it. */
    for (size_t i = 0; i < config->n_rlimits; i++) {
        struct rlimit limit = { config->rlimits[i].soft, config->rlimits[i].hard };

        (void)prlimit(pid, (unsigned int)config->rlimits[i].resource, &limit, NULL);
    }
    if (!config->oom_score_adj.set)
        return;
    (void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
    length = snprintf(text, sizeof(text), "%d", (int)config->oom_score_adj.value);
    fd = openat(AT_FDCWD, path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0)
        (void)!write(fd, text, (size_t)length);
}
