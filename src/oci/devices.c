/* linux.devices, nodes to make, and linux.resources.devices, who may use which. */
#include "internal.h"

#include <base/util.h>

#include <stddef.h>
#include <string.h>

#define DEVICES_MAX 4096
#define RULES_MAX 4096

/* Podman hands on st_mode with the file's type in it. */
static void read_mode(struct reader *reader, const struct node *node, void *target)
{
    int64_t value;

    if (get_integer(reader, node, 0, 0177777, &value))
        *(uint32_t *)target = (uint32_t)value & 07777;
}

static void read_device(struct reader *reader, const struct node *node, struct config_device *device)
{
    static const struct key keys[] = {
        { "path", read_device_path, offsetof(struct config_device, path) },
        { "type", read_device_type, offsetof(struct config_device, type) },
        { "major", read_device_major, offsetof(struct config_device, major) },
        { "minor", read_device_minor, offsetof(struct config_device, minor) },
        { "fileMode", read_mode, offsetof(struct config_device, mode) },
        { "uid", read_id, offsetof(struct config_device, uid) },
        { "gid", read_id, offsetof(struct config_device, gid) },
    };

    *device = (struct config_device){ .pointer = node_pointer(reader, node), .mode = 0666 };
    read_object(reader, node, keys, ARRAY_SIZE(keys), device);
    if (json_is_object(node->json))
        require_device_keys(reader, node, device);
}

static bool same_device(const struct config_device *one, const struct config_device *other)
{
    return one->type == other->type && one->major == other->major && one->minor == other->minor &&
           one->mode == other->mode && one->uid == other->uid && one->gid == other->gid;
}

/* True when an equal one is listed already: engines that merge lists do that. */
static bool is_repeated(struct reader *reader, const struct node *node, const struct lc_config *config,
        const struct config_device *device)
{
    for (size_t i = 0; device->path != NULL && i < config->n_devices; i++) {
        const struct config_device *other = &config->devices[i];

        if (other->path == NULL || strcmp(other->path, device->path) != 0)
            continue;
        if (!same_device(other, device))
            complain(reader, node, "%s is another device in %s", quote(reader, device->path), other->pointer);
        return true;
    }
    return false;
}

void read_linux_devices(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;

    if (!get_array(reader, node, "an array of devices", DEVICES_MAX))
        return;
    config->devices = keep_array(reader, json_array_size(node->json), sizeof(*config->devices));
    if (config->devices == NULL)
        return;
    for (size_t i = 0; i < json_array_size(node->json); i++) {
        struct node item = node_item(node, i);
        struct config_device *device = &config->devices[config->n_devices];

        read_device(reader, &item, device);
        if (!is_repeated(reader, &item, config, device))
            config->n_devices++;
    }
}

static void read_rule_type(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);

    if (text != NULL && *text == '\0')
        return;
    if (text == NULL || strlen(text) != 1 || strchr("acub", *text) == NULL)
        complain_expected(reader, node, "\"a\", \"c\", \"u\" or \"b\"");
    else
        *(char *)target = *text == 'u' ? 'c' : *text;
}

static void read_rule_number(struct reader *reader, const struct node *node, void *target)
{
    (void)get_integer(reader, node, -1, UINT32_MAX, target);
}

/* Some configurations write 'a' for all; read_rule says where that can be taken. */
static void read_rule_access(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);
    bool good = text != NULL && text[strspn(text, "rwma")] == '\0';

    for (size_t i = 0; good && text[i] != '\0'; i++)
        good = strchr(text + i + 1, text[i]) == NULL;
    if (!good)
        complain_expected(reader, node, "letters of \"rwm\", each at most once");
    else if (*text != '\0')
        *(const char **)target = keep(reader, text);
}

/* Denying more than was asked for harms nobody; allowing it would. */
static void finish_access(struct reader *reader, const struct node *node, struct config_device_rule *rule)
{
    struct node access = node_member(node, "access");

    if (strchr(rule->access, 'a') == NULL)
        return;
    if (rule->allow)
        complain_expected(reader, &access, "letters of \"rwm\", each at most once");
    rule->access = "rwm";
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

    if (read_device_rule(reader, node, keys, ARRAY_SIZE(keys), target))
        finish_access(reader, node, target);
}

void read_device_rules(struct reader *reader, const struct node *node, void *target)
{
    struct config_cgroups *cgroups = target;

    cgroups->rules = read_items(reader, node, "an array of device rules", RULES_MAX, sizeof(*cgroups->rules),
            read_rule, &cgroups->n_rules);
}
