/* What systemd is told of the container's limits. Our own code writes the files all the same: systemd has no property for some
 * of them and rounds others. It is told so that it does not write something else when it is reloaded. Pure. */
#include "unit.h"

#include <base/util.h>
#include <config/unit-properties.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_PERIOD_US 100000
#define USEC_PER_SEC 1000000
#define QUOTA_STEP_US 10000 /* systemd keeps whole percents in its files */
#define CPUS_MAX 8192

static const struct {
    enum config_limit limit;
    enum cgroup_controller controller;
    const char *v1, *v2; /* NULL: none */
} limits[] = {
    { LIMIT_MEMORY, CGROUP_MEMORY, "MemoryLimit", "MemoryMax" },
    { LIMIT_MEMORY_SWAP, CGROUP_MEMORY, NULL, "MemorySwapMax" },
    { LIMIT_MEMORY_RESERVATION, CGROUP_MEMORY, NULL, "MemoryLow" },
    { LIMIT_MEMORY_HIGH, CGROUP_MEMORY, NULL, "MemoryHigh" },
    { LIMIT_CPU_SHARES, CGROUP_CPU, "CPUShares", "CPUWeight" },
    { LIMIT_PIDS, CGROUP_PIDS, "TasksMax", "TasksMax" },
};

/* Files of `unified` that systemd has a property for: a number or "max". */
static const struct {
    const char *file, *property;
} unified[] = {
    { "cpu.weight", "CPUWeight" },
    { "memory.high", "MemoryHigh" },
    { "memory.low", "MemoryLow" },
    { "memory.max", "MemoryMax" },
    { "memory.min", "MemoryMin" },
    { "memory.swap.max", "MemorySwapMax" },
    { "memory.zswap.max", "MemoryZSwapMax" },
    { "pids.max", "TasksMax" },
};

static void put_number(struct buffer *out, const char *property, uint64_t value)
{
    buffer_printf(out, "\n%s\tt\t%" PRIu64, property, value);
}

/* What would be written into a file, as systemd takes it. */
static uint64_t number_of(const char *text)
{
    return text[0] == 'm' || text[0] == '-' ? UINT64_MAX : strtoull(text, NULL, 10);
}

/* No processes at all is more than systemd can say. */
static void put_file_value(struct buffer *out, const char *property, const char *text)
{
    uint64_t value = number_of(text);

    put_number(out, property, value == 0 && strcmp(property, "TasksMax") == 0 ? 1 : value);
}

static void put_quota(struct buffer *out, int64_t quota, int64_t period)
{
    uint64_t share = UINT64_MAX;

    if (period <= 0)
        period = DEFAULT_PERIOD_US;
    if (quota > 0 && quota <= INT64_MAX / USEC_PER_SEC)
        share = (uint64_t)quota * USEC_PER_SEC / (uint64_t)period;
    if (share != UINT64_MAX)
        share = (share + QUOTA_STEP_US - 1) / QUOTA_STEP_US * QUOTA_STEP_US;
    put_number(out, "CPUQuotaPeriodUSec", (uint64_t)period);
    put_number(out, "CPUQuotaPerSecUSec", share);
}

static void put_cpu(const struct config_cgroups *cgroups, struct buffer *out)
{
    const struct config_number *quota = &cgroups->limits[LIMIT_CPU_QUOTA];
    const struct config_number *period = &cgroups->limits[LIMIT_CPU_PERIOD];

    if ((quota->set && quota->value != 0) || (period->set && period->value != 0))
        put_quota(out, quota->set ? quota->value : -1, period->set ? period->value : 0);
}

