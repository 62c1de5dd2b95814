#include "log.h"
#include "nsrun.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int log_fd = -1; /* -1: standard error */
static bool as_json;
static const char *tag; /* of lines for a system's log; NULL: it is a file */
static enum log_level most = LOG_WARNING;
static const char *const levels[] = {
    [LOG_ERROR] = "error", [LOG_WARNING] = "warning", [LOG_DEBUG] = "debug"
};

__attribute__((format(printf, 1, 2))) static int fail(const char *fmt, ...)
{
    char message[512];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    log_write(LOG_ERROR, message);
    return -1;
}

/* crun's names for what takes lines at a socket, both in syslog(3)'s form. */
static int open_socket(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    /* Not to be waited for: a line may be lost, a container may not. */
    log_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (log_fd >= 0 && connect(log_fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        int errnum = errno;

        (void)close(log_fd);
        log_fd = -1;
        errno = errnum;
    }
    return log_fd < 0 ? fail("connect %s: %s", path, strerror(errno)) : 0;
}

static int open_target(const char *target)
{
    static const struct {
        const char *prefix, *socket;
    } sockets[] = { { "journald:", "/run/systemd/journal/dev-log" }, { "syslog:", "/dev/log" } };

    for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++) {
        const char *name = target + strlen(sockets[i].prefix);

        if (strncmp(target, sockets[i].prefix, strlen(sockets[i].prefix)) != 0)
            continue;
        if (open_socket(sockets[i].socket) < 0)
            return -1;
        tag = *name != '\0' ? name : usage_name();
        return 0;
    }
    if (strncmp(target, "file:", 5) == 0)
        target += 5;
    /* Appended to: an engine keeps one log for all calls about a container. */
    log_fd = open(target, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    return log_fd < 0 ? fail("open %s: %s", target, strerror(errno)) : 0;
}

static int set_level(const char *name)
{
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
        if (strcmp(name, levels[i]) == 0) {
            most = (enum log_level)i;
            return 0;
        }
    return fail("invalid log-level: %s: expected error, warning or debug", name);
}

int log_open(const struct globals *globals)
{
    const char *format = globals->log_format;

    if (format != NULL && strcmp(format, "text") != 0 && strcmp(format, "json") != 0)
        return fail("invalid log-format: %s", format);
    as_json = format != NULL && strcmp(format, "json") == 0;
    if (globals->debug)
        most = LOG_DEBUG;
    if (globals->log_level != NULL && set_level(globals->log_level) < 0)
        return -1;
    return globals->log == NULL || globals->log[0] == '\0' ? 0 : open_target(globals->log);
}

bool log_wants(enum log_level level)
{
    return level <= most;
}

/* Length of the UTF-8 character at `at`, 0 when there is none. */
static size_t character(const unsigned char *at)
{
    size_t length = at[0] < 0x80   ? 1
                    : at[0] < 0xc2 ? 0
                    : at[0] < 0xe0 ? 2
                    : at[0] < 0xf0 ? 3
                    : at[0] < 0xf5 ? 4
                                   : 0;

    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    /* Too long for what it says, a surrogate, or beyond the last character. */
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
            (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
        return 0;
    return length;
}

/* Inside quotes, for both formats. */
static void quote(FILE *out, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    while (*at != '\0') {
        size_t length = character(at);

        if (*at == '"' || *at == '\\')
            (void)fprintf(out, "\\%c", *at);
        else if (*at == '\n')
            (void)fputs("\\n", out);
        else if (*at < 0x20 || *at == 0x7f)
            (void)fprintf(out, "\\u%04x", *at);
        else if (length == 0)
            (void)fputs("\\ufffd", out);
        else
            (void)fwrite(at, 1, length, out);
        at += length != 0 ? length : 1;
    }
}

static void compose(FILE *out, enum log_level level, const char *message)
{
    static const int priorities[] = { [LOG_ERROR] = 3, [LOG_WARNING] = 4, [LOG_DEBUG] = 7 };
    char stamp[32] = "";
    time_t now = time(NULL);
    struct tm parts;

    if (gmtime_r(&now, &parts) != NULL)
        (void)strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &parts);
    if (tag != NULL) {
        (void)fprintf(out, "<%d>%s: %s", 1 << 3 | priorities[level], tag, message);
    } else if (as_json) {
        (void)fprintf(out, "{\"level\":\"%s\",\"msg\":\"", levels[level]);
        quote(out, message);
        (void)fprintf(out, "\",\"time\":\"%s\"}\n", stamp);
    } else {
        (void)fprintf(out, "time=\"%s\" level=%s msg=\"", stamp, levels[level]);
        quote(out, message);
        (void)fputs("\"\n", out);
    }
}

void log_write(enum log_level level, const char *message)
{
    char *line = NULL;
    size_t length = 0;
    FILE *out = log_wants(level) ? open_memstream(&line, &length) : NULL;

    if (out != NULL) {
        compose(out, level, message);
        if (fclose(out) != 0)
            length = 0;
    }
    /* One write: others append to the same file. There is nowhere to complain about the log itself. */
    if (length > 0 && write(log_fd >= 0 ? log_fd : 2, line, length) < 0)
        log_fd = -1;
    free(line);
    if (level == LOG_ERROR && log_fd >= 0)
        (void)fprintf(stderr, "%s\n", message);
}

void log_take(void *data, const char *line)
{
    static const char mark[] = "warning: ";
    bool warning = strncmp(line, mark, sizeof(mark) - 1) == 0;

    (void)data;
    log_write(warning ? LOG_WARNING : LOG_DEBUG, warning ? line + sizeof(mark) - 1 : line);
}
