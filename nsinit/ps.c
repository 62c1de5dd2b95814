#include "nsinit.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What /proc/PID/NAME begins with, NUL-terminated; its length, or -1. */
static ssize_t read_proc(pid_t pid, const char *name, char *out, size_t size)
{
    char path[64];
    ssize_t got;
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    got = read(fd, out, size - 1);
    (void)close(fd);
    out[got > 0 ? got : 0] = '\0';
    return got;
}

/* Seconds of the processor, user and system: fields 14 and 15 of stat, behind the name in parentheses. */
static unsigned long processor_time(const char *stat)
{
    const char *at = strrchr(stat, ')');
    unsigned long user = 0, kernel = 0;

    if (at != NULL)
        (void)sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel);
    return (user + kernel) / (unsigned long)sysconf(_SC_CLK_TCK);
}

static void user_name(const char *status, char *out, size_t size)
{
    const char *line = strstr(status, "\nUid:");
    unsigned int effective = 0;
    const struct passwd *entry;

    if (line != NULL)
        (void)sscanf(line, " Uid: %*u %u", &effective);
    entry = getpwuid(effective);
    if (entry != NULL)
        (void)snprintf(out, size, "%s", entry->pw_name);
    else
        (void)snprintf(out, size, "%u", effective);
}

/* Arguments with blanks between them; without any, like the kernel's own, the name in brackets. What a terminal would obey
 * becomes a question mark: the container chose it. */
static void command_line(pid_t pid, char *out, size_t size)
{
    ssize_t length = read_proc(pid, "cmdline", out, size);

    if (length <= 0) {
        char name[64];

        length = read_proc(pid, "comm", name, sizeof(name));
        name[length > 0 ? strcspn(name, "\n") : 0] = '\0';
        length = snprintf(out, size, "[%s]", name);
    }
    for (ssize_t i = 0; i < length; i++) {
        if (out[i] == '\0')
            out[i] = i + 1 < length ? ' ' : '\0';
        else if ((unsigned char)out[i] < ' ' || out[i] == 0x7f ||
                 ((unsigned char)out[i] >= 0x80 && (unsigned char)out[i] < 0xa0))
            out[i] = '?';
    }
}

static void print_process(pid_t pid)
{
    char stat[1024], status[4096], command[4096], user[64];
    unsigned long seconds;

    /* One that has just ended is left out. */
    if (read_proc(pid, "stat", stat, sizeof(stat)) <= 0 ||
            read_proc(pid, "status", status, sizeof(status)) <= 0)
        return;
    user_name(status, user, sizeof(user));
    command_line(pid, command, sizeof(command));
    seconds = processor_time(stat);
    (void)printf("%7d %-12s %02lu:%02lu:%02lu %s\n", (int)pid, user, seconds / 3600, seconds / 60 % 60,
            seconds % 60, command);
}

int command_ps(const struct arguments *arguments)
{
    struct lc_error *err = NULL;
    pid_t *pids = NULL;
    size_t count = 0;

    if (lc_processes(arguments->root, &pids, &count, &err) < 0)
        return report_and_free(err);
    if (!arguments->json)
        (void)printf("%7s %-12s %8s %s\n", "PID", "USER", "TIME", "COMMAND");
    for (size_t i = 0; i < count; i++) {
        if (arguments->json)
            (void)printf("%s%d", i == 0 ? "[" : ",", (int)pids[i]);
        else
            print_process(pids[i]);
    }
    if (arguments->json)
        (void)puts(count == 0 ? "[]" : "]");
    free(pids);
    return finish_output();
}
