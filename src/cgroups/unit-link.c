/* The conversation with the helper: a program of its own, so that only those who ask for systemd pay for D-Bus. The bus, or
 * systemd, may never answer; then the helper is killed, and we say for what it waited. */
#include "unit.h"

#include <cgroups/unit-protocol.h>
#include <systemd_helper.h>

#include <base/util.h>
#include <lcsys/spawn.h>
#include <lcsys/syscalls.h>

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* For all that one link waits for. */
#define PATIENCE_MS 30000
/* Once it has been in vain. */
#define SHORT_PATIENCE_MS 3000

struct unit_link {
    int socket, pidfd;
    pid_t pid;
    int64_t patience_ms;
    char call[64]; /* what the helper waits for */
};

static int fail(const struct cgroup_unit *unit, int errnum, const char *pointer, const char *hint,
        struct lc_error **err, const char *text)
{
    return error_raise(err,
            &(struct error_site){ .stage = "cgroup",
                    .op = "systemd",
                    .object = unit->name,
                    .errnum = errnum,
                    .pointer = pointer,
                    .hint = hint },
            text != NULL ? "%s" : NULL, text);
}

/* ---- where the helper is ---- */
/* Beside the program that runs, in the tree where it was built or where it was installed; its owner vouches for both. */
static bool is_beside(const char *program, const char *way, char *path, size_t size)
{
    struct stat own, helper;
    const char *slash = strrchr(program, '/');
    int length = slash == NULL ? -1 : snprintf(path, size, "%.*s/%s", (int)(slash - program), program, way);

    return length > 0 && (size_t)length < size && stat("/proc/self/exe", &own) == 0 &&
           stat(path, &helper) == 0 && S_ISREG(helper.st_mode) && helper.st_uid == own.st_uid &&
           (helper.st_mode & 0022) == 0;
}

static bool find_helper(char *path, size_t size)
{
    static const char *const ways[] = { "../systemd/libcontainer-systemd",
        "../libexec/libcontainer/libcontainer-systemd" };
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);

    program[length > 0 ? length : 0] = '\0';
    /* Whoever runs a program with more rights than he has may have linked it to where he likes. */
    for (size_t i = 0; getauxval(AT_SECURE) == 0 && i < ARRAY_SIZE(ways); i++)
        if (is_beside(program, ways[i], path, size))
            return access(path, X_OK) == 0;
    (void)snprintf(path, size, "%s", SYSTEMD_HELPER);
    return access(path, X_OK) == 0;
}

bool cgroup_has_systemd(void)
{
    return SYSTEMD_HELPER[0] != '\0';
}

/* ---- where the bus is ---- */
/* A path as part of an address. */
static void add_path(struct buffer *out, const char *path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_/.";

    for (; *path != '\0'; path++)
        buffer_printf(out, strchr(plain, *path) != NULL ? "%c" : "%%%02x", (unsigned char)*path);
}

static char *bus_address(bool user)
{
    const char *given = secure_getenv(user ? "DBUS_SESSION_BUS_ADDRESS" : "DBUS_SYSTEM_BUS_ADDRESS");
    const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
    struct buffer address = { 0 };

    if (given != NULL && given[0] != '\0' && strchr(given, '\n') == NULL)
        return strdup(given);
    buffer_text(&address, "unix:path=");
    if (!user)
        buffer_text(&address, "/run/dbus/system_bus_socket");
    else if (runtime != NULL && runtime[0] == '/')
        add_path(&address, runtime);
    else
        buffer_printf(&address, "/run/user/%u", (unsigned)geteuid());
    if (user)
        buffer_text(&address, "/bus");
    return buffer_take_text(&address);
}

