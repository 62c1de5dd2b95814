/* What config.json is refused for: one error each, at its place. */
#include "test_oci.h"

struct bad {
    const char *text, *pointer;
    int line;
    const char *words;
};

static bool check_one(const struct bad *row)
{
    struct lc_config *config = NULL;
    struct lc_error *err = NULL;
    int result = oci_parse(row->text, strlen(row->text), "config.json", "/b", &config, &err);
    const struct error_site *site = err != NULL ? error_site(err) : NULL;
    char *line = err != NULL ? error_format(err) : NULL;
    bool good = result == -EINVAL && err != NULL && config == NULL && count_errors(err) == 1 &&
                strcmp(site->pointer, row->pointer) == 0 && site->line == row->line &&
                strstr(line, row->words) != NULL && strcmp(site->file, "config.json") == 0;

    if (!good) {
        print_errors(row->text, err);
        print_error("    expected %s line %d %s\n", row->pointer, row->line, row->words);
    }
    free(line);
    error_free(err);
    config_free(config);
    return good;
}

static void check_table(const struct bad *table, size_t count)
{
    size_t wrong = 0;

    for (size_t i = 0; i < count; i++)
        wrong += !check_one(&table[i]);
    assert_int_equal(wrong, 0);
}

static void test_top(void **state)
{
    static const struct bad table[] = {
        { "", "", 1, "the file is empty" },
        { "[]", "", 1, "expected an object" },
        { "{\"ociVersion\":", "/ociVersion", 1, "not valid JSON" },
        { "{\"root\":{\"path\":\"r\"}}", "", 1, "\"ociVersion\" is missing" },
        { "{\"ociVersion\":null,\"root\":{\"path\":\"r\"}}", "", 1, "\"ociVersion\" is missing" },
        { "{\"ociVersion\":\"1.0.0\"}", "", 1, "\"root\" is missing" },
        { "{\"ociVersion\":\"1.0.0\",\n\"root\":{}}", "/root", 2, "\"path\" is missing" },
        { "{\"ociVersion\":\"1.0.0\",\n\"root\":{\"path\":\"\"}}", "/root/path", 2, "expected a path" },
        { "{\"ociVersion\":\"1.0.0\",\n\"root\":{\"path\":5}}", "/root/path", 2, "expected a string" },
        { "{\"ociVersion\":1,\"root\":{\"path\":\"r\"}}", "/ociVersion", 1, "a version" },
        { "{\"ociVersion\":\"1\",\"root\":{\"path\":\"r\"}}", "/ociVersion", 1, "a version" },
        { "{\"ociVersion\":\"1.0\",\"root\":{\"path\":\"r\"}}", "/ociVersion", 1, "a version" },
        { "{\"ociVersion\":\"1.0.x\",\"root\":{\"path\":\"r\"}}", "/ociVersion", 1, "a version" },
        { "{\"ociVersion\":\"01.0.0\",\"root\":{\"path\":\"r\"}}", "/ociVersion", 1, "a version" },
        { "{\"ociVersion\":\"2.0.0\",\"root\":{\"path\":\"r\"}}", "/ociVersion", 1,
                "unsupported OCI version" },
        { "{\"ociVersion\":\"0.9.0\",\"root\":{\"path\":\"r\"}}", "/ociVersion", 1,
                "unsupported OCI version" },
        { "{\"ociVersion\":\"10.0.0\",\"root\":{\"path\":\"r\"}}", "/ociVersion", 1,
                "unsupported OCI version" },
        { TOP("\"ociVersion\":\"1.0.0\""), "/ociVersion", 2, "given twice" },
        { TOP("\"hostname\":\"x\""), "/hostname", 2, "without a private UTS namespace" },
        { TOP("\"domainname\":\"x\""), "/domainname", 2, "without a private UTS namespace" },
        { TOP("\"hostname\":5"), "/hostname", 2, "expected a string" },
        { TOP("\"annotations\":[]"), "/annotations", 2, "expected an object" },
        { TOP("\"annotations\":{\"a\":1}"), "/annotations/a", 2, "expected a string" },
        { TOP("\"annotations\":{\"\":\"1\"}"), "/annotations/", 2, "must not be empty" },
        { TOP("\"process\":[]"), "/process", 2, "expected an object" },
        { TOP("\"linux\":5"), "/linux", 2, "expected an object" },
        { TOP("\"mounts\":{}"), "/mounts", 2, "an array of mounts" },
        { TOP("\"mounts\":[{\"type\":\"proc\",\"destination\":\"/"
              "p\"}],\"linux\":{\"namespaces\":[{\"type\":\"user\",\"path\":"
              "\"/x\"}]}"),
                "/mounts", 2, "mount namespace" },
        { TOP("\"x\":\"a\\u0000\""), "/x", 2, "NUL" },
        { TOP("\"x\":99999999999999999999"), "/x", 2, "too large" },
    };

    (void)state;
    check_table(table, ARRAY_SIZE(table));
}

