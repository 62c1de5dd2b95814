/* cgroups: where the group is, and its limits as a table of ranges. */
#include <config/reader.h>
#include <config/unit-properties.h>

#include <base/buffer.h>
#include <base/util.h>

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define CPUS_MAX 65535
#define NAME_LENGTH_MAX 255
#define RULES_MAX 1024
#define PROPERTIES_MAX 64

const char *const config_limit_keys[LIMIT_MAX_] = {
    [LIMIT_MEMORY] = "memory",
    [LIMIT_MEMORY_SWAP] = "memory_swap",
    [LIMIT_MEMORY_RESERVATION] = "memory_reservation",
    [LIMIT_MEMORY_HIGH] = "memory_high",
    [LIMIT_CPU_SHARES] = "cpu_shares",
    [LIMIT_CPU_QUOTA] = "cpu_quota",
    [LIMIT_CPU_PERIOD] = "cpu_period",
    [LIMIT_PIDS] = "pids_limit",
    [LIMIT_CPU_BURST] = "cpu_burst",
    [LIMIT_BLKIO_WEIGHT] = "io_weight",
};

/* What the kernel takes. 0 always means "not set": it is the zero value of the original's type. */
static const struct {
    int64_t min, max;
    bool unlimited; /* -1 lifts the limit */
} ranges[LIMIT_MAX_] = {
    [LIMIT_MEMORY] = { 1, INT64_MAX, false },
    [LIMIT_MEMORY_SWAP] = { 1, INT64_MAX, true },
    [LIMIT_MEMORY_RESERVATION] = { 1, INT64_MAX, false },
    [LIMIT_MEMORY_HIGH] = { 1, INT64_MAX, false },
    [LIMIT_CPU_SHARES] = { 2, 262144, false },
    [LIMIT_CPU_QUOTA] = { 1000, INT64_MAX, true },
    [LIMIT_CPU_PERIOD] = { 1000, 1000000, false },
    [LIMIT_PIDS] = { 1, 4194304, true },
    [LIMIT_CPU_BURST] = { 1, INT64_MAX, false },
    [LIMIT_BLKIO_WEIGHT] = { 10, 1000, false },
};

static void read_limit(struct reader *reader, const struct node *node, void *target)
{
    struct config_cgroups *cgroups = target;
    enum config_limit limit = 0;
    char expected[96], top[40] = "up";
    int64_t value;
    bool unlimited, zero;

    while (strcmp(config_limit_keys[limit], node->key) != 0)
        limit++;
    value = json_integer_value(node->json);
    /* A limit of memory that stands in the file is taken away by taking it out; a living one by -1, or by 0, which is none in the file
     * too. What has no such value, like a weight, cannot be taken from the living. */
    unlimited = ranges[limit].unlimited ||
                (reader->update && ranges[limit].max == INT64_MAX && limit != LIMIT_CPU_BURST);
    if (reader->update && value == 0 && unlimited && json_is_integer(node->json))
        value = -1;
    zero = !reader->update || limit == LIMIT_CPU_BURST || unlimited;
    if (json_is_integer(node->json) && ((value >= ranges[limit].min && value <= ranges[limit].max) ||
                                               (value == 0 && zero) || (value == -1 && unlimited))) {
        cgroups->limits[limit] =
                (struct config_number){ .set = value != 0 || reader->update, .value = value };
        return;
    }
    if (ranges[limit].max != INT64_MAX)
        (void)snprintf(top, sizeof(top), "to %lld", (long long)ranges[limit].max);
    (void)snprintf(expected, sizeof(expected), "an integer from %lld %s%s%s", (long long)ranges[limit].min,
            top, zero ? ", or 0 for none" : "", unlimited ? ", or -1 for unlimited" : "");
    complain_expected(reader, node, expected);
}

bool is_cpu_list(const char *text)
{
    for (;;) {
        unsigned long range[2] = { 0, CPUS_MAX };
        char *end;

        for (int i = 0; i < 2; i++) {
            if (!isdigit((unsigned char)*text))
                return false;
            range[i] = strtoul(text, &end, 10);
            text = end;
            if (range[i] > CPUS_MAX || i == 1 || *text != '-')
                break;
            text++;
        }
        if (range[0] > CPUS_MAX || range[1] > CPUS_MAX || range[0] > range[1])
            return false;
        if (*text == '\0')
            return true;
        if (*text++ != ',')
            return false;
    }
}

static void read_cpu_list(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);

    if (text == NULL || (*text != '\0' && !is_cpu_list(text)))
        complain_expected(reader, node, "a list of numbers and ranges, like \"0-3,5\"");
    else if (*text != '\0')
        *(const char **)target = keep(reader, text);
}

