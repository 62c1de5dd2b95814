/* `nsinit plan`: one op a line, in the order in which they run, with the key that made it. */
#include <plan/plan.h>

#include <base/util.h>
#include <cgroups/cgroups.h>

#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

struct flag_name {
    uint64_t flag;
    const char *name;
};

static const struct flag_name mount_flags[] = {
    { MS_RDONLY, "ro" },
    { MS_NOSUID, "nosuid" },
    { MS_NODEV, "nodev" },
    { MS_NOEXEC, "noexec" },
    { MS_SYNCHRONOUS, "sync" },
    { MS_MANDLOCK, "mand" },
    { MS_DIRSYNC, "dirsync" },
    { MS_NOATIME, "noatime" },
    { MS_NODIRATIME, "nodiratime" },
    { MS_STRICTATIME, "strictatime" },
    { MS_LAZYTIME, "lazytime" },
    { MS_NOSYMFOLLOW, "nosymfollow" },
    { 0, NULL },
};

static const struct flag_name attr_flags[] = {
    { MOUNT_ATTR_RDONLY, "ro" },
    { MOUNT_ATTR_NOSUID, "nosuid" },
    { MOUNT_ATTR_NODEV, "nodev" },
    { MOUNT_ATTR_NOEXEC, "noexec" },
    { MOUNT_ATTR_NOATIME, "noatime" },
    { MOUNT_ATTR_STRICTATIME, "strictatime" },
    { MOUNT_ATTR_NODIRATIME, "nodiratime" },
    { MOUNT_ATTR_NOSYMFOLLOW, "nosymfollow" },
    { 0, NULL },
};

static const struct flag_name clear_flags[] = {
    { MOUNT_ATTR_RDONLY, "rw" },
    { MOUNT_ATTR_NOSUID, "suid" },
    { MOUNT_ATTR_NODEV, "dev" },
    { MOUNT_ATTR_NOEXEC, "exec" },
    { 0, NULL },
};

static const struct flag_name propagation_flags[] = {
    { MS_SHARED, "shared" },
    { MS_SLAVE, "slave" },
    { MS_PRIVATE, "private" },
    { MS_UNBINDABLE, "unbindable" },
    { 0, NULL },
};

static void print_flags(struct buffer *out, uint64_t flags, const struct flag_name *names)
{
    for (; names->name != NULL; names++)
        if ((flags & names->flag) != 0)
            buffer_printf(out, " %s", names->name);
}

struct printer {
    const struct lc_plan *plan;
    struct buffer *out;
};

static const char *text(const struct printer *printer, const struct wire_op *op, int which)
{
    return op->text[which] != 0 ? printer->plan->body.data + op->text[which] - sizeof(struct wire_plan) : "";
}

static void print_namespaces(const struct printer *printer, uint64_t flags)
{
    for (int ns = 0; ns < NAMESPACE_MAX_; ns++)
        if ((flags & config_namespaces[ns].clone_flag) != 0)
            buffer_printf(printer->out, " %s", config_namespaces[ns].key);
}

static void print_texts(const struct printer *printer, const struct wire_op *op)
{
    for (int i = 0; i < 4; i++)
        if (op->text[i] != 0)
            buffer_printf(printer->out, " %s", text(printer, op, i));
}

static void print_unshare(const struct printer *printer, const struct wire_op *op)
{
    print_namespaces(printer, op->number[0]);
}

static void print_mount(const struct printer *printer, const struct wire_op *op)
{
    buffer_printf(
            printer->out, " %s %s on %s", text(printer, op, 0), text(printer, op, 1), text(printer, op, 2));
    print_flags(printer->out, op->number[0], mount_flags);
    if (op->text[3] != 0)
        buffer_printf(printer->out, " %s", text(printer, op, 3));
    print_flags(printer->out, op->number[1] >> WIRE_MOUNT_PROPAGATION_SHIFT, propagation_flags);
}

