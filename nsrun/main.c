#include "log.h"
#include "nsrun.h"
#include "version.h"

#include <cli/terminal.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int wrong_count(const struct command *command, size_t n)
{
    const char *kind = command->least == command->most ? "exactly"
                       : n < command->least            ? "a minimum of"
                                                       : "a maximum of";
    size_t number = n < command->least ? command->least : command->most;
    char message[128];

    (void)snprintf(message, sizeof(message), "%s: \"%s\" requires %s %zu argument(s)", usage_name(),
            command->name, kind, number);
    return usage_wrong(command, message);
}

static int finish(void)
{
    return fflush(stdout) == 0 ? 0 : 1;
}

static int run_command(struct call *call, char **argv)
{
    const struct command *command = call->command;
    void *values = calloc(1, command->options_size + 1);
    char *message = NULL;
    int status, r;

    if (values == NULL)
        return report_text(call, "out of memory");
    r = options_parse(&command->options, values, argv, !command->ends_at_first, &call->n_arguments, &message);
    if (r < 0) {
        status = usage_wrong(command, message != NULL ? message : "out of memory");
    } else if (r == OPTIONS_HELP) {
        usage_print(command);
        status = finish();
    } else if (call->n_arguments < command->least || call->n_arguments > command->most) {
        status = wrong_count(command, call->n_arguments);
    } else {
        call->options = values;
        call->arguments = argv;
        status = command->run(call);
    }
    free(message);
    options_release(&command->options, values);
    free(values);
    return status;
}

/* runc's own answer and status for a word that is no command. */
static int unknown_command(const char *name)
{
    char message[256];

    (void)snprintf(message, sizeof(message), "No help topic for '%s'", name);
    log_write(LOG_ERROR, message);
    return 3;
}

static int help(const char *name)
{
    const struct command *command = name != NULL ? command_find(name) : NULL;

    if (name != NULL && command == NULL)
        return unknown_command(name);
    usage_print(command);
    return finish();
}

static int print_version(void)
{
    (void)printf("nsrun version %s\ncommit: %s\nspec: %s\n", lc_version(), NSRUN_COMMIT, NSRUN_SPEC);
    return finish();
}

int main(int argc, char **argv)
{
    struct globals globals = { 0 };
    struct call call = { .globals = &globals };
    char *message = NULL;
    size_t n = 0;
    int status;

    /* Where the caller ignores it, nobody would know how a process has ended. */
    (void)signal(SIGCHLD, SIG_DFL);
    if (argc == 0 || stdio_fill(call.stdio) < 0)
        return 1;
    usage_take_name(argv[0]);
    argv++;
    if (options_parse(&global_options, &globals, argv, false, &n, &message) < 0) {
        status = usage_wrong(NULL, message != NULL ? message : "out of memory");
        free(message);
        return status;
    }
    if (globals.version)
        return print_version();
    if (globals.help || n == 0 || strcmp(argv[0], "help") == 0 || strcmp(argv[0], "h") == 0)
        return help(n > 1 && !globals.help ? argv[1] : NULL);
    call.command = command_find(argv[0]);
    if (log_open(&globals) < 0)
        return 1;
    return call.command != NULL ? run_command(&call, argv + 1) : unknown_command(argv[0]);
}
