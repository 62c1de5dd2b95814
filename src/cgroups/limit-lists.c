/* The limits that config.json gives as lists: per block device, page size, network interface and RDMA device, and v2
 * files by name. Pure. */
#include "internal.h"

#include <base/util.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sink {
    limit_emit *emit;
    void *data;
};

uint64_t cgroup_io_weight(uint64_t weight)
{
    return weight <= 10 ? 1 : 1 + (weight - 10) * 9999 / 990;
}

uint32_t cgroup_file_controller(const char *file)
{
    char name[16];
    size_t length = strcspn(file, ".");

    if (length >= sizeof(name))
        return 0;
    memcpy(name, file, length);
    name[length] = '\0';
    return cgroup_controllers_parse(name);
}

static const struct {
    const char *v1, *v1_other; /* files of v1 */
    const char *v2_key;        /* io.max; NULL: a weight */
} blkio_kinds[] = {
    [BLKIO_READ_BPS] = { "blkio.throttle.read_bps_device", NULL, "rbps" },
    [BLKIO_WRITE_BPS] = { "blkio.throttle.write_bps_device", NULL, "wbps" },
    [BLKIO_READ_IOPS] = { "blkio.throttle.read_iops_device", NULL, "riops" },
    [BLKIO_WRITE_IOPS] = { "blkio.throttle.write_iops_device", NULL, "wiops" },
    [BLKIO_WEIGHT] = { "blkio.weight_device", "blkio.bfq.weight_device", NULL },
    [BLKIO_LEAF_WEIGHT] = { "blkio.leaf_weight_device", NULL, NULL },
};

static int emit_blkio_v1(const struct config_blkio_rule *rule, const struct sink *sink)
{
    char value[80], key[48], neutral[64];
    const struct limit_line line = {
        .file = blkio_kinds[rule->kind].v1,
        .value = value,
        .other_file = blkio_kinds[rule->kind].v1_other,
        .other_value = value,
        .pointer = rule->pointer,
        .key = key,
        .neutral = neutral,
    };

    (void)snprintf(key, sizeof(key), "%" PRId64 ":%" PRId64, rule->major, rule->minor);
    (void)snprintf(value, sizeof(value), "%s %" PRIu64, key, rule->value);
    (void)snprintf(neutral, sizeof(neutral), "%s 0", key);
    return sink->emit(sink->data, &line);
}

/* io.max takes 0 for nothing at all, where v1 and config.json mean no limit. */
static int emit_blkio_v2(const struct config_blkio_rule *rule, const struct sink *sink)
{
    const char *name = blkio_kinds[rule->kind].v2_key;
    char value[96], other[96], key[48], neutral[80];
    struct limit_line line = {
        .file = name != NULL ? "io.max" : "io.bfq.weight",
        .value = value,
        .other_file = name != NULL ? NULL : "io.weight",
        .other_value = other,
        .pointer = rule->pointer,
        .key = key,
        .neutral = neutral,
    };

    (void)snprintf(key, sizeof(key), "%" PRId64 ":%" PRId64, rule->major, rule->minor);
    (void)snprintf(value, sizeof(value), "%s %" PRIu64, key, rule->value);
    (void)snprintf(other, sizeof(other), "%s %" PRIu64, key, cgroup_io_weight(rule->value));
    (void)snprintf(neutral, sizeof(neutral), "%s default", key);
    if (name != NULL)
        (void)snprintf(neutral, sizeof(neutral), "%s %s=max", key, name);
    if (name != NULL && rule->value == 0)
        line.value = neutral;
    else if (name != NULL)
        (void)snprintf(value, sizeof(value), "%s %s=%" PRIu64, key, name, rule->value);
    return sink->emit(sink->data, &line);
}

static int blkio_lines(const struct config_cgroups *cgroups, bool v2, const struct sink *sink)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < cgroups->n_blkio; i++)
        r = v2 ? emit_blkio_v2(&cgroups->blkio[i], sink) : emit_blkio_v1(&cgroups->blkio[i], sink);
    return r;
}

/* What is used, and what is reserved, where the kernel counts that. */
static int hugepage_lines(const struct config_cgroups *cgroups, bool v2, const struct sink *sink)
{
    static const char *const parts[] = { "", "rsvd." };
    int r = 0;

    for (size_t i = 0; r == 0 && i < cgroups->n_hugepages * ARRAY_SIZE(parts); i++) {
        const struct config_hugepage *page = &cgroups->hugepages[i / ARRAY_SIZE(parts)];
        size_t part = i % ARRAY_SIZE(parts);
        char file[96], value[24];
        const struct limit_line line = {
            .file = file, .value = value, .pointer = page->pointer, .optional = part > 0
        };

        (void)snprintf(file, sizeof(file), "hugetlb.%s.%s%s", page->size, parts[part],
                v2 ? "max" : "limit_in_bytes");
        (void)snprintf(value, sizeof(value), "%" PRIu64, page->limit);
        if (page->limit > INT64_MAX)
            (void)snprintf(value, sizeof(value), "%s", v2 ? "max" : "-1");
        r = sink->emit(sink->data, &line);
    }
    return r;
}

