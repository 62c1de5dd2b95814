/* What a container uses: each controller's files wherever it lives, as the `data` of `runc events --stats`. */
#include "stats-internal.h"

#include <base/util.h>

#include <stdio.h>
#include <string.h>

/* The core of v2 counts time also where the controller is not on. */
static const struct cgroup_group *core(const struct cgroup_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->groups[i].v2)
            return &set->groups[i];
    }
    return NULL;
}

bool cgroup_counts_all(const struct cgroup_set *set)
{
    return (cgroup_find(set, CGROUP_CPUACCT) != NULL || core(set) != NULL) &&
           cgroup_find(set, CGROUP_MEMORY) != NULL && cgroup_find(set, CGROUP_PIDS) != NULL;
}

static void cpu(const struct cgroup_set *set, struct stats *stats)
{
    stats->group = cgroup_find(set, CGROUP_CPU);
    if (stats->group == NULL && cgroup_find(set, CGROUP_CPUACCT) == NULL)
        stats->group = core(set);
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
        if (stats->rest->known) {
            stats_open(stats, "usage");
            stats_number(stats, "usage", stats->rest->resident);
            stats_close(stats);
            stats->taken |= CGROUP_BIT(CGROUP_MEMORY);
        }
        stats_close(stats);
    } else if (stats->group->v2) {
        stats_memory_v2(stats);
    } else {
        stats_memory_v1(stats);
    }
}

/* Without the keeper, which is no process of the container's. */
static bool pids_file(struct stats *stats, const char *name, const char *file, uint64_t keepers)
{
    uint64_t number;

    if (!stats_read(stats->group, file, &number) || number == UINT64_MAX)
        return false;
    stats_number(stats, name, number > keepers ? number - keepers : 0);
    return true;
}

static void pids(const struct cgroup_set *set, struct stats *stats)
{
    uint64_t keepers = cgroup_keeper(set) > 0;

    stats->group = cgroup_find(set, CGROUP_PIDS);
    stats_open(stats, "pids");
    if (!pids_file(stats, "current", "pids.current", keepers) && stats->rest->known) {
        stats_number(stats, "current", stats->rest->pids);
        stats->taken |= CGROUP_BIT(CGROUP_PIDS);
    }
    /* runc's 0 is "no limit". */
    (void)pids_file(stats, "limit", "pids.max", keepers);
    (void)pids_file(stats, "peak", "pids.peak", keepers);
    stats_words_file(stats, "events", "pids.events");
    stats_words_file(stats, "eventsLocal", "pids.events.local");
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

/* The group itself, whatever its controllers. */
static void group(const struct cgroup_set *set, struct stats *stats)
{
    stats->group = core(set);
    if (stats->group == NULL)
        return;
    stats_open(stats, "cgroup");
    stats_words_file(stats, "raw", "cgroup.stat");
    stats_words_file(stats, "rawLocal", "cgroup.stat.local");
    stats_close(stats);
}

/* Which sections are sums over processes: those do not know of processes that have ended unseen. */
static void from_processes(struct stats *stats)
{
    static const enum cgroup_controller controllers[] = { CGROUP_CPU, CGROUP_MEMORY, CGROUP_PIDS };
    const char *comma = "";

    if (stats->taken == 0)
        return;
    stats_name(stats, "from_processes");
    buffer_text(stats->out, "[");
    for (size_t i = 0; i < ARRAY_SIZE(controllers); i++) {
        if ((stats->taken & CGROUP_BIT(controllers[i])) == 0)
            continue;
        buffer_printf(stats->out, "%s\"%s\"", comma, cgroup_controller_name(controllers[i], true));
        comma = ",";
    }
    buffer_text(stats->out, "]");
}

int cgroup_stats_json(const struct cgroup_set *set, const struct cgroup_rest *rest, struct buffer *out)
{
    struct stats stats = { .out = out, .rest = rest };

    stats_open(&stats, NULL);
    cpu(set, &stats);
    cpuset(set, &stats);
    memory(set, &stats);
    pids(set, &stats);
    blkio(set, &stats);
    stats_hugetlb(set, &stats);
    stats_devices(set, &stats);
    group(set, &stats);
    stats_name(&stats, "intel_rdt");
    buffer_text(out, rest->rdt != NULL ? rest->rdt : "{}");
    stats_name(&stats, "network_interfaces");
    buffer_text(out, rest->network != NULL ? rest->network : "null");
    from_processes(&stats);
    stats_close(&stats);
    return out->failed ? -ENOMEM : 0;
}
