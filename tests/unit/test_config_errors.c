/* Everything that config_parse refuses: where it says the fault is, and the words. */
#include "test_config.h"

#define ALL "\"namespaces\":[\"NEWNS\",\"NEWUTS\",\"NEWIPC\",\"NEWNET\",\"NEWUSER\"]"

/* One error exactly. `column` on line 1; 0: not checked. */
struct bad {
    const char *text, *pointer;
    int column;
    const char *words;
};

static bool check_one(const struct bad *row)
{
    struct lc_error *err = parse_bad(row->text, strlen(row->text), false);
    const struct error_site *site = error_site(err);
    char *line = error_format(err);
    bool good = true;

    if (count_errors(err) != 1 || strcmp(site->pointer, row->pointer) != 0 || site->line != 1 ||
            (row->column != 0 && site->column != row->column) || strstr(line, row->words) == NULL) {
        print_errors(row->text, err);
        print_error("    expected %s 1:%d %s\n", row->pointer, row->column, row->words);
        good = false;
    }
    assert_string_equal(site->stage, "config");
    assert_string_equal(site->file, "container.json");
    free(line);
    error_free(err);
    return good;
}

static void check_table(const struct bad *table, size_t count)
{
    size_t wrong = 0;

    for (size_t i = 0; i < count; i++)
        wrong += !check_one(&table[i]);
    assert_int_equal(wrong, 0);
}

static void test_syntax(void **state)
{
    static const struct bad table[] = {
        { "", "", 1, "the file is empty" },
        { " \t ", "", 1, "the file is empty" },
        { "[]", "", 1, "expected an object, found an array" },
        { "5", "", 1, "expected an object, found the number 5" },
        { "null", "", 1, "expected an object, found null" },
        { "{", "", 2, "not valid JSON" },
        { "{\"tty\"", "/tty", 7, "not valid JSON" },
        { "{\"tty\":", "/tty", 8, "not valid JSON" },
        { "{\"tty\" true}", "/tty", 8, "not valid JSON: ':' expected" },
        { "{\"tty\":tru}", "/tty", 8, "not valid JSON: invalid token near 'tru'" },
        { "{\"tty\":true", "", 12, "not valid JSON" },
        { "{\"tty\":true,}", "", 13, "not valid JSON" },
        { "{\"tty\":true \"user\":\"\"}", "", 13, "not valid JSON" },
        { "{\"environment\":[\"A=1\",,]}", "/environment", 23, "not valid JSON" },
        { "{\"environment\":[\"A=1\" \"B=2\"]}", "/environment", 23, "not valid JSON" },
        { "{\"environment\":[\"A=1\",oops]}", "/environment/1", 23, "not valid JSON" },
        { "{\"user\":\"x", "/user", 9, "not valid JSON" },
        { "{\"user\":\"x\\q\"}", "/user", 9, "not valid JSON: invalid escape" },
        { "{\"user\":\"a\\u0000b\"}", "/user", 9, "must not contain NUL" },
        { "{\"us\\u0000er\":\"a\"}", "/us\\u0000er", 2, "a key must not contain NUL" },
        { "{\"user\":\"\xff\"}", "/user", 10, "not valid UTF-8" },
        { "{\"user\":\"\xc3\xa4\xe2\x82\"}", "/user", 12, "not valid UTF-8" },
        { "{\"user\":\"\",\"user\":\"\"}", "/user", 12, "the key is given twice" },
        { "{\"cgroups\":{\"name\":\"x\",\"n\\u0061me\":\"y\"}}", "/cgroups/name", 24, "given twice" },
        { "{} {}", "", 4, "unexpected text after the end" },
        { "{}]", "", 3, "unexpected text after the end" },
        { "{\"umask\":99999999999999999999}", "/umask", 10, "the number is too large" },
        { "{\"umask\":01}", "/umask", 0, "not valid JSON" },
        { "{'tty':true}", "", 2, "not valid JSON" },
        { "{\"tty\":true} // words", "", 14, "unexpected text after the end" },
    };

    (void)state;
    check_table(table, ARRAY_SIZE(table));
}

static void test_unknown_keys(void **state)
{
    static const struct bad table[] = {
        { "{\"hostnam\":1}", "/hostnam", 2, "did you mean \"hostname\"?" },
        { "{\"oomScoreAdj\":1}", "/oomScoreAdj", 2, "did you mean \"oom_score_adj\"?" },
        { "{\"bogus\":{\"a\":1}}", "/bogus", 2, "unknown key \"bogus\"" },
        { "{\"a/b~c\":1}", "/a~1b~0c", 2, "unknown key \"a/b~c\"" },
        { "{\"\":1}", "/", 2, "unknown key \"\"" },
        { "{\"\\u001b\\u009b\":1}", "/\x1b\xc2\x9b", 2, "unknown key \"\\u001b\\u009b\"" },
        { "{\"context\":{\"foo\":\"\"}}", "/context/foo", 13, "the keys here are apparmor_profile," },
        { "{\"cgroups\":{\"memry\":1}}", "/cgroups/memry", 13, "did you mean \"memory\"?" },
        { "{" ALL ",\"networks\":[{\"type\":\"loopback\",\"mtuu\":1}]}", "/networks/0/mtuu", 0, "\"mtu\"" },
        { "{\"seccomp\":\"default\"}", "/seccomp", 2, "\"seccomp\" is not supported by this version" },
        { "{\"landlock\":{}}", "/landlock", 2, "not supported by this version of libcontainer" },
        { "{\"hooks\":{}}", "/hooks", 2, "not supported" },
        { "{\"init\":true}", "/init", 2, "not supported" },
        { "{\"cgroups\":{\"unit_properties\":[[\"IPAccounting\",true]]}}", "/cgroups/unit_properties", 31,
                "need the driver \"systemd\"" },
        { "{\"cgroups\":{\"driver\":\"systemd\",\"unit_properties\":[[\"ExecStart\",\"x\"]]}}",
                "/cgroups/unit_properties/0", 51, "ExecStart\": this property of a unit is not for" },
        { "{\"cgroups\":{\"driver\":\"systemd\",\"unit_properties\":[[\"After\",1]]}}",
                "/cgroups/unit_properties/0", 51, "expected a list of texts" },
        { "{\"cgroups\":{\"driver\":\"systemd\",\"unit_properties\":[[\"After\"]]}}",
                "/cgroups/unit_properties/0", 51, "expected [\"name\", value]" },
        { "{\"cgroups\":{\"driver\":\"cgroupfs\"}}", "/cgroups/driver", 22, "\"fs\" or \"systemd\"" },
    };

    (void)state;
    check_table(table, ARRAY_SIZE(table));
}

