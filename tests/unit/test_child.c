/* The child itself, spoken to as the parent does: one process of config.json from its plan to its end, in a root file system
 * of busybox. As root only. */
#include "unit.h"

#include "../../src/container/container.h"
#include "../../src/container/idmap.h"

#include <base/util.h>
#include <lcsys/syscalls.h>
#include <oci/oci.h>
#include <security/capabilities.h>

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char bundle[] = "/tmp/test-child-XXXXXX";
static char rootfs[64];

/* What a run is asked for, and what it came to. */
struct run {
    const char *process, *linux_, *rest; /* JSON: members of process, linux, and of the whole */
    const char *command;                 /* for sh -c; NULL: argv */
    const char *const *argv;
    bool outside; /* created, then started over a listening socket */
    bool lock;
    unsigned int preserved;
    const int *preserved_as;
    int given[4]; /* to be preserved */
    const char *keyring;
    const struct sock_filter *filter;
    size_t filter_length;
    bool notifies;
    const char *const *environment;
    void (*created)(pid_t pid); /* while it waits */

    char output[8192], hooks[8192];
    struct wire_message error;
    const char *op; /* of the error */
    const char *pointer;
    int status;
    int listener;
    bool started, prepared;
};

static char *make_config(const struct run *run)
{
    char *text = NULL;

    const char *process = run->process != NULL ? run->process : "";

    if (asprintf(&text,
                "{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"rootfs\"},\"process\":{\"args\":[\"x\"],"
                "\"env\":["
                "\"PATH=/bin\"]%s%s%s},\"mounts\":[{\"destination\":\"/"
                "proc\",\"type\":\"proc\",\"source\":\"proc\"},{\"destination\":\"/"
                "dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\"}],\"linux\":{\"namespaces\":[{\"type\":"
                "\"mount\"}%s]}%s}",
                strstr(process, "\"cwd\"") == NULL ? ",\"cwd\":\"/\"" : "",
                strstr(process, "\"user\"") == NULL ? ",\"user\":{\"uid\":0,\"gid\":0}" : "", process,
                run->linux_ != NULL ? run->linux_ : ",{\"type\":\"pid\"}",
                run->rest != NULL ? run->rest : "") < 0)
        abort();
    return text;
}

static int make_state(void)
{
    int fd = memfd_create("state", MFD_CLOEXEC);

    assert_true(fd >= 0 && write(fd, "{\"id\":\"t\"}\n", 11) == 11);
    return fd;
}

static void read_file(int fd, char *text, size_t size)
{
    ssize_t got = pread(fd, text, size - 1, 0);

    text[got > 0 ? got : 0] = '\0';
}

