/* Control groups: a group of our own for each key, with that limit alone. */
#include "check.h"

#include <base/util.h>

#include <stdio.h>
#include <string.h>

/* Makes the group with its limits, and removes it again. */
static void try_group(struct check *check, const char *key, const struct config_cgroups *cgroups)
{
    struct lc_config config = *check->config;
    struct container *container = &check->container;
    struct cgroup_set *groups = &container->record.groups;
    CLEAN_FREE char *remark = NULL;
    CLEAN_FD int group = -EBADF;
    struct lc_error *err = NULL;
    int r;

    config.cgroups = *cgroups;
    config.cgroups.name = check->group;
    r = cgroup_plan(&config, NULL, groups, &err);
    if (r == 0)
        r = record_write(container, &err);
    if (r == 0 && asprintf(&remark, "tried in %s",
                          groups->count > 0 ? groups->groups[0].mount : "no hierarchy") < 0)
        remark = NULL;
    if (r == 0)
        r = cgroup_make_v2(&config, groups, &check->log, &group, &err);
    if (r == 0)
        r = cgroup_make_v1(&config, groups, &check->log, &err);
    fd_close(&group);
    (void)check_undo(check, err == NULL ? &err : NULL);
    check_outcome(check, key, err, remark != NULL ? remark : "");
}

/* Where the groups are, and nothing limited. */
static struct config_cgroups bare(const struct check *check)
{
    return (struct config_cgroups){ .present = true,
        .parent = check->config->cgroups.parent,
        .systemd = check->config->cgroups.systemd,
        .device_access = true };
}

static bool lives(const struct check *check)
{
    struct container container;
    bool alive;

    if (container_open(&container, check->options.root, check->options.rootfs, &check->log, NULL) < 0)
        return false;
    alive = container_settle(&container, NULL) > 0;
    container_close(&container);
    return alive;
}

/* The real name is only looked at, in the hierarchies that the limits will need. */
static void check_name(struct check *check, const char *key)
{
    struct cgroup_set groups = { 0 };
    struct lc_error *err = NULL;
    int r = cgroup_plan(check->config, NULL, &groups, &err);

    cgroup_set_done(&groups);
    if (r == -EBUSY && lives(check)) {
        error_free(err);
        check_say(check, key, true, "in use by this container, which is running");
        return;
    }
    /* What is wrong with another key is said there. */
    if (err != NULL && !check_below(error_site(err)->pointer, key)) {
        error_free(err);
        err = NULL;
    }
    check_outcome(check, key, err, "can be used");
}

static void check_parent(struct check *check, const char *key)
{
    struct config_cgroups cgroups = bare(check);

    try_group(check, key, &cgroups);
}

static void check_limit(struct check *check, const char *key, enum config_limit limit)
{
    const struct config_cgroups *asked = &check->config->cgroups;
    struct config_cgroups cgroups = bare(check);

    if (!asked->limits[limit].set) {
        check_say(check, key, true, "0: no limit");
        return;
    }
    cgroups.limits[limit] = asked->limits[limit];
    if (limit == LIMIT_MEMORY_SWAP) /* it is the sum of both */
        cgroups.limits[LIMIT_MEMORY] = asked->limits[LIMIT_MEMORY];
    if (limit == LIMIT_CPU_QUOTA || limit == LIMIT_CPU_BURST) /* it is a part of this */
        cgroups.limits[LIMIT_CPU_PERIOD] = asked->limits[LIMIT_CPU_PERIOD];
    if (limit == LIMIT_CPU_BURST) /* it is at most this */
        cgroups.limits[LIMIT_CPU_QUOTA] = asked->limits[LIMIT_CPU_QUOTA];
    try_group(check, key, &cgroups);
}

static void check_device_filter(struct check *check, const char *key)
{
    const struct config_cgroups *asked = &check->config->cgroups;
    struct config_cgroups cgroups = bare(check);

    if (asked->device_access) {
        check_say(check, key, true, "no device filter");
        return;
    }
    cgroups.device_access = false;
    cgroups.rules = asked->rules;
    cgroups.n_rules = asked->n_rules;
    try_group(check, key, &cgroups);
}

static void check_freezer(struct check *check, const char *key)
{
    check_say(check, key, true, "a container is not frozen when it starts");
}

static void check_driver(struct check *check, const char *key)
{
    if (check->config->cgroups.systemd)
        check_parent(check, key);
    else
        check_say(check, key, true, "the groups are made by nsinit itself");
}

/* A function of its own, or what is copied from the configuration. */
#define TEXT(member) NULL, offsetof(struct config_cgroups, member), sizeof(char *)
#define LIST(member, length)                                                                                 \
    NULL, offsetof(struct config_cgroups, member),                                                           \
            offsetof(struct config_cgroups, length) + sizeof(size_t) -                                       \
                    offsetof(struct config_cgroups, member)

static const struct {
    const char *name;
    void (*function)(struct check *check, const char *key);
    size_t offset, size;
} rows[] = {
    { "parent", check_parent, 0, 0 },
    { "name", check_name, 0, 0 },
    { "device_access", check_device_filter, 0, 0 },
    { "devices", check_device_filter, 0, 0 },
    { "cpuset_cpus", TEXT(cpuset_cpus) },
    { "cpuset_mems", TEXT(cpuset_mems) },
    { "driver", check_driver, 0, 0 },
    { "unit_properties", LIST(unit_properties, n_unit_properties) },
    { "io_max", LIST(blkio, n_blkio) },
    { "hugetlb", LIST(hugepages, n_hugepages) },
    { "rdma", LIST(rdma, n_rdma) },
    { "unified", LIST(unified, n_unified) },
    { "freezer", check_freezer, 0, 0 },
};

static void check_row(struct check *check, const char *key, size_t row)
{
    struct config_cgroups cgroups = bare(check);

    if (rows[row].function != NULL) {
        rows[row].function(check, key);
        return;
    }
    memcpy((char *)&cgroups + rows[row].offset, (const char *)&check->config->cgroups + rows[row].offset,
            rows[row].size);
    try_group(check, key, &cgroups);
}

static void check_key(struct check *check, const char *name)
{
    char key[96];

    (void)snprintf(key, sizeof(key), "/cgroups/%.80s", name);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (strcmp(rows[i].name, name) == 0) {
            check_row(check, key, i);
            return;
        }
    for (int limit = 0; limit < LIMIT_MAX_; limit++)
        if (config_limit_keys[limit] != NULL && strcmp(config_limit_keys[limit], name) == 0) {
            check_limit(check, key, limit);
            return;
        }
    check_unknown(check, key);
}

void check_cgroups(struct check *check, const char *key, json_t *value)
{
    const char *name;
    json_t *member;

    (void)key;
    json_object_foreach(value, name, member) check_key(check, name);
    /* The filter is what one gets for saying nothing. */
    if (json_object_get(value, "device_access") == NULL && json_object_get(value, "devices") == NULL)
        check_key(check, "device_access");
}
