/* The plan of config.json: what comes before what, for configurations that use it all. */
#include "unit.h"

#include <base/util.h>
#include <libcontainer.h>
#include <oci/oci.h>
#include <plan/plan.h>

#include <stdlib.h>
#include <string.h>

static const char *const argv[] = { "true", NULL };
static const char filter[16];

static struct lc_config *parse(const char *namespaces, const char *process, const char *rest)
{
    struct lc_config *config = NULL;
    struct lc_error *err = NULL;
    char *text = NULL;

    assert_true(
            asprintf(&text,
                    "{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"rootfs\"},\"process\":{\"args\":[\"x\"],"
                    "\"cwd\":\"/w\",\"user\":{\"uid\":1,\"gid\":2}%s},\"linux\":{\"namespaces\":[%s]}%s}",
                    process, namespaces, rest) > 0);
    if (oci_parse(text, strlen(text), "config.json", "/b", &config, &err) != 0)
        fail_msg("%s: %s", text, lc_error_format(err));
    free(text);
    return config;
}

/* "setns,map,...": the ops in their order, a kind several times in a row once. */
static char *ops_of(const struct lc_plan *plan)
{
    struct buffer out = { 0 };

    for (size_t i = 0; i < plan->n_ops; i++)
        if (i == 0 || plan->ops[i].kind != plan->ops[i - 1].kind)
            buffer_printf(&out, "%s%s", i > 0 ? "," : "", wire_op_name((enum wire_op_kind)plan->ops[i].kind));
    return buffer_take_text(&out);
}

static void check_blob(struct lc_plan *plan)
{
    size_t size = 0;
    void *blob = plan_blob(plan, &size);

    assert_non_null(blob);
    assert_int_equal(wire_plan_check(blob, size), 0);
    free(blob);
}

/* All parts stand in the list, in this order. */
static void check_order(const char *ops, const char *parts)
{
    const char *at = ops;

    if (ops == NULL)
        fail_msg("no ops");
    while (at != NULL && *parts != '\0') {
        size_t length = strcspn(parts, " ");
        char part[64];

        (void)snprintf(part, sizeof(part), "%.*s", (int)length, parts);
        at = strstr(at, part);
        if (at == NULL)
            fail_msg("\"%s\" is not where it should be in %s", part, ops);
        at += length;
        parts += length + (parts[length] == ' ');
    }
}

#define MOUNT "{\"type\":\"mount\"}"
#define MAPS                                                                                                 \
    "],\"uidMappings\":[{\"containerID\":0,\"hostID\":1000,\"size\":10}],\"gidMappings\":[{\"containerID\":" \
    "0,"                                                                                                     \
    "\"hostID\":1000,\"size\":10}],\"x\":[0"
#define HOOKS                                                                                                \
    ",\"hooks\":{\"prestart\":[{\"path\":\"/p\"}],\"startContainer\":[{\"path\":\"/s\",\"timeout\":5}]}"
#define TAIL "user,session,cwd,bounding,identity,cwd,umask,capabilities,"

static const struct {
    const char *namespaces, *process, *rest, *order;
    bool forks, map_ids, maps_late, makes_network;
} creates[] = {
    { MOUNT, "", "", "propagation rootfs cwd wait detach-host " TAIL "command exec", false, false, false,
            false },
    { MOUNT ",{\"type\":\"network\"},{\"type\":\"cgroup\"},{\"type\":\"uts\"}", "", ",\"hostname\":\"h\"",
            "hostname rootfs join-network wait,unshare detach-host,network,user exec", false, false, false,
            true },
    { MOUNT ",{\"type\":\"user\"},{\"type\":\"pid\"},{\"type\":\"time\"}" MAPS, "", "",
            "time-offsets,propagation,tree,rootfs wait exec", false, true, false, false },
    { MOUNT ",{\"type\":\"user\"},{\"type\":\"pid\"},{\"type\":\"ipc\",\"path\":\"/i\"}" MAPS,
            ",\"oomScoreAdj\":5", "", "setns,oom-score,map,unshare,fork,propagation,tree,rootfs wait exec",
            true, false, true, false },
    { MOUNT ",{\"type\":\"user\",\"path\":\"/u\"},{\"type\":\"ipc\",\"path\":\"/i\"}", ",\"oomScoreAdj\":5",
            "", "setns,oom-score,setns,become-root,setns,unshare,propagation,tree,rootfs wait exec", false,
            false, false, false },
    { MOUNT ",{\"type\":\"pid\",\"path\":\"/p\"}", "", "", "setns,fork,propagation rootfs wait", true, false,
            false, false },
    { MOUNT, ",\"oomScoreAdj\":5", HOOKS,
            "rootfs cwd,wait,hooks,oom-score,detach-host," TAIL "command,start,exec", false, false, false,
            false },
};

