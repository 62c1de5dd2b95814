/* The device rules in force, and how cgroup v1 is told. */
#include "internal.h"

#include <base/util.h>
#include <lcsys/rootless.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* Any node may be made; these may be used. */
static const struct config_device_rule defaults[] = {
    { 'c', -1, -1, "m", true }, { 'b', -1, -1, "m", true }, { 'c', 1, 3, "rwm", true }, /* null */
    { 'c', 1, 5, "rwm", true },                                                         /* zero */
    { 'c', 1, 7, "rwm", true },                                                         /* full */
    { 'c', 1, 8, "rwm", true },                                                         /* random */
    { 'c', 1, 9, "rwm", true },                                                         /* urandom */
    { 'c', 5, 0, "rwm", true },                                                         /* tty */
    { 'c', 5, 1, "rwm", true },                                                         /* console */
    { 'c', 5, 2, "rwm", true },                                                         /* ptmx */
    { 'c', 136, -1, "rwm", true },                                                      /* pts */
    { 'c', 10, 200, "rwm", true },                                                      /* tun, the last */
};

/* config.json's, which come last there: these devices are in every container, tun is not. */
#define OCI_DEFAULTS (ARRAY_SIZE(defaults) - 1)

const struct config_device_rule *cgroup_default_rules(size_t *ret_count)
{
    *ret_count = ARRAY_SIZE(defaults);
    return defaults;
}

unsigned device_access_bits(const struct config_device_rule *rule)
{
    const char *access = rule->access != NULL ? rule->access : "rwm";
    unsigned bits = 0;

    for (; *access != '\0'; access++)
        bits |= *access == 'r'   ? DEVICE_READ
                : *access == 'w' ? DEVICE_WRITE
                : *access == 'm' ? DEVICE_MKNOD
                                 : 0;
    return bits;
}

bool device_rule_is_total(const struct config_device_rule *rule)
{
    return rule->type == 'a' && rule->major < 0 && rule->minor < 0 && device_access_bits(rule) == DEVICE_ALL;
}

/* What config.json says is complete: its devices need rules of its own. */
static int collect_oci(
        const struct config_cgroups *cgroups, struct config_device_rule **ret_rules, size_t *ret_count)
{
    struct config_device_rule *rules = calloc(cgroups->n_rules + OCI_DEFAULTS, sizeof(*rules));

    if (rules == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < cgroups->n_rules; i++)
        rules[i] = cgroups->rules[i];
    memcpy(rules + cgroups->n_rules, defaults, OCI_DEFAULTS * sizeof(*rules));
    *ret_rules = rules;
    *ret_count = cgroups->n_rules + OCI_DEFAULTS;
    return 0;
}

int device_rules_collect(
        const struct lc_config *config, struct config_device_rule **ret_rules, size_t *ret_count)
{
    const struct config_cgroups *cgroups = &config->cgroups;
    struct config_device_rule *rules;
    size_t count = ARRAY_SIZE(defaults);

    if (cgroups->oci)
        return collect_oci(cgroups, ret_rules, ret_count);
    rules = calloc(count + cgroups->n_rules + config->n_devices, sizeof(*rules));
    if (rules == NULL)
        return -ENOMEM;
    memcpy(rules, defaults, sizeof(defaults));
    for (size_t i = 0; i < cgroups->n_rules; i++)
        rules[count++] = cgroups->rules[i];
    for (size_t i = 0; i < config->n_devices; i++) {
        const struct config_device *device = &config->devices[i];
        struct stat st;

        /* Only a path: the same numbers as on this host. What is no device is refused by the planner. */
        if (device->type == '\0' && stat(device->path, &st) == 0 &&
                (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)))
            rules[count++] = (struct config_device_rule){ S_ISCHR(st.st_mode) ? 'c' : 'b', major(st.st_rdev),
                minor(st.st_rdev), "rwm", true };
        if (device->type == 'c' || device->type == 'b')
            rules[count++] =
                    (struct config_device_rule){ device->type, device->major, device->minor, "rwm", true };
    }
    *ret_rules = rules;
    *ret_count = count;
    return 0;
}

