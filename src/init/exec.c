/* The end of set-up: the program, found and executed. */
#include "init.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Signals as a fresh process expects them, whatever the caller ignored or blocked. Handlers are gone by exec; only
 * what is ignored stays so, and the parent has told what that is. */
void init_default_signals(uint32_t low)
{
    unsigned long none[2] = { 0, 0 };
    struct {
        void (*handler)(int);
        unsigned long flags;
        void (*restorer)(void);
        unsigned long mask;
    } action = { .handler = SIG_DFL };

    for (int number = 1; number <= 64; number++)
        if (number > 31 || (low >> (number - 1) & 1) != 0)
            (void)syscall(SYS_rt_sigaction, number, &action, NULL, 8);
    (void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, none, NULL, 8);
}

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const char *find_path(char *const envp[])
{
    for (; *envp != NULL; envp++)
        if (strncmp(*envp, "PATH=", 5) == 0)
            return *envp + 5;
    return DEFAULT_PATH;
}

/* Tries each directory of PATH as a shell does: EACCES is remembered, the search goes on. */
static int exec_search(const char *name, char *const argv[], char *const envp[], char *tried, size_t size)
{
    const char *at = find_path(envp);
    char denied[512] = "";
    int result = -ENOENT;

    for (;;) {
        size_t length = strcspn(at, ":");

        if (length + strlen(name) + 3 <= size) {
            memcpy(tried, at, length);
            tried[length] = '\0';
            (void)text_append(tried, size, length > 0 ? "/" : "./");
            (void)text_append(tried, size, name);
            (void)execve(tried, argv, envp);
            if (errno == EACCES) {
                result = -EACCES;
                (void)text_copy(denied, sizeof(denied), tried);
            } else if (errno != ENOENT && errno != ENOTDIR) {
                return -errno;
            } else if (errno == ENOENT && access(tried, F_OK) == 0) {
                return -ENOENT; /* it is there: its interpreter is not */
            }
        }
        if (at[length] == '\0')
            break;
        at += length + 1;
    }
    (void)text_copy(tried, size, result == -EACCES ? denied : name);
    return result;
}

static char **build_vector(struct init *init, const uint32_t *offsets, uint64_t count, char **vector)
{
    for (uint64_t i = 0; i < count; i++)
        vector[i] = (char *)(uintptr_t)(init->blob + (offsets[i] < init->plan->size ? offsets[i] : 0));
    vector[count] = NULL;
    return vector + count + 1;
}

/* The program that the search would execute. 0 or -errno. */
static int check_program(const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0)
        return -EACCES;
    return 0;
}

static int find_program(const char *name, const char *at, char *tried, size_t size)
{
    char denied[512] = "";

    for (;; at++) {
        size_t length = strcspn(at, ":");
        int r = -ENOENT;

        if (length + strlen(name) + 3 <= size) {
            memcpy(tried, at, length);
            tried[length] = '\0';
            (void)text_append(tried, size, length > 0 ? "/" : "./");
            (void)text_append(tried, size, name);
            r = check_program(tried);
        }
        if (r == 0)
            return 0;
        if (r == -EACCES)
            (void)text_copy(denied, sizeof(denied), tried);
        at += length;
        if (*at == '\0')
            break;
    }
    (void)text_copy(tried, size, denied[0] != '\0' ? denied : name);
    return denied[0] != '\0' ? -EACCES : -ENOENT;
}

/* Said now, to who creates, rather than later, to who starts. */
int step_command(struct init *init, const struct wire_op *op)
{
    const char *name = init_text(init, op, 0), *path = init_text(init, op, 1);
    char tried[512];
    int r;

    (void)text_copy(tried, sizeof(tried), name);
    if (name[0] == '\0')
        r = -ENOENT;
    else if (strchr(name, '/') != NULL)
        r = check_program(name);
    else
        r = find_program(name, path != NULL ? path : DEFAULT_PATH, tried, sizeof(tried));
    if (r == 0)
        return 0;
    init_diagnose_exec(init, tried, -r);
    return init_fail(init, "execve", tried, r);
}

/* Programs expect a home; the database of the image knows it. */
static const char *add_home(struct init *init)
{
    static char home[512] = "HOME=";

    if (!init_find_home(init, init->uid, home + 5, sizeof(home) - 5))
        (void)text_copy(home, sizeof(home), "HOME=/");
    return home;
}

static int build_vectors(struct init *init, const struct wire_op *op, char ***ret_argv, char ***ret_envp)
{
    const uint32_t *offsets = (const uint32_t *)(const void *)(init->blob + op->data);
    uint64_t argc = op->number[0], envc = op->number[1];
    char **argv;

    if (argc == 0 || argc > op->data_length || envc > op->data_length ||
            (argc + envc) * sizeof(*offsets) != op->data_length)
        return init_fail(init, "plan", "exec", -EBADMSG);
    argv = mmap(NULL, (argc + envc + 3) * sizeof(char *), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
            -1, 0);
    if (argv == MAP_FAILED)
        return init_fail(init, "mmap", "argv", -errno);
    *ret_argv = argv;
    *ret_envp = build_vector(init, offsets, argc, argv);
    (void)build_vector(init, offsets + argc, envc, *ret_envp);
    if (op->number[2] != 0)
        (*ret_envp)[envc] = (char *)(uintptr_t)add_home(init);
    return 0;
}

int step_exec(struct init *init, const struct wire_op *op)
{
    struct wire_message ready = { .type = WIRE_READY };
    bool notifies = init->filter != NULL && init->filter->number[1] != 0;
    char tried[512], **argv = NULL, **envp = NULL;
    int r = build_vectors(init, op, &argv, &envp);

    if (r < 0)
        return r;
    init_follow_parent(init);
    if (!notifies && wire_send(init->socket, &ready, -1) < 0)
        _exit(1);
    init_default_signals(init->ignored);
    /* From here on a system call is one that the filter judges: nothing but execve, and what says why it failed. */
    r = init->filter != NULL ? init_load_filter(init, init->filter) : 0;
    if (r < 0)
        return r;
    if (strchr(argv[0], '/') != NULL) {
        (void)text_copy(tried, sizeof(tried), argv[0]);
        (void)execve(argv[0], argv, envp);
        r = -errno;
    } else {
        r = exec_search(argv[0], argv, envp, tried, sizeof(tried));
    }
    init_diagnose_exec(init, tried, -r);
    return init_fail(init, "execve", tried, r);
}
