#include "log.h"
#include "nsrun.h"

#include <stdio.h>
#include <string.h>

static const struct option rows[] = {
    { "debug", 0, OPTION_FLAG, offsetof(struct globals, debug), "log every step with its result" },
    { "log", 0, OPTION_TEXT, offsetof(struct globals, log),
            "file that the log is appended to, \"journald:NAME\" or \"syslog:NAME\" (default: standard "
            "error)" },
    { "log-format", 0, OPTION_TEXT, offsetof(struct globals, log_format), "\"text\" (default) or \"json\"" },
    { "log-level", 0, OPTION_TEXT, offsetof(struct globals, log_level),
            "\"error\", \"warning\" (default) or \"debug\", which is --debug" },
    { "root", 0, OPTION_TEXT, offsetof(struct globals, root),
            "directory of the containers' states (default: \"/run/nsrun\", or \"$XDG_RUNTIME_DIR/nsrun\" for "
            "users)" },
    { "criu", 0, OPTION_TEXT, offsetof(struct globals, criu), "ignored" },
    { "systemd-cgroup", 0, OPTION_FLAG, offsetof(struct globals, systemd_cgroup),
            "let systemd make the control groups; cgroupsPath is \"slice:prefix:name\" then" },
    { "cgroup-manager", 0, OPTION_TEXT, offsetof(struct globals, cgroup_manager),
            "\"cgroupfs\" (default) or \"systemd\", as crun calls it" },
    { "rootless", 0, OPTION_TEXT, offsetof(struct globals, rootless),
            "\"true\", \"false\" or \"auto\"; always as \"auto\"" },
    { "help", 'h', OPTION_FLAG, offsetof(struct globals, help), "show help" },
    { "version", 'v', OPTION_FLAG, offsetof(struct globals, version), "print the version" },
};
const struct option_table global_options = OPTION_TABLE(rows);

static const char *program = "nsrun";

void usage_take_name(const char *argv0)
{
    const char *slash = strrchr(argv0, '/');

    program = slash != NULL ? slash + 1 : argv0;
}

const char *usage_name(void)
{
    return program;
}

static void print_option(const struct option *row)
{
    char left[64], letter[16] = "";

    if (row->letter != 0)
        (void)snprintf(
                letter, sizeof(letter), ", -%c%s", row->letter, row->type == OPTION_FLAG ? "" : " value");
    (void)snprintf(
            left, sizeof(left), "--%s%s%s", row->name, row->type == OPTION_FLAG ? "" : " value", letter);
    (void)printf("   %-33s  %s\n", left, row->help);
}

static void print_program(void)
{
    (void)printf("NAME:\n   %s - Open Container Initiative runtime\n\nUSAGE:\n"
                 "   %s [global options] command [command options] [arguments...]\n\nCOMMANDS:\n",
            program, program);
    for (size_t i = 0; i < n_commands; i++)
        (void)printf("   %-12s%s\n", commands[i]->name, commands[i]->summary);
    (void)printf("   %-12s%s\n\nGLOBAL OPTIONS:\n", "help, h", "show this, or the help of one command");
    for (size_t i = 0; i < global_options.n; i++)
        print_option(&global_options.rows[i]);
}

void usage_print(const struct command *command)
{
    if (command == NULL) {
        print_program();
        return;
    }
    (void)printf("NAME:\n   %s %s - %s\n\nUSAGE:\n   %s %s %s%s\n", program, command->name, command->summary,
            program, command->name, command->options.n > 0 ? "[command options] " : "", command->arguments);
    if (command->description != NULL)
        (void)printf("\nDESCRIPTION:\n%s", command->description);
    if (command->options.n > 0)
        (void)printf("\nOPTIONS:\n");
    for (size_t i = 0; i < command->options.n; i++)
        print_option(&command->options.rows[i]);
}

int usage_wrong(const struct command *command, const char *message)
{
    (void)printf("Incorrect Usage: %s\n\n", message);
    usage_print(command);
    (void)fflush(stdout);
    log_write(LOG_ERROR, message);
    return 1;
}
