#include "launch.h"

#include <cli/relay.h>
#include <cli/terminal.h>

struct run_given {
    struct launch launch;
    bool detach, keep;
};

static const struct option rows[] = {
    LAUNCH_ROWS(struct run_given, launch),
    { "detach", 'd', OPTION_FLAG, offsetof(struct run_given, detach), "do not wait for the process" },
    { "keep", 0, OPTION_FLAG, offsetof(struct run_given, keep),
            "do not delete the container when the process has ended" },
};

/* A container that its program could not be started in is of no use to anybody; the first error is the one to tell. Without force: a
 * living one is not ours, somebody has deleted that and taken its id. */
static int detached(const struct call *call, const char *id, const struct launched *launched)
{
    struct lc_error *err = NULL;
    int r = lc_container_create(launched->runtime, id, launched->config, &launched->options, &err);

    if (r < 0)
        return report_failure(call, r, err);
    r = lc_container_start(launched->runtime, id, &err);
    if (r == 0)
        return 0;
    (void)lc_container_delete(launched->runtime, id, 0, NULL);
    return report_failure(call, r, err);
}

static int attended(const struct call *call, const char *id, struct launched *launched, bool keep)
{
    struct lc_create_options *options = &launched->options;
    struct lc_process *process = NULL;
    struct lc_error *err = NULL;
    int signals = relay_prepare(), status = 1, r;

    if (keep)
        options->flags |= LC_RECORD_END;
    if (lc_config_tty(launched->config))
        (void)terminal_size(&options->rows, &options->columns);
    r = lc_container_run(launched->runtime, id, launched->config, options, &process, &err);
    if (r < 0)
        return report_failure(call, r, err);
    r = foreground_wait(call, process, signals, &status, &err);
    if (r < 0)
        (void)report_failure(call, r, err);
    err = NULL;
    if (!keep) {
        r = lc_process_delete(process, &err);
        if (r < 0)
            (void)report_failure(call, r, err);
    }
    lc_process_free(process);
    return status;
}

static int run(const struct call *call)
{
    const struct run_given *given = call->options;
    const char *id = call->arguments[0];
    struct launched launched;
    int status = launch_prepare(call, &given->launch, given->detach, &launched);

    if (status == 0)
        status = given->detach ? detached(call, id, &launched) : attended(call, id, &launched, given->keep);
    launch_release(&launched);
    return status;
}

const struct command command_run = {
    .name = "run",
    .arguments = "<container-id>",
    .summary = "create and run a container",
    .description = "   create, start, and, unless detached, wait and delete. The exit status is then the "
                   "process's; 128+N when it\n"
                   "   died by signal N.\n",
    .options = OPTION_TABLE(rows),
    .options_size = sizeof(struct run_given),
    .least = 1,
    .most = 1,
    .run = run,
};
