/* The configuration of an OCI container as it was at create: it stands behind the record. Apart from the rest of the state, so that
 * who needs no more than the record is not linked with the parser. */
#include "runtime.h"

#include <base/util.h>
#include <oci/oci.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_MAX ((off_t)4 << 20)

static int fail(struct lc_error **err, const char *call, const char *object, int errnum)
{
    return error_raise(err,
            &(struct error_site){ .stage = "state", .syscall = call, .object = object, .errnum = errnum },
            NULL);
}

/* A part of the state file, with a NUL behind it; the caller frees *ret_text. */
static int read_part(const struct container *container, unsigned long long offset, unsigned long long length,
        char **ret_text, struct lc_error **err)
{
    CLEAN_FREE char *text = NULL;
    CLEAN_FD int fd = openat(container->state_fd, container->record_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    ssize_t got;

    if (fd < 0)
        return fail(err, "open", container->record_name, errno);
    if (length > (unsigned long long)CONFIG_MAX)
        return fail(err, "read", container->record_name, EFBIG);
    text = malloc(length + 1);
    got = text != NULL ? pread(fd, text, length, (off_t)offset) : -1;
    if (got != (ssize_t)length)
        return fail(err, "pread", container->record_name, text == NULL ? ENOMEM : got < 0 ? errno : EIO);
    text[length] = '\0';
    *ret_text = TAKE_POINTER(text);
    return 0;
}

int oci_config(const struct container *container, struct lc_config **ret, struct lc_error **err)
{
    const struct record_oci *oci = &container->record.oci;
    CLEAN_FREE char *text = NULL;
    int r = read_part(container, oci->config, oci->config_length, &text, err);

    return r < 0 ? r : oci_parse(text, oci->config_length, OCI_CONFIG_NAME, oci->bundle, ret, err);
}

static int take_filter(struct lc_config *config, const struct record_oci *oci, const char *program)
{
    struct config_seccomp *seccomp = &config->oci.seccomp;
    void *copy;

    if (oci->filter_length == 0)
        return 0;
    copy = arena_alloc(&config->arena, oci->filter_length);
    if (copy == NULL)
        return -ENOMEM;
    memcpy(copy, program, oci->filter_length);
    seccomp->present = true;
    seccomp->program = copy;
    seccomp->program_length = oci->filter_length;
    seccomp->program_flags = oci->filter_flags;
    return 0;
}

int oci_config_join(const struct container *container, const char *process, const char *process_file,
        struct lc_config **ret, struct lc_error **err)
{
    const struct record_oci *oci = &container->record.oci;
    const struct oci_text given = { process, process != NULL ? strlen(process) : 0,
        process_file != NULL ? process_file : "process.json" };
    bool whole = oci->join_length == 0;
    unsigned long long start = oci->config + (whole ? 0 : oci->config_length);
    struct oci_text saved = { .length = whole ? oci->config_length : oci->join_length,
        .file = OCI_CONFIG_NAME };
    CLEAN_FREE char *text = NULL;
    struct lc_config *config = NULL;
    int r = read_part(container, start, saved.length + (whole ? 0 : oci->filter_length), &text, err);

    saved.text = text;
    if (r == 0 && text != NULL)
        r = oci_parse_process(&saved, process != NULL ? &given : NULL, oci->bundle, &config, err);
    if (r < 0 || config == NULL)
        return r;
    if (!whole && take_filter(config, oci, text + oci->join_length) < 0) {
        lc_config_free(config);
        return fail(err, "malloc", container->record_name, ENOMEM);
    }
    *ret = config;
    return 0;
}

void oci_locate(const struct container *container, const struct lc_config *config, struct lc_error *err)
{
    const struct record_oci *oci = &container->record.oci;
    struct lc_config whole = *config;
    CLEAN_FREE char *text = NULL;

    if (oci->join_length > 0 && read_part(container, oci->config, oci->config_length, &text, NULL) == 0) {
        whole.text = text;
        whole.length = oci->config_length;
    }
    locate_errors(&whole, err);
}