static void test_process(void **state)
{
    static const struct bad table[] = {
        { "{\"hostname\":\"x\"}", "/hostname", 13, "hostname needs the namespace NEWUTS" },
        { "{\"domainname\":\"x\"}", "/domainname", 15, "domainname needs the namespace NEWUTS" },
        { "{\"hostname\":5}", "/hostname", 13, "expected a string, found the number 5" },
        { "{\"hostname\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}", "/hostname",
                13, "at most 64 bytes, found one of 65" },
        { "{\"environment\":\"A=1\"}", "/environment", 16, "expected an array of strings, found \"A=1\"" },
        { "{\"environment\":[\"A=1\",\"B\"]}", "/environment/1", 23, "expected NAME=VALUE, found \"B\"" },
        { "{\"environment\":[\"=1\"]}", "/environment/0", 17, "expected NAME=VALUE" },
        { "{\"environment\":[null]}", "/environment/0", 17, "expected a string, found null" },
        { "{\"working_dir\":\"tmp\"}", "/working_dir", 16, "expected an absolute path, found \"tmp\"" },
        { "{\"working_dir\":1.5}", "/working_dir", 16, "found the number 1.5" },
        { "{\"user\":0}", "/user", 9, "expected a string" },
        { "{\"user\":\"1:\"}", "/user", 9, "expected \"\", NAME, UID" },
        { "{\"user\":\":1\"}", "/user", 9, "found \":1\"" },
        { "{\"user\":\":\"}", "/user", 9, "found" },
        { "{\"user\":\"1x\"}", "/user", 9, "found \"1x\"" },
        { "{\"user\":\"+1\"}", "/user", 9, "found \"+1\"" },
        { "{\"user\":\"-1\"}", "/user", 9, "found \"-1\"" },
        { "{\"user\":\" 1\"}", "/user", 9, "found \" 1\"" },
        { "{\"user\":\"a b\"}", "/user", 9, "found" },
        { "{\"user\":\"1:2:3\"}", "/user", 9, "found" },
        { "{\"user\":\"4294967295\"}", "/user", 9, "found" },
        { "{\"user\":\"0:99999999999999999999999\"}", "/user", 9, "found" },
        { "{\"additional_groups\":[1,\"2\"]}", "/additional_groups/1", 25,
                "expected an integer from 0 to 4294967294" },
        { "{\"additional_groups\":[-1]}", "/additional_groups/0", 23, "found the number -1" },
        { "{\"additional_groups\":5}", "/additional_groups", 22, "expected an array" },
        { "{\"umask\":512}", "/umask", 10, "expected an integer from 0 to 511 or an octal string" },
        { "{\"umask\":\"0888\"}", "/umask", 10, "found \"0888\"" },
        { "{\"umask\":\"\"}", "/umask", 10, "found \"\"" },
        { "{\"umask\":\"1000\"}", "/umask", 10, "found" },
        { "{\"oom_score_adj\":1001}", "/oom_score_adj", 18, "expected an integer from -1000 to 1000" },
        { "{\"oom_score_adj\":true}", "/oom_score_adj", 18, "found true" },
        { "{\"tty\":\"true\"}", "/tty", 8, "expected true or false, found \"true\"" },
        { "{\"no_new_privileges\":1}", "/no_new_privileges", 22, "expected true or false" },
        { "{\"readonly_fs\":true}", "/readonly_fs", 16, "readonly_fs needs the namespace NEWNS" },
        { "{\"no_pivot_root\":true}", "/no_pivot_root", 18, "needs the namespace NEWNS" },
        { "{\"context\":{\"process_label\":1}}", "/context/process_label", 29, "expected a string" },
        { "{\"context\":[]}", "/context", 12, "expected an object, found an array" },
    };

    (void)state;
    check_table(table, ARRAY_SIZE(table));
}

