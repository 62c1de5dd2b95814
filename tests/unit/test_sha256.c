#include "unit.h"

#include <base/sha256.h>

/* FIPS 180-4's own examples, and the lengths around the end of a block. */
static const struct {
    const char *text;
    size_t times;
    const char *digest;
} rows[] = {
    { "", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
    { "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
    { "a", 55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318" },
    { "a", 63, "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34" },
    { "a", 64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb" },
    { "a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
};

static void test_digests(void **state)
{
    int wrong = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        size_t size = strlen(rows[i].text);
        CLEAN_FREE char *text = malloc(size * rows[i].times + 1);
        char digest[2 * SHA256_SIZE + 1];
        uint8_t bytes[SHA256_SIZE];

        assert_non_null(text);
        for (size_t j = 0; j < rows[i].times; j++)
            memcpy(text + j * size, rows[i].text, size);
        sha256(text, size * rows[i].times, bytes);
        for (size_t j = 0; j < SHA256_SIZE; j++)
            (void)snprintf(digest + 2 * j, 3, "%02x", bytes[j]);
        if (strcmp(digest, rows[i].digest) != 0) {
            print_error("%zu times \"%s\": %s\n", rows[i].times, rows[i].text, digest);
            wrong++;
        }
    }
    ASSERT_ROWS(wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_digests) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
