/* The state of an OCI container as JSON: for hooks, for `state` and for `list`. */
#include "final.h"

#include <base/util.h>

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void add_member(struct buffer *out, const char *name, const char *value)
{
    buffer_printf(out, ",\n  \"%s\": ", name);
    buffer_json_string(out, value != NULL ? value : "");
}

static void add_annotations(struct buffer *out, const struct lc_config *config)
{
    if (config == NULL || config->oci.n_annotations == 0)
        return;
    buffer_text(out, ",\n  \"annotations\": {");
    for (size_t i = 0; i < config->oci.n_annotations; i++) {
        buffer_text(out, i > 0 ? ",\n    " : "\n    ");
        buffer_json_string(out, config->oci.annotations[i].name);
        buffer_text(out, ": ");
        buffer_json_string(out, config->oci.annotations[i].value);
    }
    buffer_text(out, "\n  }");
}

/* Who made it: the owner of its record. By name where the host knows one. */
static void add_owner(struct buffer *out, const struct container *container)
{
    char numbers[16], text[1024];
    struct passwd entry, *found = NULL;
    struct stat st;

    if (fstatat(container->state_fd, container->record_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    (void)snprintf(numbers, sizeof(numbers), "%u", (unsigned int)st.st_uid);
    (void)getpwuid_r(st.st_uid, &entry, text, sizeof(text), &found);
    add_member(out, "owner", found != NULL ? found->pw_name : numbers);
}

char *oci_state_json(const struct container *container, const struct lc_config *config, enum status status,
        pid_t pid, bool for_people)
{
    const struct record_oci *oci = &container->record.oci;
    struct buffer out = { 0 };

    buffer_text(&out, "{\n  \"ociVersion\": ");
    buffer_json_string(&out, oci->version != NULL ? oci->version : "1.0.0");
    add_member(&out, "id", container->id);
    if (for_people || pid > 0)
        buffer_printf(&out, ",\n  \"pid\": %d", (int)pid);
    add_member(&out, "status", status_name(status));
    add_member(&out, "bundle", oci->bundle);
    if (for_people) {
        add_member(&out, "rootfs", oci->rootfs);
        add_member(&out, "created", oci->created);
    }
    add_annotations(&out, config);
    if (for_people)
        add_owner(&out, container);
    if (for_people && status == STATUS_STOPPED && oci->status >= 0)
        buffer_printf(&out, ",\n  \"exitStatus\": %d", oci->status);
    if (for_people && status == STATUS_STOPPED && oci->final != NULL)
        buffer_printf(&out, ",\n  \"final\": %s", oci->final);
    buffer_text(&out, "\n}");
    return buffer_take_text(&out);
}

/* What state and list show. NULL with an error. */
static char *describe(struct container *container, struct lc_error **err)
{
    enum status status = oci_status(container);
    struct lc_config *config = NULL;
    char *text;

    if (container->record.oci.config != 0 && oci_config(container, &config, err) < 0)
        return NULL;
    if (status == STATUS_STOPPED)
        final_record(container, identity_status(&container->record.init), NULL);
    text = oci_state_json(
            container, config, status, status == STATUS_STOPPED ? 0 : container->record.init.pid, true);
    lc_config_free(config);
    if (text == NULL)
        (void)error_raise(err, &(struct error_site){ .stage = "state", .errnum = ENOMEM }, NULL);
    return text;
}

int lc_container_state(struct lc_runtime *runtime, const char *id, char **ret_json, struct lc_error **err)
{
    struct container container;
    int r = oci_open(runtime, id, &container, err);
    char *text;

    if (r < 0)
        return r;
    text = describe(&container, err);
    container_close(&container);
    if (text == NULL)
        return -EIO;
    *ret_json = text;
    return 0;
}

static void list_one(struct lc_runtime *runtime, const char *id, struct buffer *out)
{
    struct container container;
    CLEAN_FREE char *text = NULL;

    /* One that is deleted just now, or is somebody else's, is no container. */
    if (id_check(id, NULL) < 0 || oci_open(runtime, id, &container, NULL) < 0)
        return;
    text = describe(&container, NULL);
    container_close(&container);
    if (text != NULL)
        buffer_printf(out, "%s%s", out->length > 1 ? ",\n" : "", text);
}

static int is_candidate(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int lc_container_list(struct lc_runtime *runtime, char **ret_json, struct lc_error **err)
{
    char path[64];
    struct dirent **entries = NULL;
    struct buffer out = { 0 };
    int n;

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", runtime->fd);
    n = scandir(path, &entries, is_candidate, alphasort);
    if (n < 0)
        return error_raise(err,
                &(struct error_site){
                        .stage = "state", .syscall = "open", .object = runtime->root, .errnum = errno },
                NULL);
    buffer_text(&out, "[");
    for (int i = 0; i < n; i++) {
        list_one(runtime, entries[i]->d_name, &out);
        free(entries[i]);
    }
    free(entries);
    buffer_text(&out, "]");
    *ret_json = buffer_take_text(&out);
    return *ret_json != NULL ? 0 : error_raise(err, &(struct error_site){ .errnum = ENOMEM }, NULL);
}