static void test_process(void **state)
{
    static const struct bad table[] = {
        { TOP("\"process\":{\"args\":[\"a\"]}"), "/process", 2, "\"cwd\" is missing" },
        { TOP("\"process\":{\"cwd\":\"/\"}"), "/process", 2, "\"args\" is missing" },
        { TOP("\"process\":{\"cwd\":\"/\",\"args\":null}"), "/process", 2, "\"args\" is missing" },
        { TOP("\"process\":{\"cwd\":\"/\",\"args\":[]}"), "/process/args", 2, "at least one" },
        { TOP("\"process\":{\"cwd\":\"/\",\"args\":\"a\"}"), "/process/args", 2, "an array" },
        { TOP("\"process\":{\"cwd\":\"/\",\"args\":[\"a\",5]}"), "/process/args/1", 2, "a string" },
        { TOP("\"process\":{\"cwd\":\"x\",\"args\":[\"a\"]}"), "/process/cwd", 2, "an absolute path" },
        { TOP("\"process\":{\"cwd\":\"\",\"args\":[\"a\"]}"), "/process/cwd", 2, "an absolute path" },
        { PROCESS("\"terminal\":1"), "/process/terminal", 2, "true or false" },
        { PROCESS("\"env\":\"A=1\""), "/process/env", 2, "an array" },
        { PROCESS("\"env\":[null]"), "/process/env/0", 2, "a string" },
        { PROCESS("\"user\":\"root\""), "/process/user", 2, "an object" },
        { PROCESS("\"user\":{\"uid\":-1}"), "/process/user/uid", 2, "from 0 to 4294967294" },
        { PROCESS("\"user\":{\"uid\":4294967295}"), "/process/user/uid", 2, "from 0 to" },
        { PROCESS("\"user\":{\"uid\":\"0\"}"), "/process/user/uid", 2, "found \"0\"" },
        { PROCESS("\"user\":{\"gid\":1.5}"), "/process/user/gid", 2, "found the number 1.5" },
        { PROCESS("\"user\":{\"umask\":512}"), "/process/user/umask", 2, "from 0 to 511" },
        { PROCESS("\"user\":{\"umask\":\"022\"}"), "/process/user/umask", 2, "from 0 to 511" },
        { PROCESS("\"user\":{\"additionalGids\":[1,-1]}"), "/process/user/additionalGids/1", 2, "from 0" },
        { PROCESS("\"consoleSize\":{\"height\":1}"), "/process/consoleSize", 2, "\"width\" is missing" },
        { PROCESS("\"consoleSize\":{\"height\":1,\"width\":70000}"), "/process/consoleSize/width", 2,
                "65535" },
        { PROCESS("\"capabilities\":[]"), "/process/capabilities", 2, "an object" },
        { PROCESS("\"capabilities\":{\"ambient\":{}}"), "/process/capabilities/ambient", 2, "an array" },
        { PROCESS("\"capabilities\":{\"bounding\":[7]}"), "/process/capabilities/bounding/0", 2, "a string" },
        { PROCESS("\"rlimits\":[{\"type\":\"NOFILE\",\"soft\":1,\"hard\":1}]"), "/process/rlimits/0/type", 2,
                "RLIMIT_NOFILE" },
        { PROCESS("\"rlimits\":[{\"type\":\"RLIMIT_FOO\",\"soft\":1,\"hard\":1}]"), "/process/rlimits/0/type",
                2, "RLIMIT_FOO" },
        { PROCESS("\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":1}]"), "/process/rlimits/0", 2,
                "\"hard\"" },
        { PROCESS("\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":2,\"hard\":1}]"), "/process/rlimits/0/soft",
                2, "above the hard" },
        { PROCESS("\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":-1,\"hard\":1}]"),
                "/process/rlimits/0/soft", 2, "an integer from 0 to 18446744073709551615" },
        { PROCESS("\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":18446744073709551615.0,\"hard\":1}]"),
                "/process/rlimits/0/soft", 2, "an integer" },
        { PROCESS("\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":18446744073709551616,\"hard\":1}]"),
                "/process/rlimits/0/soft", 2, "too large" },
        { PROCESS("\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":1,\"hard\":1},{\"type\":\"RLIMIT_CPU\","
                  "\"soft\":1,\"hard\":1}]"),
                "/process/rlimits/1", 2, "given twice" },
        { PROCESS("\"noNewPrivileges\":\"yes\""), "/process/noNewPrivileges", 2, "true or false" },
        { PROCESS("\"apparmorProfile\":1"), "/process/apparmorProfile", 2, "a string" },
        { PROCESS("\"selinuxLabel\":1"), "/process/selinuxLabel", 2, "a string" },
        { PROCESS("\"oomScoreAdj\":1001"), "/process/oomScoreAdj", 2, "from -1000 to 1000" },
        { PROCESS("\"oomScoreAdj\":18446744073709551615"), "/process/oomScoreAdj", 2, "from -1000 to 1000" },
        { PROCESS("\"scheduler\":{}"), "/process/scheduler", 2, "\"policy\" is missing" },
        { PROCESS("\"scheduler\":{\"policy\":\"FIFO\"}"), "/process/scheduler/policy", 2, "SCHED_OTHER" },
        { PROCESS("\"scheduler\":{\"policy\":\"SCHED_FIFO\"}"), "/process/scheduler", 2, "from 1 to 99" },
        { PROCESS("\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"priority\":5}"), "/process/scheduler/priority",
                2, "SCHED_FIFO" },
        { PROCESS("\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"nice\":20}"), "/process/scheduler/nice", 2,
                "-20 to 19" },
        { PROCESS("\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"flags\":[\"X\"]}"),
                "/process/scheduler/flags/0", 2, "SCHED_FLAG_RECLAIM" },
        { PROCESS("\"scheduler\":{\"policy\":\"SCHED_DEADLINE\",\"runtime\":9,\"deadline\":5}"),
                "/process/scheduler/runtime", 2, "runtime <= deadline" },
        { PROCESS("\"scheduler\":{\"policy\":\"SCHED_BATCH\",\"period\":5}"), "/process/scheduler", 2,
                "SCHED_DEADLINE" },
        { PROCESS("\"ioPriority\":{\"priority\":1}"), "/process/ioPriority", 2, "\"class\" is missing" },
        { PROCESS("\"ioPriority\":{\"class\":\"BE\"}"), "/process/ioPriority/class", 2, "IOPRIO_CLASS_BE" },
        { PROCESS("\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":8}"),
                "/process/ioPriority/priority", 2, "0 to 7" },
        { PROCESS("\"execCPUAffinity\":{\"initial\":\"a\"}"), "/process/execCPUAffinity/initial", 2, "CPUs" },
        { PROCESS("\"execCPUAffinity\":{\"final\":3}"), "/process/execCPUAffinity/final", 2, "CPUs" },
    };

    (void)state;
    check_table(table, ARRAY_SIZE(table));
}

