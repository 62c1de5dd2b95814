/* config.json for a process that joins: what it does not need, and what has been compiled before, is not read again. */
#include "test_oci.h"

#include <base/arena.h>

#define FILTER "{\"defaultAction\": \"SCMP_ACT_ALLOW\",\n\"syscalls\": [] }"

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

static int join(const char *text, struct calls *calls, struct lc_config **ret, struct lc_error **err)
{
    const struct oci_text config = { text, strlen(text), "config.json" };
    const struct oci_compiled compiled = { find, calls };

    return oci_parse_join(&config, NULL, &compiled, "/b", ret, err);
}

static struct lc_config *join_good(const char *text, struct calls *calls)
{
    struct lc_config *config = NULL;
    struct lc_error *err = NULL;

    if (join(text, calls, &config, &err) != 0)
        print_errors(text, err);
    assert_non_null(config);
    assert_null(err);
    return config;
}

static void test_left_out(void **state)
{
    /* Each would be refused if it were read. */
    static const char *const texts[] = {
        TOP("\"process\":{\"args\":[\"a\"],\"cwd\":\"/x\"},\"mounts\":7,\"hooks\":[]"),
        TOP("\"mounts\":[{\"destination\":\"/m\",\"options\":[[\"}\"]]}],"
            "\"process\":{\"args\":[\"a\"],\"cwd\":\"/x\"}"),
        LINUX("\"resources\":[],\"devices\":{},\"netDevices\":[],\"sysctl\":[],\"maskedPaths\":0,"
              "\"readonlyPaths\":{\"a\":[{}]}},\"process\":{\"args\":[\"a\"],\"cwd\":\"/x\""),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        struct calls calls = { 0 };
        struct lc_config *config = join_good(texts[i], &calls);

        assert_string_equal(config->working_dir, "/x");
        assert_int_equal(config->n_mounts + config->n_masked_paths + config->oci.n_annotations, 0);
        config_free(config);
    }
}

/* Only the members themselves, not others of the same name. */
static void test_kept(void **state)
{
    struct calls calls = { 0 };
    struct lc_config *config = join_good(
            LINUX("\"x\":{\"seccomp\":1},\"personality\":{\"domain\":\"LINUX\"}},\"process\":{\"args\":["
                  "\"mounts\"],"
                  "\"cwd\":\"/\",\"env\":[\"hooks=1\"],\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":1,"
                  "\"hard\":18446744073709551615}]"),
            &calls);

    (void)state;
    assert_int_equal(calls.count, 0);
    assert_string_equal(config->oci.argv[0], "mounts");
    assert_string_equal(config->environment[0], "hooks=1");
    assert_true(config->rlimits[0].hard == UINT64_MAX);
    assert_true(config->oci.personality.set && !config->oci.seccomp.present);
    config_free(config);
}

static void test_compiled(void **state)
{
    static const char text[] = LINUX("\"seccomp\" : " FILTER " ");
    struct calls calls = { .known = FILTER };
    struct lc_config *config = join_good(text, &calls);

    (void)state;
    assert_int_equal(calls.count, 1);
    assert_true(config->oci.seccomp.present && config->oci.seccomp.default_action == NULL);
    assert_string_equal(config->oci.seccomp.program, "program");
    config_free(config);

    calls = (struct calls){ 0 };
    config = join_good(text, &calls);
    assert_string_equal(calls.last, FILTER);
    assert_true(config->oci.seccomp.present && config->oci.seccomp.program == NULL);
    assert_string_equal(config->oci.seccomp.default_action, "SCMP_ACT_ALLOW");
    assert_int_equal(config->oci.seccomp.length, strlen(FILTER));
    assert_memory_equal(config->oci.seccomp.text, FILTER, strlen(FILTER));
    config_free(config);
}

/* Who makes a container reads everything, and knows the text of the filter all the same. */
static void test_whole(void **state)
{
    struct lc_config *config = oci_good(LINUX("\"seccomp\":" FILTER));
    struct lc_error *err = NULL;

    (void)state;
    assert_memory_equal(config->oci.seccomp.text, FILTER, strlen(FILTER));
    assert_string_equal(config->oci.seccomp.default_action, "SCMP_ACT_ALLOW");
    config_free(config);
    config = NULL;
    assert_int_equal(oci_parse("{\"mounts\":7}", 12, "config.json", "/b", &config, &err), -EINVAL);
    error_free(err);
}

/* What is left out moves nothing else. */
static void test_places(void **state)
{
    static const struct {
        const char *text, *pointer;
        int line, column;
    } rows[] = {
        { TOP("\"mounts\":[\n\n],\"process\":{\"args\":[\"a\"],\"cwd\":0}"), "/process/cwd", 4, 33 },
        { TOP("\"mounts\":[],\"mounts\":[]"), "/mounts", 2, 13 },
        { TOP("\"mounts\":[],\n\"hostname\":\"a\" \"b\""), "", 3, 16 },
        { TOP("\"linux\":{\"seccomp\":" FILTER "},\n\"hostname\":0"), "/hostname", 4, 12 },
        { TOP("\"linux\":{\"seccomp\":" FILTER "},\n\"linux\":{}"), "/linux", 4, 1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct calls calls = { .known = FILTER };
        struct lc_config *config = NULL;
        struct lc_error *err = NULL;

        assert_int_equal(join(rows[i].text, &calls, &config, &err), -EINVAL);
        if (strcmp(error_site(err)->pointer, rows[i].pointer) != 0 || error_site(err)->line != rows[i].line ||
                error_site(err)->column != rows[i].column) {
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
        cmocka_unit_test(test_compiled),
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