static void say(int socket, enum wire_message_type type, int fd)
{
    struct wire_message message = { .type = type };

    (void)wire_send(socket, &message, fd);
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    (void)unlink(path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

static void start_outside(struct session *session, const struct run *run)
{
    char path[96];
    int fd, state = make_state();

    (void)snprintf(path, sizeof(path), "%s/start", bundle);
    fd_close(&session->socket);
    if (run->created != NULL)
        run->created(session->pid);
    /* Who says nothing, or nonsense, is not the one. */
    fd = connect_to(path);
    fd_close(&fd);
    fd = connect_to(path);
    say(fd, WIRE_MAPPED, -1);
    fd_close(&fd);
    session->socket = connect_to(path);
    say(session->socket, WIRE_START, state);
    fd_close(&state);
}

static void start_here(const struct session *session, const struct run *run)
{
    int state = make_state();

    if (run->created != NULL)
        run->created(session->pid);
    say(session->socket, WIRE_START, state);
    fd_close(&state);
}

static void answer(struct session *session, const struct lc_config *config, struct run *run,
        const struct wire_message *message, int fd)
{
    int state;

    switch (message->type) {
    case WIRE_UNSHARED:
        if (session->plan->maps_late && !run->prepared) {
            run->prepared = true;
            assert_int_equal(idmap_write(config, session->pid, NULL), 0);
            say(session->socket, WIRE_MAPPED, -1);
            if (!session->plan->tells_trees)
                say(session->socket, WIRE_PLACED, -1);
        }
        break;
    case WIRE_TREE:
        session->in_place = true;
        assert_int_equal(trees_send(session, NULL), 0);
        say(session->socket, WIRE_PLACED, -1);
        break;
    case WIRE_CHILD:
        (void)waitpid(session->pid, NULL, __WALL);
        session->pid = message->pid;
        break;
    case WIRE_PREPARED:
        state = make_state();
        say(session->socket, WIRE_HOOKED, state);
        fd_close(&state);
        break;
    case WIRE_CREATED:
        if (run->outside)
            start_outside(session, run);
        else
            start_here(session, run);
        break;
    case WIRE_NOTIFY:
        run->listener = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        break;
    case WIRE_READY:
        run->started = true;
        break;
    case WIRE_ERROR:
        run->error = *message;
        run->started = false;
        if (fd >= 0)
            read_file(fd, run->hooks, sizeof(run->hooks));
        break;
    default:
        fail_msg("message %u", message->type);
    }
}

static void converse(struct session *session, const struct lc_config *config, struct run *run)
{
    struct wire_message message;
    int netns = -1, fd;

    if (session->plan->makes_network) {
        netns_begin(session, config);
        netns = netns_take(session, NULL);
        say(session->socket, WIRE_NETWORK, netns);
    }
    if (session->plan->map_ids && !session->plan->maps_late) {
        assert_int_equal(idmap_write(config, session->pid, NULL), 0);
        say(session->socket, WIRE_MAPPED, -1);
    }
    if (!session->plan->tells_trees)
        assert_int_equal(trees_send(session, NULL), 0);
    if (!session->plan->maps_late && !session->plan->tells_trees)
        say(session->socket, WIRE_PLACED, -1);
    for (;;) {
        struct pollfd ready = { .fd = session->socket, .events = POLLIN };

        fd = -1;
        if (poll(&ready, 1, 20000) != 1)
            fail_msg("no answer");
        if (wire_receive(session->socket, &message, &fd) != 0)
            break;
        answer(session, config, run, &message, fd);
        fd_close(&fd);
    }
    fd_close(&netns);
}

static void open_given(const struct lc_plan *plan, const struct run *run, int *given, int lock, int listener)
{
    for (size_t i = 0; i < plan->n_given; i++) {
        const struct plan_given *one = &plan->given[i];

        if (one->kind == GIVEN_NAMESPACE)
            given[i] = openat(AT_FDCWD, one->path, O_RDONLY | O_CLOEXEC);
        else if (one->number == DESCRIPTOR_LISTEN)
            given[i] = fcntl(listener, F_DUPFD_CLOEXEC, 0);
        else if (one->number == DESCRIPTOR_LOCK)
            given[i] = fcntl(lock, F_DUPFD_CLOEXEC, 0);
        else
            given[i] = fcntl(run->given[one->number - DESCRIPTOR_PRESERVED], F_DUPFD_CLOEXEC, 0);
        if (given[i] < 0)
            fail_msg("kind %d: %s: %s", (int)one->kind, one->path, strerror(errno));
    }
}

static void execute(
        const struct lc_config *config, struct lc_plan *plan, struct run *run, int lock, int listener)
{
    struct log log = { 0 };
    struct session session;
    int output = memfd_create("output", MFD_CLOEXEC), given[PLAN_GIVEN_MAX], null = open("/dev/null", O_RDWR);
    const int stdio[3] = { null, output, output };
    struct lc_error *err = NULL;

    memset(given, -1, sizeof(given));
    session_init(&session, &log);
    session.plan = plan;
    open_given(plan, run, given, lock, listener);
    if (session_start(&session, stdio, given, -1, &err) != 0)
        fail_msg("%s", lc_error_format(err));
    converse(&session, config, run);
    for (size_t i = 0; i < plan->n_given; i++)
        fd_close(&given[i]);
    (void)waitpid(session.pid, &run->status, __WALL);
    if (run->error.type == WIRE_ERROR) {
        run->op = wire_op_name(plan->ops[run->error.op].kind);
        run->pointer = plan->pointers[run->error.op];
    }
    read_file(output, run->output, sizeof(run->output));
    session.pid = -1;
    session_abort(&session);
    (void)close(output);
    (void)close(null);
}

static void run(struct run *run)
{
    const char *const shell[] = { "/bin/sh", "-c", run->command, NULL };
    struct plan_options options = { .rootfs = rootfs,
        .argv = run->argv != NULL ? run->argv : shell,
        .privileged = true,
        .die_with_parent = !run->outside,
        .start = run->outside || run->created != NULL,
        .listen = run->outside,
        .lock = run->lock,
        .preserved = run->preserved,
        .preserved_as = run->preserved_as,
        .keyring = run->keyring,
        .filter = run->filter,
        .filter_length = run->filter_length,
        .filter_notifies = run->notifies,
        .extra_environment = run->environment };
    char *text = make_config(run), path[96];
    int listener = -1, lock = -1;
    struct lc_config *config = NULL;
    struct lc_error *err = NULL;
    struct lc_plan *plan = NULL;

    (void)snprintf(path, sizeof(path), "%s/start", bundle);
    if (run->outside)
        listener = listen_at(path);
    if (run->lock)
        lock = open(rootfs, O_RDONLY | O_CLOEXEC);
    run->listener = -1;
    if (oci_parse(text, strlen(text), "config.json", bundle, &config, &err) != 0 ||
            plan_create(config, &options, &plan, &err) != 0)
        fail_msg("%s: %s", text, lc_error_format(err));
    if (getenv("SHOW_PLAN") != NULL) {
        struct buffer out = { 0 };

        plan_print(plan, &out);
        print_message("%.*s\n", (int)out.length, out.data);
        buffer_done(&out);
    }
    execute(config, plan, run, lock, listener);
    if (getenv("SHOW_PLAN") != NULL)
        print_message("status %x error %s: %s %s %s (%s)\nhooks: %s\noutput:\n%s\n", run->status, run->op,
                run->error.syscall, run->error.object, run->error.detail, strerror(run->error.errnum),
                run->hooks, run->output);
    plan_free(plan);
    config_free(config);
    free(text);
    fd_close(&listener);
    fd_close(&lock);
    (void)unlink(path);
}

static void check_output(const struct run *run, const char *line)
{
    if (strstr(run->output, line) == NULL)
        fail_msg("no \"%s\" in: %s (%s: %s %s %s %s)", line, run->output, run->op, run->error.syscall,
                run->error.object, run->error.detail, strerror(run->error.errnum));
}

static void check_error(const struct run *run, const char *op, int errnum, const char *detail)
{
    if (run->error.type != WIRE_ERROR || strcmp(run->op, op) != 0 || run->error.errnum != errnum ||
            strstr(run->error.detail, detail) == NULL)
        fail_msg("%s: %s %s: %s (%s), output %s", run->op, run->error.syscall, run->error.object,
                run->error.detail, strerror(run->error.errnum), run->output);
}

#define CAPS(set) "\"" set "\":[\"CAP_CHOWN\",\"CAP_KILL\"]"
#define STATUS "grep -E '^(Cap|Groups|Uid|Gid|NoNew|Seccomp:)' /proc/self/status"

static void test_identity(void **state)
{
    struct run root = { .command = STATUS "; umask; echo $HOME",
        .process = ",\"capabilities\":{" CAPS("bounding") "," CAPS("permitted") "," CAPS("effective") "}" };
    struct run user = { .command = STATUS "; umask; echo $HOME",
        .process = ",\"user\":{\"uid\":1234,\"gid\":5,\"additionalGids\":[7,9],\"umask\":63}" };
    struct run ambient = { .command = STATUS,
        .process = ",\"user\":{\"uid\":1234,\"gid\":5},\"noNewPrivileges\":true,\"capabilities\":"
                   "{" CAPS("bounding") "," CAPS("permitted") "," CAPS("effective") "," CAPS(
                           "inheritable") "," CAPS("ambient") "}" };

    (void)state;
    run(&root);
    check_output(&root, "CapInh:\t0000000000000000\nCapPrm:\t0000000000000021\nCapEff:"
                        "\t0000000000000021\nCapBnd:\t00000000000000"
                        "21\nCapAmb:\t0000000000000000");
    check_output(&root, "Groups:\t \n");
    check_output(&root, "0022\n/root\n");
    run(&user);
    check_output(&user, "Uid:\t1234\t1234\t1234\t1234\nGid:\t5\t5\t5\t5\nGroups:\t7 9 \n");
    check_output(&user, "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000");
    check_output(&user, "0077\n/home/named\n");
    run(&ambient);
    check_output(&ambient, "CapInh:\t0000000000000021\nCapPrm:\t0000000000000021\nCapEff:"
                           "\t0000000000000021\nCapBnd:\t00000000000000"
                           "21\nCapAmb:\t0000000000000021\nNoNewPrivs:\t1");
}

static void test_lacking(void **state)
{
    struct run run_ = { .command = "true",
        .process = ",\"capabilities\":{\"permitted\":[\"CAP_SYS_RESOURCE\"],\"effective\":[\"CAP_SYS_"
                   "RESOURCE\"],"
                   "\"bounding\":[\"CAP_SYS_RESOURCE\"]}" };
    uint64_t bounding = 0;

    (void)state;
    SKIP_IF(capabilities_bounding(&bounding) < 0 || (bounding >> 24 & 1) != 0,
            "this machine has CAP_SYS_RESOURCE to give");
    run(&run_);
    check_error(&run_, "capabilities", EPERM, "does not have this capability");
    assert_string_equal(run_.error.object, "CAP_SYS_RESOURCE");
    assert_string_equal(run_.pointer, "/process/capabilities");
}

static void test_cwd(void **state)
{
    struct run made = { .command = "pwd", .process = ",\"cwd\":\"/a/../made/here\"" };
    struct run for_user = { .command = "pwd",
        .process = ",\"cwd\":\"/private\",\"user\":{\"uid\":1234,\"gid\":5}" };
    struct run for_root = { .command = "pwd; ls / >/dev/null && echo ok",
        .process = ",\"cwd\":\"/roots\",\"user\":{\"uid\":1234,\"gid\":5}" };
    struct run outside = { .command = "pwd", .process = ",\"cwd\":\"/proc/self/fd/3\"" };

    (void)state;
    run(&made);
    check_output(&made, "/made/here\n");
    run(&for_user);
    check_output(&for_user, "/private\n");
    run(&for_root);
    check_output(&for_root, "ok\n");
    run(&outside);
    assert_int_equal(outside.error.type, WIRE_ERROR);
}

static void test_command(void **state)
{
    static const struct {
        const char *name;
        uint32_t outcome;
        int errnum;
    } rows[] = { { "nowhere", WIRE_NOT_FOUND, ENOENT }, { "/nowhere", WIRE_NOT_FOUND, ENOENT },
        { "/etc/passwd", WIRE_NOT_EXECUTABLE, EACCES }, { "/bin", WIRE_NOT_EXECUTABLE, EACCES },
        { "", WIRE_NOT_FOUND, ENOENT } };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *argv[] = { rows[i].name, NULL };
        struct run run_ = { .argv = argv, .outside = true };

        run(&run_);
        check_error(&run_, "command", rows[i].errnum, "");
        assert_int_equal(run_.error.outcome, rows[i].outcome);
        assert_string_equal(run_.error.object, rows[i].name);
        assert_string_equal(run_.pointer, "/process/args");
    }
}

static long resident_kib(pid_t pid)
{
    char path[64], line[256];
    long kib = -1;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
    file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (getenv("SHOW_PLAN") != NULL)
            print_message("%s", line);
        if (sscanf(line, "Rss: %ld", &kib) == 1 && getenv("SHOW_PLAN") == NULL)
            break;
    }
    if (file != NULL)
        (void)fclose(file);
    return kib;
}