static void test_linux(void **state)
{
    static const struct bad table[] = {
        { TOP("\"linux\":{\"namespaces\":{}}"), "/linux/namespaces", 2, "an array" },
        { TOP("\"linux\":{\"namespaces\":[{}]}"), "/linux/namespaces/0", 2, "\"type\" is missing" },
        { TOP("\"linux\":{\"namespaces\":[{\"type\":\"mnt\"}]}"), "/linux/namespaces/0/type", 2,
                "mount, pid" },
        { TOP("\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"pid\"}]}"), "/linux/namespaces/1", 2,
                "listed twice" },
        { TOP("\"linux\":{\"namespaces\":[{\"type\":\"pid\",\"path\":\"x\"}]}"), "/linux/namespaces/0/path",
                2, "absolute" },
        { TOP("\"linux\":{\"namespaces\":[{\"type\":\"user\"}],\"uidMappings\":[{\"containerID\":0,"
              "\"hostID\":0,\"size\":1}]}"),
                "/linux/namespaces", 2, "gidMappings" },
        { TOP("\"linux\":{\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"user\"}],\"uidMappings\":[{"
              "\"containerID\":1,"
              "\"hostID\":1,\"size\":1}],\"gidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":1}]}"),
                "/linux/uidMappings", 2, "id 0 of the container must be mapped" },
        { LINUX("\"uidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":1}]"), "/linux/uidMappings", 2,
                "user namespace" },
        { TOP("\"linux\":{\"namespaces\":[{\"type\":\"user\",\"path\":\"/"
              "u\"}],\"uidMappings\":[{\"containerID\":0,\"size\":1}]}"),
                "/linux/uidMappings/0", 2, "\"hostID\"" },
        { LINUX("\"timeOffsets\":{\"monotonic\":{\"secs\":\"1\"}}"), "/linux/timeOffsets/monotonic/secs", 2,
                "an integer" },
        { LINUX("\"timeOffsets\":{\"boottime\":{\"nanosecs\":1000000000}}"),
                "/linux/timeOffsets/boottime/nanosecs", 2, "999999999" },
        { TOP("\"linux\":{\"timeOffsets\":{\"boottime\":{\"secs\":1}}}"), "/linux/timeOffsets", 2,
                "new time namespace" },
        { LINUX("\"devices\":[{\"path\":\"/dev/x\",\"type\":\"c\",\"major\":1}]"), "/linux/devices/0", 2,
                "\"minor\" is missing" },
        { LINUX("\"devices\":[{\"path\":\"x\",\"type\":\"p\"}]"), "/linux/devices/0/path", 2, "absolute" },
        { LINUX("\"devices\":[{\"path\":\"/dev/../x\",\"type\":\"p\"}]"), "/linux/devices/0/path", 2, ".." },
        { LINUX("\"devices\":[{\"path\":\"/x\",\"type\":\"s\"}]"), "/linux/devices/0/type", 2, "\"c\"" },
        { LINUX("\"devices\":[{\"path\":\"/x\",\"type\":\"p\",\"fileMode\":65536}]"),
                "/linux/devices/0/fileMode", 2, "65535" },
        { LINUX("\"devices\":[{\"path\":\"/x\",\"type\":\"p\"},{\"path\":\"/x\",\"type\":\"p\",\"uid\":1}]"),
                "/linux/devices/1", 2, "another device" },
        { LINUX("\"netDevices\":{\"a/b\":{}}"), "/linux/netDevices/a~1b", 2, "network interface" },
        { LINUX("\"netDevices\":{\"eth0\":{\"name\":\"a234567890123456\"}}"), "/linux/netDevices/eth0/name",
                2, "network interface" },
        { LINUX("\"netDevices\":{\"eth0\":{\"name\":\"a%s\"}}"), "/linux/netDevices/eth0/name", 2,
                "network interface" },
        { TOP("\"linux\":{\"netDevices\":{\"eth0\":{}}}"), "/linux/netDevices", 2, "network namespace" },
        { LINUX("\"cgroupsPath\":\"/a\\nb\""), "/linux/cgroupsPath", 2, "control" },
        { LINUX("\"cgroupsPath\":7"), "/linux/cgroupsPath", 2, "a string" },
        { LINUX("\"intelRdt\":{\"closID\":\"..\"}"), "/linux/intelRdt/closID", 2, "one directory" },
        { LINUX("\"intelRdt\":{\"closID\":\"a/b\"}"), "/linux/intelRdt/closID", 2, "one directory" },
        { LINUX("\"intelRdt\":{\"memBwSchema\":\"L3:0=f\"}"), "/linux/intelRdt/memBwSchema", 2, "MB:" },
        { LINUX("\"intelRdt\":{\"l3CacheSchema\":\"MB:0=50\"}"), "/linux/intelRdt/l3CacheSchema", 2,
                "memBw" },
        { LINUX("\"intelRdt\":{\"schemata\":[\"a\\nb\"]}"), "/linux/intelRdt/schemata/0", 2, "one line" },
        { LINUX("\"intelRdt\":{\"enableMonitoring\":1}"), "/linux/intelRdt/enableMonitoring", 2, "true" },
        { LINUX("\"memoryPolicy\":{}"), "/linux/memoryPolicy", 2, "\"mode\"" },
        { LINUX("\"memoryPolicy\":{\"mode\":\"BIND\"}"), "/linux/memoryPolicy/mode", 2, "MPOL_BIND" },
        { LINUX("\"memoryPolicy\":{\"mode\":\"MPOL_BIND\"}"), "/linux/memoryPolicy", 2, "needs nodes" },
        { LINUX("\"memoryPolicy\":{\"mode\":\"MPOL_LOCAL\",\"nodes\":\"0\"}"), "/linux/memoryPolicy/nodes", 2,
                "no nodes" },
        { LINUX("\"memoryPolicy\":{\"mode\":\"MPOL_BIND\",\"nodes\":\"x\"}"), "/linux/memoryPolicy/nodes", 2,
                "memory nodes" },
        { LINUX("\"memoryPolicy\":{\"mode\":\"MPOL_BIND\",\"nodes\":\"0\",\"flags\":[\"MPOL_F_STATIC_NODES\","
                "\"MPOL_F_RELATIVE_NODES\"]}"),
                "/linux/memoryPolicy/flags", 2, "exclude each other" },
        { LINUX("\"sysctl\":{\"vm.swappiness\":\"1\"}"), "/linux/sysctl/vm.swappiness", 2, "the host" },
        { LINUX("\"sysctl\":{\"kernel.hostname\":\"x\"}"), "/linux/sysctl/kernel.hostname", 2, "hostname" },
        { LINUX("\"sysctl\":{\"net.ipv4.ip_forward\":1}"), "/linux/sysctl/net.ipv4.ip_forward", 2, "text" },
        { TOP("\"linux\":{\"sysctl\":{\"net.ipv4.ip_forward\":\"1\"}}"), "/linux/sysctl/net.ipv4.ip_forward",
                2, "the namespace network" },
        { LINUX("\"rootfsPropagation\":\"x\""), "/linux/rootfsPropagation", 2, "rslave" },
        { LINUX("\"maskedPaths\":[\"x\"]"), "/linux/maskedPaths/0", 2, "absolute" },
        { LINUX("\"readonlyPaths\":[5]"), "/linux/readonlyPaths/0", 2, "a string" },
        { TOP("\"linux\":{\"maskedPaths\":[\"/x\"]}"), "/linux/maskedPaths", 2, "mount namespace" },
        { LINUX("\"mountLabel\":5"), "/linux/mountLabel", 2, "a string" },
        { LINUX("\"personality\":{}"), "/linux/personality", 2, "\"domain\"" },
        { LINUX("\"personality\":{\"domain\":\"BSD\"}"), "/linux/personality/domain", 2, "LINUX32" },
        { LINUX("\"personality\":{\"domain\":\"LINUX\",\"flags\":[\"X\"]}"), "/linux/personality/flags", 2,
                "empty" },
    };

    (void)state;
    check_table(table, ARRAY_SIZE(table));
}

