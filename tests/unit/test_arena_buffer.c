/* Arena and buffer: alignment, zeroes, growth, refusal of sizes that cannot be, and JSON strings. */
#include "unit.h"

#include <base/arena.h>
#include <base/buffer.h>

#include <jansson.h>

static void arena_gives_aligned_zeroes(void **state)
{
    static const size_t sizes[] = { 0, 1, 3, 16, 17, 8191, 8192, 8193, 100000, 1 };
    static const char zeros[100000];
    struct arena arena = { 0 };

    (void)state;
    for (size_t round = 0; round < 50; round++)
        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
            char *got = arena_alloc(&arena, sizes[i]);

            assert_non_null(got);
            assert_int_equal((uintptr_t)got % _Alignof(max_align_t), 0);
            assert_memory_equal(got, zeros, sizes[i]);
            memset(got, 0xaa, sizes[i]); /* would show in a neighbour that is not ours */
        }
    arena_done(&arena);
    assert_null(arena.head);
    arena_done(&arena);
}

static void arena_refuses_what_cannot_be(void **state)
{
    struct arena arena = { 0 };

    (void)state;
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, SIZE_MAX / 2 + 1));
    assert_null(arena_calloc(&arena, SIZE_MAX / 2, 3));
    assert_null(arena_calloc(&arena, SIZE_MAX, SIZE_MAX));
    assert_non_null(arena_calloc(&arena, 0, SIZE_MAX));
    arena_done(&arena);
}

static void arena_copies_text(void **state)
{
    struct arena arena = { 0 };
    char long_text[20001];
    char *first;

    (void)state;
    memset(long_text, 'z', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    first = arena_strdup(&arena, "first");
    assert_string_equal(arena_strndup(&arena, "abcdef", 3), "abc");
    assert_string_equal(arena_strndup(&arena, "abc", 0), "");
    assert_string_equal(arena_printf(&arena, "%d-%s", 7, "x"), "7-x");
    assert_string_equal(arena_printf(&arena, "%s", long_text), long_text);
    assert_string_equal(arena_printf(&arena, "%s", ""), "");
    assert_string_equal(first, "first");
    arena_done(&arena);
}

static void buffer_grows(void **state)
{
    struct buffer buffer = { 0 };
    size_t expected = 0;
    char *text;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        buffer_printf(&buffer, "%05d", i);
        expected += 5;
    }
    buffer_add(&buffer, NULL, 0);
    assert_int_equal(buffer.length, expected);
    assert_true(buffer.capacity > buffer.length);
    assert_false(buffer.failed);
    text = buffer_take_text(&buffer);
    assert_int_equal(strlen(text), expected);
    for (int i = 0; i < 20000; i++) {
        char number[8];

        (void)snprintf(number, sizeof(number), "%05d", i);
        assert_memory_equal(text + 5 * (size_t)i, number, 5);
    }
    free(text);
    assert_null(buffer.data);
    assert_int_equal(buffer.length + buffer.capacity, 0);
}

/* Exactly full, one less, one more: the NUL of buffer_take_text always has room. */
static void buffer_edges(void **state)
{
    (void)state;
    for (size_t length = 0; length < 1200; length++) {
        struct buffer buffer = { 0 };
        char *text;

        for (size_t i = 0; i < length; i++)
            buffer_add(&buffer, "x", 1);
        text = buffer_take_text(&buffer);
        assert_int_equal(strlen(text), length);
        free(text);
    }
}

static void buffer_failure_sticks(void **state)
{
    struct buffer buffer = { 0 };

    (void)state;
    buffer_text(&buffer, "kept?");
    buffer_add(&buffer, "", SIZE_MAX - 2); /* the sum wraps around */
    assert_true(buffer.failed);
    buffer_text(&buffer, "more");
    buffer_printf(&buffer, "%d", 1);
    assert_int_equal(buffer.length, 5);
    assert_null(buffer_take_text(&buffer));
    assert_null(buffer.data);
    assert_false(buffer.failed);
    buffer_text(&buffer, "again");
    buffer_done(&buffer);
    buffer_done(&buffer);
}

static char *quoted(const char *text)
{
    struct buffer buffer = { 0 };

    buffer_json_string(&buffer, text);
    return buffer_take_text(&buffer);
}

static void json_strings(void **state)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {
        { "", "\"\"" },
        { "plain /path", "\"plain /path\"" },
        { "\"", "\"\\\"\"" },
        { "\\", "\"\\\\\"" },
        { "\\\"\\", "\"\\\\\\\"\\\\\"" },
        { "\n", "\"\\u000a\"" },
        { "\x01\x1f", "\"\\u0001\\u001f\"" },
        { "\x7f", "\"\x7f\"" },
        { "caf\xc3\xa9", "\"caf\xc3\xa9\"" },
        { "\xf0\x9f\x90\xb3", "\"\xf0\x9f\x90\xb3\"" },
        { "%s%n", "\"%s%n\"" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEAN_FREE char *got = quoted(rows[i].text);

        assert_string_equal(got, rows[i].expected);
    }
}

/* A real parser reads back what we wrote. */
static void json_round_trip(void **state)
{
    (void)state;
    for (int byte = 1; byte < 0x80; byte++) {
        const char text[] = { 'a', (char)byte, 'b', '\0' };
        CLEAN_FREE char *got = quoted(text);
        json_t *value = json_loads(got, JSON_DECODE_ANY, NULL);

        assert_non_null(value);
        assert_string_equal(json_string_value(value), text);
        json_decref(value);
    }
}

/* Paths and file names are bytes, JSON is not: whatever comes out must still be JSON. */
static void json_bad_utf8(void **state)
{
    static const char *const texts[] = { "/\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80",
        "a\x80z" };
    size_t wrong = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        CLEAN_FREE char *got = quoted(texts[i]);
        json_t *value = json_loads(got, JSON_DECODE_ANY, NULL);

        if (value == NULL) {
            print_error("row %zu: not valid JSON\n", i);
            wrong++;
        }
        json_decref(value);
    }
    ASSERT_ROWS(wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_gives_aligned_zeroes),
        cmocka_unit_test(arena_refuses_what_cannot_be),
        cmocka_unit_test(arena_copies_text),
        cmocka_unit_test(buffer_grows),
        cmocka_unit_test(buffer_edges),
        cmocka_unit_test(buffer_failure_sticks),
        cmocka_unit_test(json_strings),
        cmocka_unit_test(json_round_trip),
        cmocka_unit_test(json_bad_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
