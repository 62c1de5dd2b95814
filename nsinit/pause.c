#include "nsinit.h"

int command_pause(const struct arguments *arguments)
{
    struct lc_error *err = NULL;

    return lc_pause(arguments->root, &err) < 0 ? report_and_free(err) : 0;
}
