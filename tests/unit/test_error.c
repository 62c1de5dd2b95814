/* The one line that a user sees: how it is put together, chains, and bytes that a terminal must not get. */
#include "unit.h"

#include <base/error.h>

/* The message of a single error; the caller frees. */
static char *message_of(const struct error_site *site, const char *text)
{
    struct lc_error *err = NULL;
    char *line;

    (void)(text != NULL ? error_raise(&err, site, "%s", text) : error_raise(&err, site, NULL));
    line = error_format(err);
    error_free(err);
    return line;
}

struct message {
    struct error_site site;
    const char *text, *expected;
};

static void check_messages(const struct message *rows, size_t count)
{
    size_t wrong = 0;

    for (size_t i = 0; i < count; i++) {
        CLEAN_FREE char *line = message_of(&rows[i].site, rows[i].text);

        if (line != NULL && strcmp(line, rows[i].expected) == 0)
            continue;
        print_error("row %zu: got  %s\n    expected %s\n", i, line, rows[i].expected);
        wrong++;
    }
    ASSERT_ROWS(wrong);
}

static void composition(void **state)
{
    static const struct message rows[] = {
        { { 0 }, NULL, "" },
        { { 0 }, "words", "words" },
        { { .stage = "create" }, "words", "create: words" },
        { { .op = "mount" }, "words", "mount: words" },
        { { .stage = "plan", .op = "device" }, "words", "plan: device: words" },
        { { .stage = "config", .pointer = "/mounts/3" }, "words", "config: (/mounts/3): words" },
        { { .stage = "config", .pointer = "" }, "words", "config: (top level): words" },
        { { .op = "mount", .pointer = "/mounts/3" }, "words", "mount (/mounts/3): words" },
        { { .op = "mount", .file = "c.json" }, "words", "mount (c.json): words" },
        { { .file = "c.json", .line = 4, .column = 7 }, "words", "(c.json:4:7): words" },
        { { .pointer = "/a", .file = "c.json", .line = 4, .column = 7 }, "words", "(/a, c.json:4:7): words" },
        { { .pointer = "/a", .line = 4, .column = 7 }, "words", "(/a): words" },
        { { .syscall = "openat2" }, NULL, "openat2" },
        { { .object = "/x" }, NULL, "/x" },
        { { .syscall = "open", .object = "/x" }, NULL, "open /x" },
        { { .syscall = "open", .object = "/x", .errnum = ENOENT }, NULL,
                "open /x: No such file or directory" },
        { { .syscall = "open", .object = "/x", .errnum = ENOENT }, "words",
                "words: open /x: No such file or directory" },
        { { .errnum = EPERM }, NULL, "Operation not permitted" },
        { { .errnum = EPERM }, "words", "words: Operation not permitted" },
        { { .hint = "do this" }, "words", "words. Hint: do this" },
        { { .object = "/x" }, "", "/x" },
        { { .stage = "create",
                  .op = "mount",
                  .pointer = "/mounts/3",
                  .file = "container.json",
                  .line = 41,
                  .column = 7,
                  .syscall = "move_mount",
                  .object = "/proc",
                  .errnum = EPERM,
                  .hint = "be root" },
                "the kernel refuses",
                "create: mount (/mounts/3, container.json:41:7): the kernel refuses: move_mount /proc: "
                "Operation not permitted. Hint: be root" },
    };

    (void)state;
    check_messages(rows, ARRAY_SIZE(rows));
}

static void percent_is_text(void **state)
{
    static const struct message rows[] = {
        { { .stage = "%s",
                  .op = "%n",
                  .pointer = "/%s",
                  .file = "%d",
                  .syscall = "%x",
                  .object = "%s%n",
                  .hint = "%s" },
                "%s%n", "%s: %n (/%s, %d): %s%n: %x %s%n. Hint: %s" },
    };

    (void)state;
    check_messages(rows, ARRAY_SIZE(rows));
}

static void control_characters(void **state)
{
    static const struct message rows[] = {
        { { .object = "/a\nb" }, NULL, "/a\\x0ab" }, { { .object = "/\x1b[31mred" }, NULL, "/\\x1b[31mred" },
        { { .object = "\x01\x1f\x7f" }, NULL, "\\x01\\x1f\\x7f" },
        { { .pointer = "/a\tb" }, "words", "(/a\\x09b): words" },
        { { .pointer = "/\r\n" }, "words", "(/\\x0d\\x0a): words" }, { { 0 }, "two\nlines", "two\\x0alines" },
        { { 0 }, "\x1b]0;title\x07", "\\x1b]0;title\\x07" },
        { { 0 }, "bell\x07 del\x7f", "bell\\x07 del\\x7f" },
        { { .object = "/caf\xc3\xa9 ~!" }, NULL, "/caf\xc3\xa9 ~!" }, /* UTF-8 stays */
    };

    (void)state;
    check_messages(rows, ARRAY_SIZE(rows));
}

