/* Control groups on whatever layout the host has: v1, v2 or both side by side (hybrid). Each controller is used where
 * it really lives. The record of what was made is plain text so that a later process can clean up after a crash. */
#ifndef CGROUPS_CGROUPS_H
#define CGROUPS_CGROUPS_H

#include <base/error.h>
#include <base/log.h>
#include <config/config.h>

#include <stdint.h>
#include <sys/types.h>

#define CGROUP_HIERARCHIES_MAX 24

/* The controllers that we know. DEVICES is a v1 controller; on v2 it stands for an eBPF program. BLKIO is called "io" on
 * v2. The last ones carry no limit of ours: they are handed down, or looked at. */
enum cgroup_controller {
    CGROUP_CPU,
    CGROUP_CPUSET,
    CGROUP_DEVICES,
    CGROUP_MEMORY,
    CGROUP_PIDS,
    CGROUP_BLKIO,
    CGROUP_HUGETLB,
    CGROUP_NET_CLS,
    CGROUP_NET_PRIO,
    CGROUP_RDMA,
    CGROUP_MISC,
    CGROUP_DMEM,
    CGROUP_FREEZER,
    CGROUP_CPUACCT,
    CGROUP_CONTROLLER_MAX_,
};
#define CGROUP_BIT(controller) (1u << (controller))

/* A group in one hierarchy. */
struct cgroup_group {
    char *path;  /* absolute directory: "/sys/fs/cgroup/memory/docker/11bb" */
    char *mount; /* the hierarchy's mount point: "/sys/fs/cgroup/memory" */
    bool v2;
    bool made; /* ours: killed and removed at the end. The leaf did not exist when we looked (cgroup_plan) */
    bool adopted; /* config.json: it did, but without processes; `made` is set too. Killed, but not removed */
    size_t existing;      /* length of the part of path that was there when we looked; 0: unknown */
    uint32_t controllers; /* bit set of enum cgroup_controller that are used here */
    char *origin; /* where the processes of a late group came from (cgroup_late_move, not recorded); NULL: unknown */
};

/* The unit of systemd's that a container's groups are. */
struct cgroup_unit {
    char *name;        /* "nsrun-web.scope" */
    char *description; /* with a random number in it: by that we know it again as ours */
    bool user;         /* of the user's own instance */
    pid_t keeper; /* a process of ours that stays in it until the last word has been read (cgroup_keep); 0: none */
    /* Not recorded from here on. */
    char *slice;       /* NULL: the unit is a slice */
    bool asked;        /* systemd was asked for it, so it may be there */
    bool tracked;      /* systemd looks at the v2 group to see whether the unit is still needed */
    bool silent;       /* systemd has let us wait in vain */
    int64_t late_pids; /* the limit that has to wait until the helper is gone; -1: none */
    struct unit_link *link;
};

struct cgroup_set {
    struct cgroup_unit *unit; /* systemd's, which made the groups; NULL: we made them ourselves */
    struct cgroup_group groups[CGROUP_HIERARCHIES_MAX];
    size_t count;
    /* What the caller should warn of (from cgroup_plan, not recorded): hierarchies left out because this user may not
     * make groups there; groups with processes in them already. NULL: nothing. */
    char *warning;
};

/* Finds where each needed controller lives and fills in the set: no side effect. A limit that no hierarchy can
 * enforce is an error that names controller and key. config->cgroups.name NULL: `fallback_name` is used.
 * A group that exists and holds processes is refused (EBUSY). Without config->cgroups.present: an empty set.
 *
 * config.json (cgroups.oci): a group in every hierarchy that is mounted, whatever is needed; those in which this user may
 * not make groups are left out and stand in ret_set->warning, as long as neither a limit nor an explicit path needs
 * them. A group that exists is used: an empty one as if we had made it, but it stays; one with processes with a warning (then it is not
 * removed); a frozen one is refused (EBUSY). */
int cgroup_plan(const struct lc_config *config, const char *fallback_name, struct cgroup_set *ret_set,
        struct lc_error **err);

/* After cgroup_plan, by a process that will be there when the last one has ended, and read what the groups have counted: because that is
 * asked for, or because a limit of memory may have been what it died of. systemd takes an empty scope away at once, so its helper stays
 * in there until cgroup_end(). It is no process of the container's. */
void cgroup_keep(const struct lc_config *config, bool asked, struct cgroup_set *set);
/* That process of ours, 0: there is none. */
pid_t cgroup_keeper(const struct cgroup_set *set);

/* Makes the directories (parents too, marked with a trusted.* xattr so that the last user removes them) and
 * writes every limit and device rule. cgroup_make_v2 is called before the process exists and returns in *ret_fd a
 * directory fd for CLONE_INTO_CGROUP (-EBADF when no v2 group is used); cgroup_make_v1 may run while the child
 * sets itself up. On failure `made` is cleared for the groups that were not made here after all (another process
 * was faster, or we never came to them), so that cgroup_kill and cgroup_remove never touch somebody else's. */
