/* Which groups a configuration needs. Looks, but changes nothing. */
#include "internal.h"

#include <base/buffer.h>
#include <base/util.h>

#include <fcntl.h>
#include <stdio.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

static void planner_done(struct planner *planner)
{
    layout_done(&planner->layout);
    cgroup_set_done(&planner->set);
    free(planner->below);
    free(planner->base);
}

void cgroup_set_done(struct cgroup_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        free(set->groups[i].path);
        free(set->groups[i].mount);
        free(set->groups[i].origin);
    }
    free(set->warning);
    cgroup_unit_free(set->unit);
    *set = (struct cgroup_set){ 0 };
}

int plan_out_of_memory(struct lc_error **err)
{
    return error_raise(err, &(struct error_site){ .errnum = ENOMEM, .stage = "cgroup" }, NULL);
}

int plan_add_components(char *out, const char *text, const char *pointer, struct lc_error **err)
{
    const struct error_site site = {
        .errnum = EINVAL,
        .stage = "cgroup",
        .pointer = pointer,
        .hint = "use plain names, with '/' between parents",
    };

    while (*text != '\0') {
        size_t length = strcspn(text, "/");
        bool dots = length > 0 && length <= 2 && strspn(text, ".") >= length;

        if (dots || memchr(text, '\n', length) != NULL || length > 255)
            return error_raise(err, &site, "\"%s\" is not a path of a control group", text);
        if (length > 0) {
            *out++ = '/';
            memcpy(out, text, length);
            out += length;
            *out = '\0';
        }
        text += length;
        text += *text == '/';
    }
    return 0;
}

static int plan_path(struct planner *planner, const char *fallback_name)
{
    const char *parent = planner->config->cgroups.parent, *name = planner->config->cgroups.name;
    int r = 0;

    if (name == NULL)
        name = fallback_name;
    if (name == NULL || name[0] == '\0' || strchr(name, '/') != NULL)
        return error_raise(planner->err,
                &(struct error_site){ .errnum = EINVAL, .stage = "cgroup", .pointer = "/cgroups/name" },
                "\"%s\" is not a name of a control group", name != NULL ? name : "");
    planner->below = calloc(1, (parent != NULL ? strlen(parent) : 0) + strlen(name) + 3);
    if (planner->below == NULL)
        return plan_out_of_memory(planner->err);
    if (parent != NULL)
        r = plan_add_components(planner->below, parent, "/cgroups/parent", planner->err);
    if (r < 0)
        return r;
    return plan_add_components(planner->below + strlen(planner->below), name, "/cgroups/name", planner->err);
}

int plan_add_group(
        struct planner *planner, char *mount_consumed, const char *base, bool v2, uint32_t controllers)
{
    struct cgroup_group *group = &planner->set.groups[planner->set.count];
    struct buffer path = { 0 };

    if (planner->set.count == CGROUP_HIERARCHIES_MAX) {
        free(mount_consumed);
        return plan_out_of_memory(planner->err);
    }
    *group = (struct cgroup_group){ .mount = mount_consumed, .v2 = v2, .controllers = controllers };
    planner->set.count++;
    buffer_text(&path, mount_consumed);
    buffer_text(&path, base);
    buffer_text(&path, planner->below);
    group->path = buffer_take_text(&path);
    return group->path != NULL ? 0 : plan_out_of_memory(planner->err);
}

int plan_refuse(struct planner *planner, enum cgroup_controller controller, const char *why)
{
    const struct config_cgroups *cgroups = &planner->config->cgroups;
    const char *hint =
            "enable the controller on this host; where it is only not handed down, the unit above needs it "
            "in Delegate= (Delegate=yes: all; for users in user@.service); or leave the key out";
    char pointer[128];

    (void)cgroup_needs(cgroups, controller, pointer, sizeof(pointer));
    if (controller == CGROUP_DEVICES)
        hint = cgroups->oci ? "mount a cgroup hierarchy"
                            : "mount a cgroup hierarchy, or set device_access to true to do without a device "
                              "filter";
    return error_raise(planner->err,
            &(struct error_site){ .errnum = ENOTSUP, .stage = "cgroup", .pointer = pointer, .hint = hint },
            "the %s controller %s", cgroup_controller_name(controller, false), why);
}

static int refuse_version(
        struct planner *planner, const char *pointer, enum cgroup_controller controller, int version)
{
    return error_raise(planner->err,
            &(struct error_site){
                    .errnum = ENOTSUP,
                    .stage = "cgroup",
                    .pointer = pointer,
                    .hint = version == 1 ? "this limit exists in cgroup v2 only; leave the key out"
                                         : "this limit exists in cgroup v1 only; leave the key out",
            },
            "the %s controller is a cgroup v%d one on this host and has no such limit",
            cgroup_controller_name(controller, version == 2), version);
}

