/* The entries: the table of top-level keys, and what is read together. */
#include "internal.h"

#include <base/util.h>

#include <ctype.h>
#include <stddef.h>
#include <string.h>

static const char *skip_digits(const char *text)
{
    const char *end = text + strspn(text, "0123456789");

    return end == text || (*text == '0' && end - text > 1) ? NULL : end;
}

/* MAJOR.MINOR.PATCH with "-..." and "+..." behind it. */
static bool is_semver(const char *text)
{
    for (int i = 0; i < 3; i++) {
        text = skip_digits(text);
        if (text == NULL || (i < 2 && *text++ != '.'))
            return false;
    }
    if (*text != '\0' && *text != '-' && *text != '+')
        return false;
    for (; *text != '\0'; text++)
        if (!isalnum((unsigned char)*text) && strchr("-+.", *text) == NULL)
            return false;
    return true;
}

static void read_version(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);

    if (text == NULL || !is_semver(text))
        complain_expected(reader, node, "a version like \"" OCI_VERSION "\"");
    else if (strncmp(text, "1.", 2) != 0)
        complain(reader, node, "unsupported OCI version %s: expected 1.x", quote(reader, text));
    else
        *(const char **)target = keep(reader, text);
}

static void read_root_path(struct reader *reader, const struct node *node, void *target)
{
    const char *text = get_text(reader, node);

    if (text != NULL && *text == '\0')
        complain_expected(reader, node, "a path");
    else if (text != NULL)
        *(const char **)target = keep(reader, text);
}

static void read_root(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "path", read_root_path, offsetof(struct lc_config, oci.rootfs) },
        { "readonly", read_bool, offsetof(struct lc_config, readonly_fs) },
    };

    read_object(reader, node, keys, ARRAY_SIZE(keys), target);
    if (json_is_object(node->json))
        (void)require_key(reader, node, "path");
}

#define FIELD(field) offsetof(struct lc_config, field)
static const struct key keys[] = {
    { "ociVersion", read_version, FIELD(oci.version) },
    { "root", read_root, 0 },
    { "hostname", read_hostname, FIELD(hostname) },
    { "domainname", read_hostname, FIELD(domainname) },
    { "process", read_process, 0 },
    { "mounts", read_oci_mounts, 0 },
    { "hooks", read_hooks, 0 },
    { "annotations", read_annotations, 0 },
    { "linux", read_linux, 0 },
};

static void read_tree(struct reader *reader, json_t *tree)
{
    struct node top = { .json = tree };

    read_object(reader, &top, keys, ARRAY_SIZE(keys), reader->config);
    if (!json_is_object(tree))
        return;
    (void)require_key(reader, &top, "ociVersion");
    (void)require_key(reader, &top, "root");
    check_oci_rules(reader, &top);
}

/* What has been compiled before has been read before, every byte of it. */
static bool take_seccomp(struct reader *reader, const char *text, size_t length)
{
    const struct oci_compiled *compiled = reader->compiled;
    struct config_seccomp *seccomp = &reader->config->oci.seccomp;

    seccomp->text = text;
    seccomp->length = length;
    seccomp->present =
            compiled != NULL && compiled->find(compiled->data, text, length, &reader->config->arena, seccomp);
    return seccomp->present;
}

/* What only the making of a container needs. The filter goes to those who join as a program. */
static const struct survey_row survey[] = {
    { "/mounts", NULL },
    { "/hooks", NULL },
    { "/linux/resources", NULL },
    { "/linux/devices", NULL },
    { "/linux/netDevices", NULL },
    { "/linux/sysctl", NULL },
    { "/linux/maskedPaths", NULL },
    { "/linux/readonlyPaths", NULL },
    { "/linux/seccomp", take_seccomp },
    { NULL, NULL },
};

/* A text of its own, and pointers from its own root: the configuration's are put back after it. */
static void read_other_process(struct reader *reader, const struct oci_text *process)
{
    struct lc_config *config = reader->config;
    const struct oci_text own = { config->text, config->length, config->file };
    json_t *tree;

    config->text = process->text;
    config->length = process->length;
    config->file = process->file;
    reader->survey = NULL;
    tree = syntax_load(reader);
    if (tree != NULL) {
        struct node top = { .json = tree };

        read_process(reader, &top, config);
    }
    json_decref(tree);
    config->text = own.text;
    config->length = own.length;
    config->file = own.file;
}

