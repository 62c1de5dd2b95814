/* linux.seccomp: names are checked here, system calls when the filter is made. */
#include "internal.h"

#include <base/util.h>

#include <stddef.h>
#include <string.h>

#define ARGS_MAX 64
#define RULES_MAX 16384
#define ERRNO_MAX 65535 /* what SECCOMP_RET_DATA holds */

const char *const oci_seccomp_actions[] = { "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL",
    "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG", "SCMP_ACT_NOTIFY", "SCMP_ACT_TRACE",
    "SCMP_ACT_TRAP", NULL };

const char *const oci_seccomp_operators[] = { "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE",
    "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE", NULL };

const char *const oci_seccomp_architectures[] = { "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM",
    "SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_M68K", "SCMP_ARCH_MIPS", "SCMP_ARCH_MIPS64", "SCMP_ARCH_MIPS64N32",
    "SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PARISC",
    "SCMP_ARCH_PARISC64", "SCMP_ARCH_PPC", "SCMP_ARCH_PPC64", "SCMP_ARCH_PPC64LE", "SCMP_ARCH_RISCV64",
    "SCMP_ARCH_S390", "SCMP_ARCH_S390X", "SCMP_ARCH_SH", "SCMP_ARCH_SHEB", "SCMP_ARCH_X32", "SCMP_ARCH_X86",
    "SCMP_ARCH_X86_64", NULL };

const char *const oci_seccomp_flags[] = { "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", NULL };

static void read_action(struct reader *reader, const struct node *node, void *target)
{
    *(const char **)target = get_name(reader, node, oci_seccomp_actions);
}

static void read_errno(struct reader *reader, const struct node *node, void *target)
{
    struct config_number *number = target;

    number->set = get_integer(reader, node, 0, ERRNO_MAX, &number->value);
}

static void read_operator(struct reader *reader, const struct node *node, void *target)
{
    *(const char **)target = get_name(reader, node, oci_seccomp_operators);
}

static void read_index(struct reader *reader, const struct node *node, void *target)
{
    int64_t value;

    if (get_integer(reader, node, 0, 5, &value))
        *(uint32_t *)target = (uint32_t)value;
}

static void read_value(struct reader *reader, const struct node *node, void *target)
{
    (void)get_unsigned(reader, node, 0, UINT64_MAX, target);
}

static void read_arg(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "index", read_index, offsetof(struct config_seccomp_arg, index) },
        { "value", read_value, offsetof(struct config_seccomp_arg, value) },
        { "valueTwo", read_value, offsetof(struct config_seccomp_arg, value_two) },
        { "op", read_operator, offsetof(struct config_seccomp_arg, op) },
    };

    read_object(reader, node, keys, ARRAY_SIZE(keys), target);
    if (!json_is_object(node->json))
        return;
    (void)require_key(reader, node, "index");
    (void)require_key(reader, node, "value");
    (void)require_key(reader, node, "op");
}

static void read_args(struct reader *reader, const struct node *node, void *target)
{
    struct config_seccomp_rule *rule = target;

    rule->args = read_items(reader, node, "an array of {index, value, op}", ARGS_MAX, sizeof(*rule->args),
            read_arg, &rule->n_args);
}

static bool check_name(struct reader *reader, const struct node *node, const char *text)
{
    if (*text != '\0')
        return true;
    complain_expected(reader, node, "the name of a system call");
    return false;
}

static void read_names(struct reader *reader, const struct node *node, void *target)
{
    struct config_seccomp_rule *rule = target;

    read_text_list(reader, node, check_name, &rule->names, &rule->n_names);
    if (json_is_array(node->json) && json_array_size(node->json) == 0)
        complain(reader, node, "expected at least one system call");
}

/* The specification wants an error where an errno has no effect. */
static void check_errno(struct reader *reader, const struct node *object, const char *key, const char *action)
{
    struct node member = node_member(object, key);

    if (member.json != NULL && action != NULL && strcmp(action, "SCMP_ACT_ERRNO") != 0 &&
            strcmp(action, "SCMP_ACT_TRACE") != 0)
        complain(reader, &member, "%s has no errno to return", action);
}

