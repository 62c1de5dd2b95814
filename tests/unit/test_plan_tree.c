/* The tree of config.json in the plan: order, what is left out, what is refused. */
#include "test_config.h"

#include <base/util.h>
#include <linux/mount.h>
#include <oci/oci.h>
#include <plan/plan.h>

#define USER_MAPS                                                                                            \
    ",\"uidMappings\":[{\"containerID\":0,\"hostID\":1000,\"size\":10}],"                                    \
    "\"gidMappings\":[{\"containerID\":0,\"hostID\":1000,\"size\":10}]"
#define USUAL                                                                                                \
    "{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"                                     \
    "{\"destination\":\"/"                                                                                   \
    "dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"nosuid\",\"mode=755\",\"ro\"]},"           \
    "{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\",\"options\":[\"ro\"]}"
#define GROUPS                                                                                               \
    "{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"source\":\"cgroup\",\"options\":[\"ro\"]}"

struct sample {
    const char *mounts, *linux_keys, *namespaces, *top, *process;
    struct plan_options options;
};

struct planned {
    struct lc_config *config;
    struct lc_plan *plan;
    struct lc_error *err;
    int result;
};

static void planned_done(struct planned *planned)
{
    plan_free(planned->plan);
    config_free(planned->config);
    error_free(planned->err);
}
#define PLANNED CLEANUP(planned_done) struct planned

static struct planned make_plan(const struct sample *sample)
{
    struct plan_options options = sample->options;
    struct planned planned = { 0 };
    struct buffer text = { 0 };
    CLEAN_FREE char *json = NULL;

    buffer_printf(&text,
            "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"rootfs\"},\"process\":{\"cwd\":\"/"
            "\",\"args\":[\"x\"],"
            "\"user\":{\"uid\":0,\"gid\":0}%s},\"mounts\":[%s],\"linux\":{\"namespaces\":[{\"type\":"
            "\"mount\"},"
            "{\"type\":\"pid\"},{\"type\":\"network\"}%s]%s}%s}",
            sample->process != NULL ? sample->process : "", sample->mounts,
            sample->namespaces != NULL ? sample->namespaces : "",
            sample->linux_keys != NULL ? sample->linux_keys : "", sample->top != NULL ? sample->top : "");
    json = buffer_take_text(&text);
    assert_non_null(json);
    if (oci_parse(json, strlen(json), "config.json", "/bundle", &planned.config, &planned.err) != 0)
        print_errors(json, planned.err);
    assert_non_null(planned.config);
    options.rootfs = "/bundle/rootfs";
    options.argv = (const char *const *)planned.config->oci.argv;
    options.privileged = true;
    planned.result = plan_create(planned.config, &options, &planned.plan, &planned.err);
    return planned;
}

static struct planned make_good(const struct sample *sample)
{
    struct planned planned = make_plan(sample);

    if (planned.result != 0)
        print_errors(sample->mounts, planned.err);
    assert_int_equal(planned.result, 0);
    return planned;
}

/* The child's lines between the mount of the rootfs and the host's end. */
static char *tree_of(const struct lc_plan *plan)
{
    struct buffer out = { 0 };
    bool inside = false;

    for (size_t i = 0; i < plan->n_ops; i++) {
        if (plan->ops[i].kind == WIRE_OP_DETACH_HOST)
            break;
        if (inside) {
            plan_print_op(plan, i, &out);
            buffer_text(&out, "\n");
        }
        inside |= plan->ops[i].kind == WIRE_OP_ROOTFS;
    }
    return buffer_take_text(&out);
}

static int find(const struct lc_plan *plan, enum wire_op_kind kind, int nth)
{
    for (size_t i = 0; i < plan->n_ops; i++)
        if (plan->ops[i].kind == kind && nth-- == 0)
            return (int)i;
    return -1;
}

static const char *text_of(const struct lc_plan *plan, const struct wire_op *op, int which)
{
    return op->text[which] != 0 ? plan->body.data + op->text[which] - sizeof(struct wire_plan) : "";
}

/* The op of this kind that names this destination. */
static const struct wire_op *on(const struct lc_plan *plan, enum wire_op_kind kind, const char *destination)
{
    for (size_t i = 0; i < plan->n_ops; i++)
        if (plan->ops[i].kind == kind && strcmp(text_of(plan, &plan->ops[i], 2), destination) == 0)
            return &plan->ops[i];
    print_error("no %s on %s\n", wire_op_name(kind), destination);
    return NULL;
}

