/* `options` of a mount: mount(8)'s words and OCI's, as one table. What is not in it belongs to the file
 * system. */
#include <config/reader.h>

#include <base/buffer.h>
#include <base/util.h>

#include <linux/mount.h>
#include <string.h>

enum option_kind {
    OPTION_FLAG,
    OPTION_BIND,
    OPTION_RBIND,
    OPTION_REMOUNT,
    OPTION_IDMAP,
    OPTION_RIDMAP,
    OPTION_COPY_UP,
};

struct option {
    const char *name;
    uint64_t attr_set, attr_clear;
    uint64_t super_set, super_clear;
    uint64_t propagation;
    bool recursive;
    enum option_kind kind;
};

/* The kernel wants the whole atime field cleared when any mode of it is set; relatime is the mode numbered 0.
 */
#define SET(flag) .attr_set = MOUNT_ATTR_##flag
#define CLEAR(flag) .attr_clear = MOUNT_ATTR_##flag
#define ATIME(mode) .attr_set = MOUNT_ATTR_##mode, .attr_clear = MOUNT_ATTR__ATIME
/* The plain word, and its r-form for submounts too. */
#define BOTH(word, ...)                                                                                      \
    { word, __VA_ARGS__ },                                                                                   \
    {                                                                                                        \
        "r" word, __VA_ARGS__, .recursive = true                                                             \
    }
#define SUPER(word, opposite, flag)                                                                          \
    { word, .super_set = flag },                                                                             \
    {                                                                                                        \
        opposite, .super_clear = flag                                                                        \
    }
#define PROPAGATION(word, flag)                                                                              \
    { word, .propagation = flag },                                                                           \
    {                                                                                                        \
        "r" word, .propagation = (flag) | MS_REC                                                             \
    }

/* clang-format off */
static const struct option options[] = {
    { "defaults", .kind = OPTION_FLAG },
    { "bind", .kind = OPTION_BIND },
    { "rbind", .kind = OPTION_RBIND },
    BOTH("ro", SET(RDONLY)),
    BOTH("rw", CLEAR(RDONLY)),
    BOTH("nosuid", SET(NOSUID)),
    BOTH("suid", CLEAR(NOSUID)),
    BOTH("nodev", SET(NODEV)),
    BOTH("dev", CLEAR(NODEV)),
    BOTH("noexec", SET(NOEXEC)),
    BOTH("exec", CLEAR(NOEXEC)),
    BOTH("nosymfollow", SET(NOSYMFOLLOW)),
    BOTH("symfollow", CLEAR(NOSYMFOLLOW)),
    BOTH("nodiratime", SET(NODIRATIME)),
    BOTH("diratime", CLEAR(NODIRATIME)),
    BOTH("noatime", ATIME(NOATIME)),
    BOTH("strictatime", ATIME(STRICTATIME)),
    BOTH("relatime", ATIME(RELATIME)),
    BOTH("atime", ATIME(RELATIME)),
    BOTH("norelatime", ATIME(RELATIME)),
    BOTH("nostrictatime", ATIME(RELATIME)),
    SUPER("sync", "async", MS_SYNCHRONOUS),
    { "dirsync", .super_set = MS_DIRSYNC },
    SUPER("mand", "nomand", MS_MANDLOCK),
    SUPER("lazytime", "nolazytime", MS_LAZYTIME),
    SUPER("iversion", "noiversion", MS_I_VERSION),
    SUPER("silent", "loud", MS_SILENT),
    PROPAGATION("private", MS_PRIVATE),
    PROPAGATION("slave", MS_SLAVE),
    PROPAGATION("shared", MS_SHARED),
    PROPAGATION("unbindable", MS_UNBINDABLE),
    { "remount", .kind = OPTION_REMOUNT },
    { "idmap", .kind = OPTION_IDMAP },
    { "ridmap", .kind = OPTION_RIDMAP },
    { "tmpcopyup", .kind = OPTION_COPY_UP },
};
/* clang-format on */

static const struct option *find_option(const char *word)
{
    for (size_t i = 0; i < ARRAY_SIZE(options); i++)
        if (strcmp(options[i].name, word) == 0)
            return &options[i];
    return NULL;
}

