#include "nsrun.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* Number of the column with the pids, or -1. */
static int find_column(char *titles)
{
    char *word = strtok(titles, " \t\n");
    int column = 0;

    for (; word != NULL && strcmp(word, "PID") != 0; word = strtok(NULL, " \t\n"))
        column++;
    return word != NULL ? column : -1;
}

static bool is_listed(const char *line, int column, const struct pids *pids)
{
    long pid;

    for (; column > 0; column--) {
        line += strspn(line, " \t");
        line += strcspn(line, " \t\n");
    }
    pid = strtol(line, NULL, 10);
    for (size_t i = 0; i < pids->n; i++)
        if (pids->items[i] == pid)
            return true;
    return false;
}

/* False: there is no column with the pids. */
static bool filter(FILE *in, const struct pids *pids)
{
    char *line = NULL;
    size_t room = 0;
    int column = -1;

    if (getline(&line, &room, in) > 0) {
        (void)fputs(line, stdout);
        column = find_column(line);
    }
    while (column >= 0 && getline(&line, &room, in) > 0)
        if (is_listed(line, column, pids))
            (void)fputs(line, stdout);
    free(line);
    return column >= 0;
}

/* Standard output becomes the pipe's end. 0 or -errno. */
static int spawn(char **argv, int out, pid_t *ret)
{
    posix_spawn_file_actions_t actions;
    int r = -posix_spawn_file_actions_init(&actions);

    if (r < 0)
        return r;
    r = posix_spawn_file_actions_adddup2(&actions, out, 1);
    if (r == 0)
        r = posix_spawnp(ret, argv[0], &actions, NULL, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    return -r;
}

/* The host's ps, with the caller's arguments, of which only the container's processes are shown. */
static int print_table(const struct call *call, const struct pids *pids)
{
    static char name[] = "ps", usual[] = "-ef";
    char *fallback[] = { name, usual, NULL }, **argv = call->n_arguments > 1 ? call->arguments : fallback;
    int ends[2], ended = 0, r;
    bool shown;
    pid_t pid;
    FILE *in;

    argv[0] = name;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return report_text(call, "pipe: %s", strerror(errno));
    r = spawn(argv, ends[1], &pid);
    (void)close(ends[1]);
    in = r == 0 ? fdopen(ends[0], "r") : NULL;
    if (in == NULL)
        return report_text(call, "ps: %s", strerror(r != 0 ? -r : errno));
    shown = filter(in, pids);
    (void)fclose(in);
    if (waitpid(pid, &ended, 0) == pid && ended != 0)
        return report_text(call, WIFEXITED(ended) ? "ps: exit status %d" : "ps: killed by signal %d",
                WIFEXITED(ended) ? WEXITSTATUS(ended) : WTERMSIG(ended));
    return shown ? print_text(call, "") : report_text(call, "couldn't find PID field in ps output");
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
