/* What the files of this room share. */
#ifndef CGROUPS_INTERNAL_H
#define CGROUPS_INTERNAL_H

#include <cgroups/cgroups.h>

#include <dirent.h>
#include <stddef.h>
#include <stdint.h>

/* The mark on directories that we made on the way to a group. */
#define CGROUP_MARK "trusted.libcontainer"

/* ---- layout.c: where controllers live ---- */
#define LAYOUT_HIERARCHIES_MAX 32

struct layout_hierarchy {
    const char *names;    /* "cpu,cpuacct" or "name=systemd" */
    const char *path;     /* our own group in it */
    uint32_t controllers; /* those of `names` that we know */
};

struct layout {
    char *text; /* /proc/self/cgroup, cut into strings */
    struct layout_hierarchy v1[LAYOUT_HIERARCHIES_MAX];
    size_t n_v1;
    const char *v2_path; /* our own group in the v2 hierarchy; NULL: the kernel has none */
};

const char *cgroup_controller_name(enum cgroup_controller controller, bool v2);
/* Names separated by commas, blanks or newlines -> bit set; unknown ones are skipped. */
uint32_t cgroup_controllers_parse(const char *list);
/* Takes the text of /proc/self/cgroup over, also on failure. */
int layout_parse(struct layout *ret_layout, char *text_consumed);
int layout_read(struct layout *ret_layout, struct lc_error **err);
int layout_read_process(pid_t pid, struct layout *ret_layout);
void layout_done(struct layout *layout);
/* The mount point of a hierarchy; -ENOENT when it is not mounted anywhere. Caller frees. */
int layout_mount_v1(const struct layout_hierarchy *hierarchy, char **ret_mount);
int layout_mount_v2(char **ret_mount);
int layout_mount_v2_usual(char **ret_mount); /* without a search in mountinfo */
/* Of any file system, by mountinfo. */
int layout_mount_type(const char *type, char **ret_mount);
/* The first mount in a mountinfo text with this file system type and (unless NULL) this super block option.
 */
int layout_mountinfo_find(const char *text, const char *type, const char *option, char **ret_mount);

/* ---- pointers.c: the keys that stand behind a group ---- */
enum cgroup_key {
    CGROUP_KEY_GROUP,
    CGROUP_KEY_NAME,
    CGROUP_KEY_PARENT,
    CGROUP_KEY_DEVICES,
    CGROUP_KEY_CPUS,
    CGROUP_KEY_MEMS
};
/* "/cgroups/name" or "/linux/cgroupsPath" */
const char *cgroup_pointer(const struct config_cgroups *cgroups, enum cgroup_key key);

/* ---- limits.c: which file a limit becomes ---- */
struct limit_row {
    int limit; /* enum config_limit, LIMIT_CPUSET_CPUS or LIMIT_CPUSET_MEMS */
    enum cgroup_controller controller;
    const char *v1, *v2; /* NULL: this version has no such file */
    int (*value)(const struct config_cgroups *cgroups, int limit, int version, char *value, size_t size);
    const char *oci; /* below /linux/resources; NULL: container.json only */
    unsigned flags;
};
#define ROW_ZERO 1u /* 0 is a value; else it stands for "not set" */
#define ROW_PAIR 2u /* the kernel checks it against the next row's limit: see struct limit_line */
enum { LIMIT_CPUSET_CPUS = LIMIT_MAX_, LIMIT_CPUSET_MEMS, LIMIT_OOM_KILLER };

extern const struct limit_row cgroup_limit_rows[];
extern const size_t n_cgroup_limit_rows;

bool cgroup_limit_is_set(const struct config_cgroups *cgroups, const struct limit_row *row);
/* "/cgroups/memory" or "/linux/resources/memory/limit" */
void cgroup_limit_pointer(
        const struct config_cgroups *cgroups, const struct limit_row *row, char *pointer, size_t size);
/* Is a swap limit due that nobody asked for? */
bool cgroup_swap_follows(const struct config_cgroups *cgroups);
/* The key that needs a controller, for messages; false when nothing does. */
bool cgroup_needs(
        const struct config_cgroups *cgroups, enum cgroup_controller controller, char *pointer, size_t size);
/* Refuses combinations that mean nothing in any version. */
int cgroup_limits_check(const struct config_cgroups *cgroups, struct lc_error **err);