static void test_namespaces(void **state)
{
    static const struct bad table[] = {
        { "{\"namespaces\":\"NEWNS\"}", "/namespaces", 15, "expected an array of namespace names" },
        { "{\"namespaces\":[\"NEWFOO\"]}", "/namespaces/0", 16, "expected one of NEWNS, NEWUTS" },
        { "{\"namespaces\":[\"NEWNS\",\"NEWNS\"]}", "/namespaces/1", 24, "\"NEWNS\" is listed twice" },
        { "{\"namespaces\":[{\"key\":\"NEWNS\"},\"NEWNS\"]}", "/namespaces/1", 0, "listed twice" },
        { "{\"namespaces\":[{\"enabled\":true}]}", "/namespaces/0", 16, "the key \"key\" is missing" },
        { "{\"namespaces\":[{\"key\":\"X\"}]}", "/namespaces/0/key", 23, "expected one of" },
        { "{\"namespaces\":[{\"key\":\"NEWNS\",\"file\":1}]}", "/namespaces/0/file", 0, "expected a string" },
        { "{\"namespaces\":[{\"key\":\"NEWNS\",\"value\":\"\"}]}", "/namespaces/0/value", 0, "an integer" },
        { "{\"namespaces\":[1],\"hostname\":\"x\"}", "/namespaces/0", 16, "found the number 1" },
        { "{" ALL ",\"uid_mappings\":[{\"container_id\":0,\"host_id\":1,\"size\":1}]}", "/uid_mappings", 0,
                "needs gid_mappings" },
        { "{" ALL ",\"gid_mappings\":[{\"container_id\":0,\"host_id\":1,\"size\":1}]}", "/gid_mappings", 0,
                "needs uid_mappings" },
        { "{" ALL ",\"uid_mappings\":[{\"container_id\":0,\"host_id\":1,\"size\":0}],"
          "\"gid_mappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1}]}",
                "/uid_mappings/0/size", 0, "expected an integer from 1 to" },
        { "{" ALL ",\"uid_mappings\":[{\"container_id\":0,\"size\":1}],\"gid_mappings\":[{\"containerID\":0,"
          "\"hostID\":1,\"size\":1}]}",
                "/uid_mappings/0", 0, "the key \"host_id\" is missing" },
        { "{" ALL ",\"uid_mappings\":[{\"container_id\":0,\"containerID\":0,\"host_id\":1,\"size\":1}],"
          "\"gid_mappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1}]}",
                "/uid_mappings/0/containerID", 0, "mean the same" },
        { "{" ALL ",\"uid_mappings\":[{\"container_id\":1,\"host_id\":1,\"size\":1}],"
          "\"gid_mappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1}]}",
                "/uid_mappings", 0, "id 0 of the container must be mapped" },
        { "{" ALL ",\"uid_mappings\":[{\"container_id\":0,\"host_id\":1,\"size\":10},{\"container_id\":9,"
          "\"host_id\":50,"
          "\"size\":1}],\"gid_mappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1}]}",
                "/uid_mappings/1", 0, "container ids overlap with those of entry 0" },
        { "{" ALL ",\"uid_mappings\":[{\"container_id\":0,\"host_id\":1,\"size\":10},{\"container_id\":10,"
          "\"host_id\":10,"
          "\"size\":1}],\"gid_mappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1}]}",
                "/uid_mappings/1", 0, "host ids overlap with those of entry 0" },
        { "{" ALL ",\"uid_mappings\":[{\"container_id\":0,\"host_id\":4294967294,\"size\":2}],"
          "\"gid_mappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1}]}",
                "/uid_mappings/0", 0, "beyond the last id" },
    };

    (void)state;
    check_table(table, ARRAY_SIZE(table));
}

static void test_capabilities(void **state)
{
    static const struct bad table[] = {
        { "{\"capabilities\":[\"NOPE\"]}", "/capabilities/0", 18, "expected the name of a capability" },
        { "{\"capabilities\":[\"3\"]}", "/capabilities/0", 18, "found \"3\"" },
        { "{\"capabilities\":[\"CAP_CAP_KILL\"]}", "/capabilities/0", 18, "found" },
        { "{\"capabilities\":[\"KILL,CHOWN\"]}", "/capabilities/0", 18, "found" },
        { "{\"capabilities\":[\"KILLER\"]}", "/capabilities/0", 18, "found" },
        { "{\"capabilities\":[\"\"]}", "/capabilities/0", 18, "found" },
        { "{\"capabilities\":[{\"key\":\"KILL\"}]}", "/capabilities/0", 18, "found an object" },
        { "{\"capabilities\":\"KILL\"}", "/capabilities", 17, "expected an array of capability names" },
        { "{\"capabilities_mask\":[{\"value\":1}]}", "/capabilities_mask/0", 23, "\"key\" is missing" },
        { "{\"capabilities_mask\":[],\"capabilities\":[]}", "/capabilities", 25,
                "\"capabilities_mask\" excludes \"capabilities\"" },
        { "{\"capabilities\":[],\"capabilities_mask\":[]}", "/capabilities_mask", 20,
                "\"capabilities\" excludes \"capabilities_mask\"" },
    };

    (void)state;
    check_table(table, ARRAY_SIZE(table));
}