/* Said here, in words, what the helper could only say in a number. */
static int check_socket(
        const struct cgroup_unit *unit, const char *address, const char *pointer, struct lc_error **err)
{
    static const char scheme[] = "unix:path=";
    const char *path = address + strlen(scheme);
    size_t length = strcspn(path, ",;");
    CLEAN_FREE char *text = NULL;
    char file[PATH_MAX];

    if (strncmp(address, scheme, strlen(scheme)) != 0 || path[length] == ';' || length >= sizeof(file) ||
            memchr(path, '%', length) != NULL)
        return 0;
    (void)snprintf(file, sizeof(file), "%.*s", (int)length, path);
    if (access(file, F_OK) == 0)
        return 0;
    if (asprintf(&text, "there is no D-Bus socket %s", file) < 0)
        text = NULL;
    return fail(unit, ENOENT, pointer,
            unit->user ? "a user's systemd is there after a log-in, or with `loginctl enable-linger`"
                       : "systemd has to be the init of this host; the driver \"fs\" does without it",
            err, text);
}

/* ---- the helper as a process ---- */

static int spawn_helper(struct unit_link *link, const char *path, int child_socket)
{
    const struct spawn_fd given = { child_socket, UNIT_SOCKET };
    char name[] = "libcontainer-systemd", *const argv[] = { name, NULL };

    return sys_spawn(path, argv, NULL, &given, 1, &link->pid);
}

