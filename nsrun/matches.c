/* The containers that an extended regular expression finds: "kill --regex", "delete --regex". */
#include "nsrun.h"

#include <jansson.h>
#include <regex.h>
#include <stdlib.h>

static json_t *list(const struct call *call, struct lc_runtime *runtime)
{
    struct lc_error *err = NULL;
    char *text = NULL;
    json_t *states = NULL;
    int r = lc_container_list(runtime, &text, &err);

    if (r < 0)
        (void)report_failure(call, r, err);
    else
        states = states_parse(call, text);
    free(text);
    return states;
}

int runtime_each(const struct call *call, const char *pattern,
        int (*function)(const struct call *call, struct lc_runtime *runtime, const char *id))
{
    struct lc_runtime *runtime = NULL;
    json_t *states = NULL;
    regex_t expression;
    int status;

    if (regcomp(&expression, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return report_text(call, "\"%s\" is no regular expression", pattern);
    status = runtime_open(call, &runtime);
    if (status == 0)
        states = list(call, runtime);
    if (states == NULL)
        status = 1;
    for (size_t i = 0; i < json_array_size(states); i++) {
        const char *id = json_string_value(json_object_get(json_array_get(states, i), "id"));

        if (id != NULL && regexec(&expression, id, 0, NULL, 0) == 0)
            (void)function(call, runtime, id);
    }
    json_decref(states);
    lc_runtime_free(runtime);
    regfree(&expression);
    return status;
}
