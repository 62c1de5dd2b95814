/* Where controllers live. /proc/self/cgroup says which are v1; the usual mount points are tried first because
 * mountinfo is long and slow to make on hosts with many mounts. */
#include "internal.h"

#include <base/buffer.h>
#include <base/util.h>

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

#define CGROUP_ROOT "/sys/fs/cgroup"

static const char *const controller_names[CGROUP_CONTROLLER_MAX_] = {
    [CGROUP_CPU] = "cpu",
    [CGROUP_CPUSET] = "cpuset",
    [CGROUP_DEVICES] = "devices",
    [CGROUP_MEMORY] = "memory",
    [CGROUP_PIDS] = "pids",
    [CGROUP_BLKIO] = "blkio",
    [CGROUP_HUGETLB] = "hugetlb",
    [CGROUP_NET_CLS] = "net_cls",
    [CGROUP_NET_PRIO] = "net_prio",
    [CGROUP_RDMA] = "rdma",
    [CGROUP_MISC] = "misc",
    [CGROUP_DMEM] = "dmem",
    [CGROUP_FREEZER] = "freezer",
    [CGROUP_CPUACCT] = "cpuacct",
};

const char *cgroup_controller_name(enum cgroup_controller controller, bool v2)
{
    return v2 && controller == CGROUP_BLKIO ? "io" : controller_names[controller];
}

static bool is_controller(const char *name, size_t length, unsigned controller)
{
    const char *names[] = { cgroup_controller_name(controller, false),
        cgroup_controller_name(controller, true) };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strlen(names[i]) == length && memcmp(name, names[i], length) == 0)
            return true;
    }
    return false;
}

uint32_t cgroup_controllers_parse(const char *list)
{
    uint32_t found = 0;

    while (*list != '\0') {
        size_t length = strcspn(list, ", \n");

        for (unsigned i = 0; i < CGROUP_CONTROLLER_MAX_; i++) {
            if (is_controller(list, length, i))
                found |= CGROUP_BIT(i);
        }
        list += length;
        list += *list != '\0';
    }
    return found;
}

/* "4:memory:/docker/11bb", "1:name=systemd:/", "0::/user.slice" */
static int parse_line(struct layout *layout, char *line)
{
    char *names = strchr(line, ':');
    char *path = names != NULL ? strchr(names + 1, ':') : NULL;

    if (path == NULL)
        return -EPROTO;
    names++;
    *path++ = '\0';
    if (names[0] == '\0') {
        layout->v2_path = path;
        return 0;
    }
    if (layout->n_v1 == LAYOUT_HIERARCHIES_MAX)
        return -E2BIG;
    layout->v1[layout->n_v1++] = (struct layout_hierarchy){
        .names = names,
        .path = path,
        .controllers = cgroup_controllers_parse(names),
    };
    return 0;
}

int layout_parse(struct layout *ret_layout, char *text_consumed)
{
    struct layout layout = { .text = text_consumed };
    char *line = text_consumed;
    int r = 0;

    while (r == 0 && *line != '\0') {
        char *end = line + strcspn(line, "\n");
        bool more = *end != '\0';

        *end = '\0';
        r = parse_line(&layout, line);
        line = end + more;
    }
    if (r < 0) {
        layout_done(&layout);
        return r;
    }
    *ret_layout = layout;
    return 0;
}

static int read_file(const char *path, struct layout *ret_layout)
{
    char *text;
    int r = cgroup_read_text(AT_FDCWD, path, &text);

    return r < 0 ? r : layout_parse(ret_layout, text);
}

int layout_read_process(pid_t pid, struct layout *ret_layout)
{
    char path[sizeof("/proc/-2147483648/cgroup")];

    (void)snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
    return read_file(path, ret_layout);
}

int layout_read(struct layout *ret_layout, struct lc_error **err)
{
    const struct error_site site = { .stage = "cgroup", .syscall = "read", .object = "/proc/self/cgroup" };
    struct error_site failed = site;
    int r = read_file(site.object, ret_layout);

    if (r == 0)
        return 0;
    failed.errnum = -r;
    failed.hint = r == -ENOENT ? "mount /proc; a kernel without CONFIG_CGROUPS has no control groups" : NULL;
    return error_raise(err, &failed, NULL);
}

void layout_done(struct layout *layout)
{
    free(layout->text);
    *layout = (struct layout){ 0 };
}

static bool is_cgroup(const char *path, long magic)
{
    struct statfs buffer;

    return statfs(path, &buffer) == 0 && (long)buffer.f_type == magic;
}

