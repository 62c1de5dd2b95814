#include "passwd.h"

#include <errno.h>
#include <string.h>

int passwd_number(const char *text, size_t length, uint32_t *ret_number)
{
    uint64_t value = 0;

    if (length == 0)
        return -EINVAL;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -EINVAL;
        value = value * 10 + (uint64_t)(text[i] - '0');
        if (value >= UINT32_MAX) /* 2^32-1 means "no change" to setresuid */
            return -EINVAL;
    }
    *ret_number = (uint32_t)value;
    return 0;
}

/* Field `index` of a colon-separated line. */
static bool field(const char *line, int index, const char **ret, size_t *ret_length)
{
    while (index-- > 0) {
        line = strchr(line, ':');
        if (line == NULL)
            return false;
        line++;
    }
    *ret = line;
    *ret_length = strcspn(line, ":");
    return true;
}

static bool number_field(const char *line, int index, uint32_t *ret)
{
    const char *text;
    size_t length;

    return field(line, index, &text, &length) && passwd_number(text, length, ret) == 0;
}

bool passwd_parse(const char *line, struct passwd_line *ret)
{
    return field(line, 0, &ret->name, &ret->name_length) && ret->name_length > 0 &&
           number_field(line, 2, &ret->uid) && number_field(line, 3, &ret->gid);
}

bool group_parse(const char *line, struct group_line *ret)
{
    size_t length;

    return field(line, 0, &ret->name, &ret->name_length) && ret->name_length > 0 &&
           number_field(line, 2, &ret->gid) && field(line, 3, &ret->members, &length);
}

bool group_has_member(const struct group_line *group, const char *user)
{
    const char *at = group->members;
    size_t wanted = strlen(user);

    while (*at != '\0') {
        size_t length = strcspn(at, ",:");

        if (length == wanted && memcmp(at, user, length) == 0)
            return true;
        at += length;
        if (*at != ',')
            return false;
        at++;
    }
    return false;
}