int cgroup_make_v2(const struct lc_config *config, struct cgroup_set *set, const struct log *log, int *ret_fd,
        struct lc_error **err);
int cgroup_make_v1(
        const struct lc_config *config, struct cgroup_set *set, const struct log *log, struct lc_error **err);

/* After the process was made. `placed`: by CLONE_INTO_CGROUP; into v1 groups it goes by itself (cgroup_open_entry). 1: it is
 * in the v2 group now. */
int cgroup_place(const struct cgroup_set *set, pid_t pid, bool placed, struct lc_error **err);

/* Opens the v2 group's directory for CLONE_INTO_CGROUP; -EBADF in *ret_fd when the set has none. */
int cgroup_open_v2(const struct cgroup_set *set, int *ret_fd, struct lc_error **err);

/* Kills every process in the groups (cgroup.kill where there is one, else SIGKILL to each pid until none is left)
 * and waits, at most timeout_ms, until they are empty. Only groups with `made`. */
int cgroup_kill(const struct cgroup_set *set, int timeout_ms);

/* Ends systemd's unit, and with it whoever is still in it, when it is ours; to be called before cgroup_remove. Nothing to do where
 * there is none. */
int cgroup_end(struct cgroup_set *set, struct lc_error **err);

/* Removes the groups that were made and then parents that carry our mark and are empty. Missing ones are fine;
 * a group that is still busy is retried for at most timeout_ms. Returns 0 or the first -errno. */
int cgroup_remove(const struct cgroup_set *set, int timeout_ms);

/* Opens the file through which a process enters the group by writing "0" itself: `tasks` on v1, where moving oneself
 * spares the kernel a grace period of milliseconds, cgroup.procs on v2. Returns an fd or -errno. */
int cgroup_open_entry(const struct cgroup_group *group, struct lc_error **err);

/* New limits for a living container: what is set in `resources` changes, nothing else (device rules never do). All of it, or
 * the old values are put back. Every value is read back. Needs no more of the set than paths. */
int cgroup_apply_update(const struct cgroup_set *set, const struct config_cgroups *resources,
        const struct log *log, struct lc_error **err);

/* What no group of the container counts, from its processes, and what no group ever counts. */
struct cgroup_rest {
    bool known;                      /* the numbers are */
    uint64_t user, kernel, resident; /* nanoseconds; bytes */
    size_t pids;
    const char *network; /* the JSON of network_interfaces; NULL: null */
    const char *rdt;     /* of intel_rdt; NULL: {} */
};
/* Do the groups count time, memory and processes? Then the numbers of cgroup_rest are not looked at. */
bool cgroup_counts_all(const struct cgroup_set *set);
/* Appends the `data` object of `runc events --stats`, with its member names, and more where the kernel has more (memory.events,
 * PSI); "from_processes" lists what stands there from `rest`. Needs no more of the set than paths. */
struct buffer;
int cgroup_stats_json(const struct cgroup_set *set, const struct cgroup_rest *rest, struct buffer *out);

/* What the kernel has counted until now; CGROUP_UNKNOWN where no group does, or this kernel does not. */
#define CGROUP_UNKNOWN INT64_MIN
struct cgroup_memory_facts {
    int64_t peak, limit, swap_peak; /* bytes; `limit` is unknown too where there is none */
    int64_t max, oom, oom_kill; /* how often the limit was met, memory ran out, a process was killed for it */
};
void cgroup_memory_facts(const struct cgroup_set *set, struct cgroup_memory_facts *ret);
struct cgroup_final {
    struct cgroup_memory_facts memory;
    int64_t total, user, kernel, throttled; /* nanoseconds of the processors */
    int64_t read_bytes, written_bytes, reads, writes;
    int64_t pids_peak, pids_refused;
};
/* The last word when nobody is in the groups any more and they are not removed yet. */
void cgroup_final(const struct cgroup_set *set, struct cgroup_final *ret);

/* Told when a process of the container is killed for want of memory. The fd is readable (v1: an eventfd, POLLIN) or has
 * POLLPRI (v2: memory.events); -ENOENT: no memory controller. cgroup_oom_take: after poll; v1: events since the last
 * call, v2: kills so far, compare with the last answer. The end of a v1 group is an event too: look whether it exists. */
int cgroup_oom_fd(const struct cgroup_set *set);
int cgroup_oom_take(int fd);
/* POLLPRI when it is frozen or thawed: then cgroup_fd_number("frozen") says which. -ENOENT: not where v1 freezes. */
int cgroup_freezer_fd(const struct cgroup_set *set);
/* POLLPRI when processes had to wait: `file` is "memory.pressure" or such, `trigger` what the kernel takes, "some 150000 1000000".
 * v2 only: -ENOENT. */
