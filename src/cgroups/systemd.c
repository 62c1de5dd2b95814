/* The driver "systemd": the groups of a container are those of a transient unit. The helper (unit-link.c) puts itself into the
 * new scope, so that there is one before there is a container, and stays there until the container has come; if we are killed
 * meanwhile it ends too, and systemd takes the empty scope away. Where somebody waits for what the scope has counted in all, it stays
 * until that has been read (the keeper), in a group of its own below: one with processes could not hand controllers down. */
#include "unit.h"

#include <base/util.h>
#include <lcsys/rootless.h>

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

/* The keeper's, below the container's on v2. */
#define KEEPER_GROUP "libcontainer"

void cgroup_unit_free(struct cgroup_unit *unit)
{
    if (unit == NULL)
        return;
    unit_link_close(unit);
    free(unit->name);
    free(unit->slice);
    free(unit->description);
    free(unit);
}

int cgroup_unit_recall(
        struct cgroup_set *set, const char *name, const char *description, bool user, pid_t keeper)
{
    if (!unit_name_is_valid(name) || strpbrk(description, "\n\t") != NULL || keeper < 0)
        return -EBADMSG;
    set->unit = calloc(1, sizeof(*set->unit));
    if (set->unit == NULL)
        return -ENOMEM;
    *set->unit = (struct cgroup_unit){ .name = strdup(name),
        .description = strdup(description),
        .user = user,
        .keeper = keeper,
        .asked = true,
        .late_pids = -1 };
    return set->unit->name != NULL && set->unit->description != NULL ? 0 : -ENOMEM;
}

static const char *driver_pointer(const struct config_cgroups *cgroups)
{
    return cgroups->oci ? "/linux/cgroupsPath" : "/cgroups/driver";
}

/* The random number in it says that a unit of this name is ours, also to a later process that has only the record. */
static int name_unit(struct planner *planner, const char *id, struct cgroup_unit *unit, char **ret_below)
{
    CLEANUP(unit_place_done) struct unit_place place = { 0 };
    uint64_t number;
    int r = unit_place_find(&place, &planner->config->cgroups, id, unit->user, planner->err);

    if (r < 0)
        return r;
    if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
        return error_raise(planner->err,
                &(struct error_site){ .stage = "cgroup", .syscall = "getrandom", .errnum = errno }, NULL);
    if (asprintf(&unit->description, "container %s (libcontainer %016llx)", place.name,
                (unsigned long long)number) < 0) {
        unit->description = NULL;
        return plan_out_of_memory(planner->err);
    }
    unit->name = TAKE_POINTER(place.name);
    unit->slice = TAKE_POINTER(place.slice);
    *ret_below = TAKE_POINTER(place.below);
    return 0;
}

/* systemd makes the unit's group in the hierarchies that it uses; in the others we do, at the same path. */
static int plan_v1(struct planner *planner, uint32_t *needed)
{
    for (size_t i = 0; i < planner->layout.n_v1; i++) {
        const struct layout_hierarchy *hierarchy = &planner->layout.v1[i];
        uint32_t here = hierarchy->controllers & *needed;
        char *mount;
        int r = layout_mount_v1(hierarchy, &mount);

        if (r == -ENOENT)
            continue;
        if (r < 0)
            return plan_out_of_memory(planner->err);
        if (planner->set.unit->user && hierarchy->controllers != 0) {
            free(mount);
            return error_raise(planner->err,
                    &(struct error_site){ .stage = "cgroup",
                            .op = "systemd",
                            .errnum = ENOTSUP,
                            .pointer = driver_pointer(&planner->config->cgroups),
                            .hint = "boot with systemd.unified_cgroup_hierarchy=1" },
                    "a user's systemd has no controllers on cgroup v1");
        }
        r = plan_add_group(planner, mount, "", false, hierarchy->controllers);
        if (r == 0)
            r = plan_check_files(planner, here, 1);
        if (r < 0)
            return r;
        *needed &= ~here;
    }
    return 0;
}

