/* Where things stand in the text. jansson builds the tree but forgets positions; they are needed only when
 * something is wrong, so they are found again by this scanner, which trusts nothing and never fails on broken
 * text. */
#include <config/reader.h>

#include <base/buffer.h>
#include <base/util.h>

#include <stdio.h>
#include <string.h>

enum token_kind { TOKEN_END, TOKEN_KEY, TOKEN_VALUE, TOKEN_OPEN, TOKEN_CLOSE, TOKEN_OTHER };

/* One open bracket, and the member that is being read in it. */
struct frame {
    bool array, inside, key_next, value_next;
    size_t index;
    size_t key, key_length; /* the raw name, quotes included */
};

struct scanner {
    const char *text;
    size_t length;
    size_t start, end; /* the current token */
    enum token_kind kind;
    bool too_deep, unterminated;
    int depth;
    struct frame frames[DEPTH_MAX + 1]; /* [0] is the file itself */
};

static void scan_open(struct scanner *s, bool array)
{
    s->frames[s->depth].inside = true;
    s->frames[s->depth].value_next = false;
    if (s->depth == DEPTH_MAX) {
        s->too_deep = true;
        s->kind = TOKEN_END;
        return;
    }
    s->frames[++s->depth] = (struct frame){ .array = array, .key_next = !array, .value_next = array };
    s->kind = TOKEN_OPEN;
}

/* A scalar, if this is the place for one. */
static void scan_value(struct scanner *s, struct frame *top)
{
    s->kind = top->value_next ? TOKEN_VALUE : TOKEN_OTHER;
    top->inside |= top->value_next;
    top->value_next = false;
}

static void scan_string(struct scanner *s, struct frame *top)
{
    while (s->end < s->length && s->text[s->end] != '"')
        s->end += s->text[s->end] == '\\' ? 2 : 1;
    s->unterminated = s->end >= s->length;
    s->end = s->unterminated ? s->length : s->end + 1;
    if (top->key_next) {
        *top = (struct frame){ .inside = true, .key = s->start, .key_length = s->end - s->start };
        s->kind = TOKEN_KEY;
    } else {
        scan_value(s, top);
    }
}

static void scan_word(struct scanner *s, struct frame *top)
{
    while (s->end < s->length && strchr(" \t\r\n,:{}[]\"", s->text[s->end]) == NULL)
        s->end++;
    scan_value(s, top);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct scanner scan_begin(const char *text, size_t length)
{
    return (struct scanner){ .text = text, .length = length, .frames[0].value_next = true };
}

static bool scan_next(struct scanner *s)
{
    struct frame *top = &s->frames[s->depth];

    if (s->kind == TOKEN_VALUE || s->kind == TOKEN_CLOSE)
        top->inside = false;
    while (s->end < s->length && is_space(s->text[s->end]))
        s->end++;
    s->start = s->end;
    s->kind = TOKEN_END;
    if (s->too_deep || s->start >= s->length)
        return false;
    s->end++;
    switch (s->text[s->start]) {
    case '{':
    case '[':
        scan_open(s, s->text[s->start] == '[');
        break;
    case '}':
    case ']':
        s->kind = TOKEN_CLOSE;
        s->depth -= s->depth > 0;
        break;
    case ',':
        s->kind = TOKEN_OTHER;
        top->inside = false;
        top->key_next = s->depth > 0 && !top->array;
        top->value_next = top->array;
        top->index++;
        break;
    case ':':
        s->kind = TOKEN_OTHER;
        top->value_next = top->inside;
        break;
    case '"':
        scan_string(s, top);
        break;
    default:
        scan_word(s, top);
    }
    return s->kind != TOKEN_END;
}

/* The member's name without quotes and escapes; jansson undoes the escapes. */
static void add_decoded_key(const struct scanner *s, const struct frame *frame, struct buffer *out)
{
    const char *raw = s->text + frame->key;
    json_t *decoded;

    if (memchr(raw, '\\', frame->key_length) == NULL) {
        if (frame->key_length >= 2)
            buffer_add(out, raw + 1, frame->key_length - 2);
        return;
    }
    decoded = json_loadb(raw, frame->key_length, JSON_DECODE_ANY, NULL);
    if (json_is_string(decoded))
        buffer_add(out, json_string_value(decoded), json_string_length(decoded));
    else if (frame->key_length >= 2)
        buffer_add(out, raw + 1, frame->key_length - 2);
    json_decref(decoded);
}

static void add_escaped(struct buffer *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '~')
            buffer_text(out, "~0");
        else if (text[i] == '/')
            buffer_text(out, "~1");
        else
            buffer_add(out, &text[i], 1);
    }
}

/* One reference token of a JSON pointer, escaped. */
static void add_component(const struct scanner *s, const struct frame *frame, struct buffer *out)
{
    struct buffer key = { 0 };

    if (frame->array) {
        buffer_printf(out, "%zu", frame->index);
        return;
    }
    add_decoded_key(s, frame, &key);
    add_escaped(out, key.data, key.length);
    buffer_done(&key);
}

static char *scan_pointer(const struct scanner *s)
{
    struct buffer out = { 0 };

    for (int i = 1; i <= s->depth && s->frames[i].inside; i++) {
        buffer_text(&out, "/");
        add_component(s, &s->frames[i], &out);
    }
    return buffer_take_text(&out);
}

