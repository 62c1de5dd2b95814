#include "nsrun.h"

#include <jansson.h>
#include <stdlib.h>

static int run(const struct call *call)
{
    struct lc_runtime *runtime = NULL;
    struct lc_error *err = NULL;
    char *text = NULL;
    int status = runtime_open(call, &runtime), r;
    json_t *state;

    if (status != 0)
        return status;
    r = lc_container_state(runtime, call->arguments[0], &text, &err);
    lc_runtime_free(runtime);
    if (r < 0)
        return report_failure(call, r, err);
    state = states_parse(call, text);
    free(text);
    return state != NULL ? states_print(call, state, JSON_INDENT(2)) : 1;
}

const struct command command_state = {
    .name = "state",
    .arguments = "<container-id>",
    .summary = "output the state of a container",
    .least = 1,
    .most = 1,
    .run = run,
};
