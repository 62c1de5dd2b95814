/* hugepageLimits, network and rdma of linux.resources. */
#include "internal.h"

#include <base/util.h>

#include <stddef.h>
#include <string.h>

#define ENTRIES_MAX 1024

static void read_page_size(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);

    if (text == NULL || !is_page_size(text))
        complain_expected(reader, node, "a size like \"2MB\"");
    else
        *(const char **)target = keep(reader, text);
}

static void read_page_limit(struct reader *reader, const struct node *node, void *target)
{
    (void)get_unsigned(reader, node, 0, UINT64_MAX, target);
}

void read_hugepages(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "pageSize", read_page_size, offsetof(struct config_hugepage, size) },
        { "limit", read_page_limit, offsetof(struct config_hugepage, limit) },
    };
    struct config_cgroups *cgroups = target;

    if (!get_array(reader, node, "an array of {pageSize, limit}", ENTRIES_MAX))
        return;
    cgroups->hugepages = keep_array(reader, json_array_size(node->json), sizeof(*cgroups->hugepages));
    if (cgroups->hugepages == NULL)
        return;
    cgroups->n_hugepages = json_array_size(node->json);
    for (size_t i = 0; i < cgroups->n_hugepages; i++) {
        struct node item = node_item(node, i);
        struct config_hugepage *page = &cgroups->hugepages[i];

        page->pointer = node_pointer(reader, &item);
        read_object(reader, &item, keys, ARRAY_SIZE(keys), page);
        if (!json_is_object(item.json))
            continue;
        (void)require_key(reader, &item, "pageSize");
        (void)require_key(reader, &item, "limit");
    }
}

static void read_interface(struct reader *reader, const struct node *node, void *target)
{
    const char *text = get_text(reader, node);

    /* It becomes a line of net_prio.ifpriomap. */
    if (text != NULL && (*text == '\0' || strchr(text, ' ') != NULL || has_control(text)))
        complain_expected(reader, node, "the name of a network interface");
    else if (text != NULL)
        *(const char **)target = keep(reader, text);
}

static void read_priorities(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "name", read_interface, offsetof(struct config_net_priority, name) },
        { "priority", read_number, offsetof(struct config_net_priority, priority) },
    };
    struct config_cgroups *cgroups = target;

    if (!get_array(reader, node, "an array of {name, priority}", ENTRIES_MAX))
        return;
    cgroups->net_priorities =
            keep_array(reader, json_array_size(node->json), sizeof(*cgroups->net_priorities));
    if (cgroups->net_priorities == NULL)
        return;
    cgroups->n_net_priorities = json_array_size(node->json);
    for (size_t i = 0; i < cgroups->n_net_priorities; i++) {
        struct node item = node_item(node, i);

        read_object(reader, &item, keys, ARRAY_SIZE(keys), &cgroups->net_priorities[i]);
        if (!json_is_object(item.json))
            continue;
        (void)require_key(reader, &item, "name");
        (void)require_key(reader, &item, "priority");
    }
}

static void read_class(struct reader *reader, const struct node *node, void *target)
{
    struct config_number *number = target;

    number->set = get_integer(reader, node, 0, UINT32_MAX, &number->value) && number->value != 0;
}

void read_network(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "classID", read_class, offsetof(struct config_cgroups, limits[LIMIT_NET_CLASS]) },
        { "priorities", read_priorities, 0 },
    };

    read_object(reader, node, keys, ARRAY_SIZE(keys), target);
}

void read_rdma(struct reader *reader, const struct node *node, void *target)
{
    read_rdma_devices(reader, node, target, "hcaHandles", "hcaObjects");
}
