/* Filters as the kernel runs them, in children; and as an interpreter of ours does, against what libseccomp alone makes of
 * the same profile. */
#include "seccomp_profile.h"
#include "tree.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#define X32_BIT 0x40000000
#define KILLED (-1000) /* by SIGSYS */

static const char docker[] = SECCOMP_DATA "/docker-seccomp.json";

struct filter {
    struct arena arena;
    struct config_seccomp profile;
    struct seccomp_filter made;
};

static void filter_from(struct filter *filter, const char *text)
{
    struct lc_error *error = NULL;

    *filter = (struct filter){ 0 };
    filter->profile = text == docker ? profile_take(&filter->arena, json_load_file(docker, 0, NULL))
                                     : profile_parse(&filter->arena, text);
    if (seccomp_compile(&filter->profile, &filter->made, &error) < 0)
        fail_msg("%s", error_format(error));
}

static void filter_done(struct filter *filter)
{
    seccomp_filter_done(&filter->made);
    arena_done(&filter->arena);
}

struct call {
    long number, args[6];
    bool by_int80;
};

#define CALL(number, first, second)                                                                          \
    {                                                                                                        \
        (number), { (first), (second) }, false                                                               \
    }
#define INT80(number, first)                                                                                 \
    {                                                                                                        \
        (number), { (first) }, true                                                                          \
    }

static long make_call(const struct call *call)
{
#ifdef __x86_64__
    if (call->by_int80) {
        long result;

        __asm__ volatile("int $0x80"
                         : "=a"(result)
                         : "a"(call->number), "b"(call->args[0]), "c"(call->args[1]), "d"(call->args[2])
                         : "memory", "r8", "r9", "r10", "r11");
        return (int)result;
    }
#endif
    errno = 0;
    long result = syscall(call->number, call->args[0], call->args[1], call->args[2], call->args[3],
            call->args[4], call->args[5]);
    return result == -1 ? -errno : result;
}

/* What the call answers in a child that has loaded the filter: its result, -errno or KILLED. */
static long run_filtered(const struct seccomp_filter *filter, const struct call *call)
{
    struct sock_fprog program = { (unsigned short)(filter->length / sizeof(struct sock_filter)),
        filter->program };
    volatile long *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid;
    long result;
    int status;

    assert_ptr_not_equal((void *)shared, MAP_FAILED);
    *shared = -2000;
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        /* cmocka has handlers, and a core is of no use. */
        (void)signal(SIGSYS, SIG_DFL);
        (void)prctl(PR_SET_DUMPABLE, 0);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
                syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, filter->flags, &program) < 0) {
            *shared = -3000 - errno;
            _exit(1);
        }
        *shared = make_call(call);
        (void)syscall(SYS_exit_group, 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    result = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? KILLED : *shared;
    (void)munmap((void *)shared, 4096);
    return result;
}

#define ALLOW_BUT(rules) "{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[" rules "]}"