int plan_check_files(struct planner *planner, uint32_t controllers, int version)
{
    const struct config_cgroups *cgroups = &planner->config->cgroups;

    for (size_t i = 0; i < n_cgroup_limit_rows; i++) {
        const struct limit_row *row = &cgroup_limit_rows[i];
        char pointer[64];

        if ((controllers & CGROUP_BIT(row->controller)) == 0 || (version == 1 ? row->v1 : row->v2) != NULL ||
                !cgroup_limit_is_set(cgroups, row))
            continue;
        cgroup_limit_pointer(cgroups, row, pointer, sizeof(pointer));
        if (row->limit == LIMIT_MEMORY_KERNEL_TCP) {
            int r = plan_warn(
                    planner, "cgroup v2 has no limit of its own for this, memory.limit counts it: ", pointer);

            if (r < 0)
                return r;
            continue;
        }
        return refuse_version(planner, pointer, row->controller, version);
    }
    for (size_t i = 0; version == 2 && i < cgroups->n_blkio; i++) {
        if ((controllers & CGROUP_BIT(CGROUP_BLKIO)) != 0 && cgroups->blkio[i].kind == BLKIO_LEAF_WEIGHT)
            return refuse_version(planner, cgroups->blkio[i].pointer, CGROUP_BLKIO, version);
    }
    if (version == 1 && (controllers & CGROUP_BIT(CGROUP_DEVICES)) != 0)
        return device_rules_check_v1(planner->config, planner->err);
    return 0;
}

uint32_t plan_needed(const struct config_cgroups *cgroups)
{
    uint32_t needed = 0;
    char pointer[128];

    for (unsigned i = 0; i < CGROUP_CONTROLLER_MAX_; i++) {
        if (cgroup_needs(cgroups, i, pointer, sizeof(pointer)))
            needed |= CGROUP_BIT(i);
    }
    return needed;
}

int plan_warn(struct planner *planner, const char *what, const char *object)
{
    CLEAN_FREE char *old = planner->set.warning;

    if (asprintf(&planner->set.warning, "%s%s%s%s", old != NULL ? old : "", old != NULL ? "; " : "", what,
                object) < 0) {
        planner->set.warning = NULL;
        return plan_out_of_memory(planner->err);
    }
    return 0;
}

static unsigned first_bit(uint32_t bits)
{
    return (unsigned)__builtin_ctz(bits);
}

/* Adds a group for every v1 hierarchy that has a needed controller, and takes those off `needed`. */
static int plan_v1(struct planner *planner, uint32_t *needed)
{
    for (size_t i = 0; i < planner->layout.n_v1; i++) {
        const struct layout_hierarchy *hierarchy = &planner->layout.v1[i];
        uint32_t here = hierarchy->controllers & *needed;
        char *mount;
        int r;

        if (here == 0)
            continue;
        r = layout_mount_v1(hierarchy, &mount);
        if (r < 0)
            return plan_refuse(
                    planner, first_bit(here), "is in a cgroup v1 hierarchy that is not mounted here");
        /* Without CPUs nothing can be attached, so cpuset counts whenever it shares the hierarchy. */
        r = plan_add_group(
                planner, mount, "", false, here | (hierarchy->controllers & CGROUP_BIT(CGROUP_CPUSET)));
        if (r == 0)
            r = plan_check_files(planner, here, 1);
        if (r < 0)
            return r;
        *needed &= ~here;
    }
    return 0;
}

/* Root works from the top of what is mounted; a user only below the group that was handed to him. That has a process in it:
 * the caller. So it cannot hand controllers down, but the one above can, where that was handed to the user too. */
static const char *v2_base(struct planner *planner, const char *mount, bool controllers)
{
    CLEAN_FREE char *above = NULL, *entry = NULL;
    const char *own = planner->layout.v2_path;

    if (geteuid() == 0 || strcmp(own, "/") == 0)
        return "";
    if (!controllers || strrchr(own, '/') == own)
        return own;
    above = strndup(own, (size_t)(strrchr(own, '/') - own));
    if (above == NULL || asprintf(&entry, "%s%s/cgroup.procs", mount, above) < 0) {
        entry = NULL;
        return own;
    }
    if (access(entry, W_OK) < 0)
        return own;
    free(planner->base);
    planner->base = TAKE_POINTER(above);
    return planner->base;
}