static int plan_v2(struct planner *planner, const char *root, uint32_t needed)
{
    uint32_t real = needed & ~CGROUP_BIT(CGROUP_DEVICES), offered = 0;
    char *mount;
    int r;

    if (planner->layout.v2_path == NULL || layout_mount_v2(&mount) < 0) {
        r = unified_check_offered(planner, false, 0);
        if (r < 0 || (needed == 0 && planner->set.count > 0))
            return r;
        return plan_refuse(planner, needed != 0 ? (unsigned)__builtin_ctz(needed) : CGROUP_DEVICES,
                "is in no cgroup hierarchy that is mounted here");
    }
    r = plan_add_group(planner, mount, "", true, needed);
    if (r < 0 || real == 0)
        return r;
    r = plan_v2_controllers(mount, root, &offered);
    if (r == 0)
        r = unified_check_offered(planner, true, offered);
    if (r < 0 && r != -ENOENT && r != -EACCES)
        return r;
    if (r < 0)
        return plan_refuse(planner, (unsigned)__builtin_ctz(real),
                "cannot be looked up: cgroup.controllers is not readable");
    if ((real & ~offered) != 0)
        return plan_refuse(planner, (unsigned)__builtin_ctz(real & ~offered),
                planner->set.unit->user ? "is not handed down to this user's systemd"
                                        : "is in no cgroup hierarchy of this host");
    return plan_check_files(planner, needed, 2);
}

int systemd_plan(struct planner *planner, const char *id)
{
    const struct config_cgroups *cgroups = &planner->config->cgroups;
    uint32_t needed = plan_needed(cgroups);
    CLEAN_FREE char *root = NULL, *below = NULL;
    struct buffer properties = { 0 };
    struct cgroup_unit *unit = calloc(1, sizeof(*unit));
    int r;

    if (unit == NULL)
        return plan_out_of_memory(planner->err);
    planner->set.unit = unit;
    *unit = (struct cgroup_unit){ .user = sys_is_rootless(), .late_pids = -1 };
    r = name_unit(planner, id, unit, &below);
    if (r == 0)
        r = unit_properties_asked(planner->config, &properties, planner->err);
    buffer_done(&properties);
    if (r == 0)
        r = unit_link_open(unit, driver_pointer(cgroups), &root, planner->err);
    if (r < 0)
        return r;
    if (asprintf(&planner->below, "%s%s", root, below) < 0) {
        planner->below = NULL;
        return plan_out_of_memory(planner->err);
    }
    /* What cannot be had without privileges, and is not needed without: no node can be made either. */
    if (cgroups->oci && unit->user)
        needed &= ~CGROUP_BIT(CGROUP_DEVICES);
    r = plan_v1(planner, &needed);
    return r < 0 ? r : plan_v2(planner, root, needed);
}

/* ---- making it ---- */
/* Moving a process takes the right to write to the group that is above both its old one and its new one: a user has it among
 * his units, but not from a session into them. */
bool systemd_may_enter(const struct cgroup_set *set, const struct cgroup_group *group)
{
    struct layout layout;
    const char *own, *target = group->path + strlen(group->mount);
    char path[PATH_MAX];
    size_t common = 0;
    bool may;

    if (set->unit == NULL || !set->unit->user)
        return true;
    if (layout_read(&layout, NULL) < 0)
        return false;
    own = layout.v2_path != NULL ? layout.v2_path : "";
    for (size_t i = 0; own[i] == target[i] || own[i] == '\0' || target[i] == '\0'; i++) {
        if ((own[i] == '/' || own[i] == '\0') && (target[i] == '/' || target[i] == '\0'))
            common = i;
        if (own[i] == '\0' || target[i] == '\0')
            break;
    }
    may = snprintf(path, sizeof(path), "%s%.*s/cgroup.procs", group->mount, (int)common, target) <
                  (int)sizeof(path) &&
          faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0;
    layout_done(&layout);
    return may;
}

