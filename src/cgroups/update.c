/* New limits for a living container: all of them, or the old ones back. */
#include "internal.h"

#include <base/util.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct change {
    const struct cgroup_group *group;
    int fd; /* the group's directory; belongs to `struct update` */
    char *file, *value, *pointer, *key, *neutral, *old;
    bool optional, pair, verbatim, written;
};

struct update {
    const struct cgroup_set *set;
    const struct log *log;
    struct lc_error **err;
    struct config_cgroups wanted;
    struct change *changes;
    size_t count;
    int fds[CGROUP_HIERARCHIES_MAX];
    size_t current; /* group that lines are collected for */
};

static void update_done(struct update *update)
{
    for (size_t i = 0; i < update->count; i++) {
        struct change *change = &update->changes[i];

        free(change->file);
        free(change->value);
        free(change->pointer);
        free(change->key);
        free(change->neutral);
        free(change->old);
    }
    free(update->changes);
    for (size_t i = 0; i < CGROUP_HIERARCHIES_MAX; i++)
        fd_close(&update->fds[i]);
}

static struct group_dir dir_of(
        const struct update *update, const struct change *change, struct lc_error **err)
{
    return (struct group_dir){
        .fd = change->fd, .path = change->group->path, .log = update->log, .err = err
    };
}

static int refuse(
        struct update *update, const char *pointer, enum cgroup_controller controller, const char *why)
{
    return error_raise(update->err,
            &(struct error_site){
                    .stage = "cgroup", .errnum = ENOTSUP, .pointer = pointer, .hint = "leave the key out" },
            "the %s controller %s", cgroup_controller_name(controller, false), why);
}

static char *copy(const char *text)
{
    return text != NULL ? strdup(text) : NULL;
}

/* The kernel sets the weight itself when it makes a group idle, or not: so it has to be put back too, after that. NULL as a
 * value: nothing else is done with it. */
static int collect_weight(struct update *update)
{
    struct change *changes = update->changes, idle = changes[update->count - 1];
    struct change weight = { .group = idle.group, .fd = idle.fd };
    struct change *grown = realloc(changes, (update->count + 1) * sizeof(*grown));

    if (grown == NULL)
        return -ENOMEM;
    update->changes = grown;
    weight.file = strdup(idle.group->v2 ? "cpu.weight" : "cpu.shares");
    weight.pointer = copy(idle.pointer);
    memmove(grown + 1, grown, update->count++ * sizeof(*grown));
    grown[0] = weight;
    return weight.file == NULL || weight.pointer == NULL ? -ENOMEM : 0;
}

static int collect(void *data, const struct limit_line *line)
{
    struct update *update = data;
    const struct cgroup_group *group = &update->set->groups[update->current];
    struct change *grown = realloc(update->changes, (update->count + 1) * sizeof(*grown)), *change;
    bool other = line->other_file != NULL && !cgroup_has_file(group, line->file);

    if (grown == NULL)
        return -ENOMEM;
    update->changes = grown;
    change = &grown[update->count++];
    *change = (struct change){
        .group = group,
        .fd = update->fds[update->current],
        .file = strdup(other ? line->other_file : line->file),
        .value = strdup(other ? line->other_value : line->value),
        .pointer = copy(line->pointer),
        .key = copy(line->key),
        .neutral = copy(line->neutral),
        .optional = line->optional,
        .pair = line->pair,
        .verbatim = line->verbatim,
    };
    if (change->file == NULL || change->value == NULL || change->pointer == NULL)
        return -ENOMEM;
    return strcmp(change->file, "cpu.idle") == 0 ? collect_weight(update) : 0;
}

/* What the file says now in the words that it takes. */
static char *old_value(const struct change *change, const char *text)
{
    static const char oom[] = "oom_kill_disable ";
    const char *line = text;
    size_t length = change->key != NULL ? strlen(change->key) : 0;

    if (strncmp(text, oom, strlen(oom)) == 0)
        return strndup(text + strlen(oom), 1);
    if (change->key == NULL)
        return strndup(text, strcspn(text, "\n"));
    while (*line != '\0') {
        size_t end = strcspn(line, "\n");

        if (end > length && strncmp(line, change->key, length) == 0 && line[length] == ' ')
            return strndup(line, end);
        line += end + (line[end] == '\n');
    }
    return strdup(change->neutral);
}

