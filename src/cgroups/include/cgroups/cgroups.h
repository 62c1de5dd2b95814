/* Control groups on whatever layout the host has: v1, v2 or both side by side (hybrid). Each controller is used where
 * it really lives. The record of what was made is plain text so that a later process can clean up after a crash. */
#ifndef CGROUPS_CGROUPS_H
#define CGROUPS_CGROUPS_H

#include <base/error.h>
#include <base/log.h>
#include <config/config.h>

#include <sys/types.h>

#define CGROUP_HIERARCHIES_MAX 16

/* The controllers that container.json can need. DEVICES is a v1 controller; on v2 it stands for an eBPF program. */
enum cgroup_controller {
    CGROUP_CPU,
    CGROUP_CPUSET,
    CGROUP_DEVICES,
    CGROUP_MEMORY,
    CGROUP_PIDS,
    CGROUP_CONTROLLER_MAX_,
};
#define CGROUP_BIT(controller) (1u << (controller))

/* A group in one hierarchy. */
struct cgroup_group {
    char *path;  /* absolute directory: "/sys/fs/cgroup/memory/docker/11bb" */
    char *mount; /* the hierarchy's mount point: "/sys/fs/cgroup/memory" */
    bool v2;
    bool made;            /* the leaf did not exist when we looked (cgroup_plan); only these are removed */
    size_t existing;      /* length of the part of path that was there when we looked; 0: unknown */
    uint32_t controllers; /* bit set of enum cgroup_controller that are used here */
};

struct cgroup_set {
    struct cgroup_group groups[CGROUP_HIERARCHIES_MAX];
    size_t count;
};

/* Finds where each needed controller lives and fills in the set: no side effect. A limit that no hierarchy can
 * enforce is an error that names controller and key. config->cgroups.name NULL: `fallback_name` is used.
 * A group that exists and holds processes is refused (EBUSY). Without config->cgroups.present: an empty set. */
int cgroup_plan(const struct lc_config *config, const char *fallback_name, struct cgroup_set *ret_set,
        struct lc_error **err);

/* Makes the directories (parents too, marked with a trusted.* xattr so that the last user removes them) and
 * writes every limit and device rule. cgroup_make_v2 is called before the process exists and returns in *ret_fd a
 * directory fd for CLONE_INTO_CGROUP (-EBADF when no v2 group is used); cgroup_make_v1 may run while the child
 * sets itself up. On failure `made` is cleared for the groups that were not made here after all (another process
 * was faster, or we never came to them), so that cgroup_kill and cgroup_remove never touch somebody else's. */
int cgroup_make_v2(const struct lc_config *config, struct cgroup_set *set, const struct log *log, int *ret_fd,
        struct lc_error **err);
int cgroup_make_v1(
        const struct lc_config *config, struct cgroup_set *set, const struct log *log, struct lc_error **err);

/* Moves a process into every v1 group of the set; with include_v2 also into the v2 group (kernels without
 * CLONE_INTO_CGROUP, and joins on them). */
int cgroup_attach(const struct cgroup_set *set, pid_t pid, bool include_v2, struct lc_error **err);

/* Opens the v2 group's directory for CLONE_INTO_CGROUP; -EBADF in *ret_fd when the set has none. */
int cgroup_open_v2(const struct cgroup_set *set, int *ret_fd, struct lc_error **err);

/* Kills every process in the groups (cgroup.kill where there is one, else SIGKILL to each pid until none is left)
 * and waits, at most timeout_ms, until they are empty. Only groups with `made`. */
int cgroup_kill(const struct cgroup_set *set, int timeout_ms);

/* Removes the groups that were made and then parents that carry our mark and are empty. Missing ones are fine;
 * a group that is still busy is retried for at most timeout_ms. Returns 0 or the first -errno. */
int cgroup_remove(const struct cgroup_set *set, int timeout_ms);

/* Opens the file through which a process enters the group by writing "0" itself: `tasks` on v1, where moving oneself
 * spares the kernel a grace period of milliseconds, cgroup.procs on v2. Returns an fd or -errno. */
int cgroup_open_entry(const struct cgroup_group *group, struct lc_error **err);

void cgroup_set_done(struct cgroup_set *set);

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
