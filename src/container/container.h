/* The parent side, shared by the files of this room. */
#ifndef CONTAINER_CONTAINER_H
#define CONTAINER_CONTAINER_H

#include <base/error.h>
#include <base/log.h>
#include <cgroups/cgroups.h>
#include <config/config.h>
#include <lcsys/aside.h>
#include <libcontainer.h>
#include <network/network.h>
#include <plan/plan.h>
#include <wire/wire.h>

#include <limits.h>
#include <sys/resource.h>
#include <sys/types.h>

/* A process as two numbers that together are never reused: pid and start time (field 22 of /proc/PID/stat). */
struct identity {
    pid_t pid;
    unsigned long long start;
};
/* 0 or -ESRCH. */
int identity_read(pid_t pid, struct identity *ret);
/* The exit status of one that has ended and is not reaped yet; -1: not known. */
int identity_status(const struct identity *identity);
/* Alive, not a zombie and not about to be one: somebody else may be slow to reap it. */
bool identity_runs(const struct identity *identity);
/* A pidfd of exactly this process, or -ESRCH when it has ended. */
int identity_open(const struct identity *identity);
/* Waits for the end of one that has been killed, whose pidfd this is; false: timeout_ms were not enough. */
bool identity_await(
        const struct identity *identity, int pidfd, const struct cgroup_set *groups, int timeout_ms);
/* /proc/PID/stat behind the command name, in `text`: field 3 and on. NULL: there is no such process. */
char *process_stat(pid_t pid, char *text, size_t size);
/* Signals 1..31 that the calling process ignores, bit N-1. */
uint32_t signals_ignored(void);
bool identity_alive(const struct identity *identity);

struct seccomp_filter;

/* What an OCI container has besides. */
struct record_oci {
    bool present;
    char *bundle, *rootfs, *version, *rdt; /* rdt: the resctrl group that was made, or NULL */
    char created[40];                      /* RFC 3339 */
    bool complete;                         /* create has done its work */
    unsigned long long root_mount;         /* mount id of the rootfs in the caller's mount namespace, or 0 */
    uint32_t joined;                       /* namespaces by path, NAMESPACE_BIT() */
    uint32_t hooks;                        /* 1 << enum config_hook_kind: which there are */
    bool listener;                         /* seccomp listener: start has to pass it on */
    bool no_process;                       /* there is nothing to start */
    int status;                            /* exit status of the first process; -1: not known */
    char *final;                           /* JSON of final.c; NULL: not taken */
    unsigned long long config, config_length; /* where config.json stands in the state file */
    /* Behind it: what joining processes need of it, and their filter. join_length 0: neither, they read config.json. */
    unsigned long long join_length, filter_length;
    unsigned int filter_flags;
};

/* What is known of a container, kept in the state directory: written before the first side effect. */
struct record {
    struct identity owner, init; /* owner: who started it and cleans up */
    char *root;                  /* as it was called when the record was written; only read */
    uint32_t namespaces;         /* own ones, NAMESPACE_BIT() */
    bool foreign_network;
    /* Without a pid namespace and without a group its processes are found by one of their own namespaces. */
    char mark[16]; /* "mnt", ..., or "" */
    unsigned long long mark_dev, mark_ino;
    struct cgroup_set groups;
    struct network_link *links;
    size_t n_links;
    struct record_oci oci;
};

struct container {
    char root[PATH_MAX], rootfs[PATH_MAX];
    int root_fd;                    /* directory of container.json, pid, start */
    int state_fd, lock_fd;          /* state directory; the locked record file, -1 when not locked */
    char id[256], record_name[264]; /* device and inode of the root directory; with ".json". OCI: id, twice */
    int mark_fd;                    /* holds the namespace of record.mark, or -1 */
    const struct log *log;
    bool beginning;                      /* OCI: its maker is at it, and has recorded nothing yet */
    const struct lc_config *config;      /* OCI: what is written behind the first record */
    const struct seccomp_filter *filter; /* OCI: the same */
    /* The last word on it: taken by reclaim_resources() when wanted. The exit status of its first process, or -1. */
    bool wants_final, watched;
    int status;
    const struct rusage *usage; /* of that process, or NULL */
    char *final;
    struct record record;
};

/* store.c: directories, lock, record */
int container_open(struct container *container, const char *root, const char *rootfs, const struct log *log,
        struct lc_error **err);
