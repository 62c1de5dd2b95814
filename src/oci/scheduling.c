/* process.scheduler, process.ioPriority, process.execCPUAffinity. */
#include "internal.h"

#include <base/util.h>

#include <stddef.h>
#include <string.h>

/* The numbers of linux/sched.h; its names collide with those of sched.h. */
enum { POLICY_OTHER, POLICY_FIFO, POLICY_RR, POLICY_BATCH, POLICY_ISO, POLICY_IDLE, POLICY_DEADLINE };

static const struct word policies[] = {
    { "SCHED_OTHER", POLICY_OTHER },
    { "SCHED_FIFO", POLICY_FIFO },
    { "SCHED_RR", POLICY_RR },
    { "SCHED_BATCH", POLICY_BATCH },
    { "SCHED_ISO", POLICY_ISO },
    { "SCHED_IDLE", POLICY_IDLE },
    { "SCHED_DEADLINE", POLICY_DEADLINE },
};

static const struct word scheduler_flags[] = {
    { "SCHED_FLAG_RESET_ON_FORK", 0x01 },
    { "SCHED_FLAG_RECLAIM", 0x02 },
    { "SCHED_FLAG_DL_OVERRUN", 0x04 },
    { "SCHED_FLAG_KEEP_POLICY", 0x08 },
    { "SCHED_FLAG_KEEP_PARAMS", 0x10 },
    { "SCHED_FLAG_UTIL_CLAMP_MIN", 0x20 },
    { "SCHED_FLAG_UTIL_CLAMP_MAX", 0x40 },
};

static void read_policy(struct reader *reader, const struct node *node, void *target)
{
    const struct word *word = get_word(reader, node, policies, ARRAY_SIZE(policies));

    if (word != NULL)
        *(uint32_t *)target = word->value;
}

static void read_nice(struct reader *reader, const struct node *node, void *target)
{
    int64_t value;

    if (get_integer(reader, node, -20, 19, &value))
        *(int32_t *)target = (int32_t)value;
}

static void read_priority(struct reader *reader, const struct node *node, void *target)
{
    int64_t value;

    if (get_integer(reader, node, 0, 99, &value))
        *(int32_t *)target = (int32_t)value;
}

static void read_flags(struct reader *reader, const struct node *node, void *target)
{
    *(uint64_t *)target = get_word_bits(reader, node, scheduler_flags, ARRAY_SIZE(scheduler_flags));
}

static void read_time(struct reader *reader, const struct node *node, void *target)
{
    (void)get_unsigned(reader, node, 0, UINT64_MAX, target);
}

/* What sched_setattr(2) would refuse without saying why. */
static void check_scheduler(
        struct reader *reader, const struct node *node, const struct config_scheduler *scheduler)
{
    bool realtime = scheduler->policy == POLICY_FIFO || scheduler->policy == POLICY_RR;
    bool deadline = scheduler->policy == POLICY_DEADLINE;
    struct node priority = node_member(node, "priority"), runtime = node_member(node, "runtime");

    if (realtime && scheduler->priority == 0)
        complain(reader, priority.json != NULL ? &priority : node,
                "SCHED_FIFO and SCHED_RR need a priority from 1 to 99");
    else if (!realtime && scheduler->priority != 0)
        complain(reader, &priority, "a priority needs the policy SCHED_FIFO or SCHED_RR");
    if (deadline && (scheduler->runtime == 0 || scheduler->deadline < scheduler->runtime ||
                            (scheduler->period != 0 && scheduler->period < scheduler->deadline)))
        complain(reader, runtime.json != NULL ? &runtime : node,
                "SCHED_DEADLINE needs 0 < runtime <= deadline <= period");
    else if (!deadline && (scheduler->runtime | scheduler->deadline | scheduler->period) != 0)
        complain(reader, node, "runtime, deadline and period need the policy SCHED_DEADLINE");
}

void read_scheduler(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "policy", read_policy, offsetof(struct config_scheduler, policy) },
        { "nice", read_nice, offsetof(struct config_scheduler, nice) },
        { "priority", read_priority, offsetof(struct config_scheduler, priority) },
        { "flags", read_flags, offsetof(struct config_scheduler, flags) },
        { "runtime", read_time, offsetof(struct config_scheduler, runtime) },
        { "deadline", read_time, offsetof(struct config_scheduler, deadline) },
        { "period", read_time, offsetof(struct config_scheduler, period) },
    };
    struct config_scheduler *scheduler = &((struct lc_config *)target)->oci.scheduler;
    unsigned before = reader->complaints;

    read_object(reader, node, keys, ARRAY_SIZE(keys), scheduler);
    scheduler->set = true;
    if (json_is_object(node->json) && require_key(reader, node, "policy") && reader->complaints == before)
        check_scheduler(reader, node, scheduler);
}

struct io_priority {
    uint32_t class;
    int64_t priority;
};

static void read_class(struct reader *reader, const struct node *node, void *target)
{
    static const struct word classes[] = {
        { "IOPRIO_CLASS_RT", 1 },
        { "IOPRIO_CLASS_BE", 2 },
        { "IOPRIO_CLASS_IDLE", 3 },
    };
    const struct word *word = get_word(reader, node, classes, ARRAY_SIZE(classes));

    if (word != NULL)
        *(uint32_t *)target = word->value;
}

static void read_level(struct reader *reader, const struct node *node, void *target)
{
    (void)get_integer(reader, node, 0, 7, target);
}

void read_io_priority(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "class", read_class, offsetof(struct io_priority, class) },
        { "priority", read_level, offsetof(struct io_priority, priority) },
    };
    struct lc_config *config = target;
    struct io_priority given = { 0 };

    read_object(reader, node, keys, ARRAY_SIZE(keys), &given);
    if (json_is_object(node->json))
        (void)require_key(reader, node, "class");
    config->oci.io_priority =
            (struct config_number){ .set = true, .value = (int64_t)given.class << 13 | given.priority };
}

/* Kept without the blanks that the specification allows. */
static void read_cpus(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);
    size_t length = 0;
    char *cpus;

    if (text != NULL && text[strspn(text, " ")] == '\0')
        return;
    cpus = text != NULL ? keep_array(reader, strlen(text) + 1, 1) : NULL;
    for (const char *c = text; cpus != NULL && *c != '\0'; c++)
        if (*c != ' ')
            cpus[length++] = *c;
    if (cpus == NULL || !is_cpu_list(cpus))
        complain_expected(reader, node, "a list of CPUs, like \"0-3,7\"");
    else
        *(const char **)target = cpus;
}

void read_affinity(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "initial", read_cpus, offsetof(struct lc_config, oci.affinity_initial) },
        { "final", read_cpus, offsetof(struct lc_config, oci.affinity_final) },
    };

    read_object(reader, node, keys, ARRAY_SIZE(keys), target);
}
