/* What the process itself gets: identity, limits, capabilities, labels, terminal. */
#include "check.h"

#include <base/util.h>
#include <lcsys/path.h>
#include <security/apparmor.h>
#include <security/capabilities.h>
#include <security/selinux.h>

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* A mount will stand between the path and what is there now. */
static bool covered(const struct check *check, const char *path)
{
    static const char *const usual[] = { "/proc", "/sys", "/dev" };

    for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
        if (check_has_namespace(check, NAMESPACE_MNT) && check_below(path, usual[i]))
            return true;
    for (size_t i = 0; i < check->config->n_mounts; i++)
        if (check_below(path, check->config->mounts[i].destination))
            return true;
    return false;
}

void check_working_dir(struct check *check, const char *key, json_t *value)
{
    const char *path = check->config->working_dir;
    CLEAN_FD int fd = -EBADF;
    struct stat st;

    (void)value;
    fd = covered(check, path) ? -EBADF : path_open(check->rootfs, path, PATH_MUST_EXIST, false);
    if (covered(check, path))
        check_say(check, key, true, "on a mount: looked for at the start");
    else if (fd < 0)
        check_say(check, key, false, "%s in the rootfs: %s; make the directory there, or change working_dir",
                path, strerror(-fd));
    else if (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode))
        check_say(check, key, false, "%s in the rootfs is no directory", path);
    else
        check_say(check, key, true, "it is there");
}

/* A name at the beginning of a line of /etc/passwd or /etc/group. 0, -ENOENT: no such name, or why it cannot
 * be read. */
static int look_up(const struct check *check, const char *path, const char *name, size_t length)
{
    CLEAN_FREE char *line = NULL;
    int fd = path_open_file(check->rootfs, path, O_RDONLY), r = -ENOENT;
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    size_t size = 0;

    if (file == NULL) {
        fd_close(&fd);
        return fd < 0 && fd != -EBADF ? fd : -ENOMEM;
    }
    while (r < 0 && getline(&line, &size, file) > 0)
        if (strncmp(line, name, length) == 0 && line[length] == ':')
            r = 0;
    (void)fclose(file);
    return r;
}

/* Says what is wrong, if anything is. */
static bool check_account(
        struct check *check, const char *key, const char *path, const char *name, size_t length)
{
    int r;

    /* root needs no line, and a number is never a name. */
    if (length == 0 || isdigit((unsigned char)name[0]) || covered(check, path) ||
            (length == 4 && memcmp(name, "root", 4) == 0 && strcmp(path, "/etc/passwd") == 0))
        return true;
    r = look_up(check, path, name, length);
    if (r < 0)
        check_say(check, key, false,
                "%.*s in the container's %s: %s; use a number, or add the name to that file", (int)length,
                name, path, r == -ENOENT ? "not found" : strerror(-r));
    return r == 0;
}

void check_user(struct check *check, const char *key, json_t *value)
{
    const char *user = check->config->user, *colon = strchr(user, ':');
    size_t length = colon != NULL ? (size_t)(colon - user) : strlen(user);

    (void)value;
    if (check_account(check, key, "/etc/passwd", user, length) &&
            (colon == NULL || check_account(check, key, "/etc/group", colon + 1, strlen(colon + 1))))
        check_say(check, key, true,
                covered(check, "/etc/passwd") ? "looked up at the start, as a mount covers /etc"
                                              : "it is known");
}

