/* linux.namespaces, made or joined by path, and linux.timeOffsets. */
#include "internal.h"

#include <base/util.h>

#include <stddef.h>
#include <string.h>

struct entry {
    int which; /* enum config_namespace; -1: not known */
    const char *path;
};

static void read_type(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);
    struct entry *entry = target;

    for (int i = 0; text != NULL && i < NAMESPACE_MAX_; i++)
        if (strcmp(text, config_namespaces[i].oci) == 0)
            entry->which = i;
    if (entry->which < 0)
        complain_expected(reader, node, "one of mount, pid, network, uts, ipc, user, cgroup, time");
}

static void read_path(struct reader *reader, const struct node *node, void *target)
{
    if (!json_is_string(node->json) || *json_string_value(node->json) != '\0')
        read_absolute_path(reader, node, target);
}

static void read_entry(struct reader *reader, const struct node *node, struct entry *entry)
{
    static const struct key keys[] = {
        { "type", read_type, 0 },
        { "path", read_path, offsetof(struct entry, path) },
    };

    read_object(reader, node, keys, ARRAY_SIZE(keys), entry);
    if (json_is_object(node->json))
        (void)require_key(reader, node, "type");
}

void read_oci_namespaces(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;
    unsigned before = reader->complaints;
    uint32_t seen = 0;

    if (get_array(reader, node, "an array of {type, path}", 64))
        for (size_t i = 0; i < json_array_size(node->json); i++) {
            struct node item = node_item(node, i);
            struct entry entry = { .which = -1 };

            read_entry(reader, &item, &entry);
            if (entry.which < 0)
                continue;
            if (seen & NAMESPACE_BIT(entry.which))
                complain(reader, &item, "the namespace \"%s\" is listed twice",
                        config_namespaces[entry.which].oci);
            seen |= NAMESPACE_BIT(entry.which);
            if (entry.path != NULL)
                config->oci.namespace_paths[entry.which] = entry.path;
            else
                config->namespaces |= NAMESPACE_BIT(entry.which);
        }
    reader->namespaces_bad = reader->complaints != before;
}

static void read_seconds(struct reader *reader, const struct node *node, void *target)
{
    (void)get_integer(reader, node, INT64_MIN, INT64_MAX, target);
}

static void read_nanoseconds(struct reader *reader, const struct node *node, void *target)
{
    int64_t value;

    if (get_integer(reader, node, 0, 999999999, &value))
        *(uint32_t *)target = (uint32_t)value;
}

static void read_offset(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "secs", read_seconds, offsetof(struct config_time_offset, seconds) },
        { "nanosecs", read_nanoseconds, offsetof(struct config_time_offset, nanoseconds) },
    };
    struct config_time_offset *offset = target;

    read_object(reader, node, keys, ARRAY_SIZE(keys), offset);
    offset->set = true;
}

void read_time_offsets(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "monotonic", read_offset, offsetof(struct lc_config, oci.monotonic) },
        { "boottime", read_offset, offsetof(struct lc_config, oci.boottime) },
    };

    read_object(reader, node, keys, ARRAY_SIZE(keys), target);
}
