/* Descriptors of the caller that go on to the program, with the numbers that they have. */
#include "runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define FIRST_PRESERVED 3

int preserved_take(unsigned int wanted, const char *stage, unsigned int flags, struct preserved *ret,
        const struct log *log, struct lc_error **err)
{
    unsigned int closed = 0;

    ret->count = 0;
    if (wanted > PRESERVED_MAX)
        return refuse(err, stage, EINVAL, "more than %d descriptors to be preserved", PRESERVED_MAX);
    for (unsigned int i = 0; i < wanted; i++) {
        int fd = FIRST_PRESERVED + (int)i, now = fcntl(fd, F_GETFD);

        /* What execve would close is not inherited: a descriptor of this process itself, in a gap. */
        if (now >= 0 && ((flags & LC_PRESERVE_OPEN) == 0 || (now & FD_CLOEXEC) == 0))
            ret->fds[ret->count++] = fd;
        else if ((flags & LC_PRESERVE_OPEN) == 0)
            return refuse(err, stage, EBADF, "descriptor %d, which is to be preserved, is not open", fd);
        else
            closed++;
    }
    /* No warning: `create` has the container's standard error, and peers say nothing either. */
    if (closed > 0)
        log_line(log, "%u of the %u descriptors to be preserved are not open", closed, wanted);
    return 0;
}
