/* The limits of a configuration as the lines that are written, in the order of writing. Pure. */
#include "internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Does this row write anything? A swap limit may come with memory; cpu.max is written once for its two keys. */
static bool is_due(const struct config_cgroups *cgroups, const struct limit_row *row, bool v2)
{
    if (row->limit == LIMIT_MEMORY_SWAP)
        return cgroup_limit_is_set(cgroups, row) || cgroup_swap_follows(cgroups);
    if (row->limit == LIMIT_CPU_PERIOD && v2 && cgroups->limits[LIMIT_CPU_QUOTA].set &&
            (!cgroups->oci || cgroups->limits[LIMIT_CPU_QUOTA].value != 0))
        return false;
    return cgroup_limit_is_set(cgroups, row);
}

/* The swap limit that nobody asked for, and "unlimited", are no loss where swap is not accounted. */
static bool is_optional(const struct config_cgroups *cgroups, const struct limit_row *row)
{
    return row->limit == LIMIT_MEMORY_SWAP &&
           (!cgroup_limit_is_set(cgroups, row) || cgroups->limits[LIMIT_MEMORY_SWAP].value < 0);
}

/* The weight has another file where the BFQ scheduler, or none, is used. */
static void add_other_weight(const struct config_cgroups *cgroups, const struct limit_row *row, bool v2,
        struct limit_line *line, char *value, size_t size)
{
    if (row->limit != LIMIT_BLKIO_WEIGHT)
        return;
    line->other_file = v2 ? "io.weight" : "blkio.bfq.weight";
    line->other_value = line->value;
    if (v2) {
        (void)snprintf(
                value, size, "%" PRIu64, cgroup_io_weight((uint64_t)cgroups->limits[row->limit].value));
        line->other_value = value;
    }
}

int cgroup_limit_lines(
        const struct config_cgroups *cgroups, uint32_t controllers, bool v2, limit_emit *emit, void *data)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < n_cgroup_limit_rows; i++) {
        const struct limit_row *row = &cgroup_limit_rows[i];
        char value[4096], other[24], pointer[64];
        struct limit_line line = { .file = v2 ? row->v2 : row->v1, .value = value, .pointer = pointer };

        /* What a version has no file for was refused before (cgroup_plan, cgroup_apply_update). */
        if ((controllers & CGROUP_BIT(row->controller)) == 0 || line.file == NULL ||
                !is_due(cgroups, row, v2))
            continue;
        line.pair = (row->flags & ROW_PAIR) != 0;
        line.optional = is_optional(cgroups, row);
        cgroup_limit_pointer(cgroups, row, pointer, sizeof(pointer));
        r = row->value(cgroups, row->limit, v2 ? 2 : 1, value, sizeof(value));
        if (r < 0)
            return r;
        add_other_weight(cgroups, row, v2, &line, other, sizeof(other));
        r = emit(data, &line);
    }
    return r < 0 ? r : cgroup_list_lines(cgroups, controllers, v2, emit, data);
}
