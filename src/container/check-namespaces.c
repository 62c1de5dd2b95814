/* Namespaces, by making each of them, and the keys that need nothing else. */
#include "check.h"
#include "idmap.h"

#include <base/util.h>

#include <sched.h>
#include <stdio.h>
#include <string.h>

void check_namespaces_prepare(struct check *check)
{
    struct check_child child;

    for (int ns = 0; ns < NAMESPACE_MAX_; ns++) {
        int r;

        if (!check_has_namespace(check, ns))
            continue;
        r = check_child_start(check, config_namespaces[ns].clone_flag, &child);
        check->namespace_errors[ns] = -r;
        if (r < 0)
            continue;
        if (ns == NAMESPACE_USER)
            (void)idmap_write(check->config, child.pid, &check->map_error);
        check_child_end(&child);
    }
}

static void check_namespace(struct check *check, const char *key, int ns)
{
    uint64_t flags = config_namespaces[ns].clone_flag;
    struct lc_error *err = NULL;
    int errnum = check->namespace_errors[ns];

    if (check_has_namespace(check, NAMESPACE_USER))
        flags |= CLONE_NEWUSER;
    if (errnum != 0)
        (void)error_raise(&err,
                &(struct error_site){ .stage = "check",
                        .op = config_namespaces[ns].key,
                        .syscall = "clone",
                        .pointer = key,
                        .errnum = errnum,
                        .hint = errnum == EINVAL || errnum == ENOSYS ? "this kernel has no such namespace"
                                                                     : hint_clone(errnum, flags) },
                NULL);
    else if (ns == NAMESPACE_USER && check->config->n_uid_mappings == 0)
        err = TAKE_POINTER(check->map_error);
    check_outcome(check, key, err, config_namespaces[ns].key);
}

void check_namespaces(struct check *check, const char *key, json_t *value)
{
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *entry = json_array_get(value, i);
        const char *name = json_string_value(json_is_object(entry) ? json_object_get(entry, "key") : entry);
        char pointer[64];
        int ns = 0;

        (void)snprintf(pointer, sizeof(pointer), "%s/%zu", key, i);
        while (ns < NAMESPACE_MAX_ && (name == NULL || strcmp(config_namespaces[ns].key, name) != 0))
            ns++;
        if (ns < NAMESPACE_MAX_ && check_has_namespace(check, ns))
            check_namespace(check, pointer, ns);
        else
            check_say(check, pointer, true, "%s is not enabled", name != NULL ? name : "it");
    }
}

void check_mappings(struct check *check, const char *key, json_t *value)
{
    const char *at = check->map_error != NULL ? error_site(check->map_error)->pointer : NULL;

    if (json_array_size(value) == 0)
        check_say(check, key, true, "empty: 0 becomes the caller");
    else if (check->namespace_errors[NAMESPACE_USER] != 0)
        check_say(check, key, false, "user namespaces cannot be made here: see namespaces");
    else if (at != NULL && check_below(at, key))
        check_fail(check, key, TAKE_POINTER(check->map_error));
    else
        check_say(check, key, true, "%s",
                at != NULL ? "not tried, as uid_mappings failed" : "written for a process");
}

static void check_needs(struct check *check, const char *key, enum config_namespace ns, const char *remark)
{
    if (check->namespace_errors[ns] != 0)
        check_say(check, key, false, "needs %s, which cannot be made here: see namespaces",
                config_namespaces[ns].key);
    else
        check_say(check, key, true, "%s", remark);
}

void check_uts(struct check *check, const char *key, json_t *value)
{
    (void)value;
    check_needs(check, key, NAMESPACE_UTS, "set in its own UTS namespace");
}

void check_in_mount_namespace(struct check *check, const char *key, json_t *value)
{
    char remark[64];

    (void)snprintf(remark, sizeof(remark), "%zu paths, in its own mount namespace", json_array_size(value));
    check_needs(check, key, NAMESPACE_MNT, json_array_size(value) > 0 ? remark : "none");
}

void check_switch(struct check *check, const char *key, json_t *value)
{
    if (json_is_true(value))
        check_needs(check, key, NAMESPACE_MNT, "in its own mount namespace");
    else
        check_say(check, key, true, "off");
}
