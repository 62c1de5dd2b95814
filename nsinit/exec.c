#include "nsinit.h"

#include <cli/relay.h>
#include <cli/terminal.h>

#include <stdlib.h>
#include <unistd.h>

/* The file, or, for "", standard error. Before the command runs: whose numbers have no place to go is not run for nothing. */
static int open_stats(const struct arguments *arguments, FILE **ret_stats)
{
    if (arguments->stats == NULL)
        return 0;
    *ret_stats = arguments->stats[0] != '\0' ? fopen(arguments->stats, "we") : stderr;
    return *ret_stats != NULL ? 0 : report_text("%s: %m", arguments->stats);
}

/* The command's status is what counts now: a failure is only said. */
static void print_stats(const struct arguments *arguments, const struct lc_process *process, FILE *out)
{
    struct lc_error *err = NULL;
    char *text = NULL;

    if (lc_process_stats(process, &text, &err) < 0)
        (void)report_and_free(err);
    else if (fprintf(out, "%s\n", text) < 0 || fflush(out) != 0)
        (void)report_text("%s: %m", arguments->stats);
    free(text);
}

static int run(const struct arguments *arguments, const struct lc_config *config, FILE *stats)
{
    struct lc_process *process = NULL;
    struct lc_error *err = NULL;
    struct lc_options options;
    int signals = relay_prepare(), status = NSINIT_FAILED, r;

    fill_options(arguments, &options);
    if (stats != NULL)
        options.flags |= LC_FINAL_STATS;
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
        if (stats != NULL)
            print_stats(arguments, process, stats);
        lc_process_free(process);
    }
    if (signals >= 0)
        (void)close(signals);
    return status;
}

int command_exec(const struct arguments *arguments)
{
    struct lc_config *config = NULL;
    FILE *stats = NULL;
    int status;

    if (arguments->rest[0] == NULL || arguments->rest[0][0] == '\0') {
        (void)fputs("nsinit: exec needs a command (see nsinit --help)\n", stderr);
        return NSINIT_FAILED;
    }
    status = load_config(arguments, &config);
    if (status == 0)
        status = open_stats(arguments, &stats);
    if (status == 0)
        status = run(arguments, config, stats);
    if (stats != NULL && stats != stderr)
        (void)fclose(stats);
    lc_config_free(config);
    return status;
}
