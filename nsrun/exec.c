#include "nsrun.h"

#include <cli/files.h>
#include <cli/relay.h>
#include <cli/terminal.h>

#include <stdlib.h>
#include <string.h>

struct exec_given {
    const char *console_socket, *cwd, *user, *process, *pid_file, *pidfd_socket, *process_label, *apparmor;
    struct option_list env, additional_gids, cap, cgroup;
    unsigned int preserve_fds;
    bool tty, detach, no_new_privs, ignore_paused;
};

#define AT(member) offsetof(struct exec_given, member)
static const struct option rows[] = {
    { "console-socket", 0, OPTION_TEXT, AT(console_socket), "socket that gets the master of the terminal" },
    { "cwd", 0, OPTION_TEXT, AT(cwd), "working directory in the container" },
    { "env", 'e', OPTION_LIST, AT(env), "environment variable, NAME=VALUE" },
    { "tty", 't', OPTION_FLAG, AT(tty), "with a terminal of its own" },
    { "user", 'u', OPTION_TEXT, AT(user), "UID[:GID]" },
    { "additional-gids", 'g', OPTION_LIST, AT(additional_gids), "another group" },
    { "process", 'p', OPTION_TEXT, AT(process), "file with an OCI process object" },
    { "detach", 'd', OPTION_FLAG, AT(detach), "do not wait for the process" },
    { "pid-file", 0, OPTION_TEXT, AT(pid_file), "file that gets the process's pid" },
    { "pidfd-socket", 0, OPTION_TEXT, AT(pidfd_socket), "socket that gets the process's pidfd" },
    { "process-label", 0, OPTION_TEXT, AT(process_label), "SELinux label of the process" },
    { "apparmor", 0, OPTION_TEXT, AT(apparmor), "AppArmor profile of the process" },
    { "no-new-privs", 0, OPTION_FLAG, AT(no_new_privs), "the process cannot gain privileges" },
    { "cap", 'c', OPTION_LIST, AT(cap), "another capability" },
    { "preserve-fds", 0, OPTION_COUNT, AT(preserve_fds),
            "so many more descriptors from 3 on go to it (default: 0)" },
    { "cgroup", 0, OPTION_LIST, AT(cgroup),
            "[CONTROLLER,...:]GROUP, an existing group below the container's" },
    { "ignore-paused", 0, OPTION_FLAG, AT(ignore_paused),
            "also in a paused container: as soon as it is resumed" },
};

/* 0, or the exit status after a message. */
static int read_gids(const struct call *call, const struct option_list *list, unsigned int **ret)
{
    const char *wrong = NULL;

    *ret = list_numbers(list, &wrong);
    if (wrong != NULL)
        return report_text(call, "invalid value \"%s\" for flag -additional-gids: not a group id", wrong);
    return *ret == NULL ? report_text(call, "out of memory") : 0;
}

static int start(const struct call *call, struct lc_exec_options *options, bool detach)
{
    bool terminal = (options->flags & LC_EXEC_TTY) != 0;
    bool waits = (options->flags & LC_IGNORE_PAUSED) != 0;
    struct lc_process *process = NULL;
    struct lc_runtime *runtime = NULL;
    struct lc_error *err = NULL;
    int signals = -1, status, r;

    status = foreground_check(call, detach, terminal, options->console_socket);
    if (status == 0)
        status = runtime_open(call, &runtime);
    if (status != 0)
        return status;
    /* While it waits for a paused container there is nobody to pass a signal to: it ends us. */
    if (!detach && !waits)
        signals = relay_prepare();
    if (!detach && terminal)
        (void)terminal_size(&options->rows, &options->columns);
    r = lc_container_exec(runtime, call->arguments[0], options, detach ? NULL : &process, &err);
    if (r == 0 && !detach && waits)
        signals = relay_prepare();
    if (r == 0 && !detach)
        r = foreground_wait(call, process, signals, &status, &err);
    lc_process_free(process);
    lc_runtime_free(runtime);
    return r < 0 ? report_failure(call, r, err) : status;
}

static int run(const struct call *call)
{
    const struct exec_given *given = call->options;
    struct lc_exec_options options = {
        .size = sizeof(options),
        .process_name = given->process,
        .cwd = given->cwd,
        .user = given->user,
        .env = given->env.items,
        .capabilities = given->cap.items,
        .n_additional_gids = given->additional_gids.n,
        .apparmor = given->apparmor,
        .process_label = given->process_label,
        .console_socket = given->console_socket,
        .pid_file = given->pid_file,
        .pidfd_socket = given->pidfd_socket,
        .preserve_fds = given->preserve_fds,
        .flags = (given->tty ? LC_EXEC_TTY : 0) | (given->no_new_privs ? LC_EXEC_NO_NEW_PRIVS : 0) |
                 (given->ignore_paused ? LC_IGNORE_PAUSED : 0) | LC_PRESERVE_OPEN,
    };
    char *process = NULL, *cgroup = given->cgroup.n > 0 ? list_join(&given->cgroup) : NULL;
    unsigned int *gids = NULL;
    int status = read_gids(call, &given->additional_gids, &gids), r = 0;

    memcpy(options.stdio, call->stdio, sizeof(options.stdio));
    if (given->process != NULL)
        r = file_read(given->process, &process);
    else if (call->n_arguments > 1)
        options.argv = (const char *const *)call->arguments + 1;
    options.process = process;
    options.additional_gids = gids;
    options.cgroup = cgroup;
    if (process != NULL && process_has_terminal(process))
        options.flags |= LC_EXEC_TTY;
    if (status == 0 && r < 0)
        status = report_text(call, "open %s: %s", given->process, strerror(-r));
    else if (status == 0 && process == NULL && options.argv == NULL)
        status = report_text(call, "process args cannot be empty");
    else if (status == 0)
        status = start(call, &options, given->detach);
    free(gids);
    free(cgroup);
    free(process);
    return status;
}

const struct command command_exec = {
    .name = "exec",
    .arguments = "<container-id> <command> [args...] || -p process.json <container-id>",
    .summary = "execute new process inside the container",
    .description = "   What follows the id is the command's. The exit status is the command's, 128+N when it "
                   "died by signal N, and\n"
                   "   255 when nsrun failed.\n",
    .options = OPTION_TABLE(rows),
    .options_size = sizeof(struct exec_given),
    .least = 1,
    .most = ANY_NUMBER,
    .ends_at_first = true,
    .failed = 255,
    .run = run,
};
