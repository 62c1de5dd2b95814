/* The limits of a control group that come as lists: per block device, page size, RDMA device, and v2 files by name. What
 * config.json says in the same way is read here too. */
#include <config/reader.h>

#include <base/util.h>

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX 1024
#define NUMBER_MAX UINT32_MAX

bool is_page_size(const char *text)
{
    size_t digits = strspn(text, "0123456789");

    return digits > 0 && digits < 16 && *text != '0' && text[digits] != '\0' &&
           strchr("KMG", text[digits]) != NULL && strcmp(text + digits + 1, "B") == 0;
}

/* ---- io_max ---- */
static const struct {
    const char *key;
    enum config_blkio kind;
} io_kinds[] = {
    { "rbps", BLKIO_READ_BPS },
    { "wbps", BLKIO_WRITE_BPS },
    { "riops", BLKIO_READ_IOPS },
    { "wiops", BLKIO_WRITE_IOPS },
};

struct io_entry {
    int64_t major, minor;
    struct config_number rates[ARRAY_SIZE(io_kinds)];
};

/* "8:16" */
static void read_device(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);
    struct io_entry *entry = target;
    unsigned long number[2] = { 0, 0 };
    bool good = text != NULL;

    for (int i = 0; good && i < 2; i++) {
        size_t digits = strspn(text, "0123456789");

        good = digits > 0 && digits <= 10 && text[digits] == (i == 0 ? ':' : '\0');
        number[i] = strtoul(text, NULL, 10);
        good = good && number[i] <= NUMBER_MAX;
        text += digits + 1;
    }
    if (!good)
        complain_expected(reader, node, "the number of a block device, like \"8:16\"");
    entry->major = (int64_t)number[0];
    entry->minor = (int64_t)number[1];
}

static void read_rate(struct reader *reader, const struct node *node, void *target)
{
    struct config_number *rate = target;

    rate->set = get_integer(reader, node, 0, INT64_MAX, &rate->value);
}

static void read_io_entry(struct reader *reader, const struct node *node, struct config_cgroups *cgroups)
{
#define RATE(index) offsetof(struct io_entry, rates[index])
    static const struct key keys[] = {
        { "device", read_device, 0 },
        { "rbps", read_rate, RATE(0) },
        { "wbps", read_rate, RATE(1) },
        { "riops", read_rate, RATE(2) },
        { "wiops", read_rate, RATE(3) },
    };
    struct io_entry entry = { 0 };
    bool any = false;

    read_object(reader, node, keys, ARRAY_SIZE(keys), &entry);
    if (!json_is_object(node->json) || !require_key(reader, node, "device"))
        return;
    for (size_t i = 0; i < ARRAY_SIZE(io_kinds); i++) {
        struct node member = node_member(node, io_kinds[i].key);

        any |= member.json != NULL;
        if (entry.rates[i].set)
            cgroups->blkio[cgroups->n_blkio++] = (struct config_blkio_rule){
                .pointer = node_pointer(reader, &member),
                .kind = io_kinds[i].kind,
                .major = entry.major,
                .minor = entry.minor,
                .value = (uint64_t)entry.rates[i].value,
            };
    }
    if (!any)
        complain(reader, node, "one of \"rbps\", \"wbps\", \"riops\" and \"wiops\" has to be given");
}

void read_io_max(struct reader *reader, const struct node *node, void *target)
{
    struct config_cgroups *cgroups = target;
    size_t count;

    if (!get_array(reader, node, "an array of {device, rbps, wbps, riops, wiops}", ENTRIES_MAX))
        return;
    count = json_array_size(node->json);
    cgroups->blkio = keep_array(reader, count * ARRAY_SIZE(io_kinds), sizeof(*cgroups->blkio));
    for (size_t i = 0; cgroups->blkio != NULL && i < count; i++) {
        struct node item = node_item(node, i);

        read_io_entry(reader, &item, cgroups);
    }
}

