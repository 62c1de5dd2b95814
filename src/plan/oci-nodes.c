/* Devices and links that config.json does not have to list. */
#include <plan/plan.h>

#include <base/util.h>

#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static bool is_listed(const struct plan_request *request, const char *path)
{
    for (size_t i = 0; i < request->config->n_devices; i++)
        if (strcmp(request->sources.nodes[i], path) == 0)
            return true;
    return false;
}

static bool host_has(const struct config_device *device)
{
    mode_t type = device->type == 'c' ? S_IFCHR : S_IFBLK;
    struct stat st;

    return lstat(device->path, &st) == 0 && (st.st_mode & S_IFMT) == type &&
           st.st_rdev == makedev(device->major, device->minor);
}

/* In a user namespace the host's own node is bound; where it has none at this path, the parent makes one. */
void plan_give_devices(const struct plan_request *request)
{
    for (size_t i = 0; i < request->config->n_devices; i++) {
        const struct config_device *device = &request->config->devices[i];
        bool node = device->type == 'c' || device->type == 'b';

        request->sources.made[i] = -1;
        if (node && request->user && request->options->privileged && !host_has(device))
            request->sources.made[i] = plan_give(request->plan,
                    (struct plan_given){
                            .kind = GIVEN_DEVICE, .device = device, .pointer = device->pointer });
    }
}

static int add_listed(const struct plan_request *request, struct lc_error **err)
{
    for (size_t i = 0; i < request->config->n_devices; i++) {
        struct config_device device = request->config->devices[i];
        const char *path = request->sources.nodes[i];
        int r;

        /* The multiplexer is the link into the container's own devpts. */
        if (strcmp(path, "/dev/ptmx") == 0)
            continue;
        if (strcmp(path, "/") == 0)
            return error_raise(err,
                    &(struct error_site){ .stage = "plan",
                            .op = "device",
                            .pointer = device.pointer,
                            .object = device.path },
                    "the root itself cannot be a device");
        r = plan_look_up_device(&device, err);
        if (r < 0)
            return r;
        plan_add_device(request, &device, WIRE_KEEP)->slot = request->sources.made[i];
    }
    return 0;
}

/* Is what lies at `path` hidden, or in the way, when this is mounted later? */
static bool covers(const char *destination, const char *path)
{
    size_t length = strlen(destination);

    return strncmp(path, destination, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static bool covers_node(const struct plan_request *request, const char *destination)
{
    bool found = covers(destination, "/dev/console");

    /* The console is a pty of what is mounted there. */
    if (request->config->tty)
        found |= covers(destination, "/dev/pts");

    for (size_t i = 0; i < PLAN_DEVICES; i++)
        found |= covers(destination, plan_default_devices[i].path);
    for (size_t i = 0; i < PLAN_LINKS_OCI; i++)
        found |= covers(destination, plan_default_links[i].path);
    for (size_t i = 0; !found && i < request->config->n_devices; i++)
        found = covers(destination, request->sources.nodes[i]);
    return found;
}

size_t plan_first_independent(const struct plan_request *request)
{
    size_t first = request->config->n_mounts;

    for (; first > 0; first--) {
        const char *destination = request->sources.destinations[first - 1];

        if (covers_node(request, destination) || covers("/proc", destination) || covers(destination, "/proc"))
            break;
    }
    return first;
}

int plan_nodes_oci(const struct plan_request *request, struct lc_error **err)
{
    const struct config_mount *dev = plan_mount_above(request, "/dev");
    int r;

    /* A /dev of the host's is as it shall be, and not ours to write in. */
    if (dev != NULL && plan_mount_is(dev, "bind"))
        return 0;
    for (size_t i = 0; i < PLAN_DEVICES; i++)
        if (!is_listed(request, plan_default_devices[i].path))
            (void)plan_add_device(request, &plan_default_devices[i], WIRE_KEEP);
    r = add_listed(request, err);
    for (size_t i = 0; r == 0 && i < PLAN_LINKS_OCI; i++) {
        struct wire_op *op;

        if (strcmp(plan_default_links[i].path, "/dev/core") == 0 && access("/proc/kcore", F_OK) < 0)
            continue;
        op = plan_add(request->plan, WIRE_OP_SYMLINK, "");
        op->text[0] = plan_text(request->plan, plan_default_links[i].target);
        op->text[1] = plan_text(request->plan, plan_default_links[i].path);
        op->number[0] = WIRE_KEEP;
    }
    return r;
}
