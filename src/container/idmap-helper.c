/* newuidmap and newgidmap: what an ordinary user may map beyond himself is for these two, and /etc/subuid, to say. */
#include "idmap.h"

#include <base/util.h>
#include <lcsys/spawn.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define MAPPINGS_MAX 340
#define ARGUMENTS_MAX (3 + 3 * MAPPINGS_MAX)

static const char *find(const char *name, char *path, size_t size)
{
    static const char *const directories[] = { "/usr/bin", "/bin", "/usr/local/bin", "/run/wrappers/bin" };

    for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
        (void)snprintf(path, size, "%s/%s", directories[i], name);
        if (access(path, X_OK) == 0)
            return path;
    }
    return NULL;
}

/* What it said goes into the message. */
static int run(const char *path, char *const *argv, char *output, size_t size)
{
    struct spawn_fd given = { .to = STDERR_FILENO };
    int pipes[2], status = 0, r;
    ssize_t got;
    pid_t pid;

    if (pipe2(pipes, O_CLOEXEC) < 0)
        return -errno;
    given.from = pipes[1];
    r = sys_spawn(path, argv, NULL, &given, 1, &pid);
    fd_close(&pipes[1]);
    if (r == 0) {
        got = read(pipes[0], output, size - 1);
        output[got > 0 ? got : 0] = '\0';
        output[strcspn(output, "\n")] = '\0';
        do
            r = waitpid(pid, &status, 0) < 0 ? -errno : 0;
        while (r == -EINTR);
    }
    fd_close(&pipes[0]);
    return r < 0 ? r : WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPERM;
}

static bool is_mapped(pid_t pid, const char *file)
{
    char path[64], byte;
    CLEAN_FD int fd = -EBADF;

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, &byte, 1) == 1;
}

int idmap_by_helper(pid_t pid, const char *helper, const struct config_mapping *mappings, size_t count,
        const char *pointer, struct lc_error **err)
{
    char path[64], output[512] = "", *argv[ARGUMENTS_MAX + 1], *at;
    CLEAN_FREE char *numbers = malloc((3 * count + 1) * 12);
    struct error_site site = {
        .stage = "create", .op = "user namespace", .object = helper, .pointer = pointer
    };
    size_t n = 0;
    int r;

    if (numbers == NULL || count > MAPPINGS_MAX) {
        site.errnum = numbers == NULL ? ENOMEM : E2BIG;
        return error_raise(err, &site, NULL);
    }
    if (find(helper, path, sizeof(path)) == NULL) {
        site.errnum = ENOENT;
        site.hint = "install the package uidmap, or map only your own id, one entry of size 1";
        return error_raise(err, &site, "an ordinary user needs this program for such a mapping");
    }
    at = numbers;
    argv[n++] = path;
    argv[n++] = at;
    at += sprintf(at, "%d", (int)pid) + 1;
    for (size_t i = 0; i < count; i++) {
        const uint32_t values[] = { mappings[i].container_id, mappings[i].host_id, mappings[i].size };

        for (size_t j = 0; j < ARRAY_SIZE(values); j++) {
            argv[n++] = at;
            at += sprintf(at, "%u", values[j]) + 1;
        }
    }
    argv[n] = NULL;
    r = run(path, argv, output, sizeof(output));
    /* ECHILD: the program that embeds us ignores SIGCHLD, and the status is lost; then the map tells, which is written as a whole. */
    if (r == 0 || (r == -ECHILD && is_mapped(pid, helper + strlen("new"))))
        return 0;
    site.errnum = -r;
    site.hint = "the ranges of /etc/subuid and /etc/subgid decide what may be mapped";
    return error_raise(err, &site, "%s", output);
}
