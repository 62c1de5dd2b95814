/* What is not read: by who joins, what only the making of a container needs; by who makes one, a filter that has been compiled
 * before. */
#include "test_oci.h"

#include <base/arena.h>

#include <fcntl.h>
#include <linux/capability.h>
#include <unistd.h>

#define FILTER "{\"defaultAction\": \"SCMP_ACT_ALLOW\",\n\"syscalls\": [] }"

/* The part of a good text for those who join. The caller frees. */
static struct lc_config *join(const char *text)
{
    struct lc_config *whole = oci_good(text), *config = NULL;
    struct oci_text part = { whole->oci.join, whole->oci.join_length, "config.json" };

    assert_non_null(part.text);
    assert_int_equal(part.length, strlen(part.text));
    assert_int_equal(oci_parse_process(&part, NULL, "/b", &config, NULL), 0);
    config_free(whole);
    return config;
}

static void test_left_out(void **state)
{
    struct lc_config *config =
            join(TOP("\"process\":{\"args\":[\"a\"],\"cwd\":\"/x\"},"
                     "\"mounts\":[{\"destination\":\"/m\",\"type\":\"tmpfs\",\"options\":[\"}\",\"]\\\"\"]}],"
                     "\"hooks\":{\"poststop\":[{\"path\":\"/h\"}]},\"annotations\":{\"a\":\"b\"},"
                     "\"linux\":{" ALL_NAMESPACES ",\"resources\":{\"pids\":{\"limit\":3}},\"devices\":[],"
                     "\"sysctl\":{\"net.a\":\"1\"},\"maskedPaths\":[\"/a\"],\"readonlyPaths\":[],"
                     "\"seccomp\":" FILTER ",\"personality\":{\"domain\":\"LINUX\"}}"));

    (void)state;
    assert_string_equal(config->working_dir, "/x");
    assert_int_equal(config->n_mounts + config->n_masked_paths + config->oci.hooks[HOOK_POSTSTOP].count, 0);
    assert_true(!config->oci.seccomp.present && !config->cgroups.limits[LIMIT_PIDS].set);
    /* What somebody may ask for stays. */
    assert_int_equal(config->oci.n_annotations, 1);
    assert_true(config->oci.personality.set && config->namespaces != 0);
    config_free(config);
}

/* Only the members themselves, not others of the same name. */
static void test_kept(void **state)
{
    struct lc_config *config = join(LINUX(
            "\"x\":{\"seccomp\":1,\"mounts\":[]}},\"y\":{\"mounts\":1},\"process\":{\"args\":[\"mounts\"],"
            "\"cwd\":\"/\",\"env\":[\"hooks=1\"],\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":1,"
            "\"hard\":18446744073709551615}]"));

    (void)state;
    assert_string_equal(config->oci.argv[0], "mounts");
    assert_string_equal(config->environment[0], "hooks=1");
    assert_true(config->rlimits[0].hard == UINT64_MAX);
    config_free(config);
}

