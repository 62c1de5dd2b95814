/* libcontainer: run a process in a container that a container.json or an OCI bundle describes.
 *
 * The only installed header. Conventions of every function here:
 *  - returns 0 (or what its comment says) on success and a negative errno on failure; outputs are untouched on failure;
 *  - `err` may be NULL; otherwise a failure stores there an error to be freed with lc_error_free(), and *err must be NULL
 *    or a chain that the new error is appended to;
 *  - thread-safe: no mutable globals, no constructor. One object must not be used by two threads at once;
 *  - the caller's signal handlers, signal mask, umask, working directory, environment, credentials and
 *    descriptors are left alone; descriptors made here are close-on-exec; waiting never touches other children.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBCONTAINER_H
#define LIBCONTAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LC_VERSION "0.3.0"

#define LC_API __attribute__((visibility("default")))

/* Version of the library that is linked, "MAJOR.MINOR.PATCH". Static string. Since: 0.1 */
LC_API const char *lc_version(void);

/* ---- errors ---- */

struct lc_error;

/* One line without newline: stage, op, JSON pointer, file:line:column, system call, object, cause, hint.
 * The caller frees it with free(3). NULL when out of memory. Since: 0.1 */
LC_API char *lc_error_format(const struct lc_error *err);
/* Positive errno of the cause, 0 when it is not a system error. Since: 0.1 */
LC_API int lc_error_errno(const struct lc_error *err);
/* Exit status a program should end with: 125, or 126 (command found but not executable), 127 (not found). Since: 0.1 */
LC_API int lc_error_status(const struct lc_error *err);
/* JSON pointer of the key that is at fault ("/mounts/3"), or NULL. Lives as long as the error. Since: 0.1 */
LC_API const char *lc_error_pointer(const struct lc_error *err);
/* What it failed on: a path, the command, an interface, or NULL. Lives as long as the error. Since: 0.2 */
LC_API const char *lc_error_object(const struct lc_error *err);
/* 1-based position in the configuration file; both 0 when unknown. Outputs may be NULL. Since: 0.1 */
LC_API void lc_error_position(const struct lc_error *err, int *ret_line, int *ret_column);
/* The next error of the same call (a file reports all of its errors), or NULL. Since: 0.1 */
LC_API const struct lc_error *lc_error_next(const struct lc_error *err);
/* Frees the whole chain. Accepts NULL. Since: 0.1 */
LC_API void lc_error_free(struct lc_error *err);

/* ---- configuration ---- */

struct lc_config;

struct lc_config_options {
    size_t size;  /* sizeof(struct lc_config_options) */
    bool lenient; /* ignore unknown keys */
};

/* Reads and validates a container.json. `options` may be NULL. The result is freed with lc_config_free(). Errors:
 * -EINVAL (one lc_error for each mistake in the file), and those of open(2) and read(2). Since: 0.1 */
LC_API int lc_config_load(const char *path, const struct lc_config_options *options, struct lc_config **ret,
        struct lc_error **err);
/* The same for text in memory; `name` stands for the file in messages. Since: 0.1 */
LC_API int lc_config_parse(const char *text, size_t length, const char *name,
        const struct lc_config_options *options, struct lc_config **ret, struct lc_error **err);
/* True when the configuration asks for a terminal. Since: 0.1 */
LC_API bool lc_config_tty(const struct lc_config *config);
/* Accepts NULL. Since: 0.1 */
LC_API void lc_config_free(struct lc_config *config);
/* A good container.json to begin with, as text. Static string. Since: 0.1 */
LC_API const char *lc_config_default(void);

/* ---- running ---- */

/* Flags of struct lc_options. */
#define LC_FINAL_STATS 4u /* lc_process_stats() is wanted at the end */
#define LC_LOG_STEPS 2u   /* log every step with its result; without it only lines that begin "warning: " */
#define LC_DIE_WITH_CALLER 1u /* the process is killed when the calling thread ends (foreground use) */

