#include "seccomp-internal.h"

#include <base/util.h>

#include <seccomp.h>

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define ARGS_MAX 6 /* of a system call */

static void release_context(scmp_filter_ctx *context)
{
    if (*context != NULL)
        seccomp_release(*context);
}

static int read_args(
        const struct config_seccomp_rule *rule, struct scmp_arg_cmp *ret, bool *ret_or, struct lc_error **err)
{
    unsigned seen = 0;

    *ret_or = false;
    for (size_t i = 0; i < rule->n_args; i++) {
        const struct config_seccomp_arg *arg = &rule->args[i];
        int op = seccomp_operator(arg->op);

        if (op < 0)
            return seccomp_raise(err, EINVAL, rule->pointer, arg->op, "no such operator");
        if (arg->index >= ARGS_MAX)
            return seccomp_raise(
                    err, EINVAL, rule->pointer, NULL, "a system call has no argument %u", arg->index);
        *ret_or = *ret_or || (seen & 1u << arg->index) != 0;
        seen |= 1u << arg->index;
        ret[i] = (struct scmp_arg_cmp){ arg->index, (enum scmp_compare)op, arg->value, arg->value_two };
    }
    return 0;
}

static int raise_rule(struct lc_error **err, int r, const struct config_seccomp_rule *rule, const char *name)
{
    if (r == -EEXIST)
        return seccomp_raise(
                err, EEXIST, rule->pointer, name, "another rule for this system call says something else");
    return seccomp_raise(err, -r, rule->pointer, name, "libseccomp does not take the rule");
}

/* All conditions together; where two are about one argument they cannot be meant together, so each is a rule. */
static int add_call(scmp_filter_ctx context, const struct config_seccomp_rule *rule, const char *name,
        uint32_t action, const struct scmp_arg_cmp *args, bool any, struct lc_error **err)
{
    int number = seccomp_syscall_resolve_name(name), r = 0;

    if (number == __NR_SCMP_ERROR)
        return seccomp_raise(err, ENOTSUP, rule->pointer, name,
                "this build's libseccomp does not know this system call: no conditions can be made for it");
    if (!any)
        r = seccomp_rule_add_array(context, action, number, (unsigned)rule->n_args, args);
    for (size_t i = 0; any && r == 0 && i < rule->n_args; i++)
        r = seccomp_rule_add_array(context, action, number, 1, &args[i]);
    return r < 0 ? raise_rule(err, r, rule, name) : 0;
}

static int add_rule(scmp_filter_ctx context, const struct config_seccomp_rule *rule,
        const struct seccomp_rules *rules, uint32_t action, struct lc_error **err)
{
    CLEAN_FREE struct scmp_arg_cmp *args = calloc(rule->n_args + 1, sizeof(*args));
    bool any;
    int r;

    if (args == NULL)
        return seccomp_raise(err, ENOMEM, rule->pointer, NULL, "no memory");
    r = read_args(rule, args, &any, err);
    if (r < 0 || action == rules->default_action)
        return r;
    for (size_t i = 0; i < rule->n_names && r == 0; i++)
        if (seccomp_rules_rest(rules, rule->names[i]))
            r = add_call(context, rule, rule->names[i], action, args, any, err);
    return r;
}

static int add_archs(scmp_filter_ctx context, const struct seccomp_rules *rules, struct lc_error **err)
{
    for (size_t i = 1; i < rules->n_tables; i++) {
        int r = seccomp_arch_add(context, rules->tables[i].arch);

        if (r < 0)
            return seccomp_raise(err, -r, SECCOMP_POINTER "/architectures", NULL,
                    "libseccomp does not take the architectures%s",
                    r == -EDOM ? ": one has another byte order than this machine" : "");
    }
    return 0;
}

/* libseccomp writes its program to a descriptor only. */
static int add_program(scmp_filter_ctx context, struct seccomp_code *code)
{
    CLEAN_FD int fd = memfd_create("seccomp", MFD_CLOEXEC);
    size_t room = (ARRAY_SIZE(code->insns) - code->count) * sizeof(code->insns[0]);
    struct stat st;
    int r;

    if (fd < 0)
        return -errno;
    r = seccomp_export_bpf(context, fd);
    if (r < 0)
        return r;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (code->full || (size_t)st.st_size > room)
        return -E2BIG;
    if (st.st_size == 0 || st.st_size % (off_t)sizeof(code->insns[0]) != 0 ||
            pread(fd, code->insns + code->count, (size_t)st.st_size, 0) != st.st_size)
        return -EIO;
    code->count += (size_t)st.st_size / sizeof(code->insns[0]);
    return 0;
}

/* What the tables do not answer: a program of its own, that begins with loading what it looks at. */
static int add_rest(const struct config_seccomp *config, const struct seccomp_rules *rules,
        struct seccomp_code *code, struct lc_error **err)
{
    CLEANUP(release_context) scmp_filter_ctx context = seccomp_init(rules->default_action);
    int r;

