/* Programs as an interpreter of ours runs them, against what libseccomp alone makes of the same profile. */
#include "seccomp_profile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>

#define X32_BIT 0x40000000

/* The part of classic BPF that filters are made of. */
static uint32_t interpret(const struct sock_filter *code, size_t count, const struct seccomp_data *data)
{
    uint32_t a = 0, x = 0, memory[BPF_MEMWORDS] = { 0 };

    for (size_t at = 0; at < count; at++) {
        const struct sock_filter *now = &code[at];
        bool holds = false;

        switch (now->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            assert_true(now->k % 4 == 0 && now->k < sizeof(*data));
            memcpy(&a, (const char *)data + now->k, sizeof(a));
            continue;
        case BPF_LD | BPF_MEM:
            a = memory[now->k];
            continue;
        case BPF_ST:
            memory[now->k] = a;
            continue;
        case BPF_MISC | BPF_TAX:
            x = a;
            continue;
        case BPF_MISC | BPF_TXA:
            a = x;
            continue;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= now->k;
            continue;
        case BPF_RET | BPF_K:
            return now->k;
        case BPF_JMP | BPF_JA:
            at += now->k;
            continue;
        case BPF_JMP | BPF_JEQ | BPF_K:
            holds = a == now->k;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            holds = a >= now->k;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            holds = a > now->k;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            holds = (a & now->k) != 0;
            break;
        default:
            fail_msg("instruction %#x", now->code);
        }
        at += holds ? now->jt : now->jf;
    }
    fail_msg("the program runs out of its end");
    return 0;
}

static uint32_t plain_action(const char *name, const struct config_number *number)
{
    if (strcmp(name, "SCMP_ACT_ERRNO") == 0)
        return SCMP_ACT_ERRNO(number->set ? (uint32_t)number->value : 1);
    return strcmp(name, "SCMP_ACT_LOG") == 0 ? SCMP_ACT_LOG : SCMP_ACT_ALLOW;
}

/* All rules in their order to libseccomp, and nothing else. Conditions: at most one per argument. */
static size_t plain_compile(const struct config_seccomp *profile, struct sock_filter *ret)
{
    uint32_t fallback = plain_action(profile->default_action, &profile->default_errno);
    scmp_filter_ctx context = seccomp_init(fallback);
    int fd = memfd_create("plain", MFD_CLOEXEC);
    ssize_t size;

    assert_non_null(context);
    assert_int_equal(seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), 0);
    for (size_t i = 0; i < profile->n_architectures; i++)
        if (strcmp(profile->architectures[i], "SCMP_ARCH_X86_64") != 0)
            assert_int_equal(seccomp_arch_add(context, strcmp(profile->architectures[i], "SCMP_ARCH_X86") == 0
                                                               ? SCMP_ARCH_X86
                                                               : SCMP_ARCH_X32),
                    0);
    for (size_t i = 0; i < profile->n_rules; i++) {
        const struct config_seccomp_rule *rule = &profile->rules[i];
        uint32_t action = plain_action(rule->action, &rule->errno_ret);
        struct scmp_arg_cmp args[6];

        for (size_t j = 0; j < rule->n_args; j++)
            args[j] = (struct scmp_arg_cmp){ rule->args[j].index,
                strcmp(rule->args[j].op, "SCMP_CMP_EQ") == 0   ? SCMP_CMP_EQ
                : strcmp(rule->args[j].op, "SCMP_CMP_NE") == 0 ? SCMP_CMP_NE
                                                               : SCMP_CMP_MASKED_EQ,
                rule->args[j].value, rule->args[j].value_two };
        for (size_t j = 0; j < rule->n_names && action != fallback; j++) {
            int number = seccomp_syscall_resolve_name(rule->names[j]);

            if (number != __NR_SCMP_ERROR)
                assert_int_equal(
                        seccomp_rule_add_array(context, action, number, (unsigned)rule->n_args, args), 0);
        }
    }
    assert_int_equal(seccomp_export_bpf(context, fd), 0);
    size = pread(fd, ret, BPF_MAXINSNS * sizeof(*ret), 0);
    seccomp_release(context);
    (void)close(fd);
    assert_true(size > 0);
    return (size_t)size / sizeof(*ret);
}

/* First arguments that the profiles of the engines ask about, and some that they do not. */
static const uint64_t values[] = { 0, 1, 2, 5, 8, 9, 16, 38, 40, 131072, 131080, 0x7e020000, 0x10000000,
    0xffffffff, 0x100000000, UINT64_MAX };

/* The highest number that the profile mentions, as libseccomp alone knows them. */
static uint32_t highest_on(const struct config_seccomp *profile, uint32_t token)
{
    int highest = -1;

    for (size_t i = 0; i < profile->n_rules; i++)
        for (size_t j = 0; j < profile->rules[i].n_names; j++) {
            int number = seccomp_syscall_resolve_name_arch(token, profile->rules[i].names[j]);

            highest = number > highest ? number : highest;
        }
    return (uint32_t)highest;
}

static int compare_on(const struct filter *filter, const struct sock_filter *plain, size_t n_plain,
        uint32_t token, uint32_t first)
{
    uint32_t arch = token == SCMP_ARCH_X32 ? AUDIT_ARCH_X86_64 : token;
    uint32_t highest = highest_on(&filter->profile, token);
    int wrong = 0;

    for (uint32_t nr = first; nr < first + 1000; nr++) {
        for (size_t i = 0; i < ARRAY_SIZE(values) * 3; i++) {
            struct seccomp_data data = { .nr = (int)nr, .arch = arch };
            uint32_t ours, theirs;

            data.args[i % 3] = values[i / 3];
            ours = interpret(filter->made.program, filter->made.length / sizeof(struct sock_filter), &data);
            theirs = interpret(plain, n_plain, &data);
            /* What libseccomp cannot say: too new for the profile, or for libseccomp. */
            if (ours == theirs || (ours == SCMP_ACT_ERRNO(ENOSYS) && nr > highest) ||
                    (ours == SCMP_ACT_ALLOW && nr - first > 448))
                continue;
            if (wrong++ < 3)
                print_error("arch %x, call %u, argument %zu %llx: %x, libseccomp alone %x\n", arch, nr, i % 3,
                        (unsigned long long)values[i / 3], ours, theirs);
        }
    }
    return wrong;
}

