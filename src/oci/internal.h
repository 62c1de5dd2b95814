/* What the files of this room share. All targets are struct lc_config * unless said otherwise. */
#ifndef OCI_INTERNAL_H
#define OCI_INTERNAL_H

#include <config/reader.h>
#include <oci/oci.h>

#define ANNOTATION_KEEP_GROUPS "run.oci.keep_original_groups"

/* One word of a fixed set and the number that the kernel knows it by. */
struct word {
    const char *name;
    uint32_t value;
};

/* values.c */
/* The row of the word; NULL after a complaint that lists all of them. */
const struct word *get_word(
        struct reader *reader, const struct node *node, const struct word *words, size_t count);
/* The OR of the values of an array of words. */
uint32_t get_word_bits(
        struct reader *reader, const struct node *node, const struct word *words, size_t count);
/* Our copy of the name, from a NULL-terminated list; NULL after a complaint. */
const char *get_name(struct reader *reader, const struct node *node, const char *const *names);
/* Any text is good. */
bool check_any(struct reader *reader, const struct node *node, const char *text);
bool check_absolute(struct reader *reader, const struct node *node, const char *text);
/* "/a/b": absolute, without ".", ".." and doubled slashes; ".." ends at the root. */
const char *clean_path(struct reader *reader, const char *path);
void read_number(struct reader *reader, const struct node *node, void *target); /* uint32_t, all of them */
/* Something to tell that is no error. */
__attribute__((format(printf, 3, 4))) void warn(
        struct reader *reader, const struct node *node, const char *fmt, ...);

/* annotations.c */
void read_annotations(struct reader *reader, const struct node *node, void *target);
/* process.c */
void read_process(struct reader *reader, const struct node *node, void *target);
/* capabilities.c */
void read_process_capabilities(struct reader *reader, const struct node *node, void *target);
/* rlimits.c */
void read_process_rlimits(struct reader *reader, const struct node *node, void *target);
/* scheduling.c */
void read_scheduler(struct reader *reader, const struct node *node, void *target);
void read_io_priority(struct reader *reader, const struct node *node, void *target);
void read_affinity(struct reader *reader, const struct node *node, void *target);
/* mounts.c */
void read_oci_mounts(struct reader *reader, const struct node *node, void *target);
/* hooks.c */
void read_hooks(struct reader *reader, const struct node *node, void *target);
/* linux.c */
void read_linux(struct reader *reader, const struct node *node, void *target);
/* namespaces.c */
void read_oci_namespaces(struct reader *reader, const struct node *node, void *target);
void read_time_offsets(struct reader *reader, const struct node *node, void *target);
/* mappings.c */
void read_linux_uid_mappings(struct reader *reader, const struct node *node, void *target);
void read_linux_gid_mappings(struct reader *reader, const struct node *node, void *target);
void read_mount_uid_mappings(
        struct reader *reader, const struct node *node, void *target); /* struct config_mappings * */
void read_mount_gid_mappings(struct reader *reader, const struct node *node, void *target); /* the same */
/* devices.c */
void read_linux_devices(struct reader *reader, const struct node *node, void *target);
void read_device_rules(
        struct reader *reader, const struct node *node, void *target); /* struct config_cgroups * */
/* memory-policy.c, rdt.c, net-devices.c */
void read_memory_policy(struct reader *reader, const struct node *node, void *target);
void read_rdt(struct reader *reader, const struct node *node, void *target);
void read_net_devices(struct reader *reader, const struct node *node, void *target);
/* resources.c, blkio.c, resource-maps.c: struct config_cgroups * */
void read_resources(struct reader *reader, const struct node *node, void *target);
void read_blkio(struct reader *reader, const struct node *node, void *target);
void read_hugepages(struct reader *reader, const struct node *node, void *target);
void read_network(struct reader *reader, const struct node *node, void *target);
void read_rdma(struct reader *reader, const struct node *node, void *target);
/* seccomp.c */
void read_seccomp(struct reader *reader, const struct node *node, void *target);
/* rules.c */
void check_oci_rules(struct reader *reader, const struct node *top);

#endif
