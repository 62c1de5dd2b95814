#include "log.h"
#include "nsrun.h"

#include <string.h>
#include <strings.h>

/* Who calls decides, whatever it says; but a word that says nothing is a mistake, for runc too. */
static bool rootless_is_good(const char *text)
{
    bool ignored;

    return text == NULL || *text == '\0' || strcasecmp(text, "auto") == 0 || options_bool(text, &ignored);
}

int runtime_open(const struct call *call, struct lc_runtime **ret)
{
    const char *manager = call->globals->cgroup_manager != NULL ? call->globals->cgroup_manager : "cgroupfs";
    bool systemd = strcmp(manager, "systemd") == 0;
    const struct lc_runtime_options options = {
        .size = sizeof(options),
        .root = call->globals->root,
        .flags = (call->globals->systemd_cgroup || systemd ? LC_SYSTEMD_CGROUP : 0) |
                 (log_wants(LOG_DEBUG) ? LC_LOG_STEPS : 0),
        .log = log_take,
    };
    struct lc_error *err = NULL;
    int r;

    if (!rootless_is_good(call->globals->rootless))
        return report_text(call, "--rootless \"%s\": expected true, false or auto", call->globals->rootless);
    if (strcmp(manager, "disabled") == 0)
        return report_text(call, "--cgroup-manager \"disabled\": a container is never without control groups "
                                 "here: limits, pause and kill --all need them");
    if (!systemd && strcmp(manager, "cgroupfs") != 0)
        return report_text(call, "--cgroup-manager \"%s\": expected cgroupfs or systemd", manager);
    r = lc_runtime_open(&options, ret, &err);
    return r < 0 ? report_failure(call, r, err) : 0;
}

int runtime_do(const struct call *call,
        int (*function)(struct lc_runtime *runtime, const char *id, struct lc_error **err))
{
    struct lc_runtime *runtime = NULL;
    struct lc_error *err = NULL;
    int status = runtime_open(call, &runtime), r;

    if (status != 0)
        return status;
    r = function(runtime, call->arguments[0], &err);
    if (r < 0)
        status = report_failure(call, r, err);
    lc_runtime_free(runtime);
    return status;
}
