/* annotations: kept for whoever asks for the state; a few that other runtimes obey, and engines write, mean something here too. */
#include "internal.h"

#include <base/util.h>

#include <string.h>

#define ANNOTATIONS_MAX 65536

/* podman run --group-add keep-groups */
static void read_keep_groups(struct reader *reader, const struct node *node, const char *text)
{
    if (strcmp(text, "1") == 0 || strcmp(text, "true") == 0)
        reader->config->oci.keep_groups = true;
    else if (strcmp(text, "0") != 0 && strcmp(text, "false") != 0)
        complain(reader, node, "must be \"1\" or \"0\"");
}

static const struct {
    const char *name;
    void (*read)(struct reader *reader, const struct node *node, const char *text);
} meanings[] = {
    { ANNOTATION_KEEP_GROUPS, read_keep_groups },
};

static void read_one(struct reader *reader, const struct node *node, const char *text)
{
    struct config_oci *oci = &reader->config->oci;

    oci->annotations[oci->n_annotations++] =
            (struct config_pair){ .name = keep(reader, node->key), .value = keep(reader, text) };
    for (size_t i = 0; i < ARRAY_SIZE(meanings); i++)
        if (strcmp(meanings[i].name, node->key) == 0)
            meanings[i].read(reader, node, text);
}

void read_annotations(struct reader *reader, const struct node *node, void *target)
{
    struct lc_config *config = target;
    size_t count = get_object(reader, node, "an object of strings", ANNOTATIONS_MAX);
    const char *key;
    json_t *value;

    if (count == SIZE_MAX)
        return;
    config->oci.annotations = keep_array(reader, count, sizeof(*config->oci.annotations));
    if (config->oci.annotations == NULL)
        return;
    json_object_foreach(node->json, key, value)
    {
        struct node member = { .parent = node, .key = key, .json = value };
        const char *text = get_text(reader, &member);

        if (*key == '\0')
            complain_key(reader, &member, NULL, "the name of an annotation must not be empty");
        else if (text != NULL)
            read_one(reader, &member, text);
    }
}
