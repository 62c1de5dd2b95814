#include "nsrun.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct ps_given {
    const char *format;
};

static const struct option rows[] = {
    { "format", 'f', OPTION_TEXT, offsetof(struct ps_given, format), "\"table\" (default) or \"json\"" },
};

struct pids {
    pid_t *items;
    size_t n;
};

/* Number of the column with this title, or -1. */
static int find_column(char *titles, const char *title)
{
    int column = 0;

    for (char *word = strtok(titles, " \t\n"); word != NULL; word = strtok(NULL, " \t\n"), column++)
        if (strcmp(word, title) == 0)
            return column;
    return -1;
}

static bool is_listed(const char *line, int column, const struct pids *pids)
{
    long pid;

    for (; column >= 0; column--) {
        line += strspn(line, " \t");
        if (column > 0)
            line += strcspn(line, " \t\n");
    }
    pid = strtol(line, NULL, 10);
    for (size_t i = 0; i < pids->n; i++)
        if (pids->items[i] == pid)
            return true;
    return false;
}

static int filter(const struct call *call, FILE *in, const struct pids *pids)
{
    char *line = NULL, *titles;
    size_t room = 0;
    int column = -1, status = 0;

    if (getline(&line, &room, in) > 0) {
        (void)fputs(line, stdout);
        titles = line;
        column = find_column(titles, "PID");
    }
    if (column < 0)
        status = report_text(call, "couldn't find PID field in ps output");
    while (getline(&line, &room, in) > 0)
        if (column >= 0 && is_listed(line, column, pids))
            (void)fputs(line, stdout);
    free(line);
    return status == 0 ? print_text(call, "") : status;
}

/* The host's ps, with the caller's arguments, of which only the container's processes are shown. */
static int print_table(const struct call *call, const struct pids *pids)
{
    static char name[] = "ps", usual[] = "-ef";
    char *fallback[] = { name, usual, NULL }, **argv = fallback;
    posix_spawn_file_actions_t actions;
    int ends[2], status = 0, ended = 0, r;
    pid_t pid;
    FILE *in;

    if (call->n_arguments > 1) {
        argv = call->arguments;
        argv[0] = name;
    }
    if (pipe(ends) < 0)
        return report_text(call, "pipe: %s", strerror(errno));
    r = posix_spawn_file_actions_init(&actions);
    if (r == 0)
        r = posix_spawn_file_actions_addclose(&actions, ends[0]);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    if (r == 0)
        r = posix_spawnp(&pid, name, &actions, NULL, argv, environ);
    (void)close(ends[1]);
    in = r == 0 ? fdopen(ends[0], "r") : NULL;
    if (in == NULL) {
        (void)close(ends[0]);
        return report_text(call, "ps: %s", strerror(r != 0 ? r : errno));
    }
    status = filter(call, in, pids);
    (void)fclose(in);
    if (waitpid(pid, &ended, 0) == pid && ended != 0 && status == 0)
        status = report_text(
                call, "ps: exit status %d", WIFEXITED(ended) ? WEXITSTATUS(ended) : 128 + WTERMSIG(ended));
    return status;
}

static int print_json(const struct call *call, const struct pids *pids)
{
    for (size_t i = 0; i < pids->n; i++)
        (void)printf("%s%d", i == 0 ? "[" : ",", (int)pids->items[i]);
    return print_text(call, pids->n == 0 ? "[]\n" : "]\n");
}

static int run(const struct call *call)
{
    const struct ps_given *given = call->options;
    const char *format = given->format != NULL ? given->format : "table";
    struct lc_runtime *runtime = NULL;
    struct lc_error *err = NULL;
    struct pids pids = { 0 };
    int status, r;

    if (strcmp(format, "table") != 0 && strcmp(format, "json") != 0)
        return report_text(call, "invalid format option");
    status = runtime_open(call, &runtime);
    if (status != 0)
        return status;
    r = lc_container_processes(runtime, call->arguments[0], &pids.items, &pids.n, &err);
    lc_runtime_free(runtime);
    if (r < 0)
        return report_failure(call, r, err);
    status = format[0] == 't' ? print_table(call, &pids) : print_json(call, &pids);
    free(pids.items);
    return status;
}

const struct command command_ps = {
    .name = "ps",
    .arguments = "<container-id> [ps options]",
    .summary = "ps displays the processes running inside a container",
    .options = OPTION_TABLE(rows),
    .options_size = sizeof(struct ps_given),
    .least = 1,
    .most = ANY_NUMBER,
    .ends_at_first = true,
    .run = run,
};