static void test_create(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(creates); i++) {
        struct plan_options options = { .rootfs = "/b/rootfs", .argv = argv, .privileged = true };
        struct lc_config *config = parse(creates[i].namespaces, creates[i].process, creates[i].rest);
        struct lc_plan *plan = NULL;
        char *ops;

        assert_int_equal(plan_create(config, &options, &plan, NULL), 0);
        ops = ops_of(plan);
        check_order(ops, creates[i].order);
        check_blob(plan);
        assert_int_equal(plan->forks, creates[i].forks);
        assert_int_equal(plan->map_ids, creates[i].map_ids);
        assert_int_equal(plan->maps_late, creates[i].maps_late);
        assert_int_equal(plan->makes_network, creates[i].makes_network);
        /* Where namespaces are entered first, only the child knows when its mount namespace is there. */
        assert_int_equal(plan->tells_trees, plan->n_trees > 0 && strstr(creates[i].order, "setns") != NULL);
        free(ops);
        plan_free(plan);
        config_free(config);
    }
}

/* With no_new_privs the filter is the last thing before the program; without, the capabilities go after it. */
static void test_filter(void **state)
{
    static const char *const rows[][2] = {
        { ",\"noNewPrivileges\":true", "capabilities,no-new-privileges,command,start,preserve,seccomp,exec" },
        { "", "capabilities,command,start,preserve,seccomp,capabilities,exec" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct plan_options options = { .rootfs = "/b/rootfs",
            .argv = argv,
            .privileged = true,
            .start = true,
            .listen = true,
            .lock = true,
            .preserved = 2,
            .preserved_as = (const int[]){ 3, 9 },
            .filter = filter,
            .filter_length = sizeof(filter),
            .filter_notifies = true,
            .keyring = "k" };
        struct lc_config *config = parse(MOUNT, rows[i][0], HOOKS);
        struct buffer printed = { 0 };
        struct lc_plan *plan = NULL;
        char *ops;

        assert_int_equal(plan_create(config, &options, &plan, NULL), 0);
        assert_true(plan->hooks && plan->waits_start && plan->notifies);
        assert_int_equal(plan->n_given, 4);
        ops = ops_of(plan);
        check_order(ops, rows[i][1]);
        check_blob(plan);
        plan_print(plan, &printed);
        buffer_done(&printed);
        free(ops);
        plan_free(plan);
        config_free(config);
    }
}

static void test_join(void **state)
{
    struct plan_options options = { .rootfs = "/b/rootfs", .argv = argv, .privileged = true, .keyring = "k" };
    const struct plan_target target = { .namespaces = NAMESPACE_BIT(NAMESPACE_MNT) |
                                                      NAMESPACE_BIT(NAMESPACE_PID) |
                                                      NAMESPACE_BIT(NAMESPACE_USER) };
    struct lc_config *config = parse(
            MOUNT, ",\"oomScoreAdj\":5,\"execCPUAffinity\":{\"initial\":\"0\",\"final\":\"0-1\"}", HOOKS);
    struct lc_plan *plan = NULL;
    char *ops;

    (void)state;
    assert_int_equal(plan_join(config, &options, &target, &plan, NULL), 0);
    ops = ops_of(plan);
    check_order(ops,
            "affinity,oom-score,setns,become-root,setns,keyring,join-root,detach-host,wait,fork,user,session,"
            "affinity,cwd,bounding,identity,cwd,umask,capabilities,command,exec");
    assert_null(strstr(ops, "start"));
    check_blob(plan);
    free(ops);
    plan_free(plan);
    config_free(config);
}

static void test_hooks(void **state)
{
    struct lc_config *config = parse(MOUNT, "", HOOKS);
    struct lc_plan *plan = NULL;
    char *ops;

    (void)state;
    assert_int_equal(plan_hooks(config, HOOK_PRESTART, "/b", &plan, NULL), 0);
    ops = ops_of(plan);
    assert_string_equal(ops, "run-hooks,done");
    check_blob(plan);
    free(ops);
    plan_free(plan);
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_join),
        cmocka_unit_test(test_hooks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
