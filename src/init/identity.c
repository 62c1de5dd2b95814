#include "init.h"
#include "passwd.h"

#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LINE_MAX_ 4096
/* A sparse file of terabytes would keep us, and the container's lock, busy until somebody gives up. */
#define DATABASE_MAX ((off_t)64 * 1024 * 1024)

/* Reads a hostile file line by line; over-long lines are skipped. */
struct reader {
    int fd;
    char text[LINE_MAX_];
    size_t have, at;
    bool skipping;
};

static struct reader database;

static int refill(struct reader *reader)
{
    ssize_t got;

    memmove(reader->text, reader->text + reader->at, reader->have - reader->at);
    reader->have -= reader->at;
    reader->at = 0;
    if (reader->have == sizeof(reader->text) - 1) {
        reader->skipping = true;
        reader->have = 0;
    }
    got = read(reader->fd, reader->text + reader->have, sizeof(reader->text) - 1 - reader->have);
    if (got < 0)
        return -errno;
    reader->have += (size_t)got;
    return got == 0 ? 0 : 1;
}

/* The next line, or NULL at the end. */
static const char *next_line(struct reader *reader)
{
    for (;;) {
        char *start = reader->text + reader->at, *end;
        bool skipped = reader->skipping;

        reader->text[reader->have] = '\0';
        end = memchr(start, '\n', reader->have - reader->at);
        if (end != NULL) {
            *end = '\0';
            reader->at = (size_t)(end - reader->text) + 1;
            reader->skipping = false;
            if (!skipped)
                return start;
        } else if (refill(reader) <= 0) {
            start = reader->text;
            reader->text[reader->have] = '\0';
            skipped = reader->skipping || reader->have == 0;
            reader->at = reader->have = 0;
            return skipped ? NULL : start;
        }
    }
}

/* Opens a database of the container. 1: there is none. */
static int open_database(struct init *init, struct reader *reader, const char *path)
{
    struct stat st;

    reader->have = reader->at = 0;
    reader->skipping = false;
    reader->fd = path_open_file(init->root, path, O_RDONLY);
    if (reader->fd == -ENOENT || reader->fd == -ENOTDIR)
        return 1;
    if (reader->fd == -EINVAL || reader->fd == -EISDIR)
        init_detail(init, "it is not a regular file");
    if (reader->fd < 0)
        return init_fail(init, "open", path, reader->fd);
    if (fstat(reader->fd, &st) < 0 || st.st_size > DATABASE_MAX) {
        init_close(&reader->fd);
        init_detail(init, "it is larger than 64 MiB");
        return init_fail(init, "fstat", path, -EFBIG);
    }
    return 0;
}

static bool same(const char *name, const char *text, size_t length)
{
    return strlen(name) == length && memcmp(name, text, length) == 0;
}

/* uid and primary gid of a user. A number is always a number; its line, if any, only gives the group. */
static int find_user(struct init *init, struct reader *reader, const char *user)
{
    bool number = passwd_number(user, strlen(user), &init->uid) == 0, found = false;
    const char *line;
    int r = open_database(init, reader, "/etc/passwd");

    if (r < 0)
        return r;
    while (r == 0 && !found && (line = next_line(reader)) != NULL) {
        struct passwd_line entry;

        if (!passwd_parse(line, &entry))
            continue;
        found = number ? entry.uid == init->uid : same(user, entry.name, entry.name_length);
        if (found) {
            init->uid = entry.uid;
            init->gid = entry.gid;
        }
    }
    init_close(&reader->fd);
    if (found || number || strcmp(user, "root") == 0)
        return 0;
    init_detail(
            init, r > 0 ? "the container has no /etc/passwd" : "no such user in the container's /etc/passwd");
    return init_fail(init, "user", user, -ENOENT);
}

static int find_group(struct init *init, struct reader *reader, const char *group)
{
    const char *line;
    bool found = false;
    int r;

    if (passwd_number(group, strlen(group), &init->gid) == 0)
        return 0;
    r = open_database(init, reader, "/etc/group");
    if (r < 0)
        return r;
    while (r == 0 && !found && (line = next_line(reader)) != NULL) {
        struct group_line entry;

        found = group_parse(line, &entry) && same(group, entry.name, entry.name_length);
        if (found)
            init->gid = entry.gid;
    }
    init_close(&reader->fd);
    if (found)
        return 0;
    init_detail(
            init, r > 0 ? "the container has no /etc/group" : "no such group in the container's /etc/group");
    return init_fail(init, "group", group, -ENOENT);
}

static int add_group(struct init *init, gid_t gid)
{
    for (size_t i = 0; i < init->n_groups; i++)
        if (init->groups[i] == gid)
            return 0;
    if (init->n_groups == INIT_GROUPS) {
        init_detail(init, "more than 256 supplementary groups");
        return init_fail(init, "group", NULL, -E2BIG);
    }
    init->groups[init->n_groups++] = gid;
    return 0;
}