/* "0-2,5" as a bit per number. */
static void put_list(struct buffer *out, const char *property, const char *list)
{
    unsigned char bits[CPUS_MAX / 8] = { 0 };
    size_t used = 0;

    for (const char *at = list; *at != '\0';) {
        char *end;
        unsigned long first = strtoul(at, &end, 10), last = first;

        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        for (unsigned long i = first; i <= last && i < CPUS_MAX; i++) {
            bits[i / 8] |= (unsigned char)(1u << i % 8);
            used = i / 8 + 1 > used ? i / 8 + 1 : used;
        }
        at = end + strspn(end, ",\n");
        if (at == list)
            return; /* no list */
        list = at;
    }
    buffer_printf(out, "\n%s\tay\t", property);
    for (size_t i = 0; i < used; i++)
        buffer_printf(out, "%02x", bits[i]);
}

static void put_unified(const struct config_cgroups *cgroups, struct buffer *out)
{
    for (size_t i = 0; i < cgroups->n_unified; i++) {
        const struct config_pair *pair = &cgroups->unified[i];
        char *end = NULL;

        for (size_t j = 0; j < ARRAY_SIZE(unified); j++)
            if (strcmp(unified[j].file, pair->name) == 0)
                put_file_value(out, unified[j].property, pair->value);
        if (strcmp(pair->name, "cpuset.cpus") == 0)
            put_list(out, "AllowedCPUs", pair->value);
        else if (strcmp(pair->name, "cpuset.mems") == 0)
            put_list(out, "AllowedMemoryNodes", pair->value);
        else if (strcmp(pair->name, "cpu.max") == 0) {
            int64_t quota = pair->value[0] == 'm' ? -1 : strtoll(pair->value, NULL, 10);

            end = strchr(pair->value, ' ');
            put_quota(out, quota, end != NULL ? strtoll(end, NULL, 10) : 0);
        }
    }
}

static void put_io(const struct config_cgroups *cgroups, bool v1, struct buffer *out)
{
    static const char *const names[][2] = {
        [BLKIO_READ_BPS] = { "IOReadBandwidthMax", "BlockIOReadBandwidth" },
        [BLKIO_WRITE_BPS] = { "IOWriteBandwidthMax", "BlockIOWriteBandwidth" },
        [BLKIO_READ_IOPS] = { "IOReadIOPSMax", NULL },
        [BLKIO_WRITE_IOPS] = { "IOWriteIOPSMax", NULL },
        [BLKIO_WEIGHT] = { "IODeviceWeight", "BlockIODeviceWeight" },
        [BLKIO_LEAF_WEIGHT] = { NULL, NULL },
    };
    const struct config_number *weight = &cgroups->limits[LIMIT_BLKIO_WEIGHT];

    if (weight->set && weight->value > 0)
        put_number(out, v1 ? "BlockIOWeight" : "IOWeight",
                v1 ? (uint64_t)weight->value : cgroup_io_weight((uint64_t)weight->value));
    for (size_t i = 0; i < cgroups->n_blkio; i++) {
        const struct config_blkio_rule *rule = &cgroups->blkio[i];
        const char *name = names[rule->kind][v1];
        uint64_t value = rule->value;

        if (name == NULL)
            continue;
        if (rule->kind == BLKIO_WEIGHT && !v1)
            value = cgroup_io_weight(value);
        else if (value == 0)
            value = UINT64_MAX;
        buffer_printf(out, "\n%s\ta(st)\t/dev/block/%" PRId64 ":%" PRId64 "\t%" PRIu64, name, rule->major,
                rule->minor, value);
    }
}

void unit_properties_limits(const struct config_cgroups *cgroups, uint32_t v1, struct buffer *out)
{
    for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
        bool old = (v1 & CGROUP_BIT(limits[i].controller)) != 0;
        const char *property = old ? limits[i].v1 : limits[i].v2;
        char file[64], value[32];

        if (property != NULL && cgroup_limit_file(cgroups, limits[i].limit, old ? 1 : 2, file, sizeof(file),
                                        value, sizeof(value)) == 0)
            put_file_value(out, property, value);
    }
    put_cpu(cgroups, out);
    if ((v1 & CGROUP_BIT(CGROUP_CPUSET)) == 0 && cgroups->cpuset_cpus != NULL)
        put_list(out, "AllowedCPUs", cgroups->cpuset_cpus);
    if ((v1 & CGROUP_BIT(CGROUP_CPUSET)) == 0 && cgroups->cpuset_mems != NULL)
        put_list(out, "AllowedMemoryNodes", cgroups->cpuset_mems);
    put_io(cgroups, (v1 & CGROUP_BIT(CGROUP_BLKIO)) != 0, out);
    put_unified(cgroups, out);
}

