#include "nsinit.h"

#include <cli/terminal.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static void print_usage(FILE *out)
{
    (void)fputs("Usage: nsinit [OPTION...] COMMAND [OPTION...]\n"
                "Runs a process in the container that container.json describes; the working directory is the "
                "rootfs.\n"
                "\nCommands:\n",
            out);
    for (size_t i = 0; i < n_commands; i++)
        (void)fprintf(out, "  %-35s %s\n", commands[i].usage, commands[i].summary);
    (void)fputs("\nLimits of update:\n ", out);
    for (size_t i = 0; i < LIMITS_MAX; i++)
        (void)fprintf(out, " --%s", limit_options[i].name);
    (void)fputs(
            "\n\nOptions:\n"
            "  --root DIR           where container.json is read and pid and start are written (default .)\n"
            "  --log FILE|stderr|none  every step with its result (default none)\n"
            "  --console PATH       use this pty slave as the container's console\n"
            "  --lenient            ignore unknown keys in container.json\n"
            "  --version, --help\n"
            "\nExit status of exec: the command's; 128+N when it died by signal N; 126 found but not "
            "executable,\n"
            "127 not found; 125 when nsinit itself failed.\n",
            out);
}

static int open_log(struct arguments *arguments)
{
    if (arguments->log == NULL || strcmp(arguments->log, "none") == 0)
        return 0;
    if (strcmp(arguments->log, "stderr") == 0) {
        arguments->log_file = stderr;
        return 0;
    }
    arguments->log_file = fopen(arguments->log, "ae");
    if (arguments->log_file == NULL) {
        (void)fprintf(stderr, "nsinit: log file %s: %m\n", arguments->log);
        return -1;
    }
    return 0;
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < n_commands; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

/* What does not belong to another command may have options behind it. */
static int take_arguments(const struct command *command, char ***argv, struct arguments *arguments)
{
    if (command->most == ANY_NUMBER)
        return 0;
    for (unsigned int i = 0; i < command->most && **argv != NULL; i++)
        (*argv)++;
    if (options_parse(argv, command, arguments) < 0)
        return -1;
    if (**argv == NULL)
        return 0;
    (void)fprintf(stderr, "nsinit: %s takes %s: %s (see nsinit --help)\n", command->name,
            command->most > 0 ? "one argument" : "no argument", **argv);
    return -1;
}

int main(int argc, char **argv)
{
    struct arguments arguments = { 0 };
    const struct command *command = NULL;

    /* Where the caller ignores it, nobody would know how a process has ended. */
    (void)signal(SIGCHLD, SIG_DFL);
    if (argc == 0 || stdio_fill(arguments.stdio) < 0)
        return NSINIT_FAILED;
    argv++;
    if (options_parse(&argv, NULL, &arguments) < 0)
        return NSINIT_FAILED;
    if (*argv != NULL) {
        command = find_command(*argv);
        if (command == NULL) {
            (void)fprintf(stderr, "nsinit: unknown command %s (see nsinit --help)\n", *argv);
            return NSINIT_FAILED;
        }
        argv++;
        if (options_parse(&argv, command, &arguments) < 0)
            return NSINIT_FAILED;
    }
    if (arguments.help) {
        print_usage(stdout);
        return finish_output();
    }
    if (arguments.version) {
        (void)printf("nsinit %s\n", lc_version());
        return finish_output();
    }
    if (command == NULL) {
        print_usage(stderr);
        return NSINIT_FAILED;
    }
    arguments.rest = argv;
    if (take_arguments(command, &argv, &arguments) < 0)
        return NSINIT_FAILED;
    return open_log(&arguments) < 0 ? NSINIT_FAILED : command->run(&arguments);
}