static int read_old(struct update *update, struct change *change)
{
    const struct group_dir dir = dir_of(update, change, update->err);
    CLEAN_FREE char *text = NULL;
    int r = cgroup_read_text(change->fd, change->file, &text);

    if (r == -ENOENT && change->optional)
        return 0;
    if (r < 0)
        return group_fail(&dir, change->file, -r, "read", change->pointer);
    change->old = old_value(change, text);
    return change->old == NULL ? group_fail(&dir, "", ENOMEM, NULL, NULL) : 0;
}

static int write_change(struct update *update, struct change *change, bool quiet)
{
    const struct group_dir dir = dir_of(update, change, quiet ? NULL : update->err);
    int r;

    if (change->old == NULL) /* optional, and not there */
        return 0;
    if (change->value == NULL) {
        change->written = true;
        return 0;
    }
    r = group_write(&dir, change->file, change->value, change->pointer);
    change->written = r == 0;
    return r;
}

/* Where this one has to fit the next, whichever the kernel takes first is first. */
static int apply(struct update *update, size_t which)
{
    struct change *change = &update->changes[which];
    bool pair =
            change->pair && which + 1 < update->count && update->changes[which + 1].group == change->group;
    int r = 0;

    if (change->written)
        return 0;
    if (pair) {
        r = write_change(update, change, true);
        if (r == 0)
            return 0;
        /* What is in use is in use, whatever the next one says. */
        r = r == -EBUSY ? 0 : apply(update, which + 1);
    }
    return r < 0 ? r : write_change(update, change, false);
}

/* Says what could not be put back, besides why that was necessary. */
static void put_back(struct update *update)
{
    bool again = true;

    /* Pairs may need the other order: as long as a round gets anything done. */
    while (again) {
        again = false;
        for (size_t i = update->count; i-- > 0;) {
            struct change *change = &update->changes[i];
            const struct group_dir dir = dir_of(update, change, NULL);

            if (!change->written)
                continue;
            if (group_write(&dir, change->file, change->old[0] != '\0' ? change->old : "\n", NULL) == 0) {
                change->written = false;
                again = true;
            }
        }
    }
    for (size_t i = 0; i < update->count; i++) {
        const struct change *change = &update->changes[i];

        if (change->written && change->value != NULL)
            (void)error_raise(update->err,
                    &(struct error_site){ .stage = "cgroup",
                            .errnum = EIO,
                            .object = change->group->path,
                            .pointer = change->pointer },
                    "%s: the old value %s could not be put back", change->file, change->old);
    }
}

/* The kernel may quietly take the nearest value that it knows: that is not what was asked for. */
static int check_written(struct update *update, const struct change *change)
{
    CLEAN_FREE char *text = NULL;

    if (!change->written || change->value == NULL || change->verbatim ||
            cgroup_read_text(change->fd, change->file, &text) < 0) /* some files are for writing only */
        return 0;
    if (cgroup_in_force(change->file, change->key, change->value, change->neutral, text))
        return 0;
    text[strcspn(text, "\n")] = '\0';
    return error_raise(update->err,
            &(struct error_site){ .stage = "cgroup",
                    .errnum = ERANGE,
                    .object = change->group->path,
                    .pointer = change->pointer },
            "%s: the kernel has made \"%s\" of %s", change->file, text, change->value);
}

/* v2 takes any list of CPUs, and uses what is left of it. */
static int check_cpuset(struct update *update)
{
    const struct cgroup_group *group = cgroup_find(update->set, CGROUP_CPUSET);
    struct group_dir dir = { .fd = -EBADF, .log = update->log, .err = update->err };

    if (group == NULL || !group->v2 ||
            (update->wanted.cpuset_cpus == NULL && update->wanted.cpuset_mems == NULL))
        return 0;
    dir.fd = update->fds[group - update->set->groups];
    dir.path = group->path;
    return cpuset_check_effective(&dir, &update->wanted);
}

