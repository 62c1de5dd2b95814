#include <base/error.h>
#include <base/buffer.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lc_error {
    struct error_site site; /* strings owned */
    char *text;
    struct lc_error *next;
};

/* Stored when there is no memory for a real one; recognised by address in error_free. */
static const struct lc_error out_of_memory = { .site = { .errnum = ENOMEM } };

static void copy_string(const char **field, const char *value)
{
    if (*field == NULL && value != NULL)
        *field = strdup(value);
}

struct lc_error *error_last(struct lc_error *err)
{
    while (err != NULL && err->next != NULL)
        err = err->next;
    return err;
}

void error_add(struct lc_error *err, const struct error_site *site)
{
    error_place(error_last(err), site);
}

void error_place(struct lc_error *err, const struct error_site *site)
{
    if (err == NULL || err == &out_of_memory)
        return;
    if (err->site.kind == ERROR_GENERIC)
        err->site.kind = site->kind;
    if (err->site.errnum == 0)
        err->site.errnum = site->errnum;
    if (err->site.line == 0) {
        err->site.line = site->line;
        err->site.column = site->column;
    }
    copy_string(&err->site.stage, site->stage);
    copy_string(&err->site.op, site->op);
    copy_string(&err->site.syscall, site->syscall);
    copy_string(&err->site.object, site->object);
    copy_string(&err->site.pointer, site->pointer);
    copy_string(&err->site.file, site->file);
    copy_string(&err->site.hint, site->hint);
}

void error_append(struct lc_error **err, struct lc_error *more_consumed)
{
    struct lc_error *last = err != NULL ? error_last(*err) : NULL;

    if (more_consumed == NULL)
        return;
    if (err == NULL)
        error_free(more_consumed);
    else if (last == NULL || last == &out_of_memory)
        *err = more_consumed;
    else
        last->next = more_consumed;
}

int error_raise(struct lc_error **err, const struct error_site *site, const char *fmt, ...)
{
    int result = site->errnum != 0 ? -site->errnum : -EINVAL;
    struct lc_error *fresh;

    if (err == NULL)
        return result;
    fresh = calloc(1, sizeof(*fresh));
    if (fresh == NULL) {
        if (*err == NULL)
            *err = (struct lc_error *)&out_of_memory;
        return result;
    }
    if (fmt != NULL) {
        va_list args;

        va_start(args, fmt);
        if (vasprintf(&fresh->text, fmt, args) < 0)
            fresh->text = NULL;
        va_end(args);
    }
    error_add(fresh, site);
    error_append(err, fresh);
    return result;
}

const struct error_site *error_site(const struct lc_error *err)
{
    return &err->site;
}

const struct lc_error *error_next(const struct lc_error *err)
{
    return err->next;
}

const char *error_text(const struct lc_error *err)
{
    return err->text != NULL ? err->text : "";
}

/* "op (pointer, file:line:column)" */
static void format_place(struct buffer *out, const struct error_site *site)
{
    const char *open = " (";

    if (site->op != NULL)
        buffer_text(out, site->op);
    else
        open = "(";
    if (site->pointer == NULL && site->file == NULL) {
        if (site->op != NULL)
            buffer_text(out, ": ");
        return;
    }
    buffer_text(out, open);
    if (site->pointer != NULL)
        buffer_text(out, site->pointer[0] != '\0' ? site->pointer : "top level");
    if (site->pointer != NULL && site->file != NULL)
        buffer_text(out, ", ");
    if (site->file != NULL)
        buffer_text(out, site->file);
    if (site->file != NULL && site->line > 0)
        buffer_printf(out, ":%d:%d", site->line, site->column);
    buffer_text(out, "): ");
}

/* What a hostile file or container put into a name must not reach a terminal as control characters. */
static char *escape_controls(char *line)
{
    struct buffer out = { 0 };

    if (line == NULL)
        return NULL;
    for (const char *at = line; *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at, next = (unsigned char)at[1];

        if (c < 0x20 || c == 0x7f)
            buffer_printf(&out, "\\x%02x", c);
        else if (c == 0xc2 && next >= 0x80 && next < 0xa0) /* U+0080..U+009F */
            buffer_printf(&out, "\\x%02x", *++at & 0xff);
        else
            buffer_add(&out, at, 1);
    }
    free(line);
    return buffer_take_text(&out);
}

char *error_format(const struct lc_error *err)
{
    const struct error_site *site = &err->site;
    struct buffer out = { 0 };
    const char *colon = "";

    if (site->stage != NULL)
        buffer_printf(&out, "%s: ", site->stage);
    format_place(&out, site);
    if (err->text != NULL && err->text[0] != '\0') {
        buffer_text(&out, err->text);
        colon = ": ";
    }
    if (site->syscall != NULL || site->object != NULL) {
        buffer_printf(&out, "%s%s%s%s", colon, site->syscall != NULL ? site->syscall : "",
                site->syscall != NULL && site->object != NULL ? " " : "",
                site->object != NULL ? site->object : "");
        colon = ": ";
    }
    if (site->errnum != 0)
        buffer_printf(&out, "%s%s", colon, strerror(site->errnum));
    if (site->hint != NULL)
        buffer_printf(&out, ". Hint: %s", site->hint);
    return escape_controls(buffer_take_text(&out));
}

void error_free(struct lc_error *err)
{
    while (err != NULL && err != &out_of_memory) {
        struct lc_error *next = err->next;

        free((char *)err->site.stage);
        free((char *)err->site.op);
        free((char *)err->site.syscall);
        free((char *)err->site.object);
        free((char *)err->site.pointer);
        free((char *)err->site.file);
        free((char *)err->site.hint);
        free(err->text);
        free(err);
        err = next;
    }
}
