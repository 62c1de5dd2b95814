/* mounts: what each one is follows from type and options together. */
#include "internal.h"

#include <base/util.h>

#include <stddef.h>
#include <string.h>

#define MOUNTS_MAX 4096

/* Relative ones are from the root, as older versions of the specification had it. */
static void read_destination(struct reader *reader, const struct node *node, void *target)
{
    const char *text = get_text(reader, node), *clean;

    if (text == NULL)
        return;
    clean = *text != '\0' ? clean_path(reader, text) : "/";
    if (*text == '\0')
        complain_expected(reader, node, "an absolute path");
    else if (path_is_root(clean))
        complain(reader, node, "the root itself cannot be a destination");
    else
        *(const char **)target = clean;
}

static void finish_bind(struct reader *reader, const struct node *node, struct config_mount *mount)
{
    struct node source = node_member(node, "source");

    mount->type = "bind";
    if (mount->source == NULL && mount->remount)
        return;
    if (mount->source == NULL) {
        if (source.json == NULL)
            (void)require_key(reader, node, "source");
        else if (json_is_string(source.json))
            complain_expected(reader, &source, "a path");
    } else if (*mount->source != '/') {
        mount->source =
                arena_printf(&reader->config->arena, "%s/%s", reader->config->oci.bundle, mount->source);
        reader->no_memory |= mount->source == NULL;
    }
}

static void finish_file_system(struct reader *reader, const struct node *node, struct config_mount *mount)
{
    struct node type = node_member(node, "type");

    if (mount->type == NULL && !mount->remount && (type.json == NULL || json_is_string(type.json)))
        complain(reader, type.json != NULL ? &type : node,
                "expected the type of a file system, or the option \"bind\"");
    if (mount->source == NULL)
        mount->source = mount->type;
    if (mount->copy_up && mount->type != NULL && strcmp(mount->type, "tmpfs") != 0)
        complain(reader, node, "the option \"tmpcopyup\" needs the type \"tmpfs\"");
}

static void check_idmap(
        struct reader *reader, const struct node *node, bool bind, const struct config_mount *mount)
{
    const struct config_mappings *mappings = &mount->mappings;
    struct node uid = node_member(node, "uidMappings"), gid = node_member(node, "gidMappings");

    if (mappings->n_uid > 0 && mappings->n_gid == 0)
        complain(reader, &uid, "uidMappings needs gidMappings too");
    else if (mappings->n_gid > 0 && mappings->n_uid == 0)
        complain(reader, &gid, "gidMappings needs uidMappings too");
    if (mount->idmap && !bind)
        complain(reader, node, "only a bind mount can have its ids mapped");
}

/* The specification hands on what it does not know, and of a bind mount the kernel does not look at it. */
static void warn_on_bind(struct reader *reader, const struct node *options)
{
    for (size_t i = 0; i < json_array_size(options->json); i++) {
        struct node item = node_item(options, i);
        const char *word = json_string_value(item.json);

        if (word != NULL && *word != '\0' && mount_option_of_fs(word))
            warn(reader, &item,
                    "ignoring the option %s: it belongs to a file system, and a bind mount makes none",
                    quote(reader, word));
    }
}

static void read_mount(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "destination", read_destination, offsetof(struct config_mount, destination) },
        { "source", read_optional_text, offsetof(struct config_mount, source) },
        { "type", read_optional_text, offsetof(struct config_mount, type) },
        { "options", read_ignored, 0 }, /* below: the type must be known */
        { "uidMappings", read_mount_uid_mappings, offsetof(struct config_mount, mappings) },
        { "gidMappings", read_mount_gid_mappings, offsetof(struct config_mount, mappings) },
    };
    struct node options = node_member(node, "options");
    struct config_mount *mount = target;
    bool bind;

    mount->pointer = node_pointer(reader, node);
    read_object(reader, node, keys, ARRAY_SIZE(keys), mount);
    if (!json_is_object(node->json))
        return;
    (void)require_key(reader, node, "destination");
    bind = mount->type != NULL && strcmp(mount->type, "bind") == 0;
    if (options.json != NULL)
        read_mount_options(reader, &options, mount, &bind);
    if (bind) {
        warn_on_bind(reader, &options);
        finish_bind(reader, node, mount);
    } else {
        finish_file_system(reader, node, mount);
    }
    mount->idmap |= mount->mappings.n_uid > 0;
    check_idmap(reader, node, bind, mount);
}

void read_oci_mounts(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;

    config->mounts = read_items(reader, node, "an array of mounts", MOUNTS_MAX, sizeof(*config->mounts),
            read_mount, &config->n_mounts);
}
