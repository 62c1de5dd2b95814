/* The states that the library answers, as runc prints them: scripts compare the order of the keys. */
#include "nsrun.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char *const keys[] = { "ociVersion", "id", "pid", "status", "bundle", "rootfs", "created",
    "annotations", "owner" };

static bool is_known(const char *key)
{
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return false;
}

static json_t *in_order(json_t *state)
{
    json_t *ret = json_object(), *value;
    const char *key;
    int r = 0;

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        value = json_object_get(state, keys[i]);
        if (value != NULL)
            r |= json_object_set(ret, keys[i], value);
    }
    json_object_foreach(state, key, value) if (!is_known(key)) r |= json_object_set(ret, key, value);
    if (r == 0)
        return ret;
    json_decref(ret);
    return NULL;
}

static json_t *array_in_order(json_t *states)
{
    json_t *ret = json_array();
    int r = 0;

    for (size_t i = 0; i < json_array_size(states); i++)
        r |= json_array_append_new(ret, in_order(json_array_get(states, i)));
    if (r == 0)
        return ret;
    json_decref(ret);
    return NULL;
}

json_t *states_parse(const struct call *call, const char *text)
{
    json_error_t error;
    json_t *value = json_loads(text, 0, &error), *ret = NULL;

    if (json_is_array(value))
        ret = array_in_order(value);
    else if (json_is_object(value))
        ret = in_order(value);
    json_decref(value);
    if (ret == NULL)
        (void)report_text(call, "a state that is no JSON: %s", value == NULL ? error.text : "out of memory");
    return ret;
}

int states_print(const struct call *call, json_t *value, size_t flags)
{
    char *text = json_dumps(value, flags);
    int status;

    json_decref(value);
    if (text == NULL)
        return report_text(call, "out of memory");
    status = print_document(call, text);
    free(text);
    return status;
}
