#include "log.h"
#include "nsrun.h"
#include "resources.h"

#include <cli/files.h>

#include <stdlib.h>
#include <string.h>

static const struct option rows[] = {
    { "resources", 'r', OPTION_TEXT, offsetof(struct resources_given, file),
            "file with a linux.resources object, \"-\": standard input; the options for limits are ignored "
            "then" },
#define X(member, option, kind, section, key, help)                                                          \
    { option, 0, OPTION_TEXT, offsetof(struct resources_given, member), help },
    RESOURCES(X)
#undef X
            { "kernel-memory", 0, OPTION_TEXT, offsetof(struct resources_given, kernel),
                    "ignored: it is no limit any more" },
    { "kernel-memory-tcp", 0, OPTION_TEXT, offsetof(struct resources_given, kernel_tcp), "ignored likewise" },
    { "l3-cache-schema", 0, OPTION_TEXT, offsetof(struct resources_given, l3_cache_schema),
            "Intel RDT: L3 cache" },
    { "mem-bw-schema", 0, OPTION_TEXT, offsetof(struct resources_given, memory_bandwidth_schema),
            "Intel RDT: memory bandwidth" },
};

/* 0, or the exit status after a message. */
static int read_limits(const struct call *call, const struct resources_given *given, char **ret_text)
{
    struct resources_wrong wrong = { 0 };
    int r;

    if (given->file != NULL) {
        r = file_read(given->file, ret_text);
        return r < 0 ? report_text(call, "open %s: %s", given->file, strerror(-r)) : 0;
    }
    *ret_text = resources_text(given, &wrong);
    if (wrong.option != NULL)
        return report_text(
                call, "invalid value for %s: \"%s\" is not %s", wrong.option, wrong.value, wrong.expected);
    return *ret_text == NULL ? report_text(call, "out of memory") : 0;
}

/* What was given as an option is known by that name. */
static int report_limits(
        const struct call *call, const struct resources_given *given, int r, struct lc_error *err)
{
    int status = 1;

    if (given->file != NULL || err == NULL)
        return report_failure(call, r, err);
    for (const struct lc_error *one = err; one != NULL; one = lc_error_next(one)) {
        const char *option = resources_option(lc_error_pointer(one));
        char *text = lc_error_format(one);

        status = report_text(call, "%s%s%s%s", option != NULL ? "--" : "", option != NULL ? option : "",
                option != NULL ? ": " : "", text != NULL ? text : strerror(-r));
        free(text);
    }
    lc_error_free(err);
    return status;
}

static int run(const struct call *call)
{
    const struct resources_given *given = call->options;
    struct lc_update_options options = {
        .size = sizeof(options),
        .name = given->file != NULL && strcmp(given->file, "-") == 0 ? "standard input" : given->file,
        .l3_cache_schema = given->l3_cache_schema,
        .memory_bandwidth_schema = given->memory_bandwidth_schema,
    };
    struct lc_runtime *runtime = NULL;
    struct lc_error *err = NULL;
    char *text = NULL;
    int status = read_limits(call, given, &text), r;

    if (status == 0 && (given->kernel != NULL || given->kernel_tcp != NULL))
        log_write(LOG_WARNING, "--kernel-memory and --kernel-memory-tcp are ignored");
    if (status == 0)
        status = runtime_open(call, &runtime);
    if (status == 0) {
        options.resources = text;
        r = lc_container_update(runtime, call->arguments[0], &options, &err);
        if (r < 0)
            status = report_limits(call, given, r, err);
    }
    lc_runtime_free(runtime);
    free(text);
    return status;
}

const struct command command_update = {
    .name = "update",
    .arguments = "<container-id>",
    .summary = "update container resource constraints",
    .description = "   What is not named stays as it is. All limits are changed, or, on failure, none.\n",
    .options = OPTION_TABLE(rows),
    .options_size = sizeof(struct resources_given),
    .least = 1,
    .most = 1,
    .run = run,
};
