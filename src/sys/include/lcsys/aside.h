/* Namespaces are entered by a process, but the caller's own thread must not enter any: somebody else does it for him. */
#ifndef LCSYS_ASIDE_H
#define LCSYS_ASIDE_H

#include <lcsys/processor.h>

/* Runs function(data) in a short-lived process that shares memory and descriptors with us, and waits for it: a descriptor
 * that it opens is ours. It makes raw system calls (raw.h) and nothing else, and is built without sanitizers. Returns what the
 * function returned, or -errno. */
long sys_aside(long (*function)(void *data), void *data);

/* The same in two halves, with other work between them, on another processor where there is one. A begun one has to be ended, and until then lies where it is. */
struct aside {
    long (*function)(void *data);
    void *data;
    volatile long result;
    void *stack;
    int pid;
    struct processors maker;
    volatile bool
            maker_roams; /* out, soon after the beginning: nothing but its cpuset restricts where the maker runs */
};
void sys_aside_begin(struct aside *aside, long (*function)(void *data), void *data);
long sys_aside_end(struct aside *aside);

#endif
