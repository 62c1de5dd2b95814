#include "nsinit.h"

#include <stdlib.h>

int command_stats(const struct arguments *arguments)
{
    struct lc_error *err = NULL;
    char *text = NULL;

    if (lc_stats(arguments->root, &text, &err) < 0)
        return report_and_free(err);
    (void)puts(text);
    free(text);
    return finish_output();
}