#define MOUNT(members) "{\"namespaces\":[\"NEWNS\"],\"mounts\":[{" members "}]}"
#define BIND "\"source\":\"/a\",\"destination\":\"/b\""
#define FIRST 35 /* column of the first mount's brace */
static void test_mounts(void **state)
{
    static const struct bad table[] = {
        { "{\"mounts\":[{" BIND "}]}", "/mounts", 11, "mounts needs the namespace NEWNS" },
        { MOUNT("\"source\":\"/a\""), "/mounts/0", FIRST, "\"destination\" is missing" },
        { MOUNT("\"destination\":\"/a\""), "/mounts/0", FIRST, "\"source\" is missing" },
        { MOUNT("\"source\":\"a\",\"destination\":\"/b\""), "/mounts/0/source", 45,
                "an absolute path, found \"a\"" },
        { MOUNT("\"source\":\"/a\",\"destination\":\"b\""), "/mounts/0/destination", 64, "absolute path" },
        { MOUNT("\"source\":\"/a\",\"destination\":\"//./\""), "/mounts/0/destination", 64,
                "the root itself" },
        { MOUNT("\"source\":\"/a\",\"destination\":\"/b/../c\""), "/mounts/0/destination", 64,
                "without \"..\"" },
        { MOUNT(BIND ",\"writable\":\"yes\""), "/mounts/0/writable", 0, "true or false" },
        { MOUNT(BIND ",\"options\":\"ro\""), "/mounts/0/options", 0, "an array of mount options" },
        { MOUNT(BIND ",\"options\":[\"ro\",\"size=1\"]"), "/mounts/0/options/1", 0,
                "\"size=1\" belongs to a file" },
        { MOUNT(BIND ",\"options\":[\"sync\"]"), "/mounts/0/options/0", 0, "\"sync\" belongs to a file" },
        { MOUNT(BIND ",\"options\":[\"idmap\"]"), "/mounts", 0, "needs the namespace NEWUSER" },
        { MOUNT(BIND ",\"options\":[\"remount\",\"idmap\"]"), "/mounts/0/options", 0,
                "cannot be mapped any more" },
        { MOUNT("\"type\":\"tmpfs\",\"destination\":\"/b\",\"options\":[\"ridmap\"]"), "/mounts/0/options", 0,
                "only a bind mount" },
        { MOUNT(BIND ",\"options\":[\"ro,rw\"]"), "/mounts/0/options/0", 0, "expected one mount option" },
        { MOUNT(BIND ",\"options\":[\"\"]"), "/mounts/0/options/0", 0, "expected one mount option" },
        { MOUNT(BIND ",\"options\":[\"a=\\\"b\"]"), "/mounts/0/options/0", 0, "expected one mount option" },
        { MOUNT(BIND ",\"options\":[1]"), "/mounts/0/options/0", 0,
                "expected one mount option, found the number 1" },
        { MOUNT(BIND ",\"writable\":true,\"options\":[\"ro\"]"), "/mounts/0/writable", 0, "contradicts" },
        { MOUNT(BIND ",\"writable\":false,\"options\":[\"rw\"]"), "/mounts/0/writable", 0, "contradicts" },
        { MOUNT(BIND ",\"private\":true,\"options\":[\"rshared\"]"), "/mounts/0/private", 0, "contradicts" },
        { MOUNT("\"type\":\"\",\"destination\":\"/b\""), "/mounts/0/type", 43,
                "the name of a file system type" },
        { MOUNT("\"type\":\"ramfs\",\"destination\":\"/b\",\"options\":[\"tmpcopyup\"]"), "/mounts/0/options",
                0, "needs the type" },
        { "{\"namespaces\":[\"NEWNS\"],\"mounts\":[1]}", "/mounts/0", FIRST, "expected an object" },
        { "{\"masked_paths\":[\"/x\"]}", "/masked_paths", 17, "needs the namespace NEWNS" },
        { "{\"readonly_paths\":[\"/x\"]}", "/readonly_paths", 19, "needs the namespace NEWNS" },
        { "{" ALL ",\"masked_paths\":[\"x\"]}", "/masked_paths/0", 0, "expected an absolute path" },
        { "{" ALL ",\"readonly_paths\":[\"/x/..\"]}", "/readonly_paths/0", 0, "without \"..\"" },
    };

    (void)state;
    check_table(table, ARRAY_SIZE(table));
}

#define DEVICE(members) "{\"namespaces\":[\"NEWNS\"],\"devices\":[{" members "}]}"
static void test_devices(void **state)
{
    static const struct bad table[] = {
        { "{\"devices\":[\"/dev/fuse\"]}", "/devices", 12, "devices needs the namespace NEWNS" },
        { "{" ALL ",\"devices\":[\"fuse\"]}", "/devices/0", 0, "expected an absolute path" },
        { "{" ALL ",\"devices\":[\"/dev/../x\"]}", "/devices/0", 0, "without \"..\"" },
        { "{" ALL ",\"devices\":[7]}", "/devices/0", 0, "expected a path or an object" },
        { "{" ALL ",\"devices\":[\"/dev/a\",\"/dev/a\"]}", "/devices/1", 0, "already made by entry 0" },
        { DEVICE("\"path\":\"/dev/a\""), "/devices/0", 36, "\"type\" is missing" },
        { DEVICE("\"type\":\"p\""), "/devices/0", 36, "\"path\" is missing" },
        { DEVICE("\"path\":\"/dev/a\",\"type\":\"x\""), "/devices/0/type", 0,
                "expected \"c\", \"u\", \"b\" or \"p\"" },
        { DEVICE("\"path\":\"/dev/a\",\"type\":\"c\",\"major\":1"), "/devices/0", 36,
                "\"minor\" is missing" },
        { DEVICE("\"path\":\"/dev/a\",\"type\":\"c\",\"major\":4096,\"minor\":1"), "/devices/0/major", 0,
                "from 0 to 4095" },
        { DEVICE("\"path\":\"/dev/a\",\"type\":\"p\",\"mode\":\"07778\""), "/devices/0/mode", 0,
                "octal string" },
        { DEVICE("\"path\":\"/dev/a\",\"type\":\"p\",\"mode\":1,\"file_mode\":1"), "/devices/0/file_mode", 0,
                "mean the same" },
        { "{\"rlimits\":{}}", "/rlimits", 12, "expected an array" },
        { "{\"rlimits\":[{\"type\":\"X\",\"soft\":1,\"hard\":1}]}", "/rlimits/0/type", 21,
                "name of a resource" },
        { "{\"rlimits\":[{\"type\":\"CPU\",\"soft\":2,\"hard\":1}]}", "/rlimits/0/soft", 34,
                "above the hard" },
        { "{\"rlimits\":[{\"type\":\"CPU\",\"soft\":\"unlimited\",\"hard\":1}]}", "/rlimits/0/soft", 34,
                "above" },
        { "{\"rlimits\":[{\"type\":\"CPU\",\"soft\":-2,\"hard\":1}]}", "/rlimits/0/soft", 34, "at least 0" },
        { "{\"rlimits\":[{\"type\":\"CPU\",\"hard\":1}]}", "/rlimits/0", 13, "\"soft\" is missing" },
        { "{\"rlimits\":[{\"type\":\"CPU\",\"soft\":1,\"hard\":1},{\"type\":\"rlimit_cpu\",\"soft\":1,"
          "\"hard\":1}]}",
                "/rlimits/1", 0, "RLIMIT_CPU is given twice" },
    };

    (void)state;
    check_table(table, ARRAY_SIZE(table));
}

