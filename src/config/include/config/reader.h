/* What the parts of this room share: nodes (a value and the way to it), complaints, typed getters and key
 * tables. */
#ifndef CONFIG_READER_H
#define CONFIG_READER_H

#include <config/config.h>

#include <jansson.h>

#define TEXT_MAX (4u << 20)
#define DEPTH_MAX 64
#define ID_MAX 4294967294 /* (uid_t)-1 means "leave as it is" to the kernel, so it is nobody's number */

struct oci_compiled;
struct survey_row;

struct reader {
    struct lc_config *config;
    struct lc_error **err;
    bool lenient;
    bool no_memory;
    bool oci;    /* config.json: null means absent, integers up to 2^64-1, more mount options */
    bool update; /* of a container that exists: an explicit 0 of some limits is an order */
    unsigned complaints;
    const struct survey_row *survey; /* of config.json, or NULL: what a process that joins does not need */
    const struct oci_compiled *compiled; /* of oci.h, or NULL */
    /* What only the cross-key rules need to know. */
    bool namespaces_bad;          /* the list has errors: "needs NEWNS" would only be noise */
    const char *capabilities_key; /* whichever of the two lists came first */
};

/* A value and how we got to it; lives on the stack of whoever reads the parent. */
struct node {
    const struct node *parent; /* NULL: the top level */
    const char *key;           /* NULL: element `index` of an array */
    size_t index;
    json_t *json;
};

typedef void (*read_function)(struct reader *reader, const struct node *node, void *target);

struct node node_item(const struct node *array, size_t index);
/* .json is NULL when the object has no such member. */
struct node node_member(const struct node *object, const char *key);
const char *node_pointer(struct reader *reader, const struct node *node);

/* ---- position.c ---- */
struct place {
    size_t offset;
    char *pointer; /* malloc'ed; NULL when out of memory */
};
/* The token that holds byte `offset`, or the end of the text, and the value being read there. */
struct place position_at(const char *text, size_t length, size_t offset);
/* Members to be found by pointers of objects' keys, "/a" or "/a/b"; the last row has none. */
#define SURVEY_DEPTH_MAX 2
#define SURVEY_MAX 16
struct survey_row {
    const char *pointer;
    /* Given the value as written, need it not be read now? NULL: it has to be. */
    bool (*leave_out)(struct reader *reader, const char *text, size_t length);
};
struct survey_value {
    const struct survey_row *row;
    size_t start, end;
    bool left_out; /* asked by syntax.c */
};
/* In the order of the text. */
struct survey {
    struct survey_value found[SURVEY_MAX];
    size_t count;
};
/* In one pass. False: a bracket lies below DEPTH_MAX levels. */
bool position_survey(const char *text, size_t length, const struct survey_row *rows, struct survey *ret,
        struct place *ret_too_deep);
void position_line(const char *text, size_t offset, int *ret_line, int *ret_column);
/* Where the value starts. */
int position_of_value(const char *text, size_t length, const char *pointer, size_t *ret_offset);
/* config_locate, but the position of the member's name instead of its value. */
int position_of_key(const char *text, size_t length, const char *pointer, int *ret_line, int *ret_column);

/* ---- syntax.c ---- */
/* The tree of the configuration's text, or NULL after one error. With reader->survey also config->oci.join. */
json_t *syntax_load(struct reader *reader);

/* ---- parse.c ---- */
/* A configuration with nothing read yet; NULL when out of memory. */
struct lc_config *config_new(const char *text, size_t length, const char *file);
void config_free_pointer(struct lc_config **config);
/* Refuses what is longer than TEXT_MAX. */
int config_check_length(const char *text, size_t length, const char *file, struct lc_error **err);

/* An object of limits alone, by `read`, whose target is a struct config_cgroups; the reader says of which format. What it
 * keeps is in the arena. */
int config_parse_part(struct reader *reader, const char *text, size_t length, const char *file,
        read_function read, struct arena *arena, struct config_cgroups *ret);

/* ---- load.c ---- */
/* Reads a regular file below dirfd, at most one byte more than TEXT_MAX. The caller frees *ret_text. */
int config_read_file(int dirfd, const char *name, const char *file, const char *hint, char **ret_text,
        size_t *ret_length, struct lc_error **err);

