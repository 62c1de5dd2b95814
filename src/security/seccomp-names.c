/* The words of the specification and what they mean to the kernel and to libseccomp. */
#include "seccomp-internal.h"

#include <base/util.h>

#include <seccomp.h>

#include <ctype.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#ifndef SECCOMP_FILTER_FLAG_TSYNC_ESRCH
#define SECCOMP_FILTER_FLAG_TSYNC_ESRCH (1UL << 4)
#endif
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#define ERRNO_MAX 4095 /* the kernel cuts larger ones down to it */

static const struct action_name {
    const char *name;
    uint32_t value;
    uint32_t number_max; /* 0: takes no errnoRet */
} actions[] = {
    { "SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD, 0 },
    { "SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS, 0 },
    { "SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD, 0 },
    { "SCMP_ACT_TRAP", SECCOMP_RET_TRAP, 0 },
    { "SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO, ERRNO_MAX },
    { "SCMP_ACT_TRACE", SECCOMP_RET_TRACE, SECCOMP_RET_DATA },
    { "SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW, 0 },
    { "SCMP_ACT_LOG", SECCOMP_RET_LOG, 0 },
    { "SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF, 0 },
};

static const struct operator_name {
    const char *name;
    enum scmp_compare value;
} operators[] = {
    { "SCMP_CMP_NE", SCMP_CMP_NE },
    { "SCMP_CMP_LT", SCMP_CMP_LT },
    { "SCMP_CMP_LE", SCMP_CMP_LE },
    { "SCMP_CMP_EQ", SCMP_CMP_EQ },
    { "SCMP_CMP_GE", SCMP_CMP_GE },
    { "SCMP_CMP_GT", SCMP_CMP_GT },
    { "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
};

static const struct flag_name {
    const char *name;
    unsigned value;
    unsigned with; /* the kernel takes it only beside these */
} flags[] = {
    { "SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC, 0 },
    { "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG, 0 },
    { "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW, 0 },
    { "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
            SECCOMP_FILTER_FLAG_NEW_LISTENER },
};

/* All of the specification; which of them there are, libseccomp knows. */
static const char *const archs[] = { "SCMP_ARCH_X86", "SCMP_ARCH_X86_64", "SCMP_ARCH_X32", "SCMP_ARCH_ARM",
    "SCMP_ARCH_AARCH64", "SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_M68K", "SCMP_ARCH_MIPS", "SCMP_ARCH_MIPS64",
    "SCMP_ARCH_MIPS64N32", "SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PPC",
    "SCMP_ARCH_PPC64", "SCMP_ARCH_PPC64LE", "SCMP_ARCH_S390", "SCMP_ARCH_S390X", "SCMP_ARCH_SH",
    "SCMP_ARCH_SHEB", "SCMP_ARCH_PARISC", "SCMP_ARCH_PARISC64", "SCMP_ARCH_RISCV64" };

/* libseccomp 2.5.4 ends with Linux 5.16. All architectures count alike since 424, but for an offset on some. */
static const char *const newer[] = { "futex_waitv", "set_mempolicy_home_node", "cachestat", "fchmodat2",
    "map_shadow_stack", "futex_wake", "futex_wait", "futex_requeue", "statmount", "listmount",
    "lsm_get_self_attr", "lsm_set_self_attr", "lsm_list_modules", "mseal", "setxattrat", "getxattrat",
    "listxattrat", "removexattrat", "open_tree_attr", "file_getattr", "file_setattr" };
#define NEWER_FIRST 449
#define X32_BIT 0x40000000

int seccomp_raise(
        struct lc_error **err, int errnum, const char *pointer, const char *object, const char *fmt, ...)
{
    const struct error_site site = {
        .errnum = errnum, .stage = "security", .op = "seccomp", .pointer = pointer, .object = object
    };
    char text[256];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return error_raise(err, &site, "%s", text);
}

static bool kernel_has_action(uint32_t action)
{
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

/* Without a program the kernel looks at the flags first and then fails to read it. */
static bool kernel_has_flags(unsigned wanted)
{
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, wanted, NULL) < 0 && errno == EFAULT;
}

int seccomp_action(const char *name, const struct config_number *errno_ret, const char *pointer,
        uint32_t *ret, struct lc_error **err)
{
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
        const struct action_name *action = &actions[i];
        uint32_t data = action->number_max > 0 ? EPERM : 0;

        if (strcmp(action->name, name) != 0)
            continue;
        if (errno_ret->set && action->number_max == 0)
            return seccomp_raise(err, EINVAL, pointer, name, "this action takes no error number");
        if (errno_ret->set && (errno_ret->value < 0 || errno_ret->value > action->number_max))
            return seccomp_raise(
                    err, ERANGE, pointer, name, "the error number is not in 0 to %u", action->number_max);
        if (!kernel_has_action(action->value))
            return seccomp_raise(err, ENOTSUP, pointer, name, "the kernel does not know this action");
        *ret = action->value | (errno_ret->set ? (uint32_t)errno_ret->value : data);
        return 0;
    }
    return seccomp_raise(err, EINVAL, pointer, name, "no such action");
}

int seccomp_operator(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(operators); i++)
        if (strcmp(operators[i].name, name) == 0)
            return (int)operators[i].value;
    return -EINVAL;
}

uint32_t seccomp_arch(const char *name)
{
    static const char prefix[] = "SCMP_ARCH_";
    char lower[32] = "";

    if (strncmp(name, prefix, sizeof(prefix) - 1) != 0 || strlen(name) >= sizeof(lower))
        return 0;
    name += sizeof(prefix) - 1;
    for (size_t i = 0; name[i] != '\0'; i++)
        lower[i] = (char)tolower((unsigned char)name[i]);
    return seccomp_arch_resolve_name(lower);
}

int seccomp_newer_number(uint32_t arch, const char *name)
{
    switch (arch) {
    case SCMP_ARCH_MIPS:
    case SCMP_ARCH_MIPSEL:
    case SCMP_ARCH_MIPS64:
    case SCMP_ARCH_MIPSEL64:
    case SCMP_ARCH_MIPS64N32:
    case SCMP_ARCH_MIPSEL64N32:
        return -1;
    default:
        break;
    }
    for (size_t i = 0; i < ARRAY_SIZE(newer); i++)
        if (strcmp(newer[i], name) == 0)
            return (int)(NEWER_FIRST + i) | (arch == SCMP_ARCH_X32 ? X32_BIT : 0);
    return -1;
}

static const struct flag_name *find_flag(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
        if (strcmp(flags[i].name, name) == 0)
            return &flags[i];
    return NULL;
}

int seccomp_flags(const struct config_seccomp *config, bool notifies, unsigned *ret, struct lc_error **err)
{
    unsigned wanted = notifies ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;

    /* Nobody asked for it, so its absence is no error: the only cost is that of the mitigation. */
    if (!config->flags_given && kernel_has_flags(SECCOMP_FILTER_FLAG_SPEC_ALLOW))
        wanted |= SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    for (size_t i = 0; i < config->n_flags; i++) {
        const struct flag_name *flag = find_flag(config->flags[i]);

        if (flag == NULL)
            return seccomp_raise(err, EINVAL, SECCOMP_POINTER "/flags", config->flags[i], "no such flag");
        if (!kernel_has_flags(flag->value | flag->with))
            return seccomp_raise(
                    err, ENOTSUP, SECCOMP_POINTER "/flags", flag->name, "the kernel does not know this flag");
        /* How a listener waits means nothing without one. */
        if ((wanted & flag->with) == flag->with)
            wanted |= flag->value;
    }
    /* The same answer, the number of a descriptor, must not mean a thread as well. */
    if (notifies && (wanted & SECCOMP_FILTER_FLAG_TSYNC) != 0)
        wanted |= SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
    *ret = wanted;
    return 0;
}

#define FITS(list) _Static_assert(ARRAY_SIZE(list) < SECCOMP_FEATURES_MAX, "a NULL ends the list")
FITS(actions);
FITS(operators);
FITS(archs);
FITS(flags);

int seccomp_features(struct seccomp_features *ret)
{
    struct seccomp_features features = { 0 };
    uint32_t allow = SECCOMP_RET_ALLOW;
    size_t n_actions = 0, n_archs = 0, n_supported = 0;
    bool enabled = kernel_has_flags(0) || kernel_has_action(allow);

    for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
        features.known_flags[i] = flags[i].name;
    for (size_t i = 0; i < ARRAY_SIZE(operators); i++)
        features.operators[i] = operators[i].name;
    for (size_t i = 0; i < ARRAY_SIZE(archs); i++)
        if (seccomp_arch(archs[i]) != 0)
            features.archs[n_archs++] = archs[i];
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
        if (kernel_has_action(actions[i].value))
            features.actions[n_actions++] = actions[i].name;
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
        if (kernel_has_flags(flags[i].value | flags[i].with))
            features.supported_flags[n_supported++] = flags[i].name;
    *ret = features;
    return enabled ? 0 : -ENOSYS;
}
