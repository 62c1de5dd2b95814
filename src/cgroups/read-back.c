/* Does what a file of a group says mean what was written into it? Pure. */
#include "internal.h"

#include <base/util.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* The kernel rounds bytes down to pages, and says "no limit" as a number near the largest. */
#define PAGE_MIN 4096
#define PAGE_MAX 65536
#define HUGE_PAGE_MAX (INT64_C(16) << 30)
#define NO_LIMIT (INT64_MAX / 2)

static bool is_number(const char *text, int64_t *ret)
{
    char *end;

    *ret = strtoll(text, &end, 10);
    return end != text && *end == '\0';
}

static bool is_list(const char *text)
{
    return *text != '\0' && text[strspn(text, "0123456789,-")] == '\0' && isdigit((unsigned char)*text);
}

/* "no limit", in the words of either version */
static bool is_unlimited(const char *text)
{
    int64_t number;

    return strcmp(text, "max") == 0 || (is_number(text, &number) && (number == -1 || number >= NO_LIMIT));
}

static bool same_value(const char *file, const char *wanted, const char *found)
{
    int64_t page = strncmp(file, "hugetlb.", strlen("hugetlb.")) == 0 ? HUGE_PAGE_MAX : PAGE_MAX;
    int64_t number, other;

    if (strcmp(wanted, found) == 0 || (is_unlimited(wanted) && is_unlimited(found)))
        return true;
    if (is_number(wanted, &number) && is_number(found, &other))
        return number >= PAGE_MIN && other % PAGE_MIN == 0 && other <= number && number - other < page;
    return is_list(wanted) && is_list(found) && cpuset_same(wanted, found);
}

/* Is each "NAME=VALUE" among the words of the line? Not given: as it was. */
static bool has_words(const char *wanted, const char *line)
{
    while (*(wanted += strspn(wanted, " ")) != '\0') {
        size_t length = strcspn(wanted, " ");
        const char *word = line;

        while (*word != '\0' && (strcspn(word, " ") != length || memcmp(word, wanted, length) != 0)) {
            word += strcspn(word, " ");
            word += strspn(word, " ");
        }
        if (*word == '\0')
            return false;
        wanted += length;
    }
    return true;
}

/* What stands behind the key on its line; false: there is no such line. */
static bool find_line(const char *text, const char *key, char *line, size_t size)
{
    size_t length = strlen(key);

    while (*text != '\0') {
        size_t end = strcspn(text, "\n");

        if (end > length && end - length <= size && strncmp(text, key, length) == 0 && text[length] == ' ') {
            memcpy(line, text + length + 1, end - length - 1);
            line[end - length - 1] = '\0';
            return true;
        }
        text += end + (text[end] == '\n');
    }
    return false;
}

bool cgroup_in_force(
        const char *file, const char *key, const char *value, const char *neutral, const char *text)
{
    static const char *const titles[] = { "oom_kill_disable ", "default " };
    char line[4096];

    if (key != NULL && !find_line(text, key, line, sizeof(line)))
        return strcmp(value, neutral) == 0;
    if (key != NULL)
        return has_words(value + strlen(key), line) || strcmp(value, neutral) == 0;
    for (size_t i = 0; i < ARRAY_SIZE(titles); i++) {
        if (strncmp(text, titles[i], strlen(titles[i])) == 0)
            text += strlen(titles[i]);
    }
    if (strcspn(text, "\n") >= sizeof(line))
        return false;
    memcpy(line, text, strcspn(text, "\n"));
    line[strcspn(text, "\n")] = '\0';
    return same_value(file, value, line);
}
