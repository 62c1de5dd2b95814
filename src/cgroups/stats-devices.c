/* Statistics of huge pages and of devices' resources: the same names in both versions, or nearly. */
#include "stats-internal.h"

#include <base/util.h>

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The members of one page size, and of its reservations (`infix` ".rsvd"). */
static void huge_members(struct stats *stats, const char *size, const char *infix)
{
    static const char *const rows[][3] = { { "usage", "usage_in_bytes", "current" },
        { "max", "max_usage_in_bytes", NULL }, { "limit", "limit_in_bytes", "max" },
        { "failcnt", "failcnt", NULL } };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *name = rows[i][stats->group->v2 ? 2 : 1];
        char file[96];

        if (name == NULL)
            continue;
        (void)snprintf(file, sizeof(file), "hugetlb.%s%s.%s", size, infix, name);
        (void)stats_file(stats, rows[i][0], file);
    }
}

/* "max 3": so often was an allocation refused. */
static void huge_refused(struct stats *stats, const char *size, const char *name, const char *suffix)
{
    CLEAN_FREE char *events = NULL;
    uint64_t refused = 0;
    char file[96];

    (void)snprintf(file, sizeof(file), "hugetlb.%s.%s", size, suffix);
    if (cgroup_read_file(stats->group, file, &events) < 0)
        return;
    (void)stats_word(events, "max", &refused);
    stats_number(stats, name, refused);
}

static void hugepages(struct stats *stats, const char *size)
{
    char file[64];

    stats_open(stats, size);
    huge_members(stats, size, "");
    (void)snprintf(file, sizeof(file), "hugetlb.%s.numa_stat", size);
    stats_pairs_file(stats, "numa", file);
    if (stats->group->v2) {
        huge_refused(stats, size, "failcnt", "events");
        huge_refused(stats, size, "failcntLocal", "events.local");
    }
    stats_open(stats, "rsvd");
    huge_members(stats, size, ".rsvd");
    stats_close(stats);
    stats_close(stats);
}

/* The page sizes are in the names of the files. */
void stats_hugetlb(const struct cgroup_set *set, struct stats *stats)
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

void stats_devices(const struct cgroup_set *set, struct stats *stats)
{
    static const char *const files[][2] = { { "current", "current" }, { "peak", "peak" }, { "max", "max" },
        { "events", "events" }, { "eventsLocal", "events.local" } };

    stats->group = cgroup_find(set, CGROUP_RDMA);
    if (stats->group != NULL) {
        stats_open(stats, "rdma");
        stats_pairs_file(stats, "current", "rdma.current");
        stats_pairs_file(stats, "max", "rdma.max");
        stats_close(stats);
    }
    for (enum cgroup_controller controller = CGROUP_MISC; controller <= CGROUP_DMEM; controller++) {
        const char *prefix = cgroup_controller_name(controller, true);

        stats->group = cgroup_find(set, controller);
        if (stats->group == NULL)
            continue;
        stats_open(stats, prefix);
        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
            char file[32];

            (void)snprintf(file, sizeof(file), "%s.%s", prefix, files[i][1]);
            stats_words_file(stats, files[i][0], file);
        }
        stats_close(stats);
    }
}