/* mountinfo writes blank, tab, newline and backslash as \ooo. */
static char *unescape(const char *text, size_t length)
{
    char *result = malloc(length + 1), *out = result;

    if (result == NULL)
        return NULL;
    for (size_t i = 0; i < length; i++) {
        const char *c = text + i;

        if (*c == '\\' && length - i >= 4 && c[1] >= '0' && c[1] <= '3' && c[2] >= '0' && c[2] <= '7' &&
                c[3] >= '0' && c[3] <= '7') {
            *out++ = (char)((c[1] - '0') * 64 + (c[2] - '0') * 8 + (c[3] - '0'));
            i += 3;
        } else {
            *out++ = *c;
        }
    }
    *out = '\0';
    return result;
}

/* Skips `count` blank-separated fields of a line. */
static const char *skip_fields(const char *line, int count)
{
    while (count-- > 0) {
        line += strcspn(line, " \n");
        line += *line == ' ';
    }
    return line;
}

static bool field_is(const char *field, const char *word)
{
    size_t length = strcspn(field, " \n");

    return strlen(word) == length && memcmp(field, word, length) == 0;
}

static bool has_option(const char *options, const char *option)
{
    size_t wanted = strlen(option), length;

    for (;; options += length + 1) {
        length = strcspn(options, ", \n");
        if (length == wanted && memcmp(options, option, length) == 0)
            return true;
        if (options[length] != ',')
            return false;
    }
}

/* ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS [TAG...] - TYPE SOURCE SUPEROPTIONS */
int layout_mountinfo_find(const char *text, const char *type, const char *option, char **ret_mount)
{
    for (const char *line = text; *line != '\0'; line += *line == '\n') {
        const char *point = skip_fields(line, 4), *tail = skip_fields(point, 2);

        while (*tail != '\0' && *tail != '\n' && !field_is(tail, "-"))
            tail = skip_fields(tail, 1);
        tail = skip_fields(tail, 1);
        if (field_is(tail, type) && (option == NULL || has_option(skip_fields(tail, 2), option))) {
            char *mount = unescape(point, strcspn(point, " \n"));

            if (mount == NULL)
                return -ENOMEM;
            *ret_mount = mount;
            return 0;
        }
        line = tail + strcspn(tail, "\n");
    }
    return -ENOENT;
}

static int search_mountinfo(const char *type, const char *option, char **ret_mount)
{
    CLEAN_FREE char *text = NULL;
    int r;

    r = cgroup_read_text(AT_FDCWD, "/proc/self/mountinfo", &text);
    return r < 0 ? r : layout_mountinfo_find(text, type, option, ret_mount);
}

/* `length` bytes of name below /sys/fs/cgroup, when a cgroup file system is there. */
static int try_usual(const char *name, size_t length, long magic, char **ret_mount)
{
    CLEAN_FREE char *path = NULL;
    struct buffer out = { 0 };

    buffer_text(&out, length > 0 ? CGROUP_ROOT "/" : CGROUP_ROOT);
    buffer_add(&out, name, length);
    path = buffer_take_text(&out);
    if (path == NULL)
        return -ENOMEM;
    if (!is_cgroup(path, magic))
        return -ENOENT;
    *ret_mount = TAKE_POINTER(path);
    return 0;
}

int layout_mount_v1(const struct layout_hierarchy *hierarchy, char **ret_mount)
{
    static const char prefix[] = "name=";
    bool named = strncmp(hierarchy->names, prefix, strlen(prefix)) == 0;
    const char *directory = hierarchy->names + (named ? strlen(prefix) : 0);
    size_t first = strcspn(hierarchy->names, ",");
    CLEAN_FREE char *option = NULL;
    int r;

    r = try_usual(directory, strlen(directory), CGROUP_SUPER_MAGIC, ret_mount);
    if (r == -ENOENT && !named && hierarchy->names[first] == ',')
        r = try_usual(directory, first, CGROUP_SUPER_MAGIC, ret_mount);
    if (r != -ENOENT)
        return r;
    option = strndup(hierarchy->names, first);
    return option == NULL ? -ENOMEM : search_mountinfo("cgroup", option, ret_mount);
}

int layout_mount_v2_usual(char **ret_mount)
{
    int r = try_usual("", 0, CGROUP2_SUPER_MAGIC, ret_mount);

    return r == -ENOENT ? try_usual("unified", strlen("unified"), CGROUP2_SUPER_MAGIC, ret_mount) : r;
}

int layout_mount_v2(char **ret_mount)
{
    int r = layout_mount_v2_usual(ret_mount);

    return r == -ENOENT ? search_mountinfo("cgroup2", NULL, ret_mount) : r;
}

int layout_mount_type(const char *type, char **ret_mount)
{
    return search_mountinfo(type, NULL, ret_mount);
}
