/* What the parent and the static child say to each other. Shared by both sides; no heap, no stdio.
 *
 *   parent (library)                                     child (src/init, from a sealed memfd)
 *   ----------------                                     ------------------------------------
 *   record of intent, lock
 *   clone3(CLONE_VM | namespaces) ---------------------> shares memory until execveat of the sealed image
 *   [uid_map, gid_map] --------------- MAPPED ---------> setresuid(0), execveat         (user namespace only)
 *                     <---------------------- TREE ----- it has entered a mount namespace of others (such a one only)
 *   rootfs, sources of binds ----------- TREE ---------> one each: a copy made in its mount namespace (user namespace only)
 *   pid and start files                                  ops: host name, mounts, pivot_root, devices, masks
 *   cgroups, host ends of links        <-- CONSOLE ----- the pty's master, by SCM_RIGHTS      (tty only)
 *                     <-------------------- UNSHARED --- the network namespace is there (user namespace only)
 *   network namespace made ----------- NETWORK --------> enters it (rides along), then mounts sysfs
 *                     <-------------------- CHILD ------ pid and pidfd of the process           (join only)
 *   groups made ---------------------- PLACED ---------> writes "0" into the files that ride along: moving oneself
 *                                                        needs no grace period of the kernel, moving others does;
 *                                                        then ops: network, identity, capabilities, labels
 *   hooks prestart, createRuntime <----- PREPARED ------ the tree is mounted, "/" is still the host's   (hooks only)
 *   they have run --------------------- HOOKED --------> createContainer hooks; the state on their stdin rides along
 *                     <------------------- CREATED ------ all but the program (create and run of nsrun only)
 *   ~~~ create ends here; start connects to the socket that the child listens on, and speaks on that ~~~
 *   program may run -------------------- START --------> startContainer hooks; their state rides along
 *                     <-------------------- NOTIFY ------ the seccomp listener rides along        (notify only)
 *                     <-------------------- READY ------ last word before execve
 *                     <---------------------- EOF ------ close-on-exec: the program runs
 *                     <-------------------- ERROR ------ at any time: op, errno, system call, object, detail
 *
 * One SOCK_SEQPACKET pair. Every receive names what it expects and rejects all else. EOF before READY is a failure.
 * When the parent dies, the child reads EOF (or gets its parent-death signal) and dies too. */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include <stddef.h>
#include <stdint.h>

/* Descriptors of the child program, in this order and nothing else. */
#define WIRE_FD_SOCKET 3
#define WIRE_FD_PLAN 4
#define WIRE_FD_FIRST 5 /* the plan's own: slot N is descriptor WIRE_FD_FIRST + N */

enum wire_message_type {
    WIRE_MAPPED = 1,
    WIRE_CONSOLE,
    WIRE_CHILD,
    WIRE_UNSHARED,
    WIRE_TREE,
    WIRE_NETWORK,
    WIRE_PLACED,
    WIRE_PREPARED,
    WIRE_HOOKED,
    WIRE_CREATED,
    WIRE_START,
    WIRE_NOTIFY,
    WIRE_READY,
    WIRE_ERROR,
};
const char *wire_message_name(enum wire_message_type type);

/* Fixed layout, always sent whole. */
struct wire_message {
    uint32_t type;
    uint32_t op;      /* ERROR: index of the op that failed; PLACED: signals 1..31 that the caller ignores */
    int32_t errnum;   /* ERROR: positive errno */
    int32_t pid;      /* CHILD: in the parent's pid namespace */
    uint32_t outcome; /* ERROR: enum wire_outcome */
    uint32_t kind;    /* ERROR: enum wire_op_kind of the op that failed, for `start`, who has no plan */
    char syscall[24];
    char object[512];
    char detail[512]; /* ERROR of a hook: what it printed last rides along as a file, at most 4 KiB */
    char pointer[64]; /* ERROR of a hook: its own key */
};

enum wire_outcome { WIRE_FAILED, WIRE_NOT_EXECUTABLE, WIRE_NOT_FOUND };

/* One fd may ride along (SCM_RIGHTS); -1: none. Return 0 or -errno; receive returns 1 at EOF. */
int wire_send(int socket, const struct wire_message *message, int fd);
int wire_receive(int socket, struct wire_message *ret_message, int *ret_fd);
/* The same with several: what is more than there is room for is not a message of ours. */
#define WIRE_DESCRIPTORS_MAX 32
int wire_send_all(int socket, const struct wire_message *message, const int *fds, size_t count);
int wire_receive_all(
        int socket, struct wire_message *ret_message, int *ret_fds, size_t room, size_t *ret_count);

/* ---- the plan blob: offsets only, no pointers ---- */