static bool read_number(const struct cgroup_group *group, const char *file, int64_t *ret)
{
    CLEAN_FREE char *text = NULL;

    if (group == NULL || cgroup_read_file(group, file, &text) < 0)
        return false;
    *ret = text[0] == 'm' ? -1 : strtoll(text, NULL, 10);
    return true;
}

/* Values that share a file, or are computed from one another, with one that is not given: as it is now. */
static void complete(struct update *update)
{
    const struct cgroup_group *cpu = cgroup_find(update->set, CGROUP_CPU);
    const struct cgroup_group *memory = cgroup_find(update->set, CGROUP_MEMORY);
    struct config_number *limits = update->wanted.limits;
    struct config_number *quota = &limits[LIMIT_CPU_QUOTA], *period = &limits[LIMIT_CPU_PERIOD];
    bool has_quota = quota->set && quota->value != 0, has_period = period->set && period->value != 0;
    CLEAN_FREE char *text = NULL;

    if (!limits[LIMIT_MEMORY].set && memory != NULL && memory->v2 &&
            !read_number(memory, "memory.max", &limits[LIMIT_MEMORY].value))
        limits[LIMIT_MEMORY].value = -1;
    if (cpu == NULL || !cpu->v2 || has_quota == has_period || cgroup_read_file(cpu, "cpu.max", &text) < 0)
        return;
    if (has_period)
        *quota = (struct config_number){ true, text[0] == 'm' ? -1 : strtoll(text, NULL, 10) };
    else
        *period = (struct config_number){ true, strtoll(text + strcspn(text, " "), NULL, 10) };
}

/* A limit below what is in use would have the container killed. */
static int check_usage(struct update *update)
{
    const struct config_number *limit = &update->wanted.limits[LIMIT_MEMORY];
    const struct cgroup_group *memory = cgroup_find(update->set, CGROUP_MEMORY);
    int64_t usage;

    if (!update->wanted.check_before_update || !limit->set || limit->value <= 0 || memory == NULL ||
            !read_number(memory, memory->v2 ? "memory.current" : "memory.usage_in_bytes", &usage) ||
            usage <= limit->value)
        return 0;
    return error_raise(update->err,
            &(struct error_site){ .stage = "cgroup",
                    .errnum = EBUSY,
                    .object = memory->path,
                    .pointer = update->wanted.oci ? "/linux/resources/memory/limit" : "/cgroups/memory",
                    .hint = "choose a higher limit, or leave checkBeforeUpdate out" },
            "%" PRId64 " bytes are in use, more than the new limit %" PRId64, usage, limit->value);
}

/* The controllers that something is set for, each in the group that has it. */
static int find_groups(struct update *update, uint32_t *masks)
{
    for (unsigned i = 0; i < CGROUP_CONTROLLER_MAX_; i++) {
        const struct cgroup_group *group;
        char pointer[128];

        if (i == CGROUP_DEVICES || !cgroup_needs(&update->wanted, i, pointer, sizeof(pointer)))
            continue;
        group = cgroup_find(update->set, i);
        if (group == NULL)
            return refuse(update, pointer, i, "has no group of this container");
        masks[group - update->set->groups] |= CGROUP_BIT(i);
    }
    for (size_t i = 0; i < n_cgroup_limit_rows; i++) {
        const struct limit_row *row = &cgroup_limit_rows[i];
        char pointer[64];

        if (!cgroup_limit_is_set(&update->wanted, row))
            continue;
        cgroup_limit_pointer(&update->wanted, row, pointer, sizeof(pointer));
        for (size_t j = 0; j < update->set->count; j++) {
            if ((masks[j] & CGROUP_BIT(row->controller)) == 0 ||
                    (update->set->groups[j].v2 ? row->v2 : row->v1) != NULL)
                continue;
            if (row->limit != LIMIT_MEMORY_KERNEL_TCP)
                return refuse(
                        update, pointer, row->controller, "has no such limit in the version of this host");
            log_warning(update->log, "%s has no effect on cgroup v2: memory.limit counts it", pointer);
        }
    }
    return 0;
}