/* No byte at all may reach the terminal raw. */
static void every_control_byte(void **state)
{
    size_t wrong = 0;

    (void)state;
    for (int byte = 1; byte < 256; byte++) {
        const char raw[] = { 'a', (char)byte, 'b', '\0' };
        bool control = byte < 0x20 || byte == 0x7f;
        CLEAN_FREE char *line =
                message_of(&(struct error_site){ .stage = "create", .pointer = raw, .object = raw }, raw);
        char escaped[16], expected[128];

        (void)snprintf(escaped, sizeof(escaped), control ? "a\\x%02xb" : "a%cb", byte);
        (void)snprintf(expected, sizeof(expected), "create: (%s): %s: %s", escaped, escaped, escaped);
        assert_non_null(line);
        if (strcmp(line, expected) != 0) {
            print_error("byte 0x%02x is not written as expected\n", byte);
            wrong++;
        }
    }
    ASSERT_ROWS(wrong);
}

static void result_is_the_errno(void **state)
{
    struct lc_error *err = NULL;

    (void)state;
    assert_int_equal(error_raise(NULL, &(struct error_site){ .errnum = EBUSY }, NULL), -EBUSY);
    assert_int_equal(error_raise(NULL, &(struct error_site){ .stage = "x" }, "words"), -EINVAL);
    assert_int_equal(error_raise(&err, &(struct error_site){ .errnum = EBUSY }, NULL), -EBUSY);
    assert_int_equal(error_site(err)->errnum, EBUSY);
    assert_string_equal(error_text(err), "");
    assert_null(error_next(err));
    error_free(err);
    error_free(NULL);
    assert_null(error_last(NULL));
    error_add(NULL, &(struct error_site){ .stage = "x" });
}

static void chains(void **state)
{
    struct lc_error *err = NULL;
    const struct lc_error *at;

    (void)state;
    for (int i = 0; i < 3; i++)
        (void)error_raise(&err, &(struct error_site){ .line = i + 1 }, "number %d", i);
    at = err;
    for (int i = 0; i < 3; i++, at = error_next(at)) {
        char expected[16];

        (void)snprintf(expected, sizeof(expected), "number %d", i);
        assert_non_null(at);
        assert_string_equal(error_text(at), expected);
        assert_int_equal(error_site(at)->line, i + 1);
    }
    assert_null(at);
    assert_string_equal(error_text(error_last(err)), "number 2");
    error_free(err);
}

static void adding_fills_in_the_newest(void **state)
{
    const struct error_site more = { .kind = ERROR_NOT_FOUND,
        .errnum = ENOENT,
        .stage = "create",
        .op = "exec",
        .syscall = "execve",
        .object = "/x",
        .pointer = "/p",
        .file = "f",
        .line = 2,
        .column = 3,
        .hint = "h" };
    struct lc_error *err = NULL;
    CLEAN_FREE char *first = NULL, *last = NULL;

    (void)state;
    (void)error_raise(&err, &(struct error_site){ .stage = "old" }, "first");
    (void)error_raise(&err, &(struct error_site){ .stage = "kept", .line = 9, .column = 8 }, "second");
    error_add(err, &more);
    first = error_format(err);
    last = error_format(error_last(err));
    assert_string_equal(first, "old: first");
    assert_string_equal(
            last, "kept: exec (/p, f:9:8): second: execve /x: No such file or directory. Hint: h");
    assert_int_equal(error_site(error_last(err))->kind, ERROR_NOT_FOUND);
    error_place(err, &(struct error_site){ .op = "early" });
    assert_string_equal(error_site(err)->op, "early");
    error_free(err);
}

static void chains_are_joined(void **state)
{
    struct lc_error *err = NULL, *more = NULL;

    (void)state;
    error_append(&err, NULL);
    assert_null(err);
    (void)error_raise(&more, &(struct error_site){ 0 }, "first");
    error_append(&err, more);
    more = NULL;
    (void)error_raise(&more, &(struct error_site){ 0 }, "second");
    (void)error_raise(&more, &(struct error_site){ 0 }, "third");
    error_append(&err, more);
    error_append(&err, NULL);
    assert_string_equal(error_text(err), "first");
    assert_string_equal(error_text(error_next(err)), "second");
    assert_string_equal(error_text(error_last(err)), "third");
    error_free(err);
}

static void strings_are_copied(void **state)
{
    char text[] = "/changing";
    struct lc_error *err = NULL;

    (void)state;
    (void)error_raise(&err, &(struct error_site){ .object = text }, "%s", text);
    memset(text, 'x', sizeof(text) - 1);
    assert_string_equal(error_site(err)->object, "/changing");
    assert_string_equal(error_text(err), "/changing");
    error_free(err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(composition),
        cmocka_unit_test(percent_is_text),
        cmocka_unit_test(control_characters),
        cmocka_unit_test(every_control_byte),
        cmocka_unit_test(result_is_the_errno),
        cmocka_unit_test(chains),
        cmocka_unit_test(chains_are_joined),
        cmocka_unit_test(adding_fills_in_the_newest),
        cmocka_unit_test(strings_are_copied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