/* A directory that is none of the kernel's own files ("cgroup.procs") and does not spoil /proc/PID/cgroup. */
static bool is_group_name(const char *name, size_t length)
{
    if (length == 0 || length > NAME_LENGTH_MAX || (length >= 7 && memcmp(name, "cgroup.", 7) == 0))
        return false;
    if (*name == '.' && (length == 1 || (length == 2 && name[1] == '.')))
        return false;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)name[i] < ' ' || name[i] == 0x7f)
            return false;
    return true;
}

static void read_name(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);

    if (text == NULL || strchr(text, '/') != NULL || !is_group_name(text, strlen(text)))
        complain_expected(
                reader, node, "the name of one directory, neither empty nor \"..\" nor \"cgroup.*\"");
    else
        *(const char **)target = keep(reader, text);
}

/* Kept relative and without doubled slashes: it is below the mount of each hierarchy. */
static void read_parent(struct reader *reader, const struct node *node, void *target)
{
    const char *rest = json_string_value(node->json);
    struct buffer path = { 0 };
    bool good = rest != NULL;

    while (good && *(rest += strspn(rest, "/")) != '\0') {
        size_t length = strcspn(rest, "/");

        good = is_group_name(rest, length);
        if (path.length > 0)
            buffer_text(&path, "/");
        buffer_add(&path, rest, length);
        rest += length;
    }
    buffer_add(&path, "", 1);
    reader->no_memory |= path.failed;
    if (!good)
        complain_expected(reader, node, "a path of directory names, none of them \"..\" or \"cgroup.*\"");
    else if (!path.failed)
        *(const char **)target = keep(reader, path.data);
    buffer_done(&path);
}

static void read_driver(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);
    bool systemd = text != NULL && strcmp(text, "systemd") == 0;

    if (text == NULL || (!systemd && strcmp(text, "fs") != 0))
        complain_expected(reader, node, "\"fs\" or \"systemd\"");
    *(bool *)target = systemd;
}

static void read_freezer(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);

    (void)target;
    if (text != NULL && strcmp(text, "FROZEN") == 0)
        complain_hint(reader, node, "pause the container once it runs",
                "a container that is frozen from the beginning never gets ready");
    else if (text == NULL || (*text != '\0' && strcmp(text, "THAWED") != 0))
        complain_expected(reader, node, "\"THAWED\"");
}

static void read_unit_property(struct reader *reader, const struct node *node, void *target)
{
    const json_t *name = json_array_get(node->json, 0), *value = json_array_get(node->json, 1);
    struct config_unit_property *property = target;
    struct buffer line = { 0 };
    const char *why;

    if (!json_is_string(name) || json_array_size(node->json) != 2) {
        complain_expected(reader, node, "[\"name\", value]");
        return;
    }
    if (unit_property_from_json(json_string_value(name), value, &line, &why) < 0)
        complain(reader, node, "%s: %s", quote(reader, json_string_value(name)), why);
    buffer_add(&line, "", 1);
    reader->no_memory |= line.failed;
    if (!line.failed)
        *property = (struct config_unit_property){ node_pointer(reader, node), keep(reader, line.data) };
    buffer_done(&line);
}

static void read_unit_properties(struct reader *reader, const struct node *node, void *target)
{
    struct config_cgroups *cgroups = target;

    cgroups->unit_properties = read_items(reader, node, "an array of [\"name\", value]", PROPERTIES_MAX,
            sizeof(*cgroups->unit_properties), read_unit_property, &cgroups->n_unit_properties);
}

static void read_rule_type(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);

    if (text == NULL || strlen(text) != 1 || strchr("abc", *text) == NULL)
        complain_expected(reader, node, "\"a\", \"b\" or \"c\"");
    else
        *(char *)target = *text;
}

static void read_rule_number(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);
    json_int_t value = json_integer_value(node->json);

    if (text != NULL && strcmp(text, "*") == 0)
        *(int64_t *)target = -1;
    else if (json_is_integer(node->json) && value >= 0 && value <= UINT32_MAX)
        *(int64_t *)target = value;
    else
        complain_expected(reader, node, "a device number or \"*\"");
}

static void read_rule_access(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);
    size_t length = text != NULL ? strlen(text) : 0;
    bool good = length > 0 && text[strspn(text, "rwm")] == '\0';

    for (size_t i = 0; good && i < length; i++)
        good = strchr(text + i + 1, text[i]) == NULL;
    if (good)
        *(const char **)target = keep(reader, text);
    else
        complain_expected(reader, node, "letters of \"rwm\", each at most once");
}

