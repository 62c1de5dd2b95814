/* The specification: what cannot be granted is no reason to fail, but one to warn. */
#include "runtime.h"

#include <base/util.h>
#include <security/capabilities.h>

#include <stdlib.h>
#include <sys/prctl.h>

static uint64_t missing(uint64_t wanted)
{
    uint64_t lacking = 0;

    for (int bit = 0; bit < 64 && wanted >> bit != 0; bit++)
        if ((wanted >> bit & 1) != 0 && prctl(PR_CAPBSET_READ, bit, 0, 0, 0) != 1)
            lacking |= UINT64_C(1) << bit;
    return lacking;
}

void capabilities_grant(struct lc_config *config, uint32_t namespaces, const struct log *log)
{
    uint64_t *sets = config->oci.capabilities, wanted = 0, lacking;

    /* In a user namespace of its own it can have them all. */
    if ((namespaces & NAMESPACE_BIT(NAMESPACE_USER)) != 0)
        return;
    for (int set = 0; set < CAPS_MAX_; set++)
        wanted |= sets[set];
    lacking = missing(wanted);
    for (int bit = 0; bit < 64 && lacking >> bit != 0; bit++) {
        CLEAN_FREE char *name = (lacking >> bit & 1) != 0 ? capability_name(bit) : NULL;

        if (name != NULL)
            log_warning(log,
                    "%s cannot be granted (/process/capabilities): the caller itself does not have it", name);
    }
    for (int set = 0; set < CAPS_MAX_; set++)
        sets[set] &= ~lacking;
    config->capabilities &= ~lacking;
}