int cgroup_pressure_fd(const struct cgroup_set *set, const char *file, const char *trigger);
/* The number behind a word at the start of a line of a file that is open; the descriptor is quiet until the next change. */
int64_t cgroup_fd_number(int fd, const char *word);

/* Stops every process of the container (v1 freezer, v2 cgroup.freeze) and waits until all have stopped, or lets them go
 * on. On failure, also after timeout_ms, they run on. */
int cgroup_freeze(const struct cgroup_set *set, bool frozen, int timeout_ms, struct lc_error **err);
/* Is there a group that can be? */
bool cgroup_can_freeze(const struct cgroup_set *set);
/* v1: into the group that we are in ourselves, for who has had SIGKILL: in a frozen group, be it the container's or one that somebody
 * has moved him into, a process does not even die. */
int cgroup_take_out(pid_t pid);
/* The controllers that something in `wanted` is set for and that no group of the set has. An error when one of them cannot be had
 * later. */
int cgroup_missing(const struct cgroup_set *set, const struct config_cgroups *wanted, uint32_t *ret_missing,
        struct lc_error **err);
/* Has them handed down to the v2 group of the set, if there is one: where that is possible, they are not missing any more. */
int cgroup_late_enable(
        const struct cgroup_set *set, uint32_t controllers, const struct log *log, struct lc_error **err);
/* One for a container that has none, as the last of the set: cgroup_late_plan says where (`wanted`: what needs the controller, unless it
 * is the freezer; `fallback`: "/nsinit/ID", its path where the
 * container has no groups), cgroup_late_make makes it, cgroup_late_move puts processes in; cgroup_late_undo takes it away again, with whoever is
 * in it put back where the first of them came from: where that is unknown, the group stays, because anywhere else other limits hold. */
int cgroup_late_plan(struct cgroup_set *set, enum cgroup_controller controller,
        const struct config_cgroups *wanted, const char *fallback, struct lc_error **err);
int cgroup_late_make(struct cgroup_set *set, const struct log *log, struct lc_error **err);
int cgroup_late_move(struct cgroup_set *set, const pid_t *pids, size_t count);
int cgroup_late_undo(struct cgroup_set *set);
/* 1: frozen (or on the way) by an order to this very group, not to one above it; 0: not; -errno. */
int cgroup_frozen(const struct cgroup_set *set);

/* The same for groups below the container's own (`exec --cgroup`): each of `specs` is a path for all groups, or
 * "CONTROLLER[,CONTROLLER]:PATH" for some of v1; "/" is the container's group. One fd per group of the set, in its order, into
 * ret_fds (room for CGROUP_HIERARCHIES_MAX). A path that leads upwards is refused. */
int cgroup_open_entries_below(const struct cgroup_set *set, const char *const *specs, size_t n_specs,
        int *ret_fds, struct lc_error **err);

/* Sends a signal to every process of the container, also in groups below; SIGKILL ends a frozen one too. 0 or -errno. */
int cgroup_signal(const struct cgroup_set *set, int signal);
/* All processes of the container, also in groups below, by number, as we see them. Caller frees. */
int cgroup_processes(const struct cgroup_set *set, pid_t **ret_pids, size_t *ret_count);

void cgroup_set_done(struct cgroup_set *set);

/* What a record says of systemd's unit. */
int cgroup_unit_recall(
        struct cgroup_set *set, const char *name, const char *description, bool user, pid_t keeper);
/* Was the library built with the driver "systemd"? */
bool cgroup_has_systemd(void);

/* ---- pure parts, for unit tests and for `nsinit plan` ---- */
/* cpu.shares [2, 262144] -> cpu.weight [1, 10000], the OCI runtime's newer quadratic formula. */
uint64_t cgroup_cpu_weight(uint64_t shares);
/* The device rules in force, defaults first. *ret_count rules in a static or arena array. */
const struct config_device_rule *cgroup_default_rules(size_t *ret_count);
/* eBPF program (struct bpf_insn array) for BPF_CGROUP_DEVICE; returns the instruction count or -E2BIG. */
struct bpf_insn;
int cgroup_device_program(
        const struct config_device_rule *rules, size_t count, struct bpf_insn *program, size_t capacity);
/* The file and value that a limit becomes; version 1 or 2. Returns 0, -ENOENT when the limit has no file there,
 * -ENODATA when it is not set, or -E2BIG. */
int cgroup_limit_file(const struct config_cgroups *cgroups, enum config_limit limit, int version, char *file,
        size_t file_size, char *value, size_t value_size);

#endif