/* ---- report.c ---- */
void complain(struct reader *reader, const struct node *node, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
void complain_hint(struct reader *reader, const struct node *node, const char *hint, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));
/* At the name of a member instead of its value. */
void complain_key(struct reader *reader, const struct node *node, const char *hint, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));
void complain_pointer(struct reader *reader, const char *pointer, const char *hint, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));
/* "expected WHAT, found ..." */
void complain_expected(struct reader *reader, const struct node *node, const char *expected);
void complain_offset(struct reader *reader, size_t offset, const char *pointer, const char *text);
/* In quotes, shortened, control characters made harmless. */
const char *quote(struct reader *reader, const char *text);

/* ---- values.c ---- */
/* One member of an object: `read` gets the address of the field at `offset` in the object being filled. */
struct key {
    const char *name;
    read_function read;
    size_t offset;
};

/* keys.c */
void read_object(
        struct reader *reader, const struct node *node, const struct key *keys, size_t count, void *target);
/* The same, and every key has to be there; false when something was wrong. */
bool read_full_object(
        struct reader *reader, const struct node *node, const struct key *keys, size_t count, void *target);
/* Complains and returns false when the member is missing. */
bool require_key(struct reader *reader, const struct node *object, const char *key);

const char *keep(struct reader *reader, const char *text); /* a copy in the arena; "" when out of memory */
void *keep_array(struct reader *reader, size_t count, size_t size);
/* An array of up to `max` things of `size` bytes in the arena: `read` gets the address of each, zeroed, at node->index
 * of the whole. All of them count; NULL and 0 after a complaint about the array itself. */
void *read_items(struct reader *reader, const struct node *node, const char *expected, size_t max,
        size_t size, read_function read, size_t *ret_count);
/* True for an array of at most `max` members; complains otherwise. */
bool get_array(struct reader *reader, const struct node *node, const char *expected, size_t max);
bool get_integer(struct reader *reader, const struct node *node, int64_t min, int64_t max, int64_t *ret);
/* How many members an object has, at most `max`; SIZE_MAX after a complaint. */
size_t get_object(struct reader *reader, const struct node *node, const char *expected, size_t max);
/* Up to 2^64-1 where the reader is one of config.json. */
bool get_unsigned(struct reader *reader, const struct node *node, uint64_t min, uint64_t max, uint64_t *ret);
/* The tree's own string, gone after parsing; NULL after a complaint. */
const char *get_text(struct reader *reader, const struct node *node);
/* An integer, or a string of octal digits. */
bool get_mode(struct reader *reader, const struct node *node, int64_t max, int64_t *ret);
bool has_control(const char *text);
bool path_has_dots(const char *path); /* a ".." component */
bool path_is_root(const char *path);  /* "/", "//", "/./" */

void read_bool(struct reader *reader, const struct node *node, void *target);          /* bool */
void read_text(struct reader *reader, const struct node *node, void *target);          /* const char * */
void read_optional_text(struct reader *reader, const struct node *node, void *target); /* "" becomes NULL */
void read_absolute_path(struct reader *reader, const struct node *node, void *target); /* const char * */
void read_id(struct reader *reader, const struct node *node, void *target);            /* uint32_t */
void read_ignored(struct reader *reader, const struct node *node, void *target);
void read_unsupported(struct reader *reader, const struct node *node, void *target);

/* Checks one string of a list; false after a complaint. */
typedef bool (*check_function)(struct reader *reader, const struct node *node, const char *text);
void read_text_list(struct reader *reader, const struct node *node, check_function check,
        const char ***ret_list, size_t *ret_count);

/* ---- one file per subject; all targets are struct lc_config * unless said otherwise ---- */
void read_hostname(struct reader *reader, const struct node *node, void *target); /* const char * */
void read_environment(struct reader *reader, const struct node *node, void *target);
void read_working_dir(struct reader *reader, const struct node *node, void *target);
void read_user(struct reader *reader, const struct node *node, void *target);
void read_additional_groups(struct reader *reader, const struct node *node, void *target);
void read_umask(struct reader *reader, const struct node *node, void *target);
void read_oom_score_adj(struct reader *reader, const struct node *node, void *target);
void read_context(struct reader *reader, const struct node *node, void *target);
void read_namespaces(struct reader *reader, const struct node *node, void *target);
void read_uid_mappings(struct reader *reader, const struct node *node, void *target);
void read_gid_mappings(struct reader *reader, const struct node *node, void *target);
void read_capabilities(struct reader *reader, const struct node *node, void *target);
void read_capabilities_mask(struct reader *reader, const struct node *node, void *target);
void read_mounts(struct reader *reader, const struct node *node, void *target);
void read_mount_options(struct reader *reader, const struct node *node, struct config_mount *mount,
        bool *bind); /* `bind` may already be set by the type */
