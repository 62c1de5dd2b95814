/* Statistics from the files of v2, in the words of `runc events --stats`. */
#include "stats-internal.h"

#include <base/util.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* v2 counts in microseconds, the members are nanoseconds. */
static void microseconds(struct stats *stats, const char *name, const char *text, const char *word)
{
    uint64_t number;

    if (stats_word(text, word, &number))
        stats_number(stats, name, number * 1000);
}

static void count(struct stats *stats, const char *name, const char *text, const char *word)
{
    uint64_t number;

    if (stats_word(text, word, &number))
        stats_number(stats, name, number);
}

void stats_cpu_v2(struct stats *stats)
{
    CLEAN_FREE char *text = NULL;

    stats_open(stats, "cpu");
    if (cgroup_read_file(stats->group, "cpu.stat", &text) == 0) {
        stats_open(stats, "usage");
        microseconds(stats, "total", text, "usage_usec");
        microseconds(stats, "kernel", text, "system_usec");
        microseconds(stats, "user", text, "user_usec");
        stats_close(stats);
        stats_open(stats, "throttling");
        count(stats, "periods", text, "nr_periods");
        count(stats, "throttledPeriods", text, "nr_throttled");
        microseconds(stats, "throttledTime", text, "throttled_usec");
        count(stats, "bursts", text, "nr_bursts");
        microseconds(stats, "burstTime", text, "burst_usec");
        stats_close(stats);
        stats_open(stats, "raw");
        stats_words(stats, text);
        stats_close(stats);
    }
    stats_words_file(stats, "rawLocal", "cpu.stat.local");
    stats_pressure(stats, "psi", "cpu.pressure");
    stats_pressure(stats, "psiIrq", "irq.pressure");
    stats_close(stats);
}

/* So often was the limit met, by that word of a file. */
static void failures(struct stats *stats, const char *file, const char *word)
{
    CLEAN_FREE char *events = NULL;
    uint64_t failed = 0;

    if (cgroup_read_file(stats->group, file, &events) == 0)
        (void)stats_word(events, word, &failed);
    stats_number(stats, "failcnt", failed);
}

/* Swap has no low and no min. */
static void memory_part(
        struct stats *stats, const char *name, const char *prefix, const char *events, const char *word)
{
    static const char *const rows[][2] = { { "limit", "max" }, { "usage", "current" }, { "max", "peak" },
        { "high", "high" }, { "low", "low" }, { "min", "min" } };
    char file[64];

    stats_open(stats, name);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        (void)snprintf(file, sizeof(file), "%s.%s", prefix, rows[i][1]);
        (void)stats_file(stats, rows[i][0], file);
    }
    failures(stats, events, word);
    stats_close(stats);
}

/* Memory and swap together, as v1 counts them and runc prints them for v2 too. Of their common peak nobody knows. */
static void memory_and_swap(struct stats *stats)
{
    static const char *const rows[][3] = { { "limit", "memory.max", "memory.swap.max" },
        { "usage", "memory.current", "memory.swap.current" } };

    stats_open(stats, "swap");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        uint64_t memory, swap;

        if (!stats_read(stats->group, rows[i][1], &memory) || !stats_read(stats->group, rows[i][2], &swap))
            continue;
        stats_number(
                stats, rows[i][0], memory == UINT64_MAX || swap == UINT64_MAX ? UINT64_MAX : memory + swap);
    }
    failures(stats, "memory.swap.events", "fail");
    stats_close(stats);
}

static void zswap(struct stats *stats)
{
    uint64_t number;

    if (!stats_read(stats->group, "memory.zswap.current", &number))
        return;
    stats_open(stats, "zswap");
    (void)stats_file(stats, "limit", "memory.zswap.max");
    stats_number(stats, "usage", number);
    stats_close(stats);
}

/* Not "oom_kill": people look for "oom" in the lines of `events`, and mean the event. */
static void memory_events(struct stats *stats, const char *name, const char *file)
{
    static const struct {
        const char *kernel, *ours;
    } names[] = { { "low", "low" }, { "high", "high" }, { "max", "max" }, { "oom", "outOfMemory" },
        { "oom_kill", "killed" }, { "oom_group_kill", "groupKilled" },
        { "sock_throttled", "sockThrottled" } };
    CLEAN_FREE char *events = NULL;
    uint64_t number;

    if (cgroup_read_file(stats->group, file, &events) < 0)
        return;
    stats_open(stats, name);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (stats_word(events, names[i].kernel, &number))
            stats_number(stats, names[i].ours, number);
    stats_close(stats);
}

void stats_memory_v2(struct stats *stats)
{
    CLEAN_FREE char *text = NULL;
    uint64_t number = 0;

    stats_open(stats, "memory");
    (void)cgroup_read_file(stats->group, "memory.stat", &text);
    if (text != NULL && stats_word(text, "file", &number))
        stats_number(stats, "cache", number);
    memory_part(stats, "usage", "memory", "memory.events", "max");
    memory_and_swap(stats);
    memory_part(stats, "swapOnly", "memory.swap", "memory.swap.events", "fail");
    stats_open(stats, "kernel");
    if (text != NULL && stats_word(text, "kernel", &number))
        stats_number(stats, "usage", number);
    stats_close(stats);
    stats_open(stats, "kernelTCP");
    if (text != NULL && stats_word(text, "sock", &number))
        stats_number(stats, "usage", number);
    stats_close(stats);
    stats_open(stats, "raw");
    if (text != NULL)
        stats_words(stats, text);
    stats_close(stats);
    zswap(stats);
    stats_pairs_file(stats, "numa", "memory.numa_stat");
    memory_events(stats, "events", "memory.events");
    memory_events(stats, "eventsLocal", "memory.events.local");
    stats_words_file(stats, "swapEvents", "memory.swap.events");
    stats_pressure(stats, "psi", "memory.pressure");
    stats_close(stats);
}

/* io.stat: "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0" */
static void io_list(struct stats *stats, const char *name, const char *text, const char *const keys[3])
{
    static const char *const ops[] = { "Read", "Write", "Discard" };
    bool first = true;

    for (const char *line = text; *line != '\0'; line += *line == '\n') {
        size_t length = strcspn(line, "\n");
        CLEAN_FREE char *one = strndup(line, length);
        unsigned major, minor;

        for (size_t i = 0; one != NULL && i < ARRAY_SIZE(ops) && sscanf(one, "%u:%u ", &major, &minor) == 2;
                i++) {
            const char *at = strstr(one, keys[i]);

            if (at == NULL)
                continue;
            if (first)
                stats_name(stats, name);
            buffer_printf(stats->out, "%s{\"major\":%u,\"minor\":%u,\"op\":\"%s\",\"value\":%" PRIu64 "}",
                    first ? "[" : ",", major, minor, ops[i],
                    (uint64_t)strtoull(at + strlen(keys[i]), NULL, 10));
            first = false;
        }
        line += length;
    }
    if (!first)
        buffer_text(stats->out, "]");
}

void stats_blkio_v2(struct stats *stats)
{
    static const char *const bytes[] = { " rbytes=", " wbytes=", " dbytes=" }, *const operations[] = {
        " rios=", " wios=", " dios="
    };
    CLEAN_FREE char *text = NULL;

    if (cgroup_read_file(stats->group, "io.stat", &text) == 0) {
        io_list(stats, "ioServiceBytesRecursive", text, bytes);
        io_list(stats, "ioServicedRecursive", text, operations);
        stats_pairs_file(stats, "raw", "io.stat"); /* what controllers of cost and latency add to it */
    }
    stats_pressure(stats, "psi", "io.pressure");
}
