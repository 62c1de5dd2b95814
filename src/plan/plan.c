#include <plan/plan.h>

#include <base/util.h>

#include <string.h>

struct wire_op *plan_add(struct lc_plan *plan, enum wire_op_kind kind, const char *pointer)
{
    static const struct wire_op blank = { .slot = -1 };
    struct wire_op *op;

    if (plan->n_ops == plan->capacity) {
        size_t capacity = plan->capacity * 2 + 64;
        struct wire_op *ops = arena_calloc(&plan->arena, capacity, sizeof(*ops));
        const char **pointers = arena_calloc(&plan->arena, capacity, sizeof(*pointers));

        if (ops == NULL || pointers == NULL) {
            plan->failed = true;
            plan->n_ops = plan->capacity > 0 ? plan->capacity - 1 : 0;
        } else {
            if (plan->n_ops > 0) {
                memcpy(ops, plan->ops, plan->n_ops * sizeof(*ops));
                memcpy(pointers, plan->pointers, plan->n_ops * sizeof(*pointers));
            }
            plan->ops = ops;
            plan->pointers = pointers;
            plan->capacity = capacity;
        }
    }
    op = &plan->ops[plan->n_ops];
    *op = blank;
    op->kind = (uint16_t)kind;
    plan->pointers[plan->n_ops++] = pointer;
    return op;
}

uint32_t plan_data(struct lc_plan *plan, const void *data, size_t length)
{
    static const char zeros[8];
    uint32_t offset;

    buffer_add(&plan->body, zeros, -plan->body.length % 8);
    offset = (uint32_t)(sizeof(struct wire_plan) + plan->body.length);
    buffer_add(&plan->body, data, length);
    return offset;
}

uint32_t plan_text(struct lc_plan *plan, const char *text)
{
    uint32_t offset = (uint32_t)(sizeof(struct wire_plan) + plan->body.length);

    if (text == NULL)
        return 0;
    buffer_add(&plan->body, text, strlen(text) + 1);
    return offset;
}

int16_t plan_give(struct lc_plan *plan, struct plan_given given)
{
    if (plan->n_given == PLAN_GIVEN_MAX || plan->n_slots != plan->n_given) {
        plan->failed = true;
        return -1;
    }
    plan->given[plan->n_given++] = given;
    return (int16_t)plan->n_slots++;
}

uint32_t plan_slot(struct lc_plan *plan)
{
    if (plan->n_slots >= 4096) {
        plan->failed = true;
        return 0;
    }
    return plan->n_slots++;
}

void *plan_blob(struct lc_plan *plan, size_t *ret_size)
{
    static const char zeros[16];
    struct buffer blob = { 0 };
    struct wire_plan header = { .magic = WIRE_MAGIC,
        .n_ops = (uint32_t)plan->n_ops,
        .n_slots = plan->n_slots,
        .n_given = (uint32_t)plan->n_given,
        .flags = plan->flags };
    size_t padding = -plan->body.length % 8;
    void *data;

    header.ops = (uint32_t)(sizeof(header) + plan->body.length + padding);
    header.size = (uint32_t)(header.ops + plan->n_ops * sizeof(struct wire_op) + 8);
    buffer_add(&blob, &header, sizeof(header));
    buffer_add(&blob, plan->body.data, plan->body.length);
    buffer_add(&blob, zeros, padding);
    buffer_add(&blob, plan->ops, plan->n_ops * sizeof(struct wire_op));
    buffer_add(&blob, zeros, 8);
    *ret_size = blob.length;
    data = buffer_take_text(&blob);
    if (plan->failed || plan->body.failed) {
        free(data);
        return NULL;
    }
    return data;
}

void plan_free(struct lc_plan *plan)
{
    if (plan == NULL)
        return;
    buffer_done(&plan->body);
    arena_done(&plan->arena);
    free(plan);
}

struct lc_plan *plan_new(const struct lc_config *config, const struct plan_options *options)
{
    struct lc_plan *plan = calloc(1, sizeof(*plan));

    if (plan == NULL)
        return NULL;
    plan->config = config;
    plan->flags = options->die_with_parent ? WIRE_DIE_WITH_PARENT : 0;
    return plan;
}

int plan_finish(struct lc_plan *plan, int result, struct lc_plan **ret, struct lc_error **err)
{
    if (result == 0 && (plan->failed || plan->body.failed))
        result = error_raise(err, &(struct error_site){ .stage = "plan", .errnum = E2BIG },
                "the plan does not fit: too many mounts or too little memory");
    if (result < 0)
        plan_free(plan);
    else
        *ret = plan;
    return result;
}

/* A mount below /sys has to find it mounted. */
static bool needs_sysfs(const struct lc_config *config)
{
    for (size_t i = 0; i < config->n_mounts; i++)
        if (strncmp(config->mounts[i].destination, "/sys", 4) == 0)
            return true;
    return false;
}

/* The container's tree. What needs the network namespace comes as late as it can: that is the last thing to be ready. */
static int plan_tree(struct plan_request *request, struct lc_error **err)
{
    bool early = needs_sysfs(request->config);
    int r;

    plan_sources(request);
    plan_filesystem(request);
    if (early)
        plan_sysfs(request);
    plan_mounts(request);
    r = plan_devices(request, err);
    plan_hiding(request, true);
    if (!early)
        plan_sysfs(request);
    plan_sysctls(request); /* through the host's /proc, which is not hidden */
    plan_hiding(request, false);
    return r;
}