static void read_rule(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "names", read_names, 0 },
        { "action", read_action, offsetof(struct config_seccomp_rule, action) },
        { "errnoRet", read_errno, offsetof(struct config_seccomp_rule, errno_ret) },
        { "args", read_args, 0 },
    };
    struct config_seccomp_rule *rule = target;

    rule->pointer = node_pointer(reader, node);
    read_object(reader, node, keys, ARRAY_SIZE(keys), rule);
    if (!json_is_object(node->json))
        return;
    (void)require_key(reader, node, "names");
    (void)require_key(reader, node, "action");
    check_errno(reader, node, "errnoRet", rule->action);
}

static void read_rules(struct reader *reader, const struct node *node, void *target)
{
    struct config_seccomp *seccomp = target;

    seccomp->rules = read_items(reader, node, "an array of {names, action}", RULES_MAX,
            sizeof(*seccomp->rules), read_rule, &seccomp->n_rules);
}

static bool check_architecture(struct reader *reader, const struct node *node, const char *text)
{
    (void)text;
    return get_name(reader, node, oci_seccomp_architectures) != NULL;
}

static bool check_flag(struct reader *reader, const struct node *node, const char *text)
{
    (void)text;
    return get_name(reader, node, oci_seccomp_flags) != NULL;
}

static void read_architectures(struct reader *reader, const struct node *node, void *target)
{
    struct config_seccomp *seccomp = target;

    read_text_list(reader, node, check_architecture, &seccomp->architectures, &seccomp->n_architectures);
}

static void read_flags(struct reader *reader, const struct node *node, void *target)
{
    struct config_seccomp *seccomp = target;

    read_text_list(reader, node, check_flag, &seccomp->flags, &seccomp->n_flags);
    seccomp->flags_given = true;
}

static void read_listener(struct reader *reader, const struct node *node, void *target)
{
    if (!json_is_string(node->json) || *json_string_value(node->json) != '\0')
        read_absolute_path(reader, node, target);
}

static bool is_notify(const char *action)
{
    return action != NULL && strcmp(action, "SCMP_ACT_NOTIFY") == 0;
}

static void check_notify(struct reader *reader, const struct node *node, const struct config_seccomp *seccomp)
{
    struct node action = node_member(node, "defaultAction"), metadata = node_member(node, "listenerMetadata");

    if (is_notify(seccomp->default_action))
        complain(reader, &action,
                "SCMP_ACT_NOTIFY cannot be the default: the listener could not be handed over");
    for (size_t i = 0; seccomp->listener_path == NULL && i < seccomp->n_rules; i++)
        if (is_notify(seccomp->rules[i].action))
            complain_pointer(reader, seccomp->rules[i].pointer, NULL,
                    "SCMP_ACT_NOTIFY needs listenerPath to be given");
    if (seccomp->listener_metadata != NULL && seccomp->listener_path == NULL)
        complain(reader, &metadata, "listenerMetadata needs listenerPath");
}

void read_seccomp(struct reader *reader, const struct node *node, void *target)
{
#define FIELD(field) offsetof(struct config_seccomp, field)
    static const struct key keys[] = {
        { "defaultAction", read_action, FIELD(default_action) },
        { "defaultErrnoRet", read_errno, FIELD(default_errno) },
        { "architectures", read_architectures, 0 },
        { "flags", read_flags, 0 },
        { "listenerPath", read_listener, FIELD(listener_path) },
        { "listenerMetadata", read_optional_text, FIELD(listener_metadata) },
        { "syscalls", read_rules, 0 },
    };
#undef FIELD
    struct config_seccomp *seccomp = &((struct lc_config *)target)->oci.seccomp;

    seccomp->present = true;
    read_object(reader, node, keys, ARRAY_SIZE(keys), seccomp);
    if (!json_is_object(node->json))
        return;
    (void)require_key(reader, node, "defaultAction");
    check_errno(reader, node, "defaultErrnoRet", seccomp->default_action);
    check_notify(reader, node, seccomp);
}
