/* mounts: recursive binds as in the README, or with `type` and `options` anything that mount(8) can do. */
#include <config/reader.h>

#include <base/util.h>

#include <linux/mount.h>
#include <stddef.h>
#include <string.h>

#define MOUNTS_MAX 4096

/* A mount as written, before its keys are weighed against each other. */
struct draft {
    struct config_mount mount;
    bool writable, private;
};

static void read_destination(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);

    if (text == NULL || *text != '/')
        complain_expected(reader, node, "an absolute path");
    else if (path_is_root(text))
        complain(reader, node, "the root itself cannot be a destination");
    else if (path_has_dots(text))
        complain(reader, node, "expected a path without \"..\", found %s", quote(reader, text));
    else
        *(const char **)target = keep(reader, text);
}

static void read_type(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);

    if (text == NULL || *text == '\0')
        complain_expected(reader, node, "\"bind\" or the name of a file system type");
    else
        *(const char **)target = keep(reader, text);
}

static void finish_source(
        struct reader *reader, const struct node *node, bool bind, struct config_mount *mount)
{
    struct node source = node_member(node, "source");

    if (bind) {
        if (source.json == NULL && mount->remount)
            return;
        if (require_key(reader, node, "source"))
            read_absolute_path(reader, &source, &mount->source);
    } else if (source.json != NULL) {
        read_text(reader, &source, &mount->source);
    } else {
        mount->source = mount->type;
    }
}

static void check_kind(
        struct reader *reader, const struct node *node, bool bind, const struct config_mount *mount)
{
    struct node options = node_member(node, "options");

    if (mount->copy_up && (bind || mount->type == NULL || strcmp(mount->type, "tmpfs") != 0))
        complain(reader, &options, "the option \"tmpcopyup\" needs the type \"tmpfs\"");
    if (mount->idmap && !bind)
        complain(reader, &options, "only a bind mount can have its ids mapped");
    if (mount->idmap && mount->remount)
        complain(reader, &options, "the ids of a mount that is there cannot be mapped any more");
}

static void finish_writable(struct reader *reader, const struct node *node, const struct draft *draft,
        bool plain_bind, struct config_mount *mount)
{
    struct node writable = node_member(node, "writable");

    if (writable.json == NULL && !plain_bind)
        return;
    if (draft->writable ? (mount->attr_set & MOUNT_ATTR_RDONLY) != 0
                        : (mount->attr_clear & MOUNT_ATTR_RDONLY) != 0) {
        complain(reader, &writable, "`writable` contradicts the options");
        return;
    }
    if (draft->writable)
        mount->attr_clear |= plain_bind ? 0 : MOUNT_ATTR_RDONLY;
    else
        mount->attr_set |= MOUNT_ATTR_RDONLY;
    /* What the README promises is read-only in all of the tree, not only at its top. */
    if (!draft->writable && mount->recursive_bind)
        mount->recursive_attr = true;
}

static void finish_private(
        struct reader *reader, const struct node *node, const struct draft *draft, struct config_mount *mount)
{
    struct node private = node_member(node, "private");

    if (!draft->private)
        return;
    if (mount->propagation != 0 && (mount->propagation & MS_PRIVATE) == 0)
        complain(reader, &private, "`private` contradicts the options");
    else
        mount->propagation = MS_PRIVATE | MS_REC;
}

static void read_mount(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "source", read_ignored, 0 }, /* what it must be depends on all the others */
        { "destination", read_destination, offsetof(struct draft, mount.destination) },
        { "writable", read_bool, offsetof(struct draft, writable) },
        { "private", read_bool, offsetof(struct draft, private) },
        { "type", read_type, offsetof(struct draft, mount.type) },
        { "options", read_ignored, 0 },
    };
    struct node options = node_member(node, "options");
    struct draft draft = { 0 };
    struct config_mount *mount = target;
    bool bind, plain_bind;

    read_object(reader, node, keys, ARRAY_SIZE(keys), &draft);
    if (!json_is_object(node->json))
        return;
    *mount = draft.mount;
    mount->pointer = node_pointer(reader, node);
    bind = json_object_get(node->json, "type") == NULL ||
           (mount->type != NULL && strcmp(mount->type, "bind") == 0);
    plain_bind = bind && json_array_size(options.json) == 0;
    mount->recursive_bind = plain_bind;
    if (options.json != NULL)
        read_mount_options(reader, &options, mount, &bind);
    if (bind)
        mount->type = "bind";
    (void)require_key(reader, node, "destination");
    finish_source(reader, node, bind, mount);
    check_kind(reader, node, bind, mount);
    finish_writable(reader, node, &draft, plain_bind, mount);
    finish_private(reader, node, &draft, mount);
}

void read_mounts(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;

    config->mounts = read_items(reader, node, "an array of mounts", MOUNTS_MAX, sizeof(*config->mounts),
            read_mount, &config->n_mounts);
}
