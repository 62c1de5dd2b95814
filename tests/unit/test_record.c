/* The record: written, read back, damaged in every way, and pointing where it must not. */
#include "unit.h"

#include "../../src/container/container.h"

#include <jansson.h>

#define PREFIX "/sys/fs/cgroup/memory"

static struct cgroup_group groups[] = {
    { .path = (char *)PREFIX "/docker/11bb", .mount = (char *)PREFIX, .made = true },
    { .path = (char *)"/sys/fs/cgroup/unified/a \"b\" \\c",
            .mount = (char *)"/sys/fs/cgroup/unified",
            .v2 = true },
};

static struct cgroup_unit unit = {
    .name = (char *)"nsrun-a\\x2bb.scope", .description = (char *)"container \"x\" (0123)", .user = true
};

/* Everything set; freed by nobody. */
static void fill(struct container *container)
{
    static struct network_link links[] = { { "veth0123456789" }, { "" }, { "x" } };

    *container = (struct container){ .record = { .owner = { 12, 3456 },
                                             .init = { 2147483647, 789012345678901 },
                                             .namespaces = NAMESPACE_BIT(NAMESPACE_PID) |
                                                           NAMESPACE_BIT(NAMESPACE_TIME),
                                             .foreign_network = true,
                                             .mark = "mnt",
                                             .mark_dev = 4,
                                             .mark_ino = 4026531840,
                                             .links = links,
                                             .n_links = ARRAY_SIZE(links) } };
    (void)snprintf(container->root, sizeof(container->root), "/srv/one \"two\"\n");
    memcpy(container->record.groups.groups, groups, sizeof(groups));
    container->record.groups.unit = &unit;
    container->record.groups.count = ARRAY_SIZE(groups);
}

static void round_trip(void **state)
{
    struct container container, copy = { 0 };
    CLEAN_FREE char *text = NULL, *again = NULL;

    (void)state;
    fill(&container);
    text = record_format(&container, NULL);
    assert_int_equal(record_parse(text, &copy.record), 0);
    assert_memory_equal(&copy.record.owner, &container.record.owner, sizeof(struct identity));
    assert_memory_equal(&copy.record.init, &container.record.init, sizeof(struct identity));
    assert_int_equal(copy.record.namespaces, container.record.namespaces);
    assert_true(copy.record.foreign_network);
    assert_string_equal(copy.record.mark, "mnt");
    assert_int_equal(copy.record.mark_dev, 4);
    assert_int_equal(copy.record.mark_ino, 4026531840);
    assert_int_equal(copy.record.n_links, 2); /* those with a host end */
    assert_string_equal(copy.record.links[1].host_name, "x");
    assert_int_equal(copy.record.groups.count, 2);
    assert_string_equal(copy.record.groups.groups[1].path, groups[1].path);
    assert_true(copy.record.groups.groups[0].made && !copy.record.groups.groups[1].made);
    assert_true(!copy.record.groups.groups[0].v2 && copy.record.groups.groups[1].v2);
    assert_string_equal(copy.record.groups.unit->name, unit.name);
    assert_string_equal(copy.record.groups.unit->description, unit.description);
    assert_true(copy.record.groups.unit->user && copy.record.groups.unit->asked);
    (void)snprintf(copy.root, sizeof(copy.root), "%s", container.root);
    again = record_format(&copy, NULL);
    assert_string_equal(text, again);
    record_done(&copy.record);
    record_done(&copy.record);
}

/* What `nsinit state` prints is JSON with a status, and without what is nobody's business. */
static void state_text(void **state)
{
    static const char *const inner[] = { "owner", "mark", "foreign_network" };
    struct container container;
    CLEAN_FREE char *text = NULL;
    json_t *top;

    (void)state;
    fill(&container);
    text = record_format(&container, "running");
    top = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(top);
    assert_string_equal(json_string_value(json_object_get(top, "status")), "running");
    assert_int_equal(json_integer_value(json_object_get(top, "pid")), container.record.init.pid);
    assert_string_equal(json_string_value(json_object_get(top, "root")), container.root);
    for (size_t i = 0; i < ARRAY_SIZE(inner); i++)
        assert_null(json_object_get(top, inner[i]));
    json_decref(top);
}

static void empty_record(void **state)
{
    struct container container = { 0 }, copy = { 0 };
    CLEAN_FREE char *text = record_format(&container, NULL);

    (void)state;
    assert_int_equal(record_parse(text, &copy.record), 0);
    assert_int_equal(copy.record.groups.count + copy.record.n_links + copy.record.namespaces, 0);
    record_done(&copy.record);
}

/* A directory name is bytes. What was written must be readable, or the container can never be removed. */
static void any_directory_name(void **state)
{
    static const char *const roots[] = { "/srv/caf\xe9", "/\xff\xfe", "/a\x01\x7f", "/\xc3" };
    size_t wrong = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
        struct container container = { 0 }, copy = { 0 };
        CLEAN_FREE char *text = NULL;

        (void)snprintf(container.root, sizeof(container.root), "%s", roots[i]);
        text = record_format(&container, NULL);
        if (record_parse(text, &copy.record) != 0) {
            print_error("row %zu: what record_format wrote, record_parse refuses\n", i);
            wrong++;
        }
        record_done(&copy.record);
    }
    ASSERT_ROWS(wrong);
}