static void test_mounts(void **state)
{
    static const struct bad table[] = {
        { TOP("\"linux\":{" ALL_NAMESPACES "},\"mounts\":[{\"type\":\"proc\"}]"), "/mounts/0", 2,
                "destination" },
        { TOP("\"linux\":{" ALL_NAMESPACES "},\"mounts\":[{\"type\":\"proc\",\"destination\":\"/..\"}]"),
                "/mounts/0/destination", 2, "the root itself" },
        { MOUNT("\"source\":\"x\""), "/mounts/0", 2, "the type" },
        { MOUNT("\"type\":5"), "/mounts/0/type", 2, "a string" },
        { MOUNT("\"options\":[\"bind\"]"), "/mounts/0", 2, "\"source\" is missing" },
        { MOUNT("\"source\":\"\",\"options\":[\"bind\"]"), "/mounts/0/source", 2, "a path" },
        { MOUNT("\"type\":\"tmpfs\",\"options\":\"ro\""), "/mounts/0/options", 2, "an array" },
        { MOUNT("\"type\":\"tmpfs\",\"options\":[1]"), "/mounts/0/options/0", 2, "mount option" },
        { MOUNT("\"type\":\"proc\",\"options\":[\"tmpcopyup\"]"), "/mounts/0", 2, "tmpfs" },
        { MOUNT("\"type\":\"tmpfs\",\"options\":[\"idmap\"],\"uidMappings\":[{\"containerID\":0,\"hostID\":1,"
                "\"size\":1}],\"gidMappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1}]"),
                "/mounts/0", 2, "only a bind" },
        { MOUNT("\"source\":\"/x\",\"options\":[\"bind\",\"idmap\"]"), "/mounts/0", 2, "uidMappings" },
        { MOUNT("\"source\":\"/x\",\"options\":[\"bind\"],\"uidMappings\":[{\"containerID\":0,\"hostID\":1,"
                "\"size\":1}]"),
                "/mounts/0/uidMappings", 2, "needs gidMappings" },
    };

    (void)state;
    check_table(table, ARRAY_SIZE(table));
}