struct lc_options {
    size_t size;        /* sizeof(struct lc_options); unknown non-zero members are refused with -EINVAL */
    const char *root;   /* directory of container.json, pid and start; NULL: the working directory */
    const char *rootfs; /* directory that becomes "/"; NULL: the working directory */
    const char *const *argv; /* command and arguments, NULL-terminated, at least one */
    const char *console;     /* path of a pty slave to use with tty, or NULL: the container makes one */
    int stdio[3];            /* descriptors for 0, 1 and 2 of the process; -1: /dev/null. Unused with tty. */
    unsigned short rows, columns; /* size of the new terminal, in characters; 0: as the kernel makes it */
    unsigned int flags;
    void (*log)(void *data, const char *line); /* one line each, without newline; NULL: no log */
    void *log_data;
};

struct lc_process;

/* Starts the container of this root directory with the command as pid 1, or, when it is alive, runs the command inside it
 * (join). Returns when the program runs. A record in the state directory (/run/nsinit, or $XDG_RUNTIME_DIR/nsinit for
 * users) makes what a crash leaves behind removable by the next call. The caller must end with lc_process_wait(), which
 * also removes the container. Errors: -ENOENT/-EACCES of the command (lc_error_status 127/126), -EINVAL,
 * and those of the system calls that failed; nothing is left behind then. Since: 0.1 */
LC_API int lc_exec(const struct lc_config *config, const struct lc_options *options, struct lc_process **ret,
        struct lc_error **err);
/* Pid in the caller's pid namespace. Since: 0.1 */
LC_API pid_t lc_process_pid(const struct lc_process *process);
/* Pidfd, readable when the process has ended, or -1 on kernels without (before 5.3). Borrowed. Since: 0.1 */
LC_API int lc_process_pidfd(const struct lc_process *process);
/* Master of the process's terminal, non-blocking, or -1. Borrowed. Since: 0.1 */
LC_API int lc_process_console(const struct lc_process *process);
/* True when the process joined a container that was alive. Since: 0.1 */
LC_API bool lc_process_joined(const struct lc_process *process);
/* Sends a signal (by pidfd: never to a stranger). Errors: -ESRCH, -EPERM, -EINVAL. Since: 0.1 */
LC_API int lc_process_signal(struct lc_process *process, int signal);
/* Starts a small watcher that kills the process (and, with a container of its own, all of the container) when the
 * caller dies, even after the program has given up its parent-death signal. For long-lived foreground use. Since: 0.1 */
LC_API int lc_process_guard(struct lc_process *process, struct lc_error **err);
/* Blocks until the process has ended and, when it was the container's first, everything of the container is gone: processes,
 * cgroups, interfaces, pid and start files, record. *ret_status: 0..255, or 128+N after signal N. A failure to
 * remove something is an error, but *ret_status is set all the same. -ECHILD: it has ended and everything is gone, but its status is not
 * known, because the caller ignores SIGCHLD or somebody else has reaped it (Linux 6.15 knows it even then). Since: 0.1 */
LC_API int lc_process_wait(struct lc_process *process, int *ret_status, struct lc_error **err);
/* After lc_process_wait() of a container started with LC_FINAL_STATS, or LC_RECORD_END: the last word on it as a JSON object, with exit status,
 * memory (peak, limit, how often that was met, processes killed for it), CPU time, I/O and the peak of processes, taken when nobody
 * was in it any more; null is what no control group of it, or not this kernel, counts. Of a process that joined: what it has used
 * itself. The caller frees it. Errors: -EBUSY (not waited for), -ENODATA (not asked for). Since: 0.3 */
LC_API int lc_process_stats(const struct lc_process *process, char **ret_json, struct lc_error **err);
/* Removes the container that lc_container_run() has made, with all that its making made; it is killed first if it lives. Never another
 * one that has its id by now: when somebody has deleted it already, there is nothing to do. Since: 0.3 */
