/* Shared by the files that deal with systemd's units. */
#ifndef CGROUPS_UNIT_H
#define CGROUPS_UNIT_H

#include "internal.h"

#include <base/buffer.h>

/* ---- unit-name.c: pure ---- */
struct unit_place {
    char *slice; /* "system.slice"; NULL: the unit is a slice, whose name says where it is */
    char *name;  /* "nsrun-web.scope" */
    char *below; /* "/system.slice/nsrun-web.scope", below the manager's own group */
};
/* "SLICE:PREFIX:NAME" of config.json, "" for the defaults; or parent and name of container.json. */
int unit_place_find(struct unit_place *ret, const struct config_cgroups *cgroups, const char *id, bool user,
        struct lc_error **err);
void unit_place_done(struct unit_place *place);
/* A name that systemd takes, of one of the two types that we make. */
bool unit_name_is_valid(const char *name);

/* ---- unit-properties.c: pure ---- */
/* The limits that systemd has a property for, a line each, after a newline. `v1`: controllers that are in a hierarchy of v1. */
void unit_properties_limits(const struct config_cgroups *cgroups, uint32_t v1, struct buffer *out);
/* What config.json's annotations and container.json's unit_properties ask for besides. */
int unit_properties_asked(const struct lc_config *config, struct buffer *out, struct lc_error **err);
/* v1 only: systemd writes its own idea of the list whenever it is reloaded. */
int unit_properties_devices(const struct lc_config *config, struct buffer *out, struct lc_error **err);

/* ---- unit-link.c: the conversation with the helper ---- */
struct unit_link;
/* Runs the helper and connects it. *ret_root: the manager's own control group, caller frees; may be NULL. */
int unit_link_open(struct cgroup_unit *unit, const char *pointer, char **ret_root, struct lc_error **err);
/* One request, one answer (caller frees; NULL: not wanted), as long as the patience of this link lasts. */
int unit_link_ask(struct cgroup_unit *unit, const char *request, const char *pointer, char **ret_answer,
        struct lc_error **err);
void unit_link_close(struct cgroup_unit *unit);
/* The helper's, 0: none runs. */
pid_t unit_link_pid(const struct cgroup_unit *unit);

#endif
