/* What a container uses now: the numbers of its groups, the counters of its network namespace, and, for what no group of it
 * counts, the sums over its processes. */
#include "control.h"

#include <base/util.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NANOSECONDS 1000000000u

/* Field 14 and on of /proc/PID/stat: user and system time, both of waited-for children; field 24: resident pages. */
static void add_process(pid_t pid, struct cgroup_rest *rest)
{
    enum { FIRST = 3, USER = 14, SYSTEM = 15, CHILDREN_USER = 16, CHILDREN_SYSTEM = 17, RESIDENT = 24 };
    char text[1024], *field = process_stat(pid, text, sizeof(text));
    const uint64_t tick = NANOSECONDS / (uint64_t)sysconf(_SC_CLK_TCK);

    if (field == NULL)
        return;
    rest->pids++;
    for (int number = FIRST; field != NULL && number <= RESIDENT; number++) {
        uint64_t value = strtoull(field, NULL, 10);

        if (number == USER || number == CHILDREN_USER)
            rest->user += value * tick;
        else if (number == SYSTEM || number == CHILDREN_SYSTEM)
            rest->kernel += value * tick;
        else if (number == RESIDENT)
            rest->resident += value * (uint64_t)sysconf(_SC_PAGESIZE);
        field = strchr(field, ' ');
        field += field != NULL;
    }
}

static int add_processes(const struct container *container, struct cgroup_rest *rest)
{
    CLEAN_FREE pid_t *pids = NULL;
    size_t count = 0;
    int r = processes_find(container, &pids, &count);

    for (size_t i = 0; r == 0 && i < count; i++)
        add_process(pids[i], rest);
    return r;
}

/* "  eth0: RXBYTES PACKETS ERRORS DROPPED FIFO FRAME COMPRESSED MULTICAST TXBYTES ...", after two lines of titles. */
static void format_interface(const char *line, struct buffer *out)
{
    static const char *const names[] = { "RxBytes", "RxPackets", "RxErrors", "RxDropped", NULL, NULL, NULL,
        NULL, "TxBytes", "TxPackets", "TxErrors", "TxDropped" };
    const char *colon = strchr(line, ':'), *at;
    char name[64];

    line += strspn(line, " ");
    if (colon == NULL || (size_t)(colon - line) >= sizeof(name))
        return;
    (void)snprintf(name, sizeof(name), "%.*s", (int)(colon - line), line);
    buffer_text(out, out->length > 1 ? ",{\"Name\":" : "{\"Name\":");
    buffer_json_string(out, name);
    at = colon + 1;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        char *end;
        uint64_t value = strtoull(at, &end, 10);

        if (names[i] != NULL)
            buffer_printf(out, ",\"%s\":%" PRIu64, names[i], value);
        at = end;
    }
    buffer_text(out, "}");
}

/* The host's interfaces are none of the container's. NULL: it has no network namespace, or out of memory. */
static char *interfaces(const struct container *container)
{
    const struct record *record = &container->record;
    uint32_t namespaces = record->namespaces | record->oci.joined;
    struct buffer out = { 0 };
    char path[64], line[512];
    FILE *file;

    if ((namespaces & NAMESPACE_BIT(NAMESPACE_NET)) == 0 && !record->foreign_network)
        return NULL;
    (void)snprintf(path, sizeof(path), "/proc/%d/net/dev", (int)record->init.pid);
    file = fopen(path, "re");
    if (file == NULL)
        return NULL;
    buffer_text(&out, "[");
    while (fgets(line, sizeof(line), file) != NULL)
        if (strchr(line, '|') == NULL)
            format_interface(line, &out);
    (void)fclose(file);
    buffer_text(&out, "]");
    return buffer_take_text(&out);
}

int usage_json(const struct container *container, usage_classes *classes, struct buffer *out)
{
    struct buffer rdt = { 0 };
    CLEAN_FREE char *network = interfaces(container), *shares = NULL;
    struct cgroup_rest rest = { .network = network };

    if (classes != NULL)
        classes(container, &rdt);
    if (rdt.length > 0)
        rest.rdt = shares = buffer_take_text(&rdt);
    if (!cgroup_counts_all(&container->record.groups))
        rest.known = add_processes(container, &rest) == 0;
    return cgroup_stats_json(&container->record.groups, &rest, out);
}
