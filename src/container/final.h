/* The last word on a container, and what is said when memory ran out. */
#ifndef CONTAINER_FINAL_H
#define CONTAINER_FINAL_H

#include "control.h"

#include <sys/resource.h>

/* What its groups counted, with the exit status (-1: not known), and, where no group counts, what the process itself has used
 * (`usage`, or NULL). JSON; caller frees. NULL when out of memory. */
char *final_json(const struct container *container, int status, const struct rusage *usage);
/* 1: nobody is in its groups any more; 0: somebody is; -ENOENT: there are none. */
int final_ready(const struct container *container);
/* After an end by SIGKILL: when the kernel has killed for want of memory, a warning says at which limit. */
void final_explain(const struct container *container, bool first);
/* After a failed start or join: when the kernel has killed for want of memory, the newest error says so. */
void final_blame(const struct container *container, struct lc_error *err);
/* OCI, stopped: into the record, once, if nobody is in the groups any more; what is there already stays. `status`: -1 when not
 * known. The record of `container` has it afterwards. */
void final_record(struct container *container, int status, const struct rusage *usage);

#endif
