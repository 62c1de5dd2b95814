/* From the text of a group's files to members of a JSON object. */
#include "stats-internal.h"

#include <base/util.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void stats_name(struct stats *stats, const char *name)
{
    if (stats->comma)
        buffer_text(stats->out, ",");
    if (name != NULL) {
        buffer_json_string(stats->out, name);
        buffer_text(stats->out, ":");
    }
    stats->comma = true;
}

void stats_open(struct stats *stats, const char *name)
{
    stats_name(stats, name);
    buffer_text(stats->out, "{");
    stats->comma = false;
}

void stats_close(struct stats *stats)
{
    buffer_text(stats->out, "}");
    stats->comma = true;
}

void stats_number(struct stats *stats, const char *name, uint64_t number)
{
    stats_name(stats, name);
    buffer_printf(stats->out, "%" PRIu64, number);
}

bool stats_read(const struct cgroup_group *group, const char *file, uint64_t *ret)
{
    CLEAN_FREE char *text = NULL;

    if (group == NULL || cgroup_read_file(group, file, &text) < 0)
        return false;
    *ret = strncmp(text, "max", 3) == 0 ? UINT64_MAX : strtoull(text, NULL, 10);
    return true;
}

bool stats_file(struct stats *stats, const char *name, const char *file)
{
    CLEAN_FREE char *text = NULL;
    bool negative;

    if (stats->group == NULL || cgroup_read_file(stats->group, file, &text) < 0)
        return false;
    negative = text[0] == '-';
    stats_name(stats, name);
    if (strncmp(text, "max", 3) == 0)
        buffer_printf(stats->out, "%" PRIu64, UINT64_MAX);
    else
        buffer_printf(
                stats->out, "%s%" PRIu64, negative ? "-" : "", (uint64_t)strtoull(text + negative, NULL, 10));
    return true;
}

bool stats_word(const char *text, const char *word, uint64_t *ret)
{
    size_t length = strlen(word);

    for (const char *line = text; line != NULL && *line != '\0';) {
        if (strncmp(line, word, length) == 0 && line[length] == ' ') {
            *ret = strtoull(line + length + 1, NULL, 10);
            return true;
        }
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    return false;
}

void stats_words(struct stats *stats, const char *text)
{
    for (const char *line = text; *line != '\0';) {
        char name[64];
        size_t length = strcspn(line, " \n");

        if (length < sizeof(name) && line[length] == ' ' && strncmp(line + length, " max", 4) != 0) {
            memcpy(name, line, length);
            name[length] = '\0';
            stats_number(stats, name, strtoull(line + length, NULL, 10));
        }
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
}

void stats_words_file(struct stats *stats, const char *name, const char *file)
{
    CLEAN_FREE char *text = NULL;

    if (stats->group == NULL || cgroup_read_file(stats->group, file, &text) < 0)
        return;
    stats_open(stats, name);
    stats_words(stats, text);
    stats_close(stats);
}

/* "word=number"; a "max" is no number. */
static void pair(struct stats *stats, const char *name, const char *number)
{
    if (strcmp(number, "max") != 0)
        stats_number(stats, name, strtoull(number, NULL, 10));
}

static void pairs(struct stats *stats, char *line)
{
    char *rest = NULL, *name = strtok_r(line, " ", &rest), *word, *number;

    if (name == NULL)
        return;
    number = strchr(name, '=');
    if (number != NULL)
        *number++ = '\0';
    stats_open(stats, name);
    if (number != NULL)
        pair(stats, "total", number);
    while ((word = strtok_r(NULL, " ", &rest)) != NULL) {
        number = strchr(word, '=');
        if (number == NULL)
            continue;
        *number++ = '\0';
        pair(stats, word, number);
    }
    stats_close(stats);
}

void stats_pairs_file(struct stats *stats, const char *name, const char *file)
{
    CLEAN_FREE char *text = NULL;
    char *rest = NULL;

    if (stats->group == NULL || cgroup_read_file(stats->group, file, &text) < 0)
        return;
    stats_open(stats, name);
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        pairs(stats, line);
    stats_close(stats);
}

void stats_array(struct stats *stats, const char *name, const char *text, bool ranges)
{
    const char *comma = "";

    stats_name(stats, name);
    buffer_text(stats->out, "[");
    while (*(text += strspn(text, " ,\n")) >= '0' && *text <= '9') {
        char *end;
        uint64_t first = strtoull(text, &end, 10), last = first;

        if (ranges && *end == '-')
            last = strtoull(end + 1, &end, 10);
        for (uint64_t n = first; n <= last && n - first < 8192; n++, comma = ",")
            buffer_printf(stats->out, "%s%" PRIu64, comma, n);
        text = end;
    }
    buffer_text(stats->out, "]");
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" */
void stats_pressure(struct stats *stats, const char *name, const char *file)
{
    CLEAN_FREE char *text = NULL;

    if (stats->group == NULL || cgroup_read_file(stats->group, file, &text) < 0)
        return;
    stats_open(stats, name);
    for (const char *line = text; *line != '\0'; line += *line == '\n') {
        double avg10, avg60, avg300;
        uint64_t total;
        char kind[8];

        if (sscanf(line, "%7s avg10=%lf avg60=%lf avg300=%lf total=%" SCNu64, kind, &avg10, &avg60, &avg300,
                    &total) == 5) {
            stats_name(stats, kind);
            buffer_printf(stats->out, "{\"avg10\":%.2f,\"avg60\":%.2f,\"avg300\":%.2f,\"total\":%" PRIu64 "}",
                    avg10, avg60, avg300, total);
        }
        line += strcspn(line, "\n");
    }
    stats_close(stats);
}
