/* OCI containers: a file per container in a state root. Shared by the files of this room that deal with them.
 *
 *   STATE_ROOT/ID             the record, padded to a fixed size, and behind it config.json as it was at create, then the
 *                             part of it that who joins has to read, and the program of its seccomp filter.
 *                             flock: whoever changes something. A lock on one byte of it, held by a descriptor of the child
 *                             until its execve closes that: the container is "created", its program does not run yet.
 *   STATE_ROOT/.INODE.start   the socket on which the child listens for `start`; gone when the program runs.
 *   STATE_ROOT/.INODE.events  what happened, while somebody watches (journal.h).
 *
 * INODE is the record's, in hexadecimal: an id may be as long as a name can be, and the address of a socket may not. */
#ifndef CONTAINER_RUNTIME_H
#define CONTAINER_RUNTIME_H

#include "container.h"

#include <oci/oci.h>

struct lc_runtime {
    int fd; /* the state root */
    char root[PATH_MAX];
    unsigned int flags;
    struct log log;
};

/* runtime.c */
/* An error without a system call. */
int refuse(struct lc_error **err, const char *stage, int errnum, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));

enum status { STATUS_CREATING, STATUS_CREATED, STATUS_RUNNING, STATUS_PAUSED, STATUS_STOPPED, STATUS_MAX_ };
const char *status_name(enum status status);

/* ---- store-oci.c ---- */
int id_check(const char *id, struct lc_error **err);
/* Makes the empty record, locked. -EEXIST when the id is taken. */
int oci_make(struct lc_runtime *runtime, const char *id, struct container *container, struct lc_error **err);
/* Opens an existing container, its record read, without the lock. -ENOENT. */
int oci_open(struct lc_runtime *runtime, const char *id, struct container *container, struct lc_error **err);
/* The same, locked. */
int oci_open_locked(
        struct lc_runtime *runtime, const char *id, struct container *container, struct lc_error **err);
/* Locked again, and read anew: this very container, never another that has its id by now. -ENOENT. */
int oci_open_again(const struct container *mine, struct container *container, struct lc_error **err);
/* Is somebody changing it just now? */
bool oci_is_locked(struct lc_runtime *runtime, const char *id);
int record_write_oci(struct container *container, struct lc_error **err);
/* The configuration of the container as it was at create. */
int oci_config(const struct container *container, struct lc_config **ret, struct lc_error **err);
/* What of it a joining process needs, with another `process` when one is given; its messages get their places by oci_locate. */
int oci_config_join(const struct container *container, const char *process, const char *process_file,
        struct lc_config **ret, struct lc_error **err);
void oci_locate(const struct container *container, const struct lc_config *config, struct lc_error *err);
/* A descriptor that holds the lock of "created"; to be given to the child. */
int created_lock(const struct container *container, struct lc_error **err);
enum status oci_status(const struct container *container);
/* The name of another file of a container's. */
#define COMPANION_MAX 40
void oci_companion(const struct container *container, const char *kind, char *out, size_t size);
/* Removes its files. */
int oci_remove(struct container *container, struct lc_error **err);
/* Everything: processes, groups, interfaces, files. Locked. */
int oci_reclaim(struct container *container, struct lc_error **err);

/* preserve.c: so many of the caller's descriptors from 3 on, as `flags` (LC_PRESERVE_OPEN) has it. */
#define PRESERVED_MAX 256
struct preserved {
    unsigned int count;
    int fds[PRESERVED_MAX];
};
int preserved_take(unsigned int wanted, const char *stage, unsigned int flags, struct preserved *ret,
        const struct log *log, struct lc_error **err);

/* grant.c: takes out of all sets, with a warning, what the caller does not have. `namespaces`: own or joined. */
void capabilities_grant(struct lc_config *config, uint32_t namespaces, const struct log *log);

/* notify.c: the socket of sd_notify as two more mounts and a variable; what is allocated for that lives in `notify`. */
#define NOTIFY_MOUNTS 2
struct notify {
    struct config_mount *mounts;
    const char **environment;
    char *directory, *variable;
};
int notify_add(struct lc_config *config, const char *socket_path, struct notify *notify,
        const struct log *log, struct lc_error **err);
void notify_done(struct notify *notify);
/* For a process in a user namespace, which may not do so itself: hard limits that are higher than ours, and the out-of-memory score. */
void limits_raise(const struct lc_config *config, pid_t pid);

/* api-oci.c: the filters that were compiled in this state root */
struct oci_compiled oci_compiled(int runtime_fd);

/* exec-config.c */
int exec_config(const struct container *container, const struct lc_exec_options *options,
        struct lc_config **ret, struct lc_error **err);

/* ---- state-oci.c ---- */
/* The state as the specification says, for hooks and for people; `pid` 0: left out. Caller frees. */
char *oci_state_json(const struct container *container, const struct lc_config *config, enum status status,
        pid_t pid, bool for_people);

/* ---- hooks.c ---- */
/* Runs the hooks of one kind in the host's namespaces, with this state on their standard input. Where the specification has all go on
 * after one that failed, there is a warning and no error. */
int hooks_run(const struct container *container, const struct lc_config *config, enum config_hook_kind kind,
        enum status status, struct lc_error **err);
/* A memory file with the state in it. */
int state_file(const struct container *container, const struct lc_config *config, enum status status,
        struct lc_error **err);

/* ---- end-oci.c ---- */
/* Kills this very container, and, with `remove`, takes all of it away. Unlocked; one that is gone already is no error. */
int oci_end(const struct container *mine, bool remove, struct lc_error **err);

/* ---- handover.c: what the caller gets besides the return value ---- */
/* Sends a descriptor to a listening unix socket. `what`: for messages; `pointer`: the key with the path, or NULL. */
int send_descriptor(const char *path, int fd, const char *payload, size_t length, const char *what,
        const char *pointer, struct lc_error **err);
/* The new terminal's master, when there is one and somebody to get it; ours is closed then. */
int send_console(struct session *session, const char *path, struct lc_error **err);
int pid_file_write(const char *path, pid_t pid, struct lc_error **err);
/* All of that at the end of create and exec; what is NULL is not asked for. */
int hand_over(struct session *session, const char *console_socket, const char *pidfd_socket,
        const char *pid_file, struct lc_error **err);

/* ---- start.c ---- */
/* The configuration has no process. */
int refuse_start(struct lc_error **err);
/* A socket in the container's directory that the child will listen on. */
int start_listen(const struct container *container, struct lc_error **err);
/* START, with the state for the startContainer hooks. */
int start_send(const struct container *container, const struct lc_config *config, int socket_fd,
        struct lc_error **err);
/* What comes between START and the running program. */
int start_finish(struct container *container, const struct lc_config *config, struct session *session,
        struct lc_error **err);
/* poststart hooks, without the lock: they may take any time, and ask for the container's state or change it. It does not go on when one
 * fails; `remove`: nor stay. */
int start_poststart(
        struct container *container, const struct lc_config *config, bool remove, struct lc_error **err);

#endif