void container_close(struct container *container);
int container_lock(struct container *container, struct lc_error **err);
void container_unlock(struct container *container);
#define RECORD_MAX ((off_t)256 * 1024)
int record_write(struct container *container, struct lc_error **err);
/* 0: container->record is filled; 1: there is none. */
int record_read(struct container *container, struct lc_error **err);
/* The same from this descriptor of it, without a lock: a record that is being written is waited for. -EBADMSG: damaged. */
int record_load(struct container *container, int fd);
void record_done(struct record *record);
/* The record as one JSON object. NULL when out of memory. */
char *record_format(const struct container *container, const char *status);
int record_parse(const char *text, struct record *record);

/* inherited-root.c: a descriptor of the copy of the rootfs that the child attaches where it stands; and its end. */
int inherited_root_copy(struct container *container, struct lc_error **err);
int inherited_root_remove(const struct container *container, struct lc_error **err);

/* files.c: pid and start */
int files_write(const struct container *container, struct lc_error **err);
void files_warn_stale(const struct container *container);
void files_remove(const struct container *container);

/* reclaim.c: the end of a container, normal or after a crash */
int container_reclaim(struct container *container, struct lc_error **err);
/* Processes, interfaces, groups; not the files. */
int reclaim_resources(struct container *container, struct lc_error **err);
/* After a failed join, unlocked: true when the reason is that the container has ended. */
bool container_ended(const struct container *container, int patience_ms);
/* The normal end: locks, and reclaims, unless somebody else has done so meanwhile. */
int container_end(struct container *container, struct lc_error **err);
/* Locks, and looks whether the container lives; leftovers are reclaimed. 1: alive, 0: not. Stays locked. */
int container_settle(struct container *container, struct lc_error **err);

/* image.c */
int image_open(struct lc_error **err);

/* targets.c: missing mount points, where the child itself could not make them */
int targets_make(const struct container *container, const struct lc_config *config, struct lc_error **err);

/* trees.c: what the child's ops TREE wait for. After its ids are mapped and, where it enters a pid namespace, after CHILD */
struct session;
int trees_send(struct session *session, struct lc_error **err);

/* netns.c: a new network namespace, where the plan wants one, made while other work goes on */
struct session;
void netns_begin(struct session *session, const struct lc_config *config);
/* Its descriptor, or -errno. */
int netns_take(struct session *session, struct lc_error **err);
void netns_drop(struct session *session);

/* spawn.c: one child program with exactly these descriptors */
struct spawn {
    uint64_t clone_flags;
    int cgroup_fd; /* CLONE_INTO_CGROUP, or -1 */
    bool placed;   /* out: the kernel put it there */
    int stdio[3];
    const int *given;
    size_t n_given;
    int plan_fd, image_fd, child_socket;
    int parent_socket; /* with wait_mapped */
    char *const *argv; /* of the image; NULL: the role that runs the plan */
    bool own_memory;   /* a copy of ours instead of ours: the group limits memory */
    bool vfork;        /* return only when the image runs */
    bool wait_mapped;  /* user namespace: wait for MAPPED, then become root, before the image is executed */
    void *stack;       /* out: to be freed when the child has executed the image */
    pid_t pid;         /* out */
    int pidfd;         /* out, -1 without */
};
int spawn_child(struct spawn *spawn);
void spawn_release(struct spawn *spawn);

/* guard.c: the watcher of a foreground process; src/init/guard.c says what it is for */
struct guard {
    pid_t pid; /* 0: none */
    int pidfd, pipe;
};
/* `container`: all of whose processes are to be killed with it, where it has no pid namespace; NULL for a joined process.
 * Once only. */
int guard_start(struct guard *guard, int pidfd, const struct container *container, struct lc_error **err);
/* After the process has ended. */
void guard_end(struct guard *guard);

/* options.c: copies the structure of a caller, with zeros where it is shorter; unknown members and flags are -EINVAL. */
enum options {
    OPTIONS_EXEC,
    OPTIONS_RUNTIME,
    OPTIONS_CREATE,
    OPTIONS_PROCESS,
    OPTIONS_UPDATE,
    OPTIONS_EVENTS,
    OPTIONS_MAX_
};
struct options_kind {
    const char *name;
    size_t size, least, flags_at; /* flags_at 0: none */
    unsigned int flags;
};
extern const struct options_kind options_kinds[OPTIONS_MAX_];
int options_take(const void *given, void *ret, const struct options_kind *kind, struct lc_error **err);
int options_flags(unsigned int given, unsigned int known, struct lc_error **err);

