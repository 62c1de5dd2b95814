/* A profile sorted by what is to be done with its system calls. Nearly all rules of nearly all profiles say the same
 * under all conditions: these become a table of numbers per architecture (seccomp-front.c). libseccomp is left what it
 * is good at: conditions on arguments, and the calls that an architecture hides behind socketcall(2) and ipc(2). */
#include "seccomp-internal.h"

#include <base/util.h>

#include <seccomp.h>

#include <stdio.h>
#include <string.h>

/* One call through socketcall or ipc where the architecture has these. */
static const char *const multiplexed[] = { "accept", "accept4", "bind", "connect", "getpeername",
    "getsockname", "getsockopt", "ipc", "listen", "msgctl", "msgget", "msgrcv", "msgsnd", "recv", "recvfrom",
    "recvmmsg", "recvmsg", "semctl", "semget", "semop", "semtimedop", "send", "sendmmsg", "sendmsg", "sendto",
    "setsockopt", "shmat", "shmctl", "shmdt", "shmget", "shutdown", "socket", "socketcall", "socketpair" };

/* More than it has. */
#define X86_NUMBERS 512

static bool is_multiplexed(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(multiplexed); i++)
        if (strcmp(multiplexed[i], name) == 0)
            return true;
    return false;
}

static bool arch_multiplexes(uint32_t arch)
{
    return arch != SCMP_ARCH_X86_64 && arch != SCMP_ARCH_X32 && arch != SCMP_ARCH_AARCH64 &&
           arch != SCMP_ARCH_RISCV64;
}

/* Is there any system call of that name? The numbers of those that an architecture lacks are below zero. */
static bool is_known(const char *name)
{
    return seccomp_syscall_resolve_name(name) != __NR_SCMP_ERROR ||
           seccomp_newer_number(SCMP_ARCH_X86_64, name) >= 0;
}

static int number_on(uint32_t arch, const char *name)
{
    int number = seccomp_syscall_resolve_name(name) == __NR_SCMP_ERROR
                         ? seccomp_newer_number(arch, name)
                         : seccomp_syscall_resolve_name_arch(arch, name);

    return number >= 0 ? number : -1;
}

static bool has_arch(const struct seccomp_rules *rules, uint32_t arch)
{
    for (size_t i = 0; i < rules->n_tables; i++)
        if (rules->tables[i].arch == arch)
            return true;
    return false;
}

static int collect_archs(
        const struct config_seccomp *config, struct seccomp_rules *rules, struct lc_error **err)
{
    rules->tables[rules->n_tables++].arch = seccomp_arch_native();
    for (size_t i = 0; i < config->n_architectures; i++) {
        uint32_t arch = seccomp_arch(config->architectures[i]);
        char pointer[64];

        (void)snprintf(pointer, sizeof(pointer), SECCOMP_POINTER "/architectures/%zu", i);
        if (arch == 0)
            return seccomp_raise(err, ENOTSUP, pointer, config->architectures[i],
                    "this build's libseccomp does not know the architecture");
        if (!has_arch(rules, arch) && rules->n_tables < SECCOMP_MAX_ARCHS)
            rules->tables[rules->n_tables++].arch = arch;
    }
    return 0;
}

static int compare_uses(const void *one, const void *other)
{
    const struct seccomp_use *a = one, *b = other;
    int order = strcmp(a->name, b->name);

    return order != 0 ? order : (a->rule > b->rule) - (a->rule < b->rule);
}

static int check_rule(
        const struct config_seccomp_rule *rule, const char *name, uint32_t action, struct lc_error **err)
{
    /* Whoever waits for the listener's first answer needs it to get there. */
    if (action == SCMP_ACT_NOTIFY && strcmp(name, "write") == 0)
        return seccomp_raise(err, EINVAL, rule->pointer, name,
                "SCMP_ACT_NOTIFY cannot be used for the write syscall: the process could not report its "
                "start");
    return 0;
}

