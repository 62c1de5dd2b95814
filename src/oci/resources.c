/* linux.resources: numbers with their ranges as one table. */
#include "internal.h"

#include <base/util.h>

#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* What 0 means. Engines fill their structures with it, so it is "not set" wherever the kernel's own beginning is
 * meant anyway; for pids.limit see check_pids() in rules.c. */
enum zero {
    ZERO_UNSET,
    ZERO_OFF, /* the kernel's default, but an order for a container that exists */
    ZERO_VALUE,
};
enum negative {
    NEGATIVE_BAD,
    NEGATIVE_ONE, /* -1: unlimited */
    NEGATIVE_ANY, /* the same, however it is written */
};

static const struct limit {
    const char *key;
    enum config_limit limit;
    int64_t min, max;
    enum zero zero;
    enum negative negative;
} memory_limits[] = {
    { "limit", LIMIT_MEMORY, 1, INT64_MAX, ZERO_UNSET, NEGATIVE_ONE },
    { "swap", LIMIT_MEMORY_SWAP, 1, INT64_MAX, ZERO_UNSET, NEGATIVE_ONE },
    { "reservation", LIMIT_MEMORY_RESERVATION, 1, INT64_MAX, ZERO_UNSET, NEGATIVE_ONE },
    { "kernel", LIMIT_MEMORY_KERNEL, 1, INT64_MAX, ZERO_UNSET, NEGATIVE_ONE },
    { "kernelTCP", LIMIT_MEMORY_KERNEL_TCP, 1, INT64_MAX, ZERO_UNSET, NEGATIVE_ONE },
    { "swappiness", LIMIT_MEMORY_SWAPPINESS, 0, 200, ZERO_VALUE, NEGATIVE_BAD },
}, cpu_limits[] = {
    { "shares", LIMIT_CPU_SHARES, 2, 262144, ZERO_UNSET, NEGATIVE_BAD },
    { "quota", LIMIT_CPU_QUOTA, 1000, INT64_MAX, ZERO_UNSET, NEGATIVE_ANY },
    { "burst", LIMIT_CPU_BURST, 1, INT64_MAX, ZERO_OFF, NEGATIVE_BAD },
    { "period", LIMIT_CPU_PERIOD, 1000, 1000000, ZERO_UNSET, NEGATIVE_BAD },
    { "realtimePeriod", LIMIT_CPU_RT_PERIOD, 1, INT64_MAX, ZERO_UNSET, NEGATIVE_BAD },
    { "realtimeRuntime", LIMIT_CPU_RT_RUNTIME, 1, INT64_MAX, ZERO_UNSET, NEGATIVE_ONE },
    { "idle", LIMIT_CPU_IDLE, 1, 1, ZERO_OFF, NEGATIVE_BAD },
}, pids_limits[] = {
    { "limit", LIMIT_PIDS, 1, 4194304, ZERO_UNSET, NEGATIVE_ANY },
};

static bool in_range(const struct limit *row, int64_t value)
{
    if (value == 0)
        return true; /* every row gives it a meaning */
    if (value < 0)
        return row->negative == NEGATIVE_ANY || (row->negative == NEGATIVE_ONE && value == -1);
    return value >= row->min && value <= row->max;
}

static void read_limit(
        struct reader *reader, const struct node *node, const struct limit *row, struct config_number *number)
{
    int64_t value = json_integer_value(node->json);
    char expected[96], top[40] = "up";

    if (json_is_integer(node->json) && in_range(row, value)) {
        number->set = value != 0 || row->zero == ZERO_VALUE || (row->zero == ZERO_OFF && reader->update);
        number->value = value < 0 ? -1 : value;
        return;
    }
    if (row->max != INT64_MAX)
        (void)snprintf(top, sizeof(top), "to %lld", (long long)row->max);
    if (row->min == row->max)
        (void)snprintf(expected, sizeof(expected), "0 or %lld", (long long)row->max);
    else
        (void)snprintf(expected, sizeof(expected), "an integer from %lld %s%s%s", (long long)row->min, top,
                row->min > 0 ? ", or 0" : "", row->negative != NEGATIVE_BAD ? ", or -1 for unlimited" : "");
    complain_expected(reader, node, expected);
}

