/* The plan: what will be done, as a flat list of typed ops, each with the key that made it. Pure apart from looking
 * up device numbers: nothing is opened, made or changed; `nsinit plan` prints it, the child runs it. */
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include <base/arena.h>
#include <base/buffer.h>
#include <base/error.h>
#include <cgroups/cgroups.h>
#include <config/config.h>
#include <wire/wire.h>

#include <stdbool.h>

/* A descriptor that the parent has to open before the child is spawned. */
enum plan_given_kind {
    GIVEN_TREE,      /* a detached copy of the mount tree at `path` */
    GIVEN_NAMESPACE, /* `path` is a namespace file */
    GIVEN_ROOT,      /* the root directory of the container's init */
    GIVEN_CONSOLE,   /* `path` is a pty slave */
    GIVEN_DEVICE, /* a new node, `device`, as a detached mount of its own: in a user namespace there are none to make */
    GIVEN_DESCRIPTOR, /* `number` of plan_options.descriptors: the parent has it open already */
};

struct plan_given {
    enum plan_given_kind kind;
    const char *path;
    enum config_namespace namespace; /* GIVEN_NAMESPACE of a running container: path is NULL */
    const char *pointer;
    /* GIVEN_TREE: recursively, and with ids mapped. */
    bool flat, idmap, recursive_idmap;
    const struct config_mappings *mappings; /* NULL: those of the container's user namespace */
    const struct config_device *device;     /* ids are the container's */
    unsigned int number;
};

#define PLAN_GIVEN_MAX 512

struct lc_plan {
    struct arena arena;
    const struct lc_config *config;
    struct buffer body; /* the blob behind the header: strings and data */
    struct wire_op *ops;
    const char **pointers; /* per op: the key it came from; "" for what is always done */
    size_t n_ops, capacity;
    struct plan_given given[PLAN_GIVEN_MAX];
    size_t n_given;
    struct plan_given *
            trees; /* GIVEN_TREE, one for each op TREE: copied in the child's mount namespace, when it is there */
    size_t n_trees;
    uint32_t n_slots, flags;
    uint64_t clone_flags; /* for the spawn itself */
    bool map_ids; /* the parent has to write uid_map and gid_map, before the program of the child runs */
    bool makes_network;   /* the parent makes the network namespace while the child mounts, and sends it */
    bool forks;           /* the process is a fork of the spawned child (join, or a pid namespace by path) */
    bool tells_trees;     /* the child says when it is in its mount namespace: TREE */
    bool inherits_mounts; /* there is something to mount, and no mount namespace: DESCRIPTOR_ROOT is given */
    bool maps_late;   /* the user namespace is made by the child itself, after it has joined others: op MAP */
    bool hooks;       /* op HOOKS: PREPARED has to be answered */
    bool waits_start; /* op START: CREATED comes before READY */
    bool notifies;    /* op SECCOMP sends NOTIFY */
    bool failed;      /* out of memory, or too many descriptors */
};

struct plan_options {
    const char *rootfs;           /* absolute, no symlinks */
    const char *const *argv;      /* NULL-terminated */
    const char *protect;          /* container path of container.json when it lies in the rootfs, or NULL */
    const char *console;          /* host path of a pty slave to use, or NULL */
    unsigned short rows, columns; /* of a new terminal */
    bool privileged;              /* effective uid 0: the parent opens mount sources for user namespaces */
    bool die_with_parent;
    /* For config.json. Descriptors that the parent has open, by plan_descriptor. */
    bool start;                      /* wait for START before the program */
    bool listen;                     /* ... on a listening socket: DESCRIPTOR_LISTEN is given */
    bool lock;                       /* DESCRIPTOR_LOCK is given: held open until the program runs */
    unsigned int preserved;          /* how many DESCRIPTOR_PRESERVED + i there are, */
    const int *preserved_as;         /* ... and the numbers, from 3 up, that they get */
    const char *keyring;             /* name of a new session keyring, or NULL */
    const struct cgroup_set *groups; /* what a mount of type "cgroup" shows, or NULL */
    const void *filter;              /* struct sock_filter[], or NULL */
    size_t filter_length;            /* in bytes */
    unsigned int filter_flags;       /* SECCOMP_FILTER_FLAG_* */
    bool filter_notifies;
    const char *const *extra_environment; /* "LISTEN_PID=1" or the like, NULL-terminated; or NULL */
};

