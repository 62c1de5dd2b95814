/* Mount sources, file system types, devices and kernel settings. */
#include "check.h"

#include <base/util.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#ifndef SYS_fsopen
#define SYS_fsopen 430 /* the same on every architecture */
#endif

/* The shortest part of the path that already fails in this way, in `part`. */
static void find_component(const char *path, int errnum, char *part, size_t size)
{
    struct stat st;

    for (const char *at = path + 1;; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        (void)snprintf(part, size, "%.*s", (int)(at - path), path);
        if (*at == '\0' || (stat(part, &st) < 0 && errno == errnum))
            return;
    }
}

static void check_source(struct check *check, const struct config_mount *mount)
{
    struct lc_error *err = NULL;
    char part[PATH_MAX];
    struct stat st;

    if (stat(mount->source, &st) < 0) {
        int errnum = errno;

        find_component(mount->source, errnum, part, sizeof(part));
        (void)error_raise(&err,
                &(struct error_site){ .stage = "check",
                        .op = "mount",
                        .syscall = "stat",
                        .object = mount->source,
                        .pointer = mount->pointer,
                        .errnum = errnum,
                        .hint = errnum == ENOENT   ? "make it, or leave the mount out"
                                : errnum == EACCES ? "a directory on the way needs x for this user"
                                                   : NULL },
                strcmp(part, mount->source) != 0 ? "it fails at %s" : "%.0sthe source", part);
    }
    check_outcome(check, mount->pointer, err, "the source exists");
}

static bool listed(const char *type)
{
    CLEAN_FREE char *line = NULL;
    FILE *file = fopen("/proc/filesystems", "re");
    size_t size = 0;
    bool found = false;

    while (file != NULL && !found && getline(&line, &size, file) > 0) {
        char *name = strchr(line, '\t');

        line[strcspn(line, "\n")] = '\0';
        found = name != NULL && strcmp(name + 1, type) == 0;
    }
    if (file != NULL)
        (void)fclose(file);
    return found;
}

/* fsopen loads the module, and makes nothing yet; older kernels and ordinary users have the list only. */
static bool type_known(const char *type)
{
    CLEAN_FD int fd = (int)syscall(SYS_fsopen, type, 1u /* FSOPEN_CLOEXEC */);

    return fd >= 0 || listed(type);
}

static void check_mount(struct check *check, const struct config_mount *mount)
{
    if (check->namespace_errors[NAMESPACE_MNT] != 0)
        check_say(check, mount->pointer, false, "needs NEWNS, which cannot be made here: see namespaces");
    else if (mount->remount)
        check_say(check, mount->pointer, true, "changes what is mounted there");
    else if (strcmp(mount->type, "bind") == 0)
        check_source(check, mount);
    else if (!type_known(mount->type))
        check_say(check, mount->pointer, false,
                "this kernel has no file system type \"%s\": load its module (modprobe %s) or take another; "
                "see /proc/filesystems",
                mount->type, mount->type);
    else
        check_say(check, mount->pointer, true, "the kernel has \"%s\"", mount->type);
}

void check_mounts(struct check *check, const char *key, json_t *value)
{
    (void)value;
    if (check->config->n_mounts == 0)
        check_say(check, key, true, "none but the usual");
    for (size_t i = 0; i < check->config->n_mounts; i++)
        check_mount(check, &check->config->mounts[i]);
}

/* Makes a node like it and removes it. */
static int try_node(const struct check *check, const struct config_device *device)
{
    mode_t type = device->type == 'p' ? S_IFIFO : device->type == 'b' ? S_IFBLK : S_IFCHR;
    int directory = check->container.root_fd;

    if (mknodat(directory, "device", type | 0600, makedev(device->major, device->minor)) < 0)
        return -errno;
    return unlinkat(directory, "device", 0) < 0 ? -errno : 0;
}

static void check_device(struct check *check, const struct config_device *asked)
{
    struct config_device device = *asked;
    struct lc_error *err = NULL;
    struct error_site site = {
        .stage = "check", .op = "device", .object = device.path, .pointer = device.pointer
    };
    struct stat st = { 0 };
    int r;

    if (check_has_namespace(check, NAMESPACE_USER)) {
        check_say(check, device.pointer, false,
                "%s: device nodes cannot be made in a user namespace; bind the host's node with mounts",
                device.path);
        return;
    }
    if (device.type == '\0' &&
            (stat(device.path, &st) < 0 || (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode)))) {
        check_say(check, device.pointer, false,
                "%s: the host has no such device; load its driver, or give type, major and minor",
                device.path);
        return;
    }
    if (device.type == '\0') {
        device.type = S_ISBLK(st.st_mode) ? 'b' : 'c';
        device.major = major(st.st_rdev);
        device.minor = minor(st.st_rdev);
    }
    r = try_node(check, &device);
    if (r < 0) {
        site.syscall = "mknodat";
        site.errnum = -r;
        site.hint =
                r == -EPERM
                        ? "it needs root with CAP_MKNOD, and a control group that allows m for this device"
                        : NULL;
        (void)error_raise(&err, &site, NULL);
    }
    check_outcome(check, device.pointer, err, "a node like it was made and removed");
}

void check_devices(struct check *check, const char *key, json_t *value)
{
    (void)value;
    if (check->config->n_devices == 0)
        check_say(check, key, true, "none but the usual");
    for (size_t i = 0; i < check->config->n_devices; i++)
        check_device(check, &check->config->devices[i]);
}

/* The values themselves are written in the rehearsal: a new namespace does not have what ours has. */
void check_sysctl(struct check *check, const char *key, json_t *value)
{
    bool rehearsed = check->not_rehearsed == NULL && check->start_error == NULL;

    (void)value;
    if (check->config->n_sysctls == 0)
        check_say(check, key, true, "none");
    for (size_t i = 0; i < check->config->n_sysctls; i++) {
        const struct config_sysctl *sysctl = &check->config->sysctls[i];
        CLEAN_FREE char *path = NULL;

        if (asprintf(&path, "/proc/sys/%s", sysctl->key) < 0)
            path = NULL;
        if (rehearsed)
            check_say(check, sysctl->pointer, true, "was set to %s in a rehearsal", sysctl->value);
        else if (path != NULL && access(path, F_OK) < 0)
            check_say(check, sysctl->pointer, false,
                    "this kernel has no %s here; load the module that brings it, or leave the key out", path);
        else
            check_say(check, sysctl->pointer, true, "the kernel has it");
    }
}
