/* The option structures of the public functions: they grow at the end, and a caller may be older or newer than this library. */
#include "container.h"

#include <base/util.h>

#include <string.h>

static int refuse_options(const struct options_kind *kind, const char *text, struct lc_error **err)
{
    return error_raise(err,
            &(struct error_site){ .stage = "options", .object = kind->name, .errnum = EINVAL }, "%s", text);
}

int options_flags(unsigned int given, unsigned int known, struct lc_error **err)
{
    if ((given & ~known) == 0)
        return 0;
    return error_raise(err, &(struct error_site){ .stage = "options", .errnum = EINVAL },
            "flag 0x%x is none that this library knows", given & ~known);
}

/* Members that a newer caller knows and this library does not must be zero; an older caller has fewer. */
int options_take(const void *given, void *ret, const struct options_kind *kind, struct lc_error **err)
{
    const char *bytes = given;
    unsigned int flags = 0;
    size_t size;

    memset(ret, 0, kind->size);
    memcpy(&size, given, sizeof(size));
    if (size < kind->least)
        return refuse_options(kind, "the size is none that this library knows", err);
    for (size_t i = kind->size; i < size; i++)
        if (bytes[i] != 0)
            return refuse_options(kind, "there are members that this library does not know", err);
    memcpy(ret, given, size < kind->size ? size : kind->size);
    if (kind->flags_at != 0)
        memcpy(&flags, (const char *)ret + kind->flags_at, sizeof(flags));
    return options_flags(flags, kind->flags, err);
}

const struct options_kind options_kinds[OPTIONS_MAX_] = {
    [OPTIONS_EXEC] = { "struct lc_options", sizeof(struct lc_options), offsetof(struct lc_options, log),
            offsetof(struct lc_options, flags), LC_DIE_WITH_CALLER | LC_LOG_STEPS | LC_FINAL_STATS },
    [OPTIONS_RUNTIME] = { "struct lc_runtime_options", sizeof(struct lc_runtime_options),
            offsetof(struct lc_runtime_options, log), offsetof(struct lc_runtime_options, flags),
            LC_SYSTEMD_CGROUP | LC_LOG_STEPS },
    [OPTIONS_CREATE] = { "struct lc_create_options", sizeof(struct lc_create_options),
            offsetof(struct lc_create_options, flags), offsetof(struct lc_create_options, flags),
            LC_NO_PIVOT | LC_NO_NEW_KEYRING | LC_RECORD_END | LC_PRESERVE_OPEN },
    [OPTIONS_PROCESS] = { "struct lc_exec_options", sizeof(struct lc_exec_options),
            offsetof(struct lc_exec_options, flags), offsetof(struct lc_exec_options, flags),
            LC_IGNORE_PAUSED | LC_EXEC_TTY | LC_EXEC_NO_NEW_PRIVS | LC_PRESERVE_OPEN },
    [OPTIONS_UPDATE] = { "struct lc_update_options", sizeof(struct lc_update_options),
            offsetof(struct lc_update_options, name), 0, 0 },
    [OPTIONS_EVENTS] = { "struct lc_events_options", sizeof(struct lc_events_options),
            offsetof(struct lc_events_options, pressure), offsetof(struct lc_events_options, flags),
            LC_EVENTS_TIME },
};
