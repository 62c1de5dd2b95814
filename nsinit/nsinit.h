/* nsinit: the reference program of libcontainer, on the public API only. One file per command, one row per command
 * in commands.c. */
#ifndef NSINIT_NSINIT_H
#define NSINIT_NSINIT_H

#include <libcontainer.h>

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* When nsinit itself fails; 126 and 127 are the command's. */
#define NSINIT_FAILED 125

/* As many as update has options for them. */
#define LIMITS_MAX 12

struct arguments {
    const char *root, *log, *console;
    bool lenient, load, help, version;
    bool all, json;                 /* kill, ps */
    const char *count, *delay;      /* top */
    const char *stats;              /* exec: a file, or "" for standard error; NULL: none */
    const char *pressure;           /* events: "" for the usual */
    const char *resources;          /* update: a file */
    const char *limits[LIMITS_MAX]; /* update: in the order of limit_options */
    FILE *log_file;                 /* NULL: only warnings, on stderr */
    char **rest;                    /* what follows the command word and its options, NULL-terminated */
    int stdio[3];                   /* 0, 1, 2, or -1 where the caller had them closed */
};

/* An option is put where `offset` says in struct arguments. */
struct option_row {
    const char *name;
    size_t offset;
    enum { OPTION_FLAG, OPTION_TEXT, OPTION_OPTIONAL } kind; /* OPTIONAL: only with "="; else "" */
};

struct command {
    const char *name, *usage, *summary;
    int (*run)(const struct arguments *arguments);
    unsigned int most; /* arguments; ANY_NUMBER: a command with its own */
    const struct option_row *options;
    size_t n_options;
};
#define ANY_NUMBER UINT_MAX
extern const struct command commands[];
extern const size_t n_commands;

int command_exec(const struct arguments *arguments);
int command_init(const struct arguments *arguments);
int command_spec(const struct arguments *arguments);
int command_check(const struct arguments *arguments);
int command_plan(const struct arguments *arguments);
int command_state(const struct arguments *arguments);
int command_apparmor(const struct arguments *arguments);
int command_events(const struct arguments *arguments);
int command_kill(const struct arguments *arguments);
int command_pause(const struct arguments *arguments);
int command_ps(const struct arguments *arguments);
int command_resume(const struct arguments *arguments);
int command_stats(const struct arguments *arguments);
int command_top(const struct arguments *arguments);
int command_update(const struct arguments *arguments);

/* update.c */
#define UPDATE_OPTIONS 14
extern const struct option_row limit_options[UPDATE_OPTIONS];

/* options.c: takes options off the front of argv; *argv ends at the first other word. `command`: whose options are known
 * besides the general ones, or NULL. 0, or -1 after a message. */
int options_parse(char ***argv, const struct command *command, struct arguments *arguments);

/* report.c */
void report_errors(const struct lc_error *err); /* one line each, on stderr */
int report_and_free(struct lc_error *err);      /* prints, frees, returns the exit status */
int report_text(const char *fmt, ...)
        __attribute__((format(printf, 1, 2))); /* the same for a failure of our own */
int print_text(const char *text);
/* For what stays until it is told to end: a descriptor that is readable then; nothing else happens. -1: none. */
int ending_signals(void);
int finish_output(void); /* flushes standard output: 0, or NSINIT_FAILED after a message */
void report_log(void *data, const char *line);
int load_config(const struct arguments *arguments,
        struct lc_config **ret); /* 0, or the exit status after a message */
void fill_options(const struct arguments *arguments, struct lc_options *options);

#endif
