/* linux.memoryPolicy, as set_mempolicy(2) wants it. */
#include "internal.h"

#include <base/util.h>

#include <stddef.h>

enum { DEFAULT, PREFERRED, BIND, INTERLEAVE, LOCAL, PREFERRED_MANY, WEIGHTED_INTERLEAVE };
#define STATIC_NODES (1u << 15)
#define RELATIVE_NODES (1u << 14)
#define NUMA_BALANCING (1u << 13)

static void read_mode(struct reader *reader, const struct node *node, void *target)
{
    static const struct word modes[] = {
        { "MPOL_DEFAULT", DEFAULT },
        { "MPOL_BIND", BIND },
        { "MPOL_INTERLEAVE", INTERLEAVE },
        { "MPOL_WEIGHTED_INTERLEAVE", WEIGHTED_INTERLEAVE },
        { "MPOL_PREFERRED", PREFERRED },
        { "MPOL_PREFERRED_MANY", PREFERRED_MANY },
        { "MPOL_LOCAL", LOCAL },
    };
    const struct word *word = get_word(reader, node, modes, ARRAY_SIZE(modes));

    if (word != NULL)
        *(uint32_t *)target = word->value;
}

static void read_flags(struct reader *reader, const struct node *node, void *target)
{
    static const struct word flags[] = {
        { "MPOL_F_NUMA_BALANCING", NUMA_BALANCING },
        { "MPOL_F_RELATIVE_NODES", RELATIVE_NODES },
        { "MPOL_F_STATIC_NODES", STATIC_NODES },
    };

    *(uint32_t *)target = get_word_bits(reader, node, flags, ARRAY_SIZE(flags));
}

static void read_nodes(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);

    if (text == NULL || (*text != '\0' && !is_cpu_list(text)))
        complain_expected(reader, node, "a list of memory nodes, like \"0-1,3\"");
    else if (*text != '\0')
        *(const char **)target = keep(reader, text);
}

/* What the kernel would refuse without saying why. */
static void check_policy(
        struct reader *reader, const struct node *node, const struct config_memory_policy *policy)
{
    const uint32_t both = STATIC_NODES | RELATIVE_NODES;
    struct node nodes = node_member(node, "nodes"), flags = node_member(node, "flags");
    bool none = policy->mode == DEFAULT || policy->mode == LOCAL;

    if (none && policy->nodes != NULL)
        complain(reader, &nodes, "MPOL_DEFAULT and MPOL_LOCAL take no nodes");
    else if (!none && policy->mode != PREFERRED && policy->nodes == NULL)
        complain(reader, nodes.json != NULL ? &nodes : node, "this mode needs nodes");
    if ((policy->flags & both) == both)
        complain(reader, &flags, "MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other");
}

void read_memory_policy(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "mode", read_mode, offsetof(struct config_memory_policy, mode) },
        { "nodes", read_nodes, offsetof(struct config_memory_policy, nodes) },
        { "flags", read_flags, offsetof(struct config_memory_policy, flags) },
    };
    struct config_memory_policy *policy = &((struct lc_config *)target)->oci.memory_policy;
    unsigned before = reader->complaints;

    read_object(reader, node, keys, ARRAY_SIZE(keys), policy);
    policy->set = true;
    if (json_is_object(node->json) && require_key(reader, node, "mode") && reader->complaints == before)
        check_policy(reader, node, policy);
}
