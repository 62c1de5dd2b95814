#include "journal.h"
#include "runtime.h"

#include <base/util.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* A watcher reads at once what was written: one that has not for so long reads from the beginning again. */
#define JOURNAL_MAX ((off_t)64 * 1024)

void time_text(char *out, size_t size)
{
    struct timespec now;
    struct tm parts;
    size_t used;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &parts);
    used = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(out + used, size - used, ".%09ldZ", now.tv_nsec);
}

void journal_name(const struct container *container, char *out, size_t size)
{
    int length = (int)strlen(container->record_name) - (int)strlen(".json");

    if (strcmp(container->id, container->record_name) == 0)
        oci_companion(container, "events", out, size);
    else
        (void)snprintf(out, size, "%.*s.events", length > 0 ? length : 0, container->record_name);
}

static int open_journal(const struct container *container)
{
    char name[sizeof(container->record_name) + 8];

    journal_name(container, name, sizeof(name));
    return openat(container->state_fd, name, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
}

bool journal_is_read(const struct container *container)
{
    CLEAN_FD int fd = open_journal(container);

    return fd >= 0;
}

void journal_remove(const struct container *container)
{
    char name[sizeof(container->record_name) + 8];

    journal_name(container, name, sizeof(name));
    (void)unlinkat(container->state_fd, name, 0);
}

void journal_write(const struct container *container, const char *type, const char *data)
{
    CLEAN_FD int fd = open_journal(container);
    CLEAN_FREE char *line = NULL;
    struct buffer out = { 0 };
    char now[TIME_TEXT_MAX];
    struct stat st;

    if (fd < 0)
        return;
    time_text(now, sizeof(now));
    buffer_printf(&out, "{\"type\":\"%s\",\"time\":\"%s\"", type, now);
    if (data != NULL)
        buffer_printf(&out, ",\"data\":%s", data);
    buffer_text(&out, "}\n");
    line = buffer_take_text(&out);
    if (line == NULL)
        return;
    if (fstat(fd, &st) == 0 && st.st_size > JOURNAL_MAX && ftruncate(fd, 0) < 0)
        return;
    if (write(fd, line, strlen(line)) < 0)
        log_warning(container->log, "who watches the container misses \"%s\": %s", type, strerror(errno));
}

void journal_write_pid(const struct container *container, const char *type, pid_t pid)
{
    char data[32];

    (void)snprintf(data, sizeof(data), "{\"pid\":%d}", (int)pid);
    journal_write(container, type, data);
}

char *exit_json(int status, const char *final)
{
    struct buffer out = { 0 };
    const char *comma = "";

    buffer_text(&out, "{");
    if (status >= 0) {
        buffer_printf(&out, "\"status\":%d", status);
        comma = ",";
    }
    if (status > 128 && status <= 128 + 64)
        buffer_printf(&out, ",\"signal\":%d", status - 128);
    if (final != NULL)
        buffer_printf(&out, "%s\"final\":%s", comma, final);
    buffer_text(&out, "}");
    return buffer_take_text(&out);
}
