/* kill, pause, resume, update, the numbers and the processes of a container with an id. */
#include "control.h"

#include <base/util.h>
#include <cgroups/resctrl.h>
#include <oci/oci.h>

#include <string.h>

/* Which class of service the container is in stands in its configuration only. */
static int update_rdt(struct container *container, const struct lc_update_options *options,
        enum rdt_step step, char **old, struct lc_error **err)
{
    struct lc_config *config = NULL;
    int r = 0;

    if (options->l3_cache_schema == NULL && options->memory_bandwidth_schema == NULL)
        return 0;
    r = oci_config(container, &config, err);
    if (r < 0)
        return r;
    if (!config->oci.rdt.present)
        r = error_raise(err,
                &(struct error_site){ .stage = "update",
                        .pointer = config->pointers->rdt,
                        .errnum = EINVAL,
                        .hint = "a container has to be made with linux.intelRdt for that" },
                "the container is in no class of service of its own");
    else if (step == RDT_APPLY)
        r = resctrl_update(&config->oci.rdt, container->id, NULL, options->l3_cache_schema,
                options->memory_bandwidth_schema, old, container->log, err);
    else if (step == RDT_UNDO)
        resctrl_restore(&config->oci.rdt, container->id, NULL, *old);
    lc_config_free(config);
    return r;
}

static bool same_rules(const struct config_cgroups *left, const struct config_cgroups *right)
{
    if (left->n_rules != right->n_rules)
        return false;
    for (size_t i = 0; i < left->n_rules; i++) {
        const struct config_device_rule *a = &left->rules[i], *b = &right->rules[i];

        if (a->type != b->type || a->major != b->major || a->minor != b->minor || a->allow != b->allow ||
                strcmp(a->access != NULL ? a->access : "", b->access != NULL ? b->access : "") != 0)
            return false;
    }
    return true;
}

/* What an update means besides what it says. Engines give the rules for devices with every one, but others may mean them; and what
 * config.json wants checked holds for each that does not say otherwise. */
static void compare_with_config(struct container *container, struct config_cgroups *wanted)
{
    bool checks = wanted->limits[LIMIT_MEMORY].set && !wanted->check_given;
    struct lc_config *config = NULL;
    int r;

    if (wanted->n_rules == 0 && !checks)
        return;
    r = oci_config(container, &config, NULL);
    if (wanted->n_rules > 0 && (r < 0 || !same_rules(wanted, &config->cgroups)))
        log_warning(container->log, "/linux/resources/devices: the rules for devices cannot change while the "
                                    "container lives: ignored");
    if (checks && r == 0)
        wanted->check_before_update = config->cgroups.check_before_update;
    lc_config_free(config);
}

/* linux.resources */
static int parse_resources(struct container *container, const struct lc_update_options *options,
        struct arena *arena, struct config_cgroups *ret, struct lc_error **err)
{
    int r = oci_parse_resources(
            options->resources, strlen(options->resources), options->name, arena, ret, err);

    if (r == 0)
        compare_with_config(container, ret);
    return r;
}

int lc_container_kill(
        struct lc_runtime *runtime, const char *id, int signal, unsigned int flags, struct lc_error **err)
{
    return target_kill(runtime, id, signal, flags, err);
}

int lc_container_pause(struct lc_runtime *runtime, const char *id, struct lc_error **err)
{
    return target_freeze(runtime, id, true, err);
}

int lc_container_resume(struct lc_runtime *runtime, const char *id, struct lc_error **err)
{
    return target_freeze(runtime, id, false, err);
}

int lc_container_update(struct lc_runtime *runtime, const char *id, const struct lc_update_options *options,
        struct lc_error **err)
{
    static const struct update_kind kind = { parse_resources, update_rdt };

    return target_update(runtime, id, options, &kind, err);
}

int lc_container_stats(struct lc_runtime *runtime, const char *id, char **ret_json, struct lc_error **err)
{
    return target_stats(runtime, id, usage_rdt, ret_json, err);
}

int lc_container_processes(struct lc_runtime *runtime, const char *id, pid_t **ret_pids, size_t *ret_count,
        struct lc_error **err)
{
    return target_processes(runtime, id, ret_pids, ret_count, err);
}