static void print_bind(const struct printer *printer, const struct wire_op *op)
{
    const struct lc_plan *plan = printer->plan;
    const char *source = text(printer, op, 1);

    for (size_t i = 0; source[0] == '\0' && i < plan->n_ops; i++)
        if ((plan->ops[i].kind == WIRE_OP_SOURCE || plan->ops[i].kind == WIRE_OP_TREE) &&
                plan->ops[i].number[1] == (uint64_t)op->slot)
            source = text(printer, &plan->ops[i], 0);
    buffer_printf(printer->out, " %s on %s", source, text(printer, op, 2));
    print_flags(printer->out, op->number[0], attr_flags);
    print_flags(printer->out, op->number[1] & ~(uint64_t)MOUNT_ATTR__ATIME, clear_flags);
    if ((op->number[2] & WIRE_MOUNT_RECURSIVE) != 0)
        buffer_text(printer->out, " recursive");
    print_flags(printer->out, op->number[3], propagation_flags);
}

static void print_source(const struct printer *printer, const struct wire_op *op)
{
    buffer_printf(printer->out, " %s%s", text(printer, op, 0), op->number[0] != 0 ? " recursive" : "");
}

static void print_propagation(const struct printer *printer, const struct wire_op *op)
{
    buffer_text(printer->out, " /");
    print_flags(printer->out, op->number[0], propagation_flags);
}

static void print_device(const struct printer *printer, const struct wire_op *op)
{
    unsigned int mode = (unsigned int)op->number[0];

    buffer_printf(printer->out, " %s %c %u:%u mode 0%o owner %u:%u", text(printer, op, 0),
            S_ISCHR(mode)   ? 'c'
            : S_ISBLK(mode) ? 'b'
                            : 'p',
            major(op->number[1]), minor(op->number[1]), mode & 07777, (unsigned int)op->number[2],
            (unsigned int)op->number[3]);
}

static void print_link(const struct printer *printer, const struct wire_op *op)
{
    buffer_printf(printer->out, " %s -> %s", text(printer, op, 1), text(printer, op, 0));
}

static void print_sysctl(const struct printer *printer, const struct wire_op *op)
{
    buffer_printf(printer->out, " %s = %s", text(printer, op, 0), text(printer, op, 1));
}

static void print_network(const struct printer *printer, const struct wire_op *op)
{
    size_t count = 0;

    for (uint32_t at = 0; at + 4 <= op->data_length; count++) {
        uint32_t length;

        memcpy(&length, printer->plan->body.data + op->data - sizeof(struct wire_plan) + at, sizeof(length));
        if (length < 16)
            break;
        at += (length + 3) & ~3u;
    }
    buffer_printf(
            printer->out, " %s: %zu rtnetlink request%s", text(printer, op, 0), count, count == 1 ? "" : "s");
}

static void print_limit(struct buffer *out, uint64_t value)
{
    if (value == UINT64_MAX)
        buffer_text(out, " unlimited");
    else
        buffer_printf(out, " %llu", (unsigned long long)value);
}

static void print_rlimit(const struct printer *printer, const struct wire_op *op)
{
    buffer_printf(printer->out, " %s", text(printer, op, 0));
    print_limit(printer->out, op->number[1]);
    print_limit(printer->out, op->number[2]);
}

static void print_user(const struct printer *printer, const struct wire_op *op)
{
    if (op->number[0] != 0)
        buffer_printf(printer->out, " %u:%u", (unsigned int)op->number[1], (unsigned int)op->number[2]);
    else
        buffer_printf(printer->out, " %s", op->text[0] != 0 ? text(printer, op, 0) : "0");
    if (op->text[1] != 0)
        buffer_printf(printer->out, ":%s", text(printer, op, 1));
    for (uint32_t i = 0; i < op->data_length / sizeof(uint32_t); i++) {
        uint32_t gid;

        memcpy(&gid, printer->plan->body.data + op->data - sizeof(struct wire_plan) + i * sizeof(gid),
                sizeof(gid));
        buffer_printf(printer->out, " +%u", gid);
    }
}

static void print_names(struct buffer *out, uint64_t set)
{
    for (int cap = 0; cap <= CAP_LAST_CAP; cap++) {
        char *name = (set >> cap & 1) != 0 ? cap_to_name(cap) : NULL;

        if (name != NULL)
            buffer_printf(out, " %s", name + 4);
        (void)cap_free(name);
    }
}

