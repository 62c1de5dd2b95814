#include "internal.h"

#include <base/buffer.h>
#include <base/util.h>
#include <cgroups/resctrl.h>

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define POINTER "/linux/intelRdt"
#define MONITORS "mon_groups"

/* One container's place in resctrl. */
struct place {
    const struct config_rdt *rdt;
    char *root, *class, *monitor; /* monitor: NULL without enableMonitoring */
    const struct log *log;
    struct lc_error **err;
};

static void place_done(struct place *place)
{
    free(place->root);
    free(place->class);
    free(place->monitor);
}
#define CLEAN_PLACE CLEANUP(place_done)

static const char *hint_for(int errnum)
{
    switch (errnum) {
    case ENOSPC:
        return "the processor has no more classes of service, or monitors, than are in use: share one with "
               "closID";
    case EINVAL:
        return "the info directory of resctrl says which masks and percentages this processor takes";
    case EACCES:
    case EPERM:
        return "only root may change resctrl";
    default:
        return NULL;
    }
}

/* The kernel says the reason of its last refusal in a file. */
static int fail(
        const struct place *place, const char *syscall, const char *object, const char *key, int errnum)
{
    CLEAN_FREE char *path = NULL, *status = NULL, *pointer = NULL;
    bool told = place->root != NULL && asprintf(&path, "%s/info/last_cmd_status", place->root) > 0 &&
                cgroup_read_text(AT_FDCWD, path, &status) == 0 && strncmp(status, "ok", 2) != 0;

    if (told)
        status[strcspn(status, "\n")] = '\0';
    if (asprintf(&pointer, POINTER "%s", key) < 0)
        pointer = NULL;
    return error_raise(place->err,
            &(struct error_site){ .stage = "resctrl",
                    .syscall = syscall,
                    .object = object,
                    .pointer = pointer,
                    .errnum = errnum,
                    .hint = hint_for(errnum) },
            told && status[0] != '\0' ? "%s" : NULL, status);
}

static int find_root(struct place *place)
{
    int r = layout_mount_type("resctrl", &place->root);

    if (r == 0)
        return 0;
    return error_raise(place->err,
            &(struct error_site){ .stage = "resctrl",
                    .pointer = POINTER,
                    .errnum = r == -ENOENT ? ENODEV : -r,
                    .hint = "mount -t resctrl resctrl /sys/fs/resctrl, where processor and kernel have it "
                            "(CONFIG_X86_CPU_RESCTRL)" },
            r == -ENOENT ? "resctrl is not mounted" : "cannot find out where resctrl is mounted");
}

static int find_place(struct place *place, const char *id, const char *root)
{
    const char *name = place->rdt->clos_id != NULL ? place->rdt->clos_id : id;
    bool is_root = strcmp(name, "/") == 0;
    int r = 0;

    if (root == NULL)
        r = find_root(place);
    else if ((place->root = strdup(root)) == NULL)
        return fail(place, NULL, NULL, "", ENOMEM);
    if (r < 0)
        return r;
    if (asprintf(&place->class, "%s%s%s", place->root, is_root ? "" : "/", is_root ? "" : name) < 0) {
        place->class = NULL;
        return fail(place, NULL, NULL, "", ENOMEM);
    }
    if (place->rdt->monitoring && asprintf(&place->monitor, "%s/" MONITORS "/%s", place->class, id) < 0) {
        place->monitor = NULL;
        return fail(place, NULL, NULL, "", ENOMEM);
    }
    return 0;
}

int resctrl_find(const struct config_rdt *rdt, const char *id, const char *root, struct resctrl_paths *ret)
{
    struct place place = { .rdt = rdt };
    int r = find_place(&place, id, root);

    if (r < 0)
        place_done(&place);
    else
        *ret = (struct resctrl_paths){ place.root, place.class, place.monitor };
    return r;
}

static bool is_described(const struct config_rdt *rdt)
{
    return rdt->l3_cache != NULL || rdt->memory_bandwidth != NULL || rdt->n_schemata > 0;
}

/* ---- schemata: lines such as "L3:0=7f0;1=1f" ---- */

typedef int each_line(const struct place *place, const char *line, const char *key);