static void test_sysctl(void **state)
{
    static const struct bad table[] = {
        { "{\"sysctl\":{\"net.ipv4.ip_forward\":\"1\"}}", "/sysctl/net.ipv4.ip_forward", 12,
                "needs the namespace NEWNET" },
        { "{\"sysctl\":{\"kernel.msgmax\":1}}", "/sysctl/kernel.msgmax", 12, "needs the namespace NEWIPC" },
        { "{\"sysctl\":{\"fs.mqueue.msg_max\":1}}", "/sysctl/fs.mqueue.msg_max", 12,
                "needs the namespace NEWIPC" },
        { "{\"sysctl\":{\"kernel.hostname\":\"x\"}}", "/sysctl/kernel.hostname", 12,
                "needs the namespace NEWUTS" },
        { "{" ALL ",\"sysctl\":{\"kernel.panic\":\"1\"}}", "/sysctl/kernel.panic", 0,
                "it would change the host" },
        { "{" ALL ",\"sysctl\":{\"kernel.msgmaxx\":\"1\"}}", "/sysctl/kernel.msgmaxx", 0,
                "would change the host" },
        { "{" ALL ",\"sysctl\":{\"net/../kernel/panic\":\"1\"}}", "/sysctl/net~1..~1kernel~1panic", 0,
                "a name like" },
        { "{" ALL ",\"sysctl\":{\"net.//.x\":\"1\"}}", "/sysctl/net.~1~1.x", 0, "a name like" },
        { "{" ALL ",\"sysctl\":{\"net..x\":\"1\"}}", "/sysctl/net..x", 0, "a name like" },
        { "{" ALL ",\"sysctl\":{\"/net/x\":\"1\"}}", "/sysctl/~1net~1x", 0, "a name like" },
        { "{" ALL ",\"sysctl\":{\"net.a+b\":\"1\"}}", "/sysctl/net.a+b", 0, "a name like" },
        { "{" ALL ",\"sysctl\":{\"\":\"1\"}}", "/sysctl/", 0, "a name like" },
        { "{" ALL ",\"sysctl\":{\"net.x\":true}}", "/sysctl/net.x", 0, "an integer or a line of text" },
        { "{" ALL ",\"sysctl\":{\"net.x\":\"1\\n2\"}}", "/sysctl/net.x", 0, "found \"1\\u000a2\"" },
        { "{" ALL ",\"sysctl\":{\"net.x\":1,\"net/x\":2}}", "/sysctl/net~1x", 0, "given twice" },
        { "{\"sysctl\":[]}", "/sysctl", 11, "expected an object" },
    };

    (void)state;
    check_table(table, ARRAY_SIZE(table));
}

