/* The last word on a container: what its groups have counted, read when nobody is in them any more and before they are
 * removed; and whether the kernel killed for want of memory. */
#include "stats-internal.h"

#include <base/util.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define UNKNOWN CGROUP_UNKNOWN

static int64_t number_in(const struct cgroup_group *group, const char *file)
{
    uint64_t number;

    return stats_read(group, file, &number) && number <= INT64_MAX ? (int64_t)number : UNKNOWN;
}

int64_t cgroup_word_number(const char *text, const char *word)
{
    uint64_t number;

    return stats_word(text, word, &number) && number <= INT64_MAX ? (int64_t)number : UNKNOWN;
}

static int64_t word_in(const struct cgroup_group *group, const char *file, const char *word)
{
    CLEAN_FREE char *text = NULL;

    return group == NULL || cgroup_read_file(group, file, &text) < 0 ? UNKNOWN
                                                                     : cgroup_word_number(text, word);
}

/* v1's "no limit" is the largest multiple of a page; v2's is a word. */
static int64_t limit_in(const struct cgroup_group *group, const char *file)
{
    int64_t limit = number_in(group, file);

    return limit > INT64_MAX - 65536 ? UNKNOWN : limit;
}

/* v1 has a limit of memory alone, and one of both, which is met first where they are equal. */
static int64_t times_met(const struct cgroup_group *group)
{
    int64_t alone = number_in(group, "memory.failcnt"), both = number_in(group, "memory.memsw.failcnt");

    return both == UNKNOWN || alone == UNKNOWN ? alone : alone + both;
}

void cgroup_memory_facts(const struct cgroup_set *set, struct cgroup_memory_facts *ret)
{
    const struct cgroup_group *group = cgroup_find(set, CGROUP_MEMORY);
    CLEAN_FREE char *events = NULL;
    bool v2 = group != NULL && group->v2;

    *ret = (struct cgroup_memory_facts){ UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN };
    if (group == NULL)
        return;
    /* systemd may remove an empty unit meanwhile: what the events are explained by is read before them. */
    ret->peak = number_in(group, v2 ? "memory.peak" : "memory.max_usage_in_bytes");
    ret->limit = limit_in(group, v2 ? "memory.max" : "memory.limit_in_bytes");
    ret->swap_peak = v2 ? number_in(group, "memory.swap.peak") : UNKNOWN;
    if (cgroup_read_file(group, v2 ? "memory.events" : "memory.oom_control", &events) < 0)
        return;
    ret->oom_kill = cgroup_word_number(events, "oom_kill");
    ret->oom = v2 ? cgroup_word_number(events, "oom") : UNKNOWN;
    ret->max = v2 ? cgroup_word_number(events, "max") : times_met(group);
}

static const struct cgroup_group *time_group(const struct cgroup_set *set)
{
    const struct cgroup_group *group = cgroup_find(set, CGROUP_CPUACCT);

    for (size_t i = 0; group == NULL && i < set->count; i++)
        if (set->groups[i].v2)
            group = &set->groups[i];
    return group;
}

/* v2 counts in microseconds. */
static int64_t nanoseconds(const char *text, const char *word)
{
    int64_t number = cgroup_word_number(text, word);

    return number == UNKNOWN ? UNKNOWN : number * 1000;
}

static void read_time(const struct cgroup_set *set, struct cgroup_final *ret)
{
    const struct cgroup_group *group = time_group(set), *cpu = cgroup_find(set, CGROUP_CPU);
    CLEAN_FREE char *text = NULL;

    /* v1 can have the two in different hierarchies, and a container be in one of them. */
    if (cpu != NULL && !cpu->v2)
        ret->throttled = word_in(cpu, "cpu.stat", "throttled_time");
    if (group == NULL)
        return;
    if (!group->v2) {
        ret->total = number_in(group, "cpuacct.usage");
        ret->user = number_in(group, "cpuacct.usage_user");
        ret->kernel = number_in(group, "cpuacct.usage_sys");
    } else if (cgroup_read_file(group, "cpu.stat", &text) == 0) {
        ret->total = nanoseconds(text, "usage_usec");
        ret->user = nanoseconds(text, "user_usec");
        ret->kernel = nanoseconds(text, "system_usec");
        if (ret->throttled == UNKNOWN)
            ret->throttled = nanoseconds(text, "throttled_usec");
    }
}

/* "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0", a line per device */
static int64_t sum_keyed(const char *text, const char *key)
{
    int64_t sum = 0;

    for (const char *at = strstr(text, key); at != NULL; at = strstr(at + 1, key))
        sum += strtoll(at + strlen(key), NULL, 10);
    return sum;
}

/* "8:0 Read 4096", a line per device and kind. */
static int64_t sum_kind(const struct cgroup_group *group, const char *file, const char *kind)
{
    CLEAN_FREE char *text = NULL;

    return cgroup_read_file(group, file, &text) < 0 ? UNKNOWN : sum_keyed(text, kind);
}

static void read_io(const struct cgroup_set *set, struct cgroup_final *ret)
{
    static const char bytes[] = "blkio.throttle.io_service_bytes_recursive",
                      operations[] = "blkio.throttle.io_serviced_recursive";
    const struct cgroup_group *group = cgroup_find(set, CGROUP_BLKIO);
    CLEAN_FREE char *text = NULL;

    if (group == NULL)
        return;
    if (!group->v2) {
        ret->read_bytes = sum_kind(group, bytes, " Read ");
        ret->written_bytes = sum_kind(group, bytes, " Write ");
        ret->reads = sum_kind(group, operations, " Read ");
        ret->writes = sum_kind(group, operations, " Write ");
    } else if (cgroup_read_file(group, "io.stat", &text) == 0) {
        ret->read_bytes = sum_keyed(text, " rbytes=");
        ret->written_bytes = sum_keyed(text, " wbytes=");
        ret->reads = sum_keyed(text, " rios=");
        ret->writes = sum_keyed(text, " wios=");
    }
}

void cgroup_final(const struct cgroup_set *set, struct cgroup_final *ret)
{
    const struct cgroup_group *pids = cgroup_find(set, CGROUP_PIDS);

    *ret = (struct cgroup_final){ .total = UNKNOWN,
        .user = UNKNOWN,
        .kernel = UNKNOWN,
        .throttled = UNKNOWN,
        .read_bytes = UNKNOWN,
        .written_bytes = UNKNOWN,
        .reads = UNKNOWN,
        .writes = UNKNOWN };
    cgroup_memory_facts(set, &ret->memory);
    read_time(set, ret);
    read_io(set, ret);
    ret->pids_peak = number_in(pids, "pids.peak");
    if (ret->pids_peak != UNKNOWN && cgroup_keeper(set) > 0)
        ret->pids_peak--;
    ret->pids_refused = word_in(pids, "pids.events", "max");
}