    if (context == NULL)
        return seccomp_raise(err, ENOMEM, SECCOMP_POINTER, NULL, "libseccomp cannot begin a filter");
    /* A system call of an architecture that the profile does not list has not been thought of. */
    r = seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (r < 0)
        return seccomp_raise(err, -r, SECCOMP_POINTER, NULL,
                "libseccomp does not take the answer to foreign architectures");
    r = add_archs(context, rules, err);
    for (size_t i = 0; i < config->n_rules && r == 0; i++)
        r = add_rule(context, &config->rules[i], rules, rules->actions[i], err);
    if (r < 0)
        return r;
    r = add_program(context, code);
    return r < 0 ? seccomp_raise(err, -r, SECCOMP_POINTER, NULL, "libseccomp cannot make the program") : 0;
}

static bool any_notify(const struct config_seccomp *config)
{
    for (size_t i = 0; i < config->n_rules; i++)
        if (strcmp(config->rules[i].action, "SCMP_ACT_NOTIFY") == 0)
            return true;
    return false;
}

/* What holds for the program and for how it is loaded, cached or not. */
static int begin(const struct config_seccomp *config, struct seccomp_filter *ret, struct lc_error **err)
{
    bool notifies = any_notify(config);

    if (notifies && config->listener_path == NULL)
        return seccomp_raise(err, EINVAL, SECCOMP_POINTER "/listenerPath", NULL,
                "a rule has SCMP_ACT_NOTIFY, but listenerPath does not say who is notified");
    *ret = (struct seccomp_filter){ .notifies = notifies };
    return seccomp_flags(config, notifies, &ret->flags, err);
}

static int compile(const struct config_seccomp *config, const struct seccomp_rules *rules,
        struct seccomp_filter *filter, struct lc_error **err)
{
    CLEAN_FREE struct seccomp_code *code = calloc(1, sizeof(*code));
    int r;

    if (code == NULL || seccomp_front_add(rules, code) < 0)
        return seccomp_raise(err, ENOMEM, SECCOMP_POINTER, NULL, "no memory");
    r = add_rest(config, rules, code, err);
    if (r < 0)
        return r;
    filter->length = code->count * sizeof(code->insns[0]);
    filter->program = malloc(filter->length);
    if (filter->program == NULL)
        return seccomp_raise(err, ENOMEM, SECCOMP_POINTER, NULL, "no memory");
    memcpy(filter->program, code->insns, filter->length);
    return 0;
}

int seccomp_compile(const struct config_seccomp *config, struct seccomp_filter *ret, struct lc_error **err)
{
    struct seccomp_filter filter;
    struct seccomp_rules rules;
    int r = begin(config, &filter, err);

    r = r < 0 ? r : seccomp_rules_make(config, &rules, err);
    if (r < 0)
        return r;
    r = compile(config, &rules, &filter, err);
    seccomp_rules_done(&rules);
    if (r == 0)
        *ret = filter;
    return r;
}

int seccomp_filter_find(int cache_dirfd, const char *text, size_t length, struct seccomp_filter *ret)
{
    CLEANUP(buffer_done) struct buffer key = { 0 };
    CLEAN_FD int cache = seccomp_cache_open(cache_dirfd);
    struct seccomp_filter filter;
    int r = cache < 0 ? cache : seccomp_cache_key(text, length, &key);

    if (r == 0)
        r = seccomp_cache_read(cache, &key, &filter);
    if (r == 0 && filter.notifies) {
        seccomp_filter_done(&filter);
        r = -ENOENT;
    }
    if (r == 0)
        *ret = filter;
    return r;
}

static int take_program(
        const struct config_seccomp *config, struct seccomp_filter *ret, struct lc_error **err)
{
    void *program = malloc(config->program_length);

    if (program == NULL)
        return seccomp_raise(err, ENOMEM, SECCOMP_POINTER, NULL, "no memory");
    memcpy(program, config->program, config->program_length);
    *ret = (struct seccomp_filter){
        .program = program, .length = config->program_length, .flags = config->program_flags
    };
    return 0;
}

int seccomp_filter_get(int cache_dirfd, const struct config_seccomp *config, struct seccomp_filter *ret,
        struct lc_error **err)
{
    CLEANUP(buffer_done) struct buffer key = { 0 };
    CLEAN_FD int cache = -EBADF;
    struct seccomp_filter filter;
    int r;

    if (config->program != NULL)
        return take_program(config, ret, err);
    cache = config->text != NULL ? seccomp_cache_open(cache_dirfd) : -ENOENT;
    if (cache < 0 || seccomp_cache_key(config->text, config->length, &key) < 0)
        return seccomp_compile(config, ret, err);
    if (seccomp_cache_read(cache, &key, &filter) < 0) {
        r = seccomp_compile(config, &filter, err);
        if (r < 0)
            return r;
        (void)seccomp_cache_write(cache, &key, &filter);
    }
    *ret = filter;
    return 0;
}

void seccomp_filter_done(struct seccomp_filter *filter)
{
    free(filter->program);
    *filter = (struct seccomp_filter){ 0 };
}
