/* The container's /etc/passwd and /etc/group, line by line (src/init/passwd.c, here by glibc). The numbers
 * are those of CVE-2016-3697 (a numeric user taken for a name) and CVE-2026-30892 (a number parsed and not
 * kept). */
#include "unit.h"

#include "../../src/init/passwd.h"

#define UNTOUCHED 0xabababab

static void numbers(void **state)
{
    static const struct {
        const char *text;
        int result;
        uint32_t value;
    } rows[] = {
        { "0", 0, 0 }, { "1", 0, 1 }, { "1000", 0, 1000 }, { "007", 0, 7 }, { "65534", 0, 65534 },
        { "2147483647", 0, 2147483647 }, { "2147483648", 0, 2147483648 }, { "4294967294", 0, 4294967294 },
        { "00000000000000000000000000004294967294", 0, 4294967294 },
        { "4294967295", -EINVAL, 0 }, /* (uid_t)-1: "no change" */
        { "4294967296", -EINVAL, 0 }, /* 0 in 32 bits */
        { "4294968296", -EINVAL, 0 }, /* 1000 in 32 bits */
        { "18446744073709551615", -EINVAL, 0 }, { "18446744073709551616", -EINVAL, 0 }, /* 0 in 64 bits */
        { "18446744073709552616", -EINVAL, 0 },                                         /* 1000 in 64 bits */
        { "99999999999999999999999999999999999999999999", -EINVAL, 0 }, { "", -EINVAL, 0 },
        { "-1", -EINVAL, 0 }, { "-0", -EINVAL, 0 }, { "+1", -EINVAL, 0 }, { " 1", -EINVAL, 0 },
        { "1 ", -EINVAL, 0 }, { "\t1", -EINVAL, 0 }, { "1\n", -EINVAL, 0 }, { "1x", -EINVAL, 0 },
        { "x1", -EINVAL, 0 }, { "0x10", -EINVAL, 0 }, { "1e3", -EINVAL, 0 }, { "1.0", -EINVAL, 0 },
        { "1:", -EINVAL, 0 }, { "\xd9\xa1", -EINVAL, 0 }, /* an Arabic one */
    };
    size_t wrong = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        uint32_t value = UNTOUCHED;
        int result = passwd_number(rows[i].text, strlen(rows[i].text), &value);

        if (result == rows[i].result && value == (result == 0 ? rows[i].value : UNTOUCHED))
            continue;
        print_error("\"%s\": %d, %u\n", rows[i].text, result, value);
        wrong++;
    }
    ASSERT_ROWS(wrong);
}

/* Only `length` bytes count, whatever stands behind them. */
static void number_length(void **state)
{
    uint32_t value = UNTOUCHED;

    (void)state;
    assert_int_equal(passwd_number("1000:x", 4, &value), 0);
    assert_int_equal(value, 1000);
    assert_int_equal(passwd_number("1000", 2, &value), 0);
    assert_int_equal(value, 10);
    assert_int_equal(passwd_number("1\0002", 3, &value), -EINVAL);
    assert_int_equal(passwd_number("1", 0, &value), -EINVAL);
}

