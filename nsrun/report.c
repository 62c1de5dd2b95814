/* What failed, in the words that engines look for. */
#include "log.h"
#include "nsrun.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* `exec: "sh": ...`: docker and podman make their exit status of these words. To be freed. */
static char *command_words(const struct lc_error *err)
{
    const char *command = lc_error_object(err), *cause = strerror(lc_error_errno(err));
    char *words = NULL;
    bool found = lc_error_status(err) != 127;
    int r;

    if (command == NULL)
        command = "";
    if (!found && strchr(command, '/') == NULL)
        r = asprintf(&words, "exec: \"%s\": executable file not found in $PATH", command);
    else if (!found)
        r = asprintf(&words, "exec: \"%s\": stat %s: no such file or directory", command, command);
    else if (lc_error_errno(err) == EISDIR)
        r = asprintf(&words, "exec: \"%s\": is a directory: permission denied", command);
    else
        r = asprintf(&words, "exec: \"%s\": %c%s", command, tolower((unsigned char)cause[0]), cause + 1);
    return r < 0 ? NULL : words;
}

static void report_one(const struct call *call, int r, const struct lc_error *err)
{
    char *text = err != NULL ? lc_error_format(err) : NULL, *exec = NULL;
    const char *shown = text != NULL ? text : strerror(-r);

    if (err != NULL && lc_error_status(err) != 125)
        exec = command_words(err);
    (void)report_text(call, "%s%s%s", exec != NULL ? exec : "", exec != NULL ? ": " : "", shown);
    free(exec);
    free(text);
}

int report_failure(const struct call *call, int r, struct lc_error *err)
{
    const struct lc_error *one = err;

    do {
        report_one(call, r, one);
        one = one != NULL ? lc_error_next(one) : NULL;
    } while (one != NULL);
    lc_error_free(err);
    return call->command->failed != 0 ? call->command->failed : 1;
}

int report_text(const struct call *call, const char *fmt, ...)
{
    char *text = NULL, *line = NULL;
    va_list args;
    int r;

    va_start(args, fmt);
    r = vasprintf(&text, fmt, args);
    va_end(args);
    if (r < 0)
        text = NULL;
    if (text == NULL || asprintf(&line, "%s %s failed: %s", usage_name(), call->command->name, text) < 0)
        line = NULL;
    log_write(LOG_ERROR, line != NULL ? line : "out of memory");
    free(line);
    free(text);
    return call->command->failed != 0 ? call->command->failed : 1;
}

int print_text(const struct call *call, const char *text)
{
    if (fputs(text, stdout) >= 0 && fflush(stdout) == 0)
        return 0;
    return report_text(call, "standard output: %s", strerror(errno));
}

int print_document(const struct call *call, const char *text)
{
    size_t length = strlen(text);
    int status = print_text(call, text);

    return status == 0 && (length == 0 || text[length - 1] != '\n') ? print_text(call, "\n") : status;
}
