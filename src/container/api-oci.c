/* The public functions about config.json itself: reading it, a first one, and what this build and kernel can do with it. */
#include "runtime.h"

#include <base/util.h>
#include <security/capabilities.h>
#include <security/seccomp.h>

#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/syscall.h>

#define SECCOMP_NEW_LISTENER (1ul << 3)
#define SECCOMP_WAIT_KILLABLE (1ul << 5)

static int raise_path(struct lc_error **err, const char *syscall, const char *path)
{
    return error_raise(err,
            &(struct error_site){ .stage = "config", .errnum = errno, .syscall = syscall, .object = path },
            NULL);
}

static bool find_compiled(
        void *data, const char *text, size_t length, struct arena *arena, struct config_seccomp *ret)
{
    CLEANUP(seccomp_filter_done) struct seccomp_filter filter = { 0 };
    void *program = NULL;

    if (seccomp_filter_find((int)(intptr_t)data, text, length, &filter) == 0)
        program = arena_alloc(arena, filter.length);
    if (program == NULL)
        return false;
    memcpy(program, filter.program, filter.length);
    ret->program = program;
    ret->program_length = filter.length;
    ret->program_flags = filter.flags;
    return true;
}

struct oci_compiled oci_compiled(int runtime_fd)
{
    return (struct oci_compiled){ find_compiled, (void *)(intptr_t)runtime_fd };
}

static int load(const char *bundle, const struct oci_compiled *compiled, struct lc_config **ret,
        struct lc_error **err)
{
    CLEAN_FREE char *absolute = NULL;
    CLEAN_FD int fd = -EBADF;

    if (bundle == NULL)
        bundle = ".";
    absolute = realpath(bundle, NULL);
    if (absolute == NULL)
        return raise_path(err, "realpath", bundle);
    fd = open(absolute, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return raise_path(err, "open", absolute);
    return oci_load(fd, absolute, compiled, ret, err);
}

int lc_config_load_bundle(const char *bundle, struct lc_config **ret, struct lc_error **err)
{
    return load(bundle, NULL, ret, err);
}

int lc_runtime_load_bundle(
        struct lc_runtime *runtime, const char *bundle, struct lc_config **ret, struct lc_error **err)
{
    const struct oci_compiled compiled = oci_compiled(runtime->fd);

    return load(bundle, &compiled, ret, err);
}

int lc_config_parse_oci(const char *text, size_t length, const char *name, const char *bundle,
        struct lc_config **ret, struct lc_error **err)
{
    CLEAN_FREE char *absolute = realpath(bundle != NULL ? bundle : ".", NULL);

    if (absolute == NULL)
        return raise_path(err, "realpath", bundle != NULL ? bundle : ".");
    return oci_parse(text, length, name, absolute, ret, err);
}

int lc_config_default_oci(bool rootless, char **ret_json, struct lc_error **err)
{
    return oci_default_json(rootless, geteuid(), getegid(), ret_json, err);
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static uint32_t kernel_namespaces(void)
{
    uint32_t found = 0;

    for (int i = 0; i < NAMESPACE_MAX_; i++) {
        char path[64];

        (void)snprintf(path, sizeof(path), "/proc/self/ns/%s", config_namespaces[i].proc);
        if (exists(path))
            found |= NAMESPACE_BIT(i);
    }
    return found;
}

/* The kernel looks at the flags before it looks for the filter: EFAULT says that it knows them. */
static uint32_t seccomp_flags(void)
{
    static const unsigned long flags[] = {
        SECCOMP_FILTER_FLAG_TSYNC,
        SECCOMP_FILTER_FLAG_SPEC_ALLOW,
        SECCOMP_FILTER_FLAG_LOG,
        SECCOMP_WAIT_KILLABLE | SECCOMP_NEW_LISTENER,
    }; /* in the order of oci_seccomp_flags */
    uint32_t found = 0;

    for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
        if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags[i], NULL) < 0 && errno == EFAULT)
            found |= 1u << i;
    return found;
}

/* "enabled" says what this build can do, "unrelated to whether the host supports it" (runtime-spec): what the host lacks is an error
 * when a configuration asks for it. */
int lc_features(char **ret_json, struct lc_error **err)
{
    const struct config_pair annotations[] = {
        { .name = "libcontainer.version", .value = LC_VERSION },
    };
    int last = capabilities_last();
    struct oci_features features = {
        .namespaces = kernel_namespaces(),
        .last_capability = last < 0 ? CAP_LAST_CAP : last,
        .cgroup_v1 = true,
        .cgroup_v2 = true,
        .systemd = cgroup_has_systemd(),
        .systemd_user = cgroup_has_systemd(),
        .rdma = true,
        .seccomp_flags = seccomp_flags(),
        .apparmor = true,
        .selinux = true,
        .rdt = true,
        .rdt_schemata = true,
        .rdt_monitoring = true,
        .memory_policy = true,
        .idmap = true,
        .net_devices = true,
        .annotations = annotations,
        .n_annotations = ARRAY_SIZE(annotations),
    };

    features.seccomp = features.seccomp_flags != 0;
    return oci_features_json(&features, ret_json, err);
}