/* session.c: the conversation with one child */
struct session {
    const struct lc_plan *plan;
    const struct log *log;
    struct spawn spawn;
    int socket, console, listener; /* listener: of seccomp */
    bool wants_listener;           /* OCI: NOTIFY comes before READY */
    pid_t pid;                     /* of the process itself: the fork's in a join; -1: not our child */
    int pidfd;
    struct guard guard;
    struct aside netns; /* makes the network namespace, while netns_begun: then the session must not move */
    bool netns_begun;
    bool away;                       /* the child is kept off our processor, until it is placed */
    const char *stage;               /* for messages; NULL: "create" or "join" */
    bool memory_limited;             /* the group that the child is born in */
    bool patient;                    /* hooks have no limit of time but their own, */
    int meanwhile;                   /* ... or the life of this pidfd's process; -1: nobody's */
    const struct cgroup_set *groups; /* ... nor has who is frozen in these; or NULL */
    bool ready, failed;
    bool in_place;         /* TREE has come */
    unsigned int unshared; /* how often UNSHARED has come, perhaps while something else was waited for */
};
void session_init(struct session *session, const struct log *log);
int session_start(
        struct session *session, const int stdio[3], const int *given, int cgroup_fd, struct lc_error **err);
/* Until this message arrives, or, for WIRE_READY, until the program runs. */
int session_until(struct session *session, enum wire_message_type until, struct lc_error **err);
/* Until UNSHARED has come so often. */
int session_unshared(struct session *session, unsigned int count, struct lc_error **err);
int session_place(struct session *session, const struct cgroup_set *groups, struct lc_error **err);
/* Into groups below those of the container: what `exec --cgroup` says, one a line. */
int session_place_below(
        struct session *session, const struct cgroup_set *groups, const char *below, struct lc_error **err);
void session_abort(struct session *session);
void session_close(struct session *session);

/* api.c */
struct lc_process {
    struct container container;
    struct log log;
    struct session session;
    bool joined, waited;
    bool bare;        /* OCI: only to be waited for; what it leaves is another call's business */
    bool keeps_final; /* OCI: the last word is to be recorded */
    int status;
    struct rusage usage;
};

/* create.c, join.c */
int container_create(struct container *container, const struct lc_config *config,
        const struct lc_options *options, struct session *session, struct lc_error **err);
int container_join(struct container *container, const struct lc_config *config,
        const struct lc_options *options, struct session *session, struct lc_error **err);
/* Opens what the plan asks the parent for. */
int given_open(
        const struct lc_plan *plan, pid_t init, const int *descriptors, int *fds, struct lc_error **err);
void given_close(int *fds, size_t count);
/* What the host must have, before anything is made. */
int check_host(const struct lc_config *config, struct lc_error **err);
/* uid_map and gid_map, and MAPPED. */
int map_ids(const struct lc_config *config, const struct session *session, struct lc_error **err);
/* The child's network namespace. 0: a child that has died says why itself, later. */
int send_netns(const struct session *session, int netns);
/* The network namespace of a child that made its own. */
int child_netns(pid_t pid, struct lc_error **err);
int plan_for(const struct container *container, const struct lc_config *config,
        const struct lc_options *options, struct lc_plan **ret, struct lc_error **err);

/* wait.c */
/* `ret_usage` may be NULL: what it and its waited-for children have used; untouched, like all of the process, where somebody else has
 * reaped it. -ECHILD: so it is, and nobody knows its status. */
int wait_process_usage(pid_t pid, int pidfd, int *ret_status, struct rusage *ret_usage);
int raise_reaped(struct lc_error **err);
int wait_process(pid_t pid, int pidfd, int *ret_status);
/* Of a process that has been reaped; since Linux 6.15, else -1. */
int reaped_status(int pidfd);
/* 0 to 255, or 128+N after signal N. */
int exit_status(int code, int status);
int signal_process(pid_t pid, int pidfd, int signal);

/* hint.c: what the user can do, for the usual failures; adds to the newest error */
void hint_add(struct lc_error *err, const struct wire_message *message, const struct lc_plan *plan);
const char *hint_clone(int errnum, uint64_t flags);

/* locate.c: line and column for every error of the chain that has a pointer and no line */
void locate_errors(const struct lc_config *config, struct lc_error *err);

#endif
