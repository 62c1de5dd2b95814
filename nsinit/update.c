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

/* The option behind the key that an error names, or NULL. */
static const char *option_of(const char *pointer)
{
    const char *key = pointer != NULL ? strrchr(pointer, '/') : NULL;

    for (size_t i = 0; key != NULL && i < LIMITS_MAX; i++) {
        const char *name = limit_options[i].name, *at = key + 1;

        while (*at != '\0' && (*at == *name || (*at == '_' && *name == '-')))
            at++, name++;
        if (*at == '\0' && *name == '\0')
            return limit_options[i].name;
    }
    return NULL;
}

/* What was given as an option is known by that name. */
static int report_limits(struct lc_error *err)
{
    int status = err != NULL ? lc_error_status(err) : NSINIT_FAILED;

    for (const struct lc_error *one = err; one != NULL; one = lc_error_next(one)) {
        const char *option = option_of(lc_error_pointer(one));
        char *text = lc_error_format(one);

        (void)report_text("%s%s%s%s", option != NULL ? "--" : "", option != NULL ? option : "",
                option != NULL ? ": " : "", text != NULL ? text : "out of memory");
        free(text);
    }
    lc_error_free(err);
    return status;
}

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
    struct lc_update_options options = { .size = sizeof(options) };
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
    if (r < 0)
        return arguments->resources != NULL ? report_and_free(err) : report_limits(err);
    return 0;
}