/* What it leaves out of four members is the container's; what it says, and all else, is its own. */
static void test_inherited(void **state)
{
#define CONTAINERS                                                                                           \
    PROCESS("\"apparmorProfile\":\"p\",\"selinuxLabel\":\"l\",\"noNewPrivileges\":true,\"oomScoreAdj\":5,"   \
            "\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":1,\"hard\":2}],"                                \
            "\"capabilities\":{\"bounding\":[\"CAP_KILL\"],\"effective\":[\"CAP_KILL\"]}")
    static const struct {
        const char *members, *profile, *label;
        size_t n_rlimits;
        uint64_t bounding, permitted;
        bool capabilities;
    } rows[] = {
        { "", "p", "l", 1, 1 << CAP_KILL, 0, true },
        { ",\"apparmorProfile\":\"\",\"selinuxLabel\":null,\"rlimits\":[],\"capabilities\":null", "p", "l", 1,
                1 << CAP_KILL, 0, true },
        { ",\"apparmorProfile\":\"q\",\"selinuxLabel\":\"m\",\"capabilities\":{}", "q", "m", 1, 0, 0, true },
        { ",\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":0,\"hard\":0},{\"type\":\"RLIMIT_CPU\",\"soft\":"
          "1,"
          "\"hard\":1}],\"capabilities\":{\"permitted\":[\"CAP_CHOWN\"]}",
                "p", "l", 2, 0, 1 << CAP_CHOWN, true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char process[512];
        struct lc_config *c = NULL;

        (void)snprintf(process, sizeof(process), "{\"args\":[\"b\"],\"cwd\":\"/x\"%s}", rows[i].members);
        assert_int_equal(
                oci_parse_process(&(struct oci_text){ CONTAINERS, strlen(CONTAINERS), "config.json" },
                        &(struct oci_text){ process, strlen(process), "process.json" }, "/b", &c, NULL),
                0);
        assert_string_equal(c->apparmor_profile, rows[i].profile);
        assert_string_equal(c->process_label, rows[i].label);
        assert_int_equal(c->n_rlimits, rows[i].n_rlimits);
        assert_int_equal(c->capabilities, rows[i].bounding);
        assert_int_equal(c->oci.capabilities[CAPS_BOUNDING], rows[i].bounding);
        assert_int_equal(c->oci.capabilities[CAPS_EFFECTIVE], rows[i].bounding);
        assert_int_equal(c->oci.capabilities[CAPS_PERMITTED], rows[i].permitted);
        assert_int_equal(c->oci.capabilities_present, rows[i].capabilities);
        assert_true(!c->no_new_privileges && !c->oom_score_adj.set);
        config_free(c);
    }
}

struct calls {
    const char *known; /* the text that has been compiled */
    int count;
    char last[256];
};

static bool find(void *data, const char *text, size_t length, struct arena *arena, struct config_seccomp *ret)
{
    struct calls *calls = data;

    calls->count++;
    (void)snprintf(calls->last, sizeof(calls->last), "%.*s", (int)length, text);
    if (calls->known == NULL || strcmp(calls->known, calls->last) != 0)
        return false;
    ret->program = arena_strdup(arena, "program");
    ret->program_length = 8;
    return true;
}

static int load(const char *text, struct calls *calls, struct lc_config **ret, struct lc_error **err)
{
    const struct oci_compiled compiled = { find, calls };
    char directory[] = "/tmp/test-oci-join-XXXXXX";
    int bundle, file, r;

    assert_non_null(mkdtemp(directory));
    bundle = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    file = openat(bundle, "config.json", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    r = oci_load(bundle, "/b", &compiled, ret, err);
    assert_int_equal(unlinkat(bundle, "config.json", 0) | rmdir(directory), 0);
    assert_int_equal(close(file) | close(bundle), 0);
    return r;
}

static void test_compiled(void **state)
{
    static const char text[] = LINUX("\"seccomp\" : " FILTER " ");
    struct calls calls = { .known = FILTER };
    struct lc_config *config = NULL;

    (void)state;
    assert_int_equal(load(text, &calls, &config, NULL), 0);
    assert_int_equal(calls.count, 1);
    assert_true(config->oci.seccomp.present && config->oci.seccomp.default_action == NULL);
    assert_string_equal(config->oci.seccomp.program, "program");
    config_free(config);

    calls = (struct calls){ 0 };
    assert_int_equal(load(text, &calls, &config, NULL), 0);
    assert_string_equal(calls.last, FILTER);
    assert_true(config->oci.seccomp.present && config->oci.seccomp.program == NULL);
    assert_string_equal(config->oci.seccomp.default_action, "SCMP_ACT_ALLOW");
    assert_int_equal(config->oci.seccomp.length, strlen(FILTER));
    assert_memory_equal(config->oci.seccomp.text, FILTER, strlen(FILTER));
    config_free(config);
}

/* All but the filter is still checked, and what is left out moves nothing else. */
static void test_places(void **state)
{
    static const struct {
        const char *text, *pointer;
        int line, column;
    } rows[] = {
        { TOP("\"mounts\":7"), "/mounts", 2, 10 },
        { TOP("\"linux\":{\"seccomp\":" FILTER "},\n\"hostname\":0"), "/hostname", 4, 12 },
        { TOP("\"linux\":{\"seccomp\":" FILTER "},\n\"linux\":{}"), "/linux", 4, 1 },
        { TOP("\"linux\":{\"seccomp\":" FILTER ",\"seccomp\":" FILTER "}"), "/linux/seccomp", 3, 18 },
        { TOP("\"linux\":{\"seccomp\":" FILTER "},\n\"hostname\":\"a\" \"b\""), "", 4, 16 },
        { TOP("\"linux\":{\"seccomp\":" FILTER " 7}"), "/linux", 3, 18 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct calls calls = { .known = FILTER };
        struct lc_config *config = NULL;
        struct lc_error *err = NULL;
        const struct error_site *site;

        assert_int_equal(load(rows[i].text, &calls, &config, &err), -EINVAL);
        site = error_site(err);
        if (strcmp(site->pointer, rows[i].pointer) != 0 || site->line != rows[i].line ||
                site->column != rows[i].column) {
            print_errors(rows[i].text, err);
            fail_msg("expected %s %d:%d", rows[i].pointer, rows[i].line, rows[i].column);
        }
        error_free(err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_left_out),
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_inherited),
        cmocka_unit_test(test_compiled),
        cmocka_unit_test(test_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