static const struct behaviour {
    const char *what, *profile;
    struct call call;
    long expected;
} behaviours[] = {
    { "errno by default EPERM", ALLOW_BUT("{'names':['getppid'],'action':'SCMP_ACT_ERRNO'}"),
            CALL(SYS_getppid, 0, 0), -EPERM },
    { "errnoRet", ALLOW_BUT("{'names':['getppid'],'action':'SCMP_ACT_ERRNO','errnoRet':77}"),
            CALL(SYS_getppid, 0, 0), -77 },
    { "errnoRet 0 is success", ALLOW_BUT("{'names':['getppid'],'action':'SCMP_ACT_ERRNO','errnoRet':0}"),
            CALL(SYS_getppid, 0, 0), 0 },
    { "kill", ALLOW_BUT("{'names':['getppid'],'action':'SCMP_ACT_KILL'}"), CALL(SYS_getppid, 0, 0), KILLED },
    { "kill process", ALLOW_BUT("{'names':['getppid'],'action':'SCMP_ACT_KILL_PROCESS'}"),
            CALL(SYS_getppid, 0, 0), KILLED },
    { "kill thread", ALLOW_BUT("{'names':['getppid'],'action':'SCMP_ACT_KILL_THREAD'}"),
            CALL(SYS_getppid, 0, 0), KILLED },
    { "trap", ALLOW_BUT("{'names':['getppid'],'action':'SCMP_ACT_TRAP'}"), CALL(SYS_getppid, 0, 0), KILLED },
    { "trace without a tracer", ALLOW_BUT("{'names':['getppid'],'action':'SCMP_ACT_TRACE','errnoRet':5}"),
            CALL(SYS_getppid, 0, 0), -ENOSYS },
    { "log lets through", ALLOW_BUT("{'names':['umask'],'action':'SCMP_ACT_LOG'}"), CALL(SYS_umask, 022, 0),
            022 },
    { "unknown names are skipped",
            ALLOW_BUT("{'names':['no_such_call','getppid'],'action':'SCMP_ACT_ERRNO'}"),
            CALL(SYS_getppid, 0, 0), -EPERM },
    { "a call newer than libseccomp",
            ALLOW_BUT("{'names':['mseal'],'action':'SCMP_ACT_ERRNO','errnoRet':71}"), CALL(462, 0, 0), -71 },
    { "a call that is newer than an allowing profile",
            ALLOW_BUT("{'names':['getppid'],'action':'SCMP_ACT_ERRNO','errnoRet':71}"), CALL(1000, 0, 0),
            -ENOSYS },
    { "equal",
            ALLOW_BUT("{'names':['alarm'],'action':'SCMP_ACT_ERRNO','args':[{'index':0,'value':0,'op':'SCMP_"
                      "CMP_EQ'}]}"),
            CALL(SYS_alarm, 0, 0), -EPERM },
    { "64 bits are compared",
            ALLOW_BUT(
                    "{'names':['umask'],'action':'SCMP_ACT_ERRNO','args':[{'index':0,'value':4294967295,'op':"
                    "'SCMP_CMP_GT'}]}"),
            CALL(SYS_umask, 0x100000012, 0), -EPERM },
    { "32 bits are not more",
            ALLOW_BUT(
                    "{'names':['umask'],'action':'SCMP_ACT_ERRNO','args':[{'index':0,'value':4294967295,'op':"
                    "'SCMP_CMP_GT'}]}"),
            CALL(SYS_umask, 022, 0), 022 },
    { "conditions on two arguments must both hold",
            ALLOW_BUT("{'names':['getpgid'],'action':'SCMP_ACT_ERRNO','args':[{'index':0,'value':0,'op':'"
                      "SCMP_CMP_EQ'},"
                      "{'index':1,'value':5,'op':'SCMP_CMP_EQ'}]}"),
            CALL(SYS_getpgid, 0, 5), -EPERM },
    { "one of them is not enough",
            ALLOW_BUT("{'names':['umask'],'action':'SCMP_ACT_ERRNO','args':[{'index':0,'value':18,'op':'SCMP_"
                      "CMP_EQ'},"
                      "{'index':1,'value':5,'op':'SCMP_CMP_EQ'}]}"),
            CALL(SYS_umask, 022, 6), 022 },
    { "two on one argument: either",
            ALLOW_BUT("{'names':['umask'],'action':'SCMP_ACT_ERRNO','args':[{'index':0,'value':"
                      "18,'op':'SCMP_CMP_EQ'},{'index':0,'value':19,'op':'SCMP_CMP_EQ'}]}"),
            CALL(SYS_umask, 19, 0), -EPERM },
    { "masked",
            ALLOW_BUT("{'names':['umask'],'action':'SCMP_ACT_ERRNO','args':[{'index':0,'value':240,'valueTwo'"
                      ":16,"
                      "'op':'SCMP_CMP_MASKED_EQ'}]}"),
            CALL(SYS_umask, 0x1f, 0), -EPERM },
    { "masked, another value",
            ALLOW_BUT("{'names':['umask'],'action':'SCMP_ACT_ERRNO','args':[{'index':0,'value':240,"
                      "'valueTwo':16,'op':'SCMP_CMP_MASKED_EQ'}]}"),
            CALL(SYS_umask, 022 + 0x10, 0), 022 },
#ifdef __x86_64__
    { "getpid by int 0x80, architecture not listed",
            ALLOW_BUT("{'names':['getpid'],'action':'SCMP_ACT_ERRNO'}"), INT80(20, 0), KILLED },
    { "getpid of x32, architecture not listed", ALLOW_BUT("{'names':['getpid'],'action':'SCMP_ACT_ERRNO'}"),
            CALL(X32_BIT | SYS_getpid, 0, 0), KILLED },
    { "getpid by int 0x80, listed",
            "{'defaultAction':'SCMP_ACT_ALLOW','architectures':['SCMP_ARCH_X86'],'syscalls':[{'names':['"
            "getpid'],"
            "'action':'SCMP_ACT_ERRNO','errnoRet':73}]}",
            INT80(20, 0), -73 },
    { "getpid of x32, listed",
            "{'defaultAction':'SCMP_ACT_ALLOW','architectures':['SCMP_ARCH_X86_64','SCMP_ARCH_X32'],'"
            "syscalls':[{'names'"
            ":['getpid'],'action':'SCMP_ACT_ERRNO','errnoRet':73}]}",
            CALL(X32_BIT | SYS_getpid, 0, 0), -73 },
    { "docker: unshare of i386 is refused", docker, INT80(310, 0x10000000), -EPERM },
    { "docker: umask of i386 is allowed", docker, INT80(60, 022), 022 },
    { "docker: i386 newer than the profile", docker, INT80(1000, 0), -ENOSYS },
    { "docker: x32 newer than the profile", docker, CALL(X32_BIT | 1000, 0, 0), -ENOSYS },
    { "docker: unshare of x32 is refused", docker, CALL(X32_BIT | SYS_unshare, 0x10000000, 0), -EPERM },
#endif
    { "docker: newer than the profile", docker, CALL(1000, 0, 0), -ENOSYS },
    { "docker: umask is allowed", docker, CALL(SYS_umask, 022, 0), 022 },
    { "docker: unshare is refused", docker, CALL(SYS_unshare, 0x10000000, 0), -EPERM },
    { "docker: clone3 is not there", docker, CALL(SYS_clone3, 0, 0), -ENOSYS },
    { "docker: clone with a namespace is refused", docker, CALL(SYS_clone, 0x10000000, 0), -EPERM },
    { "docker: personality 8 is allowed, 9 not", docker, CALL(SYS_personality, 9, 0), -EPERM },
    { "docker: mount is refused", docker, CALL(SYS_mount, 0, 0), -EPERM },
};