static int collect_uses(
        const struct config_seccomp *config, struct seccomp_rules *rules, struct lc_error **err)
{
    size_t count = 0;

    for (size_t i = 0; i < config->n_rules; i++)
        count += config->rules[i].n_names;
    rules->actions = calloc(config->n_rules + 1, sizeof(*rules->actions));
    rules->uses = calloc(count + 1, sizeof(*rules->uses));
    if (rules->actions == NULL || rules->uses == NULL)
        return seccomp_raise(err, ENOMEM, SECCOMP_POINTER, NULL, "no memory");
    for (size_t i = 0; i < config->n_rules; i++) {
        const struct config_seccomp_rule *rule = &config->rules[i];
        int r = seccomp_action(rule->action, &rule->errno_ret, rule->pointer, &rules->actions[i], err);

        for (size_t j = 0; j < rule->n_names && r == 0; j++) {
            r = check_rule(rule, rule->names[j], rules->actions[i], err);
            if (is_known(rule->names[j]))
                rules->uses[rules->n_uses++] =
                        (struct seccomp_use){ rule->names[j], i, rules->actions[i], false };
        }
        if (r < 0)
            return r;
    }
    qsort(rules->uses, rules->n_uses, sizeof(*rules->uses), compare_uses);
    return 0;
}

static size_t uses_of_same_name(const struct seccomp_rules *rules, size_t first)
{
    size_t count = 1;

    while (first + count < rules->n_uses &&
            strcmp(rules->uses[first].name, rules->uses[first + count].name) == 0)
        count++;
    return count;
}

/* Finds what all uses of one name say together: an action, or SECCOMP_TO_REST. Rules that say what is said by default
 * do not count. */
static uint32_t join_uses(const struct config_seccomp *config, const struct seccomp_rules *rules,
        const struct seccomp_use *uses, size_t count)
{
    uint32_t result = SECCOMP_TO_REST;

    for (size_t i = 0; i < count; i++) {
        if (uses[i].action == rules->default_action)
            continue;
        if (config->rules[uses[i].rule].n_args > 0 || (result != SECCOMP_TO_REST && result != uses[i].action))
            return SECCOMP_TO_REST;
        result = uses[i].action;
    }
    return result;
}

static int compare_constants(const void *one, const void *other)
{
    const struct seccomp_constant *a = one, *b = other;

    return (a->number > b->number) - (a->number < b->number);
}

/* Sorts a table and joins what two names say about one number. */
static int sort_table(struct seccomp_table *table, struct lc_error **err)
{
    size_t kept = 0;

    qsort(table->list, table->count, sizeof(*table->list), compare_constants);
    for (size_t i = 0; i < table->count; i++) {
        if (kept == 0 || table->list[kept - 1].number != table->list[i].number)
            table->list[kept++] = table->list[i];
        else if (table->list[kept - 1].action != table->list[i].action)
            return seccomp_raise(err, EEXIST, SECCOMP_POINTER "/syscalls", NULL,
                    "system call %u has two names here, with different actions", table->list[i].number);
    }
    table->count = kept;
    return 0;
}

/* Later system calls than the profile's author knew: a program that gets EPERM gives up where it would have fallen back
 * on ENOSYS. Where they are let through or decided by somebody else, they stay. */
static bool default_refuses(uint32_t action)
{
    switch (action & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_KILL_PROCESS:
    case SECCOMP_RET_KILL_THREAD:
    case SECCOMP_RET_TRAP:
    case SECCOMP_RET_ERRNO:
        return true;
    default:
        return false;
    }
}

/* Calls that libseccomp also looks for behind socketcall and ipc have numbers of their own, which it does not tell by name. */
static void leave_multiplexed(struct seccomp_table *table)
{
    for (int number = 0; number < X86_NUMBERS; number++) {
        char *name = seccomp_syscall_resolve_num_arch(table->arch, number);

        if (name != NULL && is_multiplexed(name) && (!table->above_known || number <= (int)table->highest))
            table->list[table->count++] = (struct seccomp_constant){ (uint32_t)number, SECCOMP_TO_REST };
        free(name);
    }
}

