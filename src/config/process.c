/* Keys about the process itself: names, environment, identity, labels. */
#include <config/reader.h>

#include <base/util.h>

#include <stddef.h>
#include <string.h>

#define HOSTNAME_MAX 64 /* __NEW_UTS_LEN */

void read_hostname(struct reader *reader, const struct node *node, void *target)
{
    const char *text = get_text(reader, node);

    if (text == NULL || *text == '\0')
        return;
    if (strlen(text) > HOSTNAME_MAX)
        complain(reader, node, "expected a name of at most %d bytes, found one of %zu", HOSTNAME_MAX,
                strlen(text));
    else
        *(const char **)target = keep(reader, text);
}

static bool check_variable(struct reader *reader, const struct node *node, const char *text)
{
    if (strchr(text, '=') != NULL && *text != '=')
        return true;
    complain_expected(reader, node, "NAME=VALUE");
    return false;
}

void read_environment(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;

    read_text_list(reader, node, check_variable, &config->environment, &config->n_environment);
}

void read_working_dir(struct reader *reader, const struct node *node, void *target)
{
    if (!json_is_string(node->json) || *json_string_value(node->json) != '\0')
        read_absolute_path(reader, node, target);
}

/* A number is always a number, never a name; so what starts like one has to be one. */
static bool is_id(const char *text, size_t length)
{
    uint64_t value = 0;

    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text[i] - '0');
        if (value > ID_MAX)
            return false;
    }
    return length > 0;
}

static bool is_account_name(const char *text, size_t length)
{
    if (length == 0 || (*text >= '0' && *text <= '9') || *text == '+' || *text == '-')
        return false;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f || text[i] == ':' || text[i] == '/')
            return false;
    return true;
}

static bool is_account(const char *text, size_t length)
{
    return is_id(text, length) || is_account_name(text, length);
}

void read_user(struct reader *reader, const struct node *node, void *target)
{
    const char *text = get_text(reader, node);
    size_t length;

    if (text == NULL)
        return;
    length = strcspn(text, ":");
    if (*text != '\0' &&
            (!is_account(text, length) ||
                    (text[length] == ':' && !is_account(text + length + 1, strlen(text + length + 1)))))
        complain_expected(
                reader, node, "\"\", NAME, UID, NAME:GROUP or UID:GID (numbers from 0 to 4294967294)");
    else
        *(const char **)target = keep(reader, text);
}

void read_additional_groups(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;

    if (!get_array(reader, node, "an array of group numbers", 65536)) /* NGROUPS_MAX */
        return;
    config->additional_groups =
            keep_array(reader, json_array_size(node->json), sizeof(*config->additional_groups));
    if (config->additional_groups == NULL)
        return;
    config->n_additional_groups = json_array_size(node->json);
    for (size_t i = 0; i < config->n_additional_groups; i++) {
        struct node item = node_item(node, i);

        read_id(reader, &item, &config->additional_groups[i]);
    }
}

void read_umask(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;

    config->umask.set = get_mode(reader, node, 0777, &config->umask.value);
}

void read_oom_score_adj(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;

    config->oom_score_adj.set = get_integer(reader, node, -1000, 1000, &config->oom_score_adj.value);
}

void read_context(struct reader *reader, const struct node *node, void *target)
{
    static const struct key keys[] = {
        { "apparmor_profile", read_optional_text, offsetof(struct lc_config, apparmor_profile) },
        { "process_label", read_optional_text, offsetof(struct lc_config, process_label) },
        { "mount_label", read_optional_text, offsetof(struct lc_config, mount_label) },
    };

    read_object(reader, node, keys, ARRAY_SIZE(keys), target);
}
