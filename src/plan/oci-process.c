/* The process of config.json: everything exactly as written, and nothing that is not. */
#include <plan/plan.h>

#include <base/util.h>

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define BITS_MAX 8192

/* "0-3,7" as a mask of whole 64-bit words. The number of words, or 0. */
static size_t parse_list(const char *list, uint64_t *mask)
{
    size_t words = 0;

    while (*list != '\0') {
        char *end;
        unsigned long first = strtoul(list, &end, 10), last = first;

        if (end == list)
            return 0;
        if (*end == '-') {
            list = end + 1;
            last = strtoul(list, &end, 10);
            if (end == list)
                return 0;
        }
        if (last >= BITS_MAX || first > last || (*end != ',' && *end != '\0'))
            return 0;
        for (unsigned long bit = first; bit <= last; bit++)
            mask[bit / 64] |= 1ull << (bit % 64);
        words = last / 64 + 1 > words ? last / 64 + 1 : words;
        list = *end == ',' ? end + 1 : end;
    }
    return words;
}

static int bad_list(const char *pointer, const char *list, struct lc_error **err)
{
    return error_raise(err,
            &(struct error_site){ .stage = "plan", .pointer = pointer, .object = list, .errnum = EINVAL },
            "not a list of numbers below %d such as 0-3,7", BITS_MAX);
}

int plan_affinity(const struct plan_request *request, const char *list, struct lc_error **err)
{
    uint64_t mask[BITS_MAX / 64] = { 0 };
    struct wire_op *op;
    size_t words;

    if (list == NULL)
        return 0;
    words = parse_list(list, mask);
    if (words == 0)
        return bad_list(request->config->pointers->cpu_affinity, list, err);
    op = plan_add(request->plan, WIRE_OP_AFFINITY, request->config->pointers->cpu_affinity);
    op->text[0] = plan_text(request->plan, list);
    op->data = plan_data(request->plan, mask, words * sizeof(*mask));
    op->data_length = (uint32_t)(words * sizeof(*mask));
    return 0;
}

static int add_memory_policy(const struct plan_request *request, struct lc_error **err)
{
    const struct config_memory_policy *policy = &request->config->oci.memory_policy;
    uint64_t mask[BITS_MAX / 64] = { 0 };
    size_t words = 0;
    struct wire_op *op;

    if (!policy->set)
        return 0;
    if (policy->nodes != NULL && policy->nodes[0] != '\0') {
        words = parse_list(policy->nodes, mask);
        if (words == 0)
            return bad_list(request->config->pointers->memory_policy, policy->nodes, err);
    }
    op = plan_add(request->plan, WIRE_OP_MEMORY_POLICY, request->config->pointers->memory_policy);
    op->text[0] = plan_text(request->plan, policy->nodes);
    op->number[0] = policy->mode | policy->flags;
    /* The kernel takes one bit less than it is told. */
    op->number[1] = words > 0 ? words * 64 + 1 : 0;
    op->data = plan_data(request->plan, mask, words * sizeof(*mask) + 8);
    op->data_length = (uint32_t)(words * sizeof(*mask) + 8);
    return 0;
}

