#include "nsinit.h"

#include <cli/files.h>
#include <cli/units.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(field) offsetof(struct arguments, field)
#define LIMIT(i) offsetof(struct arguments, limits) + (i) * sizeof(const char *), OPTION_TEXT

/* The keys of "cgroups" in container.json, with dashes. */
const struct option_row limit_options[UPDATE_OPTIONS] = {
    { "memory", LIMIT(0) },
    { "memory-swap", LIMIT(1) },
    { "memory-reservation", LIMIT(2) },
    { "memory-high", LIMIT(3) },
    { "cpu-shares", LIMIT(4) },
    { "cpu-quota", LIMIT(5) },
    { "cpu-period", LIMIT(6) },
    { "cpu-burst", LIMIT(7) },
    { "io-weight", LIMIT(8) },
    { "pids-limit", LIMIT(9) },
    { "cpuset-cpus", LIMIT(10) },
    { "cpuset-mems", LIMIT(11) },
    { "resources", FIELD(resources), OPTION_TEXT },
    { "r", FIELD(resources), OPTION_TEXT },
};
#define FIRST_LIST 10

/* NULL: it is no number. */
static json_t *value_of(size_t which, const char *text)
{
    long long number;

    if (which >= FIRST_LIST)
        return json_string(text);
    return units_size(text, &number) ? json_integer(number) : NULL;
}

/* The object as text, to be freed; NULL after a message. */
static char *limits_text(const struct arguments *arguments)
{
    json_t *limits = json_object();
    char key[64], *text = NULL;
    bool good = true;

    for (size_t i = 0; i < LIMITS_MAX && good; i++) {
        json_t *value;

        if (arguments->limits[i] == NULL)
            continue;
        (void)snprintf(key, sizeof(key), "%s", limit_options[i].name);
        for (char *dash = strchr(key, '-'); dash != NULL; dash = strchr(dash, '-'))
            *dash = '_';
        value = value_of(i, arguments->limits[i]);
        good = value != NULL && json_object_set_new(limits, key, value) == 0;
        if (!good)
            (void)report_text("update: --%s %s: expected a number, or a size with k, m, g or t",
                    limit_options[i].name, arguments->limits[i]);
    }
    if (good && json_object_size(limits) == 0)
        (void)report_text("update: which limit? (see nsinit --help)");
    else if (good)
        text = json_dumps(limits, JSON_COMPACT);
    json_decref(limits);
    return text;
}

int command_update(const struct arguments *arguments)
{
    struct lc_update_options options = { .size = sizeof(options), .name = "options" };
    struct lc_error *err = NULL;
    char *text = NULL;
    int r;

    if (arguments->resources != NULL) {
        options.name = strcmp(arguments->resources, "-") == 0 ? "standard input" : arguments->resources;
        r = file_read(arguments->resources, &text);
        if (r < 0)
            return report_text("update: %s: %s", options.name, strerror(-r));
    } else {
        text = limits_text(arguments);
        if (text == NULL)
            return NSINIT_FAILED;
    }
    options.resources = text;
    r = lc_update(arguments->root, &options, &err);
    free(text);
    return r < 0 ? report_and_free(err) : 0;
}