#define NET(entries) "{\"namespaces\":[\"NEWNET\"],\"networks\":[" entries "]}"
#define VETH(members) NET("{\"type\":\"veth\",\"context\":{\"bridge\":\"b\"}," members "}")
static void test_networks(void **state)
{
    static const struct bad table[] = {
        { "{\"networks\":[{\"type\":\"loopback\"}]}", "/networks/0", 14, "needs the namespace NEWNET" },
        { NET("{}"), "/networks/0", 38, "\"type\" is missing" },
        { NET("7"), "/networks/0", 38, "expected an object" },
        { NET("{\"type\":\"tap\"}"), "/networks/0/type", 46,
                "expected one of \"loopback\", \"veth\", \"netns\"" },
        { NET("{\"type\":\"macvlan\"}"), "/networks/0/type", 46,
                "\"macvlan\" is not supported by this version" },
        { NET("{\"type\":\"ipvlan\"}"), "/networks/0/type", 46, "not supported" },
        { NET("{\"type\":\"vlan\"}"), "/networks/0/type", 46, "not supported" },
        { NET("{\"type\":\"host_device\"}"), "/networks/0/type", 46, "not supported" },
        { NET("{\"type\":\"veth\"}"), "/networks/0", 38, "the key \"bridge\" is missing" },
        { NET("{\"type\":\"veth\",\"context\":{}}"), "/networks/0/context", 63, "\"bridge\" is missing" },
        { NET("{\"type\":\"veth\",\"context\":7}"), "/networks/0/context", 63, "expected an object" },
        { NET("{\"type\":\"veth\",\"context\":{\"bridge\":\"a/b\"}}"), "/networks/0/context/bridge", 73,
                "interface name" },
        { NET("{\"type\":\"veth\",\"context\":{\"bridge\":\"b\",\"prefix\":\"elevenbytes\"}}"),
                "/networks/0/context/prefix", 0, "1 to 10 bytes" },
        { NET("{\"type\":\"veth\",\"context\":{\"bridge\":\"b\",\"create\":\"yes\"}}"),
                "/networks/0/context/create", 0, "expected \"true\" or \"false\"" },
        { NET("{\"type\":\"veth\",\"context\":{\"bridge\":\"b\",\"bridge_address\":\"10.0.0.1/8\"}}"),
                "/networks/0/context/bridge_address", 0, "made when missing" },
        { VETH("\"address\":\"10.0.0.1\""), "/networks/0/address", 0,
                "the prefix length is missing in \"10.0.0.1\"" },
        { VETH("\"address\":\"10.0.0.1/33\""), "/networks/0/address", 0, "a prefix length from 0 to 32" },
        { VETH("\"address\":\"fd00::1/129\""), "/networks/0/address", 0, "a prefix length from 0 to 128" },
        { VETH("\"address\":\"10.0.0.1/+8\""), "/networks/0/address", 0, "a prefix length" },
        { VETH("\"address\":\"10.0.0.1/\""), "/networks/0/address", 0, "a prefix length" },
        { VETH("\"address\":[\"10.0.0.1/8\",\"x/8\"]"), "/networks/0/address/1", 0,
                "an address with prefix length" },
        { VETH("\"address\":5"), "/networks/0/address", 0, "a string or an array of strings" },
        { VETH("\"gateway\":\"10.0.0.1\""), "/networks/0/gateway", 0, "needs an address of the same family" },
        { VETH("\"address\":\"fd00::2/64\",\"gateway\":\"10.0.0.1\""), "/networks/0/gateway", 0,
                "same family" },
        { VETH("\"address\":\"10.0.0.2/24\",\"gateway\":\"10.0.1.1\""), "/networks/0/gateway", 0,
                "off-link" },
        { VETH("\"address\":\"10.0.0.2/24\",\"gateway\":[\"10.0.0.1\",\"10.0.0.3\"]"),
                "/networks/0/gateway/1", 0, "at most one gateway per address family" },
        { VETH("\"gateway\":\"10.0.0.1/8\""), "/networks/0/gateway", 0, "without prefix length" },
        { VETH("\"mtu\":67"), "/networks/0/mtu", 0, "from 68 to 65535" },
        { VETH("\"txqueuelen\":-1"), "/networks/0/txqueuelen", 0, "from 0 to" },
        { VETH("\"mac_address\":\"01:00:00:00:00:00\""), "/networks/0/mac_address", 0, "unicast MAC" },
        { VETH("\"mac_address\":\"00:00:00:00:00:00\""), "/networks/0/mac_address", 0, "unicast MAC" },
        { VETH("\"mac_address\":\"02-00-00-00-00-00\""), "/networks/0/mac_address", 0, "unicast MAC" },
        { VETH("\"name\":\"sixteen-bytes-xx\""), "/networks/0/name", 0, "1 to 15 bytes" },
        { VETH("\"name\":\"..\""), "/networks/0/name", 0, "1 to 15 bytes" },
        { VETH("\"name\":\"a b\""), "/networks/0/name", 0, "1 to 15 bytes" },
        { VETH("\"name\":\"lo\""), "/networks/0/name", 0, "loopback interface" },
        { VETH("\"routes\":[{}]"), "/networks/0/routes/0", 0, "\"destination\" is missing" },
        { VETH("\"routes\":[{\"destination\":\"10.0.0.1/8\"}]"), "/networks/0/routes/0/destination", 0,
                "bits set beyond its prefix" },
        { VETH("\"routes\":[{\"destination\":\"10.0.0.0/8\",\"gateway\":\"10.0.0.1/8\"}]"),
                "/networks/0/routes/0/gateway", 0, "without prefix length" },
        { VETH("\"routes\":[{\"destination\":\"10.0.0.0/8\",\"gateway\":\"fd00::1\"}]"),
                "/networks/0/routes/0/gateway", 0, "not of the destination's address family" },
        { VETH("\"routes\":[{\"destination\":\"10.0.0.0/8\",\"gateway\":\"10.0.0.1\"}]"),
                "/networks/0/routes/0/gateway", 0, "off-link" },
        { VETH("\"routes\":[{\"destination\":\"default\",\"metric\":-1}]"), "/networks/0/routes/0/metric", 0,
                "from 0 to 4294967295" },
        { NET("{\"type\":\"loopback\"},{\"type\":\"loopback\"}"), "/networks/1", 0, "\"lo\" is taken" },
        { NET("{\"type\":\"loopback\",\"name\":\"x\"}"), "/networks/0/name", 0, "expected \"lo\"" },
        { NET("{\"type\":\"loopback\",\"gateway\":\"remote\"}"), "/networks/0/gateway", 0, "IPv4 or IPv6" },
        { NET("{\"type\":\"netns\"}"), "/networks/0", 38, "\"nspath\" is missing" },
        { NET("{\"type\":\"netns\",\"context\":{\"nspath\":\"x\"}}"), "/networks/0/context/nspath", 0,
                "absolute path" },
        { NET("{\"type\":\"netns\",\"mtu\":1500,\"context\":{\"nspath\":\"/x\"}}"), "/networks/0/mtu", 0,
                "the keys here are type, context" },
        { NET("{\"type\":\"netns\",\"context\":{\"nspath\":\"/"
              "x\"}},{\"type\":\"netns\",\"context\":{\"nspath\":\"/x\"}}"),
                "/networks/1", 0, "only one network of type \"netns\"" },
        { NET("{\"type\":\"loopback\"},{\"type\":\"netns\",\"context\":{\"nspath\":\"/x\"}}"), "/networks/1",
                0, "cannot be combined with others (/networks/0)" },
    };

    (void)state;
    check_table(table, ARRAY_SIZE(table));
}

