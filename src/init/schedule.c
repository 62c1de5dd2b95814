/* Where, when and how the process runs, as far as the kernel is told by the process itself. */
#include "init.h"

#include <sys/personality.h>
#include <sys/syscall.h>
#include <unistd.h>

int step_affinity(struct init *init, const struct wire_op *op)
{
    if (syscall(SYS_sched_setaffinity, 0, op->data_length, init->blob + op->data) < 0) {
        init_detail(init, errno == EINVAL ? "none of these processors is there for this process" : "");
        return init_fail(init, "sched_setaffinity", init_text(init, op, 0), -errno);
    }
    return 0;
}

int step_scheduler(struct init *init, const struct wire_op *op)
{
    if (syscall(SYS_sched_setattr, 0, init->blob + op->data, 0) < 0)
        return init_fail(init, "sched_setattr", NULL, -errno);
    return 0;
}

#define WHO_PROCESS 1 /* IOPRIO_WHO_PROCESS */

int step_io_priority(struct init *init, const struct wire_op *op)
{
    if (syscall(SYS_ioprio_set, WHO_PROCESS, 0, op->number[0]) < 0)
        return init_fail(init, "ioprio_set", NULL, -errno);
    return 0;
}

int step_memory_policy(struct init *init, const struct wire_op *op)
{
    const void *mask = op->number[1] != 0 ? init->blob + op->data : NULL;

    if (syscall(SYS_set_mempolicy, op->number[0], mask, op->number[1]) < 0)
        return init_fail(init, "set_mempolicy", init_text(init, op, 0), -errno);
    return 0;
}

int step_personality(struct init *init, const struct wire_op *op)
{
    if (personality((unsigned long)op->number[0]) < 0)
        return init_fail(init, "personality", NULL, -errno);
    return 0;
}
