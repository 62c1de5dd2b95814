#include <cgroups/resctrl.h>

#include <base/buffer.h>
#include <base/util.h>

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define POINTER "/linux/intelRdt"
#define FILE_MAX ((size_t)64 * 1024)

static int raise_rdt(struct lc_error **err, const char *key, int errnum, const char *syscall,
        const char *object, const char *text)
{
    char pointer[64];
    struct error_site site = {
        .stage = "resctrl", .op = "intelRdt", .syscall = syscall, .object = object, .errnum = errnum
    };

    (void)snprintf(pointer, sizeof(pointer), POINTER "%s", key);
    site.pointer = pointer;
    if (errnum == ENOSPC)
        site.hint = "the hardware has a small number of classes: rmdir those that are not needed";
    return error_raise(err, &site, text != NULL ? "%s" : NULL, text);
}

int resctrl_root(char **ret, struct lc_error **err)
{
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    char *found = NULL, buffer[2 * PATH_MAX];
    struct mntent entry;

    if (mounts == NULL)
        return raise_rdt(err, "", errno, "open", "/proc/self/mounts", NULL);
    while (found == NULL && getmntent_r(mounts, &entry, buffer, sizeof(buffer)) != NULL)
        if (strcmp(entry.mnt_type, "resctrl") == 0) {
            found = strdup(entry.mnt_dir);
            if (found == NULL)
                break;
        }
    (void)endmntent(mounts);
    if (found != NULL) {
        *ret = found;
        return 0;
    }
    return error_raise(err,
            &(struct error_site){ .stage = "resctrl",
                    .op = "intelRdt",
                    .pointer = POINTER,
                    .object = "/sys/fs/resctrl",
                    .errnum = ENOTSUP,
                    .hint = "mount -t resctrl resctrl /sys/fs/resctrl, where processor and kernel have it; "
                            "or leave "
                            "intelRdt out" },
            "the resctrl file system is not mounted");
}

static char *join_path(const char *directory, const char *name)
{
    char *path;

    return asprintf(&path, "%s/%s", directory, name) < 0 ? NULL : path;
}

/* The class of service; NULL without memory. */
static char *class_path(const char *root, const struct config_rdt *rdt, const char *id)
{
    return join_path(root, rdt->clos_id != NULL ? rdt->clos_id : id);
}

static char *monitor_path(const char *class, const char *id)
{
    char *path;

    return asprintf(&path, "%s/mon_groups/%s", class, id) < 0 ? NULL : path;
}

static int raise_memory(struct lc_error **err)
{
    return raise_rdt(err, "", ENOMEM, NULL, NULL, NULL);
}

static bool has_schemata(const struct config_rdt *rdt)
{
    return rdt->l3_cache != NULL || rdt->memory_bandwidth != NULL || rdt->n_schemata > 0;
}

/* 1, 0 or -errno */
static int is_directory(const char *path)
{
    struct stat st;

    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0 : -errno;
    return S_ISDIR(st.st_mode) ? 1 : -ENOTDIR;
}

int resctrl_plan(const char *root, const struct config_rdt *rdt, const char *id, char **ret_made,
        struct lc_error **err)
{
    CLEAN_FREE char *class = class_path(root, rdt, id);
    char *made = NULL;
    int exists = class != NULL ? is_directory(class) : -ENOMEM;

    if (exists < 0)
        return raise_rdt(err, "/closID", -exists, "stat", class, NULL);
    if (exists == 0 && rdt->clos_id != NULL && !has_schemata(rdt))
        return raise_rdt(err, "/closID", ENOENT, NULL, class,
                "there is no such class of service, and no schemata to make one of");
    if (exists == 1 && rdt->clos_id == NULL)
        return raise_rdt(err, "", EEXIST, NULL, class,
                "somebody has a class of service of the container's name: give it as closID to use it");
    /* A monitoring group goes with the class that it is in. */
    if (rdt->clos_id == NULL) {
        made = TAKE_POINTER(class);
    } else if (rdt->monitoring) {
        made = monitor_path(class, id);
        if (made == NULL)
            return raise_memory(err);
        if (is_directory(made) != 0) {
            int r = raise_rdt(
                    err, "/enableMonitoring", EEXIST, NULL, made, "somebody has this monitoring group");

            free(made);
            return r;
        }
    }
    *ret_made = made;
    return 0;
}