static void read_limits(struct reader *reader, const struct node *node, const struct limit *rows,
        size_t count, struct config_cgroups *cgroups)
{
    for (size_t i = 0; i < count; i++) {
        struct node member = node_member(node, rows[i].key);

        if (member.json != NULL)
            read_limit(reader, &member, &rows[i], &cgroups->limits[rows[i].limit]);
    }
}

static void check_memory(struct reader *reader, const struct node *node, struct config_cgroups *cgroups)
{
    const struct config_number *limit = &cgroups->limits[LIMIT_MEMORY];
    const struct config_number *swap = &cgroups->limits[LIMIT_MEMORY_SWAP];
    struct node swap_node = node_member(node, "swap"), kernel = node_member(node, "kernel");

    if (limit->value > 0 && swap->value > 0 && swap->value < limit->value)
        complain(reader, &swap_node, "swap is memory and swap together: expected at least %lld, found %lld",
                (long long)limit->value, (long long)swap->value);
    if (cgroups->limits[LIMIT_MEMORY_KERNEL].set)
        warn(reader, &kernel, "the kernel has no limit of its own memory any more: ignored");
}

/* Docker's old "as it is" is -1 in a type that has no sign. */
static void drop_default_swappiness(struct reader *reader, const struct node *node)
{
    struct node member = node_member(node, "swappiness");
    uint64_t value;

    if (json_is_real(member.json) && get_unsigned(reader, &member, 0, UINT64_MAX, &value) &&
            value == UINT64_MAX)
        (void)json_object_del(node->json, "swappiness");
}

static void read_check(struct reader *reader, const struct node *node, void *target)
{
    struct config_cgroups *cgroups = target;

    read_bool(reader, node, &cgroups->check_before_update);
    cgroups->check_given = true;
}

static void read_memory(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "disableOOMKiller", read_bool, offsetof(struct config_cgroups, disable_oom_killer) },
        { "checkBeforeUpdate", read_check, 0 },
    };
    struct node hierarchy = node_member(node, "useHierarchy");
    bool always;

    read_object(reader, node, keys, ARRAY_SIZE(keys), target);
    if (!json_is_object(node->json))
        return;
    if (hierarchy.json != NULL)
        read_bool(reader, &hierarchy, &always); /* kernels of today know nothing else */
    drop_default_swappiness(reader, node);
    read_limits(reader, node, memory_limits, ARRAY_SIZE(memory_limits), target);
    check_memory(reader, node, target);
}

static void read_cpu_list(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);

    if (text == NULL || (*text != '\0' && !is_cpu_list(text)))
        complain_expected(reader, node, "a list of numbers and ranges, like \"0-3,5\"");
    else if (*text != '\0')
        *(const char **)target = keep(reader, text);
}

static void read_cpu(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "cpus", read_cpu_list, offsetof(struct config_cgroups, cpuset_cpus) },
        { "mems", read_cpu_list, offsetof(struct config_cgroups, cpuset_mems) },
    };
    struct config_cgroups *cgroups = target;
    const struct config_number *quota = &cgroups->limits[LIMIT_CPU_QUOTA];
    struct node burst = node_member(node, "burst");

    read_object(reader, node, keys, ARRAY_SIZE(keys), target);
    if (!json_is_object(node->json))
        return;
    read_limits(reader, node, cpu_limits, ARRAY_SIZE(cpu_limits), cgroups);
    if (quota->value > 0 && cgroups->limits[LIMIT_CPU_BURST].value > quota->value)
        complain(reader, &burst, "burst is above quota");
}

static void read_pids(struct reader *reader, const struct node *node, void *target)
{
    read_object(reader, node, NULL, 0, target);
    if (json_is_object(node->json) && require_key(reader, node, "limit"))
        read_limits(reader, node, pids_limits, ARRAY_SIZE(pids_limits), target);
}

void read_resources(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "devices", read_device_rules, 0 },
        { "memory", read_memory, 0 },
        { "cpu", read_cpu, 0 },
        { "pids", read_pids, 0 },
        { "blockIO", read_blkio, 0 },
        { "hugepageLimits", read_hugepages, 0 },
        { "network", read_network, 0 },
        { "rdma", read_rdma, 0 },
        { "unified", read_unified, 0 },
    };

    read_object(reader, node, keys, ARRAY_SIZE(keys), target);
}