static void test_behaviour(void **state)
{
    int wrong = 0;

    (void)state;
    (void)umask(022);
    for (size_t i = 0; i < ARRAY_SIZE(behaviours); i++) {
        const struct behaviour *row = &behaviours[i];
        struct filter filter;
        long result;

        filter_from(&filter, row->profile);
        result = run_filtered(&filter.made, &row->call);
        if (result != row->expected) {
            print_error("%s: %ld, not %ld\n", row->what, result, row->expected);
            wrong++;
        }
        filter_done(&filter);
    }
    ASSERT_ROWS(wrong);
}

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

static const struct refusal {
    const char *profile;
    int expected;
    const char *pointer;
} refusals[] = {
    { "{'defaultAction':'SCMP_ACT_WHATEVER'}", -EINVAL, "/linux/seccomp" },
    { "{'defaultAction':'SCMP_ACT_NOTIFY','listenerPath':'/x'}", -EINVAL, "/linux/seccomp/defaultAction" },
    { "{'defaultAction':'SCMP_ACT_ALLOW','defaultErrnoRet':3}", -EINVAL, "/linux/seccomp" },
    { "{'defaultAction':'SCMP_ACT_ERRNO','defaultErrnoRet':4096}", -ERANGE, "/linux/seccomp" },
    { "{'defaultAction':'SCMP_ACT_ALLOW','architectures':['SCMP_ARCH_X86','SCMP_ARCH_PDP11']}", -ENOTSUP,
            "/linux/seccomp/architectures/1" },
    { "{'defaultAction':'SCMP_ACT_ALLOW','architectures':['SCMP_ARCH_S390X']}", -EDOM,
            "/linux/seccomp/architectures" },
    { "{'defaultAction':'SCMP_ACT_ALLOW','flags':['SECCOMP_FILTER_FLAG_X']}", -EINVAL,
            "/linux/seccomp/flags" },
    { ALLOW_BUT("{'names':['read'],'action':'SCMP_ACT_NOTIFY'}"), -EINVAL, "/linux/seccomp/listenerPath" },
    { "{'defaultAction':'SCMP_ACT_ALLOW','listenerPath':'/x','syscalls':[{'names':['write'],'action':"
      "'SCMP_ACT_NOTIFY'}]}",
            -EINVAL, "/linux/seccomp/syscalls/0" },
    { ALLOW_BUT("{'names':['read'],'action':'SCMP_ACT_KILL','errnoRet':1}"), -EINVAL,
            "/linux/seccomp/syscalls/0" },
    { ALLOW_BUT("{'names':['read'],'action':'SCMP_ACT_LOG'},{'names':['read'],'action':'SCMP_ACT_ERRNO','"
                "args':[{"
                "'index':6,'value':1,'op':'SCMP_CMP_EQ'}]}"),
            -EINVAL, "/linux/seccomp/syscalls/1" },
    { ALLOW_BUT("{'names':['read'],'action':'SCMP_ACT_ERRNO','args':[{'index':0,'value':1,'op':'SCMP_CMP_XX'}"
                "]}"),
            -EINVAL, "/linux/seccomp/syscalls/0" },
    { ALLOW_BUT("{'names':['mseal'],'action':'SCMP_ACT_ERRNO','args':[{'index':0,'value':1,'op':'SCMP_CMP_EQ'"
                "}]}"),
            -ENOTSUP, "/linux/seccomp/syscalls/0" },
};

