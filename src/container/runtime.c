/* The state root: where it is, and that it is ours alone. */
#include "runtime.h"

#include <base/util.h>
#include <lcsys/rootless.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void default_root(char *path, size_t size)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");

    if (!sys_is_rootless())
        (void)snprintf(path, size, "/run/nsrun");
    else if (runtime != NULL && runtime[0] == '/')
        (void)snprintf(path, size, "%s/nsrun", runtime);
    else
        (void)snprintf(path, size, "/tmp/nsrun-%u", (unsigned int)geteuid());
}

/* mkdir -p, all of it closed to others. */
static int make_parents(const char *path)
{
    char part[PATH_MAX];

    for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        (void)snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
        if (mkdir(part, 0700) < 0 && errno != EEXIST)
            return -errno;
    }
    return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

static int fail(struct lc_error **err, const char *call, const char *path, int errnum)
{
    return error_raise(err,
            &(struct error_site){ .stage = "state root", .syscall = call, .object = path, .errnum = errnum },
            NULL);
}

static int open_root(struct lc_runtime *runtime, struct lc_error **err)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    struct stat st;
    int r;

    runtime->fd = openat(AT_FDCWD, runtime->root, flags);
    if (runtime->fd < 0 && errno == ENOENT) {
        r = make_parents(runtime->root);
        if (r < 0)
            return fail(err, "mkdir", runtime->root, -r);
        runtime->fd = openat(AT_FDCWD, runtime->root, flags);
    }
    if (runtime->fd < 0)
        return fail(err, "open", runtime->root, errno);
    if (fstat(runtime->fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 0022) == 0)
        return 0;
    /* Whoever can write here can make us join or kill anything. */
    return error_raise(err,
            &(struct error_site){ .stage = "state root",
                    .object = runtime->root,
                    .errnum = EPERM,
                    .hint = "it must belong to the caller, and nobody else may write to it" },
            "the directory is not safe");
}

int lc_runtime_open(const struct lc_runtime_options *given, struct lc_runtime **ret, struct lc_error **err)
{
    struct lc_runtime_options options = { 0 };
    struct lc_runtime *runtime;
    int r = given != NULL ? options_take(given, &options, &options_kinds[OPTIONS_RUNTIME], err) : 0;

    if (r < 0)
        return r;
    runtime = calloc(1, sizeof(*runtime));
    if (runtime == NULL)
        return fail(err, "malloc", NULL, ENOMEM);
    runtime->fd = -EBADF;
    runtime->flags = options.flags;
    runtime->log = (struct log){ options.log, options.log_data, (options.flags & LC_LOG_STEPS) != 0 };
    if (options.root != NULL)
        (void)snprintf(runtime->root, sizeof(runtime->root), "%s", options.root);
    else
        default_root(runtime->root, sizeof(runtime->root));
    r = open_root(runtime, err);
    if (r < 0) {
        lc_runtime_free(runtime);
        return r;
    }
    *ret = runtime;
    return 0;
}

void lc_runtime_free(struct lc_runtime *runtime)
{
    if (runtime == NULL)
        return;
    fd_close(&runtime->fd);
    free(runtime);
}
