/* Namespaces are entered by a process, but the caller's own thread must not enter any: somebody else does it for him. */
#ifndef LCSYS_ASIDE_H
#define LCSYS_ASIDE_H

/* Runs function(data) in a short-lived process that shares memory and descriptors with us, and waits for it: a descriptor
 * that it opens is ours. It makes raw system calls (raw.h) and nothing else, and is built without sanitizers. Returns what the
 * function returned, or -errno. */
long sys_aside(long (*function)(void *data), void *data);

#endif