static void test_resources(void **state)
{
    static const struct bad table[] = {
        { LINUX("\"resources\":[]"), "/linux/resources", 2, "an object" },
        { RESOURCES("\"devices\":[{}]"), "/linux/resources/devices/0", 2, "\"allow\"" },
        { RESOURCES("\"devices\":[{\"allow\":true,\"access\":\"rx\"}]"), "/linux/resources/devices/0/access",
                2, "rwm" },
        { RESOURCES("\"devices\":[{\"allow\":true,\"access\":\"rwa\"}]"), "/linux/resources/devices/0/access",
                2, "rwm" },
        { RESOURCES("\"devices\":[{\"allow\":true,\"type\":\"x\"}]"), "/linux/resources/devices/0/type", 2,
                "c" },
        { RESOURCES("\"devices\":[{\"allow\":true,\"major\":-2}]"), "/linux/resources/devices/0/major", 2,
                "-1" },
        { RESOURCES("\"devices\":[{\"allow\":true,\"major\":1}]"), "/linux/resources/devices/0", 2,
                "needs the" },
        { RESOURCES("\"memory\":{\"limit\":-2}"), "/linux/resources/memory/limit", 2, "-1 for unlimited" },
        { RESOURCES("\"memory\":{\"limit\":\"1g\"}"), "/linux/resources/memory/limit", 2, "an integer" },
        { RESOURCES("\"memory\":{\"limit\":9223372036854775808}"), "/linux/resources/memory/limit", 2,
                "an integer" },
        { RESOURCES("\"memory\":{\"limit\":2,\"swap\":1}"), "/linux/resources/memory/swap", 2, "at least 2" },
        { RESOURCES("\"memory\":{\"swappiness\":201}"), "/linux/resources/memory/swappiness", 2, "200" },
        { RESOURCES("\"memory\":{\"disableOOMKiller\":1}"), "/linux/resources/memory/disableOOMKiller", 2,
                "true" },
        { RESOURCES("\"memory\":{\"useHierarchy\":1}"), "/linux/resources/memory/useHierarchy", 2, "true" },
        { RESOURCES("\"cpu\":{\"shares\":1}"), "/linux/resources/cpu/shares", 2, "262144" },
        { RESOURCES("\"cpu\":{\"quota\":5}"), "/linux/resources/cpu/quota", 2, "1000" },
        { RESOURCES("\"cpu\":{\"period\":1}"), "/linux/resources/cpu/period", 2, "1000000" },
        { RESOURCES("\"cpu\":{\"quota\":1000,\"burst\":2000}"), "/linux/resources/cpu/burst", 2,
                "above quota" },
        { RESOURCES("\"cpu\":{\"idle\":2}"), "/linux/resources/cpu/idle", 2, "0 or 1" },
        { RESOURCES("\"cpu\":{\"realtimeRuntime\":-5}"), "/linux/resources/cpu/realtimeRuntime", 2, "-1" },
        { RESOURCES("\"cpu\":{\"cpus\":\"3-1\"}"), "/linux/resources/cpu/cpus", 2, "ranges" },
        { RESOURCES("\"cpu\":{\"mems\":[]}"), "/linux/resources/cpu/mems", 2, "ranges" },
        { RESOURCES("\"pids\":{}"), "/linux/resources/pids", 2, "\"limit\" is missing" },
        { RESOURCES("\"pids\":{\"limit\":99999999}"), "/linux/resources/pids/limit", 2, "4194304" },
        { RESOURCES("\"blockIO\":{\"weight\":5}"), "/linux/resources/blockIO/weight", 2, "10 to 1000" },
        { RESOURCES("\"blockIO\":{\"leafWeight\":1001}"), "/linux/resources/blockIO/leafWeight", 2, "1000" },
        { RESOURCES("\"blockIO\":{\"weightDevice\":[{\"major\":8,\"minor\":0}]}"),
                "/linux/resources/blockIO/weightDevice/0", 2, "leafWeight" },
        { RESOURCES("\"blockIO\":{\"weightDevice\":[{\"major\":8,\"weight\":10}]}"),
                "/linux/resources/blockIO/weightDevice/0", 2, "\"minor\"" },
        { RESOURCES("\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":-1}]}"),
                "/linux/resources/blockIO/throttleReadBpsDevice/0/rate", 2, "from 0" },
        { RESOURCES("\"blockIO\":{\"throttleWriteIOPSDevice\":{}}"),
                "/linux/resources/blockIO/throttleWriteIOPSDevice", 2, "an array" },
        { RESOURCES("\"hugepageLimits\":[{\"pageSize\":\"2M\",\"limit\":1}]"),
                "/linux/resources/hugepageLimits/0/pageSize", 2, "2MB" },
        { RESOURCES("\"hugepageLimits\":[{\"pageSize\":\"2MB\"}]"), "/linux/resources/hugepageLimits/0", 2,
                "\"limit\"" },
        { RESOURCES("\"network\":{\"classID\":4294967296}"), "/linux/resources/network/classID", 2,
                "4294967295" },
        { RESOURCES("\"network\":{\"priorities\":[{\"name\":\"a\"}]}"),
                "/linux/resources/network/priorities/0", 2, "\"priority\"" },
        { RESOURCES("\"rdma\":{\"mlx\":{}}"), "/linux/resources/rdma/mlx", 2, "hcaHandles" },
        { RESOURCES("\"rdma\":{\"mlx\":{\"hcaHandles\":-1}}"), "/linux/resources/rdma/mlx/hcaHandles", 2,
                "from 0" },
        { RESOURCES("\"unified\":{\"../x\":\"1\"}"), "/linux/resources/unified/..~1x", 2, "name of a file" },
        { RESOURCES("\"unified\":{\"memory.high\":1}"), "/linux/resources/unified/memory.high", 2,
                "a string" },
    };

    (void)state;
    check_table(table, ARRAY_SIZE(table));
}

