/* A mount of type "cgroup": the container's own groups, laid out as the host has its hierarchies. */
#include <plan/plan.h>

#include <base/util.h>

#include <linux/mount.h>
#include <stdio.h>
#include <string.h>

#define HOST_GROUPS "/sys/fs/cgroup"

/* Words of a hierarchy's options that do not say which one it is. */
static bool names_hierarchy(const char *word)
{
    static const char *const others[] = { "rw", "ro", "xattr", "noprefix", "clone_children", "cpuset_v2_mode",
        "favordynmods", "seclabel", "all" };

    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        if (strcmp(word, others[i]) == 0)
            return false;
    return strncmp(word, "release_agent=", 14) != 0;
}

/* "cpu,cpuacct", or "none,name=systemd": what mount(2) wants for a hierarchy that exists, from the line of its mount. */
static const char *options_of(const struct plan_request *request, char *super)
{
    const char *data = "";
    char *rest = NULL;
    bool controllers = false;

    for (char *word = strtok_r(super, ",\n", &rest); word != NULL; word = strtok_r(NULL, ",\n", &rest)) {
        if (!names_hierarchy(word))
            continue;
        controllers |= strncmp(word, "name=", 5) != 0;
        data = arena_printf(&request->plan->arena, "%s%s%s", data, data[0] != '\0' ? "," : "", word);
        if (data == NULL)
            break;
    }
    if (data == NULL)
        request->plan->failed = true;
    else if (!controllers)
        data = arena_printf(&request->plan->arena, "none,%s", data);
    return data;
}

/* NULL when this host mounts no v1 hierarchy there. */
static const char *hierarchy_options(const struct plan_request *request, const char *mount)
{
    CLEAN_FREE char *line = NULL;
    FILE *file = fopen("/proc/self/mountinfo", "re");
    const char *data = NULL;
    size_t size = 0;

    while (file != NULL && data == NULL && getline(&line, &size, file) > 0) {
        char *tail = strstr(line, " - cgroup "), *point = line, *super;

        for (int i = 0; i < 4 && point != NULL; i++)
            point = strchr(point, ' ') != NULL ? strchr(point, ' ') + 1 : NULL;
        if (tail == NULL || point == NULL || strncmp(point, mount, strlen(mount)) != 0 ||
                point[strlen(mount)] != ' ')
            continue;
        super = strrchr(tail, ' ');
        data = options_of(request, super + 1);
    }
    if (file != NULL)
        (void)fclose(file);
    return data;
}

static bool has_own_namespace(const struct plan_request *request)
{
    const struct lc_config *config = request->config;

    return (config->namespaces & NAMESPACE_BIT(NAMESPACE_CGROUP)) != 0 ||
           config->oci.namespace_paths[NAMESPACE_CGROUP] != NULL;
}

/* A view of part of the host's tree. In a user namespace it is read-only whatever was asked for: without a cgroup namespace
 * the groups of others can be reached from it (CVE-2023-25809). */
static void bind_groups(const struct plan_request *request, const struct config_mount *mount,
        const char *source, const char *destination, bool recursive)
{
    uint64_t set = mount->attr_set | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    int16_t slot = plan_source(request, source, recursive, mount->pointer);
    struct wire_op *op = plan_add(request->plan, WIRE_OP_BIND, mount->pointer);

    if (request->user || recursive)
        set |= MOUNT_ATTR_RDONLY;
    op->slot = slot;
    op->text[1] = plan_text(request->plan, source);
    op->text[2] = plan_text(request->plan, destination);
    op->number[0] = set;
    op->number[2] =
            WIRE_MOUNT_GUARD_PROC | (recursive ? WIRE_MOUNT_RECURSIVE | WIRE_MOUNT_RECURSIVE_ATTR : 0);
    op->number[3] = mount->propagation;
}

