#include "container.h"

#include <base/util.h>
#include <lcsys/syscalls.h>

#include <fcntl.h>
#include <linux/memfd.h>
#include <unistd.h>

#include "init_image.h" /* made by the build: defines LC_INIT_IMAGE */

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

/* The static child's bytes. */
__asm__(".pushsection .rodata\n"
        ".balign 4096\n"
        "lc_init_image:\n"
        ".incbin \"" LC_INIT_IMAGE "\"\n"
        "lc_init_image_end:\n"
        ".popsection\n");
extern const char lc_init_image[] __attribute__((visibility("hidden")));
extern const char lc_init_image_end[] __attribute__((visibility("hidden")));

static int fill(int fd)
{
    /* cppcheck-suppress comparePointers ; two marks of one object */
    size_t size = (size_t)(lc_init_image_end - lc_init_image), at = 0;

    while (at < size) {
        ssize_t put = write(fd, lc_init_image + at, size - at);

        if (put < 0)
            return -errno;
        at += (size_t)put;
    }
    /* Sealed: whatever runs in the container can never change what the next one starts with (CVE-2019-5736). */
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        return -errno;
    return 0;
}

int image_open(struct lc_error **err)
{
    int fd = sys_memfd_create("nsinit-init", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC), r;

    if (fd == -EINVAL) /* kernels before 6.3 */
        fd = sys_memfd_create("nsinit-init", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return error_raise(err,
                &(struct error_site){ .stage = "spawn",
                        .syscall = "memfd_create",
                        .errnum = -fd,
                        .hint = fd == -EACCES ? "the sysctl vm.memfd_noexec=2 forbids executable memory files"
                                              : NULL },
                NULL);
    r = fill(fd);
    if (r < 0) {
        fd_close(&fd);
        return error_raise(err,
                &(struct error_site){ .stage = "spawn", .syscall = "write", .object = "memfd", .errnum = -r },
                NULL);
    }
    return fd;
}