#define CG(members) "{\"cgroups\":{" members "}}"
static void test_cgroups(void **state)
{
    static const struct bad table[] = {
        { "{\"cgroups\":[]}", "/cgroups", 12, "expected an object" },
        { CG("\"parent\":\"a/../b\""), "/cgroups/parent", 22, "none of them \"..\"" },
        { CG("\"parent\":5"), "/cgroups/parent", 22, "expected a path" },
        { CG("\"name\":\"\""), "/cgroups/name", 20, "the name of one directory" },
        { CG("\"name\":\"a/b\""), "/cgroups/name", 20, "found \"a/b\"" },
        { CG("\"name\":\"..\""), "/cgroups/name", 20, "found \"..\"" },
        { CG("\"name\":\"cgroup.procs\""), "/cgroups/name", 20, "cgroup.*" },
        { CG("\"name\":\"a\\nb\""), "/cgroups/name", 20, "the name of one directory" },
        { CG("\"memory\":-1"), "/cgroups/memory", 22,
                "an integer from 1 up, or 0 for none, found the number -1" },
        { CG("\"memory\":\"1g\""), "/cgroups/memory", 22, "found \"1g\"" },
        { CG("\"memory\":8192,\"memory_swap\":4096"), "/cgroups/memory_swap", 41,
                "at least 8192, found 4096" },
        { CG("\"memory_swap\":4096"), "/cgroups/memory_swap", 27, "needs \"memory\"" },
        { CG("\"cpu_shares\":1"), "/cgroups/cpu_shares", 26, "from 2 to 262144" },
        { CG("\"cpu_quota\":999"), "/cgroups/cpu_quota", 25,
                "from 1000 up, or 0 for none, or -1 for unlimited" },
        { CG("\"cpu_period\":1000001"), "/cgroups/cpu_period", 26, "from 1000 to 1000000" },
        { CG("\"pids_limit\":-2"), "/cgroups/pids_limit", 26, "or -1 for unlimited" },
        { CG("\"cpuset_cpus\":\"3-1\""), "/cgroups/cpuset_cpus", 27, "a list of numbers and ranges" },
        { CG("\"cpuset_cpus\":\"1,\""), "/cgroups/cpuset_cpus", 27, "a list" },
        { CG("\"cpuset_mems\":\"1-2-3\""), "/cgroups/cpuset_mems", 27, "a list" },
        { CG("\"cpuset_mems\":\"99999999999999999999\""), "/cgroups/cpuset_mems", 27, "a list" },
        { CG("\"cpuset_mems\":\"-1\""), "/cgroups/cpuset_mems", 27, "a list" },
        { CG("\"io_weight\":9"), "/cgroups/io_weight", 25, "from 10 to 1000" },
        { CG("\"io_weight\":1001"), "/cgroups/io_weight", 25, "from 10 to 1000" },
        { CG("\"cpu_burst\":-1"), "/cgroups/cpu_burst", 25, "an integer from 1 up" },
        { CG("\"cpu_quota\":1000,\"cpu_burst\":1001"), "/cgroups/cpu_burst", 42, "above cpu_quota" },
        { CG("\"io_max\":{}"), "/cgroups/io_max", 22, "an array of {device" },
        { CG("\"io_max\":[{\"rbps\":1}]"), "/cgroups/io_max/0", 23, "\"device\" is missing" },
        { CG("\"io_max\":[{\"device\":\"8:1\"}]"), "/cgroups/io_max/0", 23, "has to be given" },
        { CG("\"io_max\":[{\"device\":\"sda\",\"rbps\":1}]"), "/cgroups/io_max/0/device", 0,
                "like \"8:16\"" },
        { CG("\"io_max\":[{\"device\":\"8:4294967296\",\"rbps\":1}]"), "/cgroups/io_max/0/device", 0,
                "number" },
        { CG("\"io_max\":[{\"device\":\"8:1x\",\"rbps\":1}]"), "/cgroups/io_max/0/device", 0, "number" },
        { CG("\"io_max\":[{\"device\":\"8:1\",\"rbps\":-1}]"), "/cgroups/io_max/0/rbps", 0,
                "found the number -1" },
        { CG("\"io_max\":[{\"device\":\"8:1\",\"rbps\":2,\"wiop\":1}]"), "/cgroups/io_max/0/wiop", 0,
                "\"wiops\"" },
        { CG("\"hugetlb\":{\"2M\":1}"), "/cgroups/hugetlb/2M", 24, "the size of a page" },
        { CG("\"hugetlb\":{\"2MB\":-1}"), "/cgroups/hugetlb/2MB", 30, "found the number -1" },
        { CG("\"rdma\":{\"mlx5_0\":{}}"), "/cgroups/rdma/mlx5_0", 30, "\"hca_handle\" or \"hca_object\"" },
        { CG("\"rdma\":{\"a b\":{\"hca_handle\":1}}"), "/cgroups/rdma/a b", 21, "the name of a device" },
        { CG("\"rdma\":{\"a\":{\"hca_object\":4294967296}}"), "/cgroups/rdma/a/hca_object", 0, "4294967295" },
        { CG("\"unified\":{\"../x.y\":\"1\"}"), "/cgroups/unified/..~1x.y", 24, "the name of a file" },
        { CG("\"unified\":{\"memory.high\":1}"), "/cgroups/unified/memory.high", 38, "expected a string" },
        { CG("\"freezer\":\"FROZEN\""), "/cgroups/freezer", 23, "never gets ready" },
        { CG("\"freezer\":1"), "/cgroups/freezer", 23, "expected \"THAWED\"" },
        { CG("\"driver\":\"x\""), "/cgroups/driver", 22, "expected \"fs\"" },
        { CG("\"device_access\":1"), "/cgroups/device_access", 29, "true or false" },
        { CG("\"devices\":[{}]"), "/cgroups/devices/0", 24, "\"allow\" is missing" },
        { CG("\"devices\":[{\"allow\":true,\"type\":\"p\"}]"), "/cgroups/devices/0/type", 0,
                "expected \"a\"" },
        { CG("\"devices\":[{\"allow\":true,\"major\":1}]"), "/cgroups/devices/0", 24, "needs the type" },
        { CG("\"devices\":[{\"allow\":true,\"type\":\"c\",\"major\":\"x\"}]"), "/cgroups/devices/0/major", 0,
                "or \"*\"" },
        { CG("\"devices\":[{\"allow\":true,\"access\":\"rr\"}]"), "/cgroups/devices/0/access", 0,
                "at most once" },
        { CG("\"devices\":[{\"allow\":true,\"access\":\"\"}]"), "/cgroups/devices/0/access", 0,
                "letters of" },
        { CG("\"device_access\":true,\"devices\":[{\"allow\":true}]"), "/cgroups/devices", 0,
                "no device rule" },
    };

    (void)state;
    check_table(table, ARRAY_SIZE(table));
}

