/* Growing byte buffer for text and blobs. After an allocation failure `failed` is set, all later
 * calls do nothing, and buffer_take_text returns NULL: check once, at the end. */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
    char *data;
    size_t length, capacity;
    bool failed;
};

void buffer_add(struct buffer *buffer, const void *data, size_t length);
void buffer_text(struct buffer *buffer, const char *text);
void buffer_printf(struct buffer *buffer, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* JSON string with quotes and escapes. */
void buffer_json_string(struct buffer *buffer, const char *text);
char *buffer_take_text(struct buffer *buffer); /* NUL-terminated; caller frees; the buffer is empty after */
void buffer_done(struct buffer *buffer);

#endif