static void test_only_what_is_listed(void **state)
{
    const struct sample sample = { .mounts = USUAL,
        .linux_keys =
                ",\"maskedPaths\":[\"/proc/kcore\",\"/sys/firmware\"],\"readonlyPaths\":[\"/proc/sys\"]" };
    PLANNED planned = make_good(&sample);
    CLEAN_FREE char *tree = tree_of(planned.plan);
    static const char *const lines[] = { "child mount proc proc on /proc\n",
        "child mount tmpfs tmpfs on /dev nosuid mode=755\n",
        "child device /dev/null c 1:3 mode 0666 owner 0:0\n",
        "child device /dev/tty c 5:0 mode 0666 owner 0:0\n", "child symlink /dev/ptmx -> pts/ptmx\n",
        "child readonly /proc/sys\n", "child mask /proc/kcore\n", "child join-network\n",
        "child mount sysfs sysfs on /sys ro\n", "child mask /sys/firmware\n", "child mount bind  on /dev\n",
        "child wait\n" };
    const char *at = tree;

    (void)state;
    for (size_t i = 0; at != NULL && i < ARRAY_SIZE(lines); i++) {
        at = strstr(at, lines[i]);
        if (at == NULL)
            print_error("missing, or out of order: %s in\n%s", lines[i], tree);
    }
    assert_true(at != NULL && strstr(tree, "devpts") == NULL && strstr(tree, "mqueue") == NULL);
}

/* sysfs has to wait for the parent, and what comes early comes before it: but not the console without its devpts. */
static void test_console_comes_after_its_devpts(void **state)
{
    const struct sample sample = {
        .mounts = USUAL ",{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\"}",
        .process = ",\"terminal\":true",
    };
    PLANNED planned = make_good(&sample);
    const struct wire_op *pts = on(planned.plan, WIRE_OP_MOUNT, "/dev/pts");
    int console = find(planned.plan, WIRE_OP_CONSOLE, 0);

    (void)state;
    assert_non_null(pts);
    assert_true(console > pts - planned.plan->ops);
}

static void test_order_is_the_list_s(void **state)
{
    const struct sample sample = { .mounts = USUAL
                                   "," GROUPS ",{\"destination\":\"/z\",\"type\":\"tmpfs\"},"
                                   "{\"destination\":\"/a\",\"type\":\"bind\",\"source\":\"/etc\","
                                   "\"options\":[\"bind\"]},{\"destination\":\"/a\",\"options\":["
                                   "\"remount\",\"bind\",\"ro\"]}" };
    PLANNED planned = make_good(&sample);
    size_t last = 0, seen = 0;

    (void)state;
    for (size_t i = 0; i < planned.plan->n_ops; i++) {
        const char *pointer = planned.plan->pointers[i];
        const struct wire_op *op = &planned.plan->ops[i];
        size_t index;

        if (strncmp(pointer, "/mounts/", 8) != 0 || op->kind == WIRE_OP_SOURCE)
            continue;
        index = strtoul(pointer + 8, NULL, 10);
        if (index == 1 && last > 1)
            continue; /* the tmpfs that becomes read-only at the end */
        assert_true(index >= last);
        last = index;
        seen++;
    }
    assert_int_equal(last, 6);
    assert_true(seen >= 7);
}

