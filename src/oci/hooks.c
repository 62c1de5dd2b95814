/* hooks: six lists of programs. */
#include "internal.h"

#include <base/util.h>

#include <stddef.h>

#define HOOKS_MAX 1024

static void read_args(struct reader *reader, const struct node *node, void *target)
{
    struct config_hook *hook = target;

    /* An empty list says nothing: the path alone is the argument vector then, as without the key. */
    if (!json_is_array(node->json) || json_array_size(node->json) > 0)
        read_text_list(reader, node, check_any, &hook->args, &hook->n_args);
}

static void read_env(struct reader *reader, const struct node *node, void *target)
{
    struct config_hook *hook = target;

    read_text_list(reader, node, check_any, &hook->env, &hook->n_env);
}

static void read_timeout(struct reader *reader, const struct node *node, void *target)
{
    int64_t value;

    if (get_integer(reader, node, 1, INT32_MAX, &value))
        *(uint32_t *)target = (uint32_t)value;
}

static void read_hook(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "path", read_absolute_path, offsetof(struct config_hook, path) },
        { "args", read_args, 0 },
        { "env", read_env, 0 },
        { "timeout", read_timeout, offsetof(struct config_hook, timeout) },
    };

    struct config_hook *hook = target;

    hook->pointer = node_pointer(reader, node);
    read_object(reader, node, keys, ARRAY_SIZE(keys), hook);
    if (json_is_object(node->json))
        (void)require_key(reader, node, "path");
}

static void read_list(struct reader *reader, const struct node *node, void *target)
{
    struct config_hooks *hooks = target;

    hooks->list = read_items(
            reader, node, "an array of hooks", HOOKS_MAX, sizeof(*hooks->list), read_hook, &hooks->count);
}

void read_hooks(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;
    struct key keys[HOOK_MAX_];

    for (size_t i = 0; i < HOOK_MAX_; i++)
        keys[i] = (struct key){ config_hook_names[i], read_list, i * sizeof(config->oci.hooks[0]) };
    read_object(reader, node, keys, HOOK_MAX_, config->oci.hooks);
}
