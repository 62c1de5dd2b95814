/* Which unit a container becomes, and which control group systemd gives that. Pure. */
#include "unit.h"

#include <base/util.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define NAME_LENGTH_MAX 255
#define OCI_POINTER "/linux/cgroupsPath"

static bool has_type(const char *name, const char *type)
{
    size_t length = strlen(name), tail = strlen(type);

    return length > tail && strcmp(name + length - tail, type) == 0;
}

static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++)
        if (!isalnum((unsigned char)*text) && strchr(":-_.\\", *text) == NULL)
            return false;
    return true;
}

bool unit_name_is_valid(const char *name)
{
    return strlen(name) <= NAME_LENGTH_MAX && is_plain(name) &&
           (has_type(name, ".scope") || has_type(name, ".slice"));
}

/* "a-b.slice" is below "a.slice", so every part between dashes has to have something in it. */
static bool is_slice(const char *name)
{
    if (strcmp(name, "-.slice") == 0)
        return true;
    if (!unit_name_is_valid(name) || !has_type(name, ".slice") || name[0] == '-' ||
            strstr(name, "--") != NULL)
        return false;
    return strstr(name, "-.slice") == NULL;
}

/* A group must not look like a file of the kernel's: then systemd puts "_" before the name. */
static const char *guard(const char *name)
{
    static const char *const words[] = { "cpu", "cpuacct", "cpuset", "io", "blkio", "memory", "devices",
        "pids", "bpf-firewall", "bpf-devices", "bpf-foreign", "bpf-socket-bind",
        "bpf-restrict-network-interfaces" };
    size_t length = (size_t)(strrchr(name, '.') - name);

    if (name[0] == '_' || name[0] == '.' || strncmp(name, "cgroup.", strlen("cgroup.")) == 0)
        return "_";
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strlen(words[i]) == length && strncmp(words[i], name, length) == 0)
            return "_";
    return "";
}

/* "/a.slice/a-b.slice" */
static void add_slice(struct buffer *out, const char *slice)
{
    size_t length = strlen(slice) - strlen(".slice");

    if (strcmp(slice, "-.slice") == 0)
        return;
    for (size_t i = 1; i <= length; i++) {
        char name[NAME_LENGTH_MAX + 8];

        if (i < length && slice[i] != '-')
            continue;
        (void)snprintf(name, sizeof(name), "%.*s.slice", (int)i, slice);
        buffer_printf(out, "/%s%s", guard(name), name);
    }
}

/* What a name of ours may have and a unit's may not becomes \xNN, as systemd-escape does. */
static void add_escaped(struct buffer *out, const char *text)
{
    for (; *text != '\0'; text++) {
        const char one[] = { *text, '\0' };

        if (is_plain(one))
            buffer_text(out, one);
        else
            buffer_printf(out, "\\x%02x", (unsigned)(unsigned char)*text);
    }
}

static int refuse(struct lc_error **err, const char *pointer, const char *text, const char *why)
{
    return error_raise(err,
            &(struct error_site){ .stage = "cgroup",
                    .op = "systemd",
                    .errnum = EINVAL,
                    .pointer = pointer,
                    .hint = "systemd's control groups are named \"SLICE:PREFIX:NAME\", such as "
                            "\"system.slice:nsrun:web\"" },
            "\"%s\": %s", text, why);
}

/* Takes over what is in the three parts. `escape`: the last one is an id of ours. */
static int make_place(
        struct unit_place *ret, const char *parts[3], bool escape, const char *pointer, struct lc_error **err)
{
    CLEANUP(unit_place_done) struct unit_place place = { 0 };
    struct buffer name = { 0 }, below = { 0 };
    bool is_unit = has_type(parts[2], ".slice");

    if (!is_slice(is_unit ? parts[2] : parts[0]))
        return refuse(err, pointer, is_unit ? parts[2] : parts[0], "not the name of a slice");
    if (!is_unit && parts[1][0] != '\0')
        buffer_printf(&name, "%s-", parts[1]);
    if (escape && !is_unit)
        add_escaped(&name, parts[2]);
    else
        buffer_text(&name, parts[2]);
    if (!is_unit)
        buffer_text(&name, ".scope");
    place.name = buffer_take_text(&name);
    place.slice = is_unit ? NULL : strdup(parts[0]);
    if (place.name != NULL && (parts[2][0] == '\0' || !unit_name_is_valid(place.name)))
        return refuse(err, pointer, place.name, "not the name of a unit");
    if (place.name != NULL) {
        add_slice(&below, is_unit ? parts[2] : parts[0]);
        if (!is_unit)
            buffer_printf(&below, "/%s%s", guard(place.name), place.name);
        place.below = buffer_take_text(&below);
    }
    if (place.name == NULL || place.below == NULL || (place.slice == NULL && !is_unit))
        return plan_out_of_memory(err);
    *ret = place;
    place = (struct unit_place){ 0 };
    return 0;
}

static const char *default_slice(bool user)
{
    return user ? "user.slice" : "system.slice";
}

static int place_oci(
        struct unit_place *ret, const char *path, const char *id, bool user, struct lc_error **err)
{
    CLEAN_FREE char *copy = NULL;
    char *rest;
    const char *parts[3] = { default_slice(user), "nsrun", id };

    if (path == NULL || path[0] == '\0')
        return make_place(ret, parts, true, OCI_POINTER, err);
    copy = rest = strdup(path);
    if (copy == NULL)
        return plan_out_of_memory(err);
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        const char *part = strsep(&rest, ":");

        if (part == NULL)
            return refuse(err, OCI_POINTER, path, "expected a slice, a prefix and a name between colons");
        if (i > 0 || part[0] != '\0')
            parts[i] = part;
    }
    if (rest != NULL)
        return refuse(err, OCI_POINTER, path, "expected a slice, a prefix and a name between colons");
    return make_place(ret, parts, false, OCI_POINTER, err);
}

int unit_place_find(struct unit_place *ret, const struct config_cgroups *cgroups, const char *id, bool user,
        struct lc_error **err)
{
    const char *name = cgroups->name != NULL ? cgroups->name : id;
    const char *parent = cgroups->parent != NULL ? cgroups->parent : "";
    const char *parts[3] = { default_slice(user), "nsinit", name };

    if (cgroups->oci)
        return place_oci(ret, cgroups->path, id, user, err);
    if (name == NULL)
        return refuse(err, "/cgroups/name", "", "not the name of a unit");
    /* parent is the slice, or what stands before the name. */
    parts[has_type(parent, ".slice") ? 0 : 1] = parent;
    return make_place(
            ret, parts, true, has_type(parent, ".slice") ? "/cgroups/parent" : "/cgroups/name", err);
}

void unit_place_done(struct unit_place *place)
{
    free(place->slice);
    free(place->name);
    free(place->below);
}
