/* Running a program of the host's, whatever state the caller is in. */
#ifndef LCSYS_SPAWN_H
#define LCSYS_SPAWN_H

#include <stddef.h>
#include <sys/types.h>

struct spawn_fd {
    int from,
            to; /* the caller's descriptor and its number in the program; a caller's 0 to 2 are for itself */
};

/* Starts argv[0] as `path` with default signals, none blocked, this environment (NULL: an empty one), these descriptors, and
 * /dev/null for those of 0, 1 and 2 that are not among them. The caller waits for *ret_pid. 0 or -errno. */
int sys_spawn(const char *path, char *const *argv, char *const *environment, const struct spawn_fd *fds,
        size_t count, pid_t *ret_pid);

#endif
