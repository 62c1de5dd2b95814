/* linux.netDevices: interfaces of the host that move into the container. */
#include "internal.h"

#include <base/util.h>

#include <ctype.h>
#include <net/if.h>
#include <stddef.h>
#include <string.h>

#define DEVICES_MAX 1024

/* As the kernel's dev_valid_name(). */
static bool is_name(const char *name)
{
    if (*name == '\0' || strlen(name) >= IF_NAMESIZE || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    for (; *name != '\0'; name++)
        if (*name == '/' || *name == ':' || isspace((unsigned char)*name) || iscntrl((unsigned char)*name))
            return false;
    return true;
}

static void read_name(struct reader *reader, const struct node *node, void *target)
{
    const char *text = get_text(reader, node);
    const char *percent = text != NULL ? strchr(text, '%') : NULL;

    if (text == NULL || *text == '\0')
        return;
    /* Only "%d" at the end asks the kernel for a free number. */
    if (!is_name(text) || (percent != NULL && strcmp(percent, "%d") != 0))
        complain_expected(reader, node, "the name of a network interface");
    else
        *(const char **)target = keep(reader, text);
}

void read_net_devices(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "name", read_name, offsetof(struct config_net_device, name) },
    };
    struct config_oci *oci = &((struct lc_config *)target)->oci;
    size_t count = get_object(reader, node, "an object of network interfaces", DEVICES_MAX);
    const char *key;
    json_t *value;

    if (count == SIZE_MAX)
        return;
    oci->net_devices = keep_array(reader, count, sizeof(*oci->net_devices));
    if (oci->net_devices == NULL)
        return;
    json_object_foreach(node->json, key, value)
    {
        struct node member = { .parent = node, .key = key, .json = value };
        struct config_net_device *device = &oci->net_devices[oci->n_net_devices++];

        *device = (struct config_net_device){ .pointer = node_pointer(reader, &member),
            .host_name = keep(reader, key) };
        if (!is_name(key) || strchr(key, '%') != NULL)
            complain_key(reader, &member, NULL, "expected the name of a network interface, found %s",
                    quote(reader, key));
        read_object(reader, &member, keys, ARRAY_SIZE(keys), device);
        if (device->name == NULL)
            device->name = device->host_name;
    }
}
