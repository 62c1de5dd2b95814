/* Filters as the kernel runs them, in children; and what is refused. */
#include "seccomp_profile.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define X32_BIT 0x40000000
#define KILLED (-1000) /* by SIGSYS */

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

/* Those that are made by int 0x80, or all others. */
static void run_behaviours(bool by_int80)
{
    int wrong = 0;

    (void)umask(022);
    for (size_t i = 0; i < ARRAY_SIZE(behaviours); i++) {
        const struct behaviour *row = &behaviours[i];
        struct filter filter;
        long result;

        if (row->call.by_int80 != by_int80)
            continue;
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

static void test_behaviour(void **state)
{
    (void)state;
    run_behaviours(false);
}

/* A kernel without 32-bit system calls ends with SIGSEGV whoever makes one. */
static bool has_int80(void)
{
    const struct call call = INT80(20, 0);
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        (void)signal(SIGSEGV, SIG_DFL);
        (void)prctl(PR_SET_DUMPABLE, 0);
        (void)syscall(SYS_exit_group, make_call(&call) == getpid() ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void test_behaviour_of_i386(void **state)
{
    (void)state;
    SKIP_IF(!has_int80(), "no int 0x80 on this machine; tests/vm/run-in-vm.sh has one");
    run_behaviours(true);
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

/* With an error that has these words. */
static bool is_refused(const struct refusal *row, const char *says)
{
    struct arena arena = { 0 };
    struct config_seccomp profile = profile_parse(&arena, row->profile);
    struct seccomp_filter filter = { 0 };
    struct lc_error *error = NULL;
    int r = seccomp_compile(&profile, &filter, &error);
    char *line = error != NULL ? error_format(error) : NULL;
    bool as_expected = r == row->expected && error != NULL &&
                       strcmp(error_site(error)->pointer, row->pointer) == 0 && line != NULL &&
                       strstr(line, says) != NULL;

    if (!as_expected)
        print_error("%s: %d, %s\n", row->profile, r, line != NULL ? line : "no error");
    free(line);
    error_free(error);
    seccomp_filter_done(&filter);
    arena_done(&arena);
    return as_expected;
}

static void test_refusals(void **state)
{
    int wrong = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
        wrong += !is_refused(&refusals[i], "");
    ASSERT_ROWS(wrong);
}

#define KILLABLE "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"

static bool supports(const char *flag)
{
    struct seccomp_features features;

    assert_int_equal(seccomp_features(&features), 0);
    for (size_t i = 0; features.supported_flags[i] != NULL; i++)
        if (strcmp(features.supported_flags[i], flag) == 0)
            return true;
    return false;
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

        if (strstr(rows[i].profile, KILLABLE) != NULL && !supports(KILLABLE)) {
            /* Before Linux 5.19. */
            assert_true(is_refused(&(struct refusal){ rows[i].profile, -ENOTSUP, "/linux/seccomp/flags" },
                    "does not know this flag: " KILLABLE));
            continue;
        }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_behaviour),
        cmocka_unit_test(test_behaviour_of_i386),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_features),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
