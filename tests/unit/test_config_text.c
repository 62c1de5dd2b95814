/* The text itself: positions, loading from a directory, and damaged files. */
#include "test_config.h"
#include "test_config_sample.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_locate(void **state)
{
    static const char text[] =
            "{\n \"a\": {\"b\": [10, {\"c\": 1}]},\n \"x/y\": 2, \"\\u0061b\" : [ ], \"~\":3,\n\t\"\": 4}";
    static const struct {
        const char *pointer;
        int result, line, column;
    } table[] = {
        { "", 0, 1, 1 },
        { "/a", 0, 2, 7 },
        { "/a/b", 0, 2, 13 },
        { "/a/b/0", 0, 2, 14 },
        { "/a/b/1", 0, 2, 18 },
        { "/a/b/1/c", 0, 2, 24 },
        { "/a/b/1/d", -ENOENT, 2, 18 },
        { "/a/b/2", -ENOENT, 2, 13 },
        { "/a/b/0/x", -ENOENT, 2, 14 },
        { "/a/c", -ENOENT, 2, 7 },
        { "/x~1y", 0, 3, 9 },
        { "/ab", 0, 3, 24 },
        { "/ab/0", -ENOENT, 3, 24 },
        { "/~0", 0, 3, 33 },
        { "/", 0, 4, 6 },
        { "/b", -ENOENT, 1, 1 },
        { "nonsense", -ENOENT, 1, 1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        int line = 0, column = 0;
        int result = config_locate(text, strlen(text), table[i].pointer, &line, &column);

        if (result != table[i].result || line != table[i].line || column != table[i].column)
            fail_msg("%s: %d %d:%d", table[i].pointer, result, line, column);
    }
}

static void test_locate_broken(void **state)
{
    static const char *const texts[] = { "", " ", "]", "}}", "{", "{\"", "{\"a", "{\"a\\", "{\"a\":", "[,,",
        "\"", ":", "{a:1}" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        size_t length = strlen(texts[i]);
        char *copy = malloc(length + !length); /* exact, so that the sanitizer sees a read too far */
        int line = 0, column = 0;

        memcpy(copy, texts[i], length);
        (void)config_locate(copy, length, "/a/0/b", &line, &column);
        assert_true(line >= 1 && column >= 1);
        free(copy);
    }
}

static void write_file(int dir, const char *name, const char *text)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void check_load(int dir, const char *name, int expected, const char *words)
{
    struct lc_config *config = NULL;
    struct lc_error *err = NULL;
    int result = config_load(dir, name, "FILE", NULL, &config, &err);

    assert_int_equal(result, expected);
    if (expected == 0) {
        assert_string_equal(config->file, "FILE");
    } else {
        char *line = error_format(err);

        if (strstr(line, words) == NULL)
            fail_msg("%s", line);
        free(line);
    }
    error_free(err);
    config_free(config);
}

static void test_load(void **state)
{
    char path[] = "/tmp/test_config.XXXXXX";
    int dir, big;

    (void)state;
    assert_non_null(mkdtemp(path));
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    write_file(dir, "good", "{\"tty\":true}");
    write_file(dir, "bad", "{");
    write_file(dir, "empty", "");
    write_file(dir, "big", "{}");
    big = openat(dir, "big", O_WRONLY | O_CLOEXEC);
    assert_int_equal(ftruncate(big, (4 << 20) + 1), 0);
    close(big);
    assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
    assert_int_equal(mkdirat(dir, "dir", 0700), 0);
    check_load(dir, "good", 0, NULL);
    check_load(dir, "bad", -EINVAL, "FILE:1:2");
    check_load(dir, "empty", -EINVAL, "the file is empty");
    check_load(dir, "none", -ENOENT, "openat FILE: No such file");
    check_load(dir, "fifo", -EINVAL, "not a regular file");
    check_load(dir, "dir", -EINVAL, "not a regular file");
    check_load(dir, "big", -EINVAL, "larger than 4 MiB");
    unlinkat(dir, "good", 0);
    unlinkat(dir, "bad", 0);
    unlinkat(dir, "empty", 0);
    unlinkat(dir, "big", 0);
    unlinkat(dir, "fifo", 0);
    unlinkat(dir, "dir", AT_REMOVEDIR);
    close(dir);
    rmdir(path);
}

/* Every error must at least point into the text. */
static void parse_any(const char *text, size_t length, bool lenient)
{
    const struct config_options options = { .lenient = lenient };
    struct lc_config *config = NULL;
    struct lc_error *err = NULL;
    int result = config_parse(text, length, "f", &options, &config, &err);

    assert_int_equal(result == 0, err == NULL);
    assert_int_equal(result == 0, config != NULL);
    for (const struct lc_error *e = err; e != NULL; e = error_next(e)) {
        assert_true(error_site(e)->line >= 1 && error_site(e)->column >= 1);
        assert_non_null(error_site(e)->pointer);
    }
    error_free(err);
    config_free(config);
}

static void test_mutations(void **state)
{
    static const char replacements[] = "{}[]\",:\\0-9e.tfn\0\xff\xc3 ";
    const char *const sources[] = { readme_sample, config_default_json() };
    unsigned seed = 1;

    (void)state;
    for (int i = 0; i < 2000; i++) {
        const char *source = sources[i % 2];
        size_t length = strlen(source);
        char *text = malloc(length);

        memcpy(text, source, length); /* NOLINT(bugprone-not-null-terminated-result): a text with a length */
        for (int j = 0; j <= i % 3; j++)
            text[(size_t)rand_r(&seed) % length] =
                    replacements[(size_t)rand_r(&seed) % (sizeof(replacements) - 1)];
        parse_any(text, length, i % 5 == 0);
        free(text);
    }
}

static void test_truncations(void **state)
{
    (void)state;
    for (size_t length = 0; length < strlen(readme_sample); length += 3) {
        char *text = malloc(length + !length);

        memcpy(text, readme_sample, length);
        parse_any(text, length, false);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_locate),
        cmocka_unit_test(test_locate_broken),
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_truncations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
