/* What exec makes of its options before the library sees them. */
#include "nsrun.h"

#include <cli/units.h>

#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

unsigned int *list_numbers(const struct option_list *list, const char **ret_wrong)
{
    unsigned int *numbers = calloc(list->n + 1, sizeof(*numbers));
    unsigned long long number;

    for (size_t i = 0; i < list->n && numbers != NULL; i++) {
        if (!units_unsigned(list->items[i], &number) || number >= UINT_MAX) {
            *ret_wrong = list->items[i];
            free(numbers);
            return NULL;
        }
        numbers[i] = (unsigned int)number;
    }
    return numbers;
}

char *list_join(const struct option_list *list)
{
    size_t room = 1;
    char *text, *at;

    for (size_t i = 0; i < list->n; i++)
        room += strlen(list->items[i]) + 1;
    text = at = calloc(1, room);
    for (size_t i = 0; i < list->n && at != NULL; i++) {
        if (i > 0)
            *at++ = '\n';
        at = stpcpy(at, list->items[i]);
    }
    return text;
}

bool process_has_terminal(const char *text)
{
    json_t *process = json_loads(text, 0, NULL);
    bool terminal = json_is_true(json_object_get(process, "terminal"));

    json_decref(process);
    return terminal;
}
