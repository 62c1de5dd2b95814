/* The heap of the programs. They live for milliseconds, in one thread, and what musl's careful allocator spends on asking the kernel
 * for memory, giving it back and touching fresh pages was a tenth of a whole container start. Here a block comes from a
 * list of freed ones of its size, or from the end of what the kernel gave; large blocks come and go by themselves. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CHUNK ((size_t)256 * 1024)
#define LARGE ((size_t)64 * 1024)
#define SMALLEST_SHIFT 4
#define CLASSES 13 /* 16 bytes to 64 KiB, each with its header before it */

/* Sixteen bytes, so that what follows is aligned for everything. */
struct header {
    size_t size; /* of the block behind it */
    struct header *next;
};

static struct header *freed[CLASSES];
static char *chunk, *chunk_end;

static unsigned int class_of(size_t size)
{
    unsigned int class = 0;

    while (((size_t)1 << (SMALLEST_SHIFT + class)) < size)
        class ++;
    return class;
}

static void *map(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return memory != MAP_FAILED ? memory : NULL;
}

static void *large(size_t size)
{
    struct header *header = size <= PTRDIFF_MAX - sizeof(*header) ? map(size + sizeof(*header)) : NULL;

    if (header == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    header->size = size;
    return header + 1;
}

void *malloc(size_t size)
{
    unsigned int class;
    struct header *header;
    size_t block;

    if (size > LARGE)
        return large(size);
    class = class_of(size);
    header = freed[class];
    if (header != NULL) {
        freed[class] = header->next;
        return header + 1;
    }
    block = sizeof(*header) + ((size_t)1 << (SMALLEST_SHIFT + class));
    if ((size_t)(chunk_end - chunk) < block) {
        chunk = map(CHUNK);
        chunk_end = chunk != NULL ? chunk + CHUNK : NULL;
        if (chunk == NULL) {
            errno = ENOMEM;
            return NULL;
        }
    }
    header = (struct header *)(void *)chunk;
    chunk += block;
    header->size = (size_t)1 << (SMALLEST_SHIFT + class);
    return header + 1;
}

void free(void *memory)
{
    struct header *header = memory;
    unsigned int class;

    if (memory == NULL)
        return;
    header--;
    if (header->size > LARGE) {
        (void)munmap(header, header->size + sizeof(*header));
        return;
    }
    class = class_of(header->size);
    header->next = freed[class];
    freed[class] = header;
}

void *calloc(size_t count, size_t size)
{
    size_t total;
    void *memory;

    if (__builtin_mul_overflow(count, size, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    memory = malloc(total);
    return memory != NULL && total <= LARGE ? memset(memory, 0, total) : memory; /* a large one is fresh */
}

void *realloc(void *memory, size_t size)
{
    const struct header *header = (const struct header *)memory - 1;
    void *moved;

    if (memory != NULL && size <= header->size)
        return memory;
    moved = malloc(size);
    if (memory != NULL && moved != NULL) {
        memcpy(moved, memory, header->size < size ? header->size : size);
        free(memory);
    }
    return moved;
}
