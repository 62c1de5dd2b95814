/* namespaces, uid_mappings, gid_mappings. */
#include <config/reader.h>

#include <base/util.h>

#include <sched.h>
#include <stddef.h>
#include <string.h>

const struct config_namespace_name config_namespaces[NAMESPACE_MAX_] = {
    [NAMESPACE_MNT] = { "NEWNS", "mount", "mnt", CLONE_NEWNS },
    [NAMESPACE_UTS] = { "NEWUTS", "uts", "uts", CLONE_NEWUTS },
    [NAMESPACE_IPC] = { "NEWIPC", "ipc", "ipc", CLONE_NEWIPC },
    [NAMESPACE_PID] = { "NEWPID", "pid", "pid", CLONE_NEWPID },
    [NAMESPACE_NET] = { "NEWNET", "network", "net", CLONE_NEWNET },
    [NAMESPACE_USER] = { "NEWUSER", "user", "user", CLONE_NEWUSER },
    [NAMESPACE_CGROUP] = { "NEWCGROUP", "cgroup", "cgroup", CLONE_NEWCGROUP },
    [NAMESPACE_TIME] = { "NEWTIME", "time", "time", CLONE_NEWTIME },
};

/* One entry, in either form. */
struct entry {
    int which; /* enum config_namespace; -1: not known */
    bool enabled;
};

static void read_name(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);
    struct entry *entry = target;

    for (int i = 0; text != NULL && i < NAMESPACE_MAX_; i++)
        if (strcmp(text, config_namespaces[i].key) == 0)
            entry->which = i;
    if (entry->which < 0)
        complain_expected(
                reader, node, "one of NEWNS, NEWUTS, NEWIPC, NEWPID, NEWNET, NEWUSER, NEWCGROUP, NEWTIME");
}

/* The old object form told the original's own tables: only `key` and `enabled` still say something. */
static void read_old_number(struct reader *reader, const struct node *node, void *target)
{
    (void)target;
    if (!json_is_integer(node->json))
        complain_expected(reader, node, "an integer");
}

static void read_old_text(struct reader *reader, const struct node *node, void *target)
{
    (void)target;
    (void)get_text(reader, node);
}

static struct entry read_entry(struct reader *reader, const struct node *node)
{
    static const struct key keys[] = {
        { "key", read_name, 0 },
        { "value", read_old_number, 0 },
        { "file", read_old_text, 0 },
        { "enabled", read_bool, offsetof(struct entry, enabled) },
    };
    struct entry entry = { .which = -1, .enabled = true };

    if (json_is_object(node->json)) {
        read_object(reader, node, keys, ARRAY_SIZE(keys), &entry);
        (void)require_key(reader, node, "key");
    } else {
        read_name(reader, node, &entry);
    }
    return entry;
}

void read_namespaces(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;
    unsigned before = reader->complaints;
    uint32_t seen = 0;

    if (get_array(reader, node, "an array of namespace names", SIZE_MAX))
        for (size_t i = 0; i < json_array_size(node->json); i++) {
            struct node item = node_item(node, i);
            struct entry entry = read_entry(reader, &item);

            if (entry.which < 0)
                continue;
            if (seen & NAMESPACE_BIT(entry.which))
                complain(reader, &item, "\"%s\" is listed twice", config_namespaces[entry.which].key);
            seen |= NAMESPACE_BIT(entry.which);
            if (entry.enabled)
                config->namespaces |= NAMESPACE_BIT(entry.which);
        }
    reader->namespaces_bad = reader->complaints != before;
}

void read_mapping_size(struct reader *reader, const struct node *node, void *target)
{
    int64_t value;

    if (get_integer(reader, node, 1, UINT32_MAX, &value))
        *(uint32_t *)target = (uint32_t)value;
}

static bool ranges_meet(uint32_t a, uint32_t a_size, uint32_t b, uint32_t b_size)
{
    return a_size > 0 && b_size > 0 && a < (uint64_t)b + b_size && b < (uint64_t)a + a_size;
}

/* Our spelling or OCI's; exactly one of them. */
static void require_one_of(struct reader *reader, const struct node *node, const char *ours, const char *oci)
{
    struct node second = node_member(node, oci);

    if (second.json == NULL)
        (void)require_key(reader, node, ours);
    else if (json_object_get(node->json, ours) != NULL)
        complain_key(reader, &second, NULL, "\"%s\" and \"%s\" mean the same: give one of them", ours, oci);
}

bool maps_root(const struct config_mapping *mappings, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (mappings[i].container_id == 0)
            return true;
    return false;
}

void finish_mapping(struct reader *reader, const struct node *node, struct config_mapping *mapping, bool bad)
{
    const struct config_mapping *all = mapping - node->index;

    if (bad)
        mapping->size = 0; /* which meets nothing */
    else if ((uint64_t)mapping->container_id + mapping->size > UINT32_MAX ||
             (uint64_t)mapping->host_id + mapping->size > UINT32_MAX)
        complain(reader, node, "the range goes beyond the last id, 4294967294");
    for (size_t i = 0; i < node->index; i++) {
        if (ranges_meet(all[i].container_id, all[i].size, mapping->container_id, mapping->size))
            complain(reader, node, "container ids overlap with those of entry %zu", i);
        if (ranges_meet(all[i].host_id, all[i].size, mapping->host_id, mapping->size))
            complain(reader, node, "host ids overlap with those of entry %zu", i);
    }
}

static void read_mapping(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "container_id", read_id, offsetof(struct config_mapping, container_id) },
        { "host_id", read_id, offsetof(struct config_mapping, host_id) },
        { "size", read_mapping_size, offsetof(struct config_mapping, size) },
        { "containerID", read_id, offsetof(struct config_mapping, container_id) },
        { "hostID", read_id, offsetof(struct config_mapping, host_id) },
    };
    unsigned before = reader->complaints;

    read_object(reader, node, keys, ARRAY_SIZE(keys), target);
    if (json_is_object(node->json)) {
        require_one_of(reader, node, "container_id", "containerID");
        require_one_of(reader, node, "host_id", "hostID");
        (void)require_key(reader, node, "size");
    }
    finish_mapping(reader, node, target, reader->complaints != before);
}

static void read_mappings(
        struct reader *reader, const struct node *node, struct config_mapping **ret, size_t *ret_count)
{
    unsigned before = reader->complaints;

    *ret = read_items(reader, node, "an array of {container_id, host_id, size}", MAPPINGS_MAX, sizeof(**ret),
            read_mapping, ret_count);
    if (*ret_count > 0 && !maps_root(*ret, *ret_count) && reader->complaints == before)
        complain(reader, node, ROOT_UNMAPPED);
}

void read_uid_mappings(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;

    read_mappings(reader, node, &config->uid_mappings, &config->n_uid_mappings);
}

void read_gid_mappings(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;

    read_mappings(reader, node, &config->gid_mappings, &config->n_gid_mappings);
}
