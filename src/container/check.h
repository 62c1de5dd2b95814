/* Probing the host for what a configuration asks for, by trying it: shared by the check-*.c files. */
#ifndef CONTAINER_CHECK_H
#define CONTAINER_CHECK_H

#include "container.h"

#include <jansson.h>

struct check {
    const struct lc_config *config;
    struct lc_options options;
    void (*report)(void *data, const struct lc_check_result *result);
    void *data;
    json_t *tree; /* the file again: which keys it has, in which order */
    struct log log;
    struct container
            container;  /* of the check itself: its record is what a killed check leaves to the next one */
    char directory[80]; /* below the state directory, for pid and start; also container.root_fd */
    char group[40];     /* a control group's name that nobody else uses */
    int rootfs;         /* descriptor */
    int namespace_errors[NAMESPACE_MAX_]; /* errno; 0: could be made */
    struct lc_error *map_error;           /* the user namespace's mappings */
    struct lc_error *start_error;         /* why the rehearsal failed */
    const char *not_rehearsed;            /* why there was none, or NULL */
    const char *start_told;               /* the key below which start_error was reported, or NULL */
    int unsupported;
};

/* ---- check.c ---- */
void check_say(struct check *check, const char *key, bool supported, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));
/* Reports an error and frees it: below its own pointer when that lies below `key`. */
void check_fail(struct check *check, const char *key, struct lc_error *err_consumed);
/* fail() for an error, say() without. */
void check_outcome(struct check *check, const char *key, struct lc_error *err_consumed, const char *remark);
/* A key of the file that this version does not know (lenient). `key` is the pointer. */
void check_unknown(struct check *check, const char *key);
/* True when `pointer` is `key` or something below it. */
bool check_below(const char *pointer, const char *key);
bool check_has_namespace(const struct check *check, enum config_namespace namespace);

/* ---- check-child.c ---- */
/* A process that waits for its end: for the host to be tried on. */
struct check_child {
    pid_t pid;
    int pipe;
};
/* Without stepping out of what the configuration asks for: with a user namespace when that has one. 0 or
 * -errno. */
int check_child_start(const struct check *check, uint64_t clone_flags, struct check_child *ret);
void check_child_end(struct check_child *child);
/* Runs a function on a thread of its own, which may leave our namespaces. 0 or -errno. */
int check_apart(void (*function)(void *), void *data);

/* ---- check-record.c ---- */
int check_open(struct check *check, struct lc_error **err);
/* Removes what container.record names and begins a new record. */
int check_undo(struct check *check, struct lc_error **err);
void check_close(struct check *check);

/* ---- one function per top-level key; `value` is what stands in the file ---- */
typedef void check_function(struct check *check, const char *key, json_t *value);
/* check-namespaces.c */
void check_namespaces_prepare(struct check *check);
check_function check_namespaces, check_mappings, check_uts, check_switch, check_in_mount_namespace;
/* check-cgroups.c, check-networks.c, check-mounts.c */
check_function check_cgroups, check_networks, check_mounts, check_devices, check_sysctl;
/* check-process.c */
check_function check_user, check_working_dir, check_tty, check_rlimits, check_oom_score, check_capabilities,
        check_context, check_no_new_privileges;
/* check-start.c: the whole start but for the command. The results are kept for check_say and check_start. */
void check_rehearse(struct check *check);
void check_start(struct check *check);

#endif