static void print_capabilities(const struct printer *printer, const struct wire_op *op)
{
    static const char *const sets[] = { "permitted", "effective", "inheritable", "ambient" };
    bool all = op->number[0] == UINT64_MAX;

    if (op->text[0] == 0) {
        buffer_text(printer->out, all ? " all" : " keep");
        print_names(printer->out, all ? 0 : op->number[0]);
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
        buffer_printf(printer->out, " %s:", sets[i]);
        print_names(printer->out, op->number[i]);
    }
    if (op->text[1] != 0)
        buffer_printf(printer->out, " (%s)", text(printer, op, 1));
}

static void print_octal(const struct printer *printer, const struct wire_op *op)
{
    buffer_printf(printer->out, " %04o", (unsigned int)op->number[0]);
}

static void print_score(const struct printer *printer, const struct wire_op *op)
{
    buffer_printf(printer->out, " %lld", (long long)op->number[0]);
}

static void print_root_attributes(const struct printer *printer, const struct wire_op *op)
{
    print_flags(printer->out, op->number[0], attr_flags);
}

static void print_exec(const struct printer *printer, const struct wire_op *op)
{
    for (uint64_t i = 0; i < op->number[0]; i++) {
        uint32_t offset;

        memcpy(&offset, printer->plan->body.data + op->data - sizeof(struct wire_plan) + i * sizeof(offset),
                sizeof(offset));
        buffer_printf(printer->out, " %s", printer->plan->body.data + offset - sizeof(struct wire_plan));
    }
}

static void print_cwd(const struct printer *printer, const struct wire_op *op)
{
    static const char *const when[] = { "", " make", " as root", " as the user" };

    buffer_printf(printer->out, " %s%s", text(printer, op, 0),
            op->number[0] < ARRAY_SIZE(when) ? when[op->number[0]] : "");
}

static void print_hooks(const struct printer *printer, const struct wire_op *op)
{
    const char *data = printer->plan->body.data + op->data - sizeof(struct wire_plan);
    struct wire_hook_list list = { 0 };
    size_t at = sizeof(list);

    if (op->data_length >= sizeof(list))
        memcpy(&list, data, sizeof(list));
    if (op->kind == WIRE_OP_RUN_HOOKS)
        print_texts(printer, op);
    for (uint32_t i = 0; i < list.count; i++) {
        struct wire_hook hook;

        memcpy(&hook, data + at, sizeof(hook));
        at += sizeof(hook) + (hook.argc + hook.envc) * sizeof(uint32_t);
        buffer_printf(printer->out, " %s", printer->plan->body.data + hook.path - sizeof(struct wire_plan));
        if (hook.timeout != 0)
            buffer_printf(printer->out, " (at most %u s)", hook.timeout);
    }
    if (op->kind == WIRE_OP_START && op->slot >= 0)
        buffer_text(printer->out, " listening");
}

static void print_time(const struct printer *printer, const struct wire_op *op)
{
    for (const char *at = text(printer, op, 0); *at != '\0'; at++) {
        if (at == text(printer, op, 0))
            buffer_text(printer->out, " ");
        buffer_printf(printer->out, "%c", *at == '\n' ? (at[1] != '\0' ? ',' : ' ') : *at);
    }
}

static void print_preserve(const struct printer *printer, const struct wire_op *op)
{
    for (uint64_t i = 0; i < op->number[0]; i++) {
        int number;

        memcpy(&number, printer->plan->body.data + op->data - sizeof(struct wire_plan) + i * sizeof(number),
                sizeof(number));
        buffer_printf(printer->out, " %d", number);
    }
}

static void print_scheduler(const struct printer *printer, const struct wire_op *op)
{
    static const char *const names[] = { "other", "fifo", "rr", "batch", "iso", "idle", "deadline", "ext" };
    uint32_t policy;

    memcpy(&policy, printer->plan->body.data + op->data - sizeof(struct wire_plan) + sizeof(uint32_t),
            sizeof(policy));
    buffer_printf(printer->out, " %s", policy < ARRAY_SIZE(names) ? names[policy] : "unknown");
}

static void print_hexadecimal(const struct printer *printer, const struct wire_op *op)
{
    buffer_printf(printer->out, " 0x%llx", (unsigned long long)op->number[0]);
}

static void print_memory_policy(const struct printer *printer, const struct wire_op *op)
{
    print_hexadecimal(printer, op);
    print_texts(printer, op);
}