static void mount_groups(const struct plan_request *request, const struct config_mount *mount,
        const char *type, const char *destination, const char *data)
{
    struct wire_op *op = plan_add(request->plan, WIRE_OP_MOUNT, mount->pointer);

    op->text[0] = plan_text(request->plan, type);
    op->text[1] = plan_text(request->plan, mount->source != NULL ? mount->source : type);
    op->text[2] = plan_text(request->plan, destination);
    op->text[3] = plan_text(request->plan, data);
    op->number[0] = plan_attr_flags(mount->attr_set) | MS_NOSUID | MS_NODEV | MS_NOEXEC;
    op->number[1] = WIRE_MOUNT_GUARD_PROC | mount->propagation << WIRE_MOUNT_PROPAGATION_SHIFT;
}

/* "cpu" and "cpuacct" where the host mounts them together. */
static void link_controllers(
        const struct plan_request *request, const struct config_mount *mount, const char *name)
{
    for (const char *word = name; strchr(name, ',') != NULL && *word != '\0';) {
        size_t length = strcspn(word, ",");
        struct wire_op *op = plan_add(request->plan, WIRE_OP_SYMLINK, mount->pointer);
        const char *path =
                arena_printf(&request->plan->arena, "%s/%.*s", mount->destination, (int)length, word);

        op->text[0] = plan_text(request->plan, name);
        op->text[1] = plan_text(request->plan, path);
        op->number[0] = WIRE_KEEP;
        word += length + (word[length] == ',');
    }
}

static void mount_hierarchy(const struct plan_request *request, const struct config_mount *mount,
        const struct cgroup_group *group)
{
    const char *name = strrchr(group->mount, '/') != NULL ? strrchr(group->mount, '/') + 1 : group->mount;
    const char *destination = arena_printf(&request->plan->arena, "%s/%s", mount->destination, name);
    const char *data = has_own_namespace(request) ? hierarchy_options(request, group->mount) : NULL;

    if (destination == NULL) {
        request->plan->failed = true;
        return;
    }
    if (data != NULL)
        mount_groups(request, mount, "cgroup", destination, data);
    else
        bind_groups(request, mount, group->path, destination, false);
    link_controllers(request, mount, name);
}

static void mount_hierarchies(
        const struct plan_request *request, const struct config_mount *mount, const struct cgroup_set *groups)
{
    struct wire_op *op = plan_add(request->plan, WIRE_OP_MOUNT, mount->pointer);

    op->text[0] = op->text[1] = plan_text(request->plan, "tmpfs");
    op->text[2] = plan_text(request->plan, mount->destination);
    op->text[3] = plan_text(request->plan, plan_labelled(request, "mode=755"));
    op->number[0] = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    op->number[1] = WIRE_MOUNT_GUARD_PROC | mount->propagation << WIRE_MOUNT_PROPAGATION_SHIFT;
    for (size_t i = 0; i < groups->count; i++)
        if (!groups->groups[i].v2)
            mount_hierarchy(request, mount, &groups->groups[i]);
    if ((mount->attr_set & MOUNT_ATTR_RDONLY) != 0)
        plan_set_readonly(request, mount);
}

void plan_mount_cgroup(struct plan_request *request, const struct config_mount *mount)
{
    const struct cgroup_set *groups = request->options->groups;
    const struct cgroup_group *unified = NULL;
    size_t v1 = 0;

    /* The groups are there, we are in them, and they are the root of the cgroup namespace. */
    plan_wait_groups(request);
    for (size_t i = 0; groups != NULL && i < groups->count; i++) {
        v1 += !groups->groups[i].v2;
        if (groups->groups[i].v2)
            unified = &groups->groups[i];
    }
    if (v1 > 0)
        mount_hierarchies(request, mount, groups);
    else if (unified != NULL && has_own_namespace(request))
        mount_groups(request, mount, "cgroup2", mount->destination, mount->data);
    else if (unified != NULL)
        bind_groups(request, mount, unified->path, mount->destination, false);
    else
        bind_groups(request, mount, HOST_GROUPS, mount->destination, true);
}