/* The last word wins, as in mount(8). */
static void apply(const struct option *option, struct config_mount *mount)
{
    mount->attr_set = (mount->attr_set & ~option->attr_clear) | option->attr_set;
    mount->attr_clear = (mount->attr_clear & ~option->attr_set) | option->attr_clear;
    mount->super_flags = (mount->super_flags & ~option->super_clear) | option->super_set;
    mount->super_clear = (mount->super_clear & ~option->super_set) | option->super_clear;
    mount->recursive_attr |= option->recursive;
    /* A slave can be shared as well; of all others each undoes what was before it. */
    if ((option->propagation & MS_SHARED) != 0 && (mount->propagation & MS_SLAVE) != 0)
        mount->propagation |= option->propagation;
    else if (option->propagation != 0)
        mount->propagation = option->propagation;
    mount->remount |= option->kind == OPTION_REMOUNT;
    mount->copy_up |= option->kind == OPTION_COPY_UP;
    mount->idmap |= option->kind == OPTION_IDMAP || option->kind == OPTION_RIDMAP;
    mount->recursive_idmap |= option->kind == OPTION_RIDMAP;
}

/* The words for the file system are joined by commas, so one of them must not smuggle in another. */
static bool has_bare_comma(const char *word)
{
    bool quoted = false;

    for (; *word != '\0'; word++) {
        if (*word == '"')
            quoted = !quoted;
        else if (*word == '\\' && word[1] != '\0')
            word++;
        else if (*word == ',' && !quoted)
            return true;
    }
    return quoted;
}

/* config.json's engines join what they like, and the specification asks to hand it on. */
static bool is_word(const struct reader *reader, const char *word)
{
    return word != NULL && *word != '\0' && (reader->oci || !has_bare_comma(word));
}

static void read_word(const char *word, struct config_mount *mount, bool *bind, struct buffer *data)
{
    const struct option *option = find_option(word);

    if (option == NULL) {
        buffer_printf(data, "%s%s", data->length > 0 ? "," : "", word);
        return;
    }
    if (option->kind == OPTION_BIND || option->kind == OPTION_RBIND) {
        *bind = true;
        mount->recursive_bind = option->kind == OPTION_RBIND;
    }
    apply(option, mount);
}

/* "silent" changes nothing: the kernel has no word to spare. */
bool mount_option_of_fs(const char *word)
{
    const struct option *option = find_option(word);

    return option == NULL || (option->super_set & ~(uint64_t)MS_SILENT) != 0;
}

/* Nothing of the file system can be changed through a second view of it. */
static void refuse_on_bind(struct reader *reader, const struct node *node)
{
    for (size_t i = 0; i < json_array_size(node->json); i++) {
        struct node item = node_item(node, i);
        const char *word = json_string_value(item.json);

        if (is_word(reader, word) && mount_option_of_fs(word))
            complain(reader, &item, "the option %s belongs to a file system, and a bind mount makes none",
                    quote(reader, word));
    }
}

void read_mount_options(
        struct reader *reader, const struct node *node, struct config_mount *mount, bool *bind)
{
    struct buffer data = { 0 };

    if (!get_array(reader, node, "an array of mount options", 256))
        return;
    for (size_t i = 0; i < json_array_size(node->json); i++) {
        struct node item = node_item(node, i);
        const char *word = json_string_value(item.json);

        if (is_word(reader, word))
            read_word(word, mount, bind, &data);
        else if (!reader->oci || word == NULL)
            complain_expected(reader, &item, "one mount option");
    }
    if (*bind && reader->oci) {
        mount->super_flags = mount->super_clear = 0; /* what mount(2) does with them, and with data */
    } else if (*bind) {
        mount->super_flags &= ~(uint64_t)MS_SILENT;
        refuse_on_bind(reader, node);
    } else if (data.length > 0) {
        buffer_add(&data, "", 1);
        if (!data.failed)
            mount->data = keep(reader, data.data);
    }
    reader->no_memory |= data.failed;
    buffer_done(&data);
}

size_t mount_option_count(void)
{
    return ARRAY_SIZE(options);
}

const char *mount_option_name(size_t index)
{
    return options[index].name;
}