static void test_seccomp_and_hooks(void **state)
{
    static const struct bad table[] = {
        { LINUX("\"seccomp\":{}"), "/linux/seccomp", 2, "\"defaultAction\"" },
        { LINUX("\"seccomp\":{\"defaultAction\":\"ALLOW\"}"), "/linux/seccomp/defaultAction", 2,
                "SCMP_ACT_ALLOW" },
        { LINUX("\"seccomp\":{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}"), "/linux/seccomp/defaultAction", 2,
                "cannot be the default" },
        { SECCOMP("\"defaultErrnoRet\":1"), "/linux/seccomp/defaultErrnoRet", 2, "no errno" },
        { SECCOMP("\"architectures\":[\"X86\"]"), "/linux/seccomp/architectures/0", 2, "SCMP_ARCH_X86" },
        { SECCOMP("\"flags\":[\"TSYNC\"]"), "/linux/seccomp/flags/0", 2, "SECCOMP_FILTER_FLAG_TSYNC" },
        { SECCOMP("\"listenerPath\":\"x\""), "/linux/seccomp/listenerPath", 2, "absolute" },
        { SECCOMP("\"listenerMetadata\":\"x\""), "/linux/seccomp/listenerMetadata", 2, "listenerPath" },
        { SECCOMP("\"syscalls\":{}"), "/linux/seccomp/syscalls", 2, "an array" },
        { SECCOMP("\"syscalls\":[{\"names\":[\"a\"]}]"), "/linux/seccomp/syscalls/0", 2, "\"action\"" },
        { SECCOMP("\"syscalls\":[{\"names\":[],\"action\":\"SCMP_ACT_LOG\"}]"),
                "/linux/seccomp/syscalls/0/names", 2, "at least one" },
        { SECCOMP("\"syscalls\":[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_NOTIFY\"}]"),
                "/linux/seccomp/syscalls/0", 2, "listenerPath" },
        { SECCOMP("\"syscalls\":[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_LOG\",\"errnoRet\":1}]"),
                "/linux/seccomp/syscalls/0/errnoRet", 2, "no errno" },
        { RULE("\"errnoRet\":65536"), "/linux/seccomp/syscalls/0/errnoRet", 2, "65535" },
        { RULE("\"args\":[{\"index\":6,\"value\":0,\"op\":\"SCMP_CMP_EQ\"}]"),
                "/linux/seccomp/syscalls/0/args/0/index", 2, "0 to 5" },
        { RULE("\"args\":[{\"index\":0,\"value\":0,\"op\":\"EQ\"}]"), "/linux/seccomp/syscalls/0/args/0/op",
                2, "SCMP_CMP_EQ" },
        { RULE("\"args\":[{\"index\":0,\"value\":0}]"), "/linux/seccomp/syscalls/0/args/0", 2, "\"op\"" },
        { TOP("\"hooks\":[]"), "/hooks", 2, "an object" },
        { TOP("\"hooks\":{\"poststop\":{}}"), "/hooks/poststop", 2, "an array" },
        { TOP("\"hooks\":{\"prestart\":[{\"path\":\"x\"}]}"), "/hooks/prestart/0/path", 2, "absolute" },
        { TOP("\"hooks\":{\"createRuntime\":[{}]}"), "/hooks/createRuntime/0", 2, "\"path\"" },
        { TOP("\"hooks\":{\"poststart\":[{\"path\":\"/x\",\"timeout\":0}]}"), "/hooks/poststart/0/timeout", 2,
                "from 1" },
        { TOP("\"hooks\":{\"startContainer\":[{\"path\":\"/x\",\"args\":[1]}]}"),
                "/hooks/startContainer/0/args/0", 2, "a string" },
        { TOP("\"hooks\":{\"createContainer\":[{\"path\":\"/x\",\"env\":\"\"}]}"),
                "/hooks/createContainer/0/env", 2, "an array" },
    };

    (void)state;
    check_table(table, ARRAY_SIZE(table));
}

