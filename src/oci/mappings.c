/* {containerID, hostID, size}: of the user namespace and of id-mapped mounts. */
#include "internal.h"

#include <base/util.h>

#include <stddef.h>

#define MAPPINGS_MAX 340 /* UID_GID_MAP_MAX_EXTENTS */

static void read_size(struct reader *reader, const struct node *node, void *target)
{
    int64_t value;

    if (get_integer(reader, node, 1, UINT32_MAX, &value))
        *(uint32_t *)target = (uint32_t)value;
}

static void read_mappings(
        struct reader *reader, const struct node *node, struct config_mapping **ret, size_t *ret_count)
{
    static const struct key keys[] = {
        { "containerID", read_id, offsetof(struct config_mapping, container_id) },
        { "hostID", read_id, offsetof(struct config_mapping, host_id) },
        { "size", read_size, offsetof(struct config_mapping, size) },
    };
    unsigned before = reader->complaints;
    struct config_mapping *mappings;
    size_t count;

    if (!get_array(reader, node, "an array of {containerID, hostID, size}", MAPPINGS_MAX))
        return;
    count = json_array_size(node->json);
    mappings = keep_array(reader, count, sizeof(*mappings));
    if (mappings == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        struct node item = node_item(node, i);

        read_object(reader, &item, keys, ARRAY_SIZE(keys), &mappings[i]);
        for (size_t j = 0; json_is_object(item.json) && j < ARRAY_SIZE(keys); j++)
            (void)require_key(reader, &item, keys[j].name);
        if (reader->complaints == before)
            check_mapping(reader, &item, mappings, i);
    }
    *ret = mappings;
    *ret_count = count;
}

void read_linux_uid_mappings(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;

    read_mappings(reader, node, &config->uid_mappings, &config->n_uid_mappings);
}

void read_linux_gid_mappings(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;

    read_mappings(reader, node, &config->gid_mappings, &config->n_gid_mappings);
}

void read_mount_uid_mappings(struct reader *reader, const struct node *node, void *target)
{
    struct config_mappings *mappings = target;

    read_mappings(reader, node, &mappings->uid, &mappings->n_uid);
}

void read_mount_gid_mappings(struct reader *reader, const struct node *node, void *target)
{
    struct config_mappings *mappings = target;

    read_mappings(reader, node, &mappings->gid, &mappings->n_gid);
}
