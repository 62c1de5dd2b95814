/* Properties of units: from text to what D-Bus wants, and back to what they were. */
#include "helper.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct items {
    sd_bus_message *message;
    char *rest; /* NULL: no more */
};

static const char *next(struct items *items)
{
    return items->rest != NULL ? strsep(&items->rest, "\t") : NULL;
}

/* One item of a basic type. -ENODATA: there is none. */
static int append_basic(struct items *items, char type)
{
    const char *text = next(items);
    unsigned long long value;
    char *end;

    if (text == NULL)
        return -ENODATA;
    if (type == 's')
        return sd_bus_message_append_basic(items->message, 's', text);
    if (type == 'b')
        return sd_bus_message_append(items->message, "b", strcmp(text, "true") == 0);
    errno = 0;
    value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0')
        return -EINVAL;
    if (type == 't')
        return sd_bus_message_append(items->message, "t", (uint64_t)value);
    if (type == 'u')
        return sd_bus_message_append(items->message, "u", (uint32_t)value);
    if (type == 'i')
        return sd_bus_message_append(items->message, "i", (int32_t)value);
    return -EOPNOTSUPP;
}

static int hex(char c)
{
    const char digits[] = "0123456789abcdef", *at = c != '\0' ? strchr(digits, c) : NULL;

    return at != NULL ? (int)(at - digits) : -1;
}

/* "ay": two hexadecimal digits each, without a separator. */
static int append_bytes(struct items *items)
{
    char *text = items->rest != NULL ? items->rest : NULL;
    size_t count = text != NULL ? strlen(text) / 2 : 0;

    for (size_t i = 0; i < count; i++) {
        int high = hex(text[2 * i]), low = hex(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return -EINVAL;
        text[i] = (char)(high * 16 + low);
    }
    return sd_bus_message_append_array(items->message, 'y', text, count);
}

/* "as", "au", "a(ss)", "a(st)": every so many items are one element. */
static int append_array(struct items *items, const char *element)
{
    bool tuple = element[0] == '(';
    char types[8];
    int r, length = snprintf(types, sizeof(types), "%s", element + tuple);

    if (length >= (int)sizeof(types))
        return -EOPNOTSUPP;
    types[strcspn(types, ")")] = '\0';
    r = sd_bus_message_open_container(items->message, 'a', element);
    while (r >= 0 && items->rest != NULL) {
        if (tuple)
            r = sd_bus_message_open_container(items->message, 'r', types);
        for (const char *type = types; r >= 0 && *type != '\0'; type++)
            r = append_basic(items, *type);
        if (r >= 0 && tuple)
            r = sd_bus_message_close_container(items->message);
    }
    return r < 0 ? r : sd_bus_message_close_container(items->message);
}

static int open_property(sd_bus_message *message, const char *name, const char *type)
{
    int r = sd_bus_message_open_container(message, 'r', "sv");

    if (r >= 0)
        r = sd_bus_message_append_basic(message, 's', name);
    return r < 0 ? r : sd_bus_message_open_container(message, 'v', type);
}

static int close_property(sd_bus_message *message)
{
    int r = sd_bus_message_close_container(message);

    return r < 0 ? r : sd_bus_message_close_container(message);
}

int property_append(struct helper *helper, sd_bus_message *message, char *line)
{
    struct items items = { message, line };
    const char *name = next(&items), *type = next(&items);
    int r;

    if (type == NULL || *type == '\0')
        return fail(helper, EBADMSG, "a property without a type");
    r = open_property(message, name, type);
    if (r >= 0 && strcmp(type, "ay") == 0)
        r = append_bytes(&items);
    else if (r >= 0 && type[0] == 'a')
        r = append_array(&items, type + 1);
    else if (r >= 0)
        r = append_basic(&items, type[0]);
    if (r >= 0)
        r = close_property(message);
    return r < 0 ? fail(helper, -r, "property %s: %s", name, strerror(-r)) : 0;
}

int property_append_old(
        struct helper *helper, sd_bus_message *message, const char *unit, const char *name, const char *type)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *now = NULL;
    char *path = NULL;
    int r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, &path);

    say_call(helper, "Get");
    if (r >= 0)
        r = sd_bus_get_property(helper->bus, "org.freedesktop.systemd1", path, bus_unit_interface(unit), name,
                &error, &now, type);
    if (r < 0)
        (void)fail(helper, -r, "property %s: %s", name, error.message != NULL ? error.message : strerror(-r));
    /* An empty list first: what follows is added to what is there. */
    if (r >= 0 && strcmp(type, "ay") != 0 && type[0] == 'a') {
        r = open_property(message, name, type);
        if (r >= 0)
            r = sd_bus_message_open_container(message, 'a', type + 1);
        if (r >= 0)
            r = sd_bus_message_close_container(message);
        if (r >= 0)
            r = close_property(message);
    }
    if (r >= 0)
        r = open_property(message, name, type);
    if (r >= 0)
        r = sd_bus_message_copy(message, now, 1);
    if (r >= 0)
        r = close_property(message);
    sd_bus_error_free(&error);
    sd_bus_message_unref(now);
    free(path);
    return r < 0 ? r : 0;
}
