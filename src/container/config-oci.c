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

/* config.json as it was at create; the caller frees *ret_text. */
static int read_config(const struct container *container, char **ret_text, struct lc_error **err)
{
    const struct record_oci *oci = &container->record.oci;
    CLEAN_FREE char *text = NULL;
    CLEAN_FD int fd = openat(container->state_fd, container->record_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    ssize_t got;

    if (fd < 0)
        return fail(err, "open", container->record_name, errno);
    if (oci->config_length > (unsigned long long)CONFIG_MAX)
        return fail(err, "read", container->record_name, EFBIG);
    text = malloc(oci->config_length + 1);
    got = text != NULL ? pread(fd, text, oci->config_length, (off_t)oci->config) : -1;
    if (got != (ssize_t)oci->config_length)
        return fail(err, "pread", container->record_name, text == NULL ? ENOMEM : got < 0 ? errno : EIO);
    *ret_text = TAKE_POINTER(text);
    return 0;
}

int oci_config(const struct container *container, struct lc_config **ret, struct lc_error **err)
{
    const struct record_oci *oci = &container->record.oci;
    CLEAN_FREE char *text = NULL;
    int r = read_config(container, &text, err);

    return r < 0 ? r : oci_parse(text, oci->config_length, OCI_CONFIG_NAME, oci->bundle, ret, err);
}

int oci_config_join(const struct container *container, const char *process, const char *process_file,
        struct lc_config **ret, struct lc_error **err)
{
    const struct oci_compiled compiled = oci_compiled(container->runtime_fd);
    const struct record_oci *oci = &container->record.oci;
    const struct oci_text given = { process, process != NULL ? strlen(process) : 0,
        process_file != NULL ? process_file : "process.json" };
    struct oci_text saved = { .length = oci->config_length, .file = OCI_CONFIG_NAME };
    CLEAN_FREE char *text = NULL;
    int r = read_config(container, &text, err);

    if (r < 0)
        return r;
    saved.text = text;
    return oci_parse_join(&saved, process != NULL ? &given : NULL, &compiled, oci->bundle, ret, err);
}
