#include "nsrun.h"

struct delete_given {
    bool force;
};

static const struct option rows[] = {
    { "force", 'f', OPTION_FLAG, offsetof(struct delete_given, force),
            "kill the container first; one that does not exist is no error" },
};

static int run(const struct call *call)
{
    const struct delete_given *given = call->options;
    int status, r;
    struct lc_runtime *runtime = NULL;
    struct lc_error *err = NULL;

    status = runtime_open(call, &runtime);
    if (status != 0)
        return status;
    r = lc_container_delete(runtime, call->arguments[0], given->force ? LC_DELETE_FORCE : 0, &err);
    if (r < 0)
        status = report_failure(call, r, err);
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