/* ---- limit-lines.c: all that is to be written, in the order of writing ---- */
struct limit_line {
    const char *file, *value;
    const char *other_file, *other_value; /* instead, where `file` does not exist; NULL: none */
    const char *pointer;
    const char *key;     /* a file with a line per device: which one; NULL: the file is one value */
    const char *neutral; /* the value that takes such a line away */
    bool optional;       /* no loss where the file does not exist */
    bool verbatim; /* the words are the configuration's, and need not be those that the kernel answers with */
    /* Two limits that have to fit each other (quota and period, memory and swap): which comes first depends on what is
     * there. When this one is refused, the next is written first. */
    bool pair;
};
typedef int limit_emit(void *data, const struct limit_line *line);
/* Calls `emit` for every line of the controllers; stops at the first failure. -E2BIG: a value that is too long. */
int cgroup_limit_lines(
        const struct config_cgroups *cgroups, uint32_t controllers, bool v2, limit_emit *emit, void *data);
/* limit-lists.c: the lines of what is given as a list. Same contract. */
int cgroup_list_lines(
        const struct config_cgroups *cgroups, uint32_t controllers, bool v2, limit_emit *emit, void *data);
bool cgroup_lists_need(
        const struct config_cgroups *cgroups, enum cgroup_controller controller, char *pointer, size_t size);
/* 10..1000 -> 1..10000 */
uint64_t cgroup_io_weight(uint64_t weight);
/* read-back.c: does the text of a file say that the value of a line is in force? `key` and `neutral` as there. */
bool cgroup_in_force(
        const char *file, const char *key, const char *value, const char *neutral, const char *text);
/* Which controller a file belongs to, by what stands before the first dot; 0: none that we know. */
uint32_t cgroup_file_controller(const char *file);

/* ---- plan.c, place.c ---- */
struct planner {
    const struct lc_config *config;
    struct layout layout;
    struct cgroup_set set;
    char *below; /* "/parent/name", normalised */
    char *base;  /* what a user begins below, where that is not his own group */
    struct lc_error **err;
};

int plan_out_of_memory(struct lc_error **err);
/* Appends "/component" for each component of text; a step upwards would leave the limits of the parent. */
int plan_add_components(char *out, const char *text, const char *pointer, struct lc_error **err);
/* A new group at mount + base + below; takes the mount over. */
int plan_add_group(
        struct planner *planner, char *mount_consumed, const char *base, bool v2, uint32_t controllers);
/* A needed controller that cannot be had. */
int plan_refuse(struct planner *planner, enum cgroup_controller controller, const char *why);
/* A limit whose file one version lacks. */
int plan_check_files(struct planner *planner, uint32_t controllers, int version);
/* What the v2 hierarchy offers at the place where we begin. */
int plan_v2_controllers(const char *mount, const char *base, uint32_t *ret_controllers);
uint32_t plan_needed(const struct config_cgroups *cgroups);
/* Adds to what the caller should warn of. */
int plan_warn(struct planner *planner, const char *what, const char *object);
/* unified.c */
void cgroup_unified_pointer(
        const struct config_cgroups *cgroups, const struct config_pair *pair, char *pointer, size_t size);
/* Refuses files that are no limits. */
int unified_check(const struct config_cgroups *cgroups, struct lc_error **err);
/* The v2 hierarchy, if there is one, does not have this file. */
int unified_refuse(
        const struct config_cgroups *cgroups, const struct config_pair *pair, struct lc_error **err);
/* Refuses files of controllers that the v2 hierarchy, if there is one, does not offer. */
int unified_check_offered(struct planner *planner, bool v2, uint32_t offered);
/* place.c: the groups of a config.json */
int place_plan(struct planner *planner, const char *id);

/* ---- driver.c: who makes the groups ---- */
/* What is asked of a whole container. How the two versions of the kernel's interface differ is below this, for each group by
 * itself: `struct version`. Freezing, killing and counting are the same whoever made the groups. NULL: nothing to be done
 * besides what driver.c does for all. */
struct cgroup_driver {
    const char *name;
    /* Where the container goes: fills in planner->set. Looks, but changes nothing. */
    int (*plan)(struct planner *planner, const char *id);
    /* Somebody waits for the numbers of the end. */
    void (*keep)(struct cgroup_set *set);
    /* Limits as they have to be written. */
    void (*soften)(const struct cgroup_set *set, struct config_cgroups *cgroups);
    /* Before the process exists and before anything is written into a group. May soften in `config` what would keep the process
     * out, and puts that right in place(). */
    int (*prepare)(
            struct lc_config *config, struct cgroup_set *set, const struct log *log, struct lc_error **err);
    /* The process exists. `placed`: it was born in the v2 group. 1: it is there now. */
    int (*place)(const struct cgroup_set *set, pid_t pid, bool placed, struct lc_error **err);
    /* Before new limits are written into the files, and when that has failed after it. */
    int (*update)(const struct cgroup_set *set, const struct config_cgroups *wanted, struct lc_error **err);
    void (*undo)(const struct cgroup_set *set);
    /* Before the groups are removed as far as they are ours. */
    int (*end)(struct cgroup_set *set, struct lc_error **err);
};
const struct cgroup_driver *cgroup_driver_wanted(const struct config_cgroups *cgroups);
const struct cgroup_driver *cgroup_driver_of(const struct cgroup_set *set);
int cgroup_driver_update(
        const struct cgroup_set *set, const struct config_cgroups *wanted, struct lc_error **err);