LC_API int lc_process_delete(struct lc_process *process, struct lc_error **err);
/* Accepts NULL. A process that has not been waited for is killed and waited for. Since: 0.1 */
LC_API void lc_process_free(struct lc_process *process);

/* ---- looking ---- */

/* The ops that lc_exec would run to start this container, one a line with the key each came from. Needs no root and
 * changes nothing. The caller frees *ret_text. Since: 0.1 */
LC_API int lc_plan_text(const struct lc_config *config, const struct lc_options *options, char **ret_text,
        struct lc_error **err);
/* State of the container of a root directory (NULL: the working directory) as a JSON object; the caller frees it. Cleans
 * up after a crash first. Since: 0.1 */
LC_API int lc_state(const char *root, char **ret_json, struct lc_error **err);

/* ---- controlling the container of a root directory (NULL: the working directory) while it lives ----
 * -ESRCH: none lives there. What these do is what lc_container_kill() and the others do for a container with an id. */

/* The containers of all root directories of the calling user that live now, as a JSON array of what lc_state() gives; "root"
 * is the directory. The caller frees it. Since: 0.3 */
LC_API int lc_list(char **ret_json, struct lc_error **err);
/* Sends a signal to the first process (by pidfd), or, with LC_KILL_ALL in `flags`, to every process. Errors: -ESRCH, -EINVAL,
 * -EPERM. Since: 0.3 */
LC_API int lc_kill(const char *root, int signal, unsigned int flags, struct lc_error **err);
/* Pids of all processes of the container, in the caller's pid namespace. The caller frees *ret_pids. Since: 0.3 */
LC_API int lc_processes(const char *root, pid_t **ret_pids, size_t *ret_count, struct lc_error **err);
/* Freezes or thaws all processes; returns when the kernel says that it is done. Errors: -EINVAL (it is paused already, or not),
 * -ENOTSUP (no group of it can be frozen), -ETIMEDOUT (then it runs on). Since: 0.3 */
LC_API int lc_pause(const char *root, struct lc_error **err);
LC_API int lc_resume(const char *root, struct lc_error **err);
/* Changes limits: all of them, or on failure none. `resources` is a "cgroups" object of container.json here. Since: 0.3 */
struct lc_update_options;
LC_API int lc_update(const char *root, const struct lc_update_options *options, struct lc_error **err);
/* What the container uses now, as lc_container_stats() gives it. What no control group of it counts is summed over its
 * processes, and listed in "from_processes". The caller frees it. Since: 0.3 */
LC_API int lc_stats(const char *root, char **ret_json, struct lc_error **err);

/* ---- watching a container ---- */

struct lc_events;

/* Flags of struct lc_events_options. */
#define LC_EVENTS_TIME 1u /* "time" in every line: RFC 3339, UTC, nanoseconds */

struct lc_events_options {
    size_t size; /* sizeof(struct lc_events_options) */
    unsigned int flags;
    /* When to be told that processes have to wait for a resource: "memory:some:150ms/1s", several with commas between them. The resource
     * is cpu, memory or io; "some" or "full" of the processes waited for so long within that window (500ms to 10s). NULL: never.
     * Needs cgroup v2 and pressure stall information. */
    const char *pressure;
};

struct lc_runtime;

/* Watches a container from now on: with a runtime the one of this id, which must not have stopped; without (NULL) that of this root
 * directory (NULL: the working directory), whose start is waited for when it does not live. `options` may be NULL. Freed with
 * lc_events_free(). Errors: -ENOENT, -ESRCH, -EINVAL (pressure), -ENOTSUP or those of the kernel where it cannot watch that.
 * Since: 0.3 */
LC_API int lc_events_open(struct lc_runtime *runtime, const char *id, const struct lc_events_options *options,
        struct lc_events **ret, struct lc_error **err);
