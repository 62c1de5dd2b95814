/* Loading the default profile: by apparmor_parser, which alone knows the binary policy format of each kernel.
 */
#include <security/apparmor.h>

#include "apparmor-internal.h"

#include <base/util.h>
#include <lcsys/spawn.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define POLICY_DIRECTORY "/etc/apparmor.d"
#define POLICY_LIMIT (1 << 20)
#define STDERR_SIZE 1024

/* Behind the word "profile": blanks, and then the name, quoted or not. */
static bool names_profile(const char *text, const char *name)
{
    size_t blanks = strspn(text, " \t");
    bool quoted = text[blanks] == '"';
    const char *end = text + blanks + quoted + strlen(name);

    if (blanks == 0 || strncmp(text + blanks + quoted, name, strlen(name)) != 0)
        return false;
    return quoted ? *end == '"' : *end == '\0' || strchr(" \t\r\n{", *end) != NULL;
}

bool apparmor_policy_defines(const char *policy, const char *name)
{
    static const char word[] = "profile";

    while (*policy != '\0') {
        policy += strspn(policy, " \t\r\n");
        if (strncmp(policy, word, strlen(word)) == 0 && names_profile(policy + strlen(word), name))
            return true;
        policy += strcspn(policy, "\n");
    }
    return false;
}

static void directory_close(DIR **directory)
{
    if (*directory != NULL)
        (void)closedir(*directory);
}

char *apparmor_find_policy(const char *directory, const char *name, const char *ours)
{
    CLEANUP(directory_close) DIR *entries = opendir(directory);
    struct dirent *entry;

    if (entries == NULL)
        return NULL;
    while ((entry = readdir(entries)) != NULL) {
        CLEAN_FREE char *policy = NULL;
        char *path;

        if (entry->d_name[0] == '.')
            continue;
        policy = apparmor_read_file(dirfd(entries), entry->d_name, POLICY_LIMIT);
        if (policy == NULL || !apparmor_policy_defines(policy, name) || strcmp(policy, ours) == 0)
            continue;
        return asprintf(&path, "%s/%s", directory, entry->d_name) < 0 ? NULL : path;
    }
    return NULL;
}

/* A memory file instead of a pipe: neither side can block or be killed by SIGPIPE. fd or -errno. */
static int memory_file(const char *name, const char *text)
{
    CLEAN_FD int fd = memfd_create(name, MFD_CLOEXEC);
    size_t length = strlen(text);

    if (fd < 0)
        return -errno;
    if (length > 0 && pwrite(fd, text, length, 0) != (ssize_t)length)
        return -EIO;
    return fd_take(&fd);
}

/* The last bytes of what was written, as text without a newline at the end. */
static void read_tail(int fd, char *ret, size_t size)
{
    off_t end = lseek(fd, 0, SEEK_END), start = end > (off_t)size - 1 ? end - ((off_t)size - 1) : 0;
    ssize_t length = end > 0 ? pread(fd, ret, size - 1, start) : 0;

    while (length > 0 && (ret[length - 1] == '\n' || ret[length - 1] == ' '))
        length--;
    ret[length > 0 ? length : 0] = '\0';
}

/* The child gets the two files as 0, 1 and 2, and a small environment. */
static int spawn(const char *program, char *const *arguments, int input, int output, pid_t *ret)
{
    static char *const environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL };
    const struct spawn_fd given[] = { { input, STDIN_FILENO }, { output, STDOUT_FILENO },
        { output, STDERR_FILENO } };

    return sys_spawn(program, arguments, environment, given, ARRAY_SIZE(given), ret);
}

/* Above 2, so that a caller without stdin or stderr does not see its dup2 targets overwritten by each other.
 */
static int move_up(int *fd)
{
    int moved = *fd > STDERR_FILENO ? fd_take(fd) : fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

    fd_close(fd);
    *fd = moved;
    return moved < 0 ? -errno : 0;
}

int apparmor_run(const char *program, char *const *arguments, const char *input, char *ret_text, size_t size,
        int *ret_status)
{
    CLEAN_FD int in = -EBADF, out = -EBADF;
    pid_t child;
    int r;

    ret_text[0] = '\0';
    in = memory_file("profile", input);
    out = memory_file("messages", "");
    if (in < 0 || out < 0)
        return in < 0 ? in : out;
    r = move_up(&in);
    if (r == 0)
        r = move_up(&out);
    if (r == 0)
        r = spawn(program, arguments, in, out, &child);
    if (r < 0)
        return r;
    do
        r = waitpid(child, ret_status, 0) < 0 ? -errno : 0;
    while (r == -EINTR);
    read_tail(out, ret_text, size);
    return r;
}

static int refuse_load(
        struct lc_error **err, int errnum, const char *object, const char *hint, const char *text)
{
    return error_raise(err,
            &(struct error_site){
                    .errnum = errnum, .stage = "security", .op = "apparmor", .object = object, .hint = hint },
            "%s", text);
}

static const char *find_parser(void)
{
    static const char *const places[] = { "/sbin/apparmor_parser", "/usr/sbin/apparmor_parser" };

    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        if (access(places[i], X_OK) == 0)
            return places[i];
    }
    return NULL;
}

int apparmor_load(struct lc_error **err)
{
    /* -r: also over an older version of ours; -K: no cache file. */
    static char *const arguments[] = { "apparmor_parser", "-r", "-K", NULL };
    CLEAN_FREE char *theirs = NULL;
    const char *parser = find_parser();
    char text[STDERR_SIZE + 1];
    int status = 0, r;

    if (!apparmor_enabled())
        return refuse_load(err, ENOTSUP, NULL, "boot with \"apparmor=1 security=apparmor\"",
                "AppArmor is off on this host");
    theirs = apparmor_find_policy(POLICY_DIRECTORY, APPARMOR_DEFAULT_NAME, apparmor_default_profile());
    if (theirs != NULL)
        return refuse_load(err, EEXIST, theirs, "apparmor_parser -r with that file loads it",
                "the administrator has a profile nsinit-default of another text, which is left alone");
    if (parser == NULL)
        return refuse_load(
                err, ENOENT, "apparmor_parser", "install the package apparmor", "not in /sbin or /usr/sbin");
    r = apparmor_run(parser, arguments, apparmor_default_profile(), text, sizeof(text), &status);
    /* ECHILD: the program that embeds us ignores SIGCHLD, and the status is lost; then the list tells. */
    if (r == -ECHILD)
        return apparmor_check(APPARMOR_DEFAULT_NAME, NULL, err);
    if (r < 0)
        return refuse_load(err, -r, parser, NULL, "it could not be run");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    return refuse_load(err, EIO, parser, geteuid() == 0 ? NULL : "loading a profile needs root",
            text[0] != '\0' ? text : "it failed without a message");
}