static void test_proc_is_not_mounted_upon(void **state)
{
    static const struct {
        const char *mount;
        int result;
    } rows[] = {
        { "{\"destination\":\"/proc\",\"type\":\"tmpfs\"}", -EPERM },
        { "{\"destination\":\"/proc/\",\"type\":\"tmpfs\"}", -EPERM },
        { "{\"destination\":\"//proc/./self\",\"type\":\"bind\",\"source\":\"/x\",\"options\":[\"bind\"]}",
                -EPERM },
        { "{\"destination\":\"/a/../proc/sys\",\"type\":\"bind\",\"source\":\"/x\",\"options\":[\"bind\"]}",
                -EPERM },
        { "{\"destination\":\"/proc/meminfo\",\"type\":\"tmpfs\"}", -EPERM },
        { "{\"destination\":\"/proc/meminfo\",\"type\":\"bind\",\"source\":\"/x\",\"options\":[\"bind\"]}",
                0 },
        { "{\"destination\":\"/proc/sys/kernel/ns_last_pid\",\"type\":\"bind\",\"source\":\"/"
          "x\",\"options\":["
          "\"bind\"]}",
                0 },
        { "{\"destination\":\"/proc\",\"type\":\"none\",\"source\":\"/proc\",\"options\":[\"rbind\"]}", 0 },
        { "{\"destination\":\"/process\",\"type\":\"tmpfs\"}", 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct sample sample = { .mounts = rows[i].mount };
        PLANNED planned = make_plan(&sample);

        if (planned.result != rows[i].result)
            print_error("%s: %d\n", rows[i].mount, planned.result);
        assert_int_equal(planned.result, rows[i].result);
    }
}

static void test_what_is_on_proc_is_checked_by_the_child(void **state)
{
    const struct sample sample = {
        .mounts =
                "{\"destination\":\"/proc\",\"type\":\"none\",\"source\":\"/proc\",\"options\":[\"rbind\"]},"
                "{\"destination\":\"/proc/stat\",\"type\":\"bind\",\"source\":\"/x\",\"options\":[\"bind\"]},"
                "{\"destination\":\"/d\",\"type\":\"bind\",\"source\":\"/x\",\"options\":[\"bind\"]}"
    };
    PLANNED planned = make_good(&sample);

    (void)state;
    assert_true((on(planned.plan, WIRE_OP_BIND, "/proc")->number[2] & WIRE_MOUNT_FROM_PROC) != 0);
    assert_int_equal(on(planned.plan, WIRE_OP_BIND, "/proc/stat")->number[2] & WIRE_MOUNT_GUARD_PROC, 0);
    assert_true((on(planned.plan, WIRE_OP_BIND, "/d")->number[2] & WIRE_MOUNT_GUARD_PROC) != 0);
}

static void test_dev_of_the_host_is_left_alone(void **state)
{
    const struct sample sample = { .mounts =
                                           "{\"destination\":\"/dev\",\"type\":\"bind\",\"source\":\"/dev\","
                                           "\"options\":[\"rbind\"]}" };
    PLANNED planned = make_good(&sample);

    (void)state;
    assert_int_equal(find(planned.plan, WIRE_OP_DEVICE, 0), -1);
    assert_int_equal(find(planned.plan, WIRE_OP_SYMLINK, 0), -1);
}

static void test_listed_devices(void **state)
{
    const struct sample sample = { .mounts = USUAL,
        .linux_keys = ",\"devices\":[{\"path\":\"/dev/"
                      "null\",\"type\":\"c\",\"major\":1,\"minor\":3,\"fileMode\":384},"
                      "{\"path\":\"/dev/ptmx\",\"type\":\"c\",\"major\":5,\"minor\":2},"
                      "{\"path\":\"/opt/pipe\",\"type\":\"p\"}]" };
    PLANNED planned = make_good(&sample);
    size_t nulls = 0, all = 0;

    (void)state;
    for (int nth = 0, at; (at = find(planned.plan, WIRE_OP_DEVICE, nth)) >= 0; nth++, all++) {
        const struct wire_op *op = &planned.plan->ops[at];

        assert_true((op->number[0] & WIRE_KEEP) != 0);
        if (strcmp(text_of(planned.plan, op, 0), "/dev/null") == 0) {
            nulls++;
            assert_int_equal(op->number[0] & 0777, 0600);
        }
        assert_string_not_equal(text_of(planned.plan, op, 0), "/dev/ptmx");
    }
    assert_int_equal(nulls, 1);
    assert_int_equal(all, 7);
}

static void test_propagation(void **state)
{
    static const struct {
        const char *keys;
        uint64_t host, root;
    } rows[] = {
        { "", MS_SLAVE | MS_REC, 0 },
        { ",\"rootfsPropagation\":\"slave\"", MS_SLAVE | MS_REC, MS_SLAVE },
        { ",\"rootfsPropagation\":\"private\"", MS_PRIVATE | MS_REC, MS_PRIVATE },
        { ",\"rootfsPropagation\":\"unbindable\"", MS_SLAVE | MS_REC, MS_UNBINDABLE },
        /* only "/" leaves its peers: what is mounted below stays shared with the host */
        { ",\"rootfsPropagation\":\"shared\"", MS_PRIVATE, MS_SHARED },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct sample sample = { .mounts = USUAL, .linux_keys = rows[i].keys };
        PLANNED planned = make_good(&sample);
        const struct lc_plan *plan = planned.plan;

        assert_int_equal(plan->ops[find(plan, WIRE_OP_PROPAGATION, 0)].number[0], rows[i].host);
        assert_int_equal(
                plan->ops[find(plan, WIRE_OP_ROOTFS, 0)].number[0] & ~(uint64_t)MS_REC, rows[i].root);
    }
}

static void test_a_shared_root_needs_the_pivot(void **state)
{
    const struct sample sample = { .mounts = USUAL, .linux_keys = ",\"rootfsPropagation\":\"shared\"" };
    PLANNED planned = make_good(&sample);
    const struct plan_options options = {
        .rootfs = "/r", .argv = (const char *const *)planned.config->oci.argv, .privileged = true
    };
    struct lc_plan *plan = NULL;

    (void)state;
    planned.config->no_pivot_root = true;
    assert_int_equal(plan_create(planned.config, &options, &plan, &planned.err), -EINVAL);
}

static void test_user_namespace_gets_trees(void **state)
{
    const struct sample sample = { .mounts = USUAL
                                   ",{\"destination\":\"/a\",\"type\":\"bind\",\"source\":\"/x\","
                                   "\"options\":[\"bind\"]},"
                                   "{\"destination\":\"/b\",\"type\":\"bind\",\"source\":\"/y\","
                                   "\"options\":[\"rbind\",\"ridmap\"]}",
        .namespaces = ",{\"type\":\"user\"}",
        .linux_keys = USER_MAPS };
    PLANNED planned = make_good(&sample);
    const struct plan_given *trees = planned.plan->trees;
    const struct wire_op *a = on(planned.plan, WIRE_OP_BIND, "/a"), *b = on(planned.plan, WIRE_OP_BIND, "/b");

    (void)state;
    assert_int_equal(planned.plan->n_trees, 3);
    assert_int_equal(planned.plan->ops[find(planned.plan, WIRE_OP_TREE, 0)].number[1],
            planned.plan->ops[find(planned.plan, WIRE_OP_ROOTFS, 0)].slot);
    assert_int_equal(planned.plan->ops[find(planned.plan, WIRE_OP_TREE, 1)].number[1], a->slot);
    assert_int_equal(planned.plan->ops[find(planned.plan, WIRE_OP_TREE, 2)].number[1], b->slot);
    assert_true(trees[1].flat && !trees[1].idmap && a->number[3] == 0);
    assert_true(trees[2].idmap && trees[2].recursive_idmap && !trees[2].flat);
    assert_null(trees[2].mappings);
    assert_int_equal(find(planned.plan, WIRE_OP_SOURCE, 0), -1);
}

static void test_idmap_without_the_rest_stays_the_child_s(void **state)
{
    const struct sample sample = { .mounts = "{\"destination\":\"/a\",\"type\":\"bind\",\"source\":\"/x\","
                                             "\"options\":[\"bind\"]},"
                                             "{\"destination\":\"/b\",\"type\":\"bind\",\"source\":\"/y\","
                                             "\"options\":[\"bind\"]" USER_MAPS "}" };
    PLANNED planned = make_good(&sample);
    const struct wire_op *b = on(planned.plan, WIRE_OP_BIND, "/b");

    (void)state;
    assert_int_equal(planned.plan->n_given, 1);
    assert_non_null(planned.plan->given[b->slot].mappings);
    assert_true(on(planned.plan, WIRE_OP_BIND, "/a")->slot >= 1);
}

/* ---- groups ---- */

static char pids_path[] = "/sys/fs/cgroup/pids/pod/c", pids_mount[] = "/sys/fs/cgroup/pids",
            cpu_path[] = "/sys/fs/cgroup/cpu,cpuacct/pod/c", cpu_mount[] = "/sys/fs/cgroup/cpu,cpuacct",
            unified_path[] = "/sys/fs/cgroup/unified/pod/c", unified_mount[] = "/sys/fs/cgroup/unified";
static const struct cgroup_set hybrid = {
    .groups = { { .path = pids_path, .mount = pids_mount },
            { .path = unified_path, .mount = unified_mount, .v2 = true },
            { .path = cpu_path, .mount = cpu_mount } },
    .count = 3,
};
static const struct cgroup_set pure = {
    .groups = { { .path = unified_path, .mount = unified_mount, .v2 = true } },
    .count = 1,
};

static void test_groups_of_v1(void **state)
{
    const struct sample sample = { .mounts = USUAL "," GROUPS, .options = { .groups = &hybrid } };
    PLANNED planned = make_good(&sample);
    CLEAN_FREE char *tree = tree_of(planned.plan);
    const char *wait = strstr(tree, "child wait\n");

    (void)state;
    assert_non_null(wait);
    assert_true(strstr(tree, "join-network") < wait);
    assert_null(strstr(wait + 1, "child wait\n"));
    assert_non_null(strstr(wait, "child mount tmpfs tmpfs on /sys/fs/cgroup nosuid nodev noexec mode=755\n"));
    assert_non_null(strstr(wait, "child bind /sys/fs/cgroup/pids/pod/c on /sys/fs/cgroup/pids ro"));
    assert_non_null(
            strstr(wait, "child bind /sys/fs/cgroup/cpu,cpuacct/pod/c on /sys/fs/cgroup/cpu,cpuacct ro"));
    assert_non_null(strstr(wait, "child symlink /sys/fs/cgroup/cpu -> cpu,cpuacct\n"));
    assert_non_null(strstr(wait, "child symlink /sys/fs/cgroup/cpuacct -> cpu,cpuacct\n"));
    assert_null(strstr(tree, "unified"));
}

static void test_groups_of_v2(void **state)
{
    const struct sample own = {
        .mounts = USUAL "," GROUPS, .namespaces = ",{\"type\":\"cgroup\"}", .options = { .groups = &pure }
    };
    const struct sample other = { .mounts = USUAL "," GROUPS, .options = { .groups = &pure } };
    PLANNED first = make_good(&own);
    PLANNED second = make_good(&other);
    CLEAN_FREE char *tree = tree_of(first.plan);
    const char *unshare = strstr(tree, "unshare NEWCGROUP");

    (void)state;
    assert_non_null(unshare);
    assert_non_null(strstr(unshare, "child mount cgroup2 cgroup on /sys/fs/cgroup ro nosuid nodev noexec\n"));
    assert_non_null(on(second.plan, WIRE_OP_BIND, "/sys/fs/cgroup"));
}

/* Without rights over groups there is only the host's view, and never to write (CVE-2023-25809). */
static void test_groups_that_are_not_ours(void **state)
{
    const struct sample sample = { .mounts = "{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\","
                                             "\"source\":\"cgroup\",\"options\":[\"rw\"]}",
        .namespaces = ",{\"type\":\"user\"}",
        .linux_keys = USER_MAPS };
    PLANNED planned = make_good(&sample);
    const struct wire_op *op = on(planned.plan, WIRE_OP_BIND, "/sys/fs/cgroup");

    (void)state;
    assert_non_null(op);
    assert_true((op->number[0] & MOUNT_ATTR_RDONLY) != 0);
    assert_true((op->number[2] & WIRE_MOUNT_RECURSIVE_ATTR) != 0);
}

static void test_clean_path(void **state)
{
    static const char *const rows[][2] = { { "/a", "/a" }, { "//a/./b/", "/a/b" }, { "/a/b/../../..", "/" },
        { "a/b", "/a/b" }, { "", "/" }, { "/..", "/" }, { "/a/..b/...", "/a/..b/..." } };
    struct lc_plan plan = { 0 };
    const struct plan_request request = { .plan = &plan };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        assert_string_equal(plan_clean_path(&request, rows[i][0]), rows[i][1]);
    arena_done(&plan.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_what_is_listed),
        cmocka_unit_test(test_console_comes_after_its_devpts),
        cmocka_unit_test(test_order_is_the_list_s),
        cmocka_unit_test(test_proc_is_not_mounted_upon),
        cmocka_unit_test(test_what_is_on_proc_is_checked_by_the_child),
        cmocka_unit_test(test_dev_of_the_host_is_left_alone),
        cmocka_unit_test(test_listed_devices),
        cmocka_unit_test(test_propagation),
        cmocka_unit_test(test_a_shared_root_needs_the_pivot),
        cmocka_unit_test(test_user_namespace_gets_trees),
        cmocka_unit_test(test_idmap_without_the_rest_stays_the_child_s),
        cmocka_unit_test(test_groups_of_v1),
        cmocka_unit_test(test_groups_of_v2),
        cmocka_unit_test(test_groups_that_are_not_ours),
        cmocka_unit_test(test_clean_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
