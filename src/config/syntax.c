/* From text to tree. jansson finds what is not JSON; this file says where that is. */
#include "reader.h"

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

json_t *syntax_load(struct reader *reader)
{
    const struct lc_config *config = reader->config;
    struct place place;
    json_error_t error;
    json_t *tree;

    if (is_blank(config->text, config->length)) {
        complain_offset(reader, 0, "", "the file is empty: expected a JSON object");
        return NULL;
    }
    if (position_too_deep(config->text, config->length, &place)) {
        complain_offset(reader, place.offset, place.pointer, "nested more than 64 levels deep");
        free(place.pointer);
        return NULL;
    }
    tree = json_loadb(config->text, config->length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (tree == NULL)
        complain_syntax(reader, &error);
    return tree;
}
