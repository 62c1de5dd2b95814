/* linux.intelRdt: groups below /sys/fs/resctrl. */
#include "internal.h"

#include <base/util.h>

#include <jansson.h>
#include <stddef.h>
#include <string.h>

/* One directory, so neither a way out nor a way deeper; "/" is the class that everybody is in. */
static void read_clos(struct reader *reader, const struct node *node, void *target)
{
    const char *text = get_text(reader, node);

    if (text == NULL || *text == '\0')
        return;
    if (strcmp(text, "/") == 0) {
        *(const char **)target = keep(reader, text);
        return;
    }
    if (strchr(text, '/') != NULL || strcmp(text, ".") == 0 || strcmp(text, "..") == 0 ||
            strlen(text) > 255 || has_control(text))
        complain_expected(reader, node, "the name of one directory");
    else
        *(const char **)target = keep(reader, text);
}

static bool check_line(struct reader *reader, const struct node *node, const char *text)
{
    if (!has_control(text) && strchr(text, ':') != NULL)
        return true;
    complain_expected(reader, node, "one line like \"L3:0=f;1=f\"");
    return false;
}

static void read_schemata(struct reader *reader, const struct node *node, void *target)
{
    struct config_rdt *rdt = target;

    read_text_list(reader, node, check_line, &rdt->schemata, &rdt->n_schemata);
}

/* May have several lines: L3 or L3CODE with L3DATA. Lines with MB are not used, which is only right when memBwSchema replaces
 * them. */
static void read_l3(struct reader *reader, const struct node *node, void *target)
{
    const char *text = get_text(reader, node);

    json_t *other = node->parent != NULL ? json_object_get(node->parent->json, "memBwSchema") : NULL;

    if (text != NULL && strstr(text, "MB:") != NULL && json_string_length(other) == 0)
        complain(reader, node, "memory bandwidth belongs into memBwSchema");
    else if (text != NULL && *text != '\0')
        *(const char **)target = keep(reader, text);
}

static void read_bandwidth(struct reader *reader, const struct node *node, void *target)
{
    const char *text = get_text(reader, node);

    if (text == NULL || *text == '\0')
        return;
    if (strncmp(text, "MB:", 3) != 0 || has_control(text))
        complain_expected(reader, node, "one line like \"MB:0=50;1=70\"");
    else
        *(const char **)target = keep(reader, text);
}

void read_rdt(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "closID", read_clos, offsetof(struct config_rdt, clos_id) },
        { "schemata", read_schemata, 0 },
        { "l3CacheSchema", read_l3, offsetof(struct config_rdt, l3_cache) },
        { "memBwSchema", read_bandwidth, offsetof(struct config_rdt, memory_bandwidth) },
        { "enableMonitoring", read_bool, offsetof(struct config_rdt, monitoring) },
    };
    struct config_rdt *rdt = &((struct lc_config *)target)->oci.rdt;

    rdt->present = true;
    read_object(reader, node, keys, ARRAY_SIZE(keys), rdt);
}
