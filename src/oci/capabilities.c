/* process.capabilities: five sets. A name that nobody knows is a warning: the specification asks not to fail. */
#include "internal.h"

#include <base/util.h>

#include <ctype.h>
#include <string.h>

static const char *const sets[CAPS_MAX_] = {
    [CAPS_BOUNDING] = "bounding",
    [CAPS_EFFECTIVE] = "effective",
    [CAPS_PERMITTED] = "permitted",
    [CAPS_INHERITABLE] = "inheritable",
    [CAPS_AMBIENT] = "ambient",
};

static bool is_upper_case(const char *text)
{
    for (; *text != '\0'; text++)
        if (islower((unsigned char)*text))
            return false;
    return true;
}

static void read_set(struct reader *reader, const struct node *node, void *target)
{
    uint64_t *bits = target;

    if (!get_array(reader, node, "an array of capability names", 1024))
        return;
    for (size_t i = 0; i < json_array_size(node->json); i++) {
        struct node item = node_item(node, i);
        const char *text = get_text(reader, &item);
        int bit = -1;

        if (text == NULL)
            continue;
        if (strncmp(text, "CAP_", 4) == 0 && is_upper_case(text))
            bit = capability_bit(text);
        if (bit < 0)
            warn(reader, &item, "ignoring unknown capability %s", quote(reader, text));
        else
            *bits |= UINT64_C(1) << bit;
    }
}

void read_process_capabilities(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;
    struct key keys[CAPS_MAX_];

    for (size_t i = 0; i < CAPS_MAX_; i++)
        keys[i] = (struct key){ sets[i], read_set, i * sizeof(config->oci.capabilities[0]) };
    memset(config->oci.capabilities, 0, sizeof(config->oci.capabilities)); /* nothing of the container's */
    read_object(reader, node, keys, CAPS_MAX_, config->oci.capabilities);
    config->oci.capabilities_present = true;
    config->capabilities = config->oci.capabilities[CAPS_BOUNDING];
}
