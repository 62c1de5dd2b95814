/* linux.resources.blockIO: weights, and throttles per device. */
#include "internal.h"

#include <base/util.h>

#include <stddef.h>
#include <string.h>

#define RULES_MAX 4096
#define WEIGHT_MIN 10
#define WEIGHT_MAX 1000

static const struct throttle {
    const char *key;
    enum config_blkio kind;
} throttles[] = {
    { "throttleReadBpsDevice", BLKIO_READ_BPS },
    { "throttleWriteBpsDevice", BLKIO_WRITE_BPS },
    { "throttleReadIOPSDevice", BLKIO_READ_IOPS },
    { "throttleWriteIOPSDevice", BLKIO_WRITE_IOPS },
};

/* One entry of any of the lists. */
struct entry {
    int64_t major, minor;
    uint64_t rate;
    struct config_number weight, leaf_weight;
};

static void read_device_number(struct reader *reader, const struct node *node, void *target)
{
    (void)get_integer(reader, node, 0, UINT32_MAX, target);
}

static void read_rate(struct reader *reader, const struct node *node, void *target)
{
    (void)get_unsigned(reader, node, 0, UINT64_MAX, target);
}

/* 0: not set, as docker and podman send it. */
static void read_weight(struct reader *reader, const struct node *node, void *target)
{
    struct config_number *number = target;
    int64_t value = json_integer_value(node->json);

    if (!json_is_integer(node->json) || (value != 0 && (value < WEIGHT_MIN || value > WEIGHT_MAX)))
        complain_expected(reader, node, "an integer from 10 to 1000, or 0");
    else
        *number = (struct config_number){ .set = value != 0, .value = value };
}

static void add_rule(struct config_cgroups *cgroups, const char *pointer, enum config_blkio kind,
        const struct entry *entry, uint64_t value)
{
    cgroups->blkio[cgroups->n_blkio++] = (struct config_blkio_rule){
        .pointer = pointer, .kind = kind, .major = entry->major, .minor = entry->minor, .value = value
    };
}

static bool read_entry(struct reader *reader, const struct node *node, const struct key *keys, size_t count,
        struct entry *entry)
{
    read_object(reader, node, keys, count, entry);
    if (!json_is_object(node->json))
        return false;
    for (size_t i = 0; i < 2; i++) /* major, minor */
        if (!require_key(reader, node, keys[i].name))
            return false;
    return true;
}

static void read_throttles(struct reader *reader, const struct node *node, enum config_blkio kind,
        struct config_cgroups *cgroups)
{
    static const struct key keys[] = {
        { "major", read_device_number, offsetof(struct entry, major) },
        { "minor", read_device_number, offsetof(struct entry, minor) },
        { "rate", read_rate, offsetof(struct entry, rate) },
    };

    for (size_t i = 0; i < json_array_size(node->json); i++) {
        struct node item = node_item(node, i);
        struct entry entry = { 0 };

        if (read_entry(reader, &item, keys, ARRAY_SIZE(keys), &entry))
            add_rule(cgroups, node_pointer(reader, &item), kind, &entry, entry.rate);
    }
}

static void read_weights(struct reader *reader, const struct node *node, struct config_cgroups *cgroups)
{
    static const struct key keys[] = {
        { "major", read_device_number, offsetof(struct entry, major) },
        { "minor", read_device_number, offsetof(struct entry, minor) },
        { "weight", read_weight, offsetof(struct entry, weight) },
        { "leafWeight", read_weight, offsetof(struct entry, leaf_weight) },
    };

    for (size_t i = 0; i < json_array_size(node->json); i++) {
        struct node item = node_item(node, i);
        const char *pointer = node_pointer(reader, &item);
        struct entry entry = { 0 };

        if (!read_entry(reader, &item, keys, ARRAY_SIZE(keys), &entry))
            continue;
        if (node_member(&item, "weight").json == NULL && node_member(&item, "leafWeight").json == NULL)
            complain(reader, &item, "one of \"weight\" and \"leafWeight\" has to be given");
        if (entry.weight.set)
            add_rule(cgroups, pointer, BLKIO_WEIGHT, &entry, (uint64_t)entry.weight.value);
        if (entry.leaf_weight.set)
            add_rule(cgroups, pointer, BLKIO_LEAF_WEIGHT, &entry, (uint64_t)entry.leaf_weight.value);
    }
}

/* How many rules the list can become at most. */
static size_t count_list(struct reader *reader, const struct node *list)
{
    if (list->json == NULL || !get_array(reader, list, "an array of {major, minor, ...}", RULES_MAX))
        return 0;
    return json_array_size(list->json);
}

void read_blkio(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "weight", read_weight, offsetof(struct config_cgroups, limits[LIMIT_BLKIO_WEIGHT]) },
        { "leafWeight", read_weight, offsetof(struct config_cgroups, limits[LIMIT_BLKIO_LEAF_WEIGHT]) },
    };
    struct node weights = node_member(node, "weightDevice");
    struct config_cgroups *cgroups = target;
    struct node lists[ARRAY_SIZE(throttles)];
    size_t count = 2 * count_list(reader, &weights);

    read_object(reader, node, keys, ARRAY_SIZE(keys), target);
    for (size_t i = 0; i < ARRAY_SIZE(throttles); i++) {
        lists[i] = node_member(node, throttles[i].key);
        count += count_list(reader, &lists[i]);
    }
    cgroups->blkio = keep_array(reader, count, sizeof(*cgroups->blkio));
    if (cgroups->blkio == NULL || count == 0)
        return;
    read_weights(reader, &weights, cgroups);
    for (size_t i = 0; i < ARRAY_SIZE(throttles); i++)
        read_throttles(reader, &lists[i], throttles[i].kind, cgroups);
}
