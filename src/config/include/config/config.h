/* lc_config: what container.json or an OCI config.json says, checked and in the library's own types. Pure: no root, no
 * side effect. Strings live in the arena. Every object remembers the JSON pointer of the key that made it; line and column are
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

/* One row per namespace: "NEWNS" in container.json, "mount" in config.json, "mnt" in /proc/PID/ns, its CLONE_NEW*
 * flag. */
struct config_namespace_name {
    const char *key, *oci, *proc;
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

struct config_mappings {
    struct config_mapping *uid, *gid;
    size_t n_uid, n_gid;
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
    uint64_t super_clear;          /* the same, asked to be off: only a remount can tell */
    uint64_t propagation; /* MS_PRIVATE|MS_SLAVE|MS_SHARED|MS_UNBINDABLE, with MS_REC; 0: as inherited */
    const char *data;     /* remaining options, comma-separated, for the file system; NULL: none */
    bool remount;         /* "remount": changes what is mounted there already */
    bool copy_up;         /* "tmpcopyup": a tmpfs that begins with what lies below it */
    bool idmap, recursive_idmap;     /* "idmap", "ridmap" */
    struct config_mappings mappings; /* of the idmap; empty: those of the container's user namespace */
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

/* One of the six lists of hooks. */
struct config_hook {
    const char *pointer; /* "/hooks/prestart/0" */
    const char *path;
    const char **args, **env; /* NULL-terminated; args NULL: only the path */
    size_t n_args, n_env;
    uint32_t timeout; /* seconds; 0: none */
};
enum config_hook_kind {
    HOOK_PRESTART,
    HOOK_CREATE_RUNTIME,
    HOOK_CREATE_CONTAINER,
    HOOK_START_CONTAINER,
    HOOK_POSTSTART,
    HOOK_POSTSTOP,
    HOOK_MAX_,
};
extern const char *const config_hook_names[HOOK_MAX_]; /* "prestart", ... */

struct config_hooks {
    struct config_hook *list;
    size_t count;
};

struct config_pair {
    const char *name, *value;
};

/* linux.seccomp as written, names checked; compiled by the security room. */
struct config_seccomp_arg {
    uint32_t index;
    uint64_t value, value_two;
    const char *op; /* "SCMP_CMP_EQ" */
};
struct config_seccomp_rule {
    const char *pointer; /* "/linux/seccomp/syscalls/3" */
    const char **names;
    size_t n_names;
    const char *action; /* "SCMP_ACT_ERRNO" */
    struct config_number errno_ret;
    struct config_seccomp_arg *args;
    size_t n_args;
};
struct config_seccomp {
    bool present;
    const char *default_action;
    struct config_number default_errno;
    const char **architectures, **flags;
    size_t n_architectures, n_flags;
    bool flags_given;                              /* "flags": [] is not the same as no flags */
    const char *listener_path, *listener_metadata; /* NULL: none */
    struct config_seccomp_rule *rules;
    size_t n_rules;
    const char *text; /* the object as written, in the configuration's own text; NULL: not known */
    size_t length;
    /* Compiled before, and then nothing else of this is filled in. */
    const void *program;        /* struct sock_filter[] */
    size_t program_length;      /* in bytes */
    unsigned int program_flags; /* SECCOMP_FILTER_FLAG_* */
};

/* process.scheduler, as struct sched_attr wants it. */
struct config_scheduler {
    bool set;
    uint32_t policy; /* SCHED_* */
    int32_t nice, priority;
    uint64_t flags, runtime, deadline, period;
};

struct config_memory_policy {
    bool set;
    uint32_t mode;     /* MPOL_* */
    uint32_t flags;    /* MPOL_F_* */
    const char *nodes; /* "0-1,3", or NULL */
};

struct config_time_offset {
    bool set;
    int64_t seconds;
    uint32_t nanoseconds;
};

struct config_rdt {
    bool present;
    const char *clos_id, *l3_cache, *memory_bandwidth; /* NULL: not given */
    const char **schemata;
    size_t n_schemata;
    bool monitoring;
};

struct config_net_device {
    const char *pointer; /* "/linux/netDevices/eth0" */
    const char *host_name, *name;
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
    LIMIT_CPU_BURST,
    LIMIT_BLKIO_WEIGHT,
    /* from here on config.json only */
    LIMIT_CPU_IDLE,
    LIMIT_CPU_RT_PERIOD,
    LIMIT_CPU_RT_RUNTIME,
    LIMIT_MEMORY_SWAPPINESS,
    LIMIT_MEMORY_KERNEL,     /* obsolete: accepted, no effect, a warning */
    LIMIT_MEMORY_KERNEL_TCP, /* v1 only */
    LIMIT_BLKIO_LEAF_WEIGHT,
    LIMIT_NET_CLASS,
    LIMIT_MAX_,
};

struct config_device_rule {
    char type;            /* 'a', 'c', 'b' */
    int64_t major, minor; /* -1: all */
    const char *access;   /* subset of "rwm" */
    bool allow;
};

/* One line of a blkio file: throttles and weights per device. */
enum config_blkio {
    BLKIO_READ_BPS,
    BLKIO_WRITE_BPS,
    BLKIO_READ_IOPS,
    BLKIO_WRITE_IOPS,
    BLKIO_WEIGHT,
    BLKIO_LEAF_WEIGHT,
};
struct config_blkio_rule {
    const char *pointer;
    enum config_blkio kind;
    int64_t major, minor;
    uint64_t value;
};

struct config_hugepage {
    const char *pointer;
    const char *size; /* "2MB", checked */
    uint64_t limit;
};

struct config_rdma {
    const char *pointer;
    const char *device;
    struct config_number handles, objects;
};

struct config_net_priority {
    const char *name;
    uint32_t priority;
};

/* A property of systemd's unit, checked: config/unit-properties.h. */
struct config_unit_property {
    const char *pointer, *line;
};

struct config_cgroups {
    bool present;
    const char *parent, *name; /* name NULL: to be generated */
    /* config.json: linux.cgroupsPath instead of parent and name. Absolute: from the root of each hierarchy; relative: below
     * the caller's own group; NULL: the id below the caller's own group. Then the container is put into every
     * hierarchy that the host has, whether or not a limit needs it. */
    bool oci;
    const char *path;
    bool systemd; /* --systemd-cgroup, "driver" */
    bool changes; /* of a living container: what is not given stays, swap too */
    struct config_unit_property *unit_properties; /* container.json; config.json has annotations */
    size_t n_unit_properties;
    bool disable_oom_killer, check_before_update;
    bool check_given; /* an update that says which */
    struct config_blkio_rule *blkio;
    size_t n_blkio;
    struct config_hugepage *hugepages;
    size_t n_hugepages;
    struct config_rdma *rdma;
    size_t n_rdma;
    struct config_net_priority *net_priorities;
    size_t n_net_priorities;
    struct config_pair *unified; /* file name and value, checked */
    size_t n_unified;
    bool device_access; /* true: no device filter */
    struct config_number limits[LIMIT_MAX_];
    const char *cpuset_cpus, *cpuset_mems; /* NULL: not set */
    struct config_device_rule
            *rules; /* extra rules: container.json's after the defaults, config.json's before */
    size_t n_rules;
};
/* "memory", "memory_swap", ...: the key below /cgroups; NULL for those that only config.json has. */
extern const char *const config_limit_keys[LIMIT_MAX_];

/* The keys of the format that was read, for what is said about ops and errors: "/namespaces" or "/linux/namespaces". */
struct config_pointers {
    const char *hostname, *domainname, *namespaces, *uid_mappings, *gid_mappings, *user, *additional_groups,
            *umask, *working_dir, *environment, *capabilities, *capabilities_mask, *no_new_privileges,
            *oom_score_adj, *tty, *readonly_fs, *no_pivot_root, *apparmor_profile, *process_label,
            *mount_label, *masked_paths, *readonly_paths, *cgroups, *rootfs_propagation, *seccomp, *scheduler,
            *io_priority, *cpu_affinity, *personality, *memory_policy, *time_offsets, *rdt, *command;
};
extern const struct config_pointers config_pointers_json, config_pointers_oci;

enum config_capability_set {
    CAPS_BOUNDING,
    CAPS_EFFECTIVE,
    CAPS_PERMITTED,
    CAPS_INHERITABLE,
    CAPS_AMBIENT,
    CAPS_MAX_
};

/* What only config.json can say. */
struct config_oci {
    const char *version; /* ociVersion */
    struct config_pair *annotations;
    size_t n_annotations;
    bool keep_groups; /* the program keeps the caller's supplementary groups */
    const char *join; /* config.json without what only the making of a container needs */
    size_t join_length;
    const char *rootfs; /* root.path as written */
    const char *bundle; /* directory of config.json, absolute; relative paths begin there */
    const char **argv;  /* NULL-terminated; NULL: no process */
    size_t n_argv;
    uint32_t uid, gid;
    unsigned short rows, columns;                /* consoleSize */
    const char *namespace_paths[NAMESPACE_MAX_]; /* joined instead of made; NULL: see `namespaces` */
    uint64_t rootfs_propagation;                 /* MS_SHARED... with MS_REC where written so; 0: not given */
    uint64_t capabilities[CAPS_MAX_];
    bool capabilities_present; /* without: none at all */
    struct config_hooks hooks[HOOK_MAX_];
    struct config_seccomp seccomp;
    struct config_scheduler scheduler;
    struct config_number io_priority;              /* as ioprio_set(2) wants it */
    const char *affinity_initial, *affinity_final; /* "0-3,7" */
    struct config_number personality;              /* as personality(2) wants it */
    struct config_memory_policy memory_policy;
    struct config_time_offset monotonic, boottime;
    struct config_rdt rdt;
    struct config_net_device *net_devices;
    size_t n_net_devices;
};

struct lc_config {
    struct arena arena;
    const struct config_pointers *pointers;
    bool from_oci;         /* config.json: only the mounts it lists, exact identity, five capability sets */
    struct config_oci oci; /* zero for container.json */
    const char *file;      /* as given, for messages: "container.json" */
    const char *text;      /* the JSON text, for config_locate */
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
    const char **warnings; /* what was read and has no effect; no newline, file and line within */
    size_t n_warnings;
};

struct config_options {
    bool lenient; /* unknown keys are ignored instead of refused */
};

/* Parses and validates. On failure *err holds every error found, each with file, line, column and pointer. */
int config_parse(const char *text, size_t length, const char *file, const struct config_options *options,
        struct lc_config **ret, struct lc_error **err);
/* The "cgroups" object of a container.json, with no more than what can change while a container lives: for an update. What is
 * kept is in the arena, also on failure. */
int config_parse_limits(const char *text, size_t length, const char *file, struct arena *arena,
        struct config_cgroups *ret, struct lc_error **err);
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