static int write_file(const char *directory, const char *name, const char *text, size_t length)
{
    CLEAN_FREE char *path = join_path(directory, name);
    CLEAN_FD int fd = path != NULL ? open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC) : -1;
    ssize_t written;

    if (path == NULL)
        return -ENOMEM;
    if (fd < 0)
        return -errno;
    written = write(fd, text, length);
    if (written < 0)
        return -errno;
    return (size_t)written == length ? 0 : -EIO;
}

/* NUL-terminated; NULL when it cannot be read. Caller frees. */
static char *read_file(const char *directory, const char *name)
{
    CLEAN_FREE char *path = join_path(directory, name);
    CLEAN_FD int fd = path != NULL ? open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -1;
    char *text = fd >= 0 ? calloc(1, FILE_MAX) : NULL;
    size_t length = 0;
    ssize_t got = 1;

    while (text != NULL && got > 0 && length < FILE_MAX - 1) {
        got = read(fd, text + length, FILE_MAX - 1 - length);
        length += got > 0 ? (size_t)got : 0;
    }
    if (got >= 0)
        return text;
    free(text);
    return NULL;
}

/* The lines of `text` each with its newline; those that begin with `without` are left out. */
static void add_lines(struct buffer *out, const char *text, const char *without)
{
    while (text != NULL && *text != '\0') {
        size_t length = strcspn(text, "\n");

        if (length > 0 && (without == NULL || strncmp(text, without, strlen(without)) != 0)) {
            buffer_add(out, text, length);
            buffer_text(out, "\n");
        }
        text += length + (text[length] == '\n');
    }
}

/* Everything that is asked for, as the file takes it; NULL without memory. */
static char *wanted_schemata(const struct config_rdt *rdt)
{
    struct buffer out = { 0 };

    /* The bandwidth has a key of its own: the specification wants its lines in the other one passed over. */
    add_lines(&out, rdt->l3_cache, "MB:");
    add_lines(&out, rdt->memory_bandwidth, NULL);
    for (size_t i = 0; i < rdt->n_schemata; i++)
        add_lines(&out, rdt->schemata[i], NULL);
    return buffer_take_text(&out);
}

static const char *skip_zeros(const char *text, const char *end)
{
    while (text < end && (*text == ' ' || *text == '\t'))
        text++;
    while (text + 1 < end && *text == '0')
        text++;
    return text;
}

/* One word, a number or a name, up to one of the characters that end it. */
static bool same_word(const char *one, const char *other, const char *ends)
{
    const char *end = one + strcspn(one, ends), *other_end = other + strcspn(other, ends);

    one = skip_zeros(one, end);
    other = skip_zeros(other, other_end);
    while (end > one && isspace((unsigned char)end[-1]))
        end--;
    while (other_end > other && isspace((unsigned char)other_end[-1]))
        other_end--;
    return end - one == other_end - other && strncasecmp(one, other, (size_t)(end - one)) == 0;
}

/* The value of one domain in a line "L3:0=ff;1=f", behind the "="; NULL: it has none. */
static const char *find_domain(const char *line, const char *domain)
{
    line += strcspn(line, ":\n");
    while (*line == ':' || *line == ';') {
        line++;
        if (same_word(line, domain, "=;\n")) {
            line += strcspn(line, "=;\n");
            return *line == '=' ? line + 1 : NULL;
        }
        line += strcspn(line, ";\n");
    }
    return NULL;
}

