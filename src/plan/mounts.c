/* What the configuration asks for in the container's tree: mounts, devices, sysctls, hidden and read-only paths. */
#include <plan/plan.h>

#include <base/util.h>

#include <linux/mount.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* mount(2) flags of attributes, for kernel file systems mounted in one call. */
uint64_t plan_attr_flags(uint64_t attr)
{
    static const struct {
        uint64_t attr, flag;
    } rows[] = {
        { MOUNT_ATTR_RDONLY, MS_RDONLY },
        { MOUNT_ATTR_NOSUID, MS_NOSUID },
        { MOUNT_ATTR_NODEV, MS_NODEV },
        { MOUNT_ATTR_NOEXEC, MS_NOEXEC },
        { MOUNT_ATTR_NODIRATIME, MS_NODIRATIME },
        { MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW },
    };
    uint64_t flags = 0;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        flags |= (attr & rows[i].attr) != 0 ? rows[i].flag : 0;
    if ((attr & MOUNT_ATTR__ATIME) == MOUNT_ATTR_NOATIME)
        flags |= MS_NOATIME;
    if ((attr & MOUNT_ATTR__ATIME) == MOUNT_ATTR_STRICTATIME)
        flags |= MS_STRICTATIME;
    return flags;
}

void plan_add_bind(
        const struct plan_request *request, const struct config_mount *mount, int16_t slot, uint64_t flags)
{
    struct wire_op *op = plan_add(request->plan, WIRE_OP_BIND, mount->pointer);

    op->slot = slot;
    op->text[1] = plan_text(request->plan, mount->source);
    op->text[2] = plan_text(request->plan, mount->destination);
    op->number[0] = mount->attr_set;
    op->number[1] = mount->attr_clear;
    op->number[2] = flags | (mount->recursive_attr ? WIRE_MOUNT_RECURSIVE_ATTR : 0) |
                    (mount->recursive_bind ? WIRE_MOUNT_RECURSIVE : 0);
    op->number[3] = mount->propagation;
    /* The parent's copy is still in the host's peer groups; what the child copies itself is a slave already. */
    if (mount->propagation == 0 && slot >= 0 && (size_t)slot < request->plan->n_given &&
            (request->config->oci.rootfs_propagation & MS_SHARED) == 0)
        op->number[3] = MS_SLAVE | MS_REC;
}

void plan_add_remount(const struct plan_request *request, const struct config_mount *mount)
{
    struct wire_op *op = plan_add(request->plan, WIRE_OP_MOUNT, mount->pointer);

    op->text[0] = plan_text(request->plan, mount->type != NULL ? mount->type : "");
    op->text[2] = plan_text(request->plan, mount->destination);
    op->text[3] = plan_text(request->plan, mount->data);
    op->number[0] = mount->super_flags | mount->super_clear << 32;
    op->number[1] = WIRE_MOUNT_REMOUNT | (mount->recursive_attr ? WIRE_MOUNT_RECURSIVE_ATTR : 0) |
                    mount->propagation << WIRE_MOUNT_PROPAGATION_SHIFT;
    op->number[2] = mount->attr_set;
    op->number[3] = mount->attr_clear;
}

void plan_add_mount(const struct plan_request *request, const struct config_mount *mount, const char *data,
        uint64_t flags)
{
    struct wire_op *op = plan_add(request->plan, WIRE_OP_MOUNT, mount->pointer);
    /* The kernel's own views can be abused through a redirected destination (CVE-2019-19921). */
    bool view = strcmp(mount->type, "proc") == 0 || strcmp(mount->type, "sysfs") == 0;

    op->text[0] = plan_text(request->plan, mount->type);
    op->text[1] = plan_text(request->plan, mount->source != NULL ? mount->source : mount->type);
    op->text[2] = plan_text(request->plan, mount->destination);
    op->text[3] = plan_text(request->plan, data);
    op->number[0] = plan_attr_flags(mount->attr_set) | mount->super_flags;
    /* Written to first; see plan_set_readonly. */
    if (mount->copy_up || (flags & WIRE_MOUNT_KEEP_MODE) != 0)
        op->number[0] &= ~(uint64_t)MS_RDONLY;
    op->number[1] = flags | (view ? WIRE_MOUNT_NO_SYMLINKS : 0) | (mount->copy_up ? WIRE_MOUNT_COPY_UP : 0) |
                    mount->propagation << WIRE_MOUNT_PROPAGATION_SHIFT;
}

void plan_set_readonly(const struct plan_request *request, const struct config_mount *mount)
{
    struct wire_op *op = plan_add(request->plan, WIRE_OP_MOUNT, mount->pointer);

    op->text[0] = plan_text(request->plan, "bind");
    op->text[2] = plan_text(request->plan, mount->destination);
    op->number[1] = WIRE_MOUNT_REMOUNT;
    op->number[2] = MOUNT_ATTR_RDONLY;
}