int unit_properties_asked(const struct lc_config *config, struct buffer *out, struct lc_error **err)
{
    for (size_t i = 0; i < config->oci.n_annotations; i++) {
        const struct config_pair *annotation = &config->oci.annotations[i];
        struct error_site site = { .stage = "cgroup", .op = "systemd", .hint = "leave it out" };
        char pointer[256];
        const char *why;
        int r;

        if (strncmp(annotation->name, UNIT_ANNOTATION, strlen(UNIT_ANNOTATION)) != 0)
            continue;
        buffer_text(out, "\n");
        r = unit_property_from_text(annotation->name + strlen(UNIT_ANNOTATION), annotation->value, out, &why);
        if (r == 0)
            continue;
        (void)snprintf(pointer, sizeof(pointer), "/annotations/%s", annotation->name);
        site.pointer = pointer;
        site.errnum = -r;
        return error_raise(err, &site, "%s: %s", annotation->name + strlen(UNIT_ANNOTATION), why);
    }
    for (size_t i = 0; i < config->cgroups.n_unit_properties; i++)
        buffer_printf(out, "\n%s", config->cgroups.unit_properties[i].line);
    return 0;
}

struct device_list {
    struct buffer *out;
    bool all, holes;
};

/* "c 1:3 rwm" as "/dev/char/1:3", "b *:* m" as "block-*", "c 136:* rw" as "char-136". */
static int add_device(void *data, bool allow, const char *line)
{
    struct device_list *list = data;
    const char *kind = line[0] == 'c' ? "char" : "block", *access = strrchr(line, ' ');
    char major[16] = "", minor[16] = "";

    if (line[0] == 'a') {
        list->all = allow;
        return 0;
    }
    list->holes |= !allow;
    if (access == NULL || sscanf(line + 2, "%15[^:]:%15[^ ]", major, minor) != 2)
        return -EINVAL;
    if (strcmp(minor, "*") == 0)
        buffer_printf(list->out, "\nDeviceAllow\ta(ss)\t%s-%s\t%s", kind, major, access + 1);
    else if (strcmp(major, "*") == 0)
        list->holes = true;
    else
        buffer_printf(list->out, "\nDeviceAllow\ta(ss)\t/dev/%s/%s:%s\t%s", kind, major, minor, access + 1);
    return 0;
}

int unit_properties_devices(const struct lc_config *config, struct buffer *out, struct lc_error **err)
{
    CLEAN_FREE struct config_device_rule *rules = NULL;
    const struct error_site site = { .stage = "cgroup",
        .op = "systemd",
        .errnum = ENOTSUP,
        .pointer = cgroup_pointer(&config->cgroups, CGROUP_KEY_DEVICES),
        .hint = "begin with a rule that denies everything, then allow what is needed" };
    struct buffer lines = { 0 };
    struct device_list list = { .out = &lines };
    size_t count, culprit;
    int r = device_rules_collect(config, &rules, &count);

    if (r == 0)
        r = device_rules_v1(rules, count, add_device, &list, &culprit);
    /* Everything allowed, and nothing taken out: then systemd keeps out of it. */
    if (r == 0 && (list.holes || (list.all && lines.length > 0)))
        r = error_raise(err, &site, "on cgroup v1 systemd can only be told what is allowed");
    else if (r < 0)
        r = error_raise(err, &(struct error_site){ .stage = "cgroup", .errnum = -r }, NULL);
    else if (!list.all) {
        buffer_text(out, "\nDevicePolicy\ts\tstrict");
        buffer_add(out, lines.data, lines.length);
        out->failed |= lines.failed;
    }
    buffer_done(&lines);
    return r;
}