static void check_waiting(pid_t pid)
{
    long kib;

    usleep(20000);
    kib = resident_kib(pid);
    print_message("waiting: %ld KiB\n", kib);
    assert_in_range(kib, 1, 200);
}

static void test_start(void **state)
{
    struct run here = { .command = "echo here", .created = check_waiting };
    struct run outside = { .command = "cat /hooked; ls /proc/self/fd | wc -l",
        .outside = true,
        .lock = true,
        .created = check_waiting,
        .rest = ",\"hooks\":{\"startContainer\":[{\"path\":\"/bin/sh\",\"args\":[\"sh\",\"-c\",\"cat "
                ">/hooked; pwd "
                ">>/hooked; env >>/hooked; ls /proc/self/fd | wc -l "
                ">>/hooked\"],\"env\":[\"A=b\"]}]}" };

    (void)state;
    run(&here);
    check_output(&here, "here\n");
    run(&outside);
    check_output(&outside, "{\"id\":\"t\"}\n/\n");
    check_output(&outside, "A=b\n");
    /* 0, 1, 2 and the directory itself. */
    check_output(&outside, "4\n4\n");
}

static void test_hooks(void **state)
{
#define HOOK(kind, script, more)                                                                             \
    ",\"hooks\":{\"" kind "\":[{\"path\":\"/bin/sh\",\"args\":[\"sh\",\"-c\",\"" script "\"]" more "}]}"
    struct run create = { .command = "cat /from-hook /bound",
        .rest = HOOK("createContainer",
                "cat >from-hook; pwd >>from-hook; echo bound >/tmp/test-child-bound; touch bound; mount "
                "--bind "
                "/tmp/test-child-bound bound && echo $? >>from-hook",
                "") };
    struct run failing = { .command = "true",
        .rest = HOOK("createContainer", "echo first; echo last >&2; exit 3", "") };
    struct run slow = { .command = "true",
        .rest = HOOK("createContainer", "echo waiting; sleep 100 & sleep 100", ",\"timeout\":1") };
    struct run loud = { .command = "true",
        .rest = HOOK(
                "createContainer", "head -c 10000000 /dev/zero | tr '\\\\000' x; echo end; exit 1", "") };
    struct run left = { .command = "echo ok", .rest = HOOK("createContainer", "sleep 3 &", "") };
    struct run missing = { .command = "true",
        .rest = ",\"hooks\":{\"createContainer\":[{\"path\":\"/nowhere\"}]}" };

    (void)state;
    run(&create);
    check_output(&create, "{\"id\":\"t\"}\n");
    check_output(&create, "0\nbound\n");
    (void)unlink("/tmp/test-child-bound");
    run(&failing);
    check_error(&failing, "hooks", ECANCELED, "exit status 3, after ");
    assert_string_equal(failing.hooks, "first\nlast\n");
    assert_string_equal(failing.error.pointer, "/hooks/createContainer/0");
    run(&slow);
    check_error(&slow, "hooks", ETIMEDOUT, "timed out after 1 s");
    assert_string_equal(slow.hooks, "waiting\n");
    run(&loud);
    check_error(&loud, "hooks", ECANCELED, "exit status 1");
    assert_int_equal(strlen(loud.hooks), 4096);
    assert_string_equal(loud.hooks + 4090, "xxend\n");
    run(&left);
    check_output(&left, "ok\n");
    run(&missing);
    check_error(&missing, "hooks", ENOENT, "");
}

