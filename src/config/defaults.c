/* What holds when a key is absent, and the container.json to start from. */
#include <config/reader.h>

#include <base/util.h>

/* Files that show or change what belongs to the host and has no namespace. */
static const char *const masked[] = {
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
};
static const char *const readonly[] = {
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
};

static bool check_path(struct reader *reader, const struct node *node, const char *text)
{
    if (*text == '/' && !path_is_root(text) && !path_has_dots(text))
        return true;
    complain_expected(reader, node, "an absolute path without \"..\"");
    return false;
}

void read_masked_paths(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;

    config->masked_paths_given = true;
    read_text_list(reader, node, check_path, &config->masked_paths, &config->n_masked_paths);
}

void read_readonly_paths(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;

    config->readonly_paths_given = true;
    read_text_list(reader, node, check_path, &config->readonly_paths, &config->n_readonly_paths);
}

static void copy_list(struct reader *reader, const char *const *list, size_t count, const char ***ret_list,
        size_t *ret_count)
{
    const char **copy = keep_array(reader, count + 1, sizeof(*copy));

    for (size_t i = 0; copy != NULL && i < count; i++)
        copy[i] = list[i];
    *ret_list = copy;
    *ret_count = copy != NULL ? count : 0;
}

void apply_defaults(struct reader *reader)
{
    struct lc_config *config = reader->config;

    if (!(config->namespaces & NAMESPACE_BIT(NAMESPACE_MNT)))
        return;
    if (!config->masked_paths_given)
        copy_list(reader, masked, ARRAY_SIZE(masked), &config->masked_paths, &config->n_masked_paths);
    if (!config->readonly_paths_given)
        copy_list(reader, readonly, ARRAY_SIZE(readonly), &config->readonly_paths, &config->n_readonly_paths);
}

/* clang-format off */
static const char default_json[] =
    "{\n"
    "    \"hostname\": \"container\",\n"
    "    \"environment\": [\n"
    "        \"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\n"
    "        \"HOME=/root\",\n"
    "        \"TERM=xterm\"\n"
    "    ],\n"
    "    \"working_dir\": \"/\",\n"
    "    \"user\": \"\",\n"
    "    \"tty\": false,\n"
    "    \"namespaces\": [\"NEWNS\", \"NEWUTS\", \"NEWIPC\", \"NEWPID\", \"NEWNET\", \"NEWCGROUP\"],\n"
    "    \"capabilities\": [\n"
    "        \"AUDIT_WRITE\",\n"
    "        \"CHOWN\",\n"
    "        \"DAC_OVERRIDE\",\n"
    "        \"FOWNER\",\n"
    "        \"FSETID\",\n"
    "        \"KILL\",\n"
    "        \"MKNOD\",\n"
    "        \"NET_BIND_SERVICE\",\n"
    "        \"NET_RAW\",\n"
    "        \"SETFCAP\",\n"
    "        \"SETGID\",\n"
    "        \"SETPCAP\",\n"
    "        \"SETUID\",\n"
    "        \"SYS_CHROOT\"\n"
    "    ],\n"
    "    \"no_new_privileges\": true,\n"
    "    \"rlimits\": [\n"
    "        {\"type\": \"RLIMIT_NOFILE\", \"soft\": 1024, \"hard\": 1024}\n"
    "    ],\n"
    "    \"mounts\": [\n"
    "        {\n"
    "            \"type\": \"tmpfs\",\n"
    "            \"destination\": \"/tmp\",\n"
    "            \"options\": [\"nosuid\", \"nodev\", \"mode=1777\", \"size=64m\"]\n"
    "        }\n"
    "    ],\n"
    "    \"masked_paths\": [\n"
    "        \"/proc/acpi\",\n"
    "        \"/proc/asound\",\n"
    "        \"/proc/interrupts\",\n"
    "        \"/proc/kcore\",\n"
    "        \"/proc/keys\",\n"
    "        \"/proc/latency_stats\",\n"
    "        \"/proc/sched_debug\",\n"
    "        \"/proc/scsi\",\n"
    "        \"/proc/timer_list\",\n"
    "        \"/proc/timer_stats\",\n"
    "        \"/sys/devices/virtual/powercap\",\n"
    "        \"/sys/firmware\"\n"
    "    ],\n"
    "    \"readonly_paths\": [\n"
    "        \"/proc/bus\",\n"
    "        \"/proc/fs\",\n"
    "        \"/proc/irq\",\n"
    "        \"/proc/sys\",\n"
    "        \"/proc/sysrq-trigger\"\n"
    "    ],\n"
    "    \"networks\": [\n"
    "        {\"type\": \"loopback\"}\n"
    "    ]\n"
    "}\n";
/* clang-format on */

const char *config_default_json(void)
{
    return default_json;
}