static int make_table(const struct config_seccomp *config, struct seccomp_rules *rules,
        struct seccomp_table *table, struct lc_error **err)
{
    table->list = calloc(rules->n_uses + X86_NUMBERS, sizeof(*table->list));
    if (table->list == NULL)
        return seccomp_raise(err, ENOMEM, SECCOMP_POINTER, NULL, "no memory");
    for (size_t i = 0, count; i < rules->n_uses; i += count) {
        int number = number_on(table->arch, rules->uses[i].name);
        uint32_t action;

        count = uses_of_same_name(rules, i);
        if (number < 0)
            continue;
        if (!table->above_known || (uint32_t)number > table->highest)
            table->highest = (uint32_t)number;
        table->above_known = true;
        action = join_uses(config, rules, &rules->uses[i], count);
        if (arch_multiplexes(table->arch) && is_multiplexed(rules->uses[i].name))
            action = SECCOMP_TO_REST;
        table->list[table->count++] = (struct seccomp_constant){ (uint32_t)number, action };
    }
    table->above_known = table->above_known && default_refuses(rules->default_action);
    table->unnamed = rules->default_action;
    if (table->arch == SCMP_ARCH_X86)
        leave_multiplexed(table);
    else if (arch_multiplexes(table->arch))
        table->unnamed = SECCOMP_TO_REST;
    return sort_table(table, err);
}

/* A name that is left to libseccomp on one architecture is left to it on all. */
static void mark_rest(const struct config_seccomp *config, struct seccomp_rules *rules)
{
    bool multiplexes = false;

    for (size_t i = 0; i < rules->n_tables; i++)
        multiplexes = multiplexes || arch_multiplexes(rules->tables[i].arch);
    for (size_t i = 0, count; i < rules->n_uses; i += count) {
        bool rest;

        count = uses_of_same_name(rules, i);
        rest = join_uses(config, rules, &rules->uses[i], count) == SECCOMP_TO_REST ||
               (multiplexes && is_multiplexed(rules->uses[i].name));
        for (size_t j = i; j < i + count; j++)
            rules->uses[j].rest = rest;
    }
}

bool seccomp_rules_rest(const struct seccomp_rules *rules, const char *name)
{
    size_t low = 0, high = rules->n_uses;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, rules->uses[middle].name);

        if (order == 0)
            return rules->uses[middle].rest;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

int seccomp_rules_make(const struct config_seccomp *config, struct seccomp_rules *ret, struct lc_error **err)
{
    struct seccomp_rules rules = { 0 };
    int r = seccomp_action(
            config->default_action, &config->default_errno, SECCOMP_POINTER, &rules.default_action, err);

    if (r == 0 && rules.default_action == SCMP_ACT_NOTIFY)
        r = seccomp_raise(err, EINVAL, SECCOMP_POINTER "/defaultAction", config->default_action,
                "SCMP_ACT_NOTIFY cannot be used as default action: the process could not report its start");
    r = r < 0 ? r : collect_archs(config, &rules, err);
    r = r < 0 ? r : collect_uses(config, &rules, err);
    if (r == 0)
        mark_rest(config, &rules);
    for (size_t i = 0; i < rules.n_tables && r == 0; i++)
        r = make_table(config, &rules, &rules.tables[i], err);
    if (r < 0) {
        seccomp_rules_done(&rules);
        return r;
    }
    *ret = rules;
    return 0;
}

void seccomp_rules_done(struct seccomp_rules *rules)
{
    for (size_t i = 0; i < rules->n_tables; i++)
        free(rules->tables[i].list);
    free(rules->uses);
    free(rules->actions);
    *rules = (struct seccomp_rules){ 0 };
}