static void test_preserve(void **state)
{
    static const char *const listen_pid[] = { "LISTEN_PID=1", "LISTEN_FDS=2", NULL };
    struct run run_ = { .command = "cat <&3; cat <&8; ls /proc/self/fd; echo $LISTEN_PID$LISTEN_FDS",
        .preserved = 3,
        .preserved_as = (const int[]){ 3, 6, 8 },
        .lock = true,
        .outside = true,
        .environment = listen_pid };

    (void)state;
    for (int i = 0; i < 3; i++) {
        run_.given[i] = memfd_create("given", MFD_CLOEXEC);
        assert_true(write(run_.given[i], i == 0 ? "three\n" : "eight\n", 6) > 0);
        (void)lseek(run_.given[i], 0, SEEK_SET);
    }
    run(&run_);
    check_output(&run_, "three\neight\n0\n1\n2\n3\n4\n6\n8\n12\n");
    for (int i = 0; i < 3; i++)
        fd_close(&run_.given[i]);
}

#define NR(name) offsetof(struct seccomp_data, nr)
#define FILTER(number, action)                                                                               \
    {                                                                                                        \
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),                               \
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), BPF_STMT(BPF_RET | BPF_K, action),        \
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)                                                 \
    }

static void test_seccomp(void **state)
{
    static const struct sock_filter no_mkdir[] = FILTER(SYS_mkdir, SECCOMP_RET_ERRNO | 71);
    static const struct sock_filter notify[] = FILTER(SYS_mkdir, SECCOMP_RET_USER_NOTIF);
    static const char *const processes[] = { ",\"noNewPrivileges\":true", "",
        ",\"user\":{\"uid\":1234,\"gid\":5}", ",\"noNewPrivileges\":true,\"user\":{\"uid\":1234,\"gid\":5}" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(processes); i++) {
        struct run errno_ = { .command = "mkdir /tmp/x; " STATUS,
            .process = processes[i],
            .filter = no_mkdir,
            .filter_length = sizeof(no_mkdir) };
        struct run listening = { .command = "grep Seccomp /proc/self/status; ls /proc/self/task | wc -l",
            .process = processes[i],
            .filter = notify,
            .filter_length = sizeof(notify),
            .notifies = true };

        run(&errno_);
        check_output(&errno_, "Protocol error");
        check_output(&errno_, "Seccomp:\t2");
        check_output(&errno_, "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000");
        run(&listening);
        check_output(&listening, "Seccomp:\t2");
        assert_true(listening.listener >= 0);
        assert_true(listening.started);
        fd_close(&listening.listener);
    }
}