/* "SYS_ADMIN" or "CAP_SYS_ADMIN" in any case; -1 when libcap does not know it. */
int capability_bit(const char *name);
/* The row of "RLIMIT_NOFILE": its number and our own copy of the name; false when there is none. */
bool rlimit_find(const char *name, int *ret_resource, const char **ret_name);
bool is_cpu_list(const char *text); /* "0-3,5" */
/* ---- what both formats have, each with its own names and words for the same ---- */
#define MAPPINGS_MAX 340 /* UID_GID_MAP_MAX_EXTENTS */
void read_mapping_size(struct reader *reader, const struct node *node, void *target); /* uint32_t */
#define ROOT_UNMAPPED "id 0 of the container must be mapped: the set-up runs as root inside"
bool maps_root(const struct config_mapping *mappings, size_t count);
/* A member of an array, against those before it. One that is `bad` is compared with nothing. */
void finish_mapping(struct reader *reader, const struct node *node, struct config_mapping *mapping, bool bad);
/* Members of a struct config_device, and which of them there must be. */
void read_device_path(struct reader *reader, const struct node *node, void *target);
void read_device_type(struct reader *reader, const struct node *node, void *target);
void read_device_major(struct reader *reader, const struct node *node, void *target);
void read_device_minor(struct reader *reader, const struct node *node, void *target);
void require_device_keys(struct reader *reader, const struct node *node, const struct config_device *device);
/* False when it is no object. */
bool read_device_rule(struct reader *reader, const struct node *node, const struct key *keys, size_t count,
        struct config_device_rule *rule);
#define RLIMITS_MAX 64
/* A member of an array: the target of `read_kind` is the struct, that of `read_limit` a uint64_t. */
void read_rlimit(struct reader *reader, const struct node *node, read_function read_kind,
        read_function read_limit, struct config_rlimit *rlimit);
/* The words of the table, for who lists them. */
size_t mount_option_count(void);
const char *mount_option_name(size_t index);

/* Is it the file system's, and not one of the view that a mount is? So is every unknown word. */
bool mount_option_of_fs(const char *word);
void read_devices(struct reader *reader, const struct node *node, void *target);
void read_rlimits(struct reader *reader, const struct node *node, void *target);
void read_sysctl(struct reader *reader, const struct node *node, void *target);
void read_masked_paths(struct reader *reader, const struct node *node, void *target);
void read_readonly_paths(struct reader *reader, const struct node *node, void *target);
void read_networks(struct reader *reader, const struct node *node, void *target);
void read_routes(struct reader *reader, const struct node *node, void *target); /* struct config_network * */
void read_cgroups(struct reader *reader, const struct node *node, void *target);
/* The members of "cgroups" that can change while the container lives; struct config_cgroups * */
void read_limits_only(struct reader *reader, const struct node *node, void *target);

/* ---- cgroups-lists.c: all targets are struct config_cgroups * ---- */
bool is_page_size(const char *text); /* "2MB" */
void read_io_max(struct reader *reader, const struct node *node, void *target);
void read_hugetlb(struct reader *reader, const struct node *node, void *target);
void read_rdma_limits(struct reader *reader, const struct node *node, void *target);
void read_unified(struct reader *reader, const struct node *node, void *target);
/* The formats differ in the names of two keys only. */
void read_rdma_devices(struct reader *reader, const struct node *node, struct config_cgroups *cgroups,
        const char *handles, const char *objects);

/* ---- address.c ---- */
bool get_cidr(struct reader *reader, const struct node *node, struct config_address *ret);
bool get_address(struct reader *reader, const struct node *node, struct config_address *ret);
bool address_contains(const struct config_address *net, const struct config_address *address);
bool address_has_host_bits(const struct config_address *net);
bool address_is_loopback(const struct config_address *address);
void read_mac(struct reader *reader, const struct node *node, void *target); /* struct config_network * */

/* ---- rules.c, defaults.c ---- */
void check_rules(struct reader *reader, const struct node *top);
void apply_defaults(struct reader *reader);

#endif
