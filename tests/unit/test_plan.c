/* The plan, without running it: what must hold for every configuration, and the order of the ops for some. */
#include "test_config.h"

#include <base/util.h>
#include <plan/plan.h>

#include <sched.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static const char *const argv[] = { "/bin/echo", "two words", "", NULL };

#define NS(...) "\"namespaces\":[" __VA_ARGS__ "]"
#define MOUNTS                                                                                               \
    "\"mounts\":[{\"source\":\"/srv/a\",\"destination\":\"/a\"},"                                            \
    "{\"type\":\"tmpfs\",\"destination\":\"/b\"},{\"source\":\"/srv/c\",\"destination\":\"/"                 \
    "c\",\"writable\":false}]"

/* A configuration with its plan. */
struct planned {
    struct lc_config *config;
    struct lc_plan *plan;
};

static void planned_done(struct planned *planned)
{
    plan_free(planned->plan);
    config_free(planned->config);
}
#define PLANNED CLEANUP(planned_done) struct planned

static struct plan_options basic_options(void)
{
    return (struct plan_options){ .rootfs = "/srv/rootfs", .argv = argv, .privileged = true };
}

static struct planned make_plan(const char *text, const struct plan_options *options)
{
    struct planned planned = { .config = parse_good(text) };
    struct lc_error *err = NULL;

    if (plan_create(planned.config, options, &planned.plan, &err) != 0)
        print_errors(text, err);
    assert_non_null(planned.plan);
    assert_null(err);
    return planned;
}

/* Index of the nth (from 0) op of a kind, -1 without. */
static int find(const struct lc_plan *plan, enum wire_op_kind kind, int nth)
{
    for (size_t i = 0; i < plan->n_ops; i++)
        if (plan->ops[i].kind == kind && nth-- == 0)
            return (int)i;
    return -1;
}

static const char *text_of(const struct lc_plan *plan, uint32_t offset)
{
    return plan->body.data + offset - sizeof(struct wire_plan);
}

/* ---- what holds for every plan ---- */

/* A few ops are always there, and named after the key whose default they carry out. */
static bool has_default(const char *pointer)
{
    static const char *const keys[] = { "/user", "/working_dir", "/umask", "/capabilities_mask" };

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        if (strcmp(keys[i], pointer) == 0)
            return true;
    return false;
}

static size_t check_pointers(const struct planned *planned)
{
    const struct lc_plan *plan = planned->plan;
    size_t wrong = 0;
    int line, column;

    for (size_t i = 0; i < plan->n_ops; i++) {
        const char *pointer = plan->pointers[i];

        if (pointer != NULL && (pointer[0] == '\0' || has_default(pointer) ||
                                       config_locate(planned->config->text, planned->config->length, pointer,
                                               &line, &column) == 0))
            continue;
        print_error("%s: %s says that %s made it\n", planned->config->text, wire_op_name(plan->ops[i].kind),
                pointer != NULL ? pointer : "NULL");
        wrong++;
    }
    return wrong;
}

/* Runs the plan with a table of slots: every one is full when it is used. */
static size_t check_slots(const struct planned *planned)
{
    const struct lc_plan *plan = planned->plan;
    bool full[4096] = { false }, used[4096] = { false };
    size_t wrong = plan->n_given > plan->n_slots;

    for (size_t i = 0; i < plan->n_given; i++)
        full[i] = true;
    for (size_t i = 0; i < plan->n_ops; i++) {
        const struct wire_op *op = &plan->ops[i];

        bool fills = op->kind == WIRE_OP_SOURCE || op->kind == WIRE_OP_TREE;

        if (fills && (op->number[1] >= plan->n_slots || full[op->number[1]]))
            wrong++;
        else if (fills)
            full[op->number[1]] = true;
        if ((op->kind == WIRE_OP_BIND || op->kind == WIRE_OP_SETNS) && op->slot < 0)
            wrong++;
        if (op->slot >= 0 && ((uint32_t)op->slot >= plan->n_slots || !full[op->slot] || used[op->slot]))
            wrong++;
        else if (op->slot >= 0)
            used[op->slot] = true;
        if (wrong > 0) {
            print_error("%s: slot of op %zu (%s)\n", planned->config->text, i, wire_op_name(op->kind));
            return wrong;
        }
    }
    for (size_t i = 0; i < plan->n_slots; i++)
        wrong += !full[i] || !used[i];
    if (wrong > 0)
        print_error("%s: %zu slots are never used\n", planned->config->text, wrong);
    return wrong;
}

