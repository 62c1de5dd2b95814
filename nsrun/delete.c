#include "nsrun.h"

struct delete_given {
    bool force, regex;
};

static const struct option rows[] = {
    { "force", 'f', OPTION_FLAG, offsetof(struct delete_given, force),
            "kill the container first; one that does not exist is no error" },
    { "regex", 'r', OPTION_FLAG, offsetof(struct delete_given, regex),
            "the id is a regular expression: all containers that it finds" },
};

static int delete_one(const struct call *call, struct lc_runtime *runtime, const char *id)
{
    const struct delete_given *given = call->options;
    struct lc_error *err = NULL;
    int r = lc_container_delete(runtime, id, given->force ? LC_DELETE_FORCE : 0, &err);

    return r < 0 ? report_failure(call, r, err) : 0;
}

static int run(const struct call *call)
{
    const struct delete_given *given = call->options;
    struct lc_runtime *runtime = NULL;
    int status;

    if (given->regex)
        return runtime_each(call, call->arguments[0], delete_one);
    status = runtime_open(call, &runtime);
    if (status == 0)
        status = delete_one(call, runtime, call->arguments[0]);
    lc_runtime_free(runtime);
    return status;
}

const struct command command_delete = {
    .name = "delete",
    .arguments = "<container-id>",
    .summary = "delete any resources held by the container often used with detached container",
    .options = OPTION_TABLE(rows),
    .options_size = sizeof(struct delete_given),
    .least = 1,
    .most = 1,
    .run = run,
};
