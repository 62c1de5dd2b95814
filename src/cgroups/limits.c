/* The table of limits: controller, file in either version, and how the number becomes text. Pure. */
#include "internal.h"

#include <base/util.h>

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_PERIOD_US 100000

static int __attribute__((format(printf, 3, 4))) put(char *value, size_t size, const char *fmt, ...)
{
    va_list args;
    int length;

    va_start(args, fmt);
    length = vsnprintf(value, size, fmt, args);
    va_end(args);
    return length < 0 || (size_t)length >= size ? -E2BIG : 0;
}

static int put_number(int64_t number, const char *unlimited, char *value, size_t size)
{
    if (number < 0)
        return put(value, size, "%s", unlimited);
    return put(value, size, "%" PRId64, number);
}

static int value_bytes(const struct config_cgroups *cgroups, int limit, int version, char *value, size_t size)
{
    return put_number(cgroups->limits[limit].value, version == 1 ? "-1" : "max", value, size);
}

static int value_number(
        const struct config_cgroups *cgroups, int limit, int version, char *value, size_t size)
{
    (void)version;
    return put(value, size, "%" PRId64, cgroups->limits[limit].value);
}

/* 0 would mean that not even the container's own process can be: it is what may be besides that. */
static int value_pids(const struct config_cgroups *cgroups, int limit, int version, char *value, size_t size)
{
    int64_t most = cgroups->limits[limit].value;

    (void)version;
    return put_number(most != 0 ? most : 1, "max", value, size);
}

/* v1 counts memory and swap together, v2 swap alone. Not given: as much swap as memory in container.json; in config.json
 * it is only written without memory's limit, and then means unlimited too. */
static int value_swap(const struct config_cgroups *cgroups, int limit, int version, char *value, size_t size)
{
    const struct config_number *both = &cgroups->limits[limit], *memory = &cgroups->limits[LIMIT_MEMORY];
    int64_t total = -1, alone;

    if (both->set)
        total = both->value;
    else if (memory->value >= 0 && memory->value <= INT64_MAX / 2)
        total = memory->value * 2;
    if (version == 1)
        return put_number(total, "-1", value, size);
    alone = total < 0 ? -1 : total - memory->value;
    return put_number(alone, "max", value, size);
}

uint64_t cgroup_cpu_weight(uint64_t shares)
{
    double l;

    if (shares <= 2)
        return 1;
    if (shares >= 262144)
        return 10000;
    l = log2((double)shares);
    return (uint64_t)ceil(pow(10.0, (l * l + 125.0 * l) / 612.0 - 7.0 / 34.0));
}

static int value_shares(
        const struct config_cgroups *cgroups, int limit, int version, char *value, size_t size)
{
    uint64_t shares = (uint64_t)cgroups->limits[limit].value;

    return put(value, size, "%" PRIu64, version == 1 ? shares : cgroup_cpu_weight(shares));
}

static int value_quota(const struct config_cgroups *cgroups, int limit, int version, char *value, size_t size)
{
    const struct config_number *quota = &cgroups->limits[LIMIT_CPU_QUOTA];
    const struct config_number *period = &cgroups->limits[LIMIT_CPU_PERIOD];
    int64_t time = quota->set && quota->value > 0 ? quota->value : -1;
    char first[32];

    if (version == 1 && limit == LIMIT_CPU_PERIOD)
        return put(value, size, "%" PRId64, period->value);
    if (version == 1)
        return put_number(time, "-1", value, size);
    (void)put_number(time, "max", first, sizeof(first));
    return put(value, size, "%s %" PRId64, first, period->set ? period->value : DEFAULT_PERIOD_US);
}

static const char *cpuset_list(const struct config_cgroups *cgroups, int limit)
{
    return limit == LIMIT_CPUSET_CPUS ? cgroups->cpuset_cpus : cgroups->cpuset_mems;
}

static int value_on(const struct config_cgroups *cgroups, int limit, int version, char *value, size_t size)
{
    (void)cgroups, (void)limit, (void)version;
    return put(value, size, "1");
}

static int value_list(const struct config_cgroups *cgroups, int limit, int version, char *value, size_t size)
{
    (void)version;
    return put(value, size, "%s", cpuset_list(cgroups, limit));
}