static void passwd_lines(void **state)
{
    static const struct {
        const char *line;
        bool good;
        const char *name;
        uint32_t uid, gid;
    } rows[] = {
        { "root:x:0:0:root:/root:/bin/sh", true, "root", 0, 0 },
        { "1000:x:0:0", true, "1000", 0,
                0 }, /* a name like any other: callers must not look numbers up by it */
        { "u:x:4294967294:4294967294::/:", true, "u", 4294967294, 4294967294 },
        { "u::1:2", true, "u", 1, 2 },
        { "u:x:1:2:", true, "u", 1, 2 },
        { "na me:x:1:2", true, "na me", 1, 2 },
        { "+:x:1:2", true, "+", 1, 2 }, /* NIS has no meaning here */
        { "", false, NULL, 0, 0 },
        { ":x:0:0", false, NULL, 0, 0 },
        { "u", false, NULL, 0, 0 },
        { "u:", false, NULL, 0, 0 },
        { "u:x", false, NULL, 0, 0 },
        { "u:x:1", false, NULL, 0, 0 },
        { "u:x:1:", false, NULL, 0, 0 },
        { "u:x::1", false, NULL, 0, 0 },
        { "u:x:-1:0", false, NULL, 0, 0 },
        { "u:x:0:-1", false, NULL, 0, 0 },
        { "u:x:+1:0", false, NULL, 0, 0 },
        { "u:x: 1:0", false, NULL, 0, 0 },
        { "u:x:1 :0", false, NULL, 0, 0 },
        { "u:x:1x:0", false, NULL, 0, 0 },
        { "u:x:4294967295:0", false, NULL, 0, 0 },
        { "u:x:0:4294967295", false, NULL, 0, 0 },
        { "u:x:4294967296:0", false, NULL, 0, 0 },
        { "u:x:18446744073709551616:0", false, NULL, 0, 0 },
        { "u:x:0:0\r", false, NULL, 0, 0 },
        { "::::::", false, NULL, 0, 0 },
    };
    size_t wrong = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct passwd_line line = { 0 };
        bool good = passwd_parse(rows[i].line, &line);

        if (good == rows[i].good &&
                (!good || (line.uid == rows[i].uid && line.gid == rows[i].gid &&
                                  line.name_length == strlen(rows[i].name) &&
                                  memcmp(line.name, rows[i].name, line.name_length) == 0)))
            continue;
        print_error("\"%s\": %d, %u:%u\n", rows[i].line, good, line.uid, line.gid);
        wrong++;
    }
    ASSERT_ROWS(wrong);
}

static void group_lines(void **state)
{
    static const struct {
        const char *line;
        bool good;
        uint32_t gid;
        const char *members;
    } rows[] = {
        { "wheel:x:10:a,b", true, 10, "a,b" },
        { "wheel:x:10:", true, 10, "" },
        { "1000:x:0:", true, 0, "" },
        { "g::4294967294:", true, 4294967294, "" },
        { "g:x:10", false, 0, NULL }, /* no member field */
        { "g:x:4294967295:", false, 0, NULL },
        { "g:x:-1:", false, 0, NULL },
        { "g:x: 1:", false, 0, NULL },
        { "g:x::", false, 0, NULL },
        { ":x:1:", false, 0, NULL },
        { "", false, 0, NULL },
        { "g", false, 0, NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct group_line line = { 0 };

        if (group_parse(rows[i].line, &line) != rows[i].good)
            fail_msg("%s", rows[i].line);
        if (!rows[i].good)
            continue;
        assert_int_equal(line.gid, rows[i].gid);
        assert_string_equal(line.members, rows[i].members);
    }
}

static void members(void **state)
{
    static const struct {
        const char *list, *user;
        bool expected;
    } rows[] = {
        { "a", "a", true },
        { "a,b,c", "a", true },
        { "a,b,c", "b", true },
        { "a,b,c", "c", true },
        { "a,b,c", "d", false },
        { "ab,c", "a", false },
        { "a,c", "ab", false },
        { "xa", "a", false },
        { "", "a", false },
        { "", "", false },
        { ",a", "a", true },
        { "a,,b", "b", true },
        { "a,", "a", true },
        { "a, b", "b", false },
        { "a:b", "a", true },
        { "a:b", "b", false }, /* behind the member field */
        { "b:a,c", "c", false },
        { "a,b", "a,b", false },
        { "1000", "1000", true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct group_line group = { .members = rows[i].list };

        if (group_has_member(&group, rows[i].user) != rows[i].expected)
            fail_msg("%s in %s", rows[i].user, rows[i].list);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(number_length),
        cmocka_unit_test(passwd_lines),
        cmocka_unit_test(group_lines),
        cmocka_unit_test(members),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
