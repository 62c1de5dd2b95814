/* What of the numbers of an OCI container does not come from its groups. Apart from usage.c, which needs no parser of config.json. */
#include "control.h"

#include <base/util.h>
#include <cgroups/resctrl.h>

/* Which class of service the container is in stands in its configuration only: not to be read where there are none. */
void usage_rdt(const struct container *container, struct buffer *out)
{
    struct lc_config *config = NULL;

    if (!resctrl_is_mounted() || oci_config(container, &config, NULL) < 0)
        return;
    if (config->oci.rdt.present)
        resctrl_stats_json(&config->oci.rdt, container->id, NULL, out);
    lc_config_free(config);
}