/* Groups that list the user by name. */
static int find_memberships(struct init *init, struct reader *reader, const char *user)
{
    const char *line;
    int r = open_database(init, reader, "/etc/group");

    if (r != 0)
        return r < 0 ? r : 0;
    while (r == 0 && (line = next_line(reader)) != NULL) {
        struct group_line entry;

        if (group_parse(line, &entry) && group_has_member(&entry, user))
            r = add_group(init, entry.gid);
    }
    init_close(&reader->fd);
    return r;
}

/* The sixth field. */
static bool copy_home(const char *line, char *home, size_t size)
{
    size_t length;

    for (int i = 0; i < 5; i++) {
        line = strchr(line, ':');
        if (line == NULL)
            return false;
        line++;
    }
    length = strcspn(line, ":");
    if (length == 0 || length >= size)
        return false;
    memcpy(home, line, length);
    home[length] = '\0';
    return true;
}

bool init_find_home(struct init *init, uid_t uid, char *home, size_t size)
{
    struct passwd_line entry;
    uint32_t op = init->failure.op, kind = init->failure.kind;
    const char *line;
    bool found = false;

    if (init->root < 0 || open_database(init, &database, "/etc/passwd") != 0) {
        /* Nothing that the program could not live without. */
        memset(&init->failure, 0, sizeof(init->failure));
        init->failure.op = op;
        init->failure.kind = kind;
        return false;
    }
    while (!found && (line = next_line(&database)) != NULL)
        found = passwd_parse(line, &entry) && entry.uid == uid && copy_home(line, home, size);
    init_close(&database.fd);
    return found;
}

int step_user(struct init *init, const struct wire_op *op)
{
    const char *user = init_text(init, op, 0), *group = init_text(init, op, 1);
    const uint32_t *extra = (const uint32_t *)(const void *)(init->blob + op->data);
    uint32_t number;
    int r = 0;

    init->uid = init->gid = 0;
    init->n_groups = 0;
    init->group_list = init->groups;
    /* Numbers are not looked up at all (CVE-2016-3697). */
    if (op->number[0] != 0) {
        init->uid = (uid_t)op->number[1];
        init->gid = (gid_t)op->number[2];
        init->group_list = extra;
        init->n_groups = op->data_length / sizeof(*extra);
        return 0;
    }
    if (user != NULL)
        r = find_user(init, &database, user);
    if (r == 0 && group != NULL)
        r = find_group(init, &database, group);
    if (r == 0 && user != NULL && group == NULL && passwd_number(user, strlen(user), &number) < 0)
        r = find_memberships(init, &database, user);
    for (size_t i = 0; r == 0 && i < op->data_length / sizeof(*extra); i++)
        r = add_group(init, extra[i]);
    return r;
}

static int fail_id(struct init *init, const char *call, const char *kind, uint32_t id)
{
    int r = -errno;
    char object[32];

    (void)text_copy(object, sizeof(object), kind);
    text_append_number(object, sizeof(object), id, 10);
    return init_fail(init, call, object, r);
}

/* The system calls themselves: the library's forms look for other threads first, and there are none. */
int step_identity(struct init *init, const struct wire_op *op)
{
    bool setgroups_denied = op->number[0] != 0;
    uid_t real, effective, saved;

    if (op->number[1] == 0 && syscall(SYS_setgroups, init->n_groups, init->group_list) < 0 &&
            !(setgroups_denied && init->n_groups == 0))
        return init_fail(init, "setgroups", NULL, -errno);
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
        return init_fail(init, "prctl", "PR_SET_KEEPCAPS", -errno);
    if (syscall(SYS_setresgid, init->gid, init->gid, init->gid) < 0)
        return fail_id(init, "setresgid", "gid ", init->gid);
    if (syscall(SYS_setresuid, init->uid, init->uid, init->uid) < 0)
        return fail_id(init, "setresuid", "uid ", init->uid);
    if (getresuid(&real, &effective, &saved) < 0 || real != init->uid || effective != init->uid ||
            saved != init->uid)
        return init_fail(init, "getresuid", NULL, -EPERM);
    return 0;
}

int step_rlimit(struct init *init, const struct wire_op *op)
{
    struct rlimit limit = { .rlim_cur = (rlim_t)op->number[1], .rlim_max = (rlim_t)op->number[2] };

    struct rlimit now;

    if (setrlimit((int)op->number[0], &limit) == 0)
        return 0;
    /* Raising takes a right of the host's: who has it may have done it for us. */
    if (errno != EPERM || getrlimit((int)op->number[0], &now) < 0 || now.rlim_cur != limit.rlim_cur ||
            now.rlim_max != limit.rlim_max)
        return init_fail(init, "setrlimit", init_text(init, op, 0), -errno);
    return 0;
}

int step_umask(struct init *init, const struct wire_op *op)
{
    (void)init;
    (void)umask((mode_t)op->number[0]);
    return 0;
}

int step_no_new_privileges(struct init *init, const struct wire_op *op)
{
    (void)op;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        return init_fail(init, "prctl", "PR_SET_NO_NEW_PRIVS", -errno);
    return 0;
}
