/* process: what runs, as whom and with which attributes. */
#include "internal.h"

#include <base/util.h>

#include <stddef.h>
#include <string.h>

static void read_user_umask(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;

    config->umask.set = get_integer(reader, node, 0, 0777, &config->umask.value);
}

static void read_process_user(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "uid", read_id, offsetof(struct lc_config, oci.uid) },
        { "gid", read_id, offsetof(struct lc_config, oci.gid) },
        { "umask", read_user_umask, 0 },
        { "additionalGids", read_additional_groups, 0 },
    };

    read_object(reader, node, keys, ARRAY_SIZE(keys), target);
}

static void read_size(struct reader *reader, const struct node *node, void *target)
{
    int64_t value;

    if (get_integer(reader, node, 0, UINT16_MAX, &value)) /* struct winsize */
        *(unsigned short *)target = (unsigned short)value;
}

static void read_console_size(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "height", read_size, offsetof(struct lc_config, oci.rows) },
        { "width", read_size, offsetof(struct lc_config, oci.columns) },
    };

    read_object(reader, node, keys, ARRAY_SIZE(keys), target);
    if (!json_is_object(node->json))
        return;
    (void)require_key(reader, node, "height");
    (void)require_key(reader, node, "width");
}

static void read_args(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;

    if (json_is_array(node->json) && json_array_size(node->json) == 0)
        complain(reader, node, "expected at least one argument, the program");
    else
        read_text_list(reader, node, check_any, &config->oci.argv, &config->oci.n_argv);
}

/* Entries without '=' are not forbidden: execve takes them. */
static void read_env(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;

    read_text_list(reader, node, check_any, &config->environment, &config->n_environment);
}

void read_process(struct reader *reader, const struct node *node, void *target)
{
#define FIELD(field) offsetof(struct lc_config, field)
    static const struct key keys[] = {
        { "terminal", read_bool, FIELD(tty) },
        { "consoleSize", read_console_size, 0 },
        { "user", read_process_user, 0 },
        { "args", read_args, 0 },
        { "env", read_env, 0 },
        { "cwd", read_absolute_path, FIELD(working_dir) },
        { "capabilities", read_process_capabilities, 0 },
        { "rlimits", read_process_rlimits, 0 },
        { "noNewPrivileges", read_bool, FIELD(no_new_privileges) },
        { "apparmorProfile", read_optional_text, FIELD(apparmor_profile) },
        { "oomScoreAdj", read_oom_score_adj, 0 },
        { "selinuxLabel", read_optional_text, FIELD(process_label) },
        { "scheduler", read_scheduler, 0 },
        { "ioPriority", read_io_priority, 0 },
        { "execCPUAffinity", read_affinity, 0 },
    };
#undef FIELD

    read_object(reader, node, keys, ARRAY_SIZE(keys), target);
    if (!json_is_object(node->json))
        return;
    (void)require_key(reader, node, "args");
    (void)require_key(reader, node, "cwd");
}
