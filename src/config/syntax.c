/* From text to tree. jansson finds what is not JSON; this file says where that is. */
#include <config/reader.h>

#include <base/buffer.h>
#include <base/util.h>

#include <stdio.h>
#include <string.h>

/* jansson's words for these speak of its own flags. */
static const struct {
    enum json_error_code code;
    const char *text;
} friendly[] = {
    { json_error_null_character, "a string must not contain NUL (\\u0000)" },
    { json_error_null_byte_in_key, "a key must not contain NUL (\\u0000)" },
    { json_error_invalid_utf8, "the text is not valid UTF-8" },
    { json_error_end_of_input_expected, "unexpected text after the end of the configuration" },
    { json_error_numeric_overflow, "the number is too large" },
    { json_error_duplicate_key, "the key is given twice" },
};

static void complain_syntax(struct reader *reader, const json_error_t *error)
{
    const struct lc_config *config = reader->config;
    enum json_error_code code = json_error_code(error);
    size_t after = error->position > 0 ? (size_t)error->position : 0;
    char words[JSON_ERROR_TEXT_LENGTH + 32];
    const char *text = NULL;
    struct place place;

    if (code == json_error_out_of_memory) {
        reader->no_memory = true;
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(friendly) && text == NULL; i++)
        if (friendly[i].code == code)
            text = friendly[i].text;
    if (text == NULL) {
        (void)snprintf(words, sizeof(words), "not valid JSON: %s", error->text);
        /* The words quote the file, and the file may hold anything. */
        for (char *c = words; *c != '\0'; c++)
            *c = (unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c;
        text = words;
    }
    /* jansson points behind the last byte it took; only bytes that it could not decode are not taken. */
    if (code == json_error_premature_end_of_input)
        after = config->length;
    else if (after > 0 && code != json_error_invalid_utf8)
        after--;
    place = position_at(config->text, config->length, after);
    if (code == json_error_invalid_utf8)
        place.offset = after;
    complain_offset(reader, place.offset, place.pointer, text);
    free(place.pointer);
}

static bool is_blank(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (strchr(" \t\r\n", text[i]) == NULL || text[i] == '\0')
            return false;
    return true;
}

/* jansson's integers end at 2^63-1, but limits and masks go on to 2^64-1. Such a number becomes a real of the same
 * length and about the same value, so that all positions stay; get_unsigned reads it from the text. */
static bool widen(char *number, size_t length)
{
    char *end;

    errno = 0;
    if (length < 19 || length > 20 || *number == '-' ||
            strtoull(number, &end, 10) <= (unsigned long long)INT64_MAX || errno != 0 ||
            end != number + length)
        return false;
    number[length - 2] = 'e';
    number[length - 1] = (char)('0' + 2);
    return true;
}

/* A copy of the text with all such numbers replaced; NULL when there are none. */
static char *widen_all(struct reader *reader, const char *text, size_t length)
{
    char *copy = malloc(length + 1);
    bool inside = false, any = false;

    if (copy == NULL) {
        reader->no_memory = true;
        return NULL;
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    for (size_t i = 0; i < length; i++) {
        size_t size;

        if (copy[i] == '"')
            inside = !inside;
        if (copy[i] == '\\' && inside)
            i++;
        if (inside || copy[i] < '0' || copy[i] > '9')
            continue;
        size = strspn(copy + i, "0123456789+-.eE");
        any |= widen(copy + i, size);
        i += size - 1;
    }
    if (!any) {
        free(copy);
        copy = NULL;
    }
    return copy;
}

static json_t *load_text(struct reader *reader, const char *text, size_t length, json_error_t *error)
{
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY;
    json_t *tree = json_loadb(text, length, flags, error);
    CLEAN_FREE char *copy = NULL;

    if (tree == NULL && reader->oci && json_error_code(error) == json_error_numeric_overflow)
        copy = widen_all(reader, text, length);
    return copy != NULL ? json_loadb(copy, length, flags, error) : tree;
}

/* The text with null in the place of all values of the survey, or of those that are left out. */
static void add_without(
        struct buffer *out, const struct lc_config *config, const struct survey *survey, bool all)
{
    size_t at = 0;

    for (size_t i = 0; i < survey->count; i++) {
        if (!all && !survey->found[i].left_out)
            continue;
        buffer_add(out, config->text + at, survey->found[i].start - at);
        buffer_text(out, "null");
        at = survey->found[i].end;
    }
    buffer_add(out, config->text + at, config->length - at);
}

/* NULL: nothing may be left out, or the rest is not good; then it is the whole text that has to say what is wrong. */
static json_t *load_rest(struct reader *reader, struct survey *survey)
{
    struct buffer rest = { 0 };
    json_error_t error;
    json_t *tree = NULL;
    bool any = false;

    for (size_t i = 0; i < survey->count; i++) {
        struct survey_value *value = &survey->found[i];
        const char *text = reader->config->text + value->start;

        value->left_out = value->row->leave_out != NULL &&
                          value->row->leave_out(reader, text, value->end - value->start);
        any |= value->left_out;
    }
    if (!any)
        return NULL;
    add_without(&rest, reader->config, survey, false);
    if (!rest.failed)
        tree = load_text(reader, rest.data, rest.length, &error);
    buffer_done(&rest);
    return tree;
}

static void keep_join(struct reader *reader, const struct survey *survey)
{
    struct config_oci *oci = &reader->config->oci;
    struct buffer join = { 0 };

    add_without(&join, reader->config, survey, true);
    if (!join.failed)
        oci->join = arena_strndup(&reader->config->arena, join.data, join.length);
    oci->join_length = join.length;
    reader->no_memory |= oci->join == NULL;
    buffer_done(&join);
}

/* Go's encoders write null for what is not there. */
static void drop_nulls(json_t *json)
{
    const char *key;
    json_t *value;
    size_t i;
    void *next;

    if (json_is_object(json)) {
        json_object_foreach_safe(json, next, key, value)
        {
            if (json_is_null(value))
                (void)json_object_del(json, key);
            else
                drop_nulls(value); /* at most DEPTH_MAX deep */
        }
    } else if (json_is_array(json)) {
        json_array_foreach(json, i, value)
        {
            drop_nulls(value);
        }
    }
}

json_t *syntax_load(struct reader *reader)
{
    static const struct survey_row nothing = { 0 };
    const struct lc_config *config = reader->config;
    const struct survey_row *rows = reader->survey != NULL ? reader->survey : &nothing;
    struct survey survey;
    struct place place;
    json_error_t error;
    json_t *tree;

    if (is_blank(config->text, config->length)) {
        complain_offset(reader, 0, "", "the file is empty: expected a JSON object");
        return NULL;
    }
    if (!position_survey(config->text, config->length, rows, &survey, &place)) {
        complain_offset(reader, place.offset, place.pointer, "nested more than 64 levels deep");
        free(place.pointer);
        return NULL;
    }
    tree = load_rest(reader, &survey);
    if (tree == NULL)
        tree = load_text(reader, config->text, config->length, &error);
    if (tree == NULL && !reader->no_memory)
        complain_syntax(reader, &error);
    if (tree != NULL && reader->survey != NULL)
        keep_join(reader, &survey);
    if (reader->oci)
        drop_nulls(tree);
    return tree;
}