static uint32_t old_controllers(const struct cgroup_set *set)
{
    uint32_t v1 = 0;

    for (size_t i = 0; i < set->count; i++)
        v1 |= set->groups[i].v2 ? 0 : set->groups[i].controllers;
    return v1;
}

static int add_properties(const struct lc_config *config, const struct cgroup_set *set, struct buffer *out,
        struct lc_error **err)
{
    const struct cgroup_unit *unit = set->unit;
    uint32_t v1 = old_controllers(set);
    int r = 0;

    buffer_printf(out, "start\n%s\nDescription\ts\t%s\nDefaultDependencies\tb\tfalse", unit->name,
            unit->description);
    buffer_text(out, "\nMemoryAccounting\tb\ttrue\nCPUAccounting\tb\ttrue\nTasksAccounting\tb\ttrue");
    buffer_printf(out, "\n%sAccounting\tb\ttrue", (v1 & CGROUP_BIT(CGROUP_BLKIO)) != 0 ? "BlockIO" : "IO");
    buffer_text(out, "\nCollectMode\ts\tinactive-or-failed");
    /* 0: whoever sends this, in the numbers of systemd's own pid namespace. */
    if (unit->slice != NULL)
        buffer_printf(out, "\nSlice\ts\t%s\nDelegate\tb\ttrue\nPIDs\tau\t0", unit->slice);
    unit_properties_limits(&config->cgroups, v1, out);
    if ((v1 & CGROUP_BIT(CGROUP_DEVICES)) != 0 && !config->cgroups.device_access)
        r = unit_properties_devices(config, out, err);
    return r < 0 ? r : unit_properties_asked(config, out, err);
}

/* The answer to "start": where systemd has put it has to be where the record says that it is. */
static int take_groups(struct cgroup_set *set, char *answer, const char *pointer, struct lc_error **err)
{
    char *there = answer;
    const char *group = strsep(&there, "\n");
    struct error_site site = {
        .stage = "cgroup", .op = "systemd", .errnum = EPROTO, .object = set->unit->name, .pointer = pointer
    };

    for (size_t i = 0; i < set->count; i++) {
        struct cgroup_group *each = &set->groups[i];
        bool exists = access(each->path, F_OK) == 0;

        if (strcmp(each->path + strlen(each->mount), group) != 0)
            return error_raise(err, &site, "systemd has put it into %s instead of %s", group,
                    each->path + strlen(each->mount));
        /* A slice that others use already is not ours. */
        each->made = there == NULL || !exists;
        each->adopted = each->made && exists;
        set->unit->tracked |= each->v2 && exists;
    }
    return 0;
}

/* A slice is there without processes too. */
void systemd_keep(struct cgroup_set *set)
{
    if (set->unit->slice != NULL)
        set->unit->keeper = unit_link_pid(set->unit);
}

/* One process more, because the keeper is none of the container's. */
void systemd_soften(const struct cgroup_set *set, struct config_cgroups *cgroups)
{
    struct config_number *pids = &cgroups->limits[LIMIT_PIDS];

    if (set->unit->keeper > 0 && pids->set && pids->value >= 0 && pids->value < INT64_MAX)
        pids->value += pids->value > 0 ? 1 : 2;
}

/* The helper is in the group too: a limit of one process would keep the container out. place() puts it right. */
static void make_room(struct lc_config *config, struct cgroup_set *set)
{
    struct config_number *pids = &config->cgroups.limits[LIMIT_PIDS];
    struct cgroup_unit *unit = set->unit;

    systemd_soften(set, &config->cgroups);
    if (unit->slice == NULL || !pids->set || pids->value < 0 || pids->value > 1)
        return;
    unit->late_pids = pids->value;
    pids->value = 2;
}

int systemd_prepare(
        struct lc_config *config, struct cgroup_set *set, const struct log *log, struct lc_error **err)
{
    struct cgroup_unit *unit = set->unit;
    const char *pointer = driver_pointer(&config->cgroups);
    CLEAN_FREE char *request = NULL, *answer = NULL;
    struct buffer out = { 0 };
    int r = unit->link == NULL ? unit_link_open(unit, pointer, NULL, err) : 0;

