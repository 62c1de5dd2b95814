/* nsrun: an OCI runtime with runc's command line, on libcontainer's public API only. One file per command: its table of
 * options and the function that runs it; one row per command in commands.c. */
#ifndef NSRUN_NSRUN_H
#define NSRUN_NSRUN_H

#include "options.h"

#include <libcontainer.h>

#include <stdbool.h>

struct globals {
    const char *log, *log_format, *log_level, *root, *rootless, *criu, *cgroup_manager;
    bool debug, systemd_cgroup, help, version;
};

struct call {
    const struct command *command;
    const struct globals *globals;
    const void *options; /* the command's own struct, filled from its table */
    char **arguments;    /* NULL-terminated */
    size_t n_arguments;
    int stdio[3]; /* 0, 1, 2, or -1 where the caller had them closed */
};

#define ANY_NUMBER SIZE_MAX

struct command {
    const char *name, *arguments, *summary;
    const char *description; /* or NULL */
    struct option_table options;
    size_t options_size; /* of the struct that the table's offsets are about */
    size_t least, most;  /* arguments */
    /* What follows the first argument is somebody else's: a command in the container, options of ps. */
    bool ends_at_first;
    int failed; /* exit status of a failure, when not 1 */
    int (*run)(const struct call *call);
};

extern const struct command *const commands[];
extern const size_t n_commands;
const struct command *command_find(const char *name);

extern const struct command command_checkpoint, command_create, command_delete, command_events, command_exec,
        command_features, command_kill, command_list, command_pause, command_ps, command_restore,
        command_resume, command_run, command_spec, command_start, command_state, command_update;

/* usage.c */
extern const struct option_table global_options;
void usage_take_name(const char *argv0); /* messages and help name the program as it was called */
const char *usage_name(void);
void usage_print(const struct command *command); /* NULL: of the program */
/* Usage on standard output, the message in the log: always 1. `command` may be NULL. */
int usage_wrong(const struct command *command, const char *message);

/* report.c */
int report_failure(const struct call *call, int r, struct lc_error *err); /* logs, frees; the exit status */
int report_text(const struct call *call, const char *fmt, ...)
        __attribute__((format(printf, 2, 3)));                 /* the same for a failure of our own */
int print_text(const struct call *call, const char *text);     /* to standard output: 0, or an exit status */
int print_document(const struct call *call, const char *text); /* the same, with a newline at the end */

/* runtime.c */
int runtime_open(
        const struct call *call, struct lc_runtime **ret); /* 0, or the exit status after a message */
/* The containers whose id the regular expression finds, one after the other. As with crun, a failure at one of them is
 * logged and does not keep the others from their turn, nor the status from being 0. */
int runtime_each(const struct call *call, const char *pattern,
        int (*function)(const struct call *call, struct lc_runtime *runtime, const char *id));
/* For the many commands that do one thing to one container. */
int runtime_do(const struct call *call,
        int (*function)(struct lc_runtime *runtime, const char *id, struct lc_error **err));

/* foreground.c: until the process has ended; *ret_status is its exit status. 0 or -errno. */
int foreground_wait(const struct call *call, struct lc_process *process, int signals, int *ret_status,
        struct lc_error **err);
/* A console socket is for a terminal that nobody here carries bytes for. 0, or the exit status after a message. */
int foreground_check(const struct call *call, bool detached, bool terminal, const char *console_socket);

/* lists.c: both to be freed, NULL when out of memory; *ret_wrong is the item that is no number below UINT_MAX */
unsigned int *list_numbers(const struct option_list *list, const char **ret_wrong);
char *list_join(const struct option_list *list); /* one a line */
/* Of an OCI process object; false for what is none: the library says what is wrong with it. */
bool process_has_terminal(const char *text);

/* states.c: the library's answer in runc's order of keys; NULL after a message. To be json_decref()ed. */
struct json_t *states_parse(const struct call *call, const char *text);
/* The JSON as text with a newline, to standard output; takes the reference. 0, or an exit status */
int states_print(const struct call *call, struct json_t *value, size_t flags);
#endif