static void test_all_at_once(void **state)
{
    static const char text[] =
            "{\n  \"hostname\": 5,\n  \"bogus\": 1,\n  \"mounts\": [\n    {\"source\": \"x\"},\n"
            "    {\"source\": \"/x\", \"destination\": \"/\"}\n  ],\n  \"umask\": \"9\"\n}\n";
    static const struct {
        const char *pointer;
        int line, column;
    } expected[] = {
        { "/hostname", 2, 15 },
        { "/bogus", 3, 3 },
        { "/mounts/0", 5, 5 },
        { "/mounts/0/source", 5, 16 },
        { "/mounts/1/destination", 6, 37 },
        { "/umask", 8, 12 },
        { "/mounts", 4, 13 },
    };
    struct lc_error *err = parse_bad(text, strlen(text), false);
    const struct lc_error *e = err;

    (void)state;
    if (count_errors(err) != ARRAY_SIZE(expected))
        print_errors(text, err);
    assert_int_equal(count_errors(err), ARRAY_SIZE(expected));
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++, e = error_next(e)) {
        assert_string_equal(error_site(e)->pointer, expected[i].pointer);
        assert_int_equal(error_site(e)->line, expected[i].line);
        assert_int_equal(error_site(e)->column, expected[i].column);
    }
    error_free(err);
}

static void test_many_errors_are_capped(void **state)
{
    char text[4096] = "{\"environment\":[1";
    size_t length = strlen(text);
    struct lc_error *err;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        text[length++] = ',';
        text[length++] = '1';
    }
    text[length++] = ']';
    text[length++] = '}';
    err = parse_bad(text, length, false);
    assert_int_equal(count_errors(err), 200);
    assert_non_null(strstr(error_text(error_last(err)), "too many errors"));
    error_free(err);
}

static void test_lenient(void **state)
{
    static const char good[] = "{\"bogus\":1,\"cgroups\":{\"bogus\":1},\"umask\":1}";
    static const char bad[] = "{\"bogus\":1,\"umask\":512,\"seccomp\":{},\"cgroups\":{\"io_max\":1}}";
    const struct config_options options = { .lenient = true };
    struct lc_config *config = NULL;
    struct lc_error *err = NULL;

    (void)state;
    assert_int_equal(config_parse(good, strlen(good), "f", &options, &config, &err), 0);
    assert_null(err);
    assert_int_equal(config->umask.value, 1);
    config_free(config);
    err = parse_bad(bad, strlen(bad), true);
    assert_int_equal(count_errors(err), 3);
    error_free(err);
}

static void test_depth(void **state)
{
    char text[256] = "{\"a\":";
    struct lc_error *err;

    (void)state;
    memset(text + 5, '[', 64); /* with the brace: 65 levels */
    err = parse_bad(text, 69, false);
    assert_int_equal(error_site(err)->column, 69);
    assert_memory_equal(error_site(err)->pointer, "/a/0/0/0", 8);
    assert_int_equal(strlen(error_site(err)->pointer), 2 + 63 * 2);
    assert_non_null(strstr(error_text(err), "64 levels"));
    error_free(err);
    memset(text + 5 + 63, ']', 63);
    text[5 + 126] = '}';
    err = parse_bad(text, 5 + 127, false);
    assert_non_null(strstr(error_text(err), "unknown key \"a\""));
    error_free(err);
}

static void test_size(void **state)
{
    const size_t max = 4u << 20;
    char *text = malloc(max + 1);
    struct lc_config *config = NULL;
    struct lc_error *err;

    (void)state;
    assert_non_null(text);
    memset(text, ' ', max + 1);
    text[0] = '{';
    text[1] = '\n';
    text[2] = '}';
    assert_int_equal(config_parse(text, max, "f", NULL, &config, NULL), 0);
    config_free(config);
    err = parse_bad(text, max + 1, false);
    assert_non_null(strstr(error_text(err), "4 MiB"));
    assert_int_equal(error_site(err)->line, 2);
    error_free(err);
    text[1] = '\0';
    err = parse_bad(text, 3, false);
    error_free(err);
    assert_true(config_parse("[", 1, "f", NULL, &config, NULL) < 0); /* nobody listens */
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_syntax),
        cmocka_unit_test(test_unknown_keys),
        cmocka_unit_test(test_process),
        cmocka_unit_test(test_namespaces),
        cmocka_unit_test(test_capabilities),
        cmocka_unit_test(test_mounts),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_sysctl),
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_cgroups),
        cmocka_unit_test(test_all_at_once),
        cmocka_unit_test(test_many_errors_are_capped),
        cmocka_unit_test(test_lenient),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
