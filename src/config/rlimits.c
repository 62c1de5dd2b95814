/* rlimits: [{type, soft, hard}]. */
#include <config/reader.h>

#include <base/util.h>

#include <stddef.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

#define ROW(name)                                                                                            \
    {                                                                                                        \
        "RLIMIT_" #name, RLIMIT_##name                                                                       \
    }
static const struct {
    const char *name;
    int resource;
} resources[] = {
    ROW(AS),
    ROW(CORE),
    ROW(CPU),
    ROW(DATA),
    ROW(FSIZE),
    ROW(LOCKS),
    ROW(MEMLOCK),
    ROW(MSGQUEUE),
    ROW(NICE),
    ROW(NOFILE),
    ROW(NPROC),
    ROW(RSS),
    ROW(RTPRIO),
    ROW(RTTIME),
    ROW(SIGPENDING),
    ROW(STACK),
};

bool rlimit_find(const char *name, int *ret_resource, const char **ret_name)
{
    for (size_t i = 0; i < ARRAY_SIZE(resources); i++)
        if (strcasecmp(name, resources[i].name) == 0 ||
                strcasecmp(name, resources[i].name + strlen("RLIMIT_")) == 0) {
            *ret_resource = resources[i].resource;
            *ret_name = resources[i].name;
            return true;
        }
    return false;
}

static void read_type(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);
    struct config_rlimit *rlimit = target;

    if (text == NULL || !rlimit_find(text, &rlimit->resource, &rlimit->name))
        complain_expected(reader, node, "the name of a resource limit, like \"RLIMIT_NOFILE\"");
}

static void read_value(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);

    if ((text != NULL && strcmp(text, "unlimited") == 0) ||
            (json_is_integer(node->json) && json_integer_value(node->json) == -1))
        *(uint64_t *)target = UINT64_MAX;
    else if (json_is_integer(node->json) && json_integer_value(node->json) >= 0)
        *(uint64_t *)target = (uint64_t)json_integer_value(node->json);
    else
        complain_expected(reader, node, "an integer of at least 0, or \"unlimited\"");
}

static bool read_rlimit(struct reader *reader, const struct node *node, struct config_rlimit *rlimit)
{
    static const struct key keys[] = {
        { "type", read_type, 0 },
        { "soft", read_value, offsetof(struct config_rlimit, soft) },
        { "hard", read_value, offsetof(struct config_rlimit, hard) },
    };
    unsigned before = reader->complaints;
    struct node soft = node_member(node, "soft");

    rlimit->pointer = node_pointer(reader, node);
    read_object(reader, node, keys, ARRAY_SIZE(keys), rlimit);
    if (!json_is_object(node->json))
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        (void)require_key(reader, node, keys[i].name);
    if (reader->complaints == before && rlimit->soft > rlimit->hard)
        complain(reader, &soft, "the soft limit is above the hard limit");
    return rlimit->name != NULL;
}

void read_rlimits(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;

    if (!get_array(reader, node, "an array of {type, soft, hard}", 64))
        return;
    config->rlimits = keep_array(reader, json_array_size(node->json), sizeof(*config->rlimits));
    if (config->rlimits == NULL)
        return;
    for (size_t i = 0; i < json_array_size(node->json); i++) {
        struct node item = node_item(node, i);
        struct config_rlimit *rlimit = &config->rlimits[config->n_rlimits];

        *rlimit = (struct config_rlimit){ 0 };
        if (!read_rlimit(reader, &item, rlimit))
            continue;
        for (size_t j = 0; j < config->n_rlimits; j++)
            if (config->rlimits[j].resource == rlimit->resource)
                complain(reader, &item, "%s is given twice", rlimit->name);
        config->n_rlimits++;
    }
}
