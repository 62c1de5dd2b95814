/* lc_config: what container.json says, checked and in the library's own types. Pure: no root, no side effect.
 * Strings live in the arena. Every object remembers the JSON pointer of the key that made it; line and column are
 * looked up in the text only when an error or a listing needs them (config_locate). */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <base/arena.h>
#include <base/error.h>

#include <stdbool.h>
#include <stdint.h>

enum config_namespace {
    NAMESPACE_MNT,
    NAMESPACE_UTS,
    NAMESPACE_IPC,
    NAMESPACE_PID,
    NAMESPACE_NET,
    NAMESPACE_USER,
    NAMESPACE_CGROUP,
    NAMESPACE_TIME,
    NAMESPACE_MAX_,
};
#define NAMESPACE_BIT(ns) (1u << (ns))

/* One row per namespace: "NEWNS" in container.json, "mnt" in /proc/PID/ns, its CLONE_NEW* flag. */
struct config_namespace_name {
    const char *key, *proc;
    uint64_t clone_flag;
};
extern const struct config_namespace_name config_namespaces[NAMESPACE_MAX_];

/* An integer that may be absent. */
struct config_number {
    bool set;
    int64_t value;
};

struct config_mapping {
    uint32_t container_id, host_id, size;
};

struct config_mount {
    const char *pointer; /* "/mounts/3" */
    const char *type;    /* "bind" or a kernel file system type */
    const char *source;  /* absolute host path for bind; may be NULL for others */
    const char *destination;
    uint64_t attr_set, attr_clear; /* MOUNT_ATTR_* for this mount */
    bool recursive_attr;           /* apply them to submounts too (the r-forms, and writable:false) */
    bool recursive_bind;           /* rbind, the default of binds without `options` */
    uint64_t super_flags;          /* MS_* of the superblock: sync dirsync mand lazytime silent iversion */
    uint64_t propagation; /* MS_PRIVATE|MS_SLAVE|MS_SHARED|MS_UNBINDABLE, with MS_REC; 0: as inherited */
    const char *data;     /* remaining options, comma-separated, for the file system; NULL: none */
};

struct config_device {
    const char *pointer;
    const char *path; /* inside: "/dev/fuse" */
    char type; /* 'c', 'b', 'p'; '\0': only the path was given, all else is as on the host (the planner stats it) */
    uint32_t major, minor, mode, uid, gid;
};

struct config_rlimit {
    const char *pointer;
    const char *name;    /* "RLIMIT_NOFILE" */
    int resource;        /* RLIMIT_* */
    uint64_t soft, hard; /* RLIM_INFINITY: UINT64_MAX */
};

struct config_sysctl {
    const char *pointer;
    const char *key; /* normalised with slashes: "net/ipv4/ip_forward" */
    const char *value;
};

enum config_network_type { NETWORK_LOOPBACK, NETWORK_VETH, NETWORK_NETNS, NETWORK_TYPE_MAX_ };

struct config_address {
    int family;        /* AF_INET, AF_INET6 */
    uint8_t bytes[16]; /* network byte order */
    uint8_t prefix;    /* length in bits */
    const char *text;  /* as written */
};

struct config_route {
    const char *pointer;
    bool is_default;                   /* destination "default", "0.0.0.0/0" or "::/0" */
    struct config_address destination; /* unused when is_default, except family */
    bool has_gateway, has_source;
    struct config_address gateway, source;
    struct config_number metric;
};

struct config_network {
    const char *pointer; /* "/networks/0" */
    enum config_network_type type;
    const char *name; /* interface inside: "eth0", "lo" */
    struct config_address *addresses;
    size_t n_addresses;
    struct config_address *gateways; /* at most one per family */
    size_t n_gateways;
    struct config_route *routes;
    size_t n_routes;
    struct config_number mtu, txqueuelen;
    bool has_mac;
    uint8_t mac[6];
    const char *bridge, *prefix; /* veth: context.bridge, context.prefix (default "veth") */
    bool create_bridge;          /* veth: context.create */
    bool has_bridge_address;
    struct config_address bridge_address; /* veth: context.bridge_address */
    const char *nspath;                   /* netns: context.nspath */
};

