#include "container.h"

int lc_check(const struct lc_config *config, const struct lc_options *options,
        void (*report)(void *data, const struct lc_check_result *result), void *data, struct lc_error **err)
{
    (void)config;
    (void)options;
    (void)report;
    (void)data;
    (void)err;
    return 0;
}