static size_t check_blob(struct planned *planned)
{
    size_t size = 0;
    void *blob = plan_blob(planned->plan, &size);
    const struct wire_plan *header = blob;
    size_t wrong = blob == NULL || wire_plan_check(blob, size) != 0 ||
                   header->n_ops != planned->plan->n_ops || header->n_given != planned->plan->n_given ||
                   header->flags != planned->plan->flags;

    if (wrong > 0)
        print_error("%s: the blob is not good\n", planned->config->text);
    free(blob);
    return wrong;
}

/* The exec is last and holds exactly the command and the environment. */
static size_t check_exec(const struct planned *planned)
{
    const struct lc_plan *plan = planned->plan;
    const struct wire_op *op = &plan->ops[plan->n_ops - 1];
    size_t argc = ARRAY_SIZE(argv) - 1, envc = planned->config->n_environment, wrong = 0;

    if (op->kind != WIRE_OP_EXEC || find(plan, WIRE_OP_EXEC, 1) >= 0 || op->number[0] != argc ||
            op->number[1] != envc || op->data_length != (argc + envc) * sizeof(uint32_t))
        return 1;
    for (size_t i = 0; i < argc + envc; i++) {
        uint32_t offset;

        memcpy(&offset, text_of(plan, op->data) + i * sizeof(offset), sizeof(offset));
        wrong += strcmp(text_of(plan, offset), i < argc ? argv[i] : planned->config->environment[i - argc]) !=
                 0;
    }
    return wrong;
}

/* When both are there, every `before` comes before every `after`. */
static const struct {
    enum wire_op_kind before, after;
} orders[] = {
    { WIRE_OP_SETNS, WIRE_OP_SOURCE },
    { WIRE_OP_UNSHARE, WIRE_OP_HOSTNAME },
    { WIRE_OP_UNSHARE, WIRE_OP_ROOTFS },
    { WIRE_OP_PROPAGATION, WIRE_OP_SOURCE },
    { WIRE_OP_SOURCE, WIRE_OP_ROOTFS },
    { WIRE_OP_PROPAGATION, WIRE_OP_TREE },
    { WIRE_OP_TREE, WIRE_OP_ROOTFS },
    { WIRE_OP_ROOTFS, WIRE_OP_MOUNT },
    { WIRE_OP_ROOTFS, WIRE_OP_BIND },
    { WIRE_OP_JOIN_NETWORK, WIRE_OP_SYSCTL },
    { WIRE_OP_JOIN_NETWORK, WIRE_OP_NETWORK },
    { WIRE_OP_MOUNT, WIRE_OP_SYSCTL },
    { WIRE_OP_BIND, WIRE_OP_MASK },
    { WIRE_OP_MOUNT, WIRE_OP_MASK },
    { WIRE_OP_MOUNT, WIRE_OP_READONLY },
    { WIRE_OP_DEVICE, WIRE_OP_MASK },
    { WIRE_OP_SYSCTL, WIRE_OP_DETACH_HOST }, /* written through the host's /proc, whatever is hidden inside */
    { WIRE_OP_MASK, WIRE_OP_ROOT_ATTRIBUTES },
    { WIRE_OP_LABEL, WIRE_OP_DETACH_HOST }, /* written through the host's /proc */
    { WIRE_OP_MASK, WIRE_OP_DETACH_HOST },
    { WIRE_OP_DETACH_HOST, WIRE_OP_WAIT },
    { WIRE_OP_WAIT, WIRE_OP_NETWORK },
    { WIRE_OP_WAIT, WIRE_OP_USER },
    { WIRE_OP_DETACH_HOST, WIRE_OP_USER }, /* the container's own /etc/passwd */
    { WIRE_OP_NETWORK, WIRE_OP_CAPABILITIES },
    { WIRE_OP_USER, WIRE_OP_CAPABILITIES },
    { WIRE_OP_RLIMIT, WIRE_OP_CAPABILITIES },
    { WIRE_OP_CAPABILITIES, WIRE_OP_NO_NEW_PRIVILEGES },
    { WIRE_OP_CAPABILITIES, WIRE_OP_EXEC },
};

static bool first_is_in_proc(const struct planned *planned, int at)
{
    return strncmp(text_of(planned->plan, planned->plan->ops[at].text[0]), "/proc/", 6) == 0;
}