bool read_device_rule(struct reader *reader, const struct node *node, const struct key *keys, size_t count,
        struct config_device_rule *rule)
{
    *rule = (struct config_device_rule){ .type = 'a', .major = -1, .minor = -1, .access = "rwm" };
    read_object(reader, node, keys, count, rule);
    if (!json_is_object(node->json))
        return false;
    (void)require_key(reader, node, "allow");
    if (rule->type == 'a' && (rule->major >= 0 || rule->minor >= 0))
        complain(reader, node, "a rule for one device number needs the type \"c\" or \"b\"");
    return true;
}

static void read_rule(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "allow", read_bool, offsetof(struct config_device_rule, allow) },
        { "type", read_rule_type, offsetof(struct config_device_rule, type) },
        { "major", read_rule_number, offsetof(struct config_device_rule, major) },
        { "minor", read_rule_number, offsetof(struct config_device_rule, minor) },
        { "access", read_rule_access, offsetof(struct config_device_rule, access) },
    };

    (void)read_device_rule(reader, node, keys, ARRAY_SIZE(keys), target);
}

static void read_rules(struct reader *reader, const struct node *node, void *target)
{
    struct config_cgroups *cgroups = target;

    cgroups->rules = read_items(reader, node, "an array of device rules", RULES_MAX, sizeof(*cgroups->rules),
            read_rule, &cgroups->n_rules);
}

static void check_cgroups(
        struct reader *reader, const struct node *node, const struct config_cgroups *cgroups)
{
    const struct config_number *memory = &cgroups->limits[LIMIT_MEMORY];
    const struct config_number *swap = &cgroups->limits[LIMIT_MEMORY_SWAP];
    const struct config_number *quota = &cgroups->limits[LIMIT_CPU_QUOTA];
    struct node swap_node = node_member(node, "memory_swap"), rules = node_member(node, "devices"),
                properties = node_member(node, "unit_properties");
    struct node burst_node = node_member(node, "cpu_burst");

    if (swap->set && swap->value > 0 && !memory->set)
        complain(reader, &swap_node, "memory_swap is memory and swap together: it needs \"memory\"");
    else if (swap->set && swap->value > 0 && swap->value < memory->value)
        complain(reader, &swap_node,
                "memory_swap is memory and swap together: expected at least %lld, found %lld",
                (long long)memory->value, (long long)swap->value);
    if (quota->value > 0 && cgroups->limits[LIMIT_CPU_BURST].value > quota->value)
        complain(reader, &burst_node, "cpu_burst is above cpu_quota");
    if (cgroups->device_access && cgroups->n_rules > 0)
        complain(reader, &rules, "device_access is true, so no device rule can have an effect");
    if (cgroups->n_unit_properties > 0 && !cgroups->systemd)
        complain(reader, &properties, "unit_properties need the driver \"systemd\"");
}

#define FIELD(field) offsetof(struct config_cgroups, field)
static const struct key keys[] = {
    { "parent", read_parent, FIELD(parent) },
    { "name", read_name, FIELD(name) },
    { "device_access", read_bool, FIELD(device_access) },
    { "memory", read_limit, 0 },
    { "memory_swap", read_limit, 0 },
    { "memory_reservation", read_limit, 0 },
    { "memory_high", read_limit, 0 },
    { "cpu_shares", read_limit, 0 },
    { "cpu_quota", read_limit, 0 },
    { "cpu_period", read_limit, 0 },
    { "pids_limit", read_limit, 0 },
    { "cpuset_cpus", read_cpu_list, FIELD(cpuset_cpus) },
    { "cpuset_mems", read_cpu_list, FIELD(cpuset_mems) },
    { "devices", read_rules, 0 },
    { "driver", read_driver, FIELD(systemd) },
    { "unit_properties", read_unit_properties, 0 },
    { "cpu_burst", read_limit, 0 },
    { "io_weight", read_limit, 0 },
    { "io_max", read_io_max, 0 },
    { "hugetlb", read_hugetlb, 0 },
    { "rdma", read_rdma_limits, 0 },
    { "unified", read_unified, 0 },
    { "freezer", read_freezer, 0 },
};

void read_cgroups(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;
    unsigned before = reader->complaints;

    config->cgroups.present = true;
    config->cgroups.parent = "nsinit";
    read_object(reader, node, keys, ARRAY_SIZE(keys), &config->cgroups);
    if (reader->complaints == before)
        check_cgroups(reader, node, &config->cgroups);
}

void read_limits_only(struct reader *reader, const struct node *node, void *target)
{
    static const char *const fixed[] = { "parent", "name", "device_access", "devices", "driver",
        "unit_properties" };

    for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
        struct node member = node_member(node, fixed[i]);

        if (member.json != NULL)
            complain_key(reader, &member, NULL, "\"%s\" cannot change while the container lives", fixed[i]);
    }
    if (reader->complaints == 0)
        read_object(reader, node, keys, ARRAY_SIZE(keys), target);
}