/* A descriptor for poll(2), readable (POLLIN) when lc_events_next() may have something. Borrowed. Since: 0.3 */
LC_API int lc_events_fd(const struct lc_events *events);
/* The next event, without waiting: 1 and a line of JSON that the caller frees; 0: none now; -ESRCH: the container has ended and everything
 * has been said. {"type", "id" or "root", "data"}; the types: start, exec, pause, resume, update (what calls of this library did);
 * oom, oom_kill, pressure (what the kernel says); exit, always the last, with "status", "signal" and, when they could be read,
 * "final", the numbers that lc_process_stats() describes. Since: 0.3 */
LC_API int lc_events_next(struct lc_events *events, char **ret_json);
/* Accepts NULL. Since: 0.3 */
LC_API void lc_events_free(struct lc_events *events);

struct lc_check_result {
    const char *key; /* "/namespaces/0", "/cgroups/memory", ... */
    bool supported;
    const char *text; /* what is missing and how to get it, or a short remark; never NULL */
};
/* Probes the host for everything the configuration asks for, by trying it, and reports per key. Returns the number of
 * unsupported keys, or a negative errno when probing itself failed. Since: 0.1 */
LC_API int lc_check(const struct lc_config *config, const struct lc_options *options,
        void (*report)(void *data, const struct lc_check_result *result), void *data, struct lc_error **err);

/* ---- OCI containers: known by an id below a state root, they outlive the process that made them ---- */

/* Reads and validates config.json of a bundle (directory; NULL: the working directory) by the OCI runtime-spec 1.3. Unknown
 * keys are ignored, as the specification says. Errors as lc_config_load(). Since: 0.2 */
LC_API int lc_config_load_bundle(const char *bundle, struct lc_config **ret, struct lc_error **err);
/* The same for text in memory; `name` stands for the file in messages. Since: 0.2 */
LC_API int lc_config_parse_oci(const char *text, size_t length, const char *name, const char *bundle,
        struct lc_config **ret, struct lc_error **err);
/* A good config.json to begin with, for root or for the calling ordinary user. The caller frees *ret_json. Since: 0.2 */
LC_API int lc_config_default_oci(bool rootless, char **ret_json, struct lc_error **err);
/* The features document of the OCI runtime-spec: what this build can do, whether or not the host can. The caller frees
 * *ret_json. Since: 0.2 */
LC_API int lc_features(char **ret_json, struct lc_error **err);

struct lc_runtime;

/* Flags of struct lc_runtime_options. */
#define LC_SYSTEMD_CGROUP 1u /* linux.cgroupsPath is "slice:prefix:name", and systemd makes the groups */

struct lc_runtime_options {
    size_t size; /* sizeof(struct lc_runtime_options) */
    const char *
            root; /* state root, made with mode 0700 when missing; NULL: /run/nsrun or $XDG_RUNTIME_DIR/nsrun */
    unsigned int flags;
    void (*log)(void *data, const char *line); /* as in struct lc_options */
    void *log_data;
};

/* Opens a state root. One that others could write to is refused (-EPERM). `options` may be NULL. Freed with
 * lc_runtime_free(). Thread-safe: several threads may use one. Since: 0.2 */
LC_API int lc_runtime_open(
        const struct lc_runtime_options *options, struct lc_runtime **ret, struct lc_error **err);
/* Accepts NULL. Since: 0.2 */
LC_API void lc_runtime_free(struct lc_runtime *runtime);
/* As lc_config_load_bundle(), faster: a seccomp profile that this state root has compiled before, byte by byte the same, is not read again.
 * Since: 0.3 */
LC_API int lc_runtime_load_bundle(
        struct lc_runtime *runtime, const char *bundle, struct lc_config **ret, struct lc_error **err);

/* Flag of struct lc_create_options and struct lc_exec_options: of the descriptors to be preserved those that are closed, or would be
 * closed by execve(2), stay closed, with a warning. Without it one that is closed is an error. Since: 0.3 */
#define LC_PRESERVE_OPEN 16u

