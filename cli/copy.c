/* memcpy and memmove for the programs: what a JSON reader copies is a few bytes long, and musl's string instructions take longer
 * to begin than that. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint64_t __attribute__((may_alias, aligned(1))) word;

#define FEW ((size_t)128)

/* The compiler must not see a memcpy in what is one. */
#ifdef __clang__
#define PLAIN __attribute__((no_builtin("memcpy", "memmove")))
#else
#define PLAIN __attribute__((optimize("no-tree-loop-distribute-patterns")))
#endif

PLAIN static void copy_many(char *to, const char *from, size_t length)
{
#ifdef __x86_64__
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(length) : : "memory");
#else
    for (; length >= sizeof(word); length -= sizeof(word), to += sizeof(word), from += sizeof(word))
        *(word *)(void *)to = *(const word *)(const void *)from;
    for (; length > 0; length--)
        *to++ = *from++;
#endif
}

PLAIN void *memcpy(void *restrict out, const void *restrict in, size_t length)
{
    const char *from = in;
    char *to = out;

    if (length > FEW) {
        copy_many(to, from, length);
        return out;
    }
    for (; length >= sizeof(word); length -= sizeof(word), to += sizeof(word), from += sizeof(word))
        *(word *)(void *)to = *(const word *)(const void *)from;
    for (; length > 0; length--)
        *to++ = *from++;
    return out;
}

PLAIN void *memmove(void *out, const void *in, size_t length)
{
    const char *from = in;
    char *to = out;

    /* Downwards in memory, or apart: forwards never overwrites what is still to be read. */
    if ((uintptr_t)to - (uintptr_t)from >= length)
        return memcpy(out, in, length);
    for (; length >= sizeof(word); length -= sizeof(word))
        *(word *)(void *)(to + length - sizeof(word)) =
                *(const word *)(const void *)(from + length - sizeof(word));
    for (; length > 0; length--)
        to[length - 1] = from[length - 1];
    return out;
}
