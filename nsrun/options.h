/* Options as Go's flag package takes them: one dash or two, "=value" or a word of its own; in any order with the
 * arguments unless those belong to somebody else. */
#ifndef NSRUN_OPTIONS_H
#define NSRUN_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_type {
    OPTION_FLAG,  /* bool */
    OPTION_TEXT,  /* const char * */
    OPTION_COUNT, /* unsigned int */
    OPTION_LIST,  /* struct option_list; may be given several times */
};

struct option_list {
    const char **items; /* NULL-terminated, or NULL when none was given */
    size_t n;
};

struct option {
    const char *name;
    char letter; /* or 0 */
    enum option_type type;
    size_t offset;
    const char *help;
};

struct option_table {
    const struct option *rows;
    size_t n;
};

#define OPTION_TABLE(table)                                                                                  \
    {                                                                                                        \
        (table), sizeof(table) / sizeof((table)[0])                                                          \
    }

/* Fills `values` by the table, and moves the arguments to the front of argv: *ret_n of them, NULL-terminated. Options are
 * looked for behind the first argument only when `everywhere`. 0, OPTIONS_HELP for "-h" and "--help" where the table has none, or -1
 * with *ret_message to be freed. */
#define OPTIONS_HELP 1
int options_parse(const struct option_table *table, void *values, char **argv, bool everywhere, size_t *ret_n,
        char **ret_message);
/* Go's words for true and false. */
bool options_bool(const char *text, bool *ret);
void options_release(const struct option_table *table, void *values);

#endif