/* Flags of struct lc_create_options. */
#define LC_NO_PIVOT 1u       /* chroot instead of pivot_root, for a root on ramfs */
#define LC_NO_NEW_KEYRING 2u /* keep the caller's session keyring */
/* lc_container_run: at its end exit status and last word (lc_process_stats) go into the state. Since: 0.3 */
#define LC_RECORD_END 4u

struct lc_create_options {
    size_t size;                /* sizeof(struct lc_create_options) */
    const char *console_socket; /* path of a socket that gets the master of the terminal, or NULL */
    const char *pid_file;       /* gets the pid, atomically, or NULL */
    const char *pidfd_socket;   /* path of a socket that gets the pidfd, or NULL */
    const char *notify_socket;  /* $NOTIFY_SOCKET of the caller, or NULL */
    int stdio[3];               /* descriptors for 0, 1 and 2; -1: /dev/null. Unused with a terminal */
    unsigned int preserve_fds;  /* so many of the caller's descriptors from 3 on go to the program */
    unsigned int listen_fds;    /* the same before those, announced as LISTEN_FDS */
    unsigned short rows,
            columns; /* of a new terminal, when the configuration has no consoleSize; 0: as the kernel makes it */
    unsigned int flags;
};

/* Makes the container up to the program, which lc_container_start() lets run. The configuration is kept: later edits of the
 * file have no effect. Errors: -EEXIST (id is taken), -EINVAL, those of system calls; then nothing is left behind. Since: 0.2 */
LC_API int lc_container_create(struct lc_runtime *runtime, const char *id, const struct lc_config *config,
        const struct lc_create_options *options, struct lc_error **err);
/* Lets the program of a created container run and returns when it does. Errors: those of execve (lc_error_status 126, 127),
 * -ENOENT (no such container), -EINVAL (not in the state "created"), those of its poststart hooks; while these run,
 * other calls may change the container. Since: 0.2 */
LC_API int lc_container_start(struct lc_runtime *runtime, const char *id, struct lc_error **err);
/* Both in one, for a caller that waits for the program, its child: *ret is to be waited for with lc_process_wait(), which does
 * not remove the container: lc_process_delete() does. With a terminal and no console_socket, lc_process_console() is its master. Since: 0.2 */
LC_API int lc_container_run(struct lc_runtime *runtime, const char *id, const struct lc_config *config,
        const struct lc_create_options *options, struct lc_process **ret, struct lc_error **err);

/* Flags of struct lc_exec_options. */
#define LC_IGNORE_PAUSED 1u /* also in a paused container: as soon as it goes on */
#define LC_EXEC_TTY 2u      /* a new terminal; with `process`, whatever its "terminal" says */
#define LC_EXEC_NO_NEW_PRIVS 4u

struct lc_exec_options {
    size_t size; /* sizeof(struct lc_exec_options) */
    const char *
            process; /* JSON text of an OCI process object, or NULL: the container's own, changed by the rest */
    const char *process_name; /* its file, for messages */
    const char *const *argv;  /* NULL-terminated; NULL with `process` */
    const char *cwd, *user;   /* NULL: unchanged. user: "UID" or "UID:GID" */
    const char *const *env;   /* "K=V", added; NULL-terminated or NULL */
    const char *const *
            capabilities; /* added to all sets but the ambient and inheritable ones; NULL-terminated or NULL */
    const unsigned int *additional_gids;
    size_t n_additional_gids;
    const char *apparmor, *process_label; /* NULL: unchanged */
    const char
            *cgroup; /* group below the container's, or "CONTROLLER,...:PATH"; several: one a line; NULL: the
                           container's */
    const char *console_socket, *pid_file, *pidfd_socket;
    int stdio[3];
    unsigned int preserve_fds;
    unsigned short rows, columns;
    unsigned int flags;
};

/* Runs a process in a created or running container; returns when it runs. *ret as in lc_container_run(). `ret` may be NULL:
 * then the process is nobody's business any more. Since: 0.2 */
LC_API int lc_container_exec(struct lc_runtime *runtime, const char *id,
        const struct lc_exec_options *options, struct lc_process **ret, struct lc_error **err);