/* What l3CacheSchema says of memory bandwidth does not count: memBwSchema does. */
static int each_of_text(const struct place *place, const char *text, const char *key, each_line *each)
{
    CLEAN_FREE char *copy = strdup(text);
    char *save = NULL;
    int r = copy != NULL ? 0 : fail(place, NULL, NULL, key, ENOMEM);

    for (char *line = copy != NULL ? strtok_r(copy, "\n", &save) : NULL; r == 0 && line != NULL;
            line = strtok_r(NULL, "\n", &save))
        if (strncmp(line, "MB:", 3) != 0)
            r = each(place, line, key);
    return r;
}

/* In this order: later lines win. */
static int each_schema(const struct place *place, const struct config_rdt *rdt, each_line *each)
{
    int r = 0;

    if (rdt->l3_cache != NULL)
        r = each_of_text(place, rdt->l3_cache, "/l3CacheSchema", each);
    if (r == 0 && rdt->memory_bandwidth != NULL)
        r = each(place, rdt->memory_bandwidth, "/memBwSchema");
    for (size_t i = 0; r == 0 && i < rdt->n_schemata; i++) {
        char key[40];

        (void)snprintf(key, sizeof(key), "/schemata/%zu", i);
        r = each(place, rdt->schemata[i], key);
    }
    return r;
}

/* Each line is a write of its own: the kernel refuses one that says twice what belongs to a cache. */
static int write_line(const struct place *place, const char *line, const char *key)
{
    CLEAN_FREE char *path = NULL, *text = NULL;
    CLEAN_FD int fd = -EBADF;
    int r;

    if (asprintf(&path, "%s/schemata", place->class) < 0 || asprintf(&text, "%s\n", line) < 0)
        return fail(place, NULL, place->class, key, ENOMEM);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(place, "open", path, key, errno);
    r = cgroup_write_text(fd, text);
    if (r < 0)
        return fail(place, "write", path, key, -r);
    log_line(place->log, "resctrl: %s < %s: ok", path, line);
    return 0;
}

/* Blanks, and zeros in front, are the kernel's way to print columns. */
static const char *skip_padding(const char *text)
{
    while (*text == ' ' || *text == '0')
        text++;
    return text;
}

static bool same_value(const char *left, const char *right)
{
    size_t length;

    left = skip_padding(left);
    right = skip_padding(right);
    length = strcspn(left, "; \n");
    return strcspn(right, "; \n") == length && strncasecmp(left, right, length) == 0;
}

static const char *skip_blanks(const char *text)
{
    while (*text == ' ')
        text++;
    return text;
}

/* Does the line after its "L3:" give cache `number` this value? */
static bool has_value(const char *list, unsigned long number, const char *value)
{
    for (;; list += strcspn(list, ";\n") + 1) {
        char *end;
        unsigned long found = strtoul(skip_blanks(list), &end, 10);

        if (*end == '=' && found == number)
            return same_value(end + 1, value);
        if (list[strcspn(list, ";\n")] != ';')
            return false;
    }
}

/* Is all that the wanted line says so in the kernel's text? */
static bool text_says(const char *text, const char *wanted)
{
    size_t name = strcspn(wanted, ":");

    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *at = skip_blanks(line), *value = wanted + name;

        if (strcspn(at, ":\n") != name || strncmp(at, wanted, name) != 0 || at[name] != ':')
            continue;
        while (*value != '\0') {
            char *end;
            unsigned long number = strtoul(skip_blanks(value + 1), &end, 10);

            if (*end != '=' || !has_value(at + name + 1, number, end + 1))
                return false;
            value = end + strcspn(end, ";");
            if (value[0] == ';' && skip_blanks(value + 1)[0] == '\0')
                break;
        }
        return true;
    }
    return false;
}

