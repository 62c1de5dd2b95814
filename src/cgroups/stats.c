/* What a container uses: each controller's files wherever it lives, as the `data` of `runc events --stats`. */
#include "stats-internal.h"

#include <base/util.h>

#include <dirent.h>
#include <stdio.h>
#include <string.h>

static void cpu(const struct cgroup_set *set, struct stats *stats)
{
    stats->group = cgroup_find(set, CGROUP_CPU);
    for (size_t i = 0; stats->group == NULL && i < set->count; i++) {
        /* The core of v2 counts time also where the controller is not on. */
        if (set->groups[i].v2 && cgroup_find(set, CGROUP_CPUACCT) == NULL)
            stats->group = &set->groups[i];
    }
    if (stats->group != NULL && stats->group->v2)
        stats_cpu_v2(stats);
    else
        stats_cpu_v1(set, stats);
}

static void cpuset(const struct cgroup_set *set, struct stats *stats)
{
    static const char *const rows[] = { "cpu_exclusive", "mem_hardwall", "mem_exclusive", "memory_migrate",
        "memory_spread_page", "memory_spread_slab", "memory_pressure", "sched_load_balance",
        "sched_relax_domain_level" };
    static const char *const lists[][3] = { { "cpus", "cpuset.cpus", "cpuset.cpus.effective" },
        { "mems", "cpuset.mems", "cpuset.mems.effective" } };

    stats->group = cgroup_find(set, CGROUP_CPUSET);
    stats_open(stats, "cpuset");
    for (size_t i = 0; stats->group != NULL && i < ARRAY_SIZE(lists); i++) {
        CLEAN_FREE char *text = NULL;

        if (cgroup_read_file(stats->group, lists[i][stats->group->v2 ? 2 : 1], &text) == 0)
            stats_array(stats, lists[i][0], text, true);
    }
    for (size_t i = 0; stats->group != NULL && !stats->group->v2 && i < ARRAY_SIZE(rows); i++) {
        char file[64];

        (void)snprintf(file, sizeof(file), "cpuset.%s", rows[i]);
        (void)stats_file(stats, rows[i], file);
    }
    stats_close(stats);
}

static void memory(const struct cgroup_set *set, struct stats *stats)
{
    stats->group = cgroup_find(set, CGROUP_MEMORY);
    if (stats->group == NULL) {
        stats_open(stats, "memory");
        stats_close(stats);
    } else if (stats->group->v2) {
        stats_memory_v2(stats);
    } else {
        stats_memory_v1(stats);
    }
}

static void pids(const struct cgroup_set *set, struct stats *stats)
{
    uint64_t limit;

    stats->group = cgroup_find(set, CGROUP_PIDS);
    stats_open(stats, "pids");
    (void)stats_file(stats, "current", "pids.current");
    /* runc's 0 is "no limit". */
    if (stats_read(stats->group, "pids.max", &limit) && limit != UINT64_MAX)
        stats_number(stats, "limit", limit);
    (void)stats_file(stats, "peak", "pids.peak");
    stats_close(stats);
}

static void blkio(const struct cgroup_set *set, struct stats *stats)
{
    stats->group = cgroup_find(set, CGROUP_BLKIO);
    stats_open(stats, "blkio");
    if (stats->group != NULL && stats->group->v2)
        stats_blkio_v2(stats);
    else if (stats->group != NULL)
        stats_blkio_v1(stats);
    stats_close(stats);
}

static void hugepages(struct stats *stats, const char *size)
{
    bool v2 = stats->group->v2;
    char file[96];
    CLEAN_FREE char *events = NULL;
    uint64_t failed = 0;

    stats_open(stats, size);
    (void)snprintf(file, sizeof(file), "hugetlb.%s.%s", size, v2 ? "current" : "usage_in_bytes");
    (void)stats_file(stats, "usage", file);
    (void)snprintf(file, sizeof(file), "hugetlb.%s.max_usage_in_bytes", size);
    if (!v2)
        (void)stats_file(stats, "max", file);
    (void)snprintf(file, sizeof(file), "hugetlb.%s.%s", size, v2 ? "events" : "failcnt");
    if (!v2) {
        (void)stats_file(stats, "failcnt", file);
    } else {
        if (cgroup_read_file(stats->group, file, &events) == 0)
            (void)stats_word(events, "max", &failed);
        stats_number(stats, "failcnt", failed);
    }
    stats_close(stats);
}

/* The page sizes are in the names of the files. */
static void hugetlb(const struct cgroup_set *set, struct stats *stats)
{
    const char *suffix;
    struct dirent *entry;
    DIR *directory = NULL;

    stats->group = cgroup_find(set, CGROUP_HUGETLB);
    stats_open(stats, "hugetlb");
    if (stats->group != NULL)
        directory = opendir(stats->group->path);
    suffix = stats->group != NULL && stats->group->v2 ? ".max" : ".limit_in_bytes";
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        char size[32];
        size_t length;

        if (strncmp(entry->d_name, "hugetlb.", strlen("hugetlb.")) != 0)
            continue;
        length = strcspn(entry->d_name + strlen("hugetlb."), ".");
        if (length >= sizeof(size) || strcmp(entry->d_name + strlen("hugetlb.") + length, suffix) != 0)
            continue;
        memcpy(size, entry->d_name + strlen("hugetlb."), length);
        size[length] = '\0';
        hugepages(stats, size);
    }
    if (directory != NULL)
        (void)closedir(directory);
    stats_close(stats);
}

int cgroup_stats_json(const struct cgroup_set *set, const char *network, struct buffer *out)
{
    struct stats stats = { .out = out };

    stats_open(&stats, NULL);
    cpu(set, &stats);
    cpuset(set, &stats);
    memory(set, &stats);
    pids(set, &stats);
    blkio(set, &stats);
    hugetlb(set, &stats);
    stats_open(&stats, "intel_rdt");
    stats_close(&stats);
    stats_name(&stats, "network_interfaces");
    buffer_text(out, network != NULL ? network : "null");
    stats_close(&stats);
    return out->failed ? -ENOMEM : 0;
}
