/* What one key demands of another; checked when all of them are read. */
#include <config/reader.h>

#include <base/util.h>

#include <stdio.h>
#include <string.h>

static bool asks_hostname(const struct lc_config *config)
{
    return config->hostname != NULL;
}

static bool asks_domainname(const struct lc_config *config)
{
    return config->domainname != NULL;
}

static bool asks_mounts(const struct lc_config *config)
{
    return config->n_mounts > 0;
}

static bool asks_readonly_fs(const struct lc_config *config)
{
    return config->readonly_fs;
}

static bool asks_no_pivot_root(const struct lc_config *config)
{
    return config->no_pivot_root;
}

static bool asks_masked_paths(const struct lc_config *config)
{
    return config->n_masked_paths > 0;
}

static bool asks_readonly_paths(const struct lc_config *config)
{
    return config->n_readonly_paths > 0;
}

static bool asks_devices(const struct lc_config *config)
{
    return config->n_devices > 0;
}

static bool asks_uid_mappings(const struct lc_config *config)
{
    return config->n_uid_mappings > 0;
}

static bool asks_gid_mappings(const struct lc_config *config)
{
    return config->n_gid_mappings > 0;
}

static bool asks_idmap(const struct lc_config *config)
{
    for (size_t i = 0; i < config->n_mounts; i++)
        if (config->mounts[i].idmap && !config->mounts[i].remount &&
                strcmp(config->mounts[i].type, "bind") == 0)
            return true;
    return false;
}

static const struct rule {
    const char *key;
    enum config_namespace needs;
    bool (*asked)(const struct lc_config *config);
    const char *why; /* NULL: plain from the key */
} rules[] = {
    { "hostname", NAMESPACE_UTS, asks_hostname, "the host would be renamed" },
    { "domainname", NAMESPACE_UTS, asks_domainname, "the host would be renamed" },
    { "mounts", NAMESPACE_MNT, asks_mounts, "the host would be mounted upon" },
    { "mounts", NAMESPACE_USER, asks_idmap, "there are no mappings for \"idmap\"" },
    { "readonly_fs", NAMESPACE_MNT, asks_readonly_fs, "the host's root would change" },
    { "no_pivot_root", NAMESPACE_MNT, asks_no_pivot_root, "the host's root would change" },
    { "masked_paths", NAMESPACE_MNT, asks_masked_paths, "the host's paths would be hidden" },
    { "readonly_paths", NAMESPACE_MNT, asks_readonly_paths, "the host's paths would change" },
    { "devices", NAMESPACE_MNT, asks_devices, "the root file system on disk would change" },
    { "uid_mappings", NAMESPACE_USER, asks_uid_mappings, "there is nothing to map" },
    { "gid_mappings", NAMESPACE_USER, asks_gid_mappings, "there is nothing to map" },
};

static void complain_namespace(struct reader *reader, const char *pointer, const char *what,
        enum config_namespace needs, const char *why)
{
    char hint[64];

    (void)snprintf(hint, sizeof(hint), "add \"%s\" to namespaces", config_namespaces[needs].key);
    complain_pointer(reader, pointer, hint, "%s needs the namespace %s: without it %s", what,
            config_namespaces[needs].key, why);
}

static void check_namespaces(struct reader *reader, const struct node *top)
{
    const struct lc_config *config = reader->config;

    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        struct node node = node_member(top, rules[i].key);

        if (node.json != NULL && rules[i].asked(config) &&
                !(config->namespaces & NAMESPACE_BIT(rules[i].needs)))
            complain_namespace(
                    reader, node_pointer(reader, &node), rules[i].key, rules[i].needs, rules[i].why);
    }
    for (size_t i = 0; i < config->n_networks; i++)
        if (config->networks[i].type != NETWORK_NETNS && !(config->namespaces & NAMESPACE_BIT(NAMESPACE_NET)))
            complain_namespace(reader, config->networks[i].pointer, "this network", NAMESPACE_NET,
                    "the host's network would change");
}

static void check_mappings(struct reader *reader, const struct node *top)
{
    const struct lc_config *config = reader->config;
    struct node uid = node_member(top, "uid_mappings"), gid = node_member(top, "gid_mappings");

    if (config->n_uid_mappings > 0 && json_array_size(gid.json) == 0)
        complain(reader, &uid, "uid_mappings needs gid_mappings too");
    if (config->n_gid_mappings > 0 && json_array_size(uid.json) == 0)
        complain(reader, &gid, "gid_mappings needs uid_mappings too");
}

/* A joined namespace is someone else's: nothing is set up in it, and one process is in one only. */
static void check_netns(struct reader *reader)
{
    const struct lc_config *config = reader->config;
    const struct config_network *joined = NULL, *made = NULL;

    for (size_t i = 0; i < config->n_networks; i++) {
        const struct config_network *network = &config->networks[i];

        if (network->type == NETWORK_NETNS && joined != NULL)
            complain_pointer(
                    reader, network->pointer, NULL, "only one network of type \"netns\" is possible");
        else if (network->type == NETWORK_NETNS)
            joined = network;
        else
            made = network;
    }
    if (joined != NULL && made != NULL)
        complain_pointer(reader, joined->pointer, NULL,
                "a network of type \"netns\" cannot be combined with others (%s)", made->pointer);
}

static bool is_taken(const struct lc_config *config, size_t below, const char *name)
{
    for (size_t i = 0; i < below; i++)
        if (config->networks[i].name != NULL && strcmp(config->networks[i].name, name) == 0)
            return true;
    return false;
}

static void check_names(struct reader *reader)
{
    struct lc_config *config = reader->config;
    unsigned next = 0;

    for (size_t i = 0; i < config->n_networks; i++) {
        const struct config_network *network = &config->networks[i];

        if (network->name != NULL && is_taken(config, i, network->name))
            complain_pointer(reader, network->pointer, NULL,
                    "the interface name %s is taken by an earlier network", quote(reader, network->name));
    }
    for (size_t i = 0; i < config->n_networks; i++) {
        struct config_network *network = &config->networks[i];
        char name[16];

        if (network->name != NULL || network->type == NETWORK_NETNS)
            continue;
        do
            (void)snprintf(name, sizeof(name), "eth%u", next++);
        while (is_taken(config, config->n_networks, name));
        network->name = keep(reader, name);
    }
}

void check_rules(struct reader *reader, const struct node *top)
{
    struct node sysctl = node_member(top, "sysctl");

    if (sysctl.json != NULL) /* each setting needs the namespaces to be known */
        read_sysctl(reader, &sysctl, reader->config);
    if (!reader->namespaces_bad)
        check_namespaces(reader, top);
    check_mappings(reader, top);
    check_netns(reader);
    check_names(reader);
}