/* Later versions of the record overwrite this one in place: they must not be shorter. */
static void padded(void **state)
{
    struct container container;
    CLEAN_FREE char *text = NULL;

    (void)state;
    fill(&container);
    text = record_format(&container, NULL);
    assert_int_equal(strlen(text) % 1024, 0);
}

#define UNIT(name, description, user)                                                                        \
    "{\"name\": \"" name "\", \"description\": \"" description "\", \"user\": " user "}"

/* A record with one member replaced. */
static char *with(const char *member, const char *value)
{
    static const char *const members[][2] = {
        { "pid", "10" },
        { "start", "20" },
        { "owner", "{\"pid\": 1, \"start\": 2}" },
        { "namespaces", "[\"NEWPID\"]" },
        { "cgroups", "[]" },
        { "unit", UNIT("a.scope", "d", "false") },
        { "interfaces", "[\"veth0\"]" },
        { "mark", "[\"mnt\", 1, 2]" },
    };
    struct buffer out = { 0 };
    bool used = false;

    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        bool this = strcmp(members[i][0], member) == 0;

        used |= this;
        if (!this || value != NULL)
            buffer_printf(&out, "%s\"%s\": %s", out.length > 0 ? ", " : "{", members[i][0],
                    this ? value : members[i][1]);
    }
    assert_true(used || member[0] == '\0');
    buffer_text(&out, "}");
    return buffer_take_text(&out);
}

#define GROUP(path, mount)                                                                                   \
    "[{\"path\": \"" path "\", \"mount\": \"" mount "\", \"version\": 1, \"made\": true}]"
#define GROUPS(path) GROUP(path, "/sys/fs/cgroup")
#define SIXTEEN(x) x x x x x x x x x x x x x x x x

static void damaged_members(void **state)
{
    static const struct {
        const char *member, *value; /* NULL: left out */
        bool good;
    } rows[] = {
        { "", NULL, true },
        { "pid", "-1", false },
        { "pid", "2147483648", false },
        { "pid", "4294967297", false }, /* 1 in 32 bits */
        { "pid", "\"10\"", false },
        { "pid", "null", false },
        { "pid", "1.5", false },
        { "pid", NULL, false },
        { "start", "-1", false },
        { "start", "\"x\"", false },
        { "owner", "{\"pid\": -5, \"start\": 2}", false },
        { "owner", "[]", false },
        { "owner", NULL, false },
        { "namespaces", "[\"NEWFOO\"]", false },
        { "namespaces", "[5]", false },
        { "namespaces", "[null]", false },
        { "namespaces", "\"NEWPID\"", false },
        { "namespaces", NULL, false },
        { "interfaces", "[\"sixteen-bytes-xx\"]", false },
        { "interfaces", "[\"fifteen-bytes-x\"]", true },
        { "interfaces", "[7]", false },
        { "unit", NULL, true },
        { "unit", UNIT("a.slice", "", "true"), true },
        { "unit", UNIT("dbus.service", "d", "false"), false }, /* would be stopped */
        { "unit", UNIT("../a.scope", "d", "false"), false },
        { "unit", UNIT("", "d", "false"), false },
        { "unit", UNIT("a.scope", "d\\nstop\\nb.scope", "false"), false }, /* a line of the helper's */
        { "unit", UNIT("a.scope", "d", "1"), false },
        { "unit", "{\"name\": \"a.scope\"}", false },
        { "unit", "{}", false },
        { "unit", "[]", false },
        { "mark", "[]", false },
        { "mark", "[\"sixteen-bytes-xx\", 1, 2]", false },
        { "mark", "[5, 1, 2]", false },
        { "mark", "[\"../../x\", 1, 2]", false }, /* becomes /proc/PID/ns/MARK */
        { "mark", "[\"mnt\", -1, 2]", false },    /* would be written as a number that JSON cannot hold */
        { "mark", "{}", false },
        { "mark", NULL, false },
    };
    size_t wrong = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEAN_FREE char *text = with(rows[i].member, rows[i].value);
        struct record record = { 0 };

        if ((record_parse(text, &record) == 0) != rows[i].good) {
            print_error("%s %s: %s\n", rows[i].good ? "refused" : "taken", rows[i].member,
                    rows[i].value != NULL ? rows[i].value : "(left out)");
            wrong++;
        }
        record_done(&record);
    }
    ASSERT_ROWS(wrong);
}

