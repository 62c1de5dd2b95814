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

static void warn_each(const struct log *log, uint64_t lacking, const char *why)
{
    for (int bit = 0; bit < 64 && lacking >> bit != 0; bit++) {
        CLEAN_FREE char *name = (lacking >> bit & 1) != 0 ? capability_name(bit) : NULL;

        if (name != NULL)
            log_warning(log, "%s cannot be granted (/process/capabilities%s", name, why);
    }
}

/* The kernel's own rules between the sets: engines and older templates list such all the same. */
static void grant_possible(uint64_t *sets, const struct log *log)
{
    uint64_t effective = sets[CAPS_EFFECTIVE] & ~sets[CAPS_PERMITTED];
    uint64_t ambient = sets[CAPS_AMBIENT] & ~(sets[CAPS_PERMITTED] & sets[CAPS_INHERITABLE]);

    warn_each(log, effective, "/effective): it is not permitted");
    warn_each(log, ambient, "/ambient): it is not permitted and inheritable");
    sets[CAPS_EFFECTIVE] &= ~effective;
    sets[CAPS_AMBIENT] &= ~ambient;
}

void capabilities_grant(struct lc_config *config, uint32_t namespaces, const struct log *log)
{
    uint64_t *sets = config->oci.capabilities, wanted = 0, lacking;

    grant_possible(sets, log);
    /* In a user namespace of its own it can have them all. */
    if ((namespaces & NAMESPACE_BIT(NAMESPACE_USER)) != 0)
        return;
    for (int set = 0; set < CAPS_MAX_; set++)
        wanted |= sets[set];
    lacking = missing(wanted);
    warn_each(log, lacking, "): the caller itself does not have it");
    for (int set = 0; set < CAPS_MAX_; set++)
        sets[set] &= ~lacking;
    config->capabilities &= ~lacking;
}