/* In the order of writing. */
const struct limit_row cgroup_limit_rows[] = {
    { LIMIT_MEMORY, CGROUP_MEMORY, "memory.limit_in_bytes", "memory.max", value_bytes, "memory/limit",
            ROW_PAIR },
    { LIMIT_MEMORY_SWAP, CGROUP_MEMORY, "memory.memsw.limit_in_bytes", "memory.swap.max", value_swap,
            "memory/swap", 0 },
    { LIMIT_MEMORY_RESERVATION, CGROUP_MEMORY, "memory.soft_limit_in_bytes", "memory.low", value_bytes,
            "memory/reservation", 0 },
    { LIMIT_MEMORY_HIGH, CGROUP_MEMORY, NULL, "memory.high", value_bytes, NULL, 0 },
    { LIMIT_MEMORY_KERNEL_TCP, CGROUP_MEMORY, "memory.kmem.tcp.limit_in_bytes", NULL, value_bytes,
            "memory/kernelTCP", 0 },
    { LIMIT_MEMORY_SWAPPINESS, CGROUP_MEMORY, "memory.swappiness", NULL, value_number, "memory/swappiness",
            ROW_ZERO },
    { LIMIT_OOM_KILLER, CGROUP_MEMORY, "memory.oom_control", NULL, value_on, "memory/disableOOMKiller", 0 },
    { LIMIT_CPU_SHARES, CGROUP_CPU, "cpu.shares", "cpu.weight", value_shares, "cpu/shares", ROW_PAIR },
    { LIMIT_CPU_IDLE, CGROUP_CPU, "cpu.idle", "cpu.idle", value_number, "cpu/idle", ROW_ZERO },
    { LIMIT_CPU_PERIOD, CGROUP_CPU, "cpu.cfs_period_us", "cpu.max", value_quota, "cpu/period", ROW_PAIR },
    { LIMIT_CPU_QUOTA, CGROUP_CPU, "cpu.cfs_quota_us", "cpu.max", value_quota, "cpu/quota", ROW_PAIR },
    { LIMIT_CPU_BURST, CGROUP_CPU, "cpu.cfs_burst_us", "cpu.max.burst", value_number, "cpu/burst", ROW_ZERO },
    { LIMIT_CPU_RT_PERIOD, CGROUP_CPU, "cpu.rt_period_us", NULL, value_number, "cpu/realtimePeriod",
            ROW_PAIR },
    { LIMIT_CPU_RT_RUNTIME, CGROUP_CPU, "cpu.rt_runtime_us", NULL, value_number, "cpu/realtimeRuntime", 0 },
    { LIMIT_PIDS, CGROUP_PIDS, "pids.max", "pids.max", value_pids, "pids/limit", ROW_ZERO },
    { LIMIT_CPUSET_CPUS, CGROUP_CPUSET, "cpuset.cpus", "cpuset.cpus", value_list, "cpu/cpus", 0 },
    { LIMIT_CPUSET_MEMS, CGROUP_CPUSET, "cpuset.mems", "cpuset.mems", value_list, "cpu/mems", 0 },
    { LIMIT_BLKIO_WEIGHT, CGROUP_BLKIO, "blkio.weight", "io.bfq.weight", value_number, "blockIO/weight", 0 },
    { LIMIT_BLKIO_LEAF_WEIGHT, CGROUP_BLKIO, "blkio.leaf_weight", NULL, value_number, "blockIO/leafWeight",
            0 },
    { LIMIT_NET_CLASS, CGROUP_NET_CLS, "net_cls.classid", NULL, value_number, "network/classID", 0 },
};
const size_t n_cgroup_limit_rows = ARRAY_SIZE(cgroup_limit_rows);

bool cgroup_limit_is_set(const struct config_cgroups *cgroups, const struct limit_row *row)
{
    if (row->limit == LIMIT_OOM_KILLER)
        return cgroups->disable_oom_killer;
    if (row->limit >= LIMIT_MAX_)
        return cpuset_list(cgroups, row->limit) != NULL;
    return cgroups->limits[row->limit].set &&
           ((row->flags & ROW_ZERO) != 0 || cgroups->limits[row->limit].value != 0);
}