/* These paths are removed later, with all processes in them: they must be real groups below their mount. */
static void group_paths(void **state)
{
    static const struct {
        const char *value;
        bool good;
    } rows[] = {
        { GROUPS("/sys/fs/cgroup/a"), true },
        { GROUPS("/sys/fs/cgroup/a/b..c"), true },
        { "[]", true },
        { "[{}]", false },
        { "[5]", false },
        { "5", false },
        { GROUPS("relative"), false },
        { GROUPS(""), false },
        { GROUPS("/etc"), false },
        { GROUPS("/sys/fs/cgroup-other/a"), false }, /* not below it, though the text begins with it */
        { GROUPS("/sys/fs/cgroup"), false },         /* the mount point itself */
        { GROUPS("/sys/fs/cgroup/"), false },
        { GROUPS("/sys/fs/cgroup/../x"), false },
        { GROUPS("/sys/fs/cgroup/a/.."), false },
        { GROUPS("/sys/fs/cgroup/a/../.."), false },
        { GROUPS("/sys/fs/cgroup/."), false },
        { GROUP("/etc", ""), false },
        { GROUP("/etc/x", "/"), false },
        { GROUP("/etc/x", "/etc/x/"), false },
        { "[{\"path\": \"/sys/fs/cgroup/a\"}]", false },
        { "[{\"mount\": \"/sys/fs/cgroup\"}]", false },
        { "[{\"path\": 5, \"mount\": 5}]", false },
    };
    size_t wrong = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEAN_FREE char *text = with("cgroups", rows[i].value);
        struct record record = { 0 };

        if ((record_parse(text, &record) == 0) != rows[i].good) {
            print_error("%s: %s\n", rows[i].good ? "refused" : "taken", rows[i].value);
            wrong++;
        }
        record_done(&record);
    }
    ASSERT_ROWS(wrong);
}

static void too_many_groups(void **state)
{
    static const char one[] = "{\"path\": \"/g/a\", \"mount\": \"/g\"}";
    struct record record = { 0 };
    struct buffer list = { 0 };
    CLEAN_FREE char *value = NULL, *text = NULL;

    (void)state;
    for (int i = 0; i <= CGROUP_HIERARCHIES_MAX; i++)
        buffer_printf(&list, "%s%s", i > 0 ? "," : "[", one);
    buffer_text(&list, "]");
    value = buffer_take_text(&list);
    text = with("cgroups", value);
    assert_int_equal(record_parse(text, &record), -EBADMSG);
    assert_true(record.groups.count <= CGROUP_HIERARCHIES_MAX);
    record_done(&record);
}

/* A crash while writing: every shorter text is refused, or is the whole record without its padding. */
static void cut_short(void **state)
{
    struct container container;
    CLEAN_FREE char *text = NULL;
    size_t end;

    (void)state;
    fill(&container);
    text = record_format(&container, NULL);
    end = (size_t)(strrchr(text, '}') - text);
    for (size_t length = 0; length <= end; length++) {
        char *copy = strndup(text, length);
        struct record record = { 0 };

        assert_int_equal(record_parse(copy, &record), -EBADMSG);
        record_done(&record);
        free(copy);
    }
}

static void not_a_record(void **state)
{
    static const char *const texts[] = { "", " ", "null", "[]", "5", "\"x\"", "{", "{}", "{}{}",
        "{\"pid\": 1, \"pid\": 2}", "\xff", SIXTEEN("[") SIXTEEN("{") };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct record record = { 0 };

        if (record_parse(texts[i], &record) == 0)
            fail_msg("taken: %s", texts[i]);
        record_done(&record);
    }
}

/* How an OCI container ended; nothing of it before that, nor from a record of an older version. */
static void last_word(void **state)
{
    struct container container, copy = { 0 };
    CLEAN_FREE char *before = NULL, *text = NULL;

    (void)state;
    fill(&container);
    container.record.oci = (struct record_oci){ .present = true,
        .bundle = (char *)"/b",
        .rootfs = (char *)"/b/rootfs",
        .version = (char *)"1.3.0",
        .created = "2026-01-01T00:00:00Z",
        .complete = true,
        .status = -1,
        .config = 4096,
        .config_length = 1 };
    before = record_format(&container, NULL);
    assert_null(strstr(before, "\"exit\""));
    assert_null(strstr(before, "\"final\""));
    assert_int_equal(record_parse(before, &copy.record), 0);
    assert_int_equal(copy.record.oci.status, -1);
    assert_null(copy.record.oci.final);
    record_done(&copy.record);
    container.record.oci.status = 137;
    container.record.oci.final = (char *)"{\"memory\":{\"peak\":null}}";
    text = record_format(&container, NULL);
    assert_int_equal(record_parse(text, &copy.record), 0);
    assert_int_equal(copy.record.oci.status, 137);
    assert_string_equal(copy.record.oci.final, "{\"memory\":{\"peak\":null}}");
    record_done(&copy.record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(last_word),
        cmocka_unit_test(state_text),
        cmocka_unit_test(empty_record),
        cmocka_unit_test(any_directory_name),
        cmocka_unit_test(padded),
        cmocka_unit_test(damaged_members),
        cmocka_unit_test(group_paths),
        cmocka_unit_test(too_many_groups),
        cmocka_unit_test(cut_short),
        cmocka_unit_test(not_a_record),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