/* Where v1 has the controller of a file, its group is not the one that unified means. */
static bool is_of_v1(const struct update *update, const char *file)
{
    uint32_t controllers = cgroup_file_controller(file);

    for (unsigned i = 0; i < CGROUP_CONTROLLER_MAX_; i++) {
        const struct cgroup_group *group =
                (controllers & CGROUP_BIT(i)) != 0 ? cgroup_find(update->set, i) : NULL;

        if (group != NULL && !group->v2)
            return true;
    }
    return false;
}

/* Which may be nobody's controller: "cgroup.max.depth". */
static int check_unified(const struct update *update)
{
    const struct config_cgroups *wanted = &update->wanted;
    bool v2 = false;

    for (size_t i = 0; i < update->set->count; i++)
        v2 = v2 || update->set->groups[i].v2;
    for (size_t i = 0; i < wanted->n_unified; i++) {
        if (!v2 || is_of_v1(update, wanted->unified[i].name))
            return unified_refuse(wanted, &wanted->unified[i], update->err);
    }
    return unified_check(wanted, update->err);
}

static int collect_all(struct update *update)
{
    uint32_t masks[CGROUP_HIERARCHIES_MAX] = { 0 };
    int r = check_unified(update);

    if (r == 0)
        r = find_groups(update, masks);
    for (size_t i = 0; r == 0 && i < update->set->count; i++) {
        const struct group_dir dir = { .path = update->set->groups[i].path, .err = update->err };
        bool unified = update->set->groups[i].v2 && update->wanted.n_unified > 0;

        if (masks[i] == 0 && !unified)
            continue;
        update->current = i;
        update->fds[i] = openat(AT_FDCWD, dir.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (update->fds[i] < 0)
            return group_fail(&dir, "", errno, "open", NULL);
        r = cgroup_limit_lines(&update->wanted, masks[i], update->set->groups[i].v2, collect, update);
        if (r < 0)
            return group_fail(&dir, "", -r, NULL, NULL);
    }
    return r;
}

/* A swap limit alone is compared with the memory limit in force: on v1 by the kernel, v2 knows no sum of the two. */
static int check_limits(const struct update *update)
{
    const struct cgroup_group *group = cgroup_find(update->set, CGROUP_MEMORY);
    struct config_cgroups checked = update->wanted;
    struct config_number *memory = &checked.limits[LIMIT_MEMORY];

    if (!memory->set && (group == NULL || !group->v2))
        checked.limits[LIMIT_MEMORY_SWAP].set = false;
    memory->set = true; /* complete() has read it */
    return cgroup_limits_check(&checked, update->err);
}

int cgroup_apply_update(const struct cgroup_set *set, const struct config_cgroups *resources,
        const struct log *log, struct lc_error **err)
{
    CLEANUP(update_done) struct update update = { .set = set, .log = log, .err = err, .wanted = *resources };
    int r;

    for (size_t i = 0; i < CGROUP_HIERARCHIES_MAX; i++)
        update.fds[i] = -EBADF;
    update.wanted.changes = true;
    cgroup_driver_soften(set, &update.wanted);
    complete(&update);
    r = check_limits(&update);
    if (r == 0)
        r = check_usage(&update);
    if (r == 0)
        r = collect_all(&update);
    for (size_t i = 0; r == 0 && i < update.count; i++)
        r = read_old(&update, &update.changes[i]);
    if (r == 0)
        r = cgroup_driver_update(set, &update.wanted, err);
    if (r < 0)
        return r;
    for (size_t i = 0; r == 0 && i < update.count; i++)
        r = apply(&update, i);
    for (size_t i = 0; r == 0 && i < update.count; i++)
        r = check_written(&update, &update.changes[i]);
    if (r == 0)
        r = check_cpuset(&update);
    if (r < 0) {
        cgroup_driver_undo(set);
        put_back(&update);
    }
    return r;
}