/* Does the group have all that one line asks for? */
static bool line_holds(const char *line, const char *current)
{
    while (*current != '\0' && !same_word(current, line, ":\n"))
        current += strcspn(current, "\n") + (strchr(current, '\n') != NULL);
    if (*current == '\0')
        return false;
    line += strcspn(line, ":\n");
    while (*line == ':' || *line == ';') {
        const char *have = find_domain(current, ++line), *value = line + strcspn(line, "=;\n");

        if (have == NULL || *value != '=' || !same_word(value + 1, have, ";\n"))
            return false;
        line += strcspn(line, ";\n");
    }
    return true;
}

static int compare_schemata(const char *class, const char *wanted, struct lc_error **err)
{
    CLEAN_FREE char *current = read_file(class, "schemata");

    if (current == NULL)
        return raise_rdt(err, "/closID", errno != 0 ? errno : EIO, "read", class, "its schemata");
    for (const char *line = wanted; *line != '\0'; line += strcspn(line, "\n") + 1)
        if (!line_holds(line, current))
            return raise_rdt(err, "/closID", EINVAL, NULL, class,
                    "the class of service exists and has other schemata than are asked for here");
    return 0;
}

/* The kernel keeps its reason in a file of its own. */
static int write_schemata(const char *root, const char *class, const char *wanted, struct lc_error **err)
{
    CLEAN_FREE char *info = join_path(root, "info"), *reason = NULL;
    int r = write_file(class, "schemata", wanted, strlen(wanted));

    if (r == 0)
        return 0;
    reason = info != NULL ? read_file(info, "last_cmd_status") : NULL;
    if (reason != NULL)
        reason[strcspn(reason, "\n")] = '\0';
    return raise_rdt(err, "/schemata", -r, "write", class, reason);
}

static int make_class(
        const char *root, const struct config_rdt *rdt, const char *class, struct lc_error **err)
{
    CLEAN_FREE char *wanted = has_schemata(rdt) ? wanted_schemata(rdt) : NULL;
    bool made = mkdir(class, 0755) == 0;
    int r = made ? 0 : -errno;

    if (wanted == NULL && has_schemata(rdt))
        r = -ENOMEM;
    if (r < 0 && !(r == -EEXIST && rdt->clos_id != NULL)) {
        r = raise_rdt(err, rdt->clos_id != NULL ? "/closID" : "", -r, "mkdir", class, NULL);
    } else if (wanted != NULL) {
        r = made ? write_schemata(root, class, wanted, err) : compare_schemata(class, wanted, err);
    } else {
        r = 0;
    }
    if (r < 0 && made)
        (void)rmdir(class);
    return r;
}

static int move_task(const char *group, pid_t pid, struct lc_error **err)
{
    char number[16];
    int length = snprintf(number, sizeof(number), "%d", (int)pid);
    int r = write_file(group, "tasks", number, (size_t)length);

    return r < 0 ? raise_rdt(err, "", -r, "write", group, "moving the process into it") : 0;
}

int resctrl_join(
        const char *root, const struct config_rdt *rdt, const char *id, pid_t pid, struct lc_error **err)
{
    CLEAN_FREE char *class = class_path(root, rdt, id);
    CLEAN_FREE char *monitor = class != NULL ? monitor_path(class, id) : NULL;
    int r;

    if (monitor == NULL)
        return raise_memory(err);
    r = move_task(class, pid, err);
    return r == 0 && rdt->monitoring ? move_task(monitor, pid, err) : r;
}

int resctrl_make(
        const char *root, const struct config_rdt *rdt, const char *id, pid_t pid, struct lc_error **err)
{
    CLEAN_FREE char *class = class_path(root, rdt, id);
    CLEAN_FREE char *monitor = class != NULL ? monitor_path(class, id) : NULL;
    int r;

    if (monitor == NULL)
        return raise_memory(err);
    r = make_class(root, rdt, class, err);
    if (r < 0)
        return r;
    if (rdt->monitoring && mkdir(monitor, 0755) < 0)
        return raise_rdt(err, "/enableMonitoring", errno, "mkdir", monitor, NULL);
    return resctrl_join(root, rdt, id, pid, err);
}

int resctrl_remove(const char *made)
{
    if (made == NULL || rmdir(made) == 0 || errno == ENOENT)
        return 0;
    return -errno;
}
