#include "nsinit.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

void report_errors(const struct lc_error *err)
{
    for (; err != NULL; err = lc_error_next(err)) {
        char *line = lc_error_format(err);

        (void)fprintf(stderr, "nsinit: %s\n", line != NULL ? line : "out of memory");
        free(line);
    }
}

int report_and_free(struct lc_error *err)
{
    int status = err != NULL ? lc_error_status(err) : NSINIT_FAILED;

    report_errors(err);
    lc_error_free(err);
    return status;
}

int report_text(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)fputs("nsinit: ", stderr);
    (void)vfprintf(stderr, fmt, args);
    (void)fputc('\n', stderr);
    va_end(args);
    return NSINIT_FAILED;
}

int print_text(const char *text)
{
    (void)fputs(text, stdout);
    return finish_output();
}

int ending_signals(void)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
    sigset_t set;

    (void)sigemptyset(&set);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        (void)sigaddset(&set, numbers[i]);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int finish_output(void)
{
    /* A line may have failed long before the last flush. */
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    (void)fprintf(stderr, "nsinit: standard output: %m\n");
    return NSINIT_FAILED;
}

void report_log(void *data, const char *line)
{
    const struct arguments *arguments = data;

    if (arguments->log_file != NULL) {
        (void)fprintf(arguments->log_file, "nsinit: %s\n", line);
        (void)fflush(arguments->log_file);
    }
    if (arguments->log_file != stderr && strncmp(line, "warning: ", 9) == 0)
        (void)fprintf(stderr, "nsinit: %s\n", line);
}

int load_config(const struct arguments *arguments, struct lc_config **ret)
{
    struct lc_config_options options = { .size = sizeof(options), .lenient = arguments->lenient };
    const char *root = arguments->root != NULL ? arguments->root : ".";
    struct lc_error *err = NULL;
    char *path = NULL;
    int r;

    /* In the working directory the file is called by its own name. */
    if (asprintf(&path, "%s%scontainer.json", arguments->root != NULL ? root : "",
                arguments->root != NULL ? "/" : "") < 0)
        return NSINIT_FAILED;
    r = lc_config_load(path, &options, ret, &err);
    free(path);
    if (r < 0) {
        report_errors(err);
        lc_error_free(err);
        return NSINIT_FAILED;
    }
    return 0;
}

void fill_options(const struct arguments *arguments, struct lc_options *options)
{
    *options = (struct lc_options){
        .size = sizeof(*options),
        .root = arguments->root,
        .argv = (const char *const *)arguments->rest,
        .console = arguments->console,
        .flags = LC_DIE_WITH_CALLER | (arguments->log_file != NULL ? LC_LOG_STEPS : 0),
        .log = report_log,
        .log_data = (void *)arguments,
    };
    memcpy(options->stdio, arguments->stdio, sizeof(options->stdio));
}
