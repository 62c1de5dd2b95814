/* process.rlimits */
#include "internal.h"

#include <string.h>

static void read_type(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);
    struct config_rlimit *rlimit = target;

    if (text == NULL || !rlimit_find(text, &rlimit->resource, &rlimit->name) ||
            strcmp(text, rlimit->name) != 0)
        complain_expected(reader, node, "the name of a resource limit, like \"RLIMIT_NOFILE\"");
}

static void read_value(struct reader *reader, const struct node *node, void *target)
{
    (void)get_unsigned(reader, node, 0, UINT64_MAX, target);
}

static void read_one(struct reader *reader, const struct node *node, void *target)
{
    read_rlimit(reader, node, read_type, read_value, target);
}

void read_process_rlimits(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;

    /* As if it were absent: a process that joins has the container's. */
    if (json_is_array(node->json) && json_array_size(node->json) == 0)
        return;
    config->rlimits = read_items(reader, node, "an array of {type, soft, hard}", RLIMITS_MAX,
            sizeof(*config->rlimits), read_one, &config->n_rlimits);
}