    make_room(config, set);
    if (r == 0)
        r = add_properties(config, set, &out, err);
    request = buffer_take_text(&out);
    if (r == 0 && request == NULL)
        r = plan_out_of_memory(err);
    if (r < 0)
        return r;
    unit->asked = true;
    r = unit_link_ask(unit, request, pointer, &answer, err);
    /* A refusal: it was not made. Silence: who knows. */
    if (r < 0 && r != -ETIMEDOUT && r != -EPIPE)
        unit->asked = false;
    if (r == 0)
        r = take_groups(set, answer, pointer, err);
    if (r == 0 && unit->slice == NULL)
        r = unit_link_ask(unit, "keep", pointer, NULL, err);
    if (r == 0)
        log_line(log, "systemd: %s: ok", unit->name);
    if (unit->slice == NULL)
        unit_link_close(unit);
    return r;
}

static int attach(struct cgroup_unit *unit, pid_t pid, struct lc_error **err)
{
    CLEAN_FREE char *request = NULL;
    int r = unit->link == NULL ? unit_link_open(unit, NULL, NULL, err) : 0;

    if (r == 0 && asprintf(&request, "attach\n%s\n%d", unit->name, (int)pid) < 0) {
        request = NULL;
        r = plan_out_of_memory(err);
    }
    return r < 0 ? r : unit_link_ask(unit, request, NULL, NULL, err);
}

/* The limit that make_room() has put off. */
static int limit_pids(const struct cgroup_set *set, struct lc_error **err)
{
    struct cgroup_unit *unit = set->unit;
    const struct cgroup_group *group = cgroup_find(set, CGROUP_PIDS);
    CLEAN_FREE char *request = NULL;
    char value[24];
    int r;

    if (asprintf(&request, "set\n%s\nTasksMax\tt\t1", unit->name) < 0) {
        request = NULL;
        return plan_out_of_memory(err);
    }
    r = unit_link_ask(unit, request, NULL, NULL, err);
    unit_link_close(unit);
    (void)snprintf(value, sizeof(value), "%lld", (long long)unit->late_pids);
    if (r == 0 && group != NULL) {
        struct group_dir dir = { .path = group->path, .err = err };
        CLEAN_FD int fd = openat(AT_FDCWD, group->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

        dir.fd = fd;
        r = fd < 0 ? group_fail(&dir, "", errno, "open", NULL) : group_write(&dir, "pids.max", value, NULL);
    }
    unit->late_pids = -1;
    return r;
}

/* When memory is out it shall not be the keeper that is killed. Only root may ask for that. */
static void spare(pid_t keeper)
{
    CLEAN_FD int fd = -EBADF;
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)keeper);
    fd = openat(AT_FDCWD, path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0)
        (void)cgroup_write_text(fd, "-1000");
}

static int step_aside(const struct cgroup_set *set, struct lc_error **err)
{
    char path[PATH_MAX], number[24];
    int r = 0;

    spare(set->unit->keeper);
    (void)snprintf(number, sizeof(number), "%d", (int)set->unit->keeper);
    for (size_t i = 0; r == 0 && i < set->count; i++) {
        struct group_dir dir = { .fd = -EBADF, .path = path, .err = err };

        if (!set->groups[i].v2)
            continue;
        (void)snprintf(path, sizeof(path), "%s/" KEEPER_GROUP, set->groups[i].path);
        if (mkdir(path, 0755) < 0 && errno != EEXIST)
            return group_fail(&dir, "", errno, "mkdir", NULL);
        dir.fd = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        r = dir.fd < 0 ? group_fail(&dir, "", errno, "open", NULL)
                       : group_write(&dir, "cgroup.procs", number, NULL);
        fd_close(&dir.fd);
    }
    return r;
}