static int rdma_lines(const struct config_cgroups *cgroups, const struct sink *sink)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < cgroups->n_rdma; i++) {
        const struct config_rdma *rdma = &cgroups->rdma[i];
        char value[192], neutral[192];
        const struct limit_line line = { .file = "rdma.max",
            .value = value,
            .pointer = rdma->pointer,
            .key = rdma->device,
            .neutral = neutral };
        int used = snprintf(value, sizeof(value), "%s", rdma->device);

        if (used < 0 || (size_t)used >= sizeof(value) - 96)
            return -E2BIG;
        (void)snprintf(neutral, sizeof(neutral), "%s hca_handle=max hca_object=max", rdma->device);
        if (rdma->handles.set)
            used += snprintf(
                    value + used, sizeof(value) - (size_t)used, " hca_handle=%" PRId64, rdma->handles.value);
        if (rdma->objects.set)
            (void)snprintf(
                    value + used, sizeof(value) - (size_t)used, " hca_object=%" PRId64, rdma->objects.value);
        if (rdma->handles.set || rdma->objects.set)
            r = sink->emit(sink->data, &line);
    }
    return r;
}

static int priority_lines(const struct config_cgroups *cgroups, const struct sink *sink)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < cgroups->n_net_priorities; i++) {
        const struct config_net_priority *priority = &cgroups->net_priorities[i];
        char value[64], neutral[64], pointer[64];
        const struct limit_line line = { .file = "net_prio.ifpriomap",
            .value = value,
            .pointer = pointer,
            .key = priority->name,
            .neutral = neutral };
        int used = snprintf(value, sizeof(value), "%s %" PRIu32, priority->name, priority->priority);

        if (used < 0 || (size_t)used >= sizeof(value))
            return -E2BIG;
        (void)snprintf(neutral, sizeof(neutral), "%s 0", priority->name);
        (void)snprintf(pointer, sizeof(pointer), "/linux/resources/network/priorities/%zu", i);
        r = sink->emit(sink->data, &line);
    }
    return r;
}

/* v2 files with a line for each device, or each resource, and what says of one that it has no limit. */
static const struct {
    const char *file, *neutral;
} keyed_files[] = {
    { "io.max", "rbps=max wbps=max riops=max wiops=max" },
    { "io.latency", "target=max" },
    { "io.weight", "default" },
    { "io.bfq.weight", "default" },
    { "rdma.max", "hca_handle=max hca_object=max" },
    { "misc.max", "max" },
};

static const char *neutral_of(const char *file)
{
    for (size_t i = 0; i < ARRAY_SIZE(keyed_files); i++) {
        if (strcmp(keyed_files[i].file, file) == 0)
            return keyed_files[i].neutral;
    }
    return NULL;
}

/* The kernel takes one line at a time. */
static int emit_unified(
        const struct limit_line *whole, const char *text, size_t length, const struct sink *sink)
{
    const char *none = neutral_of(whole->file);
    CLEAN_FREE char *value = strndup(text, length);
    CLEAN_FREE char *key = strndup(text, value != NULL ? strcspn(value, " ") : 0), *neutral = NULL;
    struct limit_line line = *whole;

    if (value == NULL || key == NULL)
        return -ENOMEM;
    line.value = value;
    if (none != NULL) {
        if (asprintf(&neutral, "%s %s", key, none) < 0) {
            neutral = NULL;
            return -ENOMEM;
        }
        line.key = key;
        line.neutral = neutral;
    }
    return sink->emit(sink->data, &line);
}

/* Last, so that they win over the other keys. */
static int unified_lines(const struct config_cgroups *cgroups, const struct sink *sink)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < cgroups->n_unified; i++) {
        const char *text = cgroups->unified[i].value;
        char pointer[128];
        const struct limit_line line = {
            .file = cgroups->unified[i].name, .pointer = pointer, .verbatim = true
        };

        cgroup_unified_pointer(cgroups, &cgroups->unified[i], pointer, sizeof(pointer));
        do {
            size_t length = strcspn(text, "\n");

            r = emit_unified(&line, text, length, sink);
            text += length + (text[length] == '\n');
        } while (r == 0 && *text != '\0');
    }
    return r;
}

int cgroup_list_lines(
        const struct config_cgroups *cgroups, uint32_t controllers, bool v2, limit_emit *emit, void *data)
{
    const struct sink sink = { emit, data };
    int r = 0;

    if ((controllers & CGROUP_BIT(CGROUP_BLKIO)) != 0)
        r = blkio_lines(cgroups, v2, &sink);
    if (r == 0 && (controllers & CGROUP_BIT(CGROUP_HUGETLB)) != 0)
        r = hugepage_lines(cgroups, v2, &sink);
    if (r == 0 && (controllers & CGROUP_BIT(CGROUP_RDMA)) != 0)
        r = rdma_lines(cgroups, &sink);
    if (r == 0 && (controllers & CGROUP_BIT(CGROUP_NET_PRIO)) != 0)
        r = priority_lines(cgroups, &sink);
    return r == 0 && v2 ? unified_lines(cgroups, &sink) : r;
}

bool cgroup_lists_need(
        const struct config_cgroups *cgroups, enum cgroup_controller controller, char *pointer, size_t size)
{
    const char *first = NULL;

    if (controller == CGROUP_BLKIO && cgroups->n_blkio > 0)
        first = cgroups->blkio[0].pointer;
    if (controller == CGROUP_HUGETLB && cgroups->n_hugepages > 0)
        first = cgroups->hugepages[0].pointer;
    if (controller == CGROUP_RDMA && cgroups->n_rdma > 0)
        first = cgroups->rdma[0].pointer;
    if (controller == CGROUP_NET_PRIO && cgroups->n_net_priorities > 0)
        first = "/linux/resources/network/priorities";
    if (first != NULL) {
        (void)snprintf(pointer, size, "%s", first);
        return true;
    }
    for (size_t i = 0; i < cgroups->n_unified; i++) {
        if ((cgroup_file_controller(cgroups->unified[i].name) & CGROUP_BIT(controller)) != 0) {
            cgroup_unified_pointer(cgroups, &cgroups->unified[i], pointer, size);
            return true;
        }
    }
    return false;
}
