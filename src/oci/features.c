/* The features document of the specification. */
#include "internal.h"

#include <base/util.h>
#include <config/unit-properties.h>

#include <ctype.h>
#include <string.h>
#include <sys/capability.h>

static const char *const memory_modes[] = { "MPOL_BIND", "MPOL_DEFAULT", "MPOL_INTERLEAVE", "MPOL_LOCAL",
    "MPOL_PREFERRED", "MPOL_PREFERRED_MANY", "MPOL_WEIGHTED_INTERLEAVE", NULL };
static const char *const memory_flags[] = { "MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES",
    "MPOL_F_STATIC_NODES", NULL };

static json_t *names(const char *const *list)
{
    json_t *array = json_array();

    for (size_t i = 0; list[i] != NULL; i++)
        (void)json_array_append_new(array, json_string(list[i])); /* dump finds what is missing */
    return array;
}

static json_t *enabled(bool value)
{
    return json_pack("{s:b}", "enabled", value);
}

static json_t *namespaces(uint32_t set)
{
    json_t *array = json_array();

    for (int i = 0; i < NAMESPACE_MAX_; i++)
        if (set & NAMESPACE_BIT(i))
            (void)json_array_append_new(array, json_string(config_namespaces[i].oci));
    return array;
}

static json_t *capabilities(int last)
{
    json_t *array = json_array();

    for (int i = 0; i <= last; i++) {
        char *name = cap_to_name(i);

        for (char *c = name; c != NULL && *c != '\0'; c++)
            *c = (char)toupper((unsigned char)*c);
        if (name != NULL)
            (void)json_array_append_new(array, json_string(name));
        (void)cap_free(name);
    }
    return array;
}

static json_t *mount_options(void)
{
    json_t *array = json_array();

    for (size_t i = 0; i < mount_option_count(); i++)
        (void)json_array_append_new(array, json_string(mount_option_name(i)));
    return array;
}

static json_t *seccomp(const struct oci_features *features)
{
    json_t *supported = json_array();

    if (!features->seccomp) {
        json_decref(supported);
        return enabled(false);
    }
    for (size_t i = 0; oci_seccomp_flags[i] != NULL; i++)
        if (features->seccomp_flags & 1u << i)
            (void)json_array_append_new(supported, json_string(oci_seccomp_flags[i]));
    return json_pack("{s:b, s:o, s:o, s:o, s:o, s:o}", "enabled", 1, "actions", names(oci_seccomp_actions),
            "operators", names(oci_seccomp_operators), "archs", names(oci_seccomp_architectures),
            "knownFlags", names(oci_seccomp_flags), "supportedFlags", supported);
}

static json_t *linux_features(const struct oci_features *features)
{
    static const char *const none[] = { NULL };
    json_t *cgroup = json_pack("{s:b, s:b, s:b, s:b, s:b}", "v1", features->cgroup_v1, "v2",
            features->cgroup_v2, "systemd", features->systemd, "systemdUser", features->systemd_user, "rdma",
            features->rdma);
    json_t *rdt = json_pack("{s:b, s:b, s:b}", "enabled", features->rdt, "schemata", features->rdt_schemata,
            "monitoring", features->rdt_monitoring);
    json_t *policy = json_pack("{s:o, s:o}", "modes", names(features->memory_policy ? memory_modes : none),
            "flags", names(features->memory_policy ? memory_flags : none));

    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:o}, s:o}", "namespaces",
            namespaces(features->namespaces), "capabilities", capabilities(features->last_capability),
            "cgroup", cgroup, "seccomp", seccomp(features), "apparmor", enabled(features->apparmor),
            "selinux", enabled(features->selinux), "intelRdt", rdt, "memoryPolicy", policy, "mountExtensions",
            "idmap", enabled(features->idmap), "netDevices", enabled(features->net_devices));
}

int oci_features_json(const struct oci_features *features, char **ret_json, struct lc_error **err)
{
    const struct error_site no_memory = { .stage = "config", .op = "features", .errnum = ENOMEM };
    json_t *annotations = json_object(), *hooks = json_array(), *document;
    char *text;

    for (size_t i = 0; i < HOOK_MAX_; i++)
        (void)json_array_append_new(hooks, json_string(config_hook_names[i]));
    for (size_t i = 0; i < features->n_annotations; i++)
        (void)json_object_set_new(
                annotations, features->annotations[i].name, json_string(features->annotations[i].value));
    document = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:[s, s]}", "ociVersionMin", "1.0.0",
            "ociVersionMax", OCI_VERSION, "hooks", hooks, "mountOptions", mount_options(), "linux",
            linux_features(features), "annotations", annotations, "potentiallyUnsafeConfigAnnotations",
            ANNOTATION_KEEP_GROUPS, UNIT_ANNOTATION);
    text = document != NULL ? json_dumps(document, JSON_INDENT(4)) : NULL;
    json_decref(document);
    if (text == NULL)
        return error_raise(err, &no_memory, NULL);
    *ret_json = text;
    return 0;
}
