/* The foreground of a program: until the process has ended, signals are forwarded and the terminal's bytes carried. */
#ifndef CLI_RELAY_H
#define CLI_RELAY_H

#include <libcontainer.h>

#include <stdbool.h>

struct relay_options {
    int input;  /* the caller's standard input, or -1 where it had none */
    bool guard; /* the process must not survive the caller */
    /* The container's terminal leaves "\n" alone, and the caller's own terminal goes on adding "\r": what is written
     * into a pipe is then what the program wrote. */
    bool plain_newlines;
};

/* Blocks what will be forwarded; before the process is started. A signalfd, or -1. */
int relay_prepare(void);
int relay_run(struct lc_process *process, int signals, const struct relay_options *options);

#endif
