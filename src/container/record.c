/* The record as JSON, both ways. Parsed defensively: for an ordinary user others may share the directory. */
#include "container.h"

#include <base/util.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static void format_identity(struct buffer *out, const char *name, const struct identity *identity)
{
    buffer_printf(
            out, "  \"%s\": {\"pid\": %d, \"start\": %llu},\n", name, (int)identity->pid, identity->start);
}

static void format_groups(struct buffer *out, const struct cgroup_set *set)
{
    buffer_text(out, "  \"cgroups\": [");
    for (size_t i = 0; i < set->count; i++) {
        buffer_printf(out, "%s\n    {\"path\": ", i > 0 ? "," : "");
        buffer_json_string(out, set->groups[i].path);
        buffer_text(out, ", \"mount\": ");
        buffer_json_string(out, set->groups[i].mount);
        buffer_printf(out, ", \"version\": %d, \"made\": %s, \"existing\": %zu}", set->groups[i].v2 ? 2 : 1,
                set->groups[i].made ? "true" : "false", set->groups[i].existing);
    }
    buffer_text(out, "],\n");
    if (set->unit == NULL)
        return;
    buffer_text(out, "  \"unit\": {\"name\": ");
    buffer_json_string(out, set->unit->name);
    buffer_text(out, ", \"description\": ");
    buffer_json_string(out, set->unit->description);
    buffer_printf(out, ", \"user\": %s, \"keeper\": %d},\n", set->unit->user ? "true" : "false",
            (int)set->unit->keeper);
}

static void format_string(struct buffer *out, const char *name, const char *value)
{
    if (value == NULL)
        return;
    buffer_printf(out, "  \"%s\": ", name);
    buffer_json_string(out, value);
    buffer_text(out, ",\n");
}

static void format_oci(struct buffer *out, const struct record_oci *oci)
{
    if (!oci->present)
        return;
    format_string(out, "bundle", oci->bundle);
    format_string(out, "rootfs", oci->rootfs);
    format_string(out, "version", oci->version);
    format_string(out, "rdt", oci->rdt);
    format_string(out, "created", oci->created);
    buffer_printf(out,
            "  \"complete\": %s,\n  \"joined\": %u,\n  \"hooks\": %u,\n  \"listener\": %s,\n"
            "  \"no_process\": %s,\n  \"config\": [%llu, %llu],\n  \"join\": [%llu, %llu, %u],\n",
            oci->complete ? "true" : "false", oci->joined, oci->hooks, oci->listener ? "true" : "false",
            oci->no_process ? "true" : "false", oci->config, oci->config_length, oci->join_length,
            oci->filter_length, oci->filter_flags);
    if (oci->root_mount != 0)
        buffer_printf(out, "  \"root_mount\": %llu,\n", oci->root_mount);
    if (oci->status >= 0)
        buffer_printf(out, "  \"exit\": %d,\n", oci->status);
    if (oci->final != NULL)
        buffer_printf(out, "  \"final\": %s,\n", oci->final);
}

/* What is nobody's business but ours, and room for the numbers that are not known yet, so that no later version is
 * shorter than this one. */
static void format_inner(struct buffer *out, const struct record *record)
{
    format_oci(out, &record->oci);
    format_identity(out, "owner", &record->owner);
    buffer_printf(out, "  \"foreign_network\": %s,\n", record->foreign_network ? "true" : "false");
    buffer_printf(
            out, "  \"mark\": [\"%s\", %llu, %llu]\n}\n", record->mark, record->mark_dev, record->mark_ino);
    buffer_printf(out, "%*s\n", (int)(1023 - out->length % 1024), "");
}

char *record_format(const struct container *container, const char *status)
{
    const struct record *record = &container->record;
    struct buffer out = { 0 };
    const char *comma = "";

    buffer_text(&out, "{\n");
    if (status != NULL)
        buffer_printf(&out, "  \"status\": \"%s\",\n", status);
    buffer_printf(&out, "  \"pid\": %d,\n  \"start\": %llu,\n", (int)record->init.pid, record->init.start);
    if (!record->oci.present)
        format_string(&out, "root", container->root);
    buffer_text(&out, "  \"namespaces\": [");
    for (int ns = 0; ns < NAMESPACE_MAX_; ns++)
        if ((record->namespaces & NAMESPACE_BIT(ns)) != 0) {
            buffer_printf(&out, "%s\"%s\"", comma, config_namespaces[ns].key);
            comma = ", ";
        }
    buffer_text(&out, "],\n");
    format_groups(&out, &record->groups);
    buffer_text(&out, "  \"interfaces\": [");
    comma = "";
    for (size_t i = 0; i < record->n_links; i++)
        if (record->links[i].host_name[0] != '\0') {
            buffer_printf(&out, "%s", comma);
            buffer_json_string(&out, record->links[i].host_name);
            comma = ", ";
        }
    buffer_text(&out, status != NULL ? "]\n}\n" : "],\n");
    if (status == NULL)
        format_inner(&out, record);
    return buffer_take_text(&out);
}

