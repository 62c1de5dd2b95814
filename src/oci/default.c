/* The config.json that `nsrun spec` prints, in pieces: root's and an ordinary user's differ in four of them. */
#include "internal.h"

#include <base/buffer.h>
#include <base/util.h>

/* clang-format off */
#define CAPABILITIES(set)                                                                                    \
    "            \"" set "\": [\"CAP_AUDIT_WRITE\", \"CAP_KILL\", \"CAP_NET_BIND_SERVICE\"]"

static const char head[] =
    "{\n"
    "    \"ociVersion\": \"" OCI_VERSION "\",\n"
    "    \"process\": {\n"
    "        \"terminal\": true,\n"
    "        \"user\": {\"uid\": 0, \"gid\": 0},\n"
    "        \"args\": [\"sh\"],\n"
    "        \"env\": [\n"
    "            \"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\n"
    "            \"TERM=xterm\"\n"
    "        ],\n"
    "        \"cwd\": \"/\",\n"
    "        \"capabilities\": {\n"
    CAPABILITIES("bounding") ",\n"
    CAPABILITIES("effective") ",\n"
    CAPABILITIES("permitted") ",\n"
    "            \"ambient\": []\n"
    "        },\n"
    "        \"rlimits\": [\n"
    "            {\"type\": \"RLIMIT_NOFILE\", \"hard\": 1024, \"soft\": 1024}\n"
    "        ],\n"
    "        \"noNewPrivileges\": true\n"
    "    },\n"
    "    \"root\": {\"path\": \"rootfs\", \"readonly\": true},\n"
    "    \"hostname\": \"nsrun\",\n"
    "    \"mounts\": [\n"
    "        {\n"
    "            \"destination\": \"/proc\",\n"
    "            \"type\": \"proc\",\n"
    "            \"source\": \"proc\"\n"
    "        },\n"
    "        {\n"
    "            \"destination\": \"/dev\",\n"
    "            \"type\": \"tmpfs\",\n"
    "            \"source\": \"tmpfs\",\n"
    "            \"options\": [\"nosuid\", \"strictatime\", \"mode=755\", \"size=65536k\"]\n"
    "        },\n";

/* Group 5, tty, is not in a single mapping. */
static const char pts_root[] =
    "        {\n"
    "            \"destination\": \"/dev/pts\",\n"
    "            \"type\": \"devpts\",\n"
    "            \"source\": \"devpts\",\n"
    "            \"options\": [\"nosuid\", \"noexec\", \"newinstance\", \"ptmxmode=0666\", \"mode=0620\", \"gid=5\"]\n"
    "        },\n";
static const char pts_user[] =
    "        {\n"
    "            \"destination\": \"/dev/pts\",\n"
    "            \"type\": \"devpts\",\n"
    "            \"source\": \"devpts\",\n"
    "            \"options\": [\"nosuid\", \"noexec\", \"newinstance\", \"ptmxmode=0666\", \"mode=0620\"]\n"
    "        },\n";

static const char shm[] =
    "        {\n"
    "            \"destination\": \"/dev/shm\",\n"
    "            \"type\": \"tmpfs\",\n"
    "            \"source\": \"shm\",\n"
    "            \"options\": [\"nosuid\", \"noexec\", \"nodev\", \"mode=1777\", \"size=65536k\"]\n"
    "        },\n"
    "        {\n"
    "            \"destination\": \"/dev/mqueue\",\n"
    "            \"type\": \"mqueue\",\n"
    "            \"source\": \"mqueue\",\n"
    "            \"options\": [\"nosuid\", \"noexec\", \"nodev\"]\n"
    "        },\n";

/* A new sysfs belongs to the network namespace, and an ordinary user's container keeps the host's. */
static const char sys_root[] =
    "        {\n"
    "            \"destination\": \"/sys\",\n"
    "            \"type\": \"sysfs\",\n"
    "            \"source\": \"sysfs\",\n"
    "            \"options\": [\"nosuid\", \"noexec\", \"nodev\", \"ro\"]\n"
    "        },\n";
