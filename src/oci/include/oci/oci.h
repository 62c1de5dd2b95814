/* config.json of the OCI runtime-spec 1.3 to the same lc_config that container.json becomes. Pure: no root, no side effect.
 * Unknown keys are ignored, as the specification says; null is the same as an absent key; everything else that is wrong
 * is an error with line, column and JSON pointer, all errors of a file at once. */
#ifndef OCI_OCI_H
#define OCI_OCI_H

#include <config/config.h>

#define OCI_VERSION "1.3.0" /* the newest that is understood, and what states say */
#define OCI_CONFIG_NAME "config.json"

/* `bundle`: absolute directory that relative paths begin in. `file` names the text in messages. */
int oci_parse(const char *text, size_t length, const char *file, const char *bundle, struct lc_config **ret,
        struct lc_error **err);

/* Filters that were compiled before. `find`: that of this very text of linux.seccomp becomes `program` and what belongs to it in *ret,
 * its memory the arena's; false: there is none. With it the text is not read again. */
struct oci_compiled {
    bool (*find)(
            void *data, const char *text, size_t length, struct arena *arena, struct config_seccomp *ret);
    void *data;
};
/* Reads config.json below bundle_fd, as config_load does. `compiled`: or NULL. */
int oci_load(int bundle_fd, const char *bundle, const struct oci_compiled *compiled, struct lc_config **ret,
        struct lc_error **err);

struct oci_text {
    const char *text;
    size_t length;
    const char *file;
};
/* A configuration whose `process` is the object of another text (exec --process); NULL: its own. Capabilities, rlimits, AppArmor profile
 * and SELinux label that it leaves out are those of the configuration's process. Errors in it name its own file, with pointers from
 * its own root: "/user/uid". */
int oci_parse_process(const struct oci_text *config, const struct oci_text *process, const char *bundle,
        struct lc_config **ret, struct lc_error **err);

/* A linux.resources object (update --resources). What is absent, null or 0 stays unset in *ret, which means unchanged;
 * only cpu.idle and cpu.burst can be set to 0. Strings live in the arena. */
int oci_parse_resources(const char *text, size_t length, const char *file, struct arena *arena,
        struct config_cgroups *ret, struct lc_error **err);

/* A config.json to begin with. Rootless: with a user namespace in which `uid` and `gid` are root. The caller frees. */
int oci_default_json(bool rootless, uint32_t uid, uint32_t gid, char **ret_json, struct lc_error **err);

/* What of the features document depends on the build and the kernel. */
struct oci_features {
    uint32_t namespaces; /* NAMESPACE_BIT() set that the kernel has */
    int last_capability; /* that both the kernel and libcap know */
    bool cgroup_v1, cgroup_v2, systemd, systemd_user, rdma;
    bool seccomp;
    uint32_t seccomp_flags; /* bit N: row N of oci_seccomp_flags works here */
    bool apparmor, selinux;
    bool rdt, rdt_schemata, rdt_monitoring;
    bool memory_policy, idmap, net_devices;
    const struct config_pair *annotations;
    size_t n_annotations;
};
/* NULL-terminated: the names that linux.seccomp may use. */
extern const char *const oci_seccomp_actions[],
        *const oci_seccomp_operators[], *const oci_seccomp_architectures[], *const oci_seccomp_flags[];

/* The caller frees *ret_json. */
int oci_features_json(const struct oci_features *features, char **ret_json, struct lc_error **err);

#endif
