/* nsinit check: one line for every key of the file, and one for the start as a whole. */
#include "check.h"

#include <base/util.h>

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void check_environment(struct check *check, const char *key, json_t *value)
{
    check_say(check, key, true, "%zu variables, and no others", json_array_size(value));
}

static void check_plain(struct check *check, const char *key, json_t *value)
{
    (void)value;
    check_say(check, key, true, "every kernel can do this");
}

/* The table: who tries what. */
static const struct probe {
    const char *key;
    check_function *function;
} probes[] = {
    { "hostname", check_uts },
    { "domainname", check_uts },
    { "environment", check_environment },
    { "working_dir", check_working_dir },
    { "user", check_user },
    { "additional_groups", check_plain },
    { "umask", check_plain },
    { "oom_score_adj", check_oom_score },
    { "tty", check_tty },
    { "readonly_fs", check_switch },
    { "no_pivot_root", check_switch },
    { "no_new_privileges", check_no_new_privileges },
    { "namespaces", check_namespaces },
    { "uid_mappings", check_mappings },
    { "gid_mappings", check_mappings },
    { "capabilities", check_capabilities },
    { "capabilities_mask", check_capabilities },
    { "context", check_context },
    { "mounts", check_mounts },
    { "masked_paths", check_in_mount_namespace },
    { "readonly_paths", check_in_mount_namespace },
    { "devices", check_devices },
    { "rlimits", check_rlimits },
    { "sysctl", check_sysctl },
    { "networks", check_networks },
    { "cgroups", check_cgroups },
};

bool check_below(const char *pointer, const char *key)
{
    size_t length = strlen(key);

    return pointer != NULL && strncmp(pointer, key, length) == 0 &&
           (pointer[length] == '\0' || pointer[length] == '/');
}

bool check_has_namespace(const struct check *check, enum config_namespace namespace)
{
    return (check->config->namespaces & NAMESPACE_BIT(namespace)) != 0;
}

static void report(struct check *check, const char *key, bool supported, const char *text)
{
    struct lc_check_result result = { .key = key, .supported = supported, .text = text };

    check->unsupported += !supported;
    check->report(check->data, &result);
}

static void report_error(struct check *check, const char *key, struct lc_error *err)
{
    CLEAN_FREE char *text = NULL;
    const char *pointer;

    locate_errors(check->config, err);
    pointer = error_site(err)->pointer;
    text = error_format(err);
    report(check, check_below(pointer, key) ? pointer : key, false, text != NULL ? text : "out of memory");
}

/* The rehearsal has stumbled over the same key: it need not be said twice. */
static void remember(struct check *check, const char *key)
{
    if (check->start_error != NULL && check->start_told == NULL &&
            check_below(error_site(check->start_error)->pointer, key))
        check->start_told = error_site(check->start_error)->pointer;
}

void check_say(struct check *check, const char *key, bool supported, const char *fmt, ...)
{
    CLEAN_FREE char *text = NULL;
    bool told = check->start_told != NULL;
    va_list args;

    remember(check, key);
    /* What looks good by itself may have failed on the way: that says more. */
    if (supported && !told && check->start_told != NULL) {
        report_error(check, key, check->start_error);
        return;
    }
    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) < 0)
        text = NULL;
    va_end(args);
    report(check, key, supported, text != NULL ? text : "out of memory");
}

void check_fail(struct check *check, const char *key, struct lc_error *err_consumed)
{
    remember(check, key);
    report_error(check, key, err_consumed);
    error_free(err_consumed);
}

void check_outcome(struct check *check, const char *key, struct lc_error *err_consumed, const char *remark)
{
    if (err_consumed != NULL)
        check_fail(check, key, err_consumed);
    else
        check_say(check, key, true, "%s", remark);
}

void check_unknown(struct check *check, const char *key)
{
    check_say(check, key, false, "this version does not know the key, and --lenient ignores it: take it out");
}

static void check_member(struct check *check, const char *name, json_t *value)
{
    CLEAN_FREE char *key = NULL;

    if (asprintf(&key, "/%s", name) < 0) {
        key = NULL;
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(probes); i++)
        if (strcmp(probes[i].key, name) == 0) {
            probes[i].function(check, key, value);
            return;
        }
    check_unknown(check, key);
}

/* No command is run, so none has to be given; all else is as in lc_exec. */
static int take_options(const struct lc_options *given, struct lc_options *ret, struct lc_error **err)
{
    *ret = (struct lc_options){ .stdio = { -1, -1, -1 } };
    return given != NULL ? options_take(given, ret, &options_kinds[OPTIONS_EXEC], err) : 0;
}

int lc_check(const struct lc_config *config, const struct lc_options *options,
        void (*report_line)(void *data, const struct lc_check_result *result), void *data,
        struct lc_error **err)
{
    struct check check = { .config = config,
        .report = report_line,
        .data = data,
        .rootfs = -EBADF,
        .container = { .root_fd = -EBADF, .state_fd = -EBADF, .lock_fd = -EBADF, .mark_fd = -EBADF } };
    const char *name;
    json_t *value;
    int r = take_options(options, &check.options, err);

    check.tree = json_loadb(config->text, config->length, JSON_DECODE_ANY, NULL);
    if (r == 0)
        r = check_open(&check, err);
    if (r == 0) {
        check_namespaces_prepare(&check);
        check_rehearse(&check);
        json_object_foreach(check.tree, name, value) check_member(&check, name, value);
        check_start(&check);
    }
    check_close(&check);
    json_decref(check.tree);
    error_free(check.map_error);
    error_free(check.start_error);
    return r < 0 ? r : check.unsupported;
}