bool device_rules_allow_all(const struct config_device_rule *rules, size_t count)
{
    while (count-- > 0) {
        if (!rules[count].allow)
            return false;
        if (device_rule_is_total(&rules[count]))
            return true;
    }
    return false;
}

/* The kernel's list, as we have told it so far: what differs from the default of the group. */
struct exception {
    char type;
    int64_t major, minor;
    unsigned access;
};

struct teller {
    struct exception *list;
    size_t count;
    bool allow_all;
    device_emit *emit;
    void *data;
};

static int tell(const struct teller *teller, bool allow, const struct exception *what)
{
    char major[24] = "*", minor[24] = "*", line[80];

    if (what->major >= 0)
        (void)snprintf(major, sizeof(major), "%" PRId64, what->major);
    if (what->minor >= 0)
        (void)snprintf(minor, sizeof(minor), "%" PRId64, what->minor);
    (void)snprintf(line, sizeof(line), "%c %s:%s %s%s%s", what->type, major, minor,
            (what->access & DEVICE_READ) != 0 ? "r" : "", (what->access & DEVICE_WRITE) != 0 ? "w" : "",
            (what->access & DEVICE_MKNOD) != 0 ? "m" : "");
    return teller->emit(teller->data, allow, line);
}

static bool number_meets(int64_t a, int64_t b)
{
    return a < 0 || b < 0 || a == b;
}

static bool number_covers(int64_t outer, int64_t inner)
{
    return outer < 0 || outer == inner;
}

/* v1 changes an exception only when it is named exactly; a part of a broader one cannot be taken out of it.
 */
static int take_back(struct teller *teller, bool allow, const struct exception *what)
{
    for (size_t i = 0; i < teller->count; i++) {
        struct exception *old = &teller->list[i], cut = *old;
        int r;

        cut.access = old->access & what->access;
        if (cut.access == 0 || old->type != what->type || !number_meets(old->major, what->major) ||
                !number_meets(old->minor, what->minor))
            continue;
        if (!number_covers(what->major, old->major) || !number_covers(what->minor, old->minor))
            return -ENOTSUP;
        r = tell(teller, allow, &cut);
        if (r < 0)
            return r;
        old->access &= ~what->access;
    }
    return 0;
}

/* Some lists name the default devices too, and each line is a call. */
static bool is_told(const struct teller *teller, const struct exception *what)
{
    for (size_t i = 0; i < teller->count; i++) {
        const struct exception *old = &teller->list[i];

        if (old->type == what->type && number_covers(old->major, what->major) &&
                number_covers(old->minor, what->minor) && (what->access & ~old->access) == 0)
            return true;
    }
    return false;
}

