/* What an exec'd process is: the one of the request, or the container's own with the changes of the request. */
#include "runtime.h"

#include <base/util.h>
#include <config/reader.h>

#include <stdlib.h>
#include <string.h>

static size_t count(const char *const *list)
{
    size_t n = 0;

    while (list != NULL && list[n] != NULL)
        n++;
    return n;
}

/* Decimal digits and nothing else, and not (uid_t)-1, which means "leave as it is". */
static const char *parse_id(const char *text, uint32_t *ret)
{
    uint64_t value = 0;

    if (*text < '0' || *text > '9')
        return NULL;
    for (; *text >= '0' && *text <= '9'; text++) {
        value = value * 10 + (uint64_t)(*text - '0');
        if (value >= UINT32_MAX)
            return NULL;
    }
    *ret = (uint32_t)value;
    return text;
}

/* "UID" or "UID:GID": always numbers (CVE-2016-3697). */
static int set_user(struct config_oci *oci, const char *user, struct lc_error **err)
{
    const char *rest = parse_id(user, &oci->uid);

    if (rest != NULL && *rest == ':')
        rest = parse_id(rest + 1, &oci->gid);
    if (rest != NULL && *rest == '\0')
        return 0;
    return refuse(err, "exec", EINVAL, "invalid user \"%s\": expected UID or UID:GID, in decimal", user);
}

static bool same_name(const char *one, const char *other)
{
    size_t length = strcspn(one, "=");

    return strncmp(one, other, length) == 0 && other[length] == '=';
}

/* A variable that is given again replaces the one that was there. */
static int add_environment(struct lc_config *config, const char *const *added, struct lc_error **err)
{
    size_t n = config->n_environment, capacity = n + count(added) + 1;
    const char **list = arena_calloc(&config->arena, capacity, sizeof(*list));

    if (list == NULL)
        return refuse(err, "exec", ENOMEM, "%s", "environment");
    for (size_t i = 0; i < n; i++)
        list[i] = config->environment[i];
    for (; added != NULL && *added != NULL; added++) {
        size_t at = 0;

        while (at < n && !same_name(*added, list[at]))
            at++;
        n += at == n;
        list[at] = *added;
    }
    config->environment = list;
    config->n_environment = n;
    return 0;
}

/* As for config.json: what the kernel does not know is a warning. */
static void add_capabilities(struct config_oci *oci, const char *const *names, const struct log *log)
{
    static const enum config_capability_set sets[] = { CAPS_BOUNDING, CAPS_EFFECTIVE, CAPS_PERMITTED };

    for (; names != NULL && *names != NULL; names++) {
        int bit = capability_bit(*names);

        oci->capabilities_present = true;
        if (bit < 0)
            log_warning(log, "ignoring unknown capability \"%s\"", *names);
        for (size_t i = 0; i < ARRAY_SIZE(sets) && bit >= 0; i++)
            oci->capabilities[sets[i]] |= UINT64_C(1) << bit;
    }
}

static int add_groups(struct lc_config *config, const struct lc_exec_options *options, struct lc_error **err)
{
    size_t n = config->n_additional_groups;
    uint32_t *groups = arena_calloc(&config->arena, n + options->n_additional_gids + 1, sizeof(*groups));

    if (groups == NULL)
        return refuse(err, "exec", ENOMEM, "%s", "groups");
    for (size_t i = 0; i < n; i++)
        groups[i] = config->additional_groups[i];
    for (size_t i = 0; i < options->n_additional_gids; i++)
        groups[n++] = options->additional_gids[i];
    config->additional_groups = groups;
    config->n_additional_groups = n;
    return 0;
}

static int change(struct lc_config *config, const struct lc_exec_options *options, const struct log *log,
        struct lc_error **err)
{
    struct config_oci *oci = &config->oci;
    int r = 0;

    oci->argv = (const char **)options->argv;
    oci->n_argv = count(options->argv);
    config->tty = (options->flags & LC_EXEC_TTY) != 0;
    config->no_new_privileges |= (options->flags & LC_EXEC_NO_NEW_PRIVS) != 0;
    if (options->cwd != NULL)
        config->working_dir = options->cwd;
    if (options->apparmor != NULL)
        config->apparmor_profile = options->apparmor;
    if (options->process_label != NULL)
        config->process_label = options->process_label;
    if (options->user != NULL)
        r = set_user(oci, options->user, err);
    if (r == 0)
        r = add_environment(config, options->env, err);
    add_capabilities(oci, options->capabilities, log);
    return r < 0 ? r : add_groups(config, options, err);
}

int exec_config(const struct container *container, const struct lc_exec_options *options,
        struct lc_config **ret, struct lc_error **err)
{
    int r = oci_config_join(container, options->process, options->process_name, ret, err);

    if (r < 0)
        return r;
    if (options->process == NULL)
        r = change(*ret, options, container->log, err);
    else if ((options->flags & LC_EXEC_TTY) != 0)
        (*ret)->tty = true;
    if (r == 0 && ((*ret)->oci.argv == NULL || (*ret)->oci.argv[0] == NULL))
        r = refuse(err, "exec", EINVAL, "there is no command");
    if (r == 0 && (*ret)->working_dir[0] != '/')
        r = refuse(err, "exec", EINVAL, "the working directory \"%s\" is not an absolute path",
                (*ret)->working_dir);
    return r;
}