static size_t check_order(const struct planned *planned)
{
    size_t wrong = 0;

    for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
        int first = find(planned->plan, orders[i].after, 0);

        for (int nth = 0, at; first >= 0 && (at = find(planned->plan, orders[i].before, nth)) >= 0; nth++) {
            /* The kernel's sysfs and the cgroup namespace come where they can, not with their kind. */
            const struct wire_op *op = &planned->plan->ops[at];
            bool late = (orders[i].before == WIRE_OP_UNSHARE && op->number[0] == CLONE_NEWCGROUP) ||
                        ((orders[i].before == WIRE_OP_MOUNT || orders[i].before == WIRE_OP_BIND) &&
                                strcmp(text_of(planned->plan, op->text[2]), "/sys") == 0 &&
                                first_is_in_proc(planned, first));

            if (at < first || late)
                continue;
            print_error("%s: %s comes after %s\n", planned->config->text, wire_op_name(orders[i].before),
                    wire_op_name(orders[i].after));
            wrong++;
        }
    }
    return wrong;
}

#define ALL_BUT_USER "\"NEWNS\",\"NEWUTS\",\"NEWIPC\",\"NEWPID\",\"NEWNET\",\"NEWCGROUP\",\"NEWTIME\""

static const char *const configurations[] = {
    "{}",
    "{" NS("") "}",
    "{" NS("\"NEWNS\"") "}",
    "{" NS("\"NEWPID\"") "}",
    "{" NS("\"NEWNET\"") "}",
    "{" NS("\"NEWUSER\"") "}",
    "{" NS("\"NEWUSER\",\"NEWNS\"") "}",
    "{" NS(ALL_BUT_USER) "}",
    "{" NS(ALL_BUT_USER ",\"NEWUSER\"") "}",
    "{" NS("\"NEWNS\"") "," MOUNTS "}",
    "{" NS("\"NEWNS\",\"NEWUSER\"") "," MOUNTS "}",
    "{" NS("\"NEWNS\",\"NEWPID\"") ",\"readonly_fs\":true,\"masked_paths\":[\"/proc/"
                                   "x\"],\"readonly_paths\":[]}",
    "{" NS("\"NEWNS\",\"NEWPID\"") ",\"tty\":true,\"no_pivot_root\":true}",
    "{" NS("\"NEWNS\",\"NEWUTS\"") ",\"hostname\":\"h\",\"domainname\":\"d\",\"working_dir\":\"/"
                                   "w\",\"umask\":\"077\"}",
    "{" NS("\"NEWNS\"") ",\"devices\":[{\"path\":\"/dev/fuse\",\"type\":\"c\",\"major\":10,\"minor\":229}]}",
    "{" NS("\"NEWNS\",\"NEWNET\"") ",\"sysctl\":{\"net.ipv4.ip_forward\":\"1\"}}",
    "{\"user\":\"bin:daemon\",\"additional_groups\":[1,2,3],\"environment\":[\"A=1\",\"B=\"]}",
    "{\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":1,\"hard\":2}],\"no_new_privileges\":true}",
    "{\"oom_score_adj\":-5,\"context\":{\"apparmor_profile\":\"p\",\"process_label\":\"l\"}}",
    "{\"capabilities\":[]}",
    "{\"networks\":[{\"type\":\"netns\",\"context\":{\"nspath\":\"/run/netns/x\"}}]}",
};

static size_t check_all(size_t (*check)(const struct planned *))
{
    struct plan_options options = basic_options();
    size_t wrong = 0;

    for (size_t i = 0; i < ARRAY_SIZE(configurations); i++)
        for (int privileged = 0; privileged < 2; privileged++)
            for (int console = 0; console < 2; console++) {
                PLANNED planned = { 0 };

                options.privileged = privileged;
                /* A console that the configuration does not want is for the caller to refuse. */
                options.console =
                        console && strstr(configurations[i], "\"tty\"") != NULL ? "/dev/pts/0" : NULL;
                options.protect = console ? "/container.json" : NULL;
                planned = make_plan(configurations[i], &options);
                wrong += check(&planned);
            }
    return wrong;
}

static size_t check_blob_const(const struct planned *planned)
{
    struct planned copy = *planned;

    return check_blob(&copy);
}

#define EVERY(check)                                                                                         \
    static void every_##check(void **state)                                                                  \
    {                                                                                                        \
        (void)state;                                                                                         \
        assert_int_equal(check_all(check), 0);                                                               \
    }
EVERY(check_pointers)
EVERY(check_slots)
EVERY(check_blob_const)
EVERY(check_exec)
EVERY(check_order)

/* ---- namespaces ---- */