int systemd_place(const struct cgroup_set *set, pid_t pid, bool placed, struct lc_error **err)
{
    struct cgroup_unit *unit = set->unit;
    bool begins = unit->link != NULL;
    /* While the container begins, systemd has to see it there before the helper leaves; it looks at one hierarchy. Later, only
     * who may not move processes by himself: from a session into his own units nobody but systemd can. */
    bool needed = begins ? !placed || !unit->tracked : !placed && unit->user;
    int r = needed ? attach(unit, pid, err) : 0;

    if (r == 0 && unit->late_pids >= 0)
        r = limit_pids(set, err);
    if (r == 0 && begins && unit->keeper > 0)
        r = step_aside(set, err);
    else
        unit_link_close(unit);
    return r < 0 ? r : needed && (unit->tracked || unit->user);
}

/* ---- changing and ending it ---- */
static uint32_t old_controllers_found(const struct cgroup_set *set)
{
    static const enum cgroup_controller known[] = { CGROUP_CPU, CGROUP_CPUSET, CGROUP_MEMORY, CGROUP_PIDS,
        CGROUP_BLKIO };
    uint32_t v1 = 0;

    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        const struct cgroup_group *group = cgroup_find(set, known[i]);

        v1 |= group != NULL && !group->v2 ? CGROUP_BIT(known[i]) : 0;
    }
    return v1;
}

/* systemd knows the share of a processor, for which v1 has two files; one of them may be all that is asked for. */
static void complete_quota(const struct cgroup_set *set, struct config_number *limits)
{
    struct config_number *quota = &limits[LIMIT_CPU_QUOTA], *period = &limits[LIMIT_CPU_PERIOD];
    const struct cgroup_group *group = cgroup_find(set, CGROUP_CPU);
    CLEAN_FREE char *text = NULL;

    if (quota->set == period->set || group == NULL || group->v2 ||
            cgroup_read_file(group, quota->set ? "cpu.cfs_period_us" : "cpu.cfs_quota_us", &text) < 0)
        return;
    *(quota->set ? period : quota) = (struct config_number){ true, strtoll(text, NULL, 10) };
}

int systemd_update(const struct cgroup_set *set, const struct config_cgroups *wanted, struct lc_error **err)
{
    struct config_cgroups all = *wanted;
    struct cgroup_unit *unit = set->unit;
    CLEAN_FREE char *request = NULL;
    struct buffer out = { 0 };
    size_t bare;
    int r;

    complete_quota(set, all.limits);
    buffer_printf(&out, "set\n%s", unit->name);
    bare = out.length;
    unit_properties_limits(&all, old_controllers_found(set), &out);
    if (!out.failed && out.length == bare) {
        buffer_done(&out);
        return 0;
    }
    request = buffer_take_text(&out);
    if (request == NULL)
        return plan_out_of_memory(err);
    r = unit_link_open(unit, NULL, NULL, err);
    return r < 0 ? r : unit_link_ask(unit, request, NULL, NULL, err);
}

void systemd_undo(const struct cgroup_set *set)
{
    if (set->unit->link != NULL)
        (void)unit_link_ask(set->unit, "undo", NULL, NULL, NULL);
    unit_link_close(set->unit);
}

int systemd_end(struct cgroup_set *set, struct lc_error **err)
{
    struct cgroup_unit *unit = set->unit;
    CLEAN_FREE char *request = NULL, *answer = NULL;
    int r;

    unit_link_close(unit); /* this helper may be in the unit, and would be killed with it */
    if (!unit->asked)
        return 0;
    if (asprintf(&request, "stop\n%s\n%s", unit->name, unit->description) < 0) {
        request = NULL;
        return plan_out_of_memory(err);
    }
    r = unit_link_open(unit, NULL, NULL, err);
    if (r == 0)
        r = unit_link_ask(unit, request, NULL, &answer, err);
    unit_link_close(unit);
    unit->asked = r < 0;
    /* Who was killed while he made them has not recorded which of them he made. And where the unit is somebody else's by now, so are
     * the groups. */
    for (size_t i = 0; r == 0 && i < set->count; i++)
        set->groups[i].made = set->groups[i].adopted = answer[0] == '\0';
    return r;
}
