/* sysctl: only what belongs to a namespace that the container has of its own; anything else is the host's. */
#include <config/reader.h>

#include <base/util.h>

#include <stdio.h>
#include <string.h>

#define SYSCTLS_MAX 1024

static const struct owner {
    const char *name; /* a name that ends in a slash stands for all below it */
    enum config_namespace namespace;
} owners[] = {
    { "net/", NAMESPACE_NET },
    { "fs/mqueue/", NAMESPACE_IPC },
    { "kernel/msgmax", NAMESPACE_IPC },
    { "kernel/msgmnb", NAMESPACE_IPC },
    { "kernel/msgmni", NAMESPACE_IPC },
    { "kernel/msg_next_id", NAMESPACE_IPC },
    { "kernel/sem", NAMESPACE_IPC },
    { "kernel/sem_next_id", NAMESPACE_IPC },
    { "kernel/shmall", NAMESPACE_IPC },
    { "kernel/shmmax", NAMESPACE_IPC },
    { "kernel/shmmni", NAMESPACE_IPC },
    { "kernel/shm_next_id", NAMESPACE_IPC },
    { "kernel/shm_rmid_forced", NAMESPACE_IPC },
    { "kernel/hostname", NAMESPACE_UTS },
    { "kernel/domainname", NAMESPACE_UTS },
};

static const struct owner *find_owner(const char *path)
{
    for (size_t i = 0; i < ARRAY_SIZE(owners); i++) {
        size_t length = strlen(owners[i].name);

        if (owners[i].name[length - 1] == '/' ? strncmp(path, owners[i].name, length) == 0
                                              : strcmp(path, owners[i].name) == 0)
            return &owners[i];
    }
    return NULL;
}

/* As sysctl(8): the first separator tells which of '.' and '/' separates; the other one is part of a name. */
static char *normalise(struct reader *reader, const char *key)
{
    char *path = arena_strdup(&reader->config->arena, key);

    reader->no_memory |= path == NULL;
    if (path == NULL || key[strcspn(key, "./")] != '.')
        return path;
    for (char *c = path; *c != '\0'; c++)
        *c = *c == '.' ? '/' : *c == '/' ? '.' : *c;
    return path;
}

static bool is_clean(const char *path)
{
    for (;;) {
        size_t length = strcspn(path, "/");

        if (length == 0 || (length == 1 && *path == '.') || (length == 2 && memcmp(path, "..", 2) == 0))
            return false;
        for (size_t i = 0; i < length; i++)
            if (path[i] == '+' || (unsigned char)path[i] <= ' ' || path[i] == 0x7f)
                return false;
        if (path[length] == '\0')
            return true;
        path += length + 1;
    }
}

static bool has_own(const struct lc_config *config, enum config_namespace which)
{
    return (config->namespaces & NAMESPACE_BIT(which)) != 0 || config->oci.namespace_paths[which] != NULL;
}

static bool check_key(struct reader *reader, const struct node *node, const char *path)
{
    const struct owner *owner = find_owner(path);

    if (!is_clean(path)) {
        complain_key(reader, node, NULL, "expected a name like \"net.ipv4.ip_forward\", found %s",
                quote(reader, node->key));
    } else if (owner == NULL) {
        complain_key(reader, node,
                "possible are net.*, fs.mqueue.*, kernel.msg*, kernel.sem*, kernel.shm*, kernel.hostname and "
                "kernel.domainname",
                "%s does not belong to a namespace: it would change the host", quote(reader, node->key));
    } else if (reader->oci && strcmp(path, "kernel/hostname") == 0) {
        complain_key(reader, node, "say it as \"hostname\"", "%s is what the field \"hostname\" sets",
                quote(reader, node->key));
    } else if (!reader->namespaces_bad && !has_own(reader->config, owner->namespace)) {
        complain_key(reader, node, NULL, "%s needs the namespace %s: without it the host would change",
                quote(reader, node->key),
                reader->oci ? config_namespaces[owner->namespace].oci
                            : config_namespaces[owner->namespace].key);
    } else {
        return true;
    }
    return false;
}

static const char *get_value(struct reader *reader, const struct node *node)
{
    const char *text = json_string_value(node->json);
    char number[32];

    if (json_is_integer(node->json) && !reader->oci) {
        (void)snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(node->json));
        return keep(reader, number);
    }
    for (const char *c = text; c != NULL && *c != '\0'; c++)
        if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f)
            text = NULL;
    if (text == NULL || *text == '\0') {
        complain_expected(reader, node, reader->oci ? "a line of text" : "an integer or a line of text");
        return NULL;
    }
    return keep(reader, text);
}

static void read_entry(struct reader *reader, const struct node *node, struct lc_config *config)
{
    const char *path = normalise(reader, node->key);
    const char *value = get_value(reader, node);

    if (path == NULL || !check_key(reader, node, path) || value == NULL)
        return;
    for (size_t i = 0; i < config->n_sysctls; i++)
        if (strcmp(config->sysctls[i].key, path) == 0) {
            complain_key(reader, node, NULL, "%s is given twice, in two spellings", quote(reader, node->key));
            return;
        }
    config->sysctls[config->n_sysctls++] =
            (struct config_sysctl){ .pointer = node_pointer(reader, node), .key = path, .value = value };
}

/* Called after the namespaces are known. */
void read_sysctl(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;
    const char *key;
    json_t *value;

    if (!json_is_object(node->json) || json_object_size(node->json) > SYSCTLS_MAX) {
        complain_expected(reader, node, "an object of at most 1024 settings");
        return;
    }
    config->sysctls = keep_array(reader, json_object_size(node->json), sizeof(*config->sysctls));
    if (config->sysctls == NULL)
        return;
    json_object_foreach(node->json, key, value)
    {
        struct node member = { .parent = node, .key = key, .json = value };

        read_entry(reader, &member, config);
    }
}