void check_tty(struct check *check, const char *key, json_t *value)
{
    const char *path = check->options.console != NULL ? check->options.console : "/dev/ptmx";
    struct lc_error *err = NULL;
    CLEAN_FD int fd = -EBADF;

    if (!json_is_true(value)) {
        check_say(check, key, true, "off");
        return;
    }
    fd = openat(AT_FDCWD, path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    /* The container's own multiplexer is in its own devpts; the host's tells whether a terminal is to be had.
     */
    if (fd < 0 && (errno != ENOENT || check->options.console != NULL))
        (void)error_raise(&err,
                &(struct error_site){ .stage = "check",
                        .op = "tty",
                        .syscall = "open",
                        .object = path,
                        .pointer = key,
                        .errnum = errno,
                        .hint = errno == ENOSPC ? "no pty left: see /proc/sys/kernel/pty/max" : NULL },
                NULL);
    else if (fd >= 0 && !isatty(fd))
        (void)error_raise(&err,
                &(struct error_site){
                        .stage = "check", .op = "tty", .object = path, .pointer = key, .errnum = ENOTTY },
                NULL);
    check_outcome(check, key, err, "a terminal can be made");
}

static void check_rlimit(struct check *check, const struct config_rlimit *asked, pid_t pid)
{
    struct rlimit limit = { .rlim_cur = (rlim_t)asked->soft, .rlim_max = (rlim_t)asked->hard }, now;
    struct lc_error *err = NULL;
    int errnum = 0;

    /* In a user namespace, raising is not even root's. */
    if (prlimit(pid, asked->resource, NULL, &now) == 0 && check_has_namespace(check, NAMESPACE_USER) &&
            limit.rlim_max > now.rlim_max)
        errnum = EPERM;
    else if (prlimit(pid, asked->resource, &limit, NULL) < 0)
        errnum = errno;
    if (errnum != 0)
        (void)error_raise(&err,
                &(struct error_site){ .stage = "check",
                        .op = asked->name,
                        .syscall = "prlimit",
                        .pointer = asked->pointer,
                        .errnum = errnum,
                        .hint = errnum != EPERM ? NULL
                                : asked->resource == RLIMIT_NOFILE
                                        ? "raising a hard limit needs CAP_SYS_RESOURCE outside of user "
                                          "namespaces, "
                                          "and this one ends at sysctl fs.nr_open"
                                        : "raising a hard limit needs CAP_SYS_RESOURCE outside of user "
                                          "namespaces" },
                "the hard limit here is %lld",
                now.rlim_max == RLIM_INFINITY ? -1LL : (long long)now.rlim_max);
    check_outcome(check, asked->pointer, err, "set for a process");
}

void check_rlimits(struct check *check, const char *key, json_t *value)
{
    struct check_child child;
    int r = check_child_start(check, 0, &child);

    (void)value;
    if (r < 0) {
        check_say(check, key, false, "no process to try it on: %s", strerror(-r));
        return;
    }
    if (check->config->n_rlimits == 0)
        check_say(check, key, true, "none");
    for (size_t i = 0; i < check->config->n_rlimits; i++)
        check_rlimit(check, &check->config->rlimits[i], child.pid);
    check_child_end(&child);
}

static int write_score(pid_t pid, int64_t score)
{
    char path[64], text[32];
    CLEAN_FD int fd = -EBADF;

    (void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
    (void)snprintf(text, sizeof(text), "%lld", (long long)score);
    fd = openat(AT_FDCWD, path, O_WRONLY | O_CLOEXEC);
    return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

void check_oom_score(struct check *check, const char *key, json_t *value)
{
    struct lc_error *err = NULL;
    struct check_child child;
    int r = check_child_start(check, 0, &child);

    (void)value;
    if (r == 0) {
        r = write_score(child.pid, check->config->oom_score_adj.value);
        check_child_end(&child);
    }
    if (r < 0)
        (void)error_raise(&err,
                &(struct error_site){ .stage = "check",
                        .op = "oom_score_adj",
                        .syscall = "write",
                        .pointer = key,
                        .errnum = -r,
                        .hint = r == -EACCES || r == -EPERM
                                        ? "lowering it needs CAP_SYS_RESOURCE, which nsinit does "
                                          "not have here"
                                        : NULL },
                NULL);
    check_outcome(check, key, err, "set for a process");
}

static void add_missing(struct buffer *out, uint64_t missing)
{
    for (int i = 0; i < 64; i++)
        if ((missing >> i & 1) != 0) {
            CLEAN_FREE char *name = capability_name(i);

            buffer_printf(out, "%s%s", out->length > 0 ? ", " : "", name != NULL ? name : "?");
        }
}

void check_capabilities(struct check *check, const char *key, json_t *value)
{
    struct buffer missing = { 0 };
    uint64_t bounding = UINT64_MAX;
    CLEAN_FREE char *names = NULL;

    (void)value;
    if (check->config->capabilities_given && !check_has_namespace(check, NAMESPACE_USER) &&
            capabilities_bounding(&bounding) == 0)
        add_missing(&missing, check->config->capabilities & ~bounding);
    names = missing.length > 0 ? buffer_take_text(&missing) : NULL;
    buffer_done(&missing);
    if (names != NULL)
        check_say(check, key, false,
                "nsinit itself does not have %s; leave it out, or start nsinit with it in its bounding set",
                names);
    else
        check_say(check, key, true,
                check->config->capabilities_given ? "nsinit has all of them" : "can be dropped");
}

void check_no_new_privileges(struct check *check, const char *key, json_t *value)
{
    if (json_is_true(value) && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) < 0)
        check_say(check, key, false, "this kernel has no such flag: it came with Linux 3.5");
    else
        check_say(check, key, true, json_is_true(value) ? "the kernel has it" : "off");
}

void check_context(struct check *check, const char *key, json_t *value)
{
    const struct lc_config *config = check->config;
    const char *name;
    json_t *member;

    json_object_foreach(value, name, member)
    {
        struct lc_error *err = NULL;
        char pointer[96];

        (void)snprintf(pointer, sizeof(pointer), "%s/%.80s", key, name);
        if (strcmp(name, "apparmor_profile") == 0 && config->apparmor_profile != NULL)
            (void)apparmor_check(config->apparmor_profile, pointer, &err);
        else if (strcmp(name, "process_label") == 0 && config->process_label != NULL)
            (void)selinux_check(config->process_label, pointer, &err);
        else if (strcmp(name, "mount_label") == 0 && config->mount_label != NULL)
            (void)selinux_check(config->mount_label, pointer, &err);
        check_outcome(check, pointer, err, json_string_length(member) > 0 ? "the host has it" : "none");
    }
}