/* Flags of lc_container_kill() and lc_container_delete(). */
#define LC_KILL_ALL 1u     /* every process of the container */
#define LC_DELETE_FORCE 1u /* kill it first; a container that does not exist is no error */

/* Sends a signal to the first process (by pidfd). Errors: -ENOENT, -ESRCH (has ended), -EINVAL. Since: 0.2 */
LC_API int lc_container_kill(
        struct lc_runtime *runtime, const char *id, int signal, unsigned int flags, struct lc_error **err);
/* Removes a stopped container and all that its making made. Errors: -ENOENT, -EBUSY (not stopped). Since: 0.2 */
LC_API int lc_container_delete(
        struct lc_runtime *runtime, const char *id, unsigned int flags, struct lc_error **err);
/* The OCI state as a JSON object, with "rootfs", "created" and "owner" beside it; of a stopped container also "exitStatus", where it is
 * known, and "final", which lc_process_stats() describes. The caller frees it. Since: 0.2 */
LC_API int lc_container_state(
        struct lc_runtime *runtime, const char *id, char **ret_json, struct lc_error **err);
/* The states of all containers of the state root as a JSON array. The caller frees it. Since: 0.2 */
LC_API int lc_container_list(struct lc_runtime *runtime, char **ret_json, struct lc_error **err);
/* Pids of all processes of the container, in the caller's pid namespace. The caller frees *ret_pids. Since: 0.2 */
LC_API int lc_container_processes(struct lc_runtime *runtime, const char *id, pid_t **ret_pids,
        size_t *ret_count, struct lc_error **err);
/* Freezes or thaws all processes; returns when the kernel says that it is done. Errors: -ENOENT, -EINVAL (wrong state),
 * -ENOTSUP (no freezer). Since: 0.2 */
LC_API int lc_container_pause(struct lc_runtime *runtime, const char *id, struct lc_error **err);
LC_API int lc_container_resume(struct lc_runtime *runtime, const char *id, struct lc_error **err);

struct lc_update_options {
    size_t size; /* sizeof(struct lc_update_options) */
    /* JSON text: an OCI linux.resources object (lc_container_update), or a "cgroups" object of container.json (lc_update); what it
     * does not name stays */
    const char *resources;
    const char *name; /* its file, for messages; NULL: it is in none, and they name the keys alone */
    const char *l3_cache_schema, *memory_bandwidth_schema; /* for resctrl, or NULL */
};
/* Changes limits of a created or running container: all of them, or on failure none. Since: 0.2 */
LC_API int lc_container_update(struct lc_runtime *runtime, const char *id,
        const struct lc_update_options *options, struct lc_error **err);
/* What the container uses now: the "data" object of runc's `events --stats`. The caller frees it. Since: 0.2 */
LC_API int lc_container_stats(
        struct lc_runtime *runtime, const char *id, char **ret_json, struct lc_error **err);
/* A descriptor that is readable (v1: POLLIN, v2: POLLPRI) when the container has run out of memory; the caller closes it. After each
 * wake-up lc_oom_take() says whether it was so: 1 yes, 0 no, negative: the group is gone. Since: 0.2 */
LC_API int lc_container_oom_fd(struct lc_runtime *runtime, const char *id, struct lc_error **err);
LC_API int lc_oom_take(int fd);
/* A pidfd of the first process, readable when it has ended; the caller closes it. Since: 0.2 */
LC_API int lc_container_pidfd(struct lc_runtime *runtime, const char *id, struct lc_error **err);

/* ---- AppArmor ---- */

/* The default profile "nsinit-default" as text. Static string. Since: 0.1 */
LC_API const char *lc_apparmor_profile(void);
/* Loads it through apparmor_parser; no file is written. Errors: -ENOTSUP where AppArmor is off. Since: 0.1 */
LC_API int lc_apparmor_load(struct lc_error **err);

#ifdef __cplusplus
}
#endif

#endif