static void link_free(struct unit_link *link)
{
    fd_close(&link->socket);
    if (link->pid > 0) {
        if (link->pidfd < 0 || sys_pidfd_send_signal(link->pidfd, SIGKILL) < 0)
            (void)kill(link->pid, SIGKILL);
        while (waitpid(link->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    fd_close(&link->pidfd);
    free(link);
}

void unit_link_close(struct cgroup_unit *unit)
{
    if (unit->link != NULL)
        link_free(unit->link);
    unit->link = NULL;
}

pid_t unit_link_pid(const struct cgroup_unit *unit)
{
    return unit->link != NULL ? unit->link->pid : 0;
}

static int start_helper(struct cgroup_unit *unit, const char *pointer, struct lc_error **err)
{
    struct unit_link *link;
    char path[PATH_MAX];
    int pair[2], r;

    if (!find_helper(path, sizeof(path)))
        return error_raise(err,
                &(struct error_site){ .stage = "cgroup",
                        .op = "systemd",
                        .object = path,
                        .errnum = ENOENT,
                        .pointer = pointer,
                        .hint = "install libcontainer's helper for systemd there" },
                NULL);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return fail(unit, errno, pointer, NULL, err, "socketpair");
    link = calloc(1, sizeof(*link));
    if (link != NULL)
        *link = (struct unit_link){ .socket = pair[0],
            .pidfd = -EBADF,
            .patience_ms = unit->silent ? SHORT_PATIENCE_MS : PATIENCE_MS,
            .call = "its beginning" };
    r = link != NULL ? spawn_helper(link, path, pair[1]) : -ENOMEM;
    fd_close(&pair[1]);
    if (r < 0) {
        if (link != NULL)
            link_free(link);
        else
            fd_close(&pair[0]);
        return fail(unit, -r, pointer, NULL, err, "the helper for systemd cannot be run");
    }
    link->pidfd = sys_pidfd_open(link->pid);
    unit->link = link;
    return 0;
}

/* ---- asking ---- */
/* One packet of the helper's, NUL-terminated. 0: it has ended. */
static ssize_t hear(struct unit_link *link, char *packet, size_t size)
{
    int64_t begin = cgroup_now_ms();
    struct pollfd ready = { .fd = link->socket, .events = POLLIN };
    ssize_t got;
    int r;

    do {
        int64_t left = link->patience_ms - (cgroup_now_ms() - begin);

        r = poll(&ready, 1, left > 0 ? (int)left : 0);
    } while (r < 0 && errno == EINTR);
    link->patience_ms -= cgroup_now_ms() - begin;
    if (r <= 0)
        return r < 0 ? -errno : -ETIMEDOUT;
    got = recv(link->socket, packet, size - 1, 0);
    packet[got > 0 ? got : 0] = '\0';
    return got < 0 ? -errno : got;
}

static int no_answer(struct cgroup_unit *unit, ssize_t r, const char *pointer, struct lc_error **err)
{
    CLEAN_FREE char *text = NULL;
    const char *call = unit->link->call;

    if (r == -ETIMEDOUT) {
        unit->silent = true;
        if (asprintf(&text, "no answer to %s for %d seconds", call, PATIENCE_MS / 1000) < 0)
            text = NULL;
        return fail(unit, ETIMEDOUT, pointer, "is the D-Bus daemon alive? systemctl status dbus", err, text);
    }
    if (asprintf(&text, "the helper for systemd ended in %s", call) < 0)
        text = NULL;
    return fail(unit, r < 0 ? (int)-r : EPIPE, pointer, NULL, err, text);
}

/* "error\nERRNO\nCALL\nTEXT" */
static int refused(const struct cgroup_unit *unit, char *lines, const char *pointer, struct lc_error **err)
{
    const char *number = strsep(&lines, "\n"), *call = lines != NULL ? strsep(&lines, "\n") : "";
    int errnum = number != NULL ? (int)strtol(number, NULL, 10) : 0;
    CLEAN_FREE char *text = NULL;

    if (asprintf(&text, "%s: %s", call, lines != NULL ? lines : "") < 0)
        text = NULL;
    if (errnum == EEXIST)
        return fail(unit, EBUSY, pointer, "choose another name, or end what runs in that unit", err, text);
    return fail(unit, errnum > 0 ? errnum : EIO, pointer, NULL, err, text);
}

int unit_link_ask(struct cgroup_unit *unit, const char *request, const char *pointer, char **ret_answer,
        struct lc_error **err)
{
    struct unit_link *link = unit->link;
    char packet[6000];
    ssize_t r;

    if (strlen(request) > UNIT_PACKET_MAX)
        return fail(unit, E2BIG, pointer, "give fewer device rules and properties", err,
                "the request for systemd is too long");
    if (send(link->socket, request, strlen(request), MSG_NOSIGNAL) < 0)
        return no_answer(unit, -errno, pointer, err);
    for (;;) {
        char *lines = packet;
        const char *word;

        r = hear(link, packet, sizeof(packet));
        if (r <= 0)
            return no_answer(unit, r, pointer, err);
        word = strsep(&lines, "\n");
        if (strcmp(word, "call") == 0) {
            (void)snprintf(link->call, sizeof(link->call), "%s", lines != NULL ? lines : "");
            continue;
        }
        if (strcmp(word, "ok") != 0)
            return refused(unit, lines != NULL ? lines : packet + strlen(packet), pointer, err);
        if (ret_answer == NULL)
            return 0;
        *ret_answer = strdup(lines != NULL ? lines : "");
        return *ret_answer != NULL ? 0 : plan_out_of_memory(err);
    }
}

/* "PROTOCOL\nGROUP" */
static int take_root(const struct cgroup_unit *unit, const char *answer, const char *pointer, char **ret_root,
        struct lc_error **err)
{
    size_t length = answer != NULL ? strcspn(answer, "\n") : 0;
    const char *group;

    if (length != strlen(UNIT_PROTOCOL) || strncmp(answer, UNIT_PROTOCOL "\n", length + 1) != 0)
        return fail(unit, EPROTO, pointer, "install both of the same version", err,
                "the helper for systemd is of another version than the library");
    group = answer + length + 1;
    if (ret_root == NULL)
        return 0;
    *ret_root = strdup(strcmp(group, "/") == 0 ? "" : group);
    return *ret_root != NULL ? 0 : plan_out_of_memory(err);
}

int unit_link_open(struct cgroup_unit *unit, const char *pointer, char **ret_root, struct lc_error **err)
{
    CLEAN_FREE char *address = bus_address(unit->user), *request = NULL, *answer = NULL;
    int r;

    if (address == NULL || asprintf(&request, "open\n%s", address) < 0) {
        request = NULL;
        return plan_out_of_memory(err);
    }
    unit_link_close(unit);
    if (!cgroup_has_systemd())
        return fail(unit, ENOTSUP, pointer,
                "build it with libsystemd (package libsystemd-dev), or use the driver \"fs\"", err,
                "libcontainer was built without systemd");
    r = check_socket(unit, address, pointer, err);
    if (r == 0)
        r = start_helper(unit, pointer, err);
    if (r == 0)
        r = unit_link_ask(unit, request, pointer, &answer, err);
    if (r == 0)
        r = take_root(unit, answer, pointer, ret_root, err);
    if (r < 0)
        unit_link_close(unit);
    return r;
}
