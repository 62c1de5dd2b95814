#include <base/buffer.h>

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool buffer_reserve(struct buffer *buffer, size_t more)
{
    size_t need, capacity;
    char *grown;

    if (buffer->failed)
        return false;
    if (more > SIZE_MAX / 4 - buffer->length) {
        buffer->failed = true;
        return false;
    }
    need = buffer->length + more + 1; /* one for the NUL of buffer_take_text */
    if (need <= buffer->capacity)
        return true;
    capacity = buffer->capacity * 2 > need ? buffer->capacity * 2 : need + 256;
    grown = realloc(buffer->data, capacity);
    if (grown == NULL) {
        buffer->failed = true;
        return false;
    }
    buffer->data = grown;
    buffer->capacity = capacity;
    return true;
}

void buffer_add(struct buffer *buffer, const void *data, size_t length)
{
    if (!buffer_reserve(buffer, length))
        return;
    if (length > 0)
        memcpy(buffer->data + buffer->length, data, length);
    buffer->length += length;
}

void buffer_text(struct buffer *buffer, const char *text)
{
    buffer_add(buffer, text, strlen(text));
}

void buffer_printf(struct buffer *buffer, const char *fmt, ...)
{
    const size_t usual = 127; /* most are shorter, and then need not be measured first */
    va_list args, again;
    int length = -1;

    va_start(args, fmt);
    va_copy(again, args);
    if (buffer_reserve(buffer, usual)) {
        length = vsnprintf(buffer->data + buffer->length, usual + 1, fmt, args);
        buffer->failed = length < 0;
    }
    if (length > (int)usual && buffer_reserve(buffer, (size_t)length))
        (void)vsnprintf(buffer->data + buffer->length, (size_t)length + 1, fmt, again);
    if (!buffer->failed)
        buffer->length += (size_t)length;
    va_end(again);
    va_end(args);
}

/* Length of the UTF-8 sequence that begins here, 0 when it is none: JSON cannot hold other bytes. */
static size_t utf8_length(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t length = at[0] < 0x80   ? 1
                    : at[0] < 0xc2 ? 0
                    : at[0] < 0xe0 ? 2
                    : at[0] < 0xf0 ? 3
                    : at[0] < 0xf5 ? 4
                                   : 0;

    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
            (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
        return 0;
    return length;
}

/* How many bytes of it JSON takes as they are, one by one. */
static size_t plain_length(const char *text)
{
    size_t length = 0;

    while ((unsigned char)text[length] >= 0x20 && (unsigned char)text[length] < 0x80 && text[length] != '"' &&
            text[length] != '\\')
        length++;
    return length;
}

void buffer_json_string(struct buffer *buffer, const char *text)
{
    buffer_text(buffer, "\"");
    while (*text != '\0') {
        unsigned char c = (unsigned char)*text;
        size_t plain = plain_length(text), length = plain > 0 ? plain : utf8_length(text);

        if (plain > 0)
            buffer_add(buffer, text, plain);
        else if (c == '"' || c == '\\')
            buffer_printf(buffer, "\\%c", c);
        else if (c < 0x20)
            buffer_printf(buffer, "\\u%04x", c);
        else if (length == 0)
            buffer_text(buffer, "\\ufffd");
        else
            buffer_add(buffer, text, length);
        text += length > 0 ? length : 1;
    }
    buffer_text(buffer, "\"");
}

char *buffer_take_text(struct buffer *buffer)
{
    char *text = NULL;

    if (buffer_reserve(buffer, 0)) {
        buffer->data[buffer->length] = '\0';
        text = buffer->data;
        buffer->data = NULL;
    }
    buffer_done(buffer);
    return text;
}

void buffer_done(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){ 0 };
}
