/* A hostile program inside a container. It watches every new process of its pid namespace and tries what the own-binary
 * and peek attacks try. One line on stdout for each success; silence is what we want.
 *
 *   spy SECONDS CANARY-PATH [attach] [DEV:INO...]
 *
 * HOST-EXE    /proc/PID/exe was one of the files DEV:INO (the host's nsinit, its library)
 * WRITE       an executable that is not the container's own could be written through a kept descriptor of /proc/PID/exe
 * ROOT, CWD   CANARY-PATH, an absolute host path, could be reached through /proc/PID/root or cwd
 * FD          the same through a directory descriptor in /proc/PID/fd
 * ATTACH      a process that still runs one of DEV:INO could be traced; with the word "attach" among the arguments: one
 *             that runs anything but the container's own programs
 * At the end: "watched N processes". */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FILES_MAX 8
#define KEPT_MAX 256

static struct {
    unsigned long dev, ino;
} files[FILES_MAX];
static int n_files;
static int attach_all;
static int kept[KEPT_MAX];
static int n_kept;
static const char *canary; /* without the leading slash */
static uint8_t seen[1 << 22];
static unsigned watched;

static int is_host_file(const struct stat *st)
{
    for (int i = 0; i < n_files; i++)
        if (files[i].dev == st->st_dev && files[i].ino == st->st_ino)
            return 1;
    return 0;
}

static int is_own_file(int fd)
{
    static const char *const own[] = { "/bin/busybox", "/bin/spy" };
    struct stat st, theirs;

    if (fstat(fd, &st) < 0)
        return 0;
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (stat(own[i], &theirs) == 0 && theirs.st_dev == st.st_dev && theirs.st_ino == st.st_ino)
            return 1;
    return 0;
}

static void try_write(int path_fd, const char *what)
{
    char name[64];
    int fd;

    if (is_own_file(path_fd))
        return;
    snprintf(name, sizeof(name), "/proc/self/fd/%d", path_fd);
    fd = open(name, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (pwrite(fd, "\x7f", 1, 0) == 1)
        printf("WRITE %s\n", what);
    close(fd);
}

/* It may have become the container's program in between, which anybody may trace: look again while it stands still. */
static void try_attach(int pid, int look_again)
{
    char name[64];
    int fd = -1;

    if (ptrace(PTRACE_ATTACH, pid, 0, 0) < 0)
        return;
    waitpid(pid, NULL, __WALL);
    snprintf(name, sizeof(name), "/proc/%d/exe", pid);
    if (look_again)
        fd = open(name, O_PATH | O_CLOEXEC);
    if (!look_again || (fd >= 0 && !is_own_file(fd)))
        printf("ATTACH %s\n", name);
    if (fd >= 0)
        close(fd);
    ptrace(PTRACE_DETACH, pid, 0, 0);
}

static void try_exe(int pid)
{
    char name[64], target[256];
    struct stat st;
    ssize_t length;
    int fd;

    snprintf(name, sizeof(name), "/proc/%d/exe", pid);
    fd = open(name, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return;
    length = readlink(name, target, sizeof(target) - 1);
    target[length > 0 ? length : 0] = '\0';
    if (fstat(fd, &st) == 0 && is_host_file(&st)) {
        printf("HOST-EXE %s\n", target);
        try_attach(pid, 0);
    } else if (attach_all && !is_own_file(fd)) {
        try_attach(pid, 1);
    }
    try_write(fd, target);
    if (n_kept < KEPT_MAX)
        kept[n_kept++] = fd;
    else
        close(fd);
}

/* Up from a directory that the process holds, then down to the canary. */
static void try_directory(const char *name, const char *what)
{
    char path[512];
    struct stat st;
    int fd = open(name, O_PATH | O_CLOEXEC);

    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        snprintf(path, sizeof(path), "../../../../../../../../../../../../%s", canary);
        if (fstatat(fd, path, &st, 0) == 0 || fstatat(fd, canary, &st, 0) == 0)
            printf("%s %s\n", what, name);
    }
    close(fd);
}

static void try_fds(int pid)
{
    char name[320];
    struct dirent *entry;
    DIR *dir;

    snprintf(name, sizeof(name), "/proc/%d/fd", pid);
    dir = opendir(name);
    if (dir == NULL)
        return;
    while ((entry = readdir(dir)) != NULL) {
        snprintf(name, sizeof(name), "/proc/%d/fd/%s", pid, entry->d_name);
        if (entry->d_name[0] != '.')
            try_directory(name, "FD");
    }
    closedir(dir);
}

static void look(int pid)
{
    char name[64];

    if ((unsigned)pid >= sizeof(seen))
        return;
    if (seen[pid] == 0)
        watched++;
    if (seen[pid] >= 200) /* it has long become an ordinary program */
        return;
    seen[pid]++;
    try_exe(pid);
    snprintf(name, sizeof(name), "/proc/%d/root", pid);
    try_directory(name, "ROOT");
    snprintf(name, sizeof(name), "/proc/%d/cwd", pid);
    try_directory(name, "CWD");
    try_fds(pid);
}

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    double end = now() + (argc > 1 ? atof(argv[1]) : 1);
    DIR *proc = opendir("/proc");
    struct dirent *entry;

    canary = argc > 2 ? argv[2] + 1 : "";
    for (int i = 3; i < argc && n_files < FILES_MAX; i++)
        if (strcmp(argv[i], "attach") == 0)
            attach_all = 1;
        else if (sscanf(argv[i], "%lu:%lu", &files[n_files].dev, &files[n_files].ino) == 2)
            n_files++;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (proc == NULL)
        return 1;
    printf("ready\n");
    while (now() < end && access("/stop", F_OK) < 0) {
        rewinddir(proc);
        while ((entry = readdir(proc)) != NULL) {
            int pid = atoi(entry->d_name);

            if (pid > 1 && pid != getpid())
                look(pid);
        }
        while (waitpid(-1, NULL, WNOHANG) > 0)
            continue;
    }
    for (int i = 0; i < n_kept; i++) {
        char target[32];

        snprintf(target, sizeof(target), "kept %d", i);
        try_write(kept[i], target);
    }
    printf("watched %u processes\n", watched);
    return 0;
}
