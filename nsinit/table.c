/* A row of top's table. */
#include "usage.h"

#include <stdio.h>
#include <string.h>

static const char *size_text(double bytes, char *out, size_t size)
{
    static const char units[] = "BKMGTP";
    size_t unit = 0;

    while (bytes >= 1024 && unit + 2 < sizeof(units)) {
        bytes /= 1024;
        unit++;
    }
    if (bytes < 0)
        (void)snprintf(out, size, "-");
    else
        (void)snprintf(out, size, unit == 0 || bytes >= 100 ? "%.0f%c" : "%.1f%c", bytes, units[unit]);
    return out;
}

/* The end of a path tells more than its beginning. What a terminal would obey becomes a question mark. */
static void print_name(const char *root, size_t width)
{
    size_t length = strlen(root);
    const char *shown = length > width ? root + length - width : root;
    char name[USAGE_NAME_MAX + 1];

    (void)snprintf(name, sizeof(name), "%s", shown);
    for (char *at = name; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?';
    (void)printf("%-*s", (int)width, name);
}

static const char *count_text(long long number, char *out, size_t size)
{
    (void)snprintf(out, size, number < 0 ? "-" : "%lld", number);
    return out;
}

void usage_print(const struct usage *usage, size_t width, const char *end)
{
    char memory[16], limit[16], read[16], written[16], pids[24], kills[24];

    print_name(usage->root, width);
    (void)printf(" %6s %7.1f %8s /%8s %8s %8s %5s%s", count_text(usage->processes, pids, sizeof(pids)),
            usage->cpu > 0 ? usage->cpu : 0.0, size_text(usage->memory, memory, sizeof(memory)),
            usage->limit > 0 ? size_text(usage->limit, limit, sizeof(limit)) : "-",
            size_text(usage->read, read, sizeof(read)), size_text(usage->written, written, sizeof(written)),
            count_text(usage->oom_kills, kills, sizeof(kills)), end);
}

void usage_print_titles(size_t width, const char *end)
{
    (void)printf("%-*s %6s %7s %8s  %8s %8s %8s %5s%s", (int)width, "CONTAINER", "PIDS", "CPU%", "MEMORY",
            "LIMIT", "READ", "WRITTEN", "OOM", end);
}