void cgroup_driver_undo(const struct cgroup_set *set);
void cgroup_driver_soften(const struct cgroup_set *set, struct config_cgroups *cgroups);
int fs_plan(struct planner *planner, const char *id);

/* ---- systemd.c ---- */
int systemd_plan(struct planner *planner, const char *id);
void systemd_keep(struct cgroup_set *set);
void systemd_soften(const struct cgroup_set *set, struct config_cgroups *cgroups);
int systemd_prepare(
        struct lc_config *config, struct cgroup_set *set, const struct log *log, struct lc_error **err);
int systemd_place(const struct cgroup_set *set, pid_t pid, bool placed, struct lc_error **err);
int systemd_update(const struct cgroup_set *set, const struct config_cgroups *wanted, struct lc_error **err);
/* May this process, or a child of it, go there by itself? */
bool systemd_may_enter(const struct cgroup_set *set, const struct cgroup_group *group);
void systemd_undo(const struct cgroup_set *set);
int systemd_end(struct cgroup_set *set, struct lc_error **err);
void cgroup_unit_free(struct cgroup_unit *unit);

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
/* "PATH/file" below a group for what is read or looked at once: contents, caller frees. */
int cgroup_read_file(const struct cgroup_group *group, const char *file, char **ret_text);
/* One line of a limit: 0, -ENOENT without an error when the file is missing and may be, or the error raised. */
int group_write_line(const struct group_dir *dir, const struct limit_line *line);
/* Writes every limit of the group's controllers. */
int group_write_limits(
        const struct group_dir *dir, const struct config_cgroups *cgroups, const struct cgroup_group *group);
/* The next group directly below; NULL: there is none. */
const struct dirent *cgroup_next(DIR *directory);
/* Sleeps a little, longer each time; false when the deadline (monotonic ms) has passed. */
bool cgroup_pause(int64_t deadline_ms, unsigned *step_us);
int64_t cgroup_now_ms(void);

/* ---- find.c ---- */
/* NULL: the container is in no group of this controller. */
const struct cgroup_group *cgroup_find(const struct cgroup_set *set, enum cgroup_controller controller);
bool cgroup_has_file(const struct cgroup_group *group, const char *file);

/* ---- final.c ---- */
/* The number behind a word at the start of a line; CGROUP_UNKNOWN. */
int64_t cgroup_word_number(const char *text, const char *word);

/* ---- watch.c ---- */
int cgroup_open_file(const struct cgroup_group *group, const char *file, int flags);

/* ---- freezer.c ---- */
/* The group that can be frozen; NULL: none. */
const struct cgroup_group *cgroup_freezer_group(const struct cgroup_set *set);
/* Is what stands in freezer.state or cgroup.freeze "frozen"? -ENOENT: no such file. */
int cgroup_group_frozen(const struct cgroup_group *group);

/* ---- cpuset.c ---- */
/* v1: a new group has no CPUs and no memory nodes, and nothing can be attached until it has: take the parent's, where
 * `cgroups` (NULL: nothing) does not ask for others. `fresh`: nobody can have set them yet. */
int cpuset_inherit(
        int parent_fd, const struct group_dir *dir, bool fresh, const struct config_cgroups *cgroups);
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
/* Makes the groups of one version and writes their limits; *ret_fd (or NULL): the directory of the last one. */
int groups_make(const struct lc_config *config, struct cgroup_set *set, const struct version *version,
        const struct log *log, int *ret_fd, struct lc_error **err);

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
/* Does the list end in everything being allowed? Then no filter is needed. */
bool device_rules_allow_all(const struct config_device_rule *rules, size_t count);
/* Raises the error for what v1 cannot say. */
int device_rules_check_v1(const struct lc_config *config, struct lc_error **err);
/* Whatever the group's version needs for the rules; nothing where it has no devices controller. */
int device_rules_apply(const struct walk *walk, int fd);
int device_rules_write_v1(const struct lc_config *config, const struct group_dir *dir);
/* Loads the program and attaches it; with `replace`, in the place of those of an earlier container. */
int device_filter_attach(const struct lc_config *config, const struct group_dir *dir, bool replace);

#endif
