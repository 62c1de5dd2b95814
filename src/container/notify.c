/* sd_notify(3): the socket of the caller's manager, at a path of the container's own. And limits that only the host's side may raise. */
#include "runtime.h"

#include <base/util.h>

#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* A program looks for its manager's socket where NOTIFY_SOCKET says, and some for the same path as on the host: so there is a directory
 * of this name, with the socket in it. What lies below /run/systemd is made by an init in the container itself. */
#define INITS_OWN "/run/systemd/"
#define INSTEAD "/run/notify"

static bool is_notify(const char *variable)
{
    return strncmp(variable, "NOTIFY_SOCKET=", strlen("NOTIFY_SOCKET=")) == 0;
}

static int name_places(struct notify *notify, const char *path, struct lc_error **err)
{
    size_t length = strlen(path);

    if (path[0] != '/')
        return refuse(err, "create", EINVAL, "NOTIFY_SOCKET \"%s\" is not an absolute path", path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    if (strncmp(path, INITS_OWN, strlen(INITS_OWN)) == 0) {
        path = INSTEAD;
        length = strlen(INSTEAD);
    }
    if (asprintf(&notify->directory, "%.*s", (int)length, path) < 0)
        notify->directory = NULL;
    if (asprintf(&notify->variable, "NOTIFY_SOCKET=%.*s/notify", (int)length, path) < 0)
        notify->variable = NULL;
    return notify->directory != NULL && notify->variable != NULL ? 0
                                                                 : refuse(err, "create", ENOMEM, "no memory");
}

static void add_mounts(
        struct lc_config *config, const char *path, struct notify *notify, const struct log *log)
{
    struct config_mount *mounts = notify->mounts + config->n_mounts;
    struct stat st;

    if (config->n_mounts > 0)
        memcpy(notify->mounts, config->mounts, config->n_mounts * sizeof(*mounts));
    mounts[0] = (struct config_mount){ .pointer = "",
        .type = "tmpfs",
        .source = "notify",
        .destination = notify->directory,
        .data = "mode=755,size=0,nr_inodes=3",
        .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC };
    mounts[1] = (struct config_mount){ .pointer = "",
        .type = "bind",
        .source = path,
        .destination = notify->variable + strlen("NOTIFY_SOCKET="),
        .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC };
    if (stat(path, &st) < 0) {
        log_warning(log, "NOTIFY_SOCKET %s: %s: what the container notifies is lost", path, strerror(errno));
        mounts[1].source = "/dev/null"; /* refuses to be connected to, like a socket that nobody listens on */
    } else {
        /* Where only its owner may write, the container's root can as well. */
        mounts[1].idmap = geteuid() == 0 && (st.st_mode & S_IWOTH) == 0 &&
                          (config->namespaces & NAMESPACE_BIT(NAMESPACE_USER)) != 0;
    }
    config->mounts = notify->mounts;
    config->n_mounts += NOTIFY_MOUNTS;
}

int notify_add(struct lc_config *config, const char *socket_path, struct notify *notify,
        const struct log *log, struct lc_error **err)
{
    size_t n = 0;
    int r;

    /* Without a mount namespace there is nothing to show it with. */
    if (socket_path == NULL || ((config->namespaces & NAMESPACE_BIT(NAMESPACE_MNT)) == 0 &&
                                       config->oci.namespace_paths[NAMESPACE_MNT] == NULL))
        return 0;
    r = name_places(notify, socket_path, err);
    if (r < 0)
        return r;
    notify->mounts = calloc(config->n_mounts + NOTIFY_MOUNTS, sizeof(*notify->mounts));
    notify->environment = calloc(config->n_environment + 2, sizeof(*notify->environment));
    if (notify->mounts == NULL || notify->environment == NULL)
        return refuse(err, "create", ENOMEM, "no memory");
    add_mounts(config, socket_path, notify, log);
    for (size_t i = 0; i < config->n_environment; i++)
        if (!is_notify(config->environment[i]))
            notify->environment[n++] = config->environment[i];
    notify->environment[n++] = notify->variable;
    config->environment = notify->environment;
    config->n_environment = n;
    return 0;
}

void notify_done(struct notify *notify)
{
    free(notify->mounts);
    free(notify->environment);
    free(notify->directory);
    free(notify->variable);
    *notify = (struct notify){ 0 };
}

void limits_raise(const struct lc_config *config, pid_t pid)
{
    char path[64], text[16];
    CLEAN_FD int fd = -EBADF;
    int length;

    /* What fails here is tried by the child as well, and said by it. */
    for (size_t i = 0; i < config->n_rlimits; i++) {
        unsigned int resource = (unsigned int)config->rlimits[i].resource;
        struct rlimit now;

        /* Lower ones would hold while it still sets up the container. */
        if (prlimit(pid, resource, NULL, &now) < 0 || now.rlim_max >= config->rlimits[i].hard)
            continue;
        now.rlim_max = config->rlimits[i].hard;
        (void)prlimit(pid, resource, &now, NULL);
    }
    if (!config->oom_score_adj.set)
        return;
    (void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
    length = snprintf(text, sizeof(text), "%d", (int)config->oom_score_adj.value);
    fd = openat(AT_FDCWD, path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0)
        (void)!write(fd, text, (size_t)length);
}
