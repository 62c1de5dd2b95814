/* Paths below a root that is not trusted: resolved by descriptor, used by descriptor. Symbolic links are followed
 * inside the root only, magic links (/proc/PID/fd/N) never. openat2 where the kernel has it, else a walk that opens
 * every component with O_NOFOLLOW. */
#ifndef LCSYS_PATH_H
#define LCSYS_PATH_H

#include <stdbool.h>
#include <stdint.h>

enum path_missing {
    PATH_MUST_EXIST,
    PATH_MAKE_DIRECTORY, /* the last component too; parents 0755 */
    PATH_MAKE_FILE,      /* an empty file, 0644 */
};

/* Returns an O_PATH|O_CLOEXEC fd or -errno. no_symlinks: -ELOOP for a link anywhere in the path. */
int path_open(int root, const char *path, enum path_missing missing, bool no_symlinks);

/* Opens for real (not O_PATH) what path_open would find, with `flags` (O_RDONLY...); only regular files:
 * -EISDIR, -EINVAL for anything else, never blocking on a FIFO. */
int path_open_file(int root, const char *path, int flags);

#endif
