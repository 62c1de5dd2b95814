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

static void read_hugepage(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "pageSize", read_page_size, offsetof(struct config_hugepage, size) },
        { "limit", read_page_limit, offsetof(struct config_hugepage, limit) },
    };
    struct config_hugepage *page = target;

    page->pointer = node_pointer(reader, node);
    (void)read_full_object(reader, node, keys, ARRAY_SIZE(keys), page);
}

void read_hugepages(struct reader *reader, const struct node *node, void *target)
{
    struct config_cgroups *cgroups = target;

    cgroups->hugepages = read_items(reader, node, "an array of {pageSize, limit}", ENTRIES_MAX,
            sizeof(*cgroups->hugepages), read_hugepage, &cgroups->n_hugepages);
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

static void read_priority(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "name", read_interface, offsetof(struct config_net_priority, name) },
        { "priority", read_number, offsetof(struct config_net_priority, priority) },
    };

    (void)read_full_object(reader, node, keys, ARRAY_SIZE(keys), target);
}

static void read_priorities(struct reader *reader, const struct node *node, void *target)
{
    struct config_cgroups *cgroups = target;

    cgroups->net_priorities = read_items(reader, node, "an array of {name, priority}", ENTRIES_MAX,
            sizeof(*cgroups->net_priorities), read_priority, &cgroups->n_net_priorities);
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
