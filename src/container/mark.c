#include "mark.h"

#include <base/util.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static bool look(pid_t pid, const char *mark, struct stat *ret)
{
    char path[64];

    (void)snprintf(
            path, sizeof(path), strcmp(mark, "root") == 0 ? "/proc/%d/%s" : "/proc/%d/ns/%s", (int)pid, mark);
    return stat(path, ret) == 0;
}

/* One of its own namespaces that exists from the clone on, else its network, else its root directory. */
void mark_take(struct record *record, const char *rootfs, int netns)
{
    static const enum config_namespace order[] = { NAMESPACE_USER, NAMESPACE_MNT, NAMESPACE_IPC,
        NAMESPACE_UTS };
    const char *mark = NULL;
    struct stat st;
    bool found;

    for (size_t i = 0; mark == NULL && i < ARRAY_SIZE(order); i++)
        if ((record->namespaces & NAMESPACE_BIT(order[i])) != 0)
            mark = config_namespaces[order[i]].proc;
    if (mark != NULL) {
        found = look(record->init.pid, mark, &st);
    } else if (netns >= 0) {
        mark = "net";
        found = fstat(netns, &st) == 0;
    } else {
        mark = "root";
        found = stat(rootfs, &st) == 0;
    }
    if (!found)
        return;
    (void)snprintf(record->mark, sizeof(record->mark), "%s", mark);
    record->mark_dev = st.st_dev;
    record->mark_ino = st.st_ino;
}

static size_t kill_round(const struct record *record, DIR *proc)
{
    struct dirent *entry;
    size_t found = 0;

    rewinddir(proc);
    while ((entry = readdir(proc)) != NULL) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        struct stat st;

        if (pid <= 1 || pid == getpid() || !look(pid, record->mark, &st) || st.st_dev != record->mark_dev ||
                st.st_ino != record->mark_ino)
            continue;
        found++;
        (void)kill(pid, SIGKILL);
    }
    return found;
}

void mark_kill(const struct record *record, int timeout_ms)
{
    struct stat own;
    DIR *proc;

    if (record->mark[0] == '\0' || record->mark_ino == 0)
        return;
    /* Never by a mark that we carry ourselves. */
    if (look(getpid(), record->mark, &own) && own.st_dev == record->mark_dev &&
            own.st_ino == record->mark_ino)
        return;
    proc = opendir("/proc");
    if (proc == NULL)
        return;
    for (int i = 0; i < timeout_ms && kill_round(record, proc) > 0; i++)
        (void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    (void)closedir(proc);
}