static void test_resources(void **state)
{
    char keyring[32], command[160]; /* /proc/keys has everybody's */
    struct run run_ = { .command = command,
        .keyring = keyring,
        .linux_ = ",{\"type\":\"pid\"},{\"type\":\"uts\"}],\"personality\":{\"domain\":\"LINUX32\"},\"x\":[0",
        .rest = ",\"hostname\":\"named\"",
        .process = ",\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":100,\"hard\":200}],\"oomScoreAdj\":77,"
                   "\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":5},\"scheduler\":{\"policy\":"
                   "\"SCHED_"
                   "BATCH\",\"nice\":3}" };

    (void)state;
    (void)snprintf(keyring, sizeof(keyring), "_ses.%d.t", (int)getpid());
    (void)snprintf(command, sizeof(command),
            "ulimit -n; cat /proc/self/oom_score_adj; grep -c '%s' /proc/keys; "
            "uname -m; cat /proc/self/sched | grep -E 'policy'; hostname",
            keyring);
    run(&run_);
    check_output(&run_, "100\n77\n1\ni686\n");
    check_output(&run_, "named\n");
}

static void test_time(void **state)
{
    struct run run_ = { .command = "cut -d. -f1 /proc/uptime; cat /proc/self/timens_offsets",
        .linux_ = ",{\"type\":\"pid\"},{\"type\":\"time\"}],\"timeOffsets\":{\"boottime\":{\"secs\":"
                  "1000000000}},\"x\":["
                  "0" };

    (void)state;
    run(&run_);
    check_output(&run_, "boottime   1000000000");
    assert_true(atol(run_.output) > 1000000000);
}