void plan_mounts(const struct plan_request *request)
{
    for (size_t i = 0; i < request->config->n_mounts; i++) {
        const struct config_mount *mount = &request->config->mounts[i];

        if (mount->remount)
            plan_add_remount(request, mount);
        else if (strcmp(mount->type, "bind") == 0)
            plan_add_bind(request, mount, request->sources.mounts[i], 0);
        else
            plan_add_mount(request, mount, mount->data, 0);
        if (mount->copy_up && (mount->attr_set & MOUNT_ATTR_RDONLY) != 0)
            plan_set_readonly(request, mount);
    }
}

/* "/dev/fuse" alone means: the same numbers as on this host. */
int plan_look_up_device(struct config_device *device, struct lc_error **err)
{
    struct stat st;

    if (device->type != '\0')
        return 0;
    if (stat(device->path, &st) < 0 || (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode)))
        return error_raise(err,
                &(struct error_site){ .stage = "plan",
                        .op = "device",
                        .pointer = device->pointer,
                        .object = device->path,
                        .errnum = ENODEV,
                        .hint = "give an object with type, major and minor" },
                "the host has no such device");
    device->type = S_ISCHR(st.st_mode) ? 'c' : 'b';
    device->major = major(st.st_rdev);
    device->minor = minor(st.st_rdev);
    device->mode = st.st_mode & 0777;
    return 0;
}

struct wire_op *plan_add_device(
        const struct plan_request *request, const struct config_device *device, uint64_t flags)
{
    struct wire_op *op = plan_add(request->plan, WIRE_OP_DEVICE, device->pointer);
    uint64_t type = device->type == 'c' ? S_IFCHR : device->type == 'b' ? S_IFBLK : S_IFIFO;

    op->text[0] = plan_text(request->plan, device->path);
    op->number[0] = device->mode | type | flags;
    op->number[1] = device->type == 'p' ? 0 : makedev(device->major, device->minor);
    op->number[2] = device->uid;
    op->number[3] = device->gid;
    return op;
}

int plan_devices(const struct plan_request *request, struct lc_error **err)
{
    for (size_t i = 0; i < request->config->n_devices; i++) {
        struct config_device device = request->config->devices[i];
        int r = plan_look_up_device(&device, err);

        if (r == 0 && request->user)
            r = error_raise(err,
                    &(struct error_site){ .stage = "plan",
                            .op = "device",
                            .pointer = device.pointer,
                            .object = device.path,
                            .errnum = EPERM,
                            .hint = "bind the host's node with mounts" },
                    "device nodes cannot be made in a user namespace");
        if (r == 0 && strncmp(device.path, "/dev/", 5) != 0)
            r = error_raise(err,
                    &(struct error_site){ .stage = "plan",
                            .op = "device",
                            .pointer = device.pointer,
                            .object = device.path },
                    "devices are made below /dev only; the rootfs itself is never written");
        if (r < 0)
            return r;
        plan_add_device(request, &device, 0);
    }
    return 0;
}

static void add_path(
        const struct plan_request *request, enum wire_op_kind kind, const char *path, const char *pointer)
{
    plan_add(request->plan, kind, pointer)->text[0] = plan_text(request->plan, path);
}

void plan_sysctls(const struct plan_request *request)
{
    const struct lc_config *config = request->config;

    for (size_t i = 0; i < config->n_sysctls; i++) {
        struct wire_op *op = plan_add(request->plan, WIRE_OP_SYSCTL, config->sysctls[i].pointer);

        op->text[0] = plan_text(request->plan, config->sysctls[i].key);
        op->text[1] = plan_text(request->plan, config->sysctls[i].value);
    }
}

static void add_paths(const struct plan_request *request, enum wire_op_kind kind, const char **paths,
        size_t count, const char *key, bool below_proc)
{
    for (size_t i = 0; i < count; i++)
        if ((strncmp(paths[i], "/proc/", 6) == 0) == below_proc)
            add_path(request, kind, paths[i],
                    key != NULL ? arena_printf(&request->plan->arena, "%s/%zu", key, i) : "");
}

void plan_hiding(const struct plan_request *request, bool below_proc)
{
    const struct lc_config *config = request->config;

    add_paths(request, WIRE_OP_READONLY, config->readonly_paths, config->n_readonly_paths,
            config->readonly_paths_given ? config->pointers->readonly_paths : NULL, below_proc);
    add_paths(request, WIRE_OP_MASK, config->masked_paths, config->n_masked_paths,
            config->masked_paths_given ? config->pointers->masked_paths : NULL, below_proc);
    /* Its own configuration must not be the container's to write: the next exec would obey it. */
    if (!below_proc && request->options->protect != NULL)
        add_path(request, WIRE_OP_READONLY, request->options->protect, "");
}