/* As sched_setattr(2) takes it in its first version. */
struct scheduling {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

static int add_scheduling(const struct plan_request *request, struct lc_error **err)
{
    const struct lc_config *config = request->config;
    const struct config_scheduler *scheduler = &config->oci.scheduler;
    const struct scheduling attr = { .size = sizeof(attr),
        .policy = scheduler->policy,
        .flags = scheduler->flags,
        .nice = scheduler->nice,
        .priority = (uint32_t)scheduler->priority,
        .runtime = scheduler->runtime,
        .deadline = scheduler->deadline,
        .period = scheduler->period };
    struct wire_op *op;
    int r;

    if (scheduler->set) {
        op = plan_add(request->plan, WIRE_OP_SCHEDULER, config->pointers->scheduler);
        op->data = plan_data(request->plan, &attr, sizeof(attr));
        op->data_length = sizeof(attr);
    }
    if (config->oci.io_priority.set)
        plan_add(request->plan, WIRE_OP_IO_PRIORITY, config->pointers->io_priority)->number[0] =
                (uint64_t)config->oci.io_priority.value;
    r = add_memory_policy(request, err);
    if (r == 0 && config->oci.personality.set)
        plan_add(request->plan, WIRE_OP_PERSONALITY, config->pointers->personality)->number[0] =
                (uint64_t)config->oci.personality.value;
    return r;
}

static void add_user(const struct plan_request *request)
{
    const struct lc_config *config = request->config;
    size_t length = config->n_additional_groups * sizeof(uint32_t);
    struct wire_op *op = plan_add(request->plan, WIRE_OP_USER, config->pointers->user);

    op->number[0] = 1;
    op->number[1] = config->oci.uid;
    op->number[2] = config->oci.gid;
    op->data = plan_data(request->plan, config->additional_groups, length);
    op->data_length = (uint32_t)length;
}

static void add_limits(const struct plan_request *request)
{
    const struct lc_config *config = request->config;

    for (size_t i = 0; i < config->n_rlimits; i++) {
        struct wire_op *op = plan_add(request->plan, WIRE_OP_RLIMIT, config->rlimits[i].pointer);

        op->text[0] = plan_text(request->plan, config->rlimits[i].name);
        op->number[0] = (uint64_t)config->rlimits[i].resource;
        op->number[1] = config->rlimits[i].soft;
        op->number[2] = config->rlimits[i].hard;
    }
}

static void add_directory(const struct plan_request *request, enum wire_cwd when)
{
    const struct lc_config *config = request->config;
    struct wire_op *op = plan_add(request->plan, WIRE_OP_CWD, config->pointers->working_dir);

    op->text[0] = plan_text(request->plan, config->working_dir != NULL ? config->working_dir : "/");
    op->number[0] = when;
}

/* `reserve`: a filter without no_new_privs takes CAP_SYS_ADMIN, which the process itself may not have. */
static void add_capabilities(const struct plan_request *request, bool reserve)
{
    const struct config_oci *oci = &request->config->oci;
    struct wire_op *op =
            plan_add(request->plan, WIRE_OP_CAPABILITIES, request->config->pointers->capabilities);

    op->text[0] = plan_text(request->plan, "exactly");
    if (reserve)
        op->text[1] = plan_text(request->plan, "for the filter: SYS_ADMIN");
    op->number[0] = oci->capabilities[CAPS_PERMITTED];
    op->number[1] = oci->capabilities[CAPS_EFFECTIVE];
    op->number[2] = oci->capabilities[CAPS_INHERITABLE];
    op->number[3] = oci->capabilities[CAPS_AMBIENT];
}

static void add_filter(const struct plan_request *request, bool last)
{
    const struct plan_options *options = request->options;
    struct wire_op *op = plan_add(request->plan, WIRE_OP_SECCOMP, request->config->pointers->seccomp);

    op->data = plan_data(request->plan, options->filter, options->filter_length);
    op->data_length = (uint32_t)options->filter_length;
    op->number[0] = options->filter_flags;
    op->number[1] = options->filter_notifies;
    op->number[2] = last;
    request->plan->notifies = options->filter_notifies;
}

/* The first of several is the one that programs see. */
static const char *find_variable(const struct plan_request *request, const char *name)
{
    size_t length = strlen(name);

    for (size_t i = 0; i < request->config->n_environment; i++)
        if (strncmp(request->config->environment[i], name, length) == 0)
            return request->config->environment[i] + length;
    return NULL;
}

static void add_command(const struct plan_request *request)
{
    struct wire_op *op = plan_add(request->plan, WIRE_OP_COMMAND, request->config->pointers->command);

    op->text[0] = plan_text(request->plan, request->options->argv[0]);
    op->text[1] = plan_text(request->plan, find_variable(request, "PATH="));
}

static void add_start(const struct plan_request *request)
{
    const struct config_hooks *hooks = &request->config->oci.hooks[HOOK_START_CONTAINER];
    struct wire_op *op;

    if (!request->options->start && hooks->count == 0)
        return;
    op = plan_add(request->plan, WIRE_OP_START, hooks->count > 0 ? "/hooks/startContainer" : "");
    op->slot = request->listen;
    plan_hook_data(request->plan, hooks, op);
    request->plan->waits_start = true;
}

static size_t add_words(struct lc_plan *plan, uint32_t *offsets, const char *const *words)
{
    size_t count = 0;

    for (; words != NULL && words[count] != NULL; count++)
        if (offsets != NULL)
            offsets[count] = plan_text(plan, words[count]);
    return count;
}

static void add_exec(const struct plan_request *request)
{
    const char *const *extra = request->options->extra_environment, *home = find_variable(request, "HOME=");
    bool add_home = home == NULL || home[0] == '\0';
    struct lc_plan *plan = request->plan;
    size_t argc = add_words(plan, NULL, request->options->argv), envc = 0;
    size_t most = argc + request->config->n_environment + add_words(plan, NULL, extra);
    uint32_t *offsets = arena_calloc(&plan->arena, most + 1, sizeof(*offsets));
    struct wire_op *op = plan_add(plan, WIRE_OP_EXEC, request->config->pointers->command);

    if (offsets == NULL) {
        plan->failed = true;
        return;
    }
    (void)add_words(plan, offsets, request->options->argv);
    for (size_t i = 0; i < request->config->n_environment; i++)
        if (!add_home || strncmp(request->config->environment[i], "HOME=", 5) != 0)
            offsets[argc + envc++] = plan_text(plan, request->config->environment[i]);
    envc += add_words(plan, offsets + argc + envc, extra);
    op->data = plan_data(plan, offsets, (argc + envc) * sizeof(*offsets));
    op->data_length = (uint32_t)((argc + envc) * sizeof(*offsets));
    op->number[0] = argc;
    op->number[1] = envc;
    op->number[2] = add_home;
}

static void add_identity(const struct plan_request *request)
{
    const struct lc_config *config = request->config;
    struct wire_op *op;

    plan_add(request->plan, WIRE_OP_BOUNDING, config->pointers->capabilities)->number[0] =
            config->oci.capabilities[CAPS_BOUNDING];
    op = plan_add(request->plan, WIRE_OP_IDENTITY, config->pointers->user);
    op->number[0] = request->user;
    op->number[1] = config->oci.keep_groups;
    add_directory(request, WIRE_CWD_LAST);
    plan_add(request->plan, WIRE_OP_UMASK, config->umask.set ? config->pointers->umask : "")->number[0] =
            config->umask.set ? (uint64_t)config->umask.value : 022;
}

int plan_process_oci(const struct plan_request *request, bool join, struct lc_error **err)
{
    const struct lc_config *config = request->config;
    /* The program itself must not see more of the kernel between filter and execve than it has to; but without
     * no_new_privs the filter has to come before the capabilities go. */
    bool filter = request->options->filter != NULL, early = filter && !config->no_new_privileges;
    int r;

    add_user(request);
    plan_add(request->plan, WIRE_OP_SESSION, config->tty ? config->pointers->tty : "")->number[0] = 1;
    add_limits(request);
    r = join ? plan_affinity(request, config->oci.affinity_final, err) : 0;
    if (r == 0)
        r = add_scheduling(request, err);
    if (r < 0)
        return r;
    add_directory(request, WIRE_CWD_FIRST);
    add_identity(request);
    add_capabilities(request, early);
    if (config->no_new_privileges)
        plan_add(request->plan, WIRE_OP_NO_NEW_PRIVILEGES, config->pointers->no_new_privileges);
    if (request->options->argv != NULL)
        add_command(request);
    if (!join)
        add_start(request);
    /* The specification lets a container be created without a process, and not started. */
    if (request->options->argv == NULL)
        return 0;
    if (request->options->preserved > 0) {
        struct wire_op *op = plan_add(request->plan, WIRE_OP_PRESERVE, "");

        op->slot = request->preserved;
        op->number[0] = request->options->preserved;
        op->data_length = request->options->preserved * (uint32_t)sizeof(*request->options->preserved_as);
        op->data = plan_data(request->plan, request->options->preserved_as, op->data_length);
    }
    if (filter)
        add_filter(request, !early);
    if (early)
        add_capabilities(request, false);
    add_exec(request);
    return 0;
}
