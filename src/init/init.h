/* The child side: a static program without heap and stdio that runs the plan's ops as a step table. It is run from a
 * sealed memfd, never sees JSON, NSS, locale or the host's files, and holds only the descriptors of wire.h. */
#ifndef INIT_INIT_H
#define INIT_INIT_H

#include <lcsys/path.h>
#include <lcsys/syscalls.h>
#include <wire/wire.h>

#include <stdbool.h>
#include <sys/types.h>

#define INIT_SLOTS 4096
#define INIT_GROUPS 256

struct init {
    const char *blob;
    const struct wire_plan *plan;
    int socket;            /* to the parent, or, after START, to who started us */
    bool orphan;           /* outlives its parent from here on */
    int host_root;         /* O_PATH of the host's "/", until detach-host; cwd while mounts are made */
    int root;              /* O_PATH of the container's "/" */
    int console;           /* slave of the console's pty, -1: none */
    int null;              /* O_PATH of the host's verified /dev/null, -1: not opened yet */
    bool old_mounts;       /* no open_tree or no move_mount: slots hold O_PATH fds, not detached trees */
    bool masked_directory; /* the shared empty directory exists at mask_directory */
    int mask_directory;
    int dev;           /* O_PATH of our fresh /dev, -1: not opened yet */
    const char *fresh; /* where the last tmpfs was mounted, while nothing else was mounted but in it */
    int fresh_fd;      /* O_PATH of it, -1: not opened yet */
    uint64_t root_propagation; /* MS_* that the root mount gets when the host is out of reach */
    uint32_t ignored;          /* signals 1..31 that the caller ignored: bit N-1 */
    uid_t uid;
    gid_t gid, groups[INIT_GROUPS];
    const gid_t *group_list; /* groups, or the plan's */
    size_t n_groups;
    bool cwd_refused;             /* to root: the user has to try */
    const struct wire_op *filter; /* SECCOMP, to be loaded by EXEC */
    int output;                   /* of a hook that failed, rides along with ERROR; -1: none */
    int *slots;
    bool *uncopied;              /* of each slot: O_PATH of a source that is still to be copied */
    struct wire_message failure; /* filled by init_fail */
};

struct init_path {
    char text[40]; /* "proc/self/fd/123", relative to host_root */
};

static inline const char *init_text(const struct init *init, const struct wire_op *op, int which)
{
    return op->text[which] != 0 ? init->blob + op->text[which] : NULL;
}

/* Remember what failed; returns `result` (-errno). The first failure of an op wins. */
int init_fail(struct init *init, const char *syscall, const char *object, int result);
void init_detail(struct init *init, const char *text);
void init_close(int *fd);

/* A path for the old system calls that names exactly this descriptor, through the host's own /proc. */
struct init_path init_fd_path(int fd);

/* Small string helpers: all bounded, all NUL-terminate. */
size_t text_copy(char *out, size_t size, const char *text);
size_t text_append(char *out, size_t size, const char *text);
void text_append_number(char *out, size_t size, uint64_t number, unsigned int base);

/* Attach a bind source at destination; attributes first where the kernel allows it. */
struct bind_request {
    int source;       /* detached tree, or O_PATH fd with old_mounts */
    int target;       /* O_PATH */
    const char *name; /* below the target, made for this; NULL: the target itself */
    const char *destination;
    uint64_t set, clear, flags, propagation;
};
int init_bind(struct init *init, const struct bind_request *request);
/* Opens a bind source: a detached copy of the tree at `path` below `at`, or an O_PATH fd with old_mounts. */
int init_source(struct init *init, int at, const char *path, bool recursive);

/* mountinfo.c: the mounts of this namespace, parents first. */
struct init_mount {
    int id, parent;
    const char *point, *type; /* as seen from "/" */
};
typedef int init_mount_visit(struct init *init, const struct init_mount *mount, void *data);
int init_each_mount(struct init *init, init_mount_visit *visit, void *data); /* until one is not 0 */
int init_mount_id(struct init *init, int fd);
/* no-pivot.c: without a pivot what is below the new root stays mounted; its views of the kernel must not. */
int init_hide_host(struct init *init);

