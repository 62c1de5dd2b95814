/* linux.intelRdt on a directory that behaves as the kernel's: no machine of ours has the real one. mkdirat and unlinkat are ours
 * here: a new class has its files at once, and goes with them. */
#include "unit.h"

#include <cgroups/resctrl.h>

#include <base/buffer.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define DEFAULTS "    L3:0=7ff;1=7ff\n    MB:0=100;1=100\n"

static char root[64];
static const char *const parts[] = { "schemata", "tasks", "mon_groups" };
static int mkdir_error;

static char *below(const char *path)
{
    static char full[4][512];
    static int next;
    char *text = full[next++ % 4];

    (void)snprintf(text, sizeof(full[0]), "%s/%s", root, path);
    return text;
}

static void write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)close(fd);
}

static const char *text_of(const char *path)
{
    static char text[512];
    int fd = open(below(path), O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;

    (void)close(fd);
    text[got > 0 ? got : 0] = '\0';
    return text;
}

static bool is_there(const char *path)
{
    return access(below(path), F_OK) == 0;
}

static void fill(const char *path)
{
    char name[600];

    (void)snprintf(name, sizeof(name), "%s/tasks", path);
    write_text(name, "");
    if (strstr(path, "/mon_groups/") != NULL)
        return;
    (void)snprintf(name, sizeof(name), "%s/schemata", path);
    write_text(name, DEFAULTS);
    (void)snprintf(name, sizeof(name), "%s/mon_groups", path);
    assert_int_equal(syscall(SYS_mkdirat, AT_FDCWD, name, 0755), 0);
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): glibc's are reserved */
int mkdirat(int dirfd, const char *path, mode_t mode)
{
    int r;

    if (mkdir_error != 0) {
        errno = mkdir_error;
        return -1;
    }
    r = (int)syscall(SYS_mkdirat, dirfd, path, mode);
    if (r == 0)
        fill(path);
    return r;
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int unlinkat(int dirfd, const char *path, int flags)
{
    for (size_t i = 0; (flags & AT_REMOVEDIR) != 0 && i < ARRAY_SIZE(parts); i++) {
        char name[600];

        (void)snprintf(name, sizeof(name), "%s/%s", path, parts[i]);
        (void)syscall(SYS_unlinkat, AT_FDCWD, name, i == 2 ? AT_REMOVEDIR : 0);
    }
    return (int)syscall(SYS_unlinkat, dirfd, path, flags);
}

static int setup(void **state)
{
    (void)state;
    (void)strcpy(root, "/tmp/lcrdt-XXXXXX");
    assert_non_null(mkdtemp(root));
    fill(root);
    assert_int_equal(syscall(SYS_mkdirat, AT_FDCWD, below("info"), 0755), 0);
    write_text(below("info/last_cmd_status"), "ok\n");
    mkdir_error = 0;
    return 0;
}

static int teardown(void **state)
{
    char command[128];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf %s", root);
    return system(command);
}

static void must(int r, struct lc_error **err)
{
    CLEAN_FREE char *text = r < 0 ? error_format(*err) : NULL;

    if (r < 0)
        fail_msg("%d: %s", r, text);
    assert_null(*err);
}

static void must_fail(int r, int expected, const char *pointer, const char *text, struct lc_error **err)
{
    CLEAN_FREE char *line = *err != NULL ? error_format(*err) : NULL;

    assert_int_equal(r, -expected);
    if (line == NULL || strstr(line, text) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", text, line != NULL ? line : "");
    assert_string_equal(error_site(*err)->pointer, pointer);
    error_free(*err);
    *err = NULL;
}

/* All that create does. The string is to be freed. */
static char *create(const struct config_rdt *rdt, const char *id, pid_t pid)
{
    struct lc_error *err = NULL;
    char *made = NULL;

    must(resctrl_plan(rdt, id, root, &made, &err), &err);
    must(resctrl_make(rdt, id, root, &made, NULL, &err), &err);
    must(resctrl_place(rdt, id, root, pid, &err), &err);
    return made;
}

static void test_own_class(void **state)
{
    const struct config_rdt rdt = { .present = true, .monitoring = true };
    CLEAN_FREE char *made = NULL, *planned = NULL;

    (void)state;
    must(resctrl_plan(&rdt, "c1", root, &planned, NULL), &(struct lc_error *){ NULL });
    assert_string_equal(planned, below("c1"));
    assert_false(is_there("c1"));
    made = create(&rdt, "c1", 4711);
    assert_string_equal(made, below("c1"));
    assert_string_equal(text_of("c1/schemata"), DEFAULTS); /* nothing was asked for */
    assert_string_equal(text_of("c1/tasks"), "4711\n");
    assert_string_equal(text_of("c1/mon_groups/c1/tasks"), "4711\n");
    assert_int_equal(resctrl_remove(made, "c1"), 0);
    assert_false(is_there("c1"));
    assert_int_equal(resctrl_remove(made, "c1"), 0);
    assert_int_equal(resctrl_remove(NULL, "c1"), 0);
}

/* A file that is written from its beginning keeps the last line only, and what is longer. */
static void test_schemata(void **state)
{
    const char *lines[] = { "L3:0=00000000000000000000000000000000000000000000000000f" };
    struct config_rdt rdt = { .present = true, .clos_id = "gold", .l3_cache = "L3:0=f\nMB:0=1" };
    CLEAN_FREE char *made = NULL, *other = NULL;

    (void)state;
    made = create(&rdt, "c1", 1);
    assert_string_equal(made, below("gold"));
    assert_int_equal(strncmp(text_of("gold/schemata"), "L3:0=f\n", 7), 0);
    assert_null(strstr(text_of("gold/schemata"), "MB:0=1\n"));
    rdt = (struct config_rdt){ .clos_id = "silver", .memory_bandwidth = "MB:0=50", .l3_cache = "L3:0=f" };
    rdt.schemata = lines;
    rdt.n_schemata = 1;
    other = create(&rdt, "c2", 2);
    assert_int_equal(strncmp(text_of("silver/schemata"), lines[0], strlen(lines[0])), 0);
}

static void test_shared_class(void **state)
{
    struct config_rdt rdt = { .present = true, .clos_id = "gold", .l3_cache = "L3:1=f" };
    CLEAN_FREE char *first = create(&rdt, "c1", 1), *second = NULL, *third = NULL;
    struct lc_error *err = NULL;

    (void)state;
    write_text(below("gold/schemata"), "    L3:0=7ff; 1=00f\n    MB:0= 50;1=100\n");
    rdt.memory_bandwidth = "MB:1=100;0=50";
    second = create(&rdt, "c2", 2);
    assert_null(second);
    rdt.memory_bandwidth = "MB:0=60";
    must_fail(resctrl_plan(&rdt, "c3", root, &third, &err), EEXIST, "/linux/intelRdt/memBwSchema",
            "does not have \"MB:0=60\"", &err);
    rdt.memory_bandwidth = "MB:2=50";
    must_fail(resctrl_plan(&rdt, "c3", root, &third, &err), EEXIST, "/linux/intelRdt/memBwSchema", "MB:2=50",
            &err);
    /* Without values it is used as it is; the monitor is the container's alone. */
    rdt = (struct config_rdt){ .clos_id = "gold", .monitoring = true };
    third = create(&rdt, "c3", 3);
    assert_string_equal(third, below("gold/mon_groups/c3"));
    assert_int_equal(resctrl_remove(third, "c3"), 0);
    assert_false(is_there("gold/mon_groups/c3"));
    /* Somebody is still in it. */
    assert_int_equal(resctrl_remove(first, "c1"), 0);
    assert_true(is_there("gold"));
    write_text(below("gold/tasks"), "");
    assert_int_equal(resctrl_remove(first, "c1"), 0);
    assert_false(is_there("gold"));
}

static void test_root_class(void **state)
{
    const struct config_rdt rdt = { .clos_id = "/", .monitoring = true };
    CLEAN_FREE char *made = create(&rdt, "c1", 5);

    (void)state;
    assert_string_equal(made, below("mon_groups/c1"));
    assert_string_equal(text_of("tasks"), "5\n");
    assert_string_equal(text_of("mon_groups/c1/tasks"), "5\n");
    assert_int_equal(resctrl_remove(made, "c1"), 0);
    assert_true(is_there("schemata"));
    assert_false(is_there("mon_groups/c1"));
}

/* Between the plan and the making somebody else makes it: not ours then. */
static void test_race(void **state)
{
    struct config_rdt rdt = { .clos_id = "gold", .l3_cache = "L3:0=7ff" };
    struct lc_error *err = NULL;
    char *made = NULL;

    (void)state;
    must(resctrl_plan(&rdt, "c1", root, &made, &err), &err);
    assert_int_equal(mkdirat(AT_FDCWD, below("gold"), 0755), 0);
    must(resctrl_make(&rdt, "c1", root, &made, NULL, &err), &err);
    assert_null(made);
    assert_string_equal(text_of("gold/schemata"), DEFAULTS);
    rdt.clos_id = "tin";
    rdt.l3_cache = "L3:0=1";
    must(resctrl_plan(&rdt, "c1", root, &made, &err), &err);
    assert_int_equal(mkdirat(AT_FDCWD, below("tin"), 0755), 0);
    must_fail(resctrl_make(&rdt, "c1", root, &made, NULL, &err), EEXIST, "/linux/intelRdt/l3CacheSchema",
            "tin", &err);
    assert_null(made);
}

static void test_errors(void **state)
{
    const struct config_rdt missing = { .clos_id = "gold" }, own = { .present = true };
    struct lc_error *err = NULL;
    CLEAN_FREE char *made = NULL;

    (void)state;
    must_fail(resctrl_plan(&missing, "c1", root, &made, &err), ENOENT, "/linux/intelRdt/closID",
            "no such class of service", &err);
    if (access("/sys/fs/resctrl/schemata", F_OK) < 0)
        must_fail(resctrl_plan(&own, "c1", NULL, &made, &err), ENODEV, "/linux/intelRdt",
                "resctrl is not mounted", &err);
    must(resctrl_plan(&own, "c1", root, &made, &err), &err);
    mkdir_error = ENOSPC;
    write_text(below("info/last_cmd_status"), "Out of CLOSIDs\n");
    must_fail(resctrl_make(&own, "c1", root, &made, NULL, &err), ENOSPC, "/linux/intelRdt/closID",
            "Out of CLOSIDs", &err);
    must_fail(resctrl_place(&own, "c1", root, 1, &err), ENOENT, "/linux/intelRdt", "tasks", &err);
}

static void test_update(void **state)
{
    const struct config_rdt rdt = { .present = true };
    CLEAN_FREE char *made = create(&rdt, "c1", 1);
    struct lc_error *err = NULL;

    (void)state;
    char *old = NULL, *newer = NULL, *none = NULL;

    must(resctrl_update(&rdt, "c1", root, "L3:0=3", NULL, &old, NULL, &err), &err);
    assert_int_equal(strncmp(text_of("c1/schemata"), "L3:0=3\n", 7), 0);
    must(resctrl_update(&rdt, "c1", root, NULL, "MB:0=70", &newer, NULL, &err), &err);
    assert_int_equal(strncmp(text_of("c1/schemata"), "MB:0=70\n", 8), 0);
    must_fail(resctrl_update(&rdt, "c1", root, "MB:0=5", NULL, &none, NULL, &err), EINVAL, "/linux/intelRdt",
            "bandwidth", &err);
    must_fail(resctrl_update(&rdt, "c1", root, NULL, "L3:0=5", &none, NULL, &err), EINVAL, "/linux/intelRdt",
            "MB:0=50", &err);
    assert_null(none);
    /* What was there is what it goes back to. */
    resctrl_restore(&rdt, "c1", root, newer);
    assert_int_equal(strncmp(text_of("c1/schemata"), "MB:0=100;1=100\n", 15), 0); /* the last of its lines */
    resctrl_restore(&rdt, "c1", root, NULL);
    free(newer);
    free(old);
    assert_int_equal(resctrl_remove(made, "c1"), 0);
}

/* One directory as the kernel would have it, a file of it gone: as on a processor that does not count that. */
static void make_files(const char *const (*files)[2], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char path[256];

        (void)snprintf(path, sizeof(path), "%s", below(files[i][0]));
        for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; *slash++ = '/') {
            *slash = '\0';
            (void)syscall(SYS_mkdirat, AT_FDCWD, path, 0755);
        }
        write_text(path, files[i][1]);
    }
}

static void check_stats(const struct config_rdt *rdt, const char *expected)
{
    struct buffer out = { 0 };
    CLEAN_FREE char *text = NULL;

    resctrl_stats_json(rdt, "c1", root, &out);
    text = buffer_take_text(&out);
    assert_string_equal(text, expected);
}

static void test_stats(void **state)
{
    static const char *const allocation[][2] = { { "info/L3/cbm_mask", "7ff\n" },
        { "info/L3/min_cbm_bits", "1\n" }, { "info/L3/num_closids", "16\n" },
        { "info/MB/bandwidth_gran", "10\n" }, { "info/MB/delay_linear", "1\n" },
        { "info/MB/min_bandwidth", "10\n" }, { "info/MB/num_closids", "8\n" } };
    static const char *const monitoring[][2] = { { "c1/mon_data/mon_L3_01/llc_occupancy", "Unavailable\n" },
        { "c1/mon_data/mon_L3_00/llc_occupancy", "9\n" },
        { "c1/mon_groups/c1/mon_data/mon_L3_00/mbm_total_bytes", "5\n" },
        { "c1/mon_groups/c1/mon_data/mon_L3_00/mbm_local_bytes", "4\n" } };
    struct config_rdt rdt = { .present = true };
    struct lc_error *err = NULL;
    CLEAN_FREE char *made = create(&rdt, "c1", 1), *old = NULL;

    (void)state;
    assert_string_equal(made, below("c1"));
    check_stats(&rdt, "{}");
    make_files(allocation, ARRAY_SIZE(allocation));
    must(resctrl_update(&rdt, "c1", root, "L3:0=3", NULL, &old, NULL, &err), &err);
    make_files(monitoring, ARRAY_SIZE(monitoring));
#define ALLOCATION                                                                                           \
    "\"l3_cache_info\":{\"cbm_mask\":\"7ff\",\"min_cbm_bits\":1,\"num_closids\":16},"                        \
    "\"l3_cache_schema_root\":\"L3:0=7ff;1=7ff\",\"l3_cache_schema\":\"L3:0=3\","                            \
    "\"mem_bw_info\":{\"bandwidth_gran\":10,\"delay_linear\":1,\"min_bandwidth\":10,\"num_closids\":8},"     \
    "\"mem_bw_schema_root\":\"MB:0=100;1=100\",\"mem_bw_schema\":\"MB:0=100;1=100\""
    check_stats(&rdt, "{" ALLOCATION ",\"cmt_stats\":[{\"llc_occupancy\":9},{}]}");
    rdt.monitoring = true; /* what the container alone uses */
    check_stats(&rdt, "{" ALLOCATION ",\"mbm_stats\":[{\"mbm_total_bytes\":5,\"mbm_local_bytes\":4}]}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(test_own_class), TEST(test_schemata), TEST(test_shared_class),
        TEST(test_root_class), TEST(test_race), TEST(test_errors), TEST(test_update), TEST(test_stats) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
