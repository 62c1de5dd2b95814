#include "options.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True" };
static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False" };

__attribute__((format(printf, 2, 3))) static int complain(char **ret_message, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    if (vasprintf(ret_message, fmt, args) < 0)
        *ret_message = NULL;
    va_end(args);
    return -1;
}

static const struct option *find(const struct option_table *table, const char *name, size_t length)
{
    for (size_t i = 0; i < table->n; i++) {
        const struct option *row = &table->rows[i];

        if ((strlen(row->name) == length && memcmp(row->name, name, length) == 0) ||
                (length == 1 && row->letter == *name))
            return row;
    }
    return NULL;
}

static bool is_one_of(const char *const *words, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(words[i], text) == 0)
            return true;
    return false;
}

bool options_bool(const char *text, bool *ret)
{
    *ret = is_one_of(yes, sizeof(yes) / sizeof(yes[0]), text);
    return *ret || is_one_of(no, sizeof(no) / sizeof(no[0]), text);
}

static int set_flag(const struct option *row, bool *value, const char *text, char **ret_message)
{
    if (!options_bool(text != NULL ? text : "true", value))
        return complain(ret_message, "invalid boolean value \"%s\" for -%s: parse error", text, row->name);
    return 0;
}

static int set_count(const struct option *row, unsigned int *value, const char *text, char **ret_message)
{
    char *end;
    long number;

    errno = 0;
    number = strtol(text, &end, 0);
    if (end == text || *end != '\0' || errno != 0 || number < 0 || number > INT_MAX)
        return complain(ret_message, "invalid value \"%s\" for flag -%s: parse error", text, row->name);
    *value = (unsigned int)number;
    return 0;
}

static int add_item(struct option_list *list, const char *text, char **ret_message)
{
    const char **items = realloc(list->items, (list->n + 2) * sizeof(*items));

    if (items == NULL)
        return complain(ret_message, "out of memory");
    items[list->n++] = text;
    items[list->n] = NULL;
    list->items = items;
    return 0;
}

static int set(const struct option *row, void *values, const char *text, char **ret_message)
{
    void *value = (char *)values + row->offset;

    switch (row->type) {
    case OPTION_FLAG:
        return set_flag(row, value, text, ret_message);
    case OPTION_COUNT:
        return set_count(row, value, text, ret_message);
    case OPTION_LIST:
        return add_item(value, text, ret_message);
    case OPTION_TEXT:
        break;
    }
    *(const char **)value = text;
    return 0;
}

/* One option at *argv, which is left at its last word. */
static int take(const struct option_table *table, void *values, char ***argv, char **ret_message)
{
    const char *word = **argv, *name = word + (word[1] == '-' ? 2 : 1), *equals = strchr(name, '=');
    size_t length = equals != NULL ? (size_t)(equals - name) : strlen(name);
    const struct option *row = find(table, name, length);

    if (row == NULL && ((length == 4 && memcmp(name, "help", 4) == 0) || (length == 1 && *name == 'h')))
        return OPTIONS_HELP;
    if (row == NULL)
        return complain(ret_message, "flag provided but not defined: -%.*s", (int)length, name);
    if (equals != NULL || row->type == OPTION_FLAG)
        return set(row, values, equals != NULL ? equals + 1 : NULL, ret_message);
    if ((*argv)[1] == NULL)
        return complain(ret_message, "flag needs an argument: -%.*s", (int)length, name);
    return set(row, values, *++*argv, ret_message);
}

int options_parse(const struct option_table *table, void *values, char **argv, bool everywhere, size_t *ret_n,
        char **ret_message)
{
    char **out = argv;
    size_t n = 0;
    int r = 0;

    for (; *argv != NULL && (everywhere || n == 0); argv++) {
        const char *word = *argv;

        if (strcmp(word, "--") == 0) {
            argv++;
            break;
        }
        if (word[0] != '-' || word[1] == '\0')
            out[n++] = *argv;
        else
            r = take(table, values, &argv, ret_message);
        if (r != 0)
            return r;
    }
    for (; *argv != NULL; argv++)
        out[n++] = *argv;
    out[n] = NULL;
    *ret_n = n;
    return 0;
}

void options_release(const struct option_table *table, void *values)
{
    for (size_t i = 0; i < table->n; i++)
        if (table->rows[i].type == OPTION_LIST)
            free(((struct option_list *)(void *)((char *)values + table->rows[i].offset))->items);
}
