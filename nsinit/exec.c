#include "nsinit.h"

#include <cli/relay.h>
#include <cli/terminal.h>

#include <stdlib.h>
#include <unistd.h>

static int run(const struct arguments *arguments, const struct lc_config *config)
{
    struct lc_process *process = NULL;
    struct lc_error *err = NULL;
    struct lc_options options;
    int signals = relay_prepare(), status = NSINIT_FAILED, r;

    fill_options(arguments, &options);
    if (lc_config_tty(config))
        (void)terminal_size(&options.rows, &options.columns);
    r = lc_exec(config, &options, &process, &err);
    if (r < 0) {
        status = report_and_free(err);
    } else {
        r = relay_run(
                process, signals, &(struct relay_options){ .input = arguments->stdio[0], .guard = true });
        if (r == 0)
            r = lc_process_wait(process, &status, &err);
        terminal_restore();
        if (r < 0)
            report_errors(err);
        lc_error_free(err);
        lc_process_free(process);
    }
    if (signals >= 0)
        (void)close(signals);
    return status;
}

int command_exec(const struct arguments *arguments)
{
    struct lc_config *config = NULL;
    int status;

    if (arguments->rest[0] == NULL || arguments->rest[0][0] == '\0') {
        (void)fputs("nsinit: exec needs a command (see nsinit --help)\n", stderr);
        return NSINIT_FAILED;
    }
    status = load_config(arguments, &config);
    if (status == 0)
        status = run(arguments, config);
    lc_config_free(config);
    return status;
}
