/* Nodes, key tables and typed getters. */
#include <config/reader.h>

#include <base/buffer.h>
#include <base/util.h>

#include <stdio.h>
#include <string.h>

#define LIST_MAX 65536

struct node node_item(const struct node *array, size_t index)
{
    return (struct node){ .parent = array, .index = index, .json = json_array_get(array->json, index) };
}

struct node node_member(const struct node *object, const char *key)
{
    return (struct node){ .parent = object, .key = key, .json = json_object_get(object->json, key) };
}

static void add_pointer(struct buffer *out, const struct node *node)
{
    if (node->parent == NULL)
        return;
    add_pointer(out, node->parent); /* at most DEPTH_MAX deep */
    buffer_text(out, "/");
    if (node->key == NULL)
        buffer_printf(out, "%zu", node->index);
    for (const char *c = node->key; c != NULL && *c != '\0'; c++) {
        if (*c == '~' || *c == '/')
            buffer_text(out, *c == '~' ? "~0" : "~1");
        else
            buffer_add(out, c, 1);
    }
}

const char *node_pointer(struct reader *reader, const struct node *node)
{
    struct buffer out = { 0 };
    const char *pointer;

    add_pointer(&out, node);
    buffer_add(&out, "", 1);
    pointer = out.failed ? "" : keep(reader, out.data);
    reader->no_memory |= out.failed;
    buffer_done(&out);
    return pointer;
}

const char *keep(struct reader *reader, const char *text)
{
    const char *copy = arena_strdup(&reader->config->arena, text);

    reader->no_memory |= copy == NULL;
    return copy != NULL ? copy : "";
}

void *keep_array(struct reader *reader, size_t count, size_t size)
{
    void *array = arena_calloc(&reader->config->arena, count, size);

    reader->no_memory |= array == NULL;
    return array;
}

bool get_array(struct reader *reader, const struct node *node, const char *expected, size_t max)
{
    if (!json_is_array(node->json)) {
        complain_expected(reader, node, expected);
        return false;
    }
    if (json_array_size(node->json) > max) {
        complain(reader, node, "at most %zu entries are possible, found %zu", max,
                json_array_size(node->json));
        return false;
    }
    return true;
}

void *read_items(struct reader *reader, const struct node *node, const char *expected, size_t max,
        size_t size, read_function read, size_t *ret_count)
{
    size_t count = json_array_size(node->json);
    char *items;

    *ret_count = 0;
    if (!get_array(reader, node, expected, max))
        return NULL;
    items = keep_array(reader, count, size);
    if (items == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        struct node item = node_item(node, i);

        read(reader, &item, items + i * size);
    }
    *ret_count = count;
    return items;
}

bool get_integer(struct reader *reader, const struct node *node, int64_t min, int64_t max, int64_t *ret)
{
    json_int_t value = json_integer_value(node->json);
    char expected[96];

    if (json_is_integer(node->json) && value >= min && value <= max) {
        *ret = value;
        return true;
    }
    if (max == INT64_MAX)
        (void)snprintf(expected, sizeof(expected), "an integer of at least %lld", (long long)min);
    else
        (void)snprintf(
                expected, sizeof(expected), "an integer from %lld to %lld", (long long)min, (long long)max);
    complain_expected(reader, node, expected);
    return false;
}

/* What syntax.c had to make a real of, from the text. */
static bool get_wide(struct reader *reader, const struct node *node, uint64_t *ret)
{
    const struct lc_config *config = reader->config;
    size_t offset;
    char *end;

    if (!reader->oci || !json_is_real(node->json) || json_real_value(node->json) < (double)INT64_MAX ||
            position_of_value(config->text, config->length, node_pointer(reader, node), &offset) < 0)
        return false;
    errno = 0;
    *ret = strtoull(config->text + offset, &end, 10);
    return errno == 0 && strchr(".eE", *end) == NULL;
}

bool get_unsigned(struct reader *reader, const struct node *node, uint64_t min, uint64_t max, uint64_t *ret)
{
    json_int_t value = json_integer_value(node->json);
    uint64_t number = (uint64_t)value;
    char expected[96];

    if (((json_is_integer(node->json) && value >= 0) || get_wide(reader, node, &number)) && number >= min &&
            number <= max) {
        *ret = number;
        return true;
    }
    (void)snprintf(expected, sizeof(expected), "an integer from %llu to %llu", (unsigned long long)min,
            (unsigned long long)max);
    complain_expected(reader, node, expected);
    return false;
}