/* clang-format off */
/* X(kind, name, doc): the child's step table, the printer and the error messages are all made from this list. */
#define WIRE_OPS(X)                                                                                          \
    X(SETNS, "setns")               /* slot; number0 CLONE_NEW*; number1: EPERM leaves it to a later op with this slot */ \
    X(UNSHARE, "unshare")           /* number0 CLONE_NEW*; number1: say UNSHARED */                          \
    X(JOIN_NETWORK, "join-network") /* wait for NETWORK and enter it */                                      \
    X(BECOME_ROOT, "become-root")   /* uid 0, gid 0 of the user namespace just joined */                     \
    X(JOIN_ROOT, "join-root")       /* slot: /proc/PID/root; fchdir and chroot */                            \
    X(FORK, "fork")                 /* enter the joined pid namespace as a child of the caller */            \
    X(HOSTNAME, "hostname")         /* text0 */                                                              \
    X(DOMAINNAME, "domainname")     /* text0 */                                                              \
    X(PROPAGATION, "propagation")   /* number0 MS_*: of the whole private mount tree */                      \
    X(SOURCE, "source")             /* text0 host path; number0 recursive; number1 slot to fill; number2: BIND copies */ \
    X(TREE, "tree")                 /* text0 host path; wait for TREE; number0 recursive; number1 slot to fill; number2: say TREE first */ \
    X(ROOTFS, "rootfs")             /* text0 host path; slot: its tree, or -1; number0: MS_* it gets in the end; number1: it stays there */ \
    X(MOUNT, "mount")               /* text0 type, 1 source, 2 destination, 3 data; number0 MS_*, 1 WIRE_MOUNT_*; of a remount \
                                       number0 also << 32 what is cleared, 2 attributes set, 3 cleared */    \
    X(BIND, "bind")                 /* text2 destination; number0 set, 1 clear, 2 flags, 3 propagation; slot */ \
    X(DEVICE, "device")             /* text0 path; number0 mode with type, 1 dev, 2 uid, 3 gid; number0: WIRE_KEEP */ \
    X(SYMLINK, "symlink")           /* text0 target, text1 path; number0: WIRE_KEEP */                       \
    X(CONSOLE, "console")           /* slot of a given pty, or -1: a new one; number0 bind, 1 rows, columns */ \
    X(SYSCTL, "sysctl")             /* text0 key with slashes, text1 value */                                \
    X(MASK, "mask")                 /* text0 path */                                                         \
    X(READONLY, "readonly")         /* text0 path */                                                         \
    X(LABEL, "label")               /* text0 "apparmor" or "selinux", text1 label: at the next exec; or "selinux-key" */ \
    X(OOM_SCORE, "oom-score")       /* number0 */                                                            \
    X(ROOT_ATTRIBUTES, "root-attributes") /* number0 MOUNT_ATTR_* to set on the root mount */                \
    X(DETACH_HOST, "detach-host")   /* number0: the rootfs becomes "/"; number1: by chroot, not pivot_root */ \
    X(CHROOT, "chroot")             /* text0: only without a mount namespace of its own */                   \
    X(WAIT, "wait")                 /* for PLACED */                                                         \
    X(NETWORK, "network")           /* text0 interface; data: rtnetlink messages */                          \
    X(RLIMIT, "rlimit")             /* text0 name; number0 resource, 1 soft, 2 hard */                       \
    X(SESSION, "session")           /* setsid; the console becomes the controlling terminal and 0, 1, 2; number0: they become the user's */ \
    X(USER, "user")                 /* text0 user, text1 group, or number0 = 1: uid number1, gid number2; data: additional gids (uint32) */ \
    X(BOUNDING, "bounding")         /* number0 kept */                                                       \
    X(IDENTITY, "identity")         /* groups, gid, uid; number0: setgroups may be denied (one id mapped); number1: the groups stay */ \
    X(CAPABILITIES, "capabilities") /* number0 permitted; with text0: exactly, and 1 effective, 2 inheritable, 3 ambient; text1: and SYS_ADMIN in reserve */ \
    X(UMASK, "umask")               /* number0 */                                                            \
    X(CWD, "cwd")                   /* text0; number0 enum wire_cwd */                                       \
    X(NO_NEW_PRIVILEGES, "no-new-privileges")                                                                \
    X(MAP, "map")                   /* unshare(NEWUSER), say UNSHARED, wait for MAPPED, become root: after joined namespaces */ \
    X(TIME_OFFSETS, "time-offsets") /* a time namespace of its own; text0: lines for timens_offsets */       \
    X(KEYRING, "keyring")           /* text0: name of a new session keyring */                               \
    X(HOOKS, "hooks")               /* PREPARED, HOOKED; data: createContainer hooks, see wire_hook; text0 host path of the rootfs, or none */ \
    X(COMMAND, "command")           /* text0: argv[0] must be found now, before CREATED; text1: PATH */       \
    X(START, "start")               /* CREATED; slot of a listening socket, or -1: wait here; data: startContainer hooks */ \
    X(PRESERVE, "preserve")         /* number0 descriptors from this slot on; data: the numbers that they get, int32 */ \
    X(AFFINITY, "affinity")         /* data: CPU mask */                                                      \
    X(SCHEDULER, "scheduler")       /* data: struct sched_attr */                                             \
    X(IO_PRIORITY, "io-priority")   /* number0 as ioprio_set(2) wants it */                                   \
    X(MEMORY_POLICY, "memory-policy") /* number0 mode and flags, 1 bits in the mask; data: node mask */       \
    X(PERSONALITY, "personality")   /* number0 */                                                            \
    X(SECCOMP, "seccomp")           /* data: struct sock_filter[]; number0 SECCOMP_FILTER_FLAG_*, 1: say NOTIFY, 2: by EXEC, as its last call before */ \
    X(RUN_HOOKS, "run-hooks")       /* data: hooks; slot: their standard input; text0: working directory; number0: go on after one failed */ \
    X(DONE, "done")                 /* READY, and the end: for plans without a program */                      \
    X(EXEC, "exec")                 /* data: argv then envp as uint32 string offsets; number0 argc, 1 envc, 2: add HOME */
