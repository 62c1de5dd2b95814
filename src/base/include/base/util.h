/* Cleanup attributes and the handful of macros that every room uses. Header only. */
#ifndef BASE_UTIL_H
#define BASE_UTIL_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define CLEANUP(function) __attribute__((cleanup(function)))

/* Closes *fd when it is open, keeps errno, and marks it closed. */
static inline void fd_close(int *fd)
{
    if (*fd >= 0) {
        int saved = errno;
        (void)close(*fd);
        errno = saved;
    }
    *fd = -EBADF;
}
#define CLEAN_FD CLEANUP(fd_close)

static inline void free_pointer(void *pointer)
{
    free(*(void **)pointer);
}
#define CLEAN_FREE CLEANUP(free_pointer)

/* Hands ownership on: the variable is left closed / NULL. */
static inline int fd_take(int *fd)
{
    int taken = *fd;
    *fd = -EBADF;
    return taken;
}
#define TAKE_POINTER(p)                                                                                      \
    ({                                                                                                       \
        __typeof__(p) taken_ = (p);                                                                          \
        (p) = NULL;                                                                                          \
        taken_;                                                                                              \
    })

#endif
