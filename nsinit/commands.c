#include "nsinit.h"

#define FIELD(field) offsetof(struct arguments, field)
static const struct option_row apparmor_options[] = { { "load", FIELD(load), OPTION_FLAG } };
static const struct option_row exec_options[] = { { "stats", FIELD(stats), OPTION_OPTIONAL } };
static const struct option_row events_options[] = { { "pressure", FIELD(pressure), OPTION_OPTIONAL } };
static const struct option_row kill_options[] = { { "all", FIELD(all), OPTION_FLAG },
    { "a", FIELD(all), OPTION_FLAG } };
static const struct option_row ps_options[] = { { "json", FIELD(json), OPTION_FLAG } };
static const struct option_row top_options[] = { { "n", FIELD(count), OPTION_TEXT },
    { "d", FIELD(delay), OPTION_TEXT } };
#define ROWS(rows) rows, sizeof(rows) / sizeof((rows)[0])

const struct command commands[] = {
    { "exec", "exec [--stats[=FILE]] CMD [ARG...]",
            "start the container of this directory with CMD, or run CMD inside it when it lives",
            command_exec, ANY_NUMBER, ROWS(exec_options) },
    { "check", "check", "validate container.json and try on this host everything it asks for", command_check,
            0, NULL, 0 },
    { "plan", "plan [CMD [ARG...]]", "print what exec would do, one op a line, with the key each came from",
            command_plan, ANY_NUMBER, NULL, 0 },
    { "spec", "spec", "print a good container.json to begin with", command_spec, 0, NULL, 0 },
    { "state", "state", "print the state of the container as JSON; cleans up after a crash", command_state, 0,
            NULL, 0 },
    { "stats", "stats", "print what the container uses now, as JSON", command_stats, 0, NULL, 0 },
    { "events", "events [--pressure[=WHAT]]",
            "print what happens to the container, a line of JSON each, until it ends", command_events, 0,
            ROWS(events_options) },
    { "ps", "ps [--json]", "print the container's processes, or their pids as JSON", command_ps, 0,
            ROWS(ps_options) },
    { "top", "top [-n N] [-d SECONDS]", "show what all living containers of this user use", command_top, 0,
            ROWS(top_options) },
    { "kill", "kill [--all] [SIGNAL]", "send a signal (TERM) to the first process, or to all", command_kill,
            1, ROWS(kill_options) },
    { "pause", "pause", "freeze all processes of the container", command_pause, 0, NULL, 0 },
    { "resume", "resume", "let them go on", command_resume, 0, NULL, 0 },
    { "update", "update --LIMIT VALUE...", "change limits of the living container (-r FILE: as JSON)",
            command_update, 0, limit_options, UPDATE_OPTIONS },
    { "apparmor", "apparmor [--load]", "print the default AppArmor profile, or load it", command_apparmor, 0,
            ROWS(apparmor_options) },
    { "init", "init", "internal: the role of the child that sets a container up", command_init, 0, NULL, 0 },
};
const size_t n_commands = sizeof(commands) / sizeof(commands[0]);
