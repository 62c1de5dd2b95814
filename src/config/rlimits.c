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

/* No two of one kind. */
static void compare_kinds(struct reader *reader, const struct node *node, const struct config_rlimit *rlimit)
{
    for (const struct config_rlimit *other = rlimit - node->index; other < rlimit; other++)
        if (rlimit->name != NULL && other->name == rlimit->name)
            complain(reader, node, "%s is given twice", rlimit->name);
}

void read_rlimit(struct reader *reader, const struct node *node, read_function read_kind,
        read_function read_limit, struct config_rlimit *rlimit)
{
    const struct key keys[] = {
        { "type", read_kind, 0 },
        { "soft", read_limit, offsetof(struct config_rlimit, soft) },
        { "hard", read_limit, offsetof(struct config_rlimit, hard) },
    };
    struct node soft = node_member(node, "soft");

    rlimit->pointer = node_pointer(reader, node);
    if (read_full_object(reader, node, keys, ARRAY_SIZE(keys), rlimit) && rlimit->soft > rlimit->hard)
        complain(reader, &soft, "the soft limit is above the hard limit");
    compare_kinds(reader, node, rlimit);
}

static void read_one(struct reader *reader, const struct node *node, void *target)
{
    read_rlimit(reader, node, read_type, read_value, target);
}

void read_rlimits(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;

    config->rlimits = read_items(reader, node, "an array of {type, soft, hard}", RLIMITS_MAX,
            sizeof(*config->rlimits), read_one, &config->n_rlimits);
}