/* What another process leaves out, and then is the container's, as with runc and crun; args and cwd are always its own. */
static bool is_inherited(const char *key)
{
    static const char *const names[] = { "args", "cwd", "capabilities", "rlimits", "apparmorProfile",
        "selinuxLabel" };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(key, names[i]) == 0)
            return true;
    return false;
}

static void keep_inherited(json_t *process)
{
    const char *key;
    json_t *value;
    void *next;

    json_object_foreach_safe(process, next, key, value)
    {
        if (!is_inherited(key))
            (void)json_object_del(process, key);
    }
}

static void read_texts(struct reader *reader, const struct oci_text *process)
{
    json_t *tree = syntax_load(reader);

    if (tree != NULL) {
        if (process != NULL)
            keep_inherited(json_object_get(tree, "process"));
        read_tree(reader, tree);
    }
    json_decref(tree);
    if (process != NULL)
        read_other_process(reader, process);
}

static struct lc_config *oci_new(const struct oci_text *text, const char *bundle)
{
    struct lc_config *config = config_new(text->text, text->length, text->file);

    if (config == NULL)
        return NULL;
    config->from_oci = true;
    config->pointers = &config_pointers_oci;
    config->capabilities = 0;
    config->capabilities_given = true;
    config->masked_paths_given = true;
    config->readonly_paths_given = true;
    config->cgroups.present = true;
    config->cgroups.oci = true;
    config->oci.bundle = arena_strdup(&config->arena, bundle);
    if (config->oci.bundle == NULL) {
        config_free(config);
        return NULL;
    }
    return config;
}

struct request {
    struct oci_text text;
    const struct oci_text *process; /* in the place of the text's own, or NULL */
    const struct oci_compiled *compiled;
};

static int parse(
        const struct request *request, const char *bundle, struct lc_config **ret, struct lc_error **err)
{
    const struct oci_text *text = &request->text, *process = request->process;
    const struct error_site no_memory = { .stage = "config", .file = text->file, .errnum = ENOMEM };
    CLEANUP(config_free_pointer) struct lc_config *config = NULL;
    struct reader reader = {
        .err = err, .lenient = true, .oci = true, .compiled = request->compiled, .survey = survey
    };
    int r = config_check_length(text->text, text->length, text->file, err);

    if (r == 0 && process != NULL)
        r = config_check_length(process->text, process->length, process->file, err);
    if (r < 0)
        return r;
    config = oci_new(text, bundle);
    if (config == NULL)
        return error_raise(err, &no_memory, NULL);
    reader.config = config;
    read_texts(&reader, process);
    if (reader.no_memory)
        return error_raise(err, &no_memory, NULL);
    if (reader.complaints > 0)
        return -EINVAL;
    *ret = TAKE_POINTER(config);
    return 0;
}

int oci_parse(const char *text, size_t length, const char *file, const char *bundle, struct lc_config **ret,
        struct lc_error **err)
{
    return parse(&(struct request){ .text = { text, length, file } }, bundle, ret, err);
}

int oci_parse_process(const struct oci_text *config, const struct oci_text *process, const char *bundle,
        struct lc_config **ret, struct lc_error **err)
{
    return parse(&(struct request){ *config, process, NULL }, bundle, ret, err);
}

int oci_load(int bundle_fd, const char *bundle, const struct oci_compiled *compiled, struct lc_config **ret,
        struct lc_error **err)
{
    struct request request = { .text = { .file = OCI_CONFIG_NAME }, .compiled = compiled };
    CLEAN_FREE char *text = NULL;
    int r = config_read_file(bundle_fd, OCI_CONFIG_NAME, OCI_CONFIG_NAME,
            "`nsrun spec` makes one to start from", &text, &request.text.length, err);

    request.text.text = text;
    return r < 0 ? r : parse(&request, bundle, ret, err);
}

int oci_parse_resources(const char *text, size_t length, const char *file, struct arena *arena,
        struct config_cgroups *ret, struct lc_error **err)
{
    struct reader reader = { .err = err, .lenient = true, .oci = true, .update = true };

    return config_parse_part(&reader, text, length, file, read_resources, arena, ret);
}
