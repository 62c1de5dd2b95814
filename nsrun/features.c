#include "nsrun.h"

#include <stdlib.h>

static int run(const struct call *call)
{
    struct lc_error *err = NULL;
    char *text = NULL;
    int r = lc_features(&text, &err), status;

    if (r < 0)
        return report_failure(call, r, err);
    status = print_document(call, text);
    free(text);
    return status;
}

const struct command command_features = {
    .name = "features",
    .arguments = "",
    .summary = "show the enabled features",
    .description = "   The features document of the OCI runtime-spec, for this build and kernel.\n",
    .run = run,
};