#define MAPS                                                                                                 \
    "],\"uidMappings\":[{\"containerID\":0,\"hostID\":100000,\"size\":65536}],\"gidMappings\":[{"            \
    "\"containerID\":"                                                                                       \
    "0,\"hostID\":100000,\"size\":65536}],\"x\":[0"

static void test_user(void **state)
{
    struct run simple = { .command = "cat /proc/self/uid_map; echo $$; ip link show lo",
        .linux_ = ",{\"type\":\"pid\"},{\"type\":\"user\"},{\"type\":\"network\"},{\"type\":\"ipc\"}" MAPS };
    struct run late = { .command = "cat /proc/self/uid_map; echo $$; readlink /proc/self/ns/net",
        .linux_ = ",{\"type\":\"pid\"},{\"type\":\"user\"},{\"type\":\"network\",\"path\":\"/proc/self/ns/"
                  "net\"}" MAPS };

    (void)state;
    run(&simple);
    check_output(&simple, "100000      65536\n1\n");
    check_output(&simple, "LOOPBACK,UP");
    run(&late);
    check_output(&late, "100000      65536\n1\nnet:");
}

static pid_t spawn_holder(void)
{
    pid_t pid = fork();
    char path[64];
    int fd;

    if (pid == 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET) < 0)
            _exit(1);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (fork() == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            pause();
        }
        pause();
        _exit(0);
    }
    usleep(100000);
    (void)snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)pid);
    fd = open(path, O_WRONLY);
    assert_int_equal(write(fd, "0 100000 65536", 14), 14);
    (void)close(fd);
    (void)snprintf(path, sizeof(path), "/proc/%d/gid_map", (int)pid);
    fd = open(path, O_WRONLY);
    assert_int_equal(write(fd, "0 100000 65536", 14), 14);
    (void)close(fd);
    return pid;
}

