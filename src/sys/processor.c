#include <lcsys/processor.h>

#include <lcsys/raw.h>

#include <sys/syscall.h>

#define RAW __attribute__((no_sanitize("address", "undefined")))

#define WORD_BITS (8 * sizeof(unsigned long))

RAW void processors_look(struct processors *ret)
{
    long size = sys_raw(SYS_sched_getaffinity, 0, sizeof(ret->allowed), (long)ret->allowed, 0, 0);
    long r = sys_raw(SYS_getcpu, (long)&ret->here, 0, 0, 0, 0);

    ret->size = size > 0 && r == 0 && ret->here / 8 < (unsigned long)size ? size : 0;
}

RAW bool processors_send_away(const struct processors *processors, pid_t pid)
{
    unsigned long others[PROCESSOR_WORDS];

    for (unsigned int i = 0; i < PROCESSOR_WORDS; i++)
        others[i] = processors->allowed[i];
    others[processors->here / WORD_BITS] &= ~(1ul << processors->here % WORD_BITS);
    return processors->size > 0 &&
           sys_raw(SYS_sched_setaffinity, pid, processors->size, (long)others, 0, 0) == 0;
}

RAW int processors_free(pid_t pid)
{
    unsigned long all[PROCESSOR_WORDS];

    for (unsigned int i = 0; i < PROCESSOR_WORDS; i++)
        all[i] = ~0ul;
    return (int)sys_raw(SYS_sched_setaffinity, pid, sizeof(all), (long)all, 0, 0);
}