static void clone_flags(void **state)
{
    static const struct {
        const char *text;
        uint64_t now, later; /* by clone3; by unshare once the ids are mapped */
        bool makes_network;
    } rows[] = {
        { "{}", 0, 0, false },
        { "{" NS("\"NEWNS\"") "}", CLONE_NEWNS, 0, false },
        { "{" NS("\"NEWTIME\"") "}", CLONE_NEWTIME, 0, false },
        { "{" NS("\"NEWCGROUP\"") "}", 0, 0, false }, /* after the process is in its group */
        { "{" NS("\"NEWNET\"") "}", 0, 0, true },
        { "{" NS(ALL_BUT_USER) "}", CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWTIME,
                0, true },
        { "{" NS("\"NEWUSER\"") "}", CLONE_NEWUSER, 0, false },
        { "{" NS("\"NEWUSER\",\"NEWNS\"") "}", CLONE_NEWUSER | CLONE_NEWNS, 0, false },
        { "{" NS("\"NEWNET\",\"NEWUSER\"") "}", CLONE_NEWUSER, CLONE_NEWNET, false },
        { "{" NS(ALL_BUT_USER ",\"NEWUSER\"") "}", CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWTIME,
                CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET, false },
    };
    const struct plan_options options = basic_options();

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        PLANNED planned = make_plan(rows[i].text, &options);
        int unshare = find(planned.plan, WIRE_OP_UNSHARE, 0);
        uint64_t later = unshare >= 0 ? planned.plan->ops[unshare].number[0] & ~(uint64_t)CLONE_NEWCGROUP : 0;

        if (planned.plan->clone_flags != rows[i].now || later != rows[i].later)
            fail_msg(
                    "%s: clone %lx, unshare %lx", rows[i].text, (long)planned.plan->clone_flags, (long)later);
        assert_int_equal(planned.plan->map_ids, (rows[i].now & CLONE_NEWUSER) != 0);
        assert_int_equal(planned.plan->makes_network, rows[i].makes_network);
        assert_int_equal(find(planned.plan, WIRE_OP_JOIN_NETWORK, 0) >= 0, rows[i].makes_network);
        assert_false(planned.plan->forks);
        if (rows[i].later != 0)
            assert_int_equal(planned.plan->ops[unshare].number[1], (later & CLONE_NEWNET) != 0);
    }
}

/* The parent copies what the child cannot reach from its user namespace, and nothing else. */
static void trees(void **state)
{
    static const struct {
        const char *text;
        bool privileged;
        size_t trees, sources;
    } rows[] = {
        { "{" NS("\"NEWNS\"") "," MOUNTS "}", true, 0, 2 },
        { "{" NS("\"NEWNS\"") "," MOUNTS "}", false, 0, 2 },
        { "{" NS("\"NEWNS\",\"NEWUSER\"") "," MOUNTS "}", true, 3, 0 },
        { "{" NS("\"NEWNS\",\"NEWUSER\"") "," MOUNTS "}", false, 0, 2 },
    };
    struct plan_options options = basic_options();

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        PLANNED planned = { 0 };
        size_t sources = 0;

        options.privileged = rows[i].privileged;
        planned = make_plan(rows[i].text, &options);
        for (int nth = 0, at; (at = find(planned.plan, WIRE_OP_SOURCE, nth)) >= 0; nth++)
            sources += strncmp(text_of(planned.plan, planned.plan->ops[at].text[0]), "/srv/", 5) == 0;
        assert_int_equal(planned.plan->n_given, 0);
        assert_int_equal(planned.plan->n_trees, rows[i].trees);
        assert_int_equal(sources, rows[i].sources);
        assert_false(planned.plan->tells_trees);
        for (size_t t = 0; t < rows[i].trees; t++) {
            const struct wire_op *op = &planned.plan->ops[find(planned.plan, WIRE_OP_TREE, (int)t)];

            assert_string_equal(planned.plan->trees[t].path, text_of(planned.plan, op->text[0]));
            assert_int_equal(op->number[2], 0);
        }
    }
}

/* Also when there are more than fit: an error, no overrun. */
static void too_many_descriptors(void **state)
{
    const struct plan_options options = basic_options();
    struct lc_plan *plan = plan_new(NULL, &options), *ret = NULL;
    struct lc_error *err = NULL;

    (void)state;
    assert_non_null(plan);
    for (int i = 0; i < PLAN_GIVEN_MAX; i++)
        assert_int_equal(plan_give(plan, (struct plan_given){ .kind = GIVEN_TREE }), i);
    assert_false(plan->failed);
    assert_int_equal(plan_give(plan, (struct plan_given){ .kind = GIVEN_TREE }), -1);
    assert_int_equal(plan_finish(plan, 0, &ret, &err), -E2BIG);
    assert_null(ret);
    assert_non_null(err);
    error_free(err);
}

