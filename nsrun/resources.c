#include "resources.h"

#include <cli/units.h>

#include <jansson.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum kind { TEXT, NUMBER, UNSIGNED, SIZE };

static const struct {
    size_t offset;
    const char *option, *section, *key;
    enum kind kind;
} limits[] = {
#define X(member, option, kind, section, key, help)                                                          \
    { offsetof(struct resources_given, member), option, section, key, kind },
    RESOURCES(X)
#undef X
};

static json_t *value_of(enum kind kind, const char *text)
{
    unsigned long long positive;
    long long number;

    switch (kind) {
    case TEXT:
        return json_string(text);
    case NUMBER:
        return units_number(text, &number) ? json_integer(number) : NULL;
    case SIZE:
        return units_size(text, &number) ? json_integer(number) : NULL;
    case UNSIGNED:
        break;
    }
    if (!units_unsigned(text, &positive) || positive > LLONG_MAX)
        return NULL;
    return json_integer((json_int_t)positive);
}

const char *resources_option(const char *pointer)
{
    char ending[64];

    for (size_t i = 0; pointer != NULL && i < sizeof(limits) / sizeof(limits[0]); i++) {
        int length = snprintf(ending, sizeof(ending), "/%s/%s", limits[i].section, limits[i].key);
        size_t before = strlen(pointer) - (size_t)length;

        if (strlen(pointer) >= (size_t)length && strcmp(pointer + before, ending) == 0)
            return limits[i].option;
    }
    return NULL;
}

static int add(json_t *resources, size_t i, json_t *value)
{
    json_t *section = json_object_get(resources, limits[i].section);

    if (section != NULL)
        return json_object_set_new(section, limits[i].key, value);
    return json_object_set_new(resources, limits[i].section, json_pack("{s:o}", limits[i].key, value));
}

char *resources_text(const struct resources_given *given, struct resources_wrong *ret_wrong)
{
    static const char *const expected[] = {
        [TEXT] = "text",
        [NUMBER] = "a whole number of 64 bits",
        [UNSIGNED] = "a whole number from 0 to 9223372036854775807",
        [SIZE] = "a size in bytes, or with k, m, g or t, below 8 EiB",
    };
    json_t *resources = json_object();
    char *text;
    int r = 0;

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]) && r == 0; i++) {
        const char *option = *(const char *const *)((const char *)given + limits[i].offset);
        json_t *value;

        /* As scripts have it, an empty text is an option that was not given. */
        if (option == NULL || *option == '\0')
            continue;
        value = value_of(limits[i].kind, option);
        if (value == NULL)
            *ret_wrong = (struct resources_wrong){ limits[i].option, option, expected[limits[i].kind] };
        r = value != NULL ? add(resources, i, value) : -1;
    }
    text = r == 0 ? json_dumps(resources, JSON_COMPACT) : NULL;
    json_decref(resources);
    return text;
}
