/* Statistics from the files of v1, in the words of `runc events --stats`. */
#include "stats-internal.h"

#include <base/util.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* cpuacct.usage_all: a line per CPU, "cpu user system". */
static void per_cpu_times(struct stats *stats, const char *name, int column)
{
    CLEAN_FREE char *text = NULL;
    const char *comma = "";

    if (stats->group == NULL || cgroup_read_file(stats->group, "cpuacct.usage_all", &text) < 0)
        return;
    stats_name(stats, name);
    buffer_text(stats->out, "[");
    for (const char *line = text; *line != '\0'; line += *line == '\n') {
        uint64_t cpu, times[2];

        if (sscanf(line, "%" SCNu64 " %" SCNu64 " %" SCNu64, &cpu, &times[0], &times[1]) == 3) {
            buffer_printf(stats->out, "%s%" PRIu64, comma, times[column]);
            comma = ",";
        }
        line += strcspn(line, "\n");
    }
    buffer_text(stats->out, "]");
}

static void usage(struct stats *stats)
{
    CLEAN_FREE char *text = NULL;

    stats_open(stats, "usage");
    if (stats->group == NULL && stats->rest->known) {
        stats_number(stats, "total", stats->rest->user + stats->rest->kernel);
        stats_number(stats, "kernel", stats->rest->kernel);
        stats_number(stats, "user", stats->rest->user);
        stats_close(stats);
        stats->taken |= CGROUP_BIT(CGROUP_CPU);
        return;
    }
    if (!stats_file(stats, "total", "cpuacct.usage"))
        stats_number(stats, "total", 0);
    if (stats->group != NULL && cgroup_read_file(stats->group, "cpuacct.usage_percpu", &text) == 0)
        stats_array(stats, "percpu", text, false);
    per_cpu_times(stats, "percpu_kernel", 1);
    per_cpu_times(stats, "percpu_user", 0);
    if (!stats_file(stats, "kernel", "cpuacct.usage_sys"))
        stats_number(stats, "kernel", 0);
    if (!stats_file(stats, "user", "cpuacct.usage_user"))
        stats_number(stats, "user", 0);
    stats_close(stats);
}

void stats_cpu_v1(const struct cgroup_set *set, struct stats *stats)
{
    static const char *const rows[][2] = { { "periods", "nr_periods" },
        { "throttledPeriods", "nr_throttled" }, { "throttledTime", "throttled_time" },
        { "bursts", "nr_bursts" }, { "burstTime", "burst_time" } };
    const struct cgroup_group *cpu = stats->group;
    CLEAN_FREE char *text = NULL;
    uint64_t number;

    stats_open(stats, "cpu");
    stats->group = cgroup_find(set, CGROUP_CPUACCT);
    usage(stats);
    stats_open(stats, "throttling");
    if (cpu != NULL && cgroup_read_file(cpu, "cpu.stat", &text) == 0) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
            if (stats_word(text, rows[i][1], &number))
                stats_number(stats, rows[i][0], number);
    }
    stats_close(stats);
    stats_close(stats);
}

static void memory_part(struct stats *stats, const char *name, const char *infix)
{
    static const char *const rows[][2] = { { "limit", "limit_in_bytes" }, { "usage", "usage_in_bytes" },
        { "max", "max_usage_in_bytes" }, { "failcnt", "failcnt" } };

    stats_open(stats, name);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char file[64];

        (void)snprintf(file, sizeof(file), "memory.%s%s", infix, rows[i][1]);
        if (!stats_file(stats, rows[i][0], file))
            stats_number(stats, rows[i][0], 0);
    }
    stats_close(stats);
}

void stats_memory_v1(struct stats *stats)
{
    CLEAN_FREE char *text = NULL, *control = NULL;
    uint64_t number;

    stats_open(stats, "memory");
    (void)cgroup_read_file(stats->group, "memory.stat", &text);
    if (text != NULL && stats_word(text, "cache", &number))
        stats_number(stats, "cache", number);
    memory_part(stats, "usage", "");
    memory_part(stats, "swap", "memsw.");
    memory_part(stats, "kernel", "kmem.");
    memory_part(stats, "kernelTCP", "kmem.tcp.");
    stats_open(stats, "raw");
    if (text != NULL)
        stats_words(stats, text);
    stats_close(stats);
    stats_pairs_file(stats, "numa", "memory.numa_stat");
    if (cgroup_read_file(stats->group, "memory.oom_control", &control) == 0 &&
            stats_word(control, "oom_kill", &number)) {
        stats_open(stats, "events");
        /* Not by the kernel's name: people look for that in the lines of `events`, and mean the event. */
        stats_number(stats, "killed", number);
        if (stats_word(control, "under_oom", &number))
            stats_number(stats, "waiting", number);
        stats_close(stats);
    }
    stats_close(stats);
}

/* "8:0 Read 4096"; the last line, "Total 4096", belongs to no device. */
static void blkio_list(struct stats *stats, const char *name, const char *file)
{
    CLEAN_FREE char *text = NULL;
    bool first = true;

    if (cgroup_read_file(stats->group, file, &text) < 0)
        return;
    for (const char *line = text; *line != '\0'; line += *line == '\n') {
        uint64_t major, minor, value;
        char op[16];

        if (sscanf(line, "%" SCNu64 ":%" SCNu64 " %15s %" SCNu64, &major, &minor, op, &value) == 4) {
            if (first)
                stats_name(stats, name);
            buffer_printf(stats->out,
                    "%s{\"major\":%" PRIu64 ",\"minor\":%" PRIu64 ",\"op\":\"%s\",\"value\":%" PRIu64 "}",
                    first ? "[" : ",", major, minor, op, value);
            first = false;
        }
        line += strcspn(line, "\n");
    }
    if (!first)
        buffer_text(stats->out, "]");
}

void stats_blkio_v1(struct stats *stats)
{
    static const char *const rows[][3] = {
        { "ioServiceBytesRecursive", "blkio.bfq.io_service_bytes_recursive",
                "blkio.throttle.io_service_bytes_recursive" },
        { "ioServicedRecursive", "blkio.bfq.io_serviced_recursive", "blkio.throttle.io_serviced_recursive" },
        { "ioQueueRecursive", "blkio.bfq.io_queued_recursive", NULL },
        { "ioServiceTimeRecursive", "blkio.bfq.io_service_time_recursive", NULL },
        { "ioWaitTimeRecursive", "blkio.bfq.io_wait_time_recursive", NULL },
        { "ioMergedRecursive", "blkio.bfq.io_merged_recursive", NULL },
        { "ioTimeRecursive", "blkio.bfq.time_recursive", NULL },
        { "sectorsRecursive", "blkio.bfq.sectors_recursive", NULL },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        size_t before = stats->out->length;

        blkio_list(stats, rows[i][0], rows[i][1]);
        if (stats->out->length == before && rows[i][2] != NULL)
            blkio_list(stats, rows[i][0], rows[i][2]);
    }
}
