/* A profile as JSON, as the security room takes it: what the room of config.json does with much more care. */
#ifndef SECCOMP_PROFILE_H
#define SECCOMP_PROFILE_H

#include "unit.h"

#include <security/seccomp.h>

#include <jansson.h>

static inline const char **profile_strings(struct arena *arena, const json_t *list, size_t *ret_count)
{
    const char **strings = arena_calloc(arena, json_array_size(list) + 1, sizeof(*strings));

    assert_non_null(strings);
    for (*ret_count = 0; *ret_count < json_array_size(list); (*ret_count)++)
        strings[*ret_count] = arena_strdup(arena, json_string_value(json_array_get(list, *ret_count)));
    return strings;
}

static inline struct config_number profile_number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return (struct config_number){ value != NULL, value != NULL ? json_integer_value(value) : 0 };
}

static inline const char *profile_string(struct arena *arena, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return value != NULL ? arena_strdup(arena, json_string_value(value)) : NULL;
}

static inline void profile_rule(
        struct arena *arena, const json_t *from, size_t at, struct config_seccomp_rule *ret)
{
    const json_t *args = json_object_get(from, "args");

    ret->pointer = arena_printf(arena, "/linux/seccomp/syscalls/%zu", at);
    ret->names = profile_strings(arena, json_object_get(from, "names"), &ret->n_names);
    ret->action = profile_string(arena, from, "action");
    ret->errno_ret = profile_number(from, "errnoRet");
    ret->n_args = json_array_size(args);
    ret->args = arena_calloc(arena, ret->n_args + 1, sizeof(*ret->args));
    for (size_t i = 0; i < ret->n_args; i++) {
        const json_t *arg = json_array_get(args, i);

        ret->args[i] = (struct config_seccomp_arg){ (uint32_t)profile_number(arg, "index").value,
            (uint64_t)profile_number(arg, "value").value, (uint64_t)profile_number(arg, "valueTwo").value,
            profile_string(arena, arg, "op") };
    }
}

static inline struct config_seccomp profile_take(struct arena *arena, json_t *root)
{
    struct config_seccomp profile = { .present = true };
    const json_t *rules = json_object_get(root, "syscalls");

    assert_non_null(root);
    profile.default_action = profile_string(arena, root, "defaultAction");
    profile.default_errno = profile_number(root, "defaultErrnoRet");
    profile.architectures =
            profile_strings(arena, json_object_get(root, "architectures"), &profile.n_architectures);
    profile.flags = profile_strings(arena, json_object_get(root, "flags"), &profile.n_flags);
    profile.flags_given = json_object_get(root, "flags") != NULL;
    profile.listener_path = profile_string(arena, root, "listenerPath");
    profile.n_rules = json_array_size(rules);
    profile.rules = arena_calloc(arena, profile.n_rules + 1, sizeof(*profile.rules));
    for (size_t i = 0; i < profile.n_rules; i++)
        profile_rule(arena, json_array_get(rules, i), i, &profile.rules[i]);
    json_decref(root);
    return profile;
}

/* Single quotes stand for double ones. */
static inline struct config_seccomp profile_parse(struct arena *arena, const char *text)
{
    char *copy = arena_strdup(arena, text);

    assert_non_null(copy);
    for (char *at = copy; *at != '\0'; at++)
        if (*at == '\'')
            *at = '"';
    return profile_take(arena, json_loads(copy, 0, NULL));
}

/* docker's default profile. */
static const char docker[] = SECCOMP_DATA "/docker-seccomp.json";

struct filter {
    struct arena arena;
    struct config_seccomp profile;
    struct seccomp_filter made;
};

static inline void filter_from(struct filter *filter, const char *text)
{
    struct lc_error *error = NULL;

    *filter = (struct filter){ 0 };
    filter->profile = text == docker ? profile_take(&filter->arena, json_load_file(docker, 0, NULL))
                                     : profile_parse(&filter->arena, text);
    filter->profile.text = text; /* the file's name will do: it need only differ from the others */
    filter->profile.length = strlen(text);
    if (seccomp_compile(&filter->profile, &filter->made, &error) < 0)
        fail_msg("%s", error_format(error));
}

static inline void filter_done(struct filter *filter)
{
    seccomp_filter_done(&filter->made);
    arena_done(&filter->arena);
}

#define ALLOW_BUT(rules) "{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[" rules "]}"

#endif