void cgroup_limit_pointer(
        const struct config_cgroups *cgroups, const struct limit_row *row, char *pointer, size_t size)
{
    const char *key;

    if (cgroups->oci) {
        (void)snprintf(pointer, size, "/linux/resources/%s", row->oci != NULL ? row->oci : "");
        return;
    }
    if (row->limit < LIMIT_MAX_)
        key = config_limit_keys[row->limit];
    else
        key = row->limit == LIMIT_CPUSET_CPUS ? "cpuset_cpus" : "cpuset_mems";
    (void)snprintf(pointer, size, "/cgroups/%s", key);
}

bool cgroup_needs(
        const struct config_cgroups *cgroups, enum cgroup_controller controller, char *pointer, size_t size)
{
    if (controller == CGROUP_DEVICES) {
        (void)snprintf(pointer, size, "%s", cgroup_pointer(cgroups, CGROUP_KEY_DEVICES));
        return !cgroups->device_access;
    }
    for (size_t i = 0; i < n_cgroup_limit_rows; i++) {
        if (cgroup_limit_rows[i].controller == controller &&
                cgroup_limit_is_set(cgroups, &cgroup_limit_rows[i])) {
            cgroup_limit_pointer(cgroups, &cgroup_limit_rows[i], pointer, size);
            return true;
        }
    }
    return cgroup_lists_need(cgroups, controller, pointer, size);
}

bool cgroup_swap_follows(const struct config_cgroups *cgroups)
{
    const struct config_number *memory = &cgroups->limits[LIMIT_MEMORY];

    return memory->set && (!(cgroups->oci || cgroups->changes) || memory->value < 0);
}

int cgroup_limit_file(const struct config_cgroups *cgroups, enum config_limit limit, int version, char *file,
        size_t file_size, char *value, size_t value_size)
{
    const struct limit_row *row = cgroup_limit_rows;
    const char *name;
    int r;

    while (row->limit != (int)limit)
        row++;
    if (!cgroup_limit_is_set(cgroups, row) && !(limit == LIMIT_MEMORY_SWAP && cgroup_swap_follows(cgroups)))
        return -ENODATA;
    name = version == 1 ? row->v1 : row->v2;
    if (name == NULL)
        return -ENOENT;
    r = put(file, file_size, "%s", name);
    return r < 0 ? r : row->value(cgroups, row->limit, version, value, value_size);
}

/* The kernel would quietly use the nearest number that it knows. */
static int check_shares(const struct config_cgroups *cgroups, struct lc_error **err)
{
    const struct config_number *shares = &cgroups->limits[LIMIT_CPU_SHARES];

    if (!cgroups->oci || !shares->set || shares->value == 0 ||
            (shares->value >= 2 && shares->value <= 262144))
        return 0;
    return error_raise(err,
            &(struct error_site){
                    .errnum = EINVAL, .stage = "cgroup", .pointer = "/linux/resources/cpu/shares" },
            shares->value < 2 ? "the minimum allowed cpu-shares is 2, not %" PRId64
                              : "the maximum allowed cpu-shares is 262144, not %" PRId64,
            shares->value);
}

int cgroup_limits_check(const struct config_cgroups *cgroups, struct lc_error **err)
{
    const struct config_number *both = &cgroups->limits[LIMIT_MEMORY_SWAP];
    const struct config_number *memory = &cgroups->limits[LIMIT_MEMORY];
    struct error_site site = { .errnum = EINVAL, .stage = "cgroup", .pointer = "/cgroups/memory_swap" };
    int r = check_shares(cgroups, err);

    if (r < 0 || !both->set || both->value < 0 || (cgroups->oci && both->value == 0))
        return r;
    if (cgroups->oci)
        site.pointer = "/linux/resources/memory/swap";
    if (!memory->set || memory->value < 0 || (cgroups->oci && memory->value == 0)) {
        site.hint = "give memory too: memory_swap is the sum of memory and swap";
        return error_raise(err, &site, "memory_swap is %" PRId64 " but memory is not limited", both->value);
    }
    if (both->value < memory->value) {
        site.hint = "memory_swap is the sum of memory and swap, so it is at least as large as memory";
        return error_raise(err, &site, "memory_swap %" PRId64 " is less than memory %" PRId64, both->value,
                memory->value);
    }
    return 0;
}
