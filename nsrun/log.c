#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int log_fd = -1; /* -1: standard error */
static bool as_json;

int log_open(const char *path, const char *format)
{
    char message[256];

    if (format != NULL && strcmp(format, "text") != 0 && strcmp(format, "json") != 0) {
        (void)snprintf(message, sizeof(message), "invalid log-format: %s", format);
        log_write(LOG_ERROR, message);
        return -1;
    }
    as_json = format != NULL && strcmp(format, "json") == 0;
    if (path == NULL || path[0] == '\0')
        return 0;
    /* Appended to: an engine keeps one log for all calls about a container. */
    log_fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (log_fd >= 0)
        return 0;
    (void)snprintf(message, sizeof(message), "open %s: %s", path, strerror(errno));
    log_write(LOG_ERROR, message);
    return -1;
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
    static const char *const levels[] = { "error", "warning", "debug" };
    char stamp[32] = "";
    time_t now = time(NULL);
    struct tm parts;

    if (gmtime_r(&now, &parts) != NULL)
        (void)strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &parts);
    if (as_json) {
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
    FILE *out = open_memstream(&line, &length);

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