static void test_refusals(void **state)
{
    int wrong = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
        struct arena arena = { 0 };
        struct config_seccomp profile = profile_parse(&arena, refusals[i].profile);
        struct seccomp_filter filter = { 0 };
        struct lc_error *error = NULL;
        int r = seccomp_compile(&profile, &filter, &error);

        if (r != refusals[i].expected || error == NULL ||
                strcmp(error_site(error)->pointer, refusals[i].pointer) != 0) {
            print_error(
                    "%s: %d, %s\n", refusals[i].profile, r, error != NULL ? error_format(error) : "no error");
            wrong++;
        }
        error_free(error);
        seccomp_filter_done(&filter);
        arena_done(&arena);
    }
    ASSERT_ROWS(wrong);
}

static void test_flags(void **state)
{
    static const struct {
        const char *profile;
        unsigned flags;
        bool notifies;
    } rows[] = {
        { "{'defaultAction':'SCMP_ACT_ALLOW'}", SECCOMP_FILTER_FLAG_SPEC_ALLOW, false },
        { "{'defaultAction':'SCMP_ACT_ALLOW','flags':[]}", 0, false },
        { "{'defaultAction':'SCMP_ACT_ALLOW','flags':['SECCOMP_FILTER_FLAG_LOG','SECCOMP_FILTER_FLAG_TSYNC']"
          "}",
                SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_TSYNC, false },
        { "{'defaultAction':'SCMP_ACT_ALLOW','flags':['SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV']}", 0, false },
        { "{'defaultAction':'SCMP_ACT_ALLOW','listenerPath':'/"
          "x','flags':['SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV',"
          "'SECCOMP_FILTER_FLAG_TSYNC'],'syscalls':[{'names':['chdir'],'action':'SCMP_ACT_NOTIFY'}]}",
                1u << 5 | 1u << 4 | SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_TSYNC, true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct filter filter;

        filter_from(&filter, rows[i].profile);
        assert_int_equal(filter.made.flags, rows[i].flags);
        assert_int_equal(filter.made.notifies, rows[i].notifies);
        /* The kernel takes them: the child gets as far as its call. */
        assert_int_equal(run_filtered(&filter.made, &(struct call)CALL(SYS_umask, 022, 0)), 022);
        filter_done(&filter);
    }
}

static void test_features(void **state)
{
    struct seccomp_features features;

    (void)state;
    assert_int_equal(seccomp_features(&features), 0);
    assert_string_equal(features.actions[8], "SCMP_ACT_NOTIFY");
    assert_null(features.actions[9]);
    assert_string_equal(features.operators[6], "SCMP_CMP_MASKED_EQ");
    assert_string_equal(features.archs[0], "SCMP_ARCH_X86");
    assert_string_equal(features.known_flags[3], "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV");
    assert_string_equal(features.supported_flags[0], "SECCOMP_FILTER_FLAG_TSYNC");
}

static double now(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static struct seccomp_filter get_cached(int directory, const struct config_seccomp *profile, double *ret_time)
{
    double start = now();
    struct lc_error *error = NULL;
    struct seccomp_filter filter;

    if (seccomp_filter_get(directory, profile, &filter, &error) < 0)
        fail_msg("%s", error_format(error));
    *ret_time = now() - start;
    return filter;
}

static bool same_filter(const struct seccomp_filter *one, const struct seccomp_filter *other)
{
    return one->length == other->length && memcmp(one->program, other->program, one->length) == 0 &&
           one->flags == other->flags && one->notifies == other->notifies;
}

struct cache {
    struct tree tree;
    struct filter filter;
    int directory; /* .seccomp */
    char entry[256];
};

static void find_entry(struct cache *cache)
{
    DIR *list = fdopendir(dup(cache->directory));
    struct dirent *entry;

    assert_non_null(list);
    rewinddir(list);
    while ((entry = readdir(list)) != NULL)
        if (entry->d_name[0] != '.')
            (void)snprintf(cache->entry, sizeof(cache->entry), "%s", entry->d_name);
    (void)closedir(list);
    assert_int_equal(strlen(cache->entry), 64);
}

static void cache_open(struct cache *cache)
{
    struct seccomp_filter first;
    double time;

    *cache = (struct cache){ 0 };
    tree_make(&cache->tree);
    filter_from(&cache->filter, docker);
    first = get_cached(cache->tree.root, &cache->filter.profile, &time);
    assert_true(same_filter(&first, &cache->filter.made));
    seccomp_filter_done(&first);
    cache->directory = openat(cache->tree.root, ".seccomp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(cache->directory >= 0);
    find_entry(cache);
}

static void cache_close(struct cache *cache)
{
    (void)close(cache->directory);
    filter_done(&cache->filter);
    tree_remove(&cache->tree);
}

static int compare_doubles(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;

    return (a > b) - (a < b);
}

static void test_cached_is_faster(void **state)
{
    double cached[51], compiled[51];
    struct cache cache;

    (void)state;
    cache_open(&cache);
    for (size_t i = 0; i < ARRAY_SIZE(cached); i++) {
        struct seccomp_filter one = get_cached(cache.tree.root, &cache.filter.profile, &cached[i]);
        struct seccomp_filter other = get_cached(-1, &cache.filter.profile, &compiled[i]);

        assert_true(same_filter(&one, &other));
        seccomp_filter_done(&one);
        seccomp_filter_done(&other);
    }
    qsort(cached, ARRAY_SIZE(cached), sizeof(cached[0]), compare_doubles);
    qsort(compiled, ARRAY_SIZE(compiled), sizeof(compiled[0]), compare_doubles);
    print_message("cached %.0f us, compiled %.0f us: ratio %.3f\n", cached[25], compiled[25],
            cached[25] / compiled[25]);
    assert_true(cached[25] < compiled[25]);
    cache_close(&cache);
}

/* Overwrites `length` bytes at `at`, from the end when negative. */
static void damage(const struct cache *cache, off_t at, const void *bytes, size_t length)
{
    int fd = openat(cache->directory, cache->entry, O_RDWR | O_CLOEXEC);
    struct stat st;

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(pwrite(fd, bytes, length, at < 0 ? st.st_size + at : at), length);
    (void)close(fd);
}

static void poison_program(const struct cache *cache)
{
    const struct sock_filter allow = { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW };

    damage(cache, 56, &allow, sizeof(allow));
}

static void poison_key(const struct cache *cache)
{
    damage(cache, 8, "x", 1);
}

static void poison_length(const struct cache *cache)
{
    const uint64_t length = (uint64_t)1 << 40;

    damage(cache, 40, &length, sizeof(length));
}

static void poison_magic(const struct cache *cache)
{
    damage(cache, 0, "x", 1);
}

static void poison_cut(const struct cache *cache)
{
    int fd = openat(cache->directory, cache->entry, O_RDWR | O_CLOEXEC);

    assert_int_equal(ftruncate(fd, 100), 0);
    (void)close(fd);
}

static void poison_empty(const struct cache *cache)
{
    int fd = openat(cache->directory, cache->entry, O_RDWR | O_TRUNC | O_CLOEXEC);

    assert_true(fd >= 0);
    (void)close(fd);
}

/* The remaining ones hold a good program, made wrong by who could have written it. */
static void poison_mode(const struct cache *cache)
{
    assert_int_equal(fchmodat(cache->directory, cache->entry, 0666, 0), 0);
}

static void poison_owner(const struct cache *cache)
{
    if (geteuid() == 0)
        assert_int_equal(fchownat(cache->directory, cache->entry, 12345, 0, 0), 0);
    else
        poison_mode(cache);
}

static void poison_link(const struct cache *cache)
{
    assert_int_equal(linkat(cache->directory, cache->entry, cache->tree.outside, "linked", 0), 0);
}

static void poison_symlink(const struct cache *cache)
{
    assert_int_equal(renameat(cache->directory, cache->entry, cache->tree.outside, "moved"), 0);
    assert_int_equal(symlinkat("../../outside/moved", cache->directory, cache->entry), 0);
}

static void poison_fifo(const struct cache *cache)
{
    assert_int_equal(unlinkat(cache->directory, cache->entry, 0), 0);
    assert_int_equal(mkfifoat(cache->directory, cache->entry, 0600), 0);
}

static void poison_directory_mode(const struct cache *cache)
{
    poison_mode(cache);
    assert_int_equal(fchmod(cache->directory, 0777), 0);
}

static void test_poisoned_is_not_believed(void **state)
{
    static void (*const poisons[])(const struct cache *) = { poison_program, poison_key, poison_length,
        poison_magic, poison_cut, poison_empty, poison_mode, poison_owner, poison_link, poison_symlink,
        poison_fifo, poison_directory_mode };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(poisons); i++) {
        struct seccomp_filter filter;
        struct cache cache;
        struct stat st;
        double time;

        cache_open(&cache);
        poisons[i](&cache);
        filter = get_cached(cache.tree.root, &cache.filter.profile, &time);
        if (!same_filter(&filter, &cache.filter.made))
            fail_msg("poison %zu was believed", i);
        seccomp_filter_done(&filter);
        /* And is replaced by a good one, where the directory can be used at all. */
        assert_int_equal(fstatat(cache.directory, cache.entry, &st, AT_SYMLINK_NOFOLLOW), 0);
        if (poisons[i] != poison_directory_mode)
            assert_true(S_ISREG(st.st_mode) && (st.st_mode & 07777) == 0600 && st.st_uid == geteuid() &&
                        st.st_size == (off_t)(56 + cache.filter.made.length));
        cache_close(&cache);
    }
}

/* What the program is made from makes the name; order of rules included. */
static void test_every_word_counts(void **state)
{
    static const char *const profiles[] = {
        ALLOW_BUT("{'names':['read'],'action':'SCMP_ACT_LOG'}"),
        ALLOW_BUT("{'names':['read','write'],'action':'SCMP_ACT_LOG'}"),
        ALLOW_BUT("{'names':['read'],'action':'SCMP_ACT_LOG'},{'names':['write'],'action':'SCMP_ACT_LOG'}"),
        ALLOW_BUT("{'names':['write'],'action':'SCMP_ACT_LOG'},{'names':['read'],'action':'SCMP_ACT_LOG'}"),
        ALLOW_BUT("{'names':['read'],'action':'SCMP_ACT_ERRNO'}"),
        ALLOW_BUT("{'names':['read'],'action':'SCMP_ACT_ERRNO','errnoRet':0}"),
        ALLOW_BUT("{'names':['read'],'action':'SCMP_ACT_ERRNO','args':[{'index':0,'value':1,'op':'SCMP_CMP_"
                  "EQ'}]}"),
        ALLOW_BUT("{'names':['read'],'action':'SCMP_ACT_ERRNO','args':[{'index':1,'value':1,'op':'SCMP_CMP_"
                  "EQ'}]}"),
        ALLOW_BUT("{'names':['read'],'action':'SCMP_ACT_ERRNO','args':[{'index':1,'value':1,'op':'SCMP_CMP_"
                  "NE'}]}"),
        ALLOW_BUT(
                "{'names':['read'],'action':'SCMP_ACT_ERRNO','args':[{'index':1,'value':1,'valueTwo':1,'op':"
                "'SCMP_CMP_NE'}]}"),
        "{'defaultAction':'SCMP_ACT_LOG','syscalls':[{'names':['read'],'action':'SCMP_ACT_LOG'}]}",
        "{'defaultAction':'SCMP_ACT_ALLOW','architectures':['SCMP_ARCH_X86'],'syscalls':[{'names':['read'],'"
        "action':"
        "'SCMP_ACT_LOG'}]}",
    };
    struct cache cache;
    size_t count = 0;
    DIR *list;

    (void)state;
    cache_open(&cache);
    for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
        struct seccomp_filter filter;
        struct filter one;
        double time;

        filter_from(&one, profiles[i]);
        filter = get_cached(cache.tree.root, &one.profile, &time);
        assert_true(same_filter(&filter, &one.made));
        seccomp_filter_done(&filter);
        filter_done(&one);
    }
    list = fdopendir(dup(cache.directory));
    assert_non_null(list);
    rewinddir(list);
    for (struct dirent *entry; (entry = readdir(list)) != NULL;)
        count += entry->d_name[0] != '.';
    (void)closedir(list);
    assert_int_equal(count, ARRAY_SIZE(profiles) + 1);
    cache_close(&cache);
}

static void test_bounded(void **state)
{
    struct cache cache;
    size_t count = 0;
    DIR *list;

    (void)state;
    cache_open(&cache);
    for (int i = 0; i < 70; i++) {
        struct seccomp_filter filter;
        struct filter one;
        char text[160];
        double time;

        (void)snprintf(text, sizeof(text),
                ALLOW_BUT("{'names':['getppid'],'action':'SCMP_ACT_ERRNO','errnoRet':%d}"), i);
        filter_from(&one, text);
        filter = get_cached(cache.tree.root, &one.profile, &time);
        seccomp_filter_done(&filter);
        filter_done(&one);
    }
    list = fdopendir(dup(cache.directory));
    assert_non_null(list);
    rewinddir(list);
    for (struct dirent *entry; (entry = readdir(list)) != NULL;)
        count += entry->d_name[0] != '.';
    (void)closedir(list);
    assert_int_equal(count, 64);
    assert_int_equal(faccessat(cache.directory, cache.entry, F_OK, 0), -1); /* the oldest */
    cache_close(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_behaviour),
        cmocka_unit_test(test_same_as_libseccomp),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_features),
        cmocka_unit_test(test_cached_is_faster),
        cmocka_unit_test(test_poisoned_is_not_believed),
        cmocka_unit_test(test_every_word_counts),
        cmocka_unit_test(test_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