int plan_v2_controllers(const char *mount, const char *base, uint32_t *ret_controllers)
{
    CLEAN_FREE char *path = NULL, *text = NULL;
    int r;

    if (asprintf(&path, "%s%s/cgroup.controllers", mount, base) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    r = cgroup_read_text(AT_FDCWD, path, &text);
    if (r == 0)
        *ret_controllers = cgroup_controllers_parse(text);
    return r;
}

static int plan_v2(struct planner *planner, uint32_t needed)
{
    uint32_t offered = 0, real = needed & ~CGROUP_BIT(CGROUP_DEVICES);
    const char *base;
    char *mount;
    int r;

    if (planner->layout.v2_path == NULL || layout_mount_v2(&mount) < 0)
        return plan_refuse(planner, first_bit(needed), "is in no cgroup hierarchy that is mounted here");
    base = v2_base(planner, mount, real != 0);
    r = plan_add_group(planner, mount, base, true, needed);
    if (r < 0 || real == 0)
        return r;
    r = plan_v2_controllers(mount, base, &offered);
    if (r < 0)
        return plan_refuse(
                planner, first_bit(real), "cannot be looked up: cgroup.controllers is not readable");
    if ((real & ~offered) != 0)
        return plan_refuse(planner, first_bit(real & ~offered),
                base[0] == '\0' ? "is in no cgroup hierarchy of this host"
                                : "is not handed down to this user's group");
    return plan_check_files(planner, needed, 2);
}

/* No controller is needed: one group all the same, to find the container's processes again. */
static int plan_tracking(struct planner *planner)
{
    static const char *const usual[] = { "name=systemd", "name=", "pids", "freezer", "" };
    char *mount;

    if (planner->layout.v2_path != NULL && layout_mount_v2(&mount) == 0)
        return plan_add_group(planner, mount, v2_base(planner, mount, false), true, 0);
    for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
        for (size_t j = 0; j < planner->layout.n_v1; j++) {
            const struct layout_hierarchy *hierarchy = &planner->layout.v1[j];

            if (strncmp(hierarchy->names, usual[i], strlen(usual[i])) == 0 &&
                    layout_mount_v1(hierarchy, &mount) == 0)
                return plan_add_group(
                        planner, mount, "", false, hierarchy->controllers & CGROUP_BIT(CGROUP_CPUSET));
        }
    }
    return error_raise(planner->err,
            &(struct error_site){
                    .errnum = ENOTSUP,
                    .stage = "cgroup",
                    .pointer = "/cgroups",
                    .hint = "mount cgroup2 on /sys/fs/cgroup, or leave cgroups out",
            },
            "no cgroup hierarchy is mounted here");
}

/* How much of the path, which is not there as a whole, is there already: what is below is ours to remove, even after a
 * crash between mkdir and mark. */
static size_t existing_part(const struct cgroup_group *group)
{
    size_t mount = strlen(group->mount), length = strlen(group->path);
    char path[PATH_MAX];

    if (length >= sizeof(path))
        return 0;
    memcpy(path, group->path, length + 1);
    do {
        while (length > mount && path[length - 1] != '/')
            length--;
        length = length > mount ? length - 1 : mount;
        path[length] = '\0';
    } while (length > mount && access(path, F_OK) < 0);
    return length;
}

static int look_fail(struct planner *planner, const struct cgroup_group *group, int errnum)
{
    struct error_site site = { .stage = "cgroup",
        .errnum = errnum,
        .object = group->path,
        .pointer = cgroup_pointer(&planner->config->cgroups, CGROUP_KEY_NAME) };

    if (errnum == EBUSY) {
        site.hint = "choose another name, or end those processes first";
        return error_raise(planner->err, &site, "the group exists and has processes");
    }
    if (errnum == EOPNOTSUPP)
        site.hint = "the group is a threaded one, which cannot hold processes; choose another";
    else if (errnum == ENOTDIR)
        site.hint = "a file of the hierarchy has this name; choose another";
    return error_raise(planner->err, &site, "cannot read its processes");
}

/* config.json may name a group that is there. */
static int take_existing(struct planner *planner, struct cgroup_group *group, bool empty)
{
    int frozen = cgroup_group_frozen(group);

    if (frozen > 0)
        return error_raise(planner->err,
                &(struct error_site){ .stage = "cgroup",
                        .errnum = EBUSY,
                        .object = group->path,
                        .pointer = "/linux/cgroupsPath",
                        .hint = "thaw it, or remove it if nobody uses it" },
                "container's cgroup unexpectedly frozen");
    group->made = group->adopted = empty;
    group->existing = strlen(group->path);
    return empty ? 0 : plan_warn(planner, "container's cgroup is not empty: ", group->path);
}

