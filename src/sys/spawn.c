#include <lcsys/spawn.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <unistd.h>

static bool is_target(const struct spawn_fd *fds, size_t count, int fd)
{
    for (size_t i = 0; i < count; i++)
        if (fds[i].to == fd)
            return true;
    return false;
}

/* What is given comes first: opening might land on it. */
static int set_descriptors(posix_spawn_file_actions_t *actions, const struct spawn_fd *fds, size_t count)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < count; i++)
        r = posix_spawn_file_actions_adddup2(actions, fds[i].from, fds[i].to);
    for (int fd = STDIN_FILENO; r == 0 && fd <= STDERR_FILENO; fd++)
        if (!is_target(fds, count, fd))
            r = posix_spawn_file_actions_addopen(actions, fd, "/dev/null", O_RDWR, 0);
    return r;
}

static int set_signals(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    int r;

    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    r = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (r == 0)
        r = posix_spawnattr_setsigmask(attributes, &none);
    return r == 0 ? posix_spawnattr_setsigdefault(attributes, &all) : r;
}

int sys_spawn(const char *path, char *const *argv, char *const *environment, const struct spawn_fd *fds,
        size_t count, pid_t *ret_pid)
{
    static char *const empty[] = { NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int r = posix_spawn_file_actions_init(&actions);

    if (r != 0)
        return -r;
    r = posix_spawnattr_init(&attributes);
    if (r == 0) {
        r = set_descriptors(&actions, fds, count);
        if (r == 0)
            r = set_signals(&attributes);
        if (r == 0)
            r = posix_spawn(
                    ret_pid, path, &actions, &attributes, argv, environment != NULL ? environment : empty);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return -r;
}