static int compare_with_libseccomp(const char *path, json_t *root)
{
    CLEAN_FREE struct sock_filter *plain = calloc(BPF_MAXINSNS, sizeof(*plain));
    struct filter filter = { 0 };
    struct lc_error *error = NULL;
    size_t n_plain;
    int wrong = 0;

    filter.profile = profile_take(&filter.arena, root);
    if (seccomp_compile(&filter.profile, &filter.made, &error) < 0)
        fail_msg("%s: %s", path, error_format(error));
    n_plain = plain_compile(&filter.profile, plain);
    wrong += compare_on(&filter, plain, n_plain, SCMP_ARCH_X86_64, 0);
    wrong += compare_on(&filter, plain, n_plain, SCMP_ARCH_X32, X32_BIT);
    wrong += compare_on(&filter, plain, n_plain, SCMP_ARCH_X86, 0);
    wrong += compare_on(&filter, plain, n_plain, SCMP_ARCH_AARCH64, 0);
    print_message("%s: %zu instructions, libseccomp alone %zu\n", path,
            filter.made.length / sizeof(struct sock_filter), n_plain);
    filter_done(&filter);
    return wrong;
}

static const char *const made_up[] = {
    /* sockets behind socketcall on i386: all three words for one thing */
    "{'defaultAction':'SCMP_ACT_ERRNO','architectures':['SCMP_ARCH_X86','SCMP_ARCH_X32'],'syscalls':[{'names'"
    ":['socket',"
    "'read','semop'],'action':'SCMP_ACT_ALLOW'}]}",
    "{'defaultAction':'SCMP_ACT_ALLOW','architectures':['SCMP_ARCH_X86'],'syscalls':[{'names':['socket'],'"
    "action':"
    "'SCMP_ACT_ERRNO','args':[{'index':0,'value':16,'op':'SCMP_CMP_EQ'}]},{'names':['ipc','bind'],'action':"
    "'SCMP_ACT_ERRNO','errnoRet':5}]}",
    "{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['read'],'action':'SCMP_ACT_ERRNO','args':[{'"
    "index':0,"
    "'value':8,'op':'SCMP_CMP_EQ'},{'index':1,'value':0,'op':'SCMP_CMP_EQ'}]},{'names':['read'],'action':"
    "'SCMP_ACT_LOG','args':[{'index':0,'value':9,'op':'SCMP_CMP_EQ'}]},{'names':['write'],'action':'SCMP_ACT_"
    "LOG'}]}",
    "{'defaultAction':'SCMP_ACT_ERRNO','defaultErrnoRet':38,'syscalls':[]}",
    "{'defaultAction':'SCMP_ACT_ALLOW'}",
};

/* A rule for every system call, with `answers` different ones in turn: no two neighbours have the same. */
static json_t *patchwork(int answers)
{
    json_t *rules = json_array();

    for (int number = 0; number < 448; number++) {
        CLEAN_FREE char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, number);

        if (name != NULL)
            (void)json_array_append_new(rules, json_pack("{s:[s], s:s, s:i}", "names", name, "action",
                                                       "SCMP_ACT_ERRNO", "errnoRet", 1 + number % answers));
    }
    return json_pack("{s:s, s:[ss], s:o}", "defaultAction", "SCMP_ACT_ALLOW", "architectures",
            "SCMP_ARCH_X86", "SCMP_ARCH_X32", "syscalls", rules);
}

static void test_many_answers(void **state)
{
    static const int answers[] = { 2, 3, 60, 200, 1000 };
    int wrong = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "%d answers", answers[i]);
        wrong += compare_with_libseccomp(name, patchwork(answers[i]));
    }
    ASSERT_ROWS(wrong);
}

/* The profiles of the engines too, where SECCOMP_CONFIGS names a directory of config.json files. */
static void test_same_as_libseccomp(void **state)
{
    const char *directory = getenv("SECCOMP_CONFIGS");
    DIR *list = directory != NULL ? opendir(directory) : NULL;
    int wrong = compare_with_libseccomp("docker", json_load_file(docker, 0, NULL));

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(made_up); i++) {
        struct arena arena = { 0 };
        char *text = arena_strdup(&arena, made_up[i]), name[32];

        for (char *at = text; *at != '\0'; at++)
            *at = *at == '\'' ? '"' : *at;
        (void)snprintf(name, sizeof(name), "row %zu", i);
        wrong += compare_with_libseccomp(name, json_loads(text, 0, NULL));
        arena_done(&arena);
    }
    for (struct dirent *entry; list != NULL && (entry = readdir(list)) != NULL;) {
        char path[512];
        json_t *root, *profile;

        (void)snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
        root = json_load_file(path, 0, NULL);
        profile = json_object_get(json_object_get(root, "linux"), "seccomp");
        if (profile != NULL)
            wrong += compare_with_libseccomp(entry->d_name, json_incref(profile));
        json_decref(root);
    }
    if (list != NULL)
        (void)closedir(list);
    ASSERT_ROWS(wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_libseccomp),
        cmocka_unit_test(test_many_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
