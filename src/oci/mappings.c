/* {containerID, hostID, size}: of the user namespace and of id-mapped mounts. */
#include "internal.h"

#include <base/util.h>

#include <stddef.h>

static void read_mapping(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "containerID", read_id, offsetof(struct config_mapping, container_id) },
        { "hostID", read_id, offsetof(struct config_mapping, host_id) },
        { "size", read_mapping_size, offsetof(struct config_mapping, size) },
    };

    finish_mapping(reader, node, target, !read_full_object(reader, node, keys, ARRAY_SIZE(keys), target));
}

static void read_mappings(
        struct reader *reader, const struct node *node, struct config_mapping **ret, size_t *ret_count)
{
    *ret = read_items(reader, node, "an array of {containerID, hostID, size}", MAPPINGS_MAX, sizeof(**ret),
            read_mapping, ret_count);
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