static void test_paths(void **state)
{
    pid_t holder = spawn_holder();
    char *paths = NULL, *own = NULL;
    struct run by_path = { .command = "cat /proc/self/uid_map; echo pid $$; hostname" };
    struct run ours = { .command = "cat /proc/self/uid_map; echo pid $$" };

    (void)state;
    assert_true(asprintf(&paths,
                        ",{\"type\":\"user\",\"path\":\"/proc/%d/ns/user\"},{\"type\":\"pid\",\"path\":\"/"
                        "proc/%d/ns/"
                        "pid_for_children\"},{\"type\":\"ipc\",\"path\":\"/proc/%d/ns/"
                        "ipc\"},{\"type\":\"network\",\"path\":\"/proc/%d/ns/net\"},{\"type\":\"uts\"}",
                        holder, holder, holder, holder) > 0);
    by_path.linux_ = paths;
    by_path.rest = ",\"hostname\":\"inside\"";
    run(&by_path);
    check_output(&by_path, "100000      65536\npid 2\ninside\n");
    assert_true(asprintf(&own, ",{\"type\":\"user\",\"path\":\"/proc/%d/ns/user\"},{\"type\":\"pid\"}",
                        getpid()) > 0);
    ours.linux_ = own;
    run(&ours);
    check_output(&ours, "pid 1\n");
    free(paths);
    free(own);
    (void)kill(holder, SIGKILL);
    (void)waitpid(holder, NULL, 0);
}

static void copy_busybox(void)
{
    static const char *const names[] = { "sh", "cat", "grep", "ls", "wc", "pwd", "env", "mkdir", "uname",
        "hostname", "readlink", "cut", "ip", "sleep", "echo", "true" };
    char command[256];

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        (void)snprintf(command, sizeof(command), "%s/bin/%s", rootfs, names[i]);
        assert_int_equal(symlink("busybox", command), 0);
    }
    (void)snprintf(command, sizeof(command), "cp /bin/busybox %s/bin/busybox", rootfs);
    assert_int_equal(system(command), 0);
}

static int set_up(void **state)
{
    static const struct {
        const char *name;
        mode_t mode;
        uid_t owner;
    } directories[] = { { "", 0755, 0 }, { "bin", 0755, 0 }, { "proc", 0755, 0 }, { "etc", 0755, 0 },
        { "dev", 0755, 0 }, { "tmp", 01777, 0 }, { "private", 0700, 1234 }, { "roots", 0700, 0 } };
    static const char passwd[] =
            "root:x:0:0::/root:/bin/sh\n1234:x:0:0::/wrong:\nnamed:x:1234:5::/home/named:\n";
    char path[128];
    int fd;

    (void)state;
    if (geteuid() != 0 || access("/bin/busybox", X_OK) < 0) {
        print_message("needs root and busybox\n");
        return 0;
    }
    assert_non_null(mkdtemp(bundle));
    (void)chmod(bundle, 0755);
    (void)snprintf(rootfs, sizeof(rootfs), "%s/rootfs", bundle);
    for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", rootfs, directories[i].name);
        assert_int_equal(mkdir(path, directories[i].mode), 0);
        (void)chmod(path, directories[i].mode);
        assert_int_equal(chown(path, directories[i].owner, 0), 0);
    }
    (void)snprintf(path, sizeof(path), "%s/etc/passwd", rootfs);
    fd = open(path, O_WRONLY | O_CREAT, 0644);
    assert_int_equal(write(fd, passwd, sizeof(passwd) - 1), sizeof(passwd) - 1);
    (void)close(fd);
    copy_busybox();
    return 0;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    if (rootfs[0] == '\0')
        return 0;
    (void)snprintf(command, sizeof(command), "rm -rf --one-file-system %s", bundle);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_lacking),
        cmocka_unit_test(test_cwd),
        cmocka_unit_test(test_command),
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_hooks),
        cmocka_unit_test(test_preserve),
        cmocka_unit_test(test_seccomp),
        cmocka_unit_test(test_resources),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_user),
        cmocka_unit_test(test_paths),
    };

    if (geteuid() != 0)
        return 77;
    if (getenv("ONLY") != NULL)
        cmocka_set_test_filter(getenv("ONLY"));
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
