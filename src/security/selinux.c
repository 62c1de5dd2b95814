#include <security/selinux.h>

#include <base/util.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/vfs.h>

#define SELINUX_ROOT "/sys/fs/selinux"
#define SELINUX_TYPE 0xf97cff8c

/* Before a policy is loaded everything runs as "kernel", and any label is taken. */
static bool policy_loaded(void)
{
    CLEAN_FD int fd = open("/proc/self/attr/current", O_RDONLY | O_CLOEXEC);
    char label[256] = "";

    return fd >= 0 && read(fd, label, sizeof(label) - 1) > 0 && strcmp(label, "kernel") != 0;
}

int selinux_check(const char *label, const char *pointer, struct lc_error **err)
{
    struct error_site site = { .stage = "security", .op = "selinux", .object = label, .pointer = pointer };
    CLEAN_FD int fd = -EBADF;
    size_t size = strlen(label) + 1;
    struct statfs fs;

    if (statfs(SELINUX_ROOT, &fs) < 0 || (uint32_t)fs.f_type != SELINUX_TYPE) {
        site.errnum = ENOTSUP;
        site.hint = "run on a host with SELinux, or take the label out of the context";
        return error_raise(err, &site, "an SELinux label is asked for, but this host does not run SELinux");
    }
    if (!policy_loaded()) {
        site.errnum = ENOTSUP;
        site.hint = "load a policy, or take the label out of the context";
        return error_raise(err, &site,
                "an SELinux label is asked for, but no policy is loaded: nothing would be confined");
    }
    fd = open(SELINUX_ROOT "/context", O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        site.errnum = errno;
        site.syscall = "open";
        return error_raise(err, &site, "cannot ask the policy");
    }
    /* The kernel answers the write of a label, NUL included: EINVAL when the loaded policy cannot make sense
     * of it. */
    if (write(fd, label, size) != (ssize_t)size) {
        site.errnum = errno;
        return error_raise(err, &site, "the loaded SELinux policy does not accept this label");
    }
    return 0;
}