static int parse_identity(const json_t *value, struct identity *identity)
{
    const json_t *number = json_object_get(value, "pid"), *time = json_object_get(value, "start");
    json_int_t pid = json_integer_value(number), start = json_integer_value(time);

    if (!json_is_integer(number) || !json_is_integer(time) || pid < 0 || pid > INT32_MAX || start < 0)
        return -EBADMSG;
    identity->pid = (pid_t)pid;
    identity->start = (unsigned long long)start;
    return 0;
}

static int parse_namespaces(const json_t *list, struct record *record)
{
    size_t index;
    json_t *item;

    if (!json_is_array(list))
        return -EBADMSG;
    json_array_foreach(list, index, item)
    {
        const char *name = json_string_value(item);
        int found = -1;

        for (int ns = 0; ns < NAMESPACE_MAX_ && name != NULL; ns++)
            if (strcmp(config_namespaces[ns].key, name) == 0)
                found = ns;
        if (found < 0)
            return -EBADMSG;
        record->namespaces |= NAMESPACE_BIT(found);
    }
    return 0;
}

/* A group is a proper directory strictly below its mount: what is recorded will be killed and removed. */
static bool is_group(const char *path, const char *mount)
{
    size_t length = mount != NULL ? strlen(mount) : 0;

    if (path == NULL || length < 2 || mount[0] != '/' || strncmp(path, mount, length) != 0 ||
            path[length] != '/')
        return false;
    for (const char *part = path; *part != '\0';) {
        size_t size = strcspn(++part, "/");

        if (size == 0 || (size == 1 && part[0] == '.') || (size == 2 && part[0] == '.' && part[1] == '.'))
            return false;
        part += size;
    }
    return true;
}

static int parse_groups(const json_t *list, struct cgroup_set *set)
{
    size_t index;
    json_t *item;

    if (!json_is_array(list))
        return -EBADMSG;
    json_array_foreach(list, index, item)
    {
        const char *path = json_string_value(json_object_get(item, "path"));
        const char *mount = json_string_value(json_object_get(item, "mount"));
        struct cgroup_group *group = &set->groups[set->count];

        if (set->count == CGROUP_HIERARCHIES_MAX || !is_group(path, mount))
            return -EBADMSG;
        group->path = strdup(path);
        group->mount = strdup(mount);
        group->existing = (size_t)json_integer_value(json_object_get(item, "existing"));
        group->v2 = json_integer_value(json_object_get(item, "version")) == 2;
        group->made = json_is_true(json_object_get(item, "made"));
        set->count++;
        if (group->path == NULL || group->mount == NULL)
            return -ENOMEM;
    }
    return 0;
}

/* An ordinary user's: only his own instance, whatever it says. */
static int parse_unit(const json_t *unit, struct cgroup_set *set)
{
    const char *name = json_string_value(json_object_get(unit, "name"));
    const char *description = json_string_value(json_object_get(unit, "description"));
    const json_t *user = json_object_get(unit, "user"), *keeper = json_object_get(unit, "keeper");

    if (unit == NULL)
        return 0;
    if (name == NULL || description == NULL || !json_is_boolean(user))
        return -EBADMSG;
    return cgroup_unit_recall(
            set, name, description, json_is_true(user) || geteuid() != 0, (pid_t)json_integer_value(keeper));
}

static int parse_links(const json_t *list, struct record *record)
{
    size_t index;
    json_t *item;

    if (!json_is_array(list))
        return -EBADMSG;
    record->links = calloc(json_array_size(list) + 1, sizeof(*record->links));
    if (record->links == NULL)
        return -ENOMEM;
    json_array_foreach(list, index, item)
    {
        const char *name = json_string_value(item);

        if (name == NULL || strlen(name) >= sizeof(record->links[0].host_name))
            return -EBADMSG;
        memcpy(record->links[record->n_links++].host_name, name, strlen(name) + 1);
    }
    return 0;
}

static int parse_mark(const json_t *mark, struct record *record)
{
    static const char *const kinds[] = { "", "root", "mnt", "net", "ipc", "uts", "user" };
    const char *kind = json_string_value(json_array_get(mark, 0));
    const json_t *device = json_array_get(mark, 1), *inode = json_array_get(mark, 2);

    if (kind == NULL || json_array_size(mark) != 3 || !json_is_integer(device) || !json_is_integer(inode) ||
            json_integer_value(device) < 0 || json_integer_value(inode) < 0)
        return -EBADMSG;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (strcmp(kinds[i], kind) != 0)
            continue;
        memcpy(record->mark, kind, strlen(kind) + 1);
        record->mark_dev = (unsigned long long)json_integer_value(device);
        record->mark_ino = (unsigned long long)json_integer_value(inode);
        return 0;
    }
    return -EBADMSG;
}

