#include "nsinit.h"

int command_resume(const struct arguments *arguments)
{
    struct lc_error *err = NULL;

    return lc_resume(arguments->root, &err) < 0 ? report_and_free(err) : 0;
}
