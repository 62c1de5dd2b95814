/* The table of linux, and its small members. */
#include "internal.h"

#include <base/util.h>

#include <stddef.h>
#include <string.h>
#include <sys/mount.h>

static void read_masked(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;

    read_text_list(reader, node, check_absolute, &config->masked_paths, &config->n_masked_paths);
}

static void read_readonly(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;

    read_text_list(reader, node, check_absolute, &config->readonly_paths, &config->n_readonly_paths);
}

static void read_propagation(struct reader *reader, const struct node *node, void *target)
{
    static const struct word words[] = {
        { "private", MS_PRIVATE },
        { "rprivate", MS_PRIVATE | MS_REC },
        { "slave", MS_SLAVE },
        { "rslave", MS_SLAVE | MS_REC },
        { "shared", MS_SHARED },
        { "rshared", MS_SHARED | MS_REC },
        { "unbindable", MS_UNBINDABLE },
        { "runbindable", MS_UNBINDABLE | MS_REC },
    };
    const char *text = json_string_value(node->json);
    const struct word *word;

    if (text != NULL && *text == '\0')
        return;
    word = get_word(reader, node, words, ARRAY_SIZE(words));
    if (word != NULL)
        *(uint64_t *)target = word->value;
}

/* Nothing leads out of the hierarchy, and nothing spoils /proc/PID/cgroup. What has neither is kept as written:
 * systemd's form "slice:prefix:name" is not a path. */
static void read_cgroups_path(struct reader *reader, const struct node *node, void *target)
{
    const char *text = get_text(reader, node), *clean;

    if (text == NULL || *text == '\0')
        return;
    if (has_control(text)) {
        complain_expected(reader, node, "a path without control characters");
        return;
    }
    clean = clean_path(reader, text);
    clean += *text != '/';
    if (*clean != '\0')
        *(const char **)target = clean;
}

static void read_domain(struct reader *reader, const struct node *node, void *target)
{
    static const struct word domains[] = {
        { "LINUX", 0 },   /* PER_LINUX */
        { "LINUX32", 8 }, /* PER_LINUX32 */
    };
    const struct word *word = get_word(reader, node, domains, ARRAY_SIZE(domains));

    if (word != NULL)
        *(struct config_number *)target = (struct config_number){ .set = true, .value = word->value };
}

static void read_personality_flags(struct reader *reader, const struct node *node, void *target)
{
    (void)target;
    if (get_array(reader, node, "an array of strings", 64) && json_array_size(node->json) > 0)
        complain(reader, node, "the specification knows no flags here yet: expected an empty array");
}

static void read_personality(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "domain", read_domain, offsetof(struct lc_config, oci.personality) },
        { "flags", read_personality_flags, 0 },
    };

    read_object(reader, node, keys, ARRAY_SIZE(keys), target);
    if (json_is_object(node->json))
        (void)require_key(reader, node, "domain");
}

void read_linux(struct reader *reader, const struct node *node, void *target)
{
#define FIELD(field) offsetof(struct lc_config, field)
    static const struct key keys[] = {
        { "namespaces", read_oci_namespaces, 0 },
        { "uidMappings", read_linux_uid_mappings, 0 },
        { "gidMappings", read_linux_gid_mappings, 0 },
        { "timeOffsets", read_time_offsets, 0 },
        { "devices", read_linux_devices, 0 },
        { "netDevices", read_net_devices, 0 },
        { "cgroupsPath", read_cgroups_path, FIELD(cgroups.path) },
        { "resources", read_resources, FIELD(cgroups) },
        { "intelRdt", read_rdt, 0 },
        { "memoryPolicy", read_memory_policy, 0 },
        { "sysctl", read_ignored, 0 }, /* in rules.c: needs the namespaces */
        { "seccomp", read_seccomp, 0 },
        { "rootfsPropagation", read_propagation, FIELD(oci.rootfs_propagation) },
        { "maskedPaths", read_masked, 0 },
        { "readonlyPaths", read_readonly, 0 },
        { "mountLabel", read_optional_text, FIELD(mount_label) },
        { "personality", read_personality, 0 },
    };
#undef FIELD

    read_object(reader, node, keys, ARRAY_SIZE(keys), target);
}
