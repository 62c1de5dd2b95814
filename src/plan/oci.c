/* The order of a container of config.json, and of a process that joins one. */
#include <plan/plan.h>

#include <base/util.h>

#include <string.h>

/* What the parent has open already. All that is given comes before what ops open. */
static void give_descriptors(struct plan_request *request)
{
    const struct plan_options *options = request->options;
    struct lc_plan *plan = request->plan;

    if (options->listen)
        request->listen = plan_give(plan,
                (struct plan_given){ .kind = GIVEN_DESCRIPTOR, .number = DESCRIPTOR_LISTEN, .pointer = "" });
    if (options->lock)
        (void)plan_give(plan,
                (struct plan_given){ .kind = GIVEN_DESCRIPTOR, .number = DESCRIPTOR_LOCK, .pointer = "" });
    for (unsigned int i = 0; i < options->preserved; i++) {
        int16_t slot = plan_give(
                plan, (struct plan_given){
                              .kind = GIVEN_DESCRIPTOR, .number = DESCRIPTOR_PRESERVED + i, .pointer = "" });

        if (i == 0)
            request->preserved = slot;
    }
}

static void add_key_label(const struct plan_request *request)
{
    struct wire_op *op;

    if (request->config->process_label == NULL)
        return;
    op = plan_add(request->plan, WIRE_OP_LABEL, request->config->pointers->process_label);
    op->text[0] = plan_text(request->plan, "selinux-key");
    op->text[1] = plan_text(request->plan, request->config->process_label);
}

void plan_labels_oci(struct plan_request *request)
{
    if (request->labelled)
        return;
    request->labelled = true;
    if (request->options->keyring != NULL)
        add_key_label(request);
    plan_labels(request);
}

static void add_keyring(const struct plan_request *request)
{
    if (request->options->keyring != NULL)
        plan_add(request->plan, WIRE_OP_KEYRING, "")->text[0] =
                plan_text(request->plan, request->options->keyring);
}

static void add_names(const struct plan_request *request)
{
    const struct lc_config *config = request->config;
    struct lc_plan *plan = request->plan;

    if (config->hostname != NULL)
        plan_add(plan, WIRE_OP_HOSTNAME, config->pointers->hostname)->text[0] =
                plan_text(plan, config->hostname);
    if (config->domainname != NULL)
        plan_add(plan, WIRE_OP_DOMAINNAME, config->pointers->domainname)->text[0] =
                plan_text(plan, config->domainname);
}

/* In the caller's mount namespace only what is asked for: without it, just another directory becomes "/". */
static bool has_tree(const struct plan_request *request)
{
    return request->mount || request->config->n_mounts > 0 || request->config->readonly_fs;
}

/* A working directory that the image does not have is made, even where the root will be read-only. */
static void add_directory(const struct plan_request *request)
{
    const struct lc_config *config = request->config;
    struct wire_op *op;

    if (!has_tree(request) || config->oci.argv == NULL || config->working_dir == NULL ||
            strcmp(config->working_dir, "/") == 0)
        return;
    op = plan_add(request->plan, WIRE_OP_CWD, config->pointers->working_dir);
    op->text[0] = plan_text(request->plan, config->working_dir);
    op->number[0] = WIRE_CWD_MAKE;
}

/* Those of the runtime's namespaces are run by the parent meanwhile, who has to know that all is mounted. */
static void add_hooks(struct plan_request *request)
{
    const struct config_hooks *hooks = request->config->oci.hooks;
    struct wire_op *op;

    if (hooks[HOOK_PRESTART].count + hooks[HOOK_CREATE_RUNTIME].count + hooks[HOOK_CREATE_CONTAINER].count ==
            0)
        return;
    op = plan_add(request->plan, WIRE_OP_HOOKS, "/hooks");
    if (request->mount)
        op->text[0] = plan_text(request->plan, request->options->rootfs);
    plan_hook_data(request->plan, &hooks[HOOK_CREATE_CONTAINER], op);
    request->plan->hooks = true;
}

