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

/* Memory that nobody has touched yet: it is zero, and need not be there before somebody does. */
static void *fresh(unsigned int class)
{
    size_t block = sizeof(struct header) + ((size_t)1 << (SMALLEST_SHIFT + class));
    struct header *header;

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
    header->size = block - sizeof(struct header);
    return header + 1;
}

static void *used(unsigned int class)
{
    struct header *header = freed[class];

    if (header == NULL)
        return NULL;
    freed[class] = header->next;
    return header + 1;
}

void *malloc(size_t size)
{
    void *memory;

    if (size > LARGE)
        return large(size);
    memory = used(class_of(size));
    return memory != NULL ? memory : fresh(class_of(size));
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
    if (total > LARGE)
        return large(total);
    memory = used(class_of(total));
    return memory != NULL ? memset(memory, 0, total) : fresh(class_of(total));
}

void *realloc(void *memory, size_t size)
{
    const struct header *header;
    void *moved;

    if (memory == NULL)
        return malloc(size);
    header = (const struct header *)memory - 1;
    if (size <= header->size)
        return memory;
    moved = malloc(size);
    if (moved != NULL) {
        memcpy(moved, memory, header->size < size ? header->size : size);
        free(memory);
    }
    return moved;
}
