/* What a class of service has and what its processes use, in the words of `runc events --stats`. */
#include "stats-internal.h"

#include <base/util.h>
#include <cgroups/resctrl.h>

#include <dirent.h>
#include <stdio.h>
#include <string.h>

/* What is shared out, with what the processor says of it. */
static const struct resource {
    const char *name, *info, *root_schema, *schema;
    const char *numbers[4];
} resources[] = {
    { "L3", "l3_cache_info", "l3_cache_schema_root", "l3_cache_schema", { "min_cbm_bits", "num_closids" } },
    { "MB", "mem_bw_info", "mem_bw_schema_root", "mem_bw_schema",
            { "bandwidth_gran", "delay_linear", "min_bandwidth", "num_closids" } },
};

/* What is counted for each cache; runc has a list for each of the two. */
static const struct counters {
    const char *list;
    const char *files[2];
} counters[] = {
    { "mbm_stats", { "mbm_total_bytes", "mbm_local_bytes" } },
    { "cmt_stats", { "llc_occupancy" } },
};

static void text_member(struct stats *stats, const char *name, char *line)
{
    line[strcspn(line, "\n")] = '\0';
    stats_name(stats, name);
    buffer_json_string(stats->out, line);
}

static void info(struct stats *stats, const struct resource *resource)
{
    CLEAN_FREE char *mask = NULL;
    char file[64];

    stats_open(stats, resource->info);
    (void)snprintf(file, sizeof(file), "info/%s/cbm_mask", resource->name);
    if (cgroup_read_file(stats->group, file, &mask) == 0)
        text_member(stats, "cbm_mask", mask);
    for (size_t i = 0; i < ARRAY_SIZE(resource->numbers) && resource->numbers[i] != NULL; i++) {
        (void)snprintf(file, sizeof(file), "info/%s/%s", resource->name, resource->numbers[i]);
        (void)stats_file(stats, resource->numbers[i], file);
    }
    stats_close(stats);
}

/* "    L3:0=7ff;1=7ff" */
static void schema(struct stats *stats, const char *member, const char *resource)
{
    CLEAN_FREE char *text = NULL;
    size_t length = strlen(resource);

    if (cgroup_read_file(stats->group, "schemata", &text) < 0)
        return;
    for (char *line = text; *line != '\0'; line += *line == '\n') {
        line += strspn(line, " ");
        if (strncmp(line, resource, length) == 0 && line[length] == ':') {
            text_member(stats, member, line);
            return;
        }
        line += strcspn(line, "\n");
    }
}

/* A domain has "Unavailable" in the place of a number when nothing could be measured. */
static void domain(struct stats *stats, const char *name, const char *const files[2])
{
    stats_open(stats, NULL);
    for (size_t i = 0; i < 2 && files[i] != NULL; i++) {
        CLEAN_FREE char *text = NULL;
        char file[320];

        (void)snprintf(file, sizeof(file), "mon_data/%s/%s", name, files[i]);
        if (cgroup_read_file(stats->group, file, &text) == 0 && *text >= '0' && *text <= '9')
            stats_number(stats, files[i], strtoull(text, NULL, 10));
    }
    stats_close(stats);
}

static int is_l3(const struct dirent *entry)
{
    return strncmp(entry->d_name, "mon_L3_", strlen("mon_L3_")) == 0;
}

/* The kernel makes the files of what this processor counts, in every domain the same. */
static void monitoring(struct stats *stats)
{
    struct dirent **domains = NULL;
    CLEAN_FREE char *path = NULL;
    int count;

    if (asprintf(&path, "%s/mon_data", stats->group->path) < 0) {
        path = NULL;
        return;
    }
    count = scandir(path, &domains, is_l3, alphasort);
    for (size_t i = 0; count > 0 && i < ARRAY_SIZE(counters); i++) {
        CLEAN_FREE char *file = NULL, *text = NULL;

        if (asprintf(&file, "mon_data/%s/%s", domains[0]->d_name, counters[i].files[0]) < 0)
            file = NULL;
        if (file == NULL || cgroup_read_file(stats->group, file, &text) < 0)
            continue;
        stats_name(stats, counters[i].list);
        buffer_text(stats->out, "[");
        stats->comma = false;
        for (int j = 0; j < count; j++)
            domain(stats, domains[j]->d_name, counters[i].files);
        buffer_text(stats->out, "]");
    }
    for (int i = 0; i < count; i++)
        free(domains[i]);
    free(domains);
}

bool resctrl_is_mounted(void)
{
    CLEAN_FREE char *mount = NULL;

    return layout_mount_type("resctrl", &mount) == 0;
}

void resctrl_stats_json(const struct config_rdt *rdt, const char *id, const char *root, struct buffer *out)
{
    struct stats stats = { .out = out };
    struct resctrl_paths paths;

    if (resctrl_find(rdt, id, root, &paths) < 0)
        return;
    stats_open(&stats, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(resources); i++) {
        char directory[512];

        (void)snprintf(directory, sizeof(directory), "%s/info/%s", paths.root, resources[i].name);
        if (access(directory, F_OK) < 0)
            continue;
        stats.group = &(struct cgroup_group){ .path = paths.root };
        info(&stats, &resources[i]);
        schema(&stats, resources[i].root_schema, resources[i].name);
        stats.group = &(struct cgroup_group){ .path = paths.class };
        schema(&stats, resources[i].schema, resources[i].name);
    }
    /* The class may be others' too. */
    stats.group = &(struct cgroup_group){ .path = paths.monitor != NULL ? paths.monitor : paths.class };
    monitoring(&stats);
    stats_close(&stats);
    free(paths.root);
    free(paths.class);
    free(paths.monitor);
}