/* A group of another type, and any that is made below one, can hold no container. */
static int check_type(struct planner *planner, const struct cgroup_group *group)
{
    size_t length = group->made ? group->existing : strlen(group->path);
    CLEAN_FREE char *file = NULL, *type = NULL;
    int r;

    if (!group->v2 || length <= strlen(group->mount))
        return 0;
    if (asprintf(&file, "%.*s/cgroup.type", (int)length, group->path) < 0) {
        file = NULL;
        return plan_out_of_memory(planner->err);
    }
    r = cgroup_read_text(AT_FDCWD, file, &type);
    if (r < 0 || strcmp(type, "domain\n") == 0)
        return 0; /* gone meanwhile: it is looked at again when it is used */
    type[strcspn(type, "\n")] = '\0';
    return error_raise(planner->err,
            &(struct error_site){ .stage = "cgroup",
                    .errnum = EOPNOTSUPP,
                    .object = file,
                    .pointer = cgroup_pointer(
                            &planner->config->cgroups, group->made ? CGROUP_KEY_PARENT : CGROUP_KEY_NAME),
                    .hint = "choose a group whose cgroup.type is \"domain\"" },
            "the group is of the type \"%s\": no group below it can hold processes with limits of their own",
            type);
}

/* Fills in `made`, and refuses to share a group with processes that are not ours. */
static int look_at(struct planner *planner, struct cgroup_group *group)
{
    CLEAN_FREE char *processes = NULL;
    /* Most are not there, and looking takes half as long as failing to open. */
    bool absent = access(group->path, F_OK) < 0 && errno == ENOENT;
    int r = absent ? -ENOENT : cgroup_read_file(group, "cgroup.procs", &processes);

    /* Not ours before systemd says so: it knows whether the unit is there already. */
    if (planner->set.unit != NULL) {
        group->existing = r == -ENOENT ? existing_part(group) : 0;
        return 0;
    }
    group->made = r == -ENOENT;
    if (group->made)
        group->existing = existing_part(group);
    if (r == -ENOENT || r == 0) {
        int type = check_type(planner, group);

        if (r < 0 || type < 0)
            return type;
    }
    if (r < 0)
        return look_fail(planner, group, -r);
    if (planner->config->cgroups.oci)
        return take_existing(planner, group, processes[0] == '\0');
    return processes[0] == '\0' ? 0 : look_fail(planner, group, EBUSY);
}

/* Those of unified have to be in v2: what v1 has would be left out in silence. */
static int plan_unified(struct planner *planner)
{
    CLEAN_FREE char *mount = NULL;
    uint32_t offered = 0;
    bool v2;

    v2 = planner->layout.v2_path != NULL && layout_mount_v2(&mount) == 0 &&
         plan_v2_controllers(mount, v2_base(planner, mount, true), &offered) == 0;
    return unified_check_offered(planner, v2, offered);
}

int fs_plan(struct planner *planner, const char *id)
{
    bool unified = planner->config->cgroups.n_unified > 0;
    uint32_t needed = plan_needed(&planner->config->cgroups);
    int r;

    if (planner->config->cgroups.oci)
        return place_plan(planner, id);
    r = plan_path(planner, id);
    if (r == 0 && unified)
        r = plan_unified(planner);
    if (r < 0)
        return r;
    if (needed == 0)
        return plan_tracking(planner);
    r = plan_v1(planner, &needed);
    if (r == 0 && (needed != 0 || unified))
        r = plan_v2(planner, needed);
    return r;
}

int cgroup_plan(const struct lc_config *config, const char *fallback_name, struct cgroup_set *ret_set,
        struct lc_error **err)
{
    CLEANUP(planner_done) struct planner planner = { .config = config, .err = err };
    const struct config_cgroups *cgroups = &config->cgroups;
    int r;

    if (!cgroups->present) {
        *ret_set = (struct cgroup_set){ 0 };
        return 0;
    }
    r = cgroup_limits_check(cgroups, err);
    if (r == 0)
        r = unified_check(cgroups, err);
    if (r == 0)
        r = layout_read(&planner.layout, err);
    if (r == 0)
        r = cgroup_driver_wanted(cgroups)->plan(&planner, fallback_name);
    for (size_t i = 0; r == 0 && i < planner.set.count; i++)
        r = look_at(&planner, &planner.set.groups[i]);
    if (r < 0)
        return r;
    *ret_set = planner.set;
    planner.set = (struct cgroup_set){ 0 };
    return 0;
}