/* DESCRIPTOR_ROOT: a detached copy of the rootfs, where plan->inherits_mounts. DESCRIPTOR_STATE: of plan_hooks only. */
enum plan_descriptor {
    DESCRIPTOR_LISTEN,
    DESCRIPTOR_LOCK,
    DESCRIPTOR_ROOT,
    DESCRIPTOR_PRESERVED,
    DESCRIPTOR_STATE = 0
};

/* A running container, for joins. */
struct plan_target {
    uint32_t namespaces;  /* those that differ from the caller's, NAMESPACE_BIT() set */
    bool foreign_network; /* networks: type netns */
};

/* Is the network namespace made by the parent, a third of the whole start, beside the child instead of before it? */
bool plan_makes_network(const struct lc_config *config);

int plan_create(const struct lc_config *config, const struct plan_options *options, struct lc_plan **ret,
        struct lc_error **err);
int plan_join(const struct lc_config *config, const struct plan_options *options,
        const struct plan_target *target, struct lc_plan **ret, struct lc_error **err);
/* After a hook of this kind has failed, all goes on as if it had not, with a warning. */
bool plan_hooks_go_on(const struct lc_config *config, enum config_hook_kind kind);
/* A plan without a container: hooks of one kind, in the namespaces of the caller. DESCRIPTOR_STATE is given. */
int plan_hooks(const struct lc_config *config, enum config_hook_kind kind, const char *bundle,
        struct lc_plan **ret, struct lc_error **err);
void plan_free(struct lc_plan *plan);

/* The wire blob; the caller frees. NULL when out of memory. */
void *plan_blob(struct lc_plan *plan, size_t *ret_size);

/* One op a line: side, op, arguments, key. */
void plan_print(const struct lc_plan *plan, struct buffer *out);
/* One of the child's ops, without newline. */
void plan_print_op(const struct lc_plan *plan, size_t index, struct buffer *out);

/* For the files of this room, and the start and end of every plan_... above. */
struct lc_plan *plan_new(const struct lc_config *config, const struct plan_options *options);
int plan_finish(struct lc_plan *plan, int result, struct lc_plan **ret, struct lc_error **err);

/* ---- the builder, for the files of this room ---- */
/* Appends an op made for `pointer` and returns it, zeroed with slot -1; a scratch op after a failure: never NULL. */
struct wire_op *plan_add(struct lc_plan *plan, enum wire_op_kind kind, const char *pointer);
/* Adds a string to the blob and returns its offset; 0 for NULL. */
uint32_t plan_text(struct lc_plan *plan, const char *text);
uint32_t plan_data(struct lc_plan *plan, const void *data, size_t length);
/* A slot that the parent fills. Only before any plan_slot(). */
int16_t plan_give(struct lc_plan *plan, struct plan_given given);
uint32_t plan_slot(struct lc_plan *plan); /* a slot that an op fills */

/* Slots of what comes from the host; 0 where there is none (no op asks then). */
struct plan_sources {
    int16_t rootfs, console, console_tree, kernel[8], devices[8], *mounts;
    int16_t *made;                      /* of config.json's devices, or -1 */
    const char **destinations, **nodes; /* of config.json's mounts and devices, cleaned */
};

struct plan_request {
    struct lc_plan *plan;
    const struct lc_config *config;
    const struct plan_options *options;
    bool user, mount;                   /* new user / mount namespace */
    bool enters;                        /* ... and of others by path, before a mount namespace can be made */
    bool network_joined, groups_waited; /* the ops for these are in the plan (config.json) */
    struct plan_sources sources;
    int16_t listen, preserved; /* slots of what the parent has open, -1: none */
    bool labelled;             /* the ops for labels and the like are in the plan */
};
void plan_namespaces(const struct plan_request *request);
void plan_join_network(const struct plan_request *request);
void plan_sources(struct plan_request *request);
void plan_filesystem(const struct plan_request *request);
void plan_mounts(const struct plan_request *request);
int plan_devices(const struct plan_request *request, struct lc_error **err);
void plan_sysfs(const struct plan_request *request);
/* The tree of config.json: only the mounts that it lists, then devices, links, console, hidden and read-only paths,
 * settings. Enters the network namespace on the way. */
int plan_tree_oci(struct plan_request *request, struct lc_error **err);
/* Once: the process is in its groups, and in a cgroup namespace whose root they are. After the network namespace: the
 * parent speaks in this order. */