/* The MS_* kinds of propagation in `propagation`, one after the other. */
int init_propagation(int mounted, uint64_t propagation);
/* A mount that is there gets other attributes, and its file system other options. */
int init_remount(struct init *init, const struct wire_op *op);
/* What is below `below` (a directory) is copied into the new tmpfs on top of it. data: options of that. */
int init_copy_up(struct init *init, int below, const char *destination, const char *data);
/* The host's own device node at this path, proved to be that device; O_PATH, or -errno. */
int init_host_device(struct init *init, const char *path, mode_t type, dev_t device);

/* The mount's flags (MS_*) as they are, with what is asked changed. -errno. */
long init_mount_flags(int mounted, uint64_t set, uint64_t clear);
/* Kernels without mount_setattr: bind, remount every mount below. */
int init_old_attributes(struct init *init, int mounted, const struct bind_request *request);

/* What stands between us and the path: "/root lacks x for uid 1000 (mode 0700, owner 0:0)". */
void init_diagnose_path(struct init *init, int at, const char *path, int errnum);
/* Writes a file of the host's own procfs, which nothing in the container can have replaced. 0 or -errno. */
int init_write_proc(const struct init *init, const char *path, const char *text);

/* Hooks, one after the other. */
struct hooks_run {
    const struct wire_op *op; /* its data are the hooks */
    int state;                /* their standard input; -1: none */
    int directory;            /* or -1: */
    const char *path;
    bool keep_going; /* after one has failed; the first failure is the result */
    const struct wire_op
            *filter; /* SECCOMP: they run under it like the program that comes after them; or NULL */
};
int init_run_hooks(struct init *init, const struct hooks_run *run);
/* Loads a filter; with NOTIFY, READY is said with it where it is the last call. */
/* In the process of a hook: where there is a listener, nobody hears it, and its calls fail. */
int init_filter_hook(const struct init *init, const struct wire_op *op);
int init_load_filter(struct init *init, const struct wire_op *op);
/* Default actions for these of 1..31 (bit N-1) and for all above, by the system call: libc keeps three of them to itself,
 * and make(1) leaves one of those ignored. And nothing blocked. */
void init_default_signals(uint32_t low);
/* Out of the database of users: "/root". False: not to be found. */
bool init_find_home(struct init *init, uid_t uid, char *home, size_t size);

/* Why execve said ENOENT, EACCES or ENOEXEC for a path: interpreter, noexec, component. */
void init_diagnose_exec(struct init *init, const char *path, int errnum);

/* Die when the parent is already gone; arm the parent-death signal for later. */
void init_follow_parent(const struct init *init);

/* guard.c: the other role of this program. kind: "cgroup.kill", "cgroup.procs", a namespace, or NULL. */
int guard_main(const char *kind);

typedef int init_step(struct init *init, const struct wire_op *op);
init_step step_setns, step_unshare, step_join_network, step_become_root, step_join_root, step_fork,
        step_hostname, step_domainname, step_propagation, step_source, step_tree, step_rootfs, step_mount,
        step_bind, step_device, step_symlink, step_console, step_sysctl, step_mask, step_readonly, step_label,
        step_oom_score, step_root_attributes, step_detach_host, step_chroot, step_wait, step_network,
        step_rlimit, step_session, step_user, step_bounding, step_identity, step_capabilities, step_umask,
        step_cwd, step_no_new_privileges, step_map, step_time_offsets, step_keyring, step_hooks, step_command,
        step_start, step_preserve, step_affinity, step_scheduler, step_io_priority, step_memory_policy,
        step_personality, step_seccomp, step_run_hooks, step_done, step_exec;

#endif
