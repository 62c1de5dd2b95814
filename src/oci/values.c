/* Getters that only config.json needs. */
#include "internal.h"

#include <base/buffer.h>
#include <base/util.h>

#include <stdarg.h>
#include <string.h>

#define WARNINGS_MAX 64

static void complain_words(struct reader *reader, const struct node *node,
        const char *(*name)(const void *, size_t), const void *of)
{
    struct buffer out = { 0 };
    const char *word;

    buffer_text(&out, "one of ");
    for (size_t i = 0; (word = name(of, i)) != NULL; i++)
        buffer_printf(&out, "%s%s", i > 0 ? ", " : "", word);
    buffer_add(&out, "", 1);
    reader->no_memory |= out.failed;
    if (!out.failed)
        complain_expected(reader, node, out.data);
    buffer_done(&out);
}

struct words {
    const struct word *list;
    size_t count;
};

static const char *name_of_word(const void *of, size_t index)
{
    const struct words *words = of;

    return index < words->count ? words->list[index].name : NULL;
}

static const char *name_of_list(const void *of, size_t index)
{
    return ((const char *const *)of)[index];
}

const struct word *get_word(
        struct reader *reader, const struct node *node, const struct word *words, size_t count)
{
    const char *text = json_string_value(node->json);
    struct words all = { words, count };

    for (size_t i = 0; text != NULL && i < count; i++)
        if (strcmp(words[i].name, text) == 0)
            return &words[i];
    complain_words(reader, node, name_of_word, &all);
    return NULL;
}

uint32_t get_word_bits(struct reader *reader, const struct node *node, const struct word *words, size_t count)
{
    uint32_t bits = 0;

    if (!get_array(reader, node, "an array of strings", 64))
        return 0;
    for (size_t i = 0; i < json_array_size(node->json); i++) {
        struct node item = node_item(node, i);
        const struct word *word = get_word(reader, &item, words, count);

        bits |= word != NULL ? word->value : 0;
    }
    return bits;
}

const char *get_name(struct reader *reader, const struct node *node, const char *const *names)
{
    const char *text = json_string_value(node->json);

    for (size_t i = 0; text != NULL && names[i] != NULL; i++)
        if (strcmp(names[i], text) == 0)
            return names[i];
    complain_words(reader, node, name_of_list, names);
    return NULL;
}

bool check_any(struct reader *reader, const struct node *node, const char *text)
{
    (void)reader;
    (void)node;
    (void)text;
    return true;
}

bool check_absolute(struct reader *reader, const struct node *node, const char *text)
{
    if (*text == '/')
        return true;
    complain_expected(reader, node, "an absolute path");
    return false;
}

const char *clean_path(struct reader *reader, const char *path)
{
    char *clean = keep_array(reader, strlen(path) + 2, 1);
    size_t length = 0;

    if (clean == NULL)
        return "/";
    while (*(path += strspn(path, "/")) != '\0') {
        size_t size = strcspn(path, "/");

        if (size == 2 && path[0] == '.' && path[1] == '.') {
            while (length > 0 && clean[--length] != '/')
                ;
        } else if (size != 1 || *path != '.') {
            clean[length++] = '/';
            memcpy(clean + length, path, size);
            length += size;
        }
        path += size;
    }
    if (length == 0)
        clean[length++] = '/';
    clean[length] = '\0';
    return clean;
}

void read_number(struct reader *reader, const struct node *node, void *target)
{
    int64_t value;

    if (get_integer(reader, node, 0, UINT32_MAX, &value))
        *(uint32_t *)target = (uint32_t)value;
}

void warn(struct reader *reader, const struct node *node, const char *fmt, ...)
{
    struct lc_config *config = reader->config;
    const char *pointer = node_pointer(reader, node);
    int line = 0, column = 0;
    const char *text;
    va_list args;

    if (config->n_warnings == WARNINGS_MAX)
        return;
    if (config->warnings == NULL)
        config->warnings = keep_array(reader, WARNINGS_MAX, sizeof(*config->warnings));
    if (config->warnings == NULL)
        return;
    (void)config_locate(config->text, config->length, pointer, &line, &column);
    va_start(args, fmt);
    text = arena_vprintf(&config->arena, fmt, args);
    va_end(args);
    if (text != NULL)
        text = arena_printf(&config->arena, "%s:%d:%d: %s: %s", config->file, line, column, pointer, text);
    reader->no_memory |= text == NULL;
    if (text != NULL)
        config->warnings[config->n_warnings++] = text;
}
