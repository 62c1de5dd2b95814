/* AppArmor, SELinux and capabilities, as far as a host without the first two can show them. */
#include "unit.h"

#include <security/apparmor.h>
#include <security/capabilities.h>
#include <security/selinux.h>

#include "../../src/security/apparmor-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void list_has(void **state)
{
    static const char list[] = "nsinit-default (enforce)\n/usr/bin/man (enforce)\ntwo words (complain)\n"
                               "odd (name) (kill)\nlast (unconfined)";
    static const struct {
        const char *name;
        bool expected;
    } rows[] = { { "nsinit-default", true }, { "nsinit", false }, { "two words", true }, { "two", false },
        { "last", true }, { "odd (name)", true }, { "odd", false }, { "", false }, { "/usr/bin/man", true },
        { "nsinit-default (enforce)", false } };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (apparmor_list_has(list, rows[i].name, strlen(rows[i].name)) != rows[i].expected)
            fail_msg("%s", rows[i].name);
    }
    assert_false(apparmor_list_has("", "x", 1));
}

static void policy_defines(void **state)
{
    static const struct {
        const char *policy;
        bool expected;
    } rows[] = {
        { "profile own {\n}\n", true },
        { "abi <abi/3.0>,\n\n  profile own flags=(complain) {\n", true },
        { "profile \"own\" {", true },
        { "profile own{", true },
        { "profile own", true },
        { "# profile own {", false },
        { "profile own-two {", false },
        { "profile \"own two\" {", false },
        { "profile  other {\nsignal peer=own,", false },
        { "profileown {", false },
        { "", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (apparmor_policy_defines(rows[i].policy, "own") != rows[i].expected)
            fail_msg("%s", rows[i].policy);
    }
    assert_true(apparmor_policy_defines(apparmor_default_profile(), APPARMOR_DEFAULT_NAME));
}

static void write_file(const char *directory, const char *name, const char *text)
{
    char path[256];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void find_policy(void **state)
{
    char directory[] = "/tmp/lc-apparmor-XXXXXX", path[256], *found;

    (void)state;
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/subdirectory", directory);
    assert_int_equal(mkdir(path, 0700), 0);
    write_file(directory, "other", "profile other { }\n");
    assert_null(apparmor_find_policy(directory, "own", "profile own { }\n"));
    write_file(directory, "mine", "profile own { }\n"); /* ours, put there by hand: no conflict */
    assert_null(apparmor_find_policy(directory, "own", "profile own { }\n"));
    write_file(directory, "theirs", "profile own { file, }\n");
    found = apparmor_find_policy(directory, "own", "profile own { }\n");
    (void)snprintf(path, sizeof(path), "%s/theirs", directory);
    assert_string_equal(found, path);
    free(found);
    assert_null(apparmor_find_policy("/nowhere", "own", ""));
    (void)unlink(path);
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", directory, i == 0 ? "mine" : "other");
        (void)unlink(path);
    }
    (void)snprintf(path, sizeof(path), "%s/subdirectory", directory);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(directory), 0);
}

static void run(void **state)
{
    static const struct {
        const char *script, *expected;
        int status;
    } rows[] = {
        { "cat >&2", "the text", 0 }, { "exit 3", "", 3 },
        { "echo out; echo error >&2; exit 1", "out\nerror", 1 },
        { "head -c 5000 /dev/zero | tr '\\0' x; printf 123456789", "xxxxxx123456789", 0 }, /* the end of it */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char *arguments[] = { "sh", "-c", (char *)rows[i].script, NULL }, text[16];
        int status = -1;

        assert_int_equal(apparmor_run("/bin/sh", arguments, "the text", text, sizeof(text), &status), 0);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), rows[i].status);
        assert_string_equal(text, rows[i].expected);
    }
    {
        char *arguments[] = { "nothing", NULL }, text[16];
        int status;

        assert_int_equal(apparmor_run("/nowhere", arguments, "", text, sizeof(text), &status), -ENOENT);
    }
}

