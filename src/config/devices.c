/* devices: nodes to make below the container's /dev. */
#include <config/reader.h>

#include <base/util.h>

#include <stddef.h>
#include <string.h>

#define DEVICES_MAX 1024
/* The kernel's dev_t: 12 bits and 20 bits. */
#define MAJOR_MAX 4095
#define MINOR_MAX 1048575

static void read_path(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);

    if (text == NULL || *text != '/' || path_is_root(text) || path_has_dots(text))
        complain_expected(reader, node, "an absolute path without \"..\"");
    else
        *(const char **)target = keep(reader, text);
}

static void read_type(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);

    if (text == NULL || strlen(text) != 1 || strchr("cubp", *text) == NULL)
        complain_expected(reader, node, "\"c\", \"b\" or \"p\"");
    else
        *(char *)target = *text == 'u' ? 'c' : *text; /* unbuffered is an old word for character */
}

static void read_major(struct reader *reader, const struct node *node, void *target)
{
    int64_t value;

    if (get_integer(reader, node, 0, MAJOR_MAX, &value))
        *(uint32_t *)target = (uint32_t)value;
}

static void read_minor(struct reader *reader, const struct node *node, void *target)
{
    int64_t value;

    if (get_integer(reader, node, 0, MINOR_MAX, &value))
        *(uint32_t *)target = (uint32_t)value;
}

static void read_mode(struct reader *reader, const struct node *node, void *target)
{
    int64_t value;

    if (get_mode(reader, node, 07777, &value))
        *(uint32_t *)target = (uint32_t)value;
}

static void read_device(struct reader *reader, const struct node *node, struct config_device *device)
{
    static const struct key keys[] = {
        { "path", read_path, offsetof(struct config_device, path) },
        { "type", read_type, offsetof(struct config_device, type) },
        { "major", read_major, offsetof(struct config_device, major) },
        { "minor", read_minor, offsetof(struct config_device, minor) },
        { "mode", read_mode, offsetof(struct config_device, mode) },
        { "file_mode", read_mode, offsetof(struct config_device, mode) },
        { "uid", read_id, offsetof(struct config_device, uid) },
        { "gid", read_id, offsetof(struct config_device, gid) },
    };
    struct node file_mode = node_member(node, "file_mode");

    device->pointer = node_pointer(reader, node);
    if (json_is_string(node->json)) {
        read_path(reader, node, &device->path);
        return;
    }
    if (!json_is_object(node->json)) {
        complain_expected(reader, node, "a path or an object");
        return;
    }
    device->mode = 0666;
    read_object(reader, node, keys, ARRAY_SIZE(keys), device);
    (void)require_key(reader, node, "path");
    (void)require_key(reader, node, "type");
    if (device->type == 'c' || device->type == 'b') {
        (void)require_key(reader, node, "major");
        (void)require_key(reader, node, "minor");
    }
    if (file_mode.json != NULL && json_object_get(node->json, "mode") != NULL)
        complain_key(reader, &file_mode, NULL, "\"mode\" and \"file_mode\" mean the same: give one of them");
}

void read_devices(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;

    if (!get_array(reader, node, "an array of devices", DEVICES_MAX))
        return;
    config->devices = keep_array(reader, json_array_size(node->json), sizeof(*config->devices));
    if (config->devices == NULL)
        return;
    config->n_devices = json_array_size(node->json);
    for (size_t i = 0; i < config->n_devices; i++) {
        struct node item = node_item(node, i);

        read_device(reader, &item, &config->devices[i]);
        for (size_t j = 0; j < i && config->devices[i].path != NULL; j++)
            if (config->devices[j].path != NULL &&
                    strcmp(config->devices[j].path, config->devices[i].path) == 0) {
                complain(reader, &item, "%s is already made by entry %zu",
                        quote(reader, config->devices[i].path), j);
                break;
            }
    }
}