/* clang-format on */

enum wire_op_kind {
#define WIRE_OP_ENUM(kind, name) WIRE_OP_##kind,
    WIRE_OPS(WIRE_OP_ENUM)
#undef WIRE_OP_ENUM
            WIRE_OP_MAX_,
};
const char *wire_op_name(enum wire_op_kind kind);

/* number1 of MOUNT and number2 of BIND */
#define WIRE_MOUNT_NO_SYMLINKS 1u    /* destination must be a real directory reached without links */
#define WIRE_MOUNT_RECURSIVE_ATTR 2u /* attributes apply to submounts too */
#define WIRE_MOUNT_RECURSIVE 4u      /* bind with submounts */
#define WIRE_MOUNT_COPY_UP 8u        /* a tmpfs that begins with what lies below it */
#define WIRE_MOUNT_REMOUNT 16u       /* changes the mount that is there */
#define WIRE_MOUNT_KEEP_MODE 32u     /* a tmpfs with the mode of the directory that is there */
#define WIRE_MOUNT_GUARD_PROC 64u    /* not on anything that a procfs shows */
#define WIRE_MOUNT_FROM_PROC 128u    /* the source must be the root of a procfs */
#define WIRE_MOUNT_PROPAGATION_SHIFT 32

/* number0 of DEVICE (beside the mode) and SYMLINK: in a tree that is not ours. What is there stays, links on the way are
 * followed inside the root, and where nodes cannot be made the host's is bound. */
#define WIRE_KEEP (1ull << 32)

struct wire_op {
    uint16_t kind;
    int16_t slot;     /* -1: none */
    uint32_t text[4]; /* offsets of NUL-terminated strings; 0: none */
    uint64_t number[4];
    uint32_t data, data_length;
};

/* number0 of CWD. FIRST and LAST stand before and after the change of identity: some directories are only for root, some
 * only for the user. */
enum wire_cwd {
    WIRE_CWD_ENTER,
    WIRE_CWD_MAKE,  /* below the root that is not "/" yet, where it is missing */
    WIRE_CWD_FIRST, /* may be refused */
    WIRE_CWD_LAST,  /* where FIRST was */
};

/* The data of HOOKS, START and RUN_HOOKS: this header, then for each hook a struct wire_hook followed by argc and envc
 * uint32 string offsets. */
struct wire_hook_list {
    uint32_t count;
};
struct wire_hook {
    uint32_t path, pointer, timeout, argc, envc; /* timeout in seconds, 0: none */
};

#define WIRE_MAGIC 0x31706c63u /* "clp1" */

#define WIRE_DIE_WITH_PARENT 1u

struct wire_plan {
    uint32_t magic;
    uint32_t size; /* of the whole blob; its last byte is NUL, so that every offset below it is terminated */
    uint32_t n_ops, ops;
    uint32_t n_slots; /* slots 0..n_given-1 arrive as descriptors, the rest is filled by ops */
    uint32_t n_given;
    uint32_t flags;
    uint32_t reserved;
};

/* Checks every offset and count. Returns 0 or -EBADMSG. */
int wire_plan_check(const void *blob, size_t size);

#endif
