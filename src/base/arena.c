#include <base/arena.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE 8192

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    _Alignas(max_align_t) char data[];
};

void *arena_alloc(struct arena *arena, size_t size)
{
    const size_t align = _Alignof(max_align_t);
    struct arena_block *block = arena->head;
    void *result;

    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + align - 1) & ~(align - 1);
    if (block == NULL || block->size - block->used < size) {
        size_t capacity = size > BLOCK_SIZE ? size : BLOCK_SIZE;

        block = calloc(1, sizeof(*block) + capacity);
        if (block == NULL)
            return NULL;
        block->size = capacity;
        block->next = arena->head;
        arena->head = block;
    }
    result = block->data + block->used;
    block->used += size;
    return result;
}

void *arena_calloc(struct arena *arena, size_t count, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    return arena_alloc(arena, total);
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
    char *copy = arena_alloc(arena, length + 1);

    if (copy != NULL)
        memcpy(copy, text, length);
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_strndup(arena, text, strlen(text));
}

char *arena_vprintf(struct arena *arena, const char *fmt, va_list args)
{
    va_list again;
    char usual[128], *text = NULL; /* most are shorter, and then need not be measured first */
    int length;

    va_copy(again, args);
    length = vsnprintf(usual, sizeof(usual), fmt, args);
    if (length >= 0)
        text = arena_alloc(arena, (size_t)length + 1);
    if (text != NULL && (size_t)length < sizeof(usual))
        memcpy(text, usual, (size_t)length + 1);
    else if (text != NULL)
        (void)vsnprintf(text, (size_t)length + 1, fmt, again);
    va_end(again);
    return text;
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
    va_list args;
    char *text;

    va_start(args, fmt);
    text = arena_vprintf(arena, fmt, args);
    va_end(args);
    return text;
}

void arena_done(struct arena *arena)
{
    while (arena->head != NULL) {
        struct arena_block *next = arena->head->next;

        free(arena->head);
        arena->head = next;
    }
}