static void parser_accepts_profile(void **state)
{
    char *arguments[] = { "apparmor_parser", "-Q", "-K", NULL }, text[1024];
    int status, r;

    (void)state;
    r = apparmor_run(
            "/sbin/apparmor_parser", arguments, apparmor_default_profile(), text, sizeof(text), &status);
    SKIP_IF(r == -ENOENT, "there is no /sbin/apparmor_parser here");
    assert_int_equal(r, 0);
    if (status != 0)
        fail_msg("%s", text);
}

static void expect_error(struct lc_error *err, const char *words)
{
    char *line = error_format(err);

    if (strstr(line, words) == NULL)
        fail_msg("no \"%s\" in: %s", words, line);
    free(line);
    error_free(err);
}

static void without_apparmor(void **state)
{
    struct lc_error *err = NULL;

    (void)state;
    assert_int_equal(apparmor_check("unconfined", "/context/apparmor_profile", &err), 0);
    assert_null(err);
    SKIP_IF(apparmor_enabled(), "AppArmor is on here");
    assert_int_equal(apparmor_check("nsinit-default", "/context/apparmor_profile", &err), -ENOTSUP);
    expect_error(err,
            "security: apparmor (/context/apparmor_profile): a profile is asked for, but AppArmor is off");
    err = NULL;
    assert_int_equal(apparmor_load(&err), -ENOTSUP);
    expect_error(err, "AppArmor is off");
}

/* Needs AppArmor and root: run in a virtual machine. */
static void with_apparmor(void **state)
{
    struct lc_error *err = NULL;

    (void)state;
    SKIP_IF(!apparmor_enabled() || geteuid() != 0, "needs AppArmor in the kernel, and root");
    assert_int_equal(apparmor_check("lc-no-such-profile", "/context/apparmor_profile", &err), -ENOTSUP);
    expect_error(err, "this AppArmor profile is not loaded");
    err = NULL;
    for (int i = 0; i < 2; i++) {
        int r = apparmor_load(&err);

        if (r < 0)
            print_message("%s\n", error_format(err));
        assert_int_equal(r, 0);
    }
    assert_int_equal(apparmor_check(APPARMOR_DEFAULT_NAME, "/context/apparmor_profile", &err), 0);
    assert_int_equal(apparmor_check("nsinit-default//&unconfined", "/context/apparmor_profile", &err), 0);
    assert_int_equal(apparmor_check("nsinit-default//&lc-no-such-profile", "/context/apparmor_profile", NULL),
            -ENOTSUP);
}

static void selinux(void **state)
{
    struct lc_error *err = NULL;

    (void)state;
    if (access("/sys/fs/selinux/context", F_OK) == 0) {
        assert_true(selinux_check("no:such:label", "/context/process_label", &err) < 0);
        expect_error(err, "does not accept this label");
        return;
    }
    assert_int_equal(selinux_check("a_u:a_r:a_t:s0", "/context/mount_label", &err), -ENOTSUP);
    expect_error(err, "selinux (/context/mount_label): an SELinux label is asked for");
}

static void capabilities(void **state)
{
    static const struct {
        int capability;
        const char *name;
    } rows[] = { { 0, "CAP_CHOWN" }, { 21, "CAP_SYS_ADMIN" }, { 40, "CAP_CHECKPOINT_RESTORE" },
        { 63, "63" } };
    int last = capabilities_last(), told = -1;
    uint64_t set;
    FILE *file = fopen("/proc/sys/kernel/cap_last_cap", "re");

    (void)state;
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &told), 1);
    (void)fclose(file);
    assert_int_equal(last, told);
    assert_int_equal(capabilities_bounding(&set), 0);
    assert_true(last == 63 || set >> (last + 1) == 0);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char *name = capability_name(rows[i].capability);

        assert_string_equal(name, rows[i].name);
        free(name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_has),
        cmocka_unit_test(policy_defines),
        cmocka_unit_test(find_policy),
        cmocka_unit_test(run),
        cmocka_unit_test(parser_accepts_profile),
        cmocka_unit_test(without_apparmor),
        cmocka_unit_test(with_apparmor),
        cmocka_unit_test(selinux),
        cmocka_unit_test(capabilities),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