static int compare_line(const struct place *place, const char *line, const char *key)
{
    CLEAN_FREE char *path = NULL, *text = NULL, *pointer = NULL;
    int r;

    if (asprintf(&path, "%s/schemata", place->class) < 0 || asprintf(&pointer, POINTER "%s", key) < 0)
        return fail(place, NULL, place->class, key, ENOMEM);
    r = cgroup_read_text(AT_FDCWD, path, &text);
    if (r < 0 || text == NULL)
        return fail(place, "read", path, key, -r);
    if (text_says(text, line))
        return 0;
    return error_raise(place->err,
            &(struct error_site){ .stage = "resctrl",
                    .object = path,
                    .pointer = pointer,
                    .errnum = EEXIST,
                    .hint = "leave the values out to use the class as it is, or give another closID" },
            "the class of service exists, and does not have \"%s\"", line);
}

/* ---- the directories ---- */

/* 1: it is there; 0: it is not. */
static int exists(const struct place *place, const char *path)
{
    struct stat st;

    if (path == NULL)
        return fail(place, NULL, NULL, "", ENOMEM);
    if (stat(path, &st) == 0)
        return S_ISDIR(st.st_mode) ? 1 : fail(place, "stat", path, "/closID", ENOTDIR);
    return errno == ENOENT ? 0 : fail(place, "stat", path, "/closID", errno);
}

/* Nobody's values are changed but our own. */
static int check_class(const struct place *place)
{
    int r = exists(place, place->class);

    if (r < 0)
        return r;
    if (r > 0) {
        int compared = each_schema(place, place->rdt, compare_line);

        return compared < 0 ? compared : 1;
    }
    if (place->rdt->clos_id == NULL || is_described(place->rdt))
        return 0;
    return error_raise(place->err,
            &(struct error_site){ .stage = "resctrl",
                    .object = place->class,
                    .pointer = POINTER "/closID",
                    .errnum = ENOENT,
                    .hint = "make it first, or say with l3CacheSchema, memBwSchema or schemata what it is to "
                            "be" },
            "there is no such class of service");
}

int resctrl_plan(const struct config_rdt *rdt, const char *id, const char *root, char **ret_made,
        struct lc_error **err)
{
    CLEAN_PLACE struct place place = { .rdt = rdt, .err = err };
    int r = find_place(&place, id, root);

    if (r == 0)
        r = check_class(&place);
    if (r < 0)
        return r;
    *ret_made = NULL;
    if (r == 0) {
        *ret_made = TAKE_POINTER(place.class);
    } else if (place.monitor != NULL) {
        r = exists(&place, place.monitor);
        if (r < 0)
            return r;
        if (r == 0)
            *ret_made = TAKE_POINTER(place.monitor);
    }
    return 0;
}

/* 1: made here; 0: it was there. */
static int make_directory(const struct place *place, const char *path, const char *key)
{
    if (mkdirat(AT_FDCWD, path, 0755) == 0) {
        log_line(place->log, "resctrl: made %s", path);
        return 1;
    }
    return errno == EEXIST ? 0 : fail(place, "mkdir", path, key, errno);
}

int resctrl_make(const struct config_rdt *rdt, const char *id, const char *root, char **made,
        const struct log *log, struct lc_error **err)
{
    CLEAN_PLACE struct place place = { .rdt = rdt, .log = log, .err = err };
    int r = find_place(&place, id, root);

    if (r == 0 && *made != NULL && place.class != NULL && strcmp(*made, place.class) == 0) {
        r = make_directory(&place, place.class, "/closID");
        if (r > 0)
            r = each_schema(&place, rdt, write_line);
        else if (r == 0) {
            free(TAKE_POINTER(*made));
            r = check_class(&place);
        }
    }
    if (r >= 0 && place.monitor != NULL)
        r = make_directory(&place, place.monitor, "/enableMonitoring");
    if (r > 0 && place.monitor != NULL && *made == NULL)
        *made = TAKE_POINTER(place.monitor);
    return r < 0 ? r : 0;
}

static int write_task(const struct place *place, const char *directory, pid_t pid, const char *key)
{
    CLEAN_FREE char *path = NULL;
    CLEAN_FD int fd = -EBADF;
    char text[24];
    int r;

    (void)snprintf(text, sizeof(text), "%d\n", (int)pid);
    if (asprintf(&path, "%s/tasks", directory) < 0) {
        path = NULL;
        return fail(place, NULL, directory, key, ENOMEM);
    }
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(place, "open", path, key, errno);
    r = cgroup_write_text(fd, text);
    return r < 0 ? fail(place, "write", path, key, -r) : 0;
}