/* The process of another file: its name and its pointers. */
static void test_other_process(void **state)
{
    static const char process[] = "{\"args\":[\"b\"],\n\"cwd\":\"/\",\"user\":{\"uid\":-1}}";
    static const char config[] = PROCESS("\"terminal\":true");
    const struct oci_text texts[] = { { config, sizeof(config) - 1, "config.json" },
        { process, sizeof(process) - 1, "process.json" } };
    struct lc_config *result = NULL;
    struct lc_error *err = NULL;

    (void)state;
    assert_int_equal(oci_parse_process(&texts[0], &texts[1], "/b", &result, &err), -EINVAL);
    assert_string_equal(error_site(err)->file, "process.json");
    assert_string_equal(error_site(err)->pointer, "/user/uid");
    assert_int_equal(error_site(err)->line, 2);
    assert_int_equal(count_errors(err), 1);
    error_free(err);
}

static void test_all_at_once(void **state)
{
    static const char text[] = "{\"ociVersion\":\"3.0.0\",\"root\":{},\"process\":{\"args\":[],\"cwd\":1},"
                               "\"linux\":{\"namespaces\":[{\"type\":\"x\"}]}}";
    struct lc_config *config = NULL;
    struct lc_error *err = NULL;

    (void)state;
    assert_int_equal(oci_parse(text, strlen(text), "config.json", "/b", &config, &err), -EINVAL);
    assert_int_equal(count_errors(err), 5);
    error_free(err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_top),
        cmocka_unit_test(test_process),
        cmocka_unit_test(test_linux),
        cmocka_unit_test(test_mounts),
        cmocka_unit_test(test_resources),
        cmocka_unit_test(test_seccomp_and_hooks),
        cmocka_unit_test(test_other_process),
        cmocka_unit_test(test_all_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
