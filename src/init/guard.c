/* The watcher of a foreground process. A program can give up its parent-death signal, and execution of a set-user-ID
 * file does; and without a pid namespace the death of the first process is not the death of all. So, when the caller
 * dies, this process kills. It holds 3, a pipe that ends with the caller, and 4, the pidfd of the process, and 5, by
 * which all others are found: their control group, or their namespace. */
#include "init.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS_MAX 2000

#define TARGET WIRE_FD_FIRST

/* "/proc/PID/ns/mnt" */
static bool carries_mark(const char *pid, const char *mark, const struct stat *wanted)
{
    char path[64] = "/proc/";
    struct stat st;

    (void)text_append(path, sizeof(path), pid);
    (void)text_append(path, sizeof(path), "/ns/");
    (void)text_append(path, sizeof(path), mark);
    return fstatat(AT_FDCWD, path, &st, 0) == 0 && st.st_dev == wanted->st_dev && st.st_ino == wanted->st_ino;
}

/* One pass over /proc; the number of processes found. */
static unsigned int kill_marked(const char *mark, const struct stat *wanted)
{
    char entries[4096];
    int directory = openat(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    unsigned int found = 0;
    long got;

    while (directory >= 0 && (got = syscall(SYS_getdents64, directory, entries, sizeof(entries))) > 0) {
        for (long at = 0; at < got;) {
            const char *name = entries + at + 19; /* d_name of linux_dirent64 */
            unsigned short length;

            memcpy(&length, entries + at + 16, sizeof(length)); /* d_reclen */
            at += length;
            if (name[0] < '1' || name[0] > '9' || !carries_mark(name, mark, wanted))
                continue;
            found++;
            (void)kill((pid_t)strtol(name, NULL, 10), SIGKILL);
        }
    }
    init_close(&directory);
    return found;
}

/* One pass over cgroup.procs, opened anew: v1 answers an open file from a list of a second ago. What does not fit into
 * the buffer is left for the next round. */
static unsigned int kill_listed(void)
{
    static char text[16384];
    int list = openat(TARGET, "cgroup.procs", O_RDONLY | O_CLOEXEC);
    ssize_t got = list < 0 ? -1 : read(list, text, sizeof(text) - 1);
    unsigned int found = 0;
    char *at = text, *end;

    init_close(&list);
    text[got > 0 ? got : 0] = '\0';
    for (; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        pid_t pid = (pid_t)strtol(at, NULL, 10);

        found++;
        if (pid > 1)
            (void)kill(pid, SIGKILL);
    }
    return found;
}

static void kill_all(const char *kind)
{
    const struct timespec pause = { .tv_nsec = 1000000 };
    bool listed = kind != NULL && strcmp(kind, "cgroup.procs") == 0;
    struct stat wanted = { 0 };

    (void)sys_pidfd_send_signal(WIRE_FD_PLAN, SIGKILL);
    if (kind == NULL)
        return;
    if (strcmp(kind, "cgroup.kill") == 0) {
        (void)!write(TARGET, "1", 1);
        return;
    }
    /* Never by a mark that we carry ourselves: it would not tell the container from the host. */
    if (!listed && (fstat(TARGET, &wanted) < 0 || carries_mark("self", kind, &wanted)))
        return;
    for (int i = 0; i < ROUNDS_MAX && (listed ? kill_listed() : kill_marked(kind, &wanted)) > 0; i++)
        (void)nanosleep(&pause, NULL);
}

int guard_main(const char *kind)
{
    struct pollfd watched[] = { { .fd = WIRE_FD_SOCKET, .events = POLLIN },
        { .fd = WIRE_FD_PLAN, .events = POLLIN } };

    (void)prctl(PR_SET_DUMPABLE, 0);
    /* Not of the caller's session: the terminal's ^C is not meant for us. All signals stay blocked. */
    (void)setsid();
    (void)sys_close_range(kind != NULL ? TARGET + 1 : TARGET, ~0u, 0);
    while (poll(watched, 2, -1) < 0)
        if (errno != EINTR)
            return 1;
    /* Also when both have ended by now: the parent-death signal may have been faster with the first process than we are. */
    if (watched[0].revents != 0)
        kill_all(kind);
    return 0;
}