static void add_console(const struct plan_request *request)
{
    struct wire_op *op;

    if (!request->config->tty)
        return;
    op = plan_add(request->plan, WIRE_OP_CONSOLE, request->config->pointers->tty);
    op->number[1] = (uint64_t)request->options->rows << 16 | request->options->columns;
}

static int plan_no_tree(struct plan_request *request)
{
    plan_network_once(request);
    plan_sysctls(request);
    return 0;
}

static void plan_root(const struct plan_request *request)
{
    const struct lc_config *config = request->config;
    struct wire_op *op;

    if (config->readonly_fs)
        plan_add(request->plan, WIRE_OP_ROOT_ATTRIBUTES, config->pointers->readonly_fs)->number[0] =
                1; /* MOUNT_ATTR_RDONLY */
    if (!request->mount) {
        plan_add(request->plan, WIRE_OP_CHROOT, "")->text[0] =
                plan_text(request->plan, request->options->rootfs);
        if (!has_tree(request))
            add_console(request);
    }
    op = plan_add(
            request->plan, WIRE_OP_DETACH_HOST, config->no_pivot_root ? config->pointers->no_pivot_root : "");
    op->number[0] = request->mount;
    op->number[1] = config->no_pivot_root;
}

int plan_create_oci(struct plan_request *request, struct lc_error **err)
{
    const struct lc_config *config = request->config;
    int r;

    plan_namespaces_oci(request);
    give_descriptors(request);
    add_names(request);
    r = has_tree(request) ? plan_tree_oci(request, err) : plan_no_tree(request);
    if (r < 0)
        return r;
    add_directory(request);
    plan_wait_groups(request);
    add_hooks(request);
    /* After the hooks, which are not what the labels are for. */
    plan_labels_oci(request);
    add_keyring(request);
    plan_root(request);
    if ((config->namespaces & NAMESPACE_BIT(NAMESPACE_NET)) != 0 &&
            config->oci.namespace_paths[NAMESPACE_NET] == NULL)
        r = plan_loopback(request, err);
    return r < 0 ? r : plan_process_oci(request, false, err);
}

int plan_join_oci(struct plan_request *request, const struct plan_target *target, struct lc_error **err)
{
    const struct lc_config *config = request->config;
    struct lc_plan *plan = request->plan;
    int16_t slots[NAMESPACE_MAX_], root;
    struct wire_op *op;
    int r;

    for (int ns = 0; ns < NAMESPACE_MAX_; ns++)
        slots[ns] = (target->namespaces & NAMESPACE_BIT(ns)) != 0
                            ? plan_give(plan, (struct plan_given){ .kind = GIVEN_NAMESPACE,
                                                      .namespace = (enum config_namespace)ns })
                            : -1;
    root = plan_give(plan, (struct plan_given){ .kind = GIVEN_ROOT });
    give_descriptors(request);
    r = plan_affinity(request, config->oci.affinity_initial, err);
    if (r < 0)
        return r;
    plan_labels_oci(request);
    plan_enter_oci(request, slots);
    add_keyring(request);
    plan_add(plan, WIRE_OP_JOIN_ROOT, "")->slot = root;
    if (config->tty) {
        op = plan_add(plan, WIRE_OP_CONSOLE, config->pointers->tty);
        op->number[1] = (uint64_t)request->options->rows << 16 | request->options->columns;
    }
    plan_add(plan, WIRE_OP_DETACH_HOST, "");
    plan_add(plan, WIRE_OP_WAIT, "");
    if ((target->namespaces & (NAMESPACE_BIT(NAMESPACE_PID) | NAMESPACE_BIT(NAMESPACE_TIME))) != 0) {
        plan_add(plan, WIRE_OP_FORK, config->pointers->namespaces);
        plan->forks = true;
    }
    return plan_process_oci(request, true, err);
}