void plan_wait_groups(struct plan_request *request);
void plan_network_once(struct plan_request *request);
/* What is in every /dev; the last link only where config.json says how it is. */
#define PLAN_DEVICES 6
#define PLAN_LINKS 5
#define PLAN_LINKS_OCI 6
struct plan_link {
    const char *target, *path;
};
extern const struct config_device plan_default_devices[PLAN_DEVICES];
extern const struct plan_link plan_default_links[PLAN_LINKS_OCI];
/* For the files of config.json's tree: its sources are opened, one mount of it, all of its nodes and links. */
void plan_give_devices(const struct plan_request *request);
int plan_sources_oci(struct plan_request *request, struct lc_error **err);
int plan_mount_oci(struct plan_request *request, size_t index, struct lc_error **err);
void plan_mount_cgroup(struct plan_request *request, const struct config_mount *mount);
void plan_add_bind(
        const struct plan_request *request, const struct config_mount *mount, int16_t slot, uint64_t flags);
void plan_add_remount(const struct plan_request *request, const struct config_mount *mount);
void plan_add_mount(const struct plan_request *request, const struct config_mount *mount, const char *data,
        uint64_t flags);
void plan_set_readonly(const struct plan_request *request, const struct config_mount *mount);
bool plan_mount_is(const struct config_mount *mount, const char *type);
/* Has its ids mapped: only the parent can do that. */
bool plan_is_mapped(const struct config_mount *mount);
int plan_check_mapped(
        const struct plan_request *request, const struct config_mount *mount, struct lc_error **err);
int16_t plan_give_mount(
        const struct plan_request *request, const struct config_mount *mount, const char *path);
/* In a user namespace the child can neither reach everything nor map ids, so the parent copies mount trees for it: within the
 * child's own mount namespace, where the kernel has locked what is read-only, nosuid, nodev or noexec on the host. */
bool plan_hands_trees(const struct plan_request *request);
int16_t plan_hand_rootfs(const struct plan_request *request);
int16_t plan_hand_mount(
        const struct plan_request *request, const struct config_mount *mount, const char *path);
/* The first mount from which on none has to do with nodes, links, console and /proc. */
size_t plan_first_independent(const struct plan_request *request);
int plan_nodes_oci(const struct plan_request *request, struct lc_error **err);
/* Lexically: "/a//./b/../c/" is "/a/c". */
const char *plan_clean_path(const struct plan_request *request, const char *path);
/* The last mount of the list whose destination is this clean path or above it; NULL: the rootfs itself. */
const struct config_mount *plan_mount_above(const struct plan_request *request, const char *path);
/* mount(2) flags of attributes. */
uint64_t plan_attr_flags(uint64_t attr);
const char *plan_labelled(const struct plan_request *request, const char *data);
struct wire_op *plan_source_op(
        const struct plan_request *request, const char *path, bool recursive, const char *pointer);
int16_t plan_source(
        const struct plan_request *request, const char *path, bool recursive, const char *pointer);
/* "/dev/fuse" alone means: the same numbers as on this host. */
int plan_look_up_device(struct config_device *device, struct lc_error **err);
struct wire_op *plan_add_device(
        const struct plan_request *request, const struct config_device *device, uint64_t flags);
void plan_console(const struct plan_request *request);
void plan_sysctls(const struct plan_request *request);
/* Read-only and masked paths: those below /proc, or all others. */
void plan_hiding(const struct plan_request *request, bool below_proc);
void plan_labels(const struct plan_request *request);
int plan_network(const struct plan_request *request, struct lc_error **err);
void plan_process(const struct plan_request *request);

/* ---- config.json: oci.c, oci-namespaces.c, oci-process.c, hooks.c ---- */
extern const enum config_namespace plan_join_order[NAMESPACE_MAX_];
int plan_create_oci(struct plan_request *request, struct lc_error **err);
int plan_join_oci(struct plan_request *request, const struct plan_target *target, struct lc_error **err);
void plan_namespaces_oci(struct plan_request *request);
/* slots: of each namespace, -1 where none. Those that we may enter as we are first, then the user namespace, then what it
 * gives the right to. */
void plan_enter_oci(struct plan_request *request, const int16_t *slots);
/* Once: labels, keyring and OOM score, all through the host's /proc. */
void plan_labels_oci(struct plan_request *request);
int plan_affinity(const struct plan_request *request, const char *list, struct lc_error **err);
int plan_process_oci(const struct plan_request *request, bool join, struct lc_error **err);
void plan_hook_data(struct lc_plan *plan, const struct config_hooks *hooks, struct wire_op *op);
int plan_loopback(const struct plan_request *request, struct lc_error **err);

#endif
