/* What one key demands of another; checked when all of them are read. */
#include "internal.h"

#include <base/util.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool has(const struct lc_config *config, enum config_namespace which)
{
    return (config->namespaces & NAMESPACE_BIT(which)) != 0 || config->oci.namespace_paths[which] != NULL;
}

static void need(struct reader *reader, const char *pointer, enum config_namespace which, const char *words)
{
    char hint[80];

    if (has(reader->config, which))
        return;
    (void)snprintf(
            hint, sizeof(hint), "add {\"type\": \"%s\"} to linux.namespaces", config_namespaces[which].oci);
    complain_pointer(reader, pointer, hint, "%s", words);
}

static void check_namespaces(struct reader *reader)
{
    const struct lc_config *config = reader->config;

    if (config->hostname != NULL)
        need(reader, "/hostname", NAMESPACE_UTS,
                "unable to set hostname without a private UTS namespace: the host would be renamed");
    if (config->domainname != NULL)
        need(reader, "/domainname", NAMESPACE_UTS,
                "unable to set domainname without a private UTS namespace: the host would be renamed");
    if (config->n_mounts > 0 && has(config, NAMESPACE_USER))
        need(reader, "/mounts", NAMESPACE_MNT,
                "mounts need a mount namespace: from a user namespace the host's cannot be changed");
    if (config->readonly_fs && has(config, NAMESPACE_USER))
        need(reader, "/root/readonly", NAMESPACE_MNT,
                "a read-only root needs a mount namespace: from a user namespace the host's cannot be "
                "changed");
    if (config->n_masked_paths > 0)
        need(reader, "/linux/maskedPaths", NAMESPACE_MNT,
                "masked paths need a mount namespace: the host's would be hidden");
    if (config->n_readonly_paths > 0)
        need(reader, "/linux/readonlyPaths", NAMESPACE_MNT,
                "read-only paths need a mount namespace: the host's would change");
    if (config->oci.rootfs_propagation != 0)
        need(reader, "/linux/rootfsPropagation", NAMESPACE_MNT, "rootfsPropagation needs a mount namespace");
    if (config->oci.n_net_devices > 0)
        need(reader, "/linux/netDevices", NAMESPACE_NET,
                "network devices need a network namespace to move to");
}

static void need_root(
        struct reader *reader, const char *pointer, const struct config_mapping *mappings, size_t count)
{
    if (count > 0 && !maps_root(mappings, count))
        complain_pointer(reader, pointer, NULL, ROOT_UNMAPPED);
}

/* A new user namespace without a mapping is one that nobody can be in. */
static void check_mappings(struct reader *reader, const struct node *top)
{
    const struct lc_config *config = reader->config;
    struct node oci_linux = node_member(top, "linux");
    bool made = (config->namespaces & NAMESPACE_BIT(NAMESPACE_USER)) != 0;

    if (config->n_uid_mappings > 0)
        need(reader, "/linux/uidMappings", NAMESPACE_USER, "uidMappings need a user namespace");
    if (config->n_gid_mappings > 0)
        need(reader, "/linux/gidMappings", NAMESPACE_USER, "gidMappings need a user namespace");
    if (json_object_get(oci_linux.json, "namespaces") == NULL)
        return;
    if (made && config->n_uid_mappings == 0)
        complain_pointer(reader, "/linux/namespaces", NULL, "a new user namespace needs uidMappings");
    if (made && config->n_gid_mappings == 0)
        complain_pointer(reader, "/linux/namespaces", NULL, "a new user namespace needs gidMappings");
    if (made) {
        need_root(reader, "/linux/uidMappings", config->uid_mappings, config->n_uid_mappings);
        need_root(reader, "/linux/gidMappings", config->gid_mappings, config->n_gid_mappings);
    }
}

static void check_mounts(struct reader *reader)
{
    const struct lc_config *config = reader->config;

    for (size_t i = 0; i < config->n_mounts; i++)
        if (config->mounts[i].idmap && config->mounts[i].mappings.n_uid == 0 && !has(config, NAMESPACE_USER))
            complain_pointer(reader, config->mounts[i].pointer, NULL,
                    "\"idmap\" needs uidMappings and gidMappings, or a user namespace to take them from");
}

/* Since 1.3 a limit of 0 is one; before, engines filled their structures with it and meant none. */
static void check_pids(struct reader *reader, const struct node *top)
{
    struct lc_config *config = reader->config;
    struct node oci_linux = node_member(top, "linux"), resources = node_member(&oci_linux, "resources");
    struct node pids = node_member(&resources, "pids"), limit = node_member(&pids, "limit");
    const char *version = config->oci.version;

    if (version != NULL && strtoul(version + strlen("1."), NULL, 10) >= 3 && json_is_integer(limit.json) &&
            json_integer_value(limit.json) == 0)
        config->cgroups.limits[LIMIT_PIDS] = (struct config_number){ .set = true };
}

void check_oci_rules(struct reader *reader, const struct node *top)
{
    const struct lc_config *config = reader->config;
    struct node oci_linux = node_member(top, "linux");
    struct node sysctl = node_member(&oci_linux, "sysctl");

    check_pids(reader, top);
    if (sysctl.json != NULL) /* each setting needs the namespaces to be known */
        read_sysctl(reader, &sysctl, reader->config);
    if (reader->namespaces_bad)
        return;
    check_namespaces(reader);
    if (json_array_size(json_object_get(oci_linux.json, "uidMappings")) == config->n_uid_mappings &&
            json_array_size(json_object_get(oci_linux.json, "gidMappings")) == config->n_gid_mappings)
        check_mappings(reader, top);
    check_mounts(reader);
    if (config->oci.keep_groups && config->n_additional_groups > 0)
        complain_pointer(reader, "/process/user/additionalGids", NULL,
                "the annotation " ANNOTATION_KEEP_GROUPS " keeps the caller's groups: there are no others");
    if ((config->oci.monotonic.set || config->oci.boottime.set) &&
            !(config->namespaces & NAMESPACE_BIT(NAMESPACE_TIME)))
        complain_pointer(reader, "/linux/timeOffsets", "add {\"type\": \"time\"} to linux.namespaces",
                "time offsets need a new time namespace");
}
