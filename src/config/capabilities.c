/* capabilities (what the process keeps) and capabilities_mask (what it loses). */
#include <config/reader.h>

#include <base/util.h>

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/capability.h>

/* One entry, in either form. */
struct entry {
    int bit; /* -1: not known */
    bool keep;
};

int capability_bit(const char *name)
{
    char full[40];
    cap_value_t bit;

    if (strncasecmp(name, "CAP_", 4) == 0)
        name += 4;
    if (!isalpha((unsigned char)*name)) /* libcap takes numbers too */
        return -1;
    if (snprintf(full, sizeof(full), "cap_%s", name) >= (int)sizeof(full))
        return -1;
    for (char *c = full; *c != '\0'; c++) {
        if (!isalnum((unsigned char)*c) && *c != '_')
            return -1;
        *c = (char)tolower((unsigned char)*c);
    }
    if (cap_from_name(full, &bit) != 0 || bit < 0 || bit > 63)
        return -1;
    return bit;
}

static void read_capability(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);
    struct entry *entry = target;

    entry->bit = text != NULL ? capability_bit(text) : -1;
    if (entry->bit < 0)
        complain_expected(reader, node, "the name of a capability, like \"NET_ADMIN\"");
}

static void read_number(struct reader *reader, const struct node *node, void *target)
{
    (void)target;
    if (!json_is_integer(node->json))
        complain_expected(reader, node, "an integer");
}

/* Only the mask has the old object form, where `enabled` means that the container has the capability. */
static struct entry read_entry(struct reader *reader, const struct node *node, bool old_form)
{
    static const struct key keys[] = {
        { "key", read_capability, 0 },
        { "value", read_number, 0 },
        { "enabled", read_bool, offsetof(struct entry, keep) },
    };
    struct entry entry = { .bit = -1 };

    if (old_form && json_is_object(node->json)) {
        read_object(reader, node, keys, ARRAY_SIZE(keys), &entry);
        (void)require_key(reader, node, "key");
    } else {
        read_capability(reader, node, &entry);
    }
    return entry;
}

/* The bits of the entries that are not marked to be kept. */
static uint64_t read_list(struct reader *reader, const struct node *node, bool old_form)
{
    uint64_t bits = 0;

    if (reader->capabilities_key != NULL)
        complain_key(reader, node, "list what is kept, or what is dropped, not both",
                "\"%s\" excludes \"%s\"", reader->capabilities_key, node->key);
    reader->capabilities_key = old_form ? "capabilities_mask" : "capabilities";
    if (!get_array(reader, node, "an array of capability names", 1024))
        return 0;
    for (size_t i = 0; i < json_array_size(node->json); i++) {
        struct node item = node_item(node, i);
        struct entry entry = read_entry(reader, &item, old_form);

        if (entry.bit >= 0 && !entry.keep)
            bits |= UINT64_C(1) << entry.bit;
    }
    return bits;
}

void read_capabilities(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;

    config->capabilities = read_list(reader, node, false);
    config->capabilities_given = true;
}

void read_capabilities_mask(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;

    config->capabilities = ~read_list(reader, node, true);
}