/* ---- hugetlb ---- */
void read_hugetlb(struct reader *reader, const struct node *node, void *target)
{
    struct config_cgroups *cgroups = target;
    size_t count = get_object(reader, node, "an object like {\"2MB\": BYTES}", ENTRIES_MAX);
    const char *key;
    json_t *value;

    if (count == SIZE_MAX)
        return;
    cgroups->hugepages = keep_array(reader, count, sizeof(*cgroups->hugepages));
    if (cgroups->hugepages == NULL)
        return;
    json_object_foreach(node->json, key, value)
    {
        struct node member = { .parent = node, .key = key, .json = value };
        int64_t limit;

        if (!is_page_size(key))
            complain_key(reader, &member, NULL, "expected the size of a page like \"2MB\", found %s",
                    quote(reader, key));
        else if (get_integer(reader, &member, 0, INT64_MAX, &limit))
            cgroups->hugepages[cgroups->n_hugepages++] = (struct config_hugepage){
                .pointer = node_pointer(reader, &member), .size = keep(reader, key), .limit = (uint64_t)limit
            };
    }
}

/* ---- rdma ---- */
static void read_handles(struct reader *reader, const struct node *node, void *target)
{
    struct config_number *number = target;

    number->set = get_integer(reader, node, 0, UINT32_MAX, &number->value);
}

void read_rdma_devices(struct reader *reader, const struct node *node, struct config_cgroups *cgroups,
        const char *handles, const char *objects)
{
    const struct key keys[] = {
        { handles, read_handles, offsetof(struct config_rdma, handles) },
        { objects, read_handles, offsetof(struct config_rdma, objects) },
    };
    size_t count = get_object(reader, node, "an object of devices", ENTRIES_MAX);
    const char *key;
    json_t *value;

    if (count == SIZE_MAX)
        return;
    cgroups->rdma = keep_array(reader, count, sizeof(*cgroups->rdma));
    if (cgroups->rdma == NULL)
        return;
    json_object_foreach(node->json, key, value)
    {
        struct node member = { .parent = node, .key = key, .json = value };
        struct config_rdma *rdma = &cgroups->rdma[cgroups->n_rdma++];

        *rdma = (struct config_rdma){ .pointer = node_pointer(reader, &member), .device = keep(reader, key) };
        if (*key == '\0' || strchr(key, ' ') != NULL || has_control(key))
            complain_key(reader, &member, NULL, "expected the name of a device");
        read_object(reader, &member, keys, ARRAY_SIZE(keys), rdma);
        if (json_is_object(value) && json_object_size(value) == 0)
            complain(reader, &member, "expected \"%s\" or \"%s\"", handles, objects);
    }
}

void read_rdma_limits(struct reader *reader, const struct node *node, void *target)
{
    read_rdma_devices(reader, node, target, "hca_handle", "hca_object");
}

/* ---- unified ---- */
/* A file of the control group itself, not of anything below or above it: "hugetlb.2MB.max". */
static bool is_file_name(const char *text)
{
    return *text != '\0' && *text != '.' && strchr(text, '.') != NULL &&
           text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.")] == '\0';
}

void read_unified(struct reader *reader, const struct node *node, void *target)
{
    struct config_cgroups *cgroups = target;
    size_t count = get_object(reader, node, "an object of strings", ENTRIES_MAX);
    const char *key;
    json_t *value;

    if (count == SIZE_MAX)
        return;
    cgroups->unified = keep_array(reader, count, sizeof(*cgroups->unified));
    if (cgroups->unified == NULL)
        return;
    json_object_foreach(node->json, key, value)
    {
        struct node member = { .parent = node, .key = key, .json = value };
        const char *text = get_text(reader, &member);

        if (!is_file_name(key))
            complain_key(reader, &member, NULL, "expected the name of a file like \"memory.high\", found %s",
                    quote(reader, key));
        else if (text != NULL)
            cgroups->unified[cgroups->n_unified++] =
                    (struct config_pair){ .name = keep(reader, key), .value = keep(reader, text) };
    }
}
