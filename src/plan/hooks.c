/* Hooks, as data of the op that runs them. */
#include <plan/plan.h>

#include <base/util.h>

#include <stdlib.h>
#include <string.h>

static uint32_t add_words(struct lc_plan *plan, struct buffer *data, const char **words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t offset = plan_text(plan, words[i]);

        buffer_add(data, &offset, sizeof(offset));
    }
    return (uint32_t)count;
}

static void add_hook(struct lc_plan *plan, struct buffer *data, const struct config_hook *hook)
{
    struct wire_hook header = { .path = plan_text(plan, hook->path),
        .pointer = plan_text(plan, hook->pointer),
        .timeout = hook->timeout,
        .argc = hook->args != NULL && hook->n_args > 0 ? (uint32_t)hook->n_args : 1,
        .envc = (uint32_t)hook->n_env };

    buffer_add(data, &header, sizeof(header));
    if (hook->args != NULL && hook->n_args > 0)
        (void)add_words(plan, data, hook->args, hook->n_args);
    else
        buffer_add(data, &header.path, sizeof(header.path));
    (void)add_words(plan, data, hook->env, hook->n_env);
}

/* `op` is the newest one: it stays where it is. */
void plan_hook_data(struct lc_plan *plan, const struct config_hooks *hooks, struct wire_op *op)
{
    struct wire_hook_list list = { .count = (uint32_t)hooks->count };
    struct buffer data = { 0 };

    buffer_add(&data, &list, sizeof(list));
    for (size_t i = 0; i < hooks->count; i++)
        add_hook(plan, &data, &hooks->list[i]);
    plan->failed |= data.failed;
    if (!data.failed) {
        op->data = plan_data(plan, data.data, data.length);
        op->data_length = (uint32_t)data.length;
    }
    buffer_done(&data);
}

/* Until 1.2 the specification had the life of a container go on after a failed poststart hook, as after a poststop hook; from 1.3 on
 * the container does not outlive that. What config.json was written for counts. */
bool plan_hooks_go_on(const struct lc_config *config, enum config_hook_kind kind)
{
    return kind == HOOK_POSTSTOP ||
           (kind == HOOK_POSTSTART && strtoul(config->oci.version + strlen("1."), NULL, 10) < 3);
}

int plan_hooks(const struct lc_config *config, enum config_hook_kind kind, const char *bundle,
        struct lc_plan **ret, struct lc_error **err)
{
    static const struct plan_options none = { .rootfs = "/" };
    struct lc_plan *plan = plan_new(config, &none);
    struct wire_op *op;
    int16_t slot;

    if (plan == NULL)
        return error_raise(err, &(struct error_site){ .stage = "plan", .errnum = ENOMEM }, NULL);
    slot = plan_give(
            plan, (struct plan_given){ .kind = GIVEN_DESCRIPTOR, .number = DESCRIPTOR_STATE, .pointer = "" });
    op = plan_add(plan, WIRE_OP_RUN_HOOKS, arena_printf(&plan->arena, "/hooks/%s", config_hook_names[kind]));
    op->slot = slot;
    op->text[0] = plan_text(plan, bundle);
    op->number[0] = plan_hooks_go_on(config, kind);
    plan_hook_data(plan, &config->oci.hooks[kind], op);
    plan_add(plan, WIRE_OP_DONE, "");
    return plan_finish(plan, 0, ret, err);
}
