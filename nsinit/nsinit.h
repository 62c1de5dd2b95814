/* nsinit: the reference program of libcontainer, on the public API only. One file per command, one row per command
 * in commands.c. */
#ifndef NSINIT_NSINIT_H
#define NSINIT_NSINIT_H

#include <libcontainer.h>

#include <stdbool.h>
#include <stdio.h>

/* When nsinit itself fails; 126 and 127 are the command's. */
#define NSINIT_FAILED 125

struct arguments {
    const char *root, *log, *console;
    bool lenient, load, help, version;
    FILE *log_file; /* NULL: only warnings, on stderr */
    char **rest;    /* what follows the command word and its options, NULL-terminated */
    int stdio[3];   /* 0, 1, 2, or -1 where the caller had them closed */
};

struct command {
    const char *name, *usage, *summary;
    int (*run)(const struct arguments *arguments);
    bool takes_command;
};
extern const struct command commands[];
extern const size_t n_commands;

int command_exec(const struct arguments *arguments);
int command_init(const struct arguments *arguments);
int command_spec(const struct arguments *arguments);
int command_check(const struct arguments *arguments);
int command_plan(const struct arguments *arguments);
int command_state(const struct arguments *arguments);
int command_apparmor(const struct arguments *arguments);

/* options.c: takes options off the front of argv; *argv ends at the first other word. 0, or -1 after a message. */
int options_parse(char ***argv, struct arguments *arguments);

/* report.c */
void report_errors(const struct lc_error *err); /* one line each, on stderr */
int report_and_free(struct lc_error *err);      /* prints, frees, returns the exit status */
int finish_output(void); /* flushes standard output: 0, or NSINIT_FAILED after a message */
void report_log(void *data, const char *line);
int load_config(const struct arguments *arguments,
        struct lc_config **ret); /* 0, or the exit status after a message */
void fill_options(const struct arguments *arguments, struct lc_options *options);

#endif
