/* Real configurations of engines are taken; what a fixed sequence of damages makes of one is taken, or refused at a place. */
#include "test_oci.h"

#include <dirent.h>
#include <jansson.h>

#define ROUNDS 3000

static uint64_t state_ = UINT64_C(0x9e3779b97f4a7c15);

static size_t random_below(size_t limit)
{
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return limit > 0 ? (size_t)(state_ % limit) : 0;
}

static bool ends_with(const char *name, const char *end)
{
    size_t length = strlen(name), size = strlen(end);

    return length >= size && strcmp(name + length - size, end) == 0;
}

static int parse_any(const char *name, const char *text, size_t length, struct lc_error **err)
{
    static const char base[] = "{" HEAD "}";
    const struct oci_text config = { base, sizeof(base) - 1, "config.json" };
    const struct oci_text process = { text, length, name };
    struct lc_config *result = NULL;
    struct config_cgroups cgroups;
    struct arena arena = { 0 };
    int r;

    if (ends_with(name, ".resources.json")) {
        r = oci_parse_resources(text, length, name, &arena, &cgroups, err);
        arena_done(&arena);
        return r;
    }
    if (ends_with(name, ".process.json"))
        r = oci_parse_process(&config, &process, "/b", &result, err);
    else
        r = oci_parse(text, length, name, "/b", &result, err);
    assert_int_equal(r == 0, result != NULL);
    config_free(result);
    return r;
}

static void test_engines(void **state)
{
    DIR *directory = opendir(TEST_DATA);
    struct dirent *entry;
    unsigned count = 0;

    (void)state;
    assert_non_null(directory);
    while ((entry = readdir(directory)) != NULL) {
        struct lc_error *err = NULL;
        size_t length;
        char *text;

        if (!ends_with(entry->d_name, ".json"))
            continue;
        text = read_data(TEST_DATA, entry->d_name, &length);
        if (parse_any(entry->d_name, text, length, &err) != 0)
            print_errors(entry->d_name, err);
        assert_null(err);
        free(text);
        count++;
    }
    closedir(directory);
    assert_true(count >= 25);
}

static json_t *random_value(void)
{
    switch (random_below(12)) {
    case 0:
        return json_null();
    case 1:
        return json_true();
    case 2:
        return json_integer(-1);
    case 3:
        return json_integer(INT64_MAX);
    case 4:
        return json_integer(INT64_MIN);
    case 5:
        return json_real(1e300);
    case 6:
        return json_string("");
    case 7:
        return json_string("../../x\n\xc2\x9b");
    case 8:
        return json_array();
    case 9:
        return json_object();
    case 10:
        return json_pack("[{s:[]}]", "x");
    default:
        return json_integer((json_int_t)random_below(100));
    }
}

/* Goes down to some value and changes one of its members. */
static void damage(json_t *json)
{
    size_t count = json_is_object(json) ? json_object_size(json) : json_array_size(json), at;
    json_t *child = NULL;
    void *iter = NULL;

    if (count == 0)
        return;
    at = random_below(count);
    if (json_is_object(json)) {
        iter = json_object_iter(json);
        while (at-- > 0)
            iter = json_object_iter_next(json, iter);
        child = json_object_iter_value(iter);
    } else {
        child = json_array_get(json, at);
    }
    if (json_object_size(child) + json_array_size(child) > 0 && random_below(4) != 0) {
        damage(child);
    } else if (json_is_object(json)) {
        if (random_below(4) == 0)
            (void)json_object_del(json, json_object_iter_key(iter));
        else
            (void)json_object_iter_set_new(json, iter, random_value());
    } else if (random_below(3) == 0) {
        (void)json_array_append(json, child);
    } else {
        (void)json_array_set_new(json, at, random_value());
    }
}

static void check_refusal(const char *text, size_t length, const struct lc_error *err)
{
    for (; err != NULL; err = error_next(err)) {
        const struct error_site *site = error_site(err);
        char *line = error_format(err);

        if (site->pointer == NULL || site->line < 1 || site->column < 1)
            print_error("%.*s\n    %s\n", (int)length, text, line);
        assert_non_null(site->pointer);
        assert_true(site->line >= 1 && site->column >= 1);
        assert_non_null(line);
        free(line);
    }
}

/* A change of the text itself: cut, doubled, or with another byte. */
static size_t damage_text(char *text, size_t length)
{
    size_t at = random_below(length);

    switch (random_below(4)) {
    case 0:
        return at;
    case 1:
        text[at] = (char)random_below(256);
        return length;
    case 2:
        memmove(text + at, text + at + 1, length - at - 1);
        return length - 1;
    default:
        text[at] = "{}[]\",:0-e\\"[random_below(11)];
        return length;
    }
}

/* jansson's own numbers end before those that the room can read. */
static json_t *load_tree(char *text)
{
    static const char *const wide[] = { "18446744073709551615", "9223372036854775808" };
    json_t *json;

    for (size_t i = 0; i < ARRAY_SIZE(wide); i++)
        for (char *at = strstr(text, wide[i]); at != NULL; at = strstr(at, wide[i]))
            *at = ' ';
    json = json_loads(text, 0, NULL);
    assert_non_null(json);
    return json;
}

static void test_mutations(void **state)
{
    static const char *const names[] = { "docker20.10-opts.json", "podman4.3-userns.json", "every-field.json",
        "docker20.10-update.resources.json", "docker20.10-exec.process.json" };
    unsigned refused = 0;

    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        const char *name = names[i % ARRAY_SIZE(names)];
        struct lc_error *err = NULL;
        size_t length;
        char *text = read_data(TEST_DATA, name, &length);

        if (random_below(3) == 0) {
            length = damage_text(text, length);
        } else {
            json_t *json = load_tree(text);

            for (size_t times = 1 + random_below(3); times > 0; times--)
                damage(json);
            free(text);
            text = json_dumps(json, JSON_INDENT(1));
            assert_non_null(text);
            length = strlen(text);
            json_decref(json);
        }
        if (parse_any(name, text, length, &err) != 0) {
            assert_non_null(err);
            check_refusal(text, length, err);
            refused++;
        }
        error_free(err);
        free(text);
    }
    assert_true(refused > ROUNDS / 2);
}

/* 300 KB and more are no problem; 4 MiB are the end. */
static void test_size(void **state)
{
    size_t size = (size_t)5 << 20, length;
    char *text = malloc(size + 1);
    struct lc_config *config = NULL;
    struct lc_error *err = NULL;

    (void)state;
    assert_non_null(text);
    length = (size_t)sprintf(text, "{" HEAD ",\"process\":{\"cwd\":\"/\",\"args\":[\"a\"],\"env\":[\"A=1\"");
    while (length < (size_t)300 * 1024)
        length += (size_t)sprintf(text + length, ",\"VARIABLE_%zu=some value\"", length);
    length += (size_t)sprintf(text + length, "]}}");
    assert_int_equal(oci_parse(text, length, "config.json", "/b", &config, &err), 0);
    assert_true(config->n_environment > 5000);
    config_free(config);
    config = NULL;
    memset(text + length, ' ', size - length);
    assert_int_equal(oci_parse(text, size, "config.json", "/b", &config, &err), -EINVAL);
    assert_null(config);
    error_free(err);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engines),
        cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
