/* process.rlimits */
#include "internal.h"

#include <base/util.h>

#include <stddef.h>
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

static void read_rlimit(struct reader *reader, const struct node *node, struct config_rlimit *rlimit)
{
    static const struct key keys[] = {
        { "type", read_type, 0 },
        { "soft", read_value, offsetof(struct config_rlimit, soft) },
        { "hard", read_value, offsetof(struct config_rlimit, hard) },
    };
    unsigned before = reader->complaints;
    struct node soft = node_member(node, "soft");

    rlimit->pointer = node_pointer(reader, node);
    read_object(reader, node, keys, ARRAY_SIZE(keys), rlimit);
    if (!json_is_object(node->json))
        return;
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        (void)require_key(reader, node, keys[i].name);
    if (reader->complaints == before && rlimit->soft > rlimit->hard)
        complain(reader, &soft, "the soft limit is above the hard limit");
}

void read_process_rlimits(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;

    if (!get_array(reader, node, "an array of {type, soft, hard}", 64))
        return;
    config->rlimits = keep_array(reader, json_array_size(node->json), sizeof(*config->rlimits));
    if (config->rlimits == NULL)
        return;
    for (size_t i = 0; i < json_array_size(node->json); i++) {
        struct node item = node_item(node, i);
        struct config_rlimit *rlimit = &config->rlimits[i];

        read_rlimit(reader, &item, rlimit);
        config->n_rlimits++;
        for (size_t j = 0; j < i && rlimit->name != NULL; j++)
            if (config->rlimits[j].name == rlimit->name)
                complain(reader, &item, "%s is given twice", rlimit->name);
    }
}
