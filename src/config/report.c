/* Complaints: what was expected, what was found, and where. */
#include <config/reader.h>

#include <base/buffer.h>
#include <base/util.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Each complaint searches the text for its place, so a hostile file must not be able to ask for too many. */
#define COMPLAINTS_MAX 200
#define QUOTE_MAX 80

__attribute__((format(printf, 3, 0))) static void report(
        struct reader *reader, struct error_site *site, const char *fmt, va_list args)
{
    char *text;

    site->stage = "config";
    site->file = reader->config->file;
    if (++reader->complaints > COMPLAINTS_MAX)
        return;
    if (reader->complaints == COMPLAINTS_MAX) {
        (void)error_raise(reader->err, site, "too many errors: the rest is not shown");
        return;
    }
    text = arena_vprintf(&reader->config->arena, fmt, args);
    if (text == NULL)
        reader->no_memory = true;
    (void)error_raise(reader->err, site, text != NULL ? "%s" : NULL, text);
}

__attribute__((format(printf, 5, 0))) static void report_pointer(
        struct reader *reader, const char *pointer, bool key, const char *hint, const char *fmt, va_list args)
{
    const struct lc_config *config = reader->config;
    struct error_site site = { .pointer = pointer, .hint = hint };

    if (reader->complaints >= COMPLAINTS_MAX) {
        reader->complaints++;
        return;
    }
    if (key)
        (void)position_of_key(config->text, config->length, pointer, &site.line, &site.column);
    else
        (void)config_locate(config->text, config->length, pointer, &site.line, &site.column);
    report(reader, &site, fmt, args);
}

void complain(struct reader *reader, const struct node *node, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    report_pointer(reader, node_pointer(reader, node), false, NULL, fmt, args);
    va_end(args);
}

void complain_hint(struct reader *reader, const struct node *node, const char *hint, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    report_pointer(reader, node_pointer(reader, node), false, hint, fmt, args);
    va_end(args);
}

void complain_key(struct reader *reader, const struct node *node, const char *hint, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    report_pointer(reader, node_pointer(reader, node), true, hint, fmt, args);
    va_end(args);
}

void complain_pointer(struct reader *reader, const char *pointer, const char *hint, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    report_pointer(reader, pointer, false, hint, fmt, args);
    va_end(args);
}

__attribute__((format(printf, 3, 4))) static void report_site(
        struct reader *reader, struct error_site *site, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    report(reader, site, fmt, args);
    va_end(args);
}

void complain_offset(struct reader *reader, size_t offset, const char *pointer, const char *text)
{
    struct error_site site = { .pointer = pointer };

    position_line(reader->config->text, offset, &site.line, &site.column);
    report_site(reader, &site, "%s", text);
}

const char *quote(struct reader *reader, const char *text)
{
    struct buffer out = { 0 };
    const char *quoted;
    size_t i;

    buffer_text(&out, "\"");
    for (i = 0; i < QUOTE_MAX && text[i] != '\0'; i++) {
        unsigned char c = (unsigned char)text[i];

        /* C0, DEL, and C1 controls (0xc2 0x80-0x9f in UTF-8) would be obeyed by a terminal. */
        if (c == 0xc2 && (unsigned char)text[i + 1] < 0xa0)
            buffer_printf(&out, "\\u%04x", (unsigned char)text[++i]);
        else if (c < 0x20 || c == 0x7f)
            buffer_printf(&out, "\\u%04x", c);
        else
            buffer_add(&out, &text[i], 1);
    }
    while (((unsigned char)text[i] & 0xc0) == 0x80) /* never cut a character in two */
        buffer_add(&out, &text[i++], 1);
    buffer_text(&out, text[i] != '\0' ? "...\"" : "\"");
    buffer_add(&out, "", 1);
    quoted = out.failed ? "\"?\"" : keep(reader, out.data);
    buffer_done(&out);
    return quoted;
}

static const char *describe(struct reader *reader, const json_t *json)
{
    char number[64];

    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return quote(reader, json_string_value(json));
    case JSON_INTEGER:
        (void)snprintf(number, sizeof(number), "the number %" JSON_INTEGER_FORMAT, json_integer_value(json));
        return keep(reader, number);
    case JSON_REAL:
        (void)snprintf(number, sizeof(number), "the number %g", json_real_value(json));
        return keep(reader, number);
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    default:
        return "null";
    }
}

void complain_expected(struct reader *reader, const struct node *node, const char *expected)
{
    complain(reader, node, "expected %s, found %s", expected, describe(reader, node->json));
}
