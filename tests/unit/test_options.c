/* The option structures of the public functions: what an older caller lacks is zero, what a newer one has must be. */
#include "unit.h"

#include "../../src/container/container.h"

#include <base/util.h>

#include <string.h>

static void test_sizes(void **state)
{
    (void)state;
    for (int i = 0; i < OPTIONS_MAX_; i++) {
        const struct options_kind *kind = &options_kinds[i];
        size_t longer = kind->size + 16, shorter = kind->least, too_short = kind->least - 1;
        unsigned char given[1024] = { 0 }, ret[1024];

        assert_true(kind->least > sizeof(size_t) && kind->size + 16 <= sizeof(given));
        memset(ret, 0xff, sizeof(ret));
        memcpy(given, &longer, sizeof(longer));
        assert_int_equal(options_take(given, ret, kind, NULL), 0);
        assert_true(ret[kind->size - 1] == 0 && ret[kind->size] == 0xff);
        given[kind->size + 3] = 1;
        assert_int_equal(options_take(given, ret, kind, NULL), -EINVAL);
        memset(given, 0xff, sizeof(given));
        memcpy(given, &shorter, sizeof(shorter));
        if (kind->flags_at >= kind->least) {
            assert_int_equal(options_take(given, ret, kind, NULL), 0);
            assert_true(ret[kind->least - 1] == 0xff && ret[kind->least] == 0);
        }
        memcpy(given, &too_short, sizeof(too_short));
        assert_int_equal(options_take(given, ret, kind, NULL), -EINVAL);
    }
}

static void test_flags(void **state)
{
    (void)state;
    for (int i = 0; i < OPTIONS_MAX_; i++) {
        const struct options_kind *kind = &options_kinds[i];

        for (unsigned int bit = 0; kind->flags_at != 0 && bit < 32; bit++) {
            unsigned char given[1024] = { 0 }, ret[1024];
            unsigned int flags = 1u << bit;
            struct lc_error *err = NULL;

            memcpy(given, &kind->size, sizeof(kind->size));
            memcpy(given + kind->flags_at, &flags, sizeof(flags));
            assert_int_equal(options_take(given, ret, kind, &err), (kind->flags & flags) != 0 ? 0 : -EINVAL);
            assert_int_equal(err != NULL, (kind->flags & flags) == 0);
            error_free(err);
        }
    }
}

/* Before anything is looked up. */
static void test_functions(void **state)
{
    const char *const argv[] = { "/bin/true", NULL };
    struct lc_options options = { .size = sizeof(options), .argv = argv, .flags = 1u << 30 };
    struct lc_runtime_options runtime_options = { .size = sizeof(runtime_options), .flags = 1u << 30 };
    struct lc_runtime *runtime = NULL;
    struct lc_process *process = NULL;
    struct lc_error *err = NULL;

    (void)state;
    assert_int_equal(lc_exec(NULL, &options, &process, NULL), -EINVAL);
    options.flags = 0;
    options.argv = NULL;
    assert_int_equal(lc_exec(NULL, &options, &process, &err), -EINVAL);
    assert_string_equal(error_site(err)->stage, "options");
    error_free(err);
    assert_int_equal(lc_runtime_open(&runtime_options, &runtime, NULL), -EINVAL);
    assert_null(runtime);
    assert_int_equal(lc_kill("/nowhere", 9, 1u << 30, NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_functions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
