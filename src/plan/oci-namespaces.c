/* The namespaces of config.json: each one new, or entered by its path, or left alone. */
#include <plan/plan.h>

#include <base/util.h>

#include <sched.h>

static void add_setns(
        const struct plan_request *request, enum config_namespace ns, int16_t slot, bool tried_again)
{
    struct wire_op *op = plan_add(request->plan, WIRE_OP_SETNS, request->config->pointers->namespaces);
    const char *path = request->config->oci.namespace_paths[ns];

    op->slot = slot;
    op->number[0] = config_namespaces[ns].clone_flag;
    op->number[1] = tried_again;
    op->text[0] = plan_text(request->plan, path != NULL ? path : config_namespaces[ns].key);
}

/* A namespace may belong to us, or to the user namespace that is entered too: then only from there. */
static void enter_others(const struct plan_request *request, const int16_t *slots, bool tried_again)
{
    for (size_t i = 0; i < ARRAY_SIZE(plan_join_order); i++) {
        enum config_namespace ns = plan_join_order[i];

        if (ns != NAMESPACE_USER && slots[ns] >= 0)
            add_setns(request, ns, slots[ns], tried_again);
    }
}

void plan_enter_oci(struct plan_request *request, const int16_t *slots)
{
    bool user = slots[NAMESPACE_USER] >= 0;

    enter_others(request, slots, user);
    if (!user)
        return;
    /* Afterwards these files of /proc are not ours to write any more. */
    plan_labels_oci(request);
    add_setns(request, NAMESPACE_USER, slots[NAMESPACE_USER], false);
    plan_add(request->plan, WIRE_OP_BECOME_ROOT, request->config->pointers->namespaces);
    enter_others(request, slots, false);
}

/* In the child rather than with the clone: nobody may be inside when the offsets are written. */
static void add_time(const struct plan_request *request)
{
    const struct config_oci *oci = &request->config->oci;
    const struct {
        const char *clock;
        const struct config_time_offset *offset;
    } rows[] = { { "monotonic", &oci->monotonic }, { "boottime", &oci->boottime } };
    const char *lines = "";
    struct wire_op *op;

    for (size_t i = 0; i < ARRAY_SIZE(rows) && lines != NULL; i++)
        if (rows[i].offset->set)
            lines = arena_printf(&request->plan->arena, "%s%s %lld %u\n", lines, rows[i].clock,
                    (long long)rows[i].offset->seconds, rows[i].offset->nanoseconds);
    if (lines == NULL) {
        request->plan->failed = true;
        return;
    }
    op = plan_add(request->plan, WIRE_OP_TIME_OFFSETS,
            lines[0] != '\0' ? request->config->pointers->time_offsets
                             : request->config->pointers->namespaces);
    op->text[0] = plan_text(request->plan, lines);
}

static void add_unshare(const struct plan_request *request, uint64_t flags)
{
    struct wire_op *op;

    if (flags == 0)
        return;
    op = plan_add(request->plan, WIRE_OP_UNSHARE, request->config->pointers->namespaces);
    op->number[0] = flags;
    op->number[1] = (flags & CLONE_NEWNET) != 0;
    op->text[0] = plan_text(request->plan, "namespaces");
}

static uint64_t clone_flags(uint32_t namespaces)
{
    uint64_t flags = 0;

    for (int ns = 0; ns < NAMESPACE_MAX_; ns++)
        flags |= (namespaces & NAMESPACE_BIT(ns)) != 0 ? config_namespaces[ns].clone_flag : 0;
    return flags;
}

#define IN_TURN (NAMESPACE_BIT(NAMESPACE_CGROUP) | NAMESPACE_BIT(NAMESPACE_TIME))

/* All that is new belongs to the user namespace, new or entered; what is entered beside a new one has to be entered before
 * that is made, so then the child makes it. */
void plan_namespaces_oci(struct plan_request *request)
{
    const struct lc_config *config = request->config;
    struct lc_plan *plan = request->plan;
    uint32_t joined = 0, made, first;
    int16_t slots[NAMESPACE_MAX_] = { 0 };
    bool new_user, late;

    for (int ns = 0; ns < NAMESPACE_MAX_; ns++) {
        slots[ns] = -1;
        if (config->oci.namespace_paths[ns] == NULL)
            continue;
        joined |= NAMESPACE_BIT(ns);
        slots[ns] = plan_give(plan, (struct plan_given){ .kind = GIVEN_NAMESPACE,
                                            .path = config->oci.namespace_paths[ns],
                                            .namespace = (enum config_namespace)ns,
                                            .pointer = config->pointers->namespaces });
    }
    made = config->namespaces & ~joined;
    new_user = (made & NAMESPACE_BIT(NAMESPACE_USER)) != 0;
    request->user = new_user || (joined & NAMESPACE_BIT(NAMESPACE_USER)) != 0;
    request->mount = ((made | joined) & NAMESPACE_BIT(NAMESPACE_MNT)) != 0;
    late = request->user && joined != 0;
    request->enters = late;
    plan->map_ids = new_user && !late;
    plan->maps_late = new_user && late;
    plan->makes_network = plan_makes_network(config);
    if (plan->makes_network)
        made &= ~NAMESPACE_BIT(NAMESPACE_NET);
    /* Before the user namespace, while timens_offsets is ours to write. */
    first = late ? 0 : made & ~IN_TURN;
    if (request->user && !late)
        first &= NAMESPACE_BIT(NAMESPACE_USER) | NAMESPACE_BIT(NAMESPACE_PID) | NAMESPACE_BIT(NAMESPACE_MNT);
    plan->clone_flags = clone_flags(first);
    if ((made & NAMESPACE_BIT(NAMESPACE_TIME)) != 0)
        add_time(request);
    plan_enter_oci(request, slots);
    if (plan->maps_late) {
        plan_labels_oci(request);
        plan_add(plan, WIRE_OP_MAP, config->pointers->namespaces);
    }
    add_unshare(request, clone_flags(made & ~(first | IN_TURN | NAMESPACE_BIT(NAMESPACE_USER))));
    if ((joined & NAMESPACE_BIT(NAMESPACE_PID)) != 0 ||
            (late && (made & NAMESPACE_BIT(NAMESPACE_PID)) != 0)) {
        plan_add(plan, WIRE_OP_FORK, config->pointers->namespaces);
        plan->forks = true;
    }
}
