/* The caller's own terminal and standard descriptors. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>

bool terminal_size(unsigned short *rows, unsigned short *columns);
/* Remembers how it was; false when fd is no terminal. keep_output: the terminal goes on translating what is printed. */
bool terminal_raw(int fd, bool keep_output);
void terminal_restore(void); /* safe to call at any time, any number of times */

/* A closed 0, 1 or 2 would be taken by the next open: fills it with /dev/null, and stores -1 for it. 0 or -1. */
int stdio_fill(int stdio[3]);

#endif
