/* The watcher of a foreground process. A program can give up its parent-death signal, and execution of a set-user-ID
 * file does; and without a pid namespace the death of the first process is not the death of all. So, when the caller
 * dies, this process kills. It holds 3, a pipe that ends with the caller, and 4, the pidfd of the process. */
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

/* "/proc/PID/ns/net" or "/proc/PID/root" */
static bool carries_mark(const char *pid, const char *mark, const struct stat *wanted)
{
    char path[64] = "/proc/";
    struct stat st;

    (void)text_append(path, sizeof(path), pid);
    (void)text_append(path, sizeof(path), strcmp(mark, "root") == 0 ? "/" : "/ns/");
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

static void kill_all(char *const *mark)
{
    const struct timespec pause = { .tv_nsec = 1000000 };
    struct stat wanted = { 0 };

    (void)sys_pidfd_send_signal(WIRE_FD_PLAN, SIGKILL);
    if (mark[0] == NULL || mark[1] == NULL || mark[2] == NULL)
        return;
    wanted.st_dev = (dev_t)strtoull(mark[1], NULL, 10);
    wanted.st_ino = (ino_t)strtoull(mark[2], NULL, 10);
    /* Never by a mark that we carry ourselves: it would not tell the container from the host. */
    if (wanted.st_ino == 0 || carries_mark("self", mark[0], &wanted))
        return;
    for (int i = 0; i < ROUNDS_MAX && kill_marked(mark[0], &wanted) > 0; i++)
        (void)nanosleep(&pause, NULL);
}

int guard_main(char *const *mark)
{
    struct pollfd watched[] = { { .fd = WIRE_FD_SOCKET, .events = POLLIN },
        { .fd = WIRE_FD_PLAN, .events = POLLIN } };

    (void)prctl(PR_SET_DUMPABLE, 0);
    /* Not of the caller's session: the terminal's ^C is not meant for us. All signals stay blocked. */
    (void)setsid();
    (void)sys_close_range(WIRE_FD_FIRST, ~0u, 0);
    while (poll(watched, 2, -1) < 0)
        if (errno != EINTR)
            return 1;
    if (watched[1].revents == 0 && watched[0].revents != 0)
        kill_all(mark);
    return 0;
}
