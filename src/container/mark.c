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

void mark_take(struct record *record)
{
    static const enum config_namespace order[] = { NAMESPACE_MNT, NAMESPACE_NET, NAMESPACE_IPC, NAMESPACE_UTS,
        NAMESPACE_USER };
    const char *mark = "root";
    struct stat st;

    for (size_t i = ARRAY_SIZE(order); i-- > 0;)
        if ((record->namespaces & NAMESPACE_BIT(order[i])) != 0)
            mark = config_namespaces[order[i]].proc;
    if (!look(record->init.pid, mark, &st))
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