const char *get_text(struct reader *reader, const struct node *node)
{
    if (!json_is_string(node->json))
        complain_expected(reader, node, "a string");
    return json_string_value(node->json);
}

bool get_mode(struct reader *reader, const struct node *node, int64_t max, int64_t *ret)
{
    const char *text = json_string_value(node->json);
    char expected[80];

    if (text != NULL && strlen(text) <= 6 && *text != '\0' && text[strspn(text, "01234567")] == '\0')
        *ret = strtol(text, NULL, 8);
    else if (json_is_integer(node->json))
        *ret = json_integer_value(node->json);
    else
        *ret = -1;
    if (*ret >= 0 && *ret <= max)
        return true;
    (void)snprintf(expected, sizeof(expected), "an integer from 0 to %lld or an octal string up to \"0%llo\"",
            (long long)max, (unsigned long long)max);
    complain_expected(reader, node, expected);
    return false;
}

bool path_has_dots(const char *path)
{
    while (*path != '\0') {
        size_t length = strcspn(path, "/");

        if (length == 2 && path[0] == '.' && path[1] == '.')
            return true;
        path += length;
        path += *path == '/';
    }
    return false;
}

bool path_is_root(const char *path)
{
    while (*path != '\0') {
        size_t length = strcspn(path, "/");

        if (length > 1 || (length == 1 && *path != '.'))
            return false;
        path += length;
        path += *path == '/';
    }
    return true;
}

void read_bool(struct reader *reader, const struct node *node, void *target)
{
    if (json_is_boolean(node->json))
        *(bool *)target = json_is_true(node->json);
    else
        complain_expected(reader, node, "true or false");
}

void read_text(struct reader *reader, const struct node *node, void *target)
{
    const char *text = get_text(reader, node);

    if (text != NULL)
        *(const char **)target = keep(reader, text);
}

void read_optional_text(struct reader *reader, const struct node *node, void *target)
{
    const char *text = get_text(reader, node);

    if (text != NULL && *text != '\0')
        *(const char **)target = keep(reader, text);
}

void read_absolute_path(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);

    if (text != NULL && *text == '/')
        *(const char **)target = keep(reader, text);
    else
        complain_expected(reader, node, "an absolute path");
}

void read_id(struct reader *reader, const struct node *node, void *target)
{
    int64_t value;

    if (get_integer(reader, node, 0, ID_MAX, &value))
        *(uint32_t *)target = (uint32_t)value;
}

void read_ignored(struct reader *reader, const struct node *node, void *target)
{
    (void)reader;
    (void)node;
    (void)target;
}

bool has_control(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return true;
    return false;
}

size_t get_object(struct reader *reader, const struct node *node, const char *expected, size_t max)
{
    size_t count = json_object_size(node->json);

    if (!json_is_object(node->json)) {
        complain_expected(reader, node, expected);
        return SIZE_MAX;
    }
    if (count > max) {
        complain(reader, node, "at most %zu entries are possible, found %zu", max, count);
        return SIZE_MAX;
    }
    return count;
}

void read_unsupported(struct reader *reader, const struct node *node, void *target)
{
    (void)target;
    complain_key(reader, node, NULL, "\"%s\" is not supported by this version of libcontainer", node->key);
}

void read_text_list(struct reader *reader, const struct node *node, check_function check,
        const char ***ret_list, size_t *ret_count)
{
    const char **list;

    if (!get_array(reader, node, "an array of strings", LIST_MAX))
        return;
    list = keep_array(reader, json_array_size(node->json) + 1, sizeof(*list));
    if (list == NULL)
        return;
    *ret_list = list;
    *ret_count = 0;
    for (size_t i = 0; i < json_array_size(node->json); i++) {
        struct node item = node_item(node, i);
        const char *text = get_text(reader, &item);

        if (text != NULL && check(reader, &item, text))
            list[(*ret_count)++] = keep(reader, text);
    }
}
