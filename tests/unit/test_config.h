/* Helpers of the test_config programs. */
#ifndef TEST_CONFIG_H
#define TEST_CONFIG_H

#include "unit.h"

#include <config/config.h>

static inline void print_errors(const char *text, const struct lc_error *err)
{
    print_error("%.400s\n", text);
    for (; err != NULL; err = error_next(err)) {
        char *line = error_format(err);

        print_error("    %s\n", line);
        free(line);
    }
}

/* The configuration, which must be good. */
static inline struct lc_config *parse_good(const char *text)
{
    struct lc_config *config = NULL;
    struct lc_error *err = NULL;
    int result = config_parse(text, strlen(text), "container.json", NULL, &config, &err);

    if (result != 0)
        print_errors(text, err);
    assert_int_equal(result, 0);
    assert_null(err);
    assert_non_null(config);
    return config;
}

/* The errors; there must be some. */
static inline struct lc_error *parse_bad(const char *text, size_t length, bool lenient)
{
    const struct config_options options = { .lenient = lenient };
    struct lc_config *config = NULL;
    struct lc_error *err = NULL;
    int result = config_parse(text, length, "container.json", &options, &config, &err);

    if (result == 0)
        print_error("accepted: %.400s\n", text);
    assert_true(result < 0);
    assert_non_null(err);
    assert_null(config);
    return err;
}

static inline size_t count_errors(const struct lc_error *err)
{
    size_t count = 0;

    for (; err != NULL; err = error_next(err))
        count++;
    return count;
}

#endif
