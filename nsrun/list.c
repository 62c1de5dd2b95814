#include "nsrun.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct list_given {
    const char *format;
    bool quiet;
};

static const struct option rows[] = {
    { "format", 'f', OPTION_TEXT, offsetof(struct list_given, format), "\"table\" (default) or \"json\"" },
    { "quiet", 'q', OPTION_FLAG, offsetof(struct list_given, quiet), "only the ids, one a line" },
};

static const struct {
    const char *title, *key;
} columns[] = { { "ID", "id" }, { "PID", "pid" }, { "STATUS", "status" }, { "BUNDLE", "bundle" },
    { "CREATED", "created" }, { "OWNER", "owner" } };

#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))
#define NARROWEST 12
#define GAP 3

static const char *cell(json_t *state, size_t column, char number[24])
{
    json_t *value = json_object_get(state, columns[column].key);

    if (json_is_string(value))
        return json_string_value(value);
    (void)snprintf(number, 24, "%lld", (long long)json_integer_value(value));
    return json_is_integer(value) ? number : "";
}

static int width(json_t *states, size_t column)
{
    size_t widest = strlen(columns[column].title), length;
    char number[24];

    for (size_t i = 0; i < json_array_size(states); i++) {
        length = strlen(cell(json_array_get(states, i), column, number));
        if (length > widest)
            widest = length;
    }
    return widest + GAP > NARROWEST ? (int)(widest + GAP) : NARROWEST;
}

static int print_table(const struct call *call, json_t *states)
{
    int widths[N_COLUMNS];
    char number[24];

    for (size_t c = 0; c < N_COLUMNS; c++) {
        widths[c] = c + 1 < N_COLUMNS ? width(states, c) : 0;
        (void)printf("%-*s", widths[c], columns[c].title);
    }
    (void)putchar('\n');
    for (size_t i = 0; i < json_array_size(states); i++) {
        for (size_t c = 0; c < N_COLUMNS; c++)
            (void)printf("%-*s", widths[c], cell(json_array_get(states, i), c, number));
        (void)putchar('\n');
    }
    json_decref(states);
    return print_text(call, "");
}

static int print_ids(const struct call *call, json_t *states)
{
    for (size_t i = 0; i < json_array_size(states); i++)
        (void)puts(json_string_value(json_object_get(json_array_get(states, i), "id")));
    json_decref(states);
    return print_text(call, "");
}

static int run(const struct call *call)
{
    const struct list_given *given = call->options;
    const char *format = given->format != NULL ? given->format : "table";
    struct lc_runtime *runtime = NULL;
    struct lc_error *err = NULL;
    char *text = NULL;
    json_t *states;
    int status, r;

    if (strcmp(format, "table") != 0 && strcmp(format, "json") != 0)
        return report_text(call, "invalid format option");
    status = runtime_open(call, &runtime);
    if (status != 0)
        return status;
    r = lc_container_list(runtime, &text, &err);
    lc_runtime_free(runtime);
    if (r < 0)
        return report_failure(call, r, err);
    states = states_parse(call, text);
    free(text);
    if (states == NULL)
        return 1;
    if (given->quiet)
        return print_ids(call, states);
    return format[0] == 't' ? print_table(call, states) : states_print(call, states, JSON_COMPACT);
}

const struct command command_list = {
    .name = "list",
    .arguments = "",
    .summary = "lists containers started by nsrun with the given root",
    .options = OPTION_TABLE(rows),
    .options_size = sizeof(struct list_given),
    .run = run,
};