static const char sys_user[] =
    "        {\n"
    "            \"destination\": \"/sys\",\n"
    "            \"type\": \"none\",\n"
    "            \"source\": \"/sys\",\n"
    "            \"options\": [\"rbind\", \"nosuid\", \"noexec\", \"nodev\", \"ro\"]\n"
    "        },\n";

static const char cgroup[] =
    "        {\n"
    "            \"destination\": \"/sys/fs/cgroup\",\n"
    "            \"type\": \"cgroup\",\n"
    "            \"source\": \"cgroup\",\n"
    "            \"options\": [\"nosuid\", \"noexec\", \"nodev\", \"relatime\", \"ro\"]\n"
    "        }\n"
    "    ],\n"
    "    \"linux\": {\n";

static const char namespaces_root[] =
    "        \"resources\": {\n"
    "            \"devices\": [{\"allow\": false, \"access\": \"rwm\"}]\n"
    "        },\n"
    "        \"namespaces\": [\n"
    "            {\"type\": \"pid\"},\n"
    "            {\"type\": \"network\"},\n"
    "            {\"type\": \"ipc\"},\n"
    "            {\"type\": \"uts\"},\n"
    "            {\"type\": \"mount\"}\n"
    "        ],\n";
static const char namespaces_user[] =
    "        \"uidMappings\": [{\"containerID\": 0, \"hostID\": %u, \"size\": 1}],\n"
    "        \"gidMappings\": [{\"containerID\": 0, \"hostID\": %u, \"size\": 1}],\n"
    "        \"namespaces\": [\n"
    "            {\"type\": \"pid\"},\n"
    "            {\"type\": \"ipc\"},\n"
    "            {\"type\": \"uts\"},\n"
    "            {\"type\": \"mount\"},\n"
    "            {\"type\": \"user\"}\n"
    "        ],\n";

static const char tail[] =
    "        \"maskedPaths\": [\n"
    "            \"/proc/acpi\",\n"
    "            \"/proc/asound\",\n"
    "            \"/proc/interrupts\",\n"
    "            \"/proc/kcore\",\n"
    "            \"/proc/keys\",\n"
    "            \"/proc/latency_stats\",\n"
    "            \"/proc/sched_debug\",\n"
    "            \"/proc/scsi\",\n"
    "            \"/proc/timer_list\",\n"
    "            \"/proc/timer_stats\",\n"
    "            \"/sys/devices/virtual/powercap\",\n"
    "            \"/sys/firmware\"\n"
    "        ],\n"
    "        \"readonlyPaths\": [\n"
    "            \"/proc/bus\",\n"
    "            \"/proc/fs\",\n"
    "            \"/proc/irq\",\n"
    "            \"/proc/sys\",\n"
    "            \"/proc/sysrq-trigger\"\n"
    "        ]\n"
    "    }\n"
    "}\n";
/* clang-format on */

int oci_default_json(bool rootless, uint32_t uid, uint32_t gid, char **ret_json, struct lc_error **err)
{
    const struct error_site no_memory = { .stage = "config", .op = "spec", .errnum = ENOMEM };
    struct buffer out = { 0 };
    char *text;

    buffer_text(&out, head);
    buffer_text(&out, rootless ? pts_user : pts_root);
    buffer_text(&out, shm);
    buffer_text(&out, rootless ? sys_user : sys_root);
    buffer_text(&out, cgroup);
    if (rootless)
        buffer_printf(&out, namespaces_user, uid, gid);
    else
        buffer_text(&out, namespaces_root);
    buffer_text(&out, tail);
    text = buffer_take_text(&out);
    if (text == NULL)
        return error_raise(err, &no_memory, NULL);
    *ret_json = text;
    return 0;
}
