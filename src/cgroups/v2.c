/* What is particular to cgroup v2. */
#include "internal.h"

#include <base/util.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define SUBTREE "cgroup.subtree_control"

static int enable_fail(const struct walk *walk, size_t length, int errnum)
{
    struct error_site site = { .syscall = "write",
        .pointer = cgroup_pointer(&walk->config->cgroups, CGROUP_KEY_PARENT) };
    const char *text = NULL;
    CLEAN_FREE char *object = NULL;

    if (asprintf(&object, "%.*s/" SUBTREE, (int)length, walk->group->path) < 0)
        object = NULL;
    site.object = object;
    switch (errnum) {
    case EBUSY:
        text = "a group with processes of its own cannot hand controllers to groups below it";
        site.hint =
                "choose a parent that has no processes, or move them into a group below it; a user gets one "
                "from: systemd-run --user --scope -p Delegate=yes";
        break;
    case EOPNOTSUPP:
        text = "the parent group is threaded, or invalid because a group above it is";
        site.hint = "choose a parent whose cgroup.type is domain";
        break;
    case ENOENT:
        text = "the parent group was not given a controller that is needed here";
        site.hint = "enable it in " SUBTREE " of the groups above";
        break;
    case EACCES:
    case EPERM:
        site.hint = "this user was not delegated the parent group: by systemd with Delegate=yes in its unit";
        break;
    default:
        break;
    }
    return walk_fail(walk, length, errnum, &site, text);
}

static int write_controllers(int fd, uint32_t controllers)
{
    CLEAN_FD int control = openat(fd, SUBTREE, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    char line[160] = "";
    size_t used = 0;

    for (unsigned i = 0; i < CGROUP_CONTROLLER_MAX_; i++) {
        if ((controllers & CGROUP_BIT(i)) != 0)
            used += (size_t)snprintf(line + used, sizeof(line) - used, "%s+%s", used > 0 ? " " : "",
                    cgroup_controller_name(i, true));
    }
    return control < 0 ? -errno : cgroup_write_text(control, line);
}

/* All at once, or else one by one: those that no limit needs may fail. */
static int hand_down(const struct walk *walk, int fd, size_t length, uint32_t missing)
{
    uint32_t needed = plan_needed(&walk->config->cgroups) & missing;
    int r = write_controllers(fd, missing);

    if (r < 0 && needed == missing)
        return enable_fail(walk, length, -r);
    for (unsigned i = 0; r < 0 && i < CGROUP_CONTROLLER_MAX_; i++) {
        int each = (missing & CGROUP_BIT(i)) != 0 ? write_controllers(fd, CGROUP_BIT(i)) : 0;

        if (each < 0 && (needed & CGROUP_BIT(i)) != 0)
            return enable_fail(walk, length, -each);
    }
    log_line(walk->log, "cgroup %.*s/" SUBTREE ": %s", (int)length, walk->group->path,
            r < 0 ? "only what is needed: ok" : "ok");
    return 0;
}

/* Hands the needed controllers to the children of a directory, if they do not have them yet: the write itself
 * is slow, and forbidden above a delegated group. */
static int enable(const struct walk *walk, int fd, size_t length)
{
    uint32_t missing = walk->group->controllers & ~CGROUP_BIT(CGROUP_DEVICES);
    CLEAN_FREE char *enabled = NULL;
    int r;

    if (missing == 0)
        return 0;
    r = cgroup_read_text(fd, SUBTREE, &enabled);
    if (r < 0)
        return enable_fail(walk, length, -r);
    missing &= ~cgroup_controllers_parse(enabled);
    if (missing == 0)
        return 0;
    /* For some controllers the kernel would take it and make a threaded group of somebody else's, for good. */
    if (faccessat(fd, "cgroup.type", F_OK, 0) == 0) {
        CLEAN_FREE char *processes = NULL;
        bool needed = (plan_needed(&walk->config->cgroups) & missing) != 0;

        r = cgroup_read_text(fd, "cgroup.procs", &processes);
        if (r < 0 || processes[0] != '\0')
            return needed ? enable_fail(walk, length, r < 0 ? -r : EBUSY) : 0;
    }
    return hand_down(walk, fd, length, missing);
}

static int apply(const struct walk *walk, int fd)
{
    const struct config_cgroups *cgroups = &walk->config->cgroups;
    struct group_dir dir = { .fd = fd, .path = walk->group->path, .log = walk->log, .err = walk->err };
    uint32_t controllers = walk->group->controllers;
    int r;

    r = group_write_limits(&dir, cgroups, walk->group);
    if (r == 0 && (controllers & CGROUP_BIT(CGROUP_CPUSET)) != 0)
        r = cpuset_check_effective(&dir, cgroups);
    return r < 0 ? r : device_rules_apply(walk, fd);
}

const struct version cgroup_version_2 = { .v2 = true, .before_child = enable, .apply = apply };
