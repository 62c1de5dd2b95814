/* devices: nodes to make below the container's /dev. */
#include <config/reader.h>

#include <base/util.h>

#include <stddef.h>
#include <string.h>

#define DEVICES_MAX 1024
/* The kernel's dev_t: 12 bits and 20 bits. */
#define MAJOR_MAX 4095
#define MINOR_MAX 1048575

void read_device_path(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);
    size_t length;
    char *path;

    if (text == NULL || *text != '/' || path_is_root(text) || path_has_dots(text)) {
        complain_expected(reader, node, "an absolute path without \"..\"");
        return;
    }
    /* A slash at its end asks for a directory, but what is made there is none. */
    for (length = strlen(text); text[length - 1] == '/'; length--)
        ;
    path = arena_strndup(&reader->config->arena, text, length);
    reader->no_memory |= path == NULL;
    *(const char **)target = path;
}

void read_device_type(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);

    if (text == NULL || strlen(text) != 1 || strchr("cubp", *text) == NULL)
        complain_expected(reader, node, "\"c\", \"u\", \"b\" or \"p\"");
    else
        *(char *)target = *text == 'u' ? 'c' : *text; /* unbuffered is an old word for character */
}

void read_device_major(struct reader *reader, const struct node *node, void *target)
{
    int64_t value;

    if (get_integer(reader, node, 0, MAJOR_MAX, &value))
        *(uint32_t *)target = (uint32_t)value;
}

void read_device_minor(struct reader *reader, const struct node *node, void *target)
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

void require_device_keys(struct reader *reader, const struct node *node, const struct config_device *device)
{
    (void)require_key(reader, node, "path");
    (void)require_key(reader, node, "type");
    if (device->type == 'c' || device->type == 'b') {
        (void)require_key(reader, node, "major");
        (void)require_key(reader, node, "minor");
    }
}

static void read_one_device(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "path", read_device_path, offsetof(struct config_device, path) },
        { "type", read_device_type, offsetof(struct config_device, type) },
        { "major", read_device_major, offsetof(struct config_device, major) },
        { "minor", read_device_minor, offsetof(struct config_device, minor) },
        { "mode", read_mode, offsetof(struct config_device, mode) },
        { "file_mode", read_mode, offsetof(struct config_device, mode) },
        { "uid", read_id, offsetof(struct config_device, uid) },
        { "gid", read_id, offsetof(struct config_device, gid) },
    };
    struct node file_mode = node_member(node, "file_mode");
    struct config_device *device = target;

    device->pointer = node_pointer(reader, node);
    if (json_is_string(node->json)) {
        read_device_path(reader, node, &device->path);
        return;
    }
    if (!json_is_object(node->json)) {
        complain_expected(reader, node, "a path or an object");
        return;
    }
    device->mode = 0666;
    read_object(reader, node, keys, ARRAY_SIZE(keys), device);
    require_device_keys(reader, node, device);
    if (file_mode.json != NULL && json_object_get(node->json, "mode") != NULL)
        complain_key(reader, &file_mode, NULL, "\"mode\" and \"file_mode\" mean the same: give one of them");
}

/* No two at one path. */
static void compare_paths(
        struct reader *reader, const struct node *node, const struct lc_config *config, size_t index)
{
    const struct config_device *device = &config->devices[index];
    struct node item = node_item(node, index);

    for (size_t i = 0; i < index && device->path != NULL; i++)
        if (config->devices[i].path != NULL && strcmp(config->devices[i].path, device->path) == 0) {
            complain(reader, &item, "%s is already made by entry %zu", quote(reader, device->path), i);
            return;
        }
}

void read_devices(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;

    config->devices = read_items(reader, node, "an array of devices", DEVICES_MAX, sizeof(*config->devices),
            read_one_device, &config->n_devices);
    for (size_t i = 0; i < config->n_devices; i++)
        compare_paths(reader, node, config, i);
}