static bool component_is(
        const struct scanner *s, const struct frame *frame, const char *segment, size_t length)
{
    const char *raw = s->text + frame->key + 1;
    struct buffer out = { 0 };
    bool same;

    if (!frame->array && frame->key_length == length + 2 && memchr(raw, '\\', length) == NULL &&
            memchr(segment, '~', length) == NULL)
        return memcmp(raw, segment, length) == 0;
    if (!frame->array && memchr(raw, '\\', frame->key_length - 1) == NULL && frame->key_length > length + 2)
        return false;
    add_component(s, frame, &out);
    same = !out.failed && out.length == length && (length == 0 || memcmp(out.data, segment, length) == 0);
    buffer_done(&out);
    return same;
}

/* Goes down the path step by step: `depth` components are found so far and *best is the value they lead to.
 */
static int locate(const char *text, size_t length, const char *pointer, bool want_key, size_t *best)
{
    struct scanner s = scan_begin(text, length);
    int depth = 0;

    *best = 0;
    if (!scan_next(&s))
        return -ENOENT;
    *best = s.start;
    while (*pointer == '/') {
        const char *segment = pointer + 1;
        size_t size = strcspn(segment, "/");
        bool last = segment[size] == '\0';

        if (s.kind != TOKEN_OPEN)
            return -ENOENT;
        for (;;) {
            int level;

            if (!scan_next(&s) || (s.kind == TOKEN_CLOSE && s.depth == depth))
                return -ENOENT;
            level = s.depth - (s.kind == TOKEN_OPEN);
            if (level != depth + 1 || s.kind == TOKEN_OTHER || s.kind == TOKEN_CLOSE ||
                    (s.kind == TOKEN_KEY && !(want_key && last)))
                continue;
            if (component_is(&s, &s.frames[level], segment, size))
                break;
        }
        *best = s.start;
        depth++;
        pointer = segment + size;
        if (s.kind == TOKEN_KEY)
            break;
    }
    return *pointer == '\0' ? 0 : -ENOENT;
}

void position_line(const char *text, size_t offset, int *ret_line, int *ret_column)
{
    int line = 1;
    size_t start = 0;

    for (size_t i = 0; i < offset; i++)
        if (text[i] == '\n') {
            line++;
            start = i + 1;
        }
    *ret_line = line;
    *ret_column = (int)(offset - start) + 1;
}

int position_of_value(const char *text, size_t length, const char *pointer, size_t *ret_offset)
{
    return locate(text, length, pointer, false, ret_offset);
}

int config_locate(const char *text, size_t length, const char *pointer, int *ret_line, int *ret_column)
{
    size_t offset;
    int result = locate(text, length, pointer, false, &offset);

    position_line(text, offset, ret_line, ret_column);
    return result;
}

int position_of_key(const char *text, size_t length, const char *pointer, int *ret_line, int *ret_column)
{
    size_t offset;
    int result = locate(text, length, pointer, true, &offset);

    position_line(text, offset, ret_line, ret_column);
    return result;
}

struct place position_at(const char *text, size_t length, size_t offset)
{
    struct scanner s = scan_begin(text, length);

    while (scan_next(&s) && s.end <= offset && !s.unterminated)
        ;
    return (struct place){ .offset = s.start, .pointer = scan_pointer(&s) };
}

/* Is the member being read at `level` the one that the pointer leads to, by objects only? */
static bool is_at(const struct scanner *s, int level, const char *pointer)
{
    for (int i = 1; i <= level; i++) {
        size_t size = *pointer == '/' ? strcspn(pointer + 1, "/") : 0;

        if (size == 0 || s->frames[i].array || !component_is(s, &s->frames[i], pointer + 1, size))
            return false;
        pointer += 1 + size;
    }
    return *pointer == '\0';
}

static const struct survey_row *find_row(const struct scanner *s, int level, const struct survey_row *rows)
{
    if (level < 1 || level > SURVEY_DEPTH_MAX || (s->kind != TOKEN_OPEN && s->kind != TOKEN_VALUE))
        return NULL;
    for (; rows->pointer != NULL; rows++)
        if (is_at(s, level, rows->pointer))
            return rows;
    return NULL;
}

bool position_survey(const char *text, size_t length, const struct survey_row *rows, struct survey *ret,
        struct place *ret_too_deep)
{
    struct scanner s = scan_begin(text, length);
    int inside = 0; /* the level of the value that we are in */

    ret->count = 0;
    while (scan_next(&s)) {
        int level = s.depth - (s.kind == TOKEN_OPEN);
        const struct survey_row *row =
                inside == 0 && ret->count < SURVEY_MAX ? find_row(&s, level, rows) : NULL;

        if (row != NULL) {
            ret->found[ret->count] = (struct survey_value){ .row = row, .start = s.start, .end = s.end };
            inside = s.kind == TOKEN_OPEN ? level : 0;
            ret->count += inside == 0;
        } else if (inside > 0 && s.kind == TOKEN_CLOSE && level == inside) {
            ret->found[ret->count++].end = s.end;
            inside = 0;
        }
    }
    if (s.too_deep)
        *ret_too_deep = (struct place){ .offset = s.start, .pointer = scan_pointer(&s) };
    return !s.too_deep;
}
