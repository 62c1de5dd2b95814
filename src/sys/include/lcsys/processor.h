/* Two can only work at the same time on two processors, and some kernels leave a new process on that of its maker. */
#ifndef LCSYS_PROCESSOR_H
#define LCSYS_PROCESSOR_H

#include <stdbool.h>
#include <sys/types.h>

#define PROCESSOR_WORDS 16

/* Where the caller may run, as sched_getaffinity(2) has it, and where it runs. */
struct processors {
    unsigned long allowed[PROCESSOR_WORDS];
    long size; /* of `allowed` in bytes, as the kernel uses it; 0: not known */
    unsigned int here;
};

/* These make raw system calls and nothing else. */

void processors_look(struct processors *ret);
/* Moves a process (0: the calling one) to any of these processors but `here`. False where there is no other. */
bool processors_send_away(const struct processors *processors, pid_t pid);
/* Lets it run wherever its cpuset lets it. 0 or -errno. */
int processors_free(pid_t pid);

#endif