static void print_filter(const struct printer *printer, const struct wire_op *op)
{
    buffer_printf(printer->out, " %u instructions, flags 0x%llx%s%s", op->data_length / 8,
            (unsigned long long)op->number[0], op->number[1] != 0 ? ", notify" : "",
            op->number[2] != 0 ? ", right before execve" : "");
}

/* Kinds that are not here print their texts. */
static void (*const printers[WIRE_OP_MAX_])(const struct printer *, const struct wire_op *) = {
    [WIRE_OP_UNSHARE] = print_unshare,
    [WIRE_OP_SETNS] = print_texts,
    [WIRE_OP_PROPAGATION] = print_propagation,
    [WIRE_OP_SOURCE] = print_source,
    [WIRE_OP_TREE] = print_source,
    [WIRE_OP_MOUNT] = print_mount,
    [WIRE_OP_BIND] = print_bind,
    [WIRE_OP_DEVICE] = print_device,
    [WIRE_OP_SYMLINK] = print_link,
    [WIRE_OP_SYSCTL] = print_sysctl,
    [WIRE_OP_OOM_SCORE] = print_score,
    [WIRE_OP_ROOT_ATTRIBUTES] = print_root_attributes,
    [WIRE_OP_NETWORK] = print_network,
    [WIRE_OP_RLIMIT] = print_rlimit,
    [WIRE_OP_USER] = print_user,
    [WIRE_OP_BOUNDING] = print_capabilities,
    [WIRE_OP_CAPABILITIES] = print_capabilities,
    [WIRE_OP_UMASK] = print_octal,
    [WIRE_OP_CWD] = print_cwd,
    [WIRE_OP_TIME_OFFSETS] = print_time,
    [WIRE_OP_HOOKS] = print_hooks,
    [WIRE_OP_START] = print_hooks,
    [WIRE_OP_RUN_HOOKS] = print_hooks,
    [WIRE_OP_PRESERVE] = print_preserve,
    [WIRE_OP_SCHEDULER] = print_scheduler,
    [WIRE_OP_IO_PRIORITY] = print_hexadecimal,
    [WIRE_OP_MEMORY_POLICY] = print_memory_policy,
    [WIRE_OP_PERSONALITY] = print_hexadecimal,
    [WIRE_OP_SECCOMP] = print_filter,
    [WIRE_OP_EXEC] = print_exec,
};

static void end_line(struct buffer *out, const char *pointer)
{
    buffer_printf(out, "  [%s]\n", pointer[0] != '\0' ? pointer : "default");
}

static void print_host_lists(const struct config_cgroups *cgroups, struct buffer *out)
{
    static const char *const kinds[] = {
        [BLKIO_READ_BPS] = "io_max rbps",
        [BLKIO_WRITE_BPS] = "io_max wbps",
        [BLKIO_READ_IOPS] = "io_max riops",
        [BLKIO_WRITE_IOPS] = "io_max wiops",
        [BLKIO_WEIGHT] = "weight",
        [BLKIO_LEAF_WEIGHT] = "leaf weight",
    };

    for (size_t i = 0; i < cgroups->n_blkio; i++) {
        const struct config_blkio_rule *rule = &cgroups->blkio[i];

        buffer_printf(out, "host  cgroup-limit %s of %lld:%lld = %llu", kinds[rule->kind],
                (long long)rule->major, (long long)rule->minor, (unsigned long long)rule->value);
        end_line(out, rule->pointer);
    }
    for (size_t i = 0; i < cgroups->n_hugepages; i++) {
        buffer_printf(out, "host  cgroup-limit hugetlb %s = %llu", cgroups->hugepages[i].size,
                (unsigned long long)cgroups->hugepages[i].limit);
        end_line(out, cgroups->hugepages[i].pointer);
    }
    for (size_t i = 0; i < cgroups->n_rdma; i++) {
        const struct config_rdma *rdma = &cgroups->rdma[i];

        buffer_printf(out, "host  cgroup-limit rdma %s", rdma->device);
        if (rdma->handles.set)
            buffer_printf(out, " hca_handle=%lld", (long long)rdma->handles.value);
        if (rdma->objects.set)
            buffer_printf(out, " hca_object=%lld", (long long)rdma->objects.value);
        end_line(out, rdma->pointer);
    }
    for (size_t i = 0; i < cgroups->n_unified; i++)
        buffer_printf(out, "host  cgroup-limit %s = %s  [%s/unified/%s]\n", cgroups->unified[i].name,
                cgroups->unified[i].value, cgroups->oci ? "/linux/resources" : "/cgroups",
                cgroups->unified[i].name);
}