/* ---- joining ---- */

static struct planned make_join(const struct plan_target *target)
{
    const struct plan_options options = basic_options();
    struct planned planned = { .config = parse_good("{}") };

    assert_int_equal(plan_join(planned.config, &options, target, &planned.plan, NULL), 0);
    return planned;
}

#define BIT(ns) NAMESPACE_BIT(NAMESPACE_##ns)

static void join_order(void **state)
{
    static const struct {
        struct plan_target target;
        bool forks;
        const char *order;
    } rows[] = {
        { { 0, false }, false, "" },
        { { 0, true }, false, " net" },
        { { BIT(MNT), false }, false, " mnt" },
        { { BIT(PID), false }, true, " pid" },
        { { BIT(TIME), false }, true, " time" },
        { { BIT(NET), true }, false, " net" },
        { { BIT(USER) | BIT(MNT), false }, false, " user mnt" },
        { { BIT(USER) | BIT(MNT) | BIT(CGROUP) | BIT(TIME) | BIT(PID) | BIT(NET) | BIT(UTS) | BIT(IPC),
                  false },
                true, " user ipc uts net pid time cgroup mnt" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        PLANNED planned = make_join(&rows[i].target);
        const struct lc_plan *plan = planned.plan;
        char order[64] = "";
        size_t length = 0;

        for (int nth = 0, at; (at = find(plan, WIRE_OP_SETNS, nth)) >= 0; nth++) {
            enum config_namespace ns = plan->given[plan->ops[at].slot].namespace;

            assert_int_equal(plan->given[plan->ops[at].slot].kind, GIVEN_NAMESPACE);
            assert_int_equal(plan->ops[at].number[0], config_namespaces[ns].clone_flag);
            length += (size_t)snprintf(
                    order + length, sizeof(order) - length, " %s", config_namespaces[ns].proc);
            assert_true(length < sizeof(order));
        }
        assert_string_equal(order, rows[i].order);
        assert_int_equal(plan->forks, rows[i].forks);
        assert_int_equal(find(plan, WIRE_OP_FORK, 0) >= 0, rows[i].forks);
        assert_int_equal(plan->clone_flags, 0);
        assert_int_equal(check_blob(&planned) + check_slots(&planned) + check_exec(&planned), 0);
    }
}

static void join_steps(void **state)
{
    static const enum wire_op_kind expected[] = { WIRE_OP_SETNS, WIRE_OP_BECOME_ROOT, WIRE_OP_SETNS,
        WIRE_OP_SETNS, WIRE_OP_JOIN_ROOT, WIRE_OP_DETACH_HOST, WIRE_OP_WAIT, WIRE_OP_FORK, WIRE_OP_USER,
        WIRE_OP_SESSION, WIRE_OP_CWD, WIRE_OP_BOUNDING, WIRE_OP_IDENTITY, WIRE_OP_CAPABILITIES, WIRE_OP_UMASK,
        WIRE_OP_EXEC };
    PLANNED planned = make_join(&(struct plan_target){ BIT(USER) | BIT(PID) | BIT(MNT), false });

    (void)state;
    for (size_t i = 0; i < planned.plan->n_ops && i < ARRAY_SIZE(expected); i++)
        assert_string_equal(wire_op_name(planned.plan->ops[i].kind), wire_op_name(expected[i]));
    assert_int_equal(planned.plan->n_ops, ARRAY_SIZE(expected));
}

/* Every plan can be printed, one op a line, without a hole. */
static void printed(void **state)
{
    const struct plan_options options = basic_options();

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(configurations); i++) {
        PLANNED planned = make_plan(configurations[i], &options);
        struct buffer out = { 0 };
        CLEAN_FREE char *text = NULL;
        size_t lines = 0;

        plan_print(planned.plan, &out);
        text = buffer_take_text(&out);
        for (const char *at = text; (at = strstr(at, "\nchild ")) != NULL; at++)
            lines++;
        assert_int_equal(lines, planned.plan->n_ops);
        assert_null(strstr(text, "(null)"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_check_pointers),
        cmocka_unit_test(every_check_slots),
        cmocka_unit_test(every_check_blob_const),
        cmocka_unit_test(every_check_exec),
        cmocka_unit_test(every_check_order),
        cmocka_unit_test(clone_flags),
        cmocka_unit_test(trees),
        cmocka_unit_test(too_many_descriptors),
        cmocka_unit_test(join_order),
        cmocka_unit_test(join_steps),
        cmocka_unit_test(printed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