/* One limit: the table in src/config/cgroups-keys.c says key, range and which cgroup file it becomes. */
enum config_limit {
    LIMIT_MEMORY,
    LIMIT_MEMORY_SWAP,
    LIMIT_MEMORY_RESERVATION,
    LIMIT_MEMORY_HIGH,
    LIMIT_CPU_SHARES,
    LIMIT_CPU_QUOTA,
    LIMIT_CPU_PERIOD,
    LIMIT_PIDS,
    LIMIT_MAX_,
};

struct config_device_rule {
    char type;            /* 'a', 'c', 'b' */
    int64_t major, minor; /* -1: all */
    const char *access;   /* subset of "rwm" */
    bool allow;
};

struct config_cgroups {
    bool present;
    const char *parent, *name; /* name NULL: to be generated */
    bool device_access;        /* true: no device filter */
    struct config_number limits[LIMIT_MAX_];
    const char *cpuset_cpus, *cpuset_mems; /* NULL: not set */
    struct config_device_rule *rules;      /* extra rules after the defaults */
    size_t n_rules;
};
/* "memory", "memory_swap", ...: the key below /cgroups. */
extern const char *const config_limit_keys[LIMIT_MAX_];

struct lc_config {
    struct arena arena;
    const char *file; /* as given, for messages: "container.json" */
    const char *text; /* the JSON text, for config_locate */
    size_t length;

    const char *hostname, *domainname; /* NULL: unchanged */
    const char **environment;          /* NULL-terminated, "K=V" */
    size_t n_environment;
    const char *working_dir; /* default "/" */
    const char *user;        /* "" : root */
    uint32_t *additional_groups;
    size_t n_additional_groups;
    bool tty, readonly_fs, no_pivot_root, no_new_privileges;
    struct config_number umask, oom_score_adj;

    uint32_t namespaces; /* NAMESPACE_BIT() set */
    struct config_mapping *uid_mappings, *gid_mappings;
    size_t n_uid_mappings, n_gid_mappings;

    /* Capabilities the process keeps (bounding, permitted, effective), as a bit set over the names that libcap
     * knows. With a capabilities_mask, bits that only the kernel knows stay set. */
    uint64_t capabilities;
    bool capabilities_given; /* "capabilities", the keep-list, was used */

    struct config_mount *mounts;
    size_t n_mounts;
    struct config_device *devices;
    size_t n_devices;
    struct config_rlimit *rlimits;
    size_t n_rlimits;
    struct config_sysctl *sysctls;
    size_t n_sysctls;
    const char **masked_paths, **readonly_paths; /* absent keys: the default lists; [] : none */
    size_t n_masked_paths, n_readonly_paths;
    bool masked_paths_given, readonly_paths_given;
    struct config_network *networks;
    size_t n_networks;
    struct config_cgroups cgroups;
    const char *apparmor_profile, *process_label, *mount_label; /* NULL: none */
};

struct config_options {
    bool lenient; /* unknown keys are ignored instead of refused */
};

/* Parses and validates. On failure *err holds every error found, each with file, line, column and pointer. */
int config_parse(const char *text, size_t length, const char *file, const struct config_options *options,
        struct lc_config **ret, struct lc_error **err);
/* Opens (O_RDONLY|O_CLOEXEC|O_NONBLOCK|O_NOCTTY below dirfd, regular files only), reads at most 4 MiB, parses.
 * `name` is the path below dirfd, `file` the name for messages. */
int config_load(int dirfd, const char *name, const char *file, const struct config_options *options,
        struct lc_config **ret, struct lc_error **err);
void config_free(struct lc_config *config);

/* Line and column (1-based, columns in bytes) of the value that a JSON pointer names, or of the deepest part that exists.
 * The text must be valid JSON up to that point. Returns 0, or -ENOENT with the position of the nearest parent. */
int config_locate(const char *text, size_t length, const char *pointer, int *ret_line, int *ret_column);

/* The default container.json that `nsinit spec` prints: docker-like capabilities, namespaces, a private /tmp... */
const char *config_default_json(void);

#endif
