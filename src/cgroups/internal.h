/* What the files of this room share. */
#ifndef CGROUPS_INTERNAL_H
#define CGROUPS_INTERNAL_H

#include <cgroups/cgroups.h>

#include <stddef.h>
#include <stdint.h>

/* The mark on directories that we made on the way to a group. */
#define CGROUP_MARK "trusted.libcontainer"

/* ---- layout.c: where controllers live ---- */
#define LAYOUT_HIERARCHIES_MAX 32

struct layout_hierarchy {
    const char *names;    /* "cpu,cpuacct" or "name=systemd" */
    uint32_t controllers; /* those of `names` that we know */
};

struct layout {
    char *text; /* /proc/self/cgroup, cut into strings */
    struct layout_hierarchy v1[LAYOUT_HIERARCHIES_MAX];
    size_t n_v1;
    const char *v2_path; /* our own group in the v2 hierarchy; NULL: the kernel has none */
};

const char *cgroup_controller_name(enum cgroup_controller controller);
/* Names separated by commas, blanks or newlines -> bit set; unknown ones are skipped. */
uint32_t cgroup_controllers_parse(const char *list);
/* Takes the text of /proc/self/cgroup over, also on failure. */
int layout_parse(struct layout *ret_layout, char *text_consumed);
int layout_read(struct layout *ret_layout, struct lc_error **err);
void layout_done(struct layout *layout);
/* The mount point of a hierarchy; -ENOENT when it is not mounted anywhere. Caller frees. */
int layout_mount_v1(const struct layout_hierarchy *hierarchy, char **ret_mount);
int layout_mount_v2(char **ret_mount);
/* The first mount in a mountinfo text with this file system type and (unless NULL) this super block option.
 */
int layout_mountinfo_find(const char *text, const char *type, const char *option, char **ret_mount);

/* ---- limits.c: which file a limit becomes ---- */
struct limit_row {
    int limit; /* enum config_limit, LIMIT_CPUSET_CPUS or LIMIT_CPUSET_MEMS */
    enum cgroup_controller controller;
    const char *v1, *v2; /* NULL: this version has no such file */
    int (*value)(const struct config_cgroups *cgroups, int limit, int version, char *value, size_t size);
};
enum { LIMIT_CPUSET_CPUS = LIMIT_MAX_, LIMIT_CPUSET_MEMS };

extern const struct limit_row cgroup_limit_rows[];
extern const size_t n_cgroup_limit_rows;

bool cgroup_limit_is_set(const struct config_cgroups *cgroups, const struct limit_row *row);
/* "/cgroups/memory" */
void cgroup_limit_pointer(const struct limit_row *row, char *pointer, size_t size);
/* Refuses combinations that mean nothing in any version. */
int cgroup_limits_check(const struct config_cgroups *cgroups, struct lc_error **err);

/* ---- files.c: reading and writing files of a group ---- */
struct group_dir {
    int fd;
    const char *path; /* for messages */
    const struct log *log;
    struct lc_error **err;
    bool may_vanish; /* ENOENT and ENODEV are returned without an error: the caller tries again */
};

/* The whole file below dirfd; caller frees. */
int cgroup_read_text(int dirfd, const char *name, char **ret_text);
int cgroup_write_text(int fd, const char *value);
int group_write(const struct group_dir *dir, const char *file, const char *value, const char *pointer);
int group_fail(
        const struct group_dir *dir, const char *file, int errnum, const char *syscall, const char *pointer);
/* Writes every limit of the group's controllers. */
int group_write_limits(
        const struct group_dir *dir, const struct config_cgroups *cgroups, const struct cgroup_group *group);
/* Sleeps a little, longer each time; false when the deadline (monotonic ms) has passed. */
bool cgroup_pause(int64_t deadline_ms, unsigned *step_us);
int64_t cgroup_now_ms(void);

/* ---- cpuset.c ---- */
/* v1: a new group has no CPUs and no memory nodes, and nothing can be attached until it has: take the
 * parent's. */
int cpuset_inherit(int parent_fd, const struct group_dir *dir, bool skip_cpus, bool skip_mems);
/* v2 takes any list and quietly uses what is left of it: refuse when that is not what was asked for. */
int cpuset_check_effective(const struct group_dir *dir, const struct config_cgroups *cgroups);
/* Do two lists such as "0-2,4" name the same numbers? */
bool cpuset_same(const char *left, const char *right);

/* ---- groups.c: the walk from the mount point to the group ---- */
struct walk {
    const struct lc_config *config;
    const struct cgroup_group *group;
    const struct log *log;
    struct lc_error **err;
    int tries_left;
};

/* How the two versions differ. `length` cuts group->path at the directory in question. */
struct version {
    bool v2;
    int (*before_child)(const struct walk *walk, int fd, size_t length);
    int (*after_child)(const struct walk *walk, int parent_fd, int fd, size_t length);
    int (*apply)(const struct walk *walk, int fd);
};
extern const struct version cgroup_version_1, cgroup_version_2;

int walk_fail(
        const struct walk *walk, size_t length, int errnum, const struct error_site *site, const char *text);
bool cgroup_is_below(const char *path, const char *mount);
/* Upwards from the group, as long as the directory is one that we made on the way and nobody is in it. */
void cgroup_remove_parents(const struct cgroup_group *group);

/* ---- device-rules.c, device-program.c, device-filter.c ---- */
#define DEVICE_READ 1u
#define DEVICE_WRITE 2u
#define DEVICE_MKNOD 4u
#define DEVICE_ALL 7u

unsigned device_access_bits(const struct config_device_rule *rule);
/* A rule for every access to every device: whatever stands before it does not count. */
bool device_rule_is_total(const struct config_device_rule *rule);
/* Defaults, the rules of the configuration, then one for each of its devices. Caller frees. */
int device_rules_collect(
        const struct lc_config *config, struct config_device_rule **ret_rules, size_t *ret_count);
/* The lines for devices.allow and devices.deny. A rule that v1 cannot say: -ENOTSUP and its index in
 * *ret_rule. */
typedef int device_emit(void *data, bool allow, const char *line);
int device_rules_v1(const struct config_device_rule *rules, size_t count, device_emit *emit, void *data,
        size_t *ret_rule);
/* Raises the error for what v1 cannot say. */
int device_rules_check_v1(const struct lc_config *config, struct lc_error **err);
int device_rules_write_v1(const struct lc_config *config, const struct group_dir *dir);
/* Loads the program and attaches it; with `replace`, those of an earlier container are taken off the group.
 */
int device_filter_attach(const struct lc_config *config, const struct group_dir *dir, bool replace);

#endif