static int tell_rule(struct teller *teller, const struct config_device_rule *rule)
{
    static const char types[] = { 'c', 'b' };

    if (device_rule_is_total(rule)) {
        teller->allow_all = rule->allow;
        teller->count = 0;
        return teller->emit(teller->data, rule->allow, "a");
    }
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        struct exception what = { types[i], rule->major, rule->minor, device_access_bits(rule) };
        int r;

        if (what.access == 0 || (rule->type != 'a' && rule->type != types[i]))
            continue;
        if (rule->allow != teller->allow_all && is_told(teller, &what))
            continue;
        if (rule->allow != teller->allow_all) {
            teller->list[teller->count++] = what;
            r = tell(teller, rule->allow, &what);
        } else {
            r = take_back(teller, rule->allow, &what);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

int device_rules_v1(
        const struct config_device_rule *rules, size_t count, device_emit *emit, void *data, size_t *ret_rule)
{
    CLEAN_FREE struct exception *list = calloc(2 * count + 1, sizeof(*list));
    struct teller teller = { .list = list, .emit = emit, .data = data };
    size_t start = count;
    int r = 0;

    if (list == NULL)
        return -ENOMEM;
    while (start > 0 && !device_rule_is_total(&rules[start - 1]))
        start--;
    if (start == 0)
        r = emit(data, false, "a");
    for (size_t i = start > 0 ? start - 1 : 0; r == 0 && i < count; i++) {
        r = tell_rule(&teller, &rules[i]);
        if (r < 0)
            *ret_rule = i;
    }
    return r;
}

static int emit_nothing(void *data, bool allow, const char *line)
{
    (void)data, (void)allow, (void)line;
    return 0;
}

int device_rules_check_v1(const struct lc_config *config, struct lc_error **err)
{
    CLEAN_FREE struct config_device_rule *rules = NULL;
    struct error_site site = {
        .errnum = ENOTSUP,
        .stage = "cgroup",
        .hint = "begin the list with a rule that denies everything (type \"a\"), then allow what is needed",
    };
    size_t count, culprit = 0;
    const bool oci = config->cgroups.oci;
    char pointer[64];
    int r;

    if (config->cgroups.n_rules == 0)
        return 0;
    r = device_rules_collect(config, &rules, &count);
    if (r == 0)
        r = device_rules_v1(rules, count, emit_nothing, NULL, &culprit);
    if (r == 0)
        return 0;
    if (r != -ENOTSUP)
        return error_raise(err, &(struct error_site){ .errnum = -r, .stage = "cgroup" }, NULL);
    if (oci && culprit >= config->cgroups.n_rules) /* a default device that a rule has half denied */
        (void)snprintf(pointer, sizeof(pointer), "/linux/resources/devices");
    else
        (void)snprintf(pointer, sizeof(pointer), "%s/devices/%zu", oci ? "/linux/resources" : "/cgroups",
                culprit - (oci ? 0 : ARRAY_SIZE(defaults)));
    site.pointer = pointer;
    return error_raise(
            err, &site, "the devices controller of cgroup v1 cannot except a part of an earlier rule");
}

/* Both files stay open: one line is one write, but not one open. */
struct device_files {
    const struct group_dir *dir;
    const char *pointer;
    int fds[2]; /* deny, allow */
};

static const char *const device_files[] = { "devices.deny", "devices.allow" };

static int emit_write(void *data, bool allow, const char *line)
{
    struct device_files *files = data;
    const char *name = device_files[allow];
    int r;

    if (files->fds[allow] < 0)
        files->fds[allow] = openat(files->dir->fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    r = files->fds[allow] < 0 ? -errno : cgroup_write_text(files->fds[allow], line);
    if (r < 0)
        return group_fail(files->dir, name, -r, files->fds[allow] < 0 ? "openat" : "write", files->pointer);
    log_line(files->dir->log, "cgroup %s/%s = %s: ok", files->dir->path, name, line);
    return 0;
}

int device_rules_write_v1(const struct lc_config *config, const struct group_dir *dir)
{
    CLEAN_FREE struct config_device_rule *rules = NULL;
    struct device_files files = {
        .dir = dir, .pointer = cgroup_pointer(&config->cgroups, CGROUP_KEY_DEVICES), .fds = { -EBADF, -EBADF }
    };
    size_t count, culprit;
    int r;

    r = device_rules_collect(config, &rules, &count);
    if (r < 0)
        return group_fail(dir, "", -r, NULL, NULL);
    r = device_rules_v1(rules, count, emit_write, &files, &culprit);
    fd_close(&files.fds[0]);
    fd_close(&files.fds[1]);
    return r;
}

int device_rules_apply(const struct walk *walk, int fd)
{
    struct lc_error *own = NULL;
    const struct config_cgroups *cgroups = &walk->config->cgroups;
    const struct cgroup_group *group = walk->group;
    struct group_dir dir = { .fd = fd, .path = group->path, .log = walk->log, .err = &own };
    int r;

    if ((group->controllers & CGROUP_BIT(CGROUP_DEVICES)) == 0 || cgroups->device_access)
        return 0;
    if (cgroups->oci && geteuid() != 0)
        return 0;
    if (group->v2)
        r = device_filter_attach(walk->config, &dir, !group->made || group->adopted);
    else
        r = device_rules_write_v1(walk->config, &dir);
    /* A user namespace's root may not say which devices are used, and need not: no node made in it can be opened. */
    if (r == -EPERM && cgroups->oci && sys_in_user_namespace()) {
        log_warning(walk->log, "no device rules in a user namespace");
        error_free(own);
        return 0;
    }
    if (r < 0 && walk->err != NULL && *walk->err == NULL)
        *walk->err = own;
    else
        error_free(own);
    return r;
}
