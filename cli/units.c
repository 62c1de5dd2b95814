#include <cli/units.h>

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool units_number(const char *text, long long *ret)
{
    char *end;
    long long number;

    errno = 0;
    number = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || isspace((unsigned char)text[0]))
        return false;
    *ret = number;
    return true;
}

bool units_unsigned(const char *text, unsigned long long *ret)
{
    char *end;
    unsigned long long number;

    if (!isdigit((unsigned char)text[0]))
        return false;
    errno = 0;
    number = strtoull(text, &end, 10);
    if (*end != '\0' || errno != 0)
        return false;
    *ret = number;
    return true;
}

/* The power of 1024 that a suffix stands for, -1 when it is none. */
static int power(const char *suffix)
{
    static const char letters[] = "kmgtp";
    const char *letter;

    if (*suffix == ' ')
        suffix++;
    if (*suffix == '\0' || strcasecmp(suffix, "b") == 0)
        return 0;
    letter = strchr(letters, tolower((unsigned char)*suffix));
    if (letter == NULL)
        return -1;
    suffix++;
    if (*suffix == '\0' || strcasecmp(suffix, "b") == 0 || strcasecmp(suffix, "ib") == 0)
        return (int)(letter - letters) + 1;
    return -1;
}

bool units_size(const char *text, long long *ret)
{
    long long whole;
    double number;
    char *end;
    int up;

    if (units_number(text, &whole)) {
        *ret = whole;
        return whole >= -1;
    }
    if (!isdigit((unsigned char)text[0]) || strncasecmp(text, "0x", 2) == 0)
        return false;
    number = strtod(text, &end);
    up = power(end);
    if (up < 0 || *(end - 1) == '.')
        return false;
    for (; up > 0; up--)
        number *= 1024;
    if (number >= (double)LLONG_MAX)
        return false;
    *ret = (long long)number;
    return true;
}

bool units_duration(const char *text, long long *ret)
{
    static const struct {
        const char *name;
        double milliseconds;
    } units[] = { { "ns", 1e-6 }, { "us", 1e-3 }, { "ms", 1 }, { "s", 1e3 }, { "m", 60e3 }, { "h", 3600e3 } };
    double total = 0;

    if (*text == '\0')
        return false;
    while (*text != '\0') {
        size_t length, i;
        double number;
        char *end;

        if (!isdigit((unsigned char)*text) && *text != '.')
            return strcmp(text, "0") == 0;
        number = strtod(text, &end);
        length = strspn(end, "nmush");
        for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
            if (strlen(units[i].name) == length && strncmp(units[i].name, end, length) == 0)
                break;
        if (end == text || i == sizeof(units) / sizeof(units[0]))
            return false;
        total += number * units[i].milliseconds;
        text = end + length;
    }
    if (total > (double)INT_MAX)
        return false;
    /* Shorter than the clock's step is not the same as none. */
    *ret = total > 0 && total < 1 ? 1 : (long long)total;
    return true;
}

bool units_seconds(const char *text, long long *ret)
{
    char *end;
    double seconds;

    if (!isdigit((unsigned char)text[0]) && text[0] != '.')
        return false;
    seconds = strtod(text, &end);
    if (end == text || *end != '\0' || seconds > INT_MAX / 1e3)
        return false;
    *ret = (long long)(seconds * 1e3);
    return true;
}