static int parse_string(const json_t *top, const char *name, bool required, char **ret)
{
    const char *text = json_string_value(json_object_get(top, name));

    if (text == NULL)
        return required ? -EBADMSG : 0;
    *ret = strdup(text);
    return *ret != NULL ? 0 : -ENOMEM;
}

/* A record of an older version has none. */
static int parse_join(const json_t *list, struct record_oci *oci)
{
    json_int_t numbers[3] = { 0 };

    for (size_t i = 0; list != NULL && i < ARRAY_SIZE(numbers); i++) {
        numbers[i] = json_integer_value(json_array_get(list, i));
        if (json_array_size(list) != ARRAY_SIZE(numbers) || numbers[i] < 0 || numbers[i] > UINT32_MAX)
            return -EBADMSG;
    }
    oci->join_length = (unsigned long long)numbers[0];
    oci->filter_length = (unsigned long long)numbers[1];
    oci->filter_flags = (unsigned int)numbers[2];
    return 0;
}

static int parse_oci(const json_t *top, struct record_oci *oci)
{
    const json_t *place = json_object_get(top, "config"), *status = json_object_get(top, "exit"),
                 *final = json_object_get(top, "final");
    json_int_t offset = json_integer_value(json_array_get(place, 0));
    json_int_t length = json_integer_value(json_array_get(place, 1));
    const char *created = json_string_value(json_object_get(top, "created"));
    int r;

    oci->present = json_object_get(top, "bundle") != NULL;
    if (!oci->present)
        return 0;
    if (json_array_size(place) != 2 || offset <= 0 || length < 0 || offset > RECORD_MAX || created == NULL ||
            strlen(created) >= sizeof(oci->created) || parse_join(json_object_get(top, "join"), oci) < 0)
        return -EBADMSG;
    memcpy(oci->created, created, strlen(created) + 1);
    oci->config = (unsigned long long)offset;
    oci->config_length = (unsigned long long)length;
    oci->complete = json_is_true(json_object_get(top, "complete"));
    oci->listener = json_is_true(json_object_get(top, "listener"));
    oci->no_process = json_is_true(json_object_get(top, "no_process"));
    oci->root_mount = (unsigned long long)json_integer_value(json_object_get(top, "root_mount"));
    oci->joined = (uint32_t)json_integer_value(json_object_get(top, "joined"));
    oci->hooks = (uint32_t)json_integer_value(json_object_get(top, "hooks"));
    oci->status = json_is_integer(status) ? (int)json_integer_value(status) : -1;
    if (json_is_object(final)) {
        oci->final = json_dumps(final, JSON_COMPACT);
        if (oci->final == NULL)
            return -ENOMEM;
    }
    r = parse_string(top, "bundle", true, &oci->bundle);
    if (r == 0)
        r = parse_string(top, "rootfs", true, &oci->rootfs);
    if (r == 0)
        r = parse_string(top, "version", true, &oci->version);
    return r < 0 ? r : parse_string(top, "rdt", false, &oci->rdt);
}

int record_parse(const char *text, struct record *record)
{
    /* config.json follows. */
    json_t *top = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, NULL);
    int r = json_is_object(top) ? parse_identity(top, &record->init) : -EBADMSG;

    if (r == 0)
        r = parse_identity(json_object_get(top, "owner"), &record->owner);
    if (r == 0)
        r = parse_namespaces(json_object_get(top, "namespaces"), record);
    if (r == 0)
        r = parse_groups(json_object_get(top, "cgroups"), &record->groups);
    if (r == 0)
        r = parse_unit(json_object_get(top, "unit"), &record->groups);
    if (r == 0)
        r = parse_links(json_object_get(top, "interfaces"), record);
    if (r == 0)
        r = parse_mark(json_object_get(top, "mark"), record);
    if (r == 0)
        r = parse_oci(top, &record->oci);
    if (r == 0)
        r = parse_string(top, "root", false, &record->root);
    record->foreign_network = json_is_true(json_object_get(top, "foreign_network"));
    json_decref(top);
    return r;
}

void record_done(struct record *record)
{
    cgroup_set_done(&record->groups);
    free(record->links);
    free(record->root);
    free(record->oci.bundle);
    free(record->oci.rootfs);
    free(record->oci.version);
    free(record->oci.rdt);
    free(record->oci.final);
    *record = (struct record){ 0 };
}
