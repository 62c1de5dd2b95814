/* The entry: the table of top-level keys, and the life of a configuration. */
#include <config/reader.h>

#include <base/util.h>

#include <stddef.h>
#include <string.h>

#define FIELD(field) offsetof(struct lc_config, field)
static const struct key keys[] = {
    { "hostname", read_hostname, FIELD(hostname) },
    { "domainname", read_hostname, FIELD(domainname) },
    { "environment", read_environment, 0 },
    { "working_dir", read_working_dir, FIELD(working_dir) },
    { "user", read_user, FIELD(user) },
    { "additional_groups", read_additional_groups, 0 },
    { "umask", read_umask, 0 },
    { "oom_score_adj", read_oom_score_adj, 0 },
    { "tty", read_bool, FIELD(tty) },
    { "readonly_fs", read_bool, FIELD(readonly_fs) },
    { "no_pivot_root", read_bool, FIELD(no_pivot_root) },
    { "no_new_privileges", read_bool, FIELD(no_new_privileges) },
    { "namespaces", read_namespaces, 0 },
    { "uid_mappings", read_uid_mappings, 0 },
    { "gid_mappings", read_gid_mappings, 0 },
    { "capabilities", read_capabilities, 0 },
    { "capabilities_mask", read_capabilities_mask, 0 },
    { "context", read_context, 0 },
    { "mounts", read_mounts, 0 },
    { "masked_paths", read_masked_paths, 0 },
    { "readonly_paths", read_readonly_paths, 0 },
    { "devices", read_devices, 0 },
    { "rlimits", read_rlimits, 0 },
    { "sysctl", read_ignored, 0 }, /* in rules.c: needs the namespaces */
    { "networks", read_networks, 0 },
    { "cgroups", read_cgroups, 0 },
    { "seccomp", read_unsupported, 0 },
    { "landlock", read_unsupported, 0 },
    { "hooks", read_unsupported, 0 },
    { "init", read_unsupported, 0 },
};

static void read_tree(struct reader *reader)
{
    json_t *tree = syntax_load(reader);
    struct node top = { .json = tree };

    if (tree == NULL)
        return;
    read_object(reader, &top, keys, ARRAY_SIZE(keys), reader->config);
    if (json_is_object(tree))
        check_rules(reader, &top);
    apply_defaults(reader);
    json_decref(tree);
}

struct lc_config *config_new(const char *text, size_t length, const char *file)
{
    static const char *const no_environment[] = { NULL };
    struct lc_config *config = calloc(1, sizeof(*config));

    if (config == NULL)
        return NULL;
    config->file = arena_strdup(&config->arena, file);
    config->text = arena_strndup(&config->arena, text, length);
    config->length = length;
    config->environment = (const char **)no_environment; /* never written through */
    config->pointers = &config_pointers_json;
    config->working_dir = "/";
    config->user = "";
    config->capabilities = UINT64_MAX;
    if (config->file == NULL || config->text == NULL) {
        config_free(config);
        return NULL;
    }
    return config;
}

void config_free_pointer(struct lc_config **config)
{
    config_free(*config);
}

int config_check_length(const char *text, size_t length, const char *file, struct lc_error **err)
{
    struct error_site site = { .stage = "config", .file = file, .pointer = "" };

    if (length <= TEXT_MAX)
        return 0;
    position_line(text, TEXT_MAX, &site.line, &site.column);
    return error_raise(err, &site, "larger than 4 MiB");
}

int config_parse(const char *text, size_t length, const char *file, const struct config_options *options,
        struct lc_config **ret, struct lc_error **err)
{
    const struct error_site no_memory = { .stage = "config", .file = file, .errnum = ENOMEM };
    CLEANUP(config_free_pointer) struct lc_config *config = NULL;
    struct reader reader = { .err = err, .lenient = options != NULL && options->lenient };
    int r = config_check_length(text, length, file, err);

    if (r < 0)
        return r;
    config = config_new(text, length, file);
    if (config == NULL)
        return error_raise(err, &no_memory, NULL);
    reader.config = config;
    read_tree(&reader);
    if (reader.no_memory)
        return error_raise(err, &no_memory, NULL);
    if (reader.complaints > 0)
        return -EINVAL;
    *ret = TAKE_POINTER(config);
    return 0;
}

int config_parse_part(struct reader *reader, const char *text, size_t length, const char *file,
        read_function read, struct arena *arena, struct config_cgroups *ret)
{
    const struct error_site no_memory = { .stage = "config", .file = file, .errnum = ENOMEM };
    struct lc_config config = { .arena = *arena,
        .file = file,
        .text = text,
        .length = length,
        .cgroups = { .present = true, .oci = reader->oci } };
    int r = config_check_length(text, length, file, reader->err);
    json_t *tree;

    if (r < 0)
        return r;
    reader->config = &config; /* cppcheck-suppress autoVariables ; until we return */
    tree = syntax_load(reader);
    if (tree != NULL) {
        struct node top = { .json = tree };

        read(reader, &top, &config.cgroups);
    }
    json_decref(tree);
    *arena = config.arena;
    reader->config = NULL;
    if (reader->no_memory)
        return error_raise(reader->err, &no_memory, NULL);
    if (reader->complaints > 0)
        return -EINVAL;
    *ret = config.cgroups;
    return 0;
}

int config_parse_limits(const char *text, size_t length, const char *file, struct arena *arena,
        struct config_cgroups *ret, struct lc_error **err)
{
    struct reader reader = { .err = err, .update = true };

    return config_parse_part(&reader, text, length, file, read_limits_only, arena, ret);
}

void config_free(struct lc_config *config)
{
    if (config == NULL)
        return;
    arena_done(&config->arena);
    free(config);
}