int resctrl_place(
        const struct config_rdt *rdt, const char *id, const char *root, pid_t pid, struct lc_error **err)
{
    CLEAN_PLACE struct place place = { .rdt = rdt, .err = err };
    int r = find_place(&place, id, root);

    if (r == 0)
        r = write_task(&place, place.class, pid, "");
    /* After that: the class takes a task out of its monitor. */
    if (r == 0 && place.monitor != NULL)
        r = write_task(&place, place.monitor, pid, "/enableMonitoring");
    return r;
}

/* Line by line, whatever becomes of one. */
static void write_back(const struct place *place, const char *old)
{
    struct place quiet = *place;
    CLEAN_FREE char *copy = strdup(old);
    char *save = NULL;

    quiet.err = NULL;
    for (char *line = copy != NULL ? strtok_r(copy, "\n", &save) : NULL; line != NULL;
            line = strtok_r(NULL, "\n", &save))
        (void)write_line(&quiet, skip_blanks(line), "");
}

void resctrl_restore(const struct config_rdt *rdt, const char *id, const char *root, const char *old)
{
    CLEAN_PLACE struct place place = { .rdt = rdt };

    if (old != NULL && find_place(&place, id, root) == 0)
        write_back(&place, old);
}

static int read_schemata(const struct place *place, char **ret)
{
    CLEAN_FREE char *path = NULL;
    int r;

    if (asprintf(&path, "%s/schemata", place->class) < 0) {
        path = NULL;
        return fail(place, NULL, place->class, "", ENOMEM);
    }
    r = cgroup_read_text(AT_FDCWD, path, ret);
    return r < 0 ? fail(place, "read", path, "", -r) : 0;
}

int resctrl_update(const struct config_rdt *rdt, const char *id, const char *root, const char *l3_cache,
        const char *memory_bandwidth, char **ret_old, const struct log *log, struct lc_error **err)
{
    const struct config_rdt wanted = { .l3_cache = l3_cache, .memory_bandwidth = memory_bandwidth };
    CLEAN_PLACE struct place place = { .rdt = rdt, .log = log, .err = err };
    const struct error_site site = { .stage = "update", .pointer = POINTER, .errnum = EINVAL };
    CLEAN_FREE char *old = NULL;
    int r;

    if (memory_bandwidth != NULL &&
            (strncmp(memory_bandwidth, "MB:", 3) != 0 || strchr(memory_bandwidth, '\n') != NULL))
        return error_raise(
                err, &site, "expected one line like \"MB:0=50;1=70\", found \"%s\"", memory_bandwidth);
    if (memory_bandwidth == NULL && l3_cache != NULL && strstr(l3_cache, "MB:") != NULL)
        return error_raise(err, &site, "memory bandwidth does not belong into the schema of the L3 cache");
    r = find_place(&place, id, root);
    if (r == 0)
        r = read_schemata(&place, &old);
    if (r == 0)
        r = each_schema(&place, &wanted, write_line);
    if (r < 0 && old != NULL)
        write_back(&place, old);
    if (r == 0)
        *ret_old = TAKE_POINTER(old);
    return r;
}

/* ---- the end ---- */

static int remove_directory(const char *path)
{
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : -errno;
}

int resctrl_remove(const char *made, const char *id)
{
    CLEAN_FREE char *monitor = NULL, *path = NULL, *tasks = NULL;
    const char *slash = made != NULL ? strrchr(made, '/') : NULL;
    int r;

    if (slash == NULL)
        return 0;
    if (asprintf(&monitor, "%s/" MONITORS "/%s", made, id) < 0 || asprintf(&path, "%s/tasks", made) < 0)
        return -ENOMEM;
    r = remove_directory(monitor);
    /* The kernel would move what is in there, unasked, to the root's class. */
    if (r == 0 && strcmp(slash + 1, id) != 0 && cgroup_read_text(AT_FDCWD, path, &tasks) == 0 &&
            tasks[0] != '\0')
        return 0;
    return r < 0 ? r : remove_directory(made);
}