static int plan_no_tree(struct plan_request *request, struct lc_error **err)
{
    plan_join_network(request);
    plan_sysctls(request);
    return plan_devices(request, err);
}

int plan_create(const struct lc_config *config, const struct plan_options *options, struct lc_plan **ret,
        struct lc_error **err)
{
    struct lc_plan *plan = plan_new(config, options);
    struct plan_request request = { .plan = plan,
        .config = config,
        .options = options,
        .user = (config->namespaces & NAMESPACE_BIT(NAMESPACE_USER)) != 0,
        .mount = (config->namespaces & NAMESPACE_BIT(NAMESPACE_MNT)) != 0,
        .listen = -1,
        .preserved = -1 };
    struct wire_op *op;
    int r;

    if (plan == NULL)
        return error_raise(err, &(struct error_site){ .stage = "plan", .errnum = ENOMEM }, NULL);
    if (config->from_oci)
        return plan_finish(plan, plan_create_oci(&request, err), ret, err);
    plan_namespaces(&request);
    r = request.mount ? plan_tree(&request, err) : plan_no_tree(&request, err);
    plan_labels(&request);
    if (request.mount && config->readonly_fs)
        plan_add(plan, WIRE_OP_ROOT_ATTRIBUTES, config->pointers->readonly_fs)->number[0] =
                1; /* MOUNT_ATTR_RDONLY */
    if (!request.mount) {
        op = plan_add(plan, WIRE_OP_CHROOT, "");
        op->text[0] = plan_text(plan, options->rootfs);
    }
    op = plan_add(plan, WIRE_OP_DETACH_HOST, config->no_pivot_root ? config->pointers->no_pivot_root : "");
    op->number[0] = request.mount;
    op->number[1] = config->no_pivot_root;
    plan_add(plan, WIRE_OP_WAIT, "");
    if (r == 0)
        r = plan_network(&request, err);
    plan_process(&request);
    return plan_finish(plan, r, ret, err);
}

/* setns order: the user namespace first, for its capabilities; mount last, while /proc is still the host's. */
const enum config_namespace plan_join_order[NAMESPACE_MAX_] = { NAMESPACE_USER, NAMESPACE_IPC, NAMESPACE_UTS,
    NAMESPACE_NET, NAMESPACE_PID, NAMESPACE_TIME, NAMESPACE_CGROUP, NAMESPACE_MNT };

static void plan_enter(const struct plan_request *request, const struct plan_target *target, bool user)
{
    struct lc_plan *plan = request->plan;
    uint32_t wanted = target->namespaces;

    if (target->foreign_network)
        wanted |= NAMESPACE_BIT(NAMESPACE_NET);
    for (size_t i = 0; i < ARRAY_SIZE(plan_join_order); i++) {
        enum config_namespace ns = plan_join_order[i];
        struct wire_op *op;

        if ((wanted & NAMESPACE_BIT(ns)) == 0 || (ns == NAMESPACE_USER) != user)
            continue;
        op = plan_add(plan, WIRE_OP_SETNS, request->config->pointers->namespaces);
        op->slot = plan_give(plan, (struct plan_given){ .kind = GIVEN_NAMESPACE, .namespace = ns });
        op->number[0] = config_namespaces[ns].clone_flag;
        op->text[0] = plan_text(plan, config_namespaces[ns].key);
        if (ns == NAMESPACE_USER)
            plan_add(plan, WIRE_OP_BECOME_ROOT, request->config->pointers->namespaces);
    }
}

int plan_join(const struct lc_config *config, const struct plan_options *options,
        const struct plan_target *target, struct lc_plan **ret, struct lc_error **err)
{
    struct lc_plan *plan = plan_new(config, options);
    struct plan_request request = { .plan = plan,
        .config = config,
        .options = options,
        .user = (target->namespaces & NAMESPACE_BIT(NAMESPACE_USER)) != 0,
        .listen = -1,
        .preserved = -1 };
    struct wire_op *op;

    if (plan == NULL)
        return error_raise(err, &(struct error_site){ .stage = "plan", .errnum = ENOMEM }, NULL);
    if (config->from_oci)
        return plan_finish(plan, plan_join_oci(&request, target, err), ret, err);
    /* The label is written through the host's /proc, which the container cannot have covered. */
    plan_labels(&request);
    plan_enter(&request, target, true);
    plan_enter(&request, target, false);
    op = plan_add(plan, WIRE_OP_JOIN_ROOT, "");
    op->slot = plan_give(plan, (struct plan_given){ .kind = GIVEN_ROOT });
    if (config->tty) {
        op = plan_add(plan, WIRE_OP_CONSOLE, config->pointers->tty);
        op->number[1] = (uint64_t)options->rows << 16 | options->columns;
        if (options->console != NULL)
            op->slot =
                    plan_give(plan, (struct plan_given){ .kind = GIVEN_CONSOLE, .path = options->console });
    }
    plan_add(plan, WIRE_OP_DETACH_HOST, "");
    plan_add(plan, WIRE_OP_WAIT, "");
    if ((target->namespaces & (NAMESPACE_BIT(NAMESPACE_PID) | NAMESPACE_BIT(NAMESPACE_TIME))) != 0) {
        plan_add(plan, WIRE_OP_FORK, config->pointers->namespaces);
        plan->forks = true;
    }
    plan_process(&request);
    return plan_finish(plan, 0, ret, err);
}