static void print_host_limits(const struct lc_config *config, struct buffer *out)
{
    const struct config_cgroups *cgroups = &config->cgroups;

    for (int limit = 0; limit < LIMIT_MAX_; limit++)
        if (cgroups->limits[limit].set && config_limit_keys[limit] != NULL)
            buffer_printf(out, "host  cgroup-limit %s = %lld  [/cgroups/%s]\n", config_limit_keys[limit],
                    (long long)cgroups->limits[limit].value, config_limit_keys[limit]);
    if (cgroups->cpuset_cpus != NULL)
        buffer_printf(
                out, "host  cgroup-limit cpuset_cpus = %s  [/cgroups/cpuset_cpus]\n", cgroups->cpuset_cpus);
    if (cgroups->cpuset_mems != NULL)
        buffer_printf(
                out, "host  cgroup-limit cpuset_mems = %s  [/cgroups/cpuset_mems]\n", cgroups->cpuset_mems);
    print_host_lists(cgroups, out);
    if (!cgroups->device_access)
        buffer_printf(out, "host  cgroup-devices default rules and %zu more  [/cgroups/device_access]\n",
                cgroups->n_rules + config->n_devices);
}

/* What the parent does, beside or before the child. */
static void print_host(const struct lc_plan *plan, struct buffer *out)
{
    const struct lc_config *config = plan->config;
    struct printer printer = { plan, out };

    if (config->cgroups.present) {
        if (config->cgroups.oci)
            buffer_printf(out, "host  cgroup %s  [%s]\n",
                    config->cgroups.path != NULL ? config->cgroups.path : "(the id)",
                    config->pointers->cgroups);
        else
            buffer_printf(out, "host  cgroup %s/%s  [/cgroups]\n", config->cgroups.parent,
                    config->cgroups.name != NULL ? config->cgroups.name : "(generated)");
        print_host_limits(config, out);
    }
    buffer_text(out, "host  clone");
    print_namespaces(&printer, plan->clone_flags);
    end_line(out, config->namespaces != 0 ? config->pointers->namespaces : "");
    if (plan->makes_network)
        buffer_printf(out, "host  make NEWNET  [%s]\n", config->pointers->namespaces);
    for (size_t i = 0; (plan->map_ids || plan->maps_late) && i < config->n_uid_mappings; i++)
        buffer_printf(out, "host  uid-map %u %u %u  [%s/%zu]\n", config->uid_mappings[i].container_id,
                config->uid_mappings[i].host_id, config->uid_mappings[i].size, config->pointers->uid_mappings,
                i);
    for (size_t i = 0; (plan->map_ids || plan->maps_late) && i < config->n_gid_mappings; i++)
        buffer_printf(out, "host  gid-map %u %u %u  [%s/%zu]\n", config->gid_mappings[i].container_id,
                config->gid_mappings[i].host_id, config->gid_mappings[i].size, config->pointers->gid_mappings,
                i);
    for (size_t i = 0; i < config->n_networks; i++)
        if (config->networks[i].type == NETWORK_VETH)
            buffer_printf(out, "host  veth %s<random> on %s, other end %s  [%s]\n",
                    config->networks[i].prefix, config->networks[i].bridge, config->networks[i].name,
                    config->networks[i].pointer);
}

void plan_print_op(const struct lc_plan *plan, size_t index, struct buffer *out)
{
    const struct wire_op *op = &plan->ops[index];
    struct printer printer = { plan, out };

    buffer_printf(out, "child %s", wire_op_name(op->kind));
    (printers[op->kind] != NULL ? printers[op->kind] : print_texts)(&printer, op);
}

void plan_print(const struct lc_plan *plan, struct buffer *out)
{
    print_host(plan, out);
    for (size_t i = 0; i < plan->n_ops; i++) {
        plan_print_op(plan, i, out);
        end_line(out, plan->pointers[i]);
    }
}
