/* What config_parse makes of good files: every key, the README's sample, the defaults. */
#include "test_config.h"
#include "test_config_sample.h"

#include <arpa/inet.h>
#include <linux/mount.h>
#include <linux/capability.h>
#include <sys/resource.h>

#define CAP(name) (UINT64_C(1) << CAP_##name)

static void test_readme_sample(void **state)
{
    struct lc_config *config = parse_good(readme_sample);
    const struct config_network *network = &config->networks[0];
    const uint64_t dropped = CAP(SETPCAP) | CAP(SYS_MODULE) | CAP(SYS_RAWIO) | CAP(SYS_PACCT) |
                             CAP(SYS_ADMIN) | CAP(SYS_NICE) | CAP(SYS_RESOURCE) | CAP(SYS_TIME) |
                             CAP(SYS_TTY_CONFIG) | CAP(MKNOD) | CAP(AUDIT_WRITE) | CAP(AUDIT_CONTROL) |
                             CAP(MAC_OVERRIDE) | CAP(MAC_ADMIN) | CAP(NET_ADMIN);

    (void)state;
    assert_string_equal(config->hostname, "koye");
    assert_int_equal(config->n_networks, 1);
    assert_int_equal(network->type, NETWORK_VETH);
    assert_string_equal(network->pointer, "/networks/0");
    assert_string_equal(network->name, "eth0");
    assert_string_equal(network->bridge, "docker0");
    assert_string_equal(network->prefix, "veth");
    assert_int_equal(network->mtu.value, 1500);
    assert_int_equal(network->n_addresses, 1);
    assert_string_equal(network->addresses[0].text, "172.17.0.2/16");
    assert_int_equal(network->addresses[0].prefix, 16);
    assert_memory_equal(network->addresses[0].bytes, "\xac\x11\x00\x02", 4);
    assert_int_equal(network->n_gateways, 1);
    assert_memory_equal(network->gateways[0].bytes, "\xac\x11\x2a\x01", 4);
    assert_true(config->cgroups.present);
    assert_string_equal(config->cgroups.parent, "docker");
    assert_int_equal(strlen(config->cgroups.name), 64);
    assert_true(config->tty);
    assert_int_equal(config->n_environment, 4);
    assert_string_equal(config->environment[0], "HOME=/");
    assert_null(config->environment[4]);
    assert_int_equal(config->capabilities, ~dropped);
    assert_false(config->capabilities_given);
    assert_string_equal(config->apparmor_profile, "docker-default");
    assert_int_equal(config->n_mounts, 3);
    assert_string_equal(config->mounts[1].destination, "/etc/hostname");
    assert_string_equal(config->mounts[1].type, "bind");
    assert_int_equal(config->mounts[1].attr_set, MOUNT_ATTR_RDONLY);
    assert_true(config->mounts[1].recursive_attr && config->mounts[1].recursive_bind);
    assert_int_equal(config->mounts[1].propagation, MS_PRIVATE | MS_REC);
    assert_int_equal(config->namespaces, NAMESPACE_BIT(NAMESPACE_MNT) | NAMESPACE_BIT(NAMESPACE_UTS) |
                                                 NAMESPACE_BIT(NAMESPACE_IPC) | NAMESPACE_BIT(NAMESPACE_PID) |
                                                 NAMESPACE_BIT(NAMESPACE_NET));
    assert_int_equal(config->n_masked_paths, 12);
    assert_int_equal(config->n_readonly_paths, 5);
    config_free(config);
}

static void test_empty_object(void **state)
{
    struct lc_config *config = parse_good("{}");

    (void)state;
    assert_null(config->hostname);
    assert_int_equal(config->n_environment, 0);
    assert_non_null(config->environment);
    assert_null(config->environment[0]);
    assert_string_equal(config->working_dir, "/");
    assert_string_equal(config->user, "");
    assert_int_equal(config->namespaces, 0);
    assert_int_equal(config->capabilities, UINT64_MAX);
    assert_int_equal(config->n_masked_paths, 0);
    assert_false(config->umask.set);
    assert_false(config->cgroups.present);
    assert_string_equal(config->file, "container.json");
    config_free(config);
    config_free(NULL);
}

static void test_default_json(void **state)
{
    struct lc_config *config = parse_good(config_default_json()),
                     *bare = parse_good("{\"namespaces\":[\"NEWNS\"]}");

    (void)state;
    assert_string_equal(config->hostname, "container");
    assert_int_equal(__builtin_popcountll(config->capabilities), 14);
    assert_true(config->capabilities_given && config->no_new_privileges);
    assert_string_equal(config->mounts[0].data, "mode=1777,size=64m");
    assert_int_equal(config->networks[0].type, NETWORK_LOOPBACK);
    assert_true(config->masked_paths_given && config->readonly_paths_given);
    assert_int_equal(config->n_masked_paths, bare->n_masked_paths);
    for (size_t i = 0; i < bare->n_masked_paths; i++)
        assert_string_equal(config->masked_paths[i], bare->masked_paths[i]);
    assert_int_equal(config->n_readonly_paths, bare->n_readonly_paths);
    for (size_t i = 0; i < bare->n_readonly_paths; i++)
        assert_string_equal(config->readonly_paths[i], bare->readonly_paths[i]);
    config_free(config);
    config_free(bare);
}

static void test_process(void **state)
{
    static const char *const users[] = { "", "root", "0", "1000", "007", "daemon:adm", "1000:1000", "root:0",
        "0:root", "4294967294", "_apt", "user-1", "www.data", "machine$" };
    struct lc_config *config =
            parse_good("{\"namespaces\":[\"NEWUTS\"],\"hostname\":\"h\",\"domainname\":\"d\","
                       "\"working_dir\":\"/tmp\",\"additional_groups\":[1,4294967294],"
                       "\"umask\":\"0027\",\"oom_score_adj\":-1000,\"no_new_privileges\":true,"
                       "\"context\":{\"process_label\":\"p\",\"mount_label\":\"m\","
                       "\"apparmor_profile\":\"\"},\"environment\":[\"A=\",\"B=\\u00e4=c\"]}");

    (void)state;
    assert_string_equal(config->domainname, "d");
    assert_string_equal(config->working_dir, "/tmp");
    assert_int_equal(config->n_additional_groups, 2);
    assert_int_equal(config->additional_groups[1], 4294967294);
    assert_true(config->umask.set);
    assert_int_equal(config->umask.value, 027);
    assert_int_equal(config->oom_score_adj.value, -1000);
    assert_true(config->no_new_privileges);
    assert_null(config->apparmor_profile);
    assert_string_equal(config->process_label, "p");
    assert_string_equal(config->mount_label, "m");
    assert_string_equal(config->environment[1], "B=\xc3\xa4=c");
    config_free(config);
    config = parse_good(
            "{\"hostname\":\"\",\"working_dir\":\"\",\"umask\":18}"); /* the original's zero values */
    assert_null(config->hostname);
    assert_string_equal(config->working_dir, "/");
    assert_int_equal(config->umask.value, 022);
    config_free(config);
    for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
        char text[100];

        snprintf(text, sizeof(text), "{\"user\":\"%s\"}", users[i]);
        config = parse_good(text);
        assert_string_equal(config->user, users[i]);
        config_free(config);
    }
}

static void test_namespaces(void **state)
{
    struct lc_config *config;

    (void)state;
    for (int i = 0; i < NAMESPACE_MAX_; i++) {
        char text[100];

        snprintf(text, sizeof(text), "{\"namespaces\":[\"%s\"]}", config_namespaces[i].key);
        config = parse_good(text);
        assert_int_equal(config->namespaces, NAMESPACE_BIT(i));
        config_free(config);
    }
    config = parse_good(
            "{\"namespaces\":[{\"key\":\"NEWNS\",\"value\":131072,\"file\":\"mnt\",\"enabled\":true},"
            "{\"key\":\"NEWUSER\",\"enabled\":false},{\"key\":\"NEWPID\"}]}");
    assert_int_equal(config->namespaces, NAMESPACE_BIT(NAMESPACE_MNT) | NAMESPACE_BIT(NAMESPACE_PID));
    config_free(config);
    config = parse_good("{\"namespaces\":[\"NEWUSER\"],\"uid_mappings\":[{\"container_id\":0,\"host_id\":"
                        "1000,\"size\":1},"
                        "{\"containerID\":1,\"hostID\":100000,\"size\":65536}],"
                        "\"gid_mappings\":[{\"container_id\":0,\"host_id\":0,\"size\":4294967295}]}");
    assert_int_equal(config->n_uid_mappings, 2);
    assert_int_equal(config->uid_mappings[1].container_id, 1);
    assert_int_equal(config->uid_mappings[1].host_id, 100000);
    assert_int_equal(config->uid_mappings[1].size, 65536);
    assert_int_equal(config->gid_mappings[0].size, UINT32_MAX);
    config_free(config);
}

static void test_capabilities(void **state)
{
    static const struct {
        const char *text;
        uint64_t expected;
    } table[] = {
        { "{\"capabilities\":[]}", 0 },
        { "{\"capabilities\":[\"KILL\",\"CAP_CHOWN\",\"cap_net_raw\",\"Sys_Ptrace\"]}",
                CAP(KILL) | CAP(CHOWN) | CAP(NET_RAW) | CAP(SYS_PTRACE) },
        { "{\"capabilities_mask\":[]}", UINT64_MAX },
        { "{\"capabilities_mask\":[\"CAP_KILL\"]}", ~CAP(KILL) },
        { "{\"capabilities_mask\":[{\"key\":\"KILL\",\"value\":5,\"enabled\":false},{\"key\":\"CHOWN\","
          "\"enabled\":true},"
          "{\"key\":\"MKNOD\"}]}",
                ~(CAP(KILL) | CAP(MKNOD)) },
        { "{\"capabilities\":[\"CHECKPOINT_RESTORE\"]}", UINT64_C(1) << 40 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct lc_config *config = parse_good(table[i].text);

        assert_int_equal(config->capabilities, table[i].expected);
        assert_int_equal(config->capabilities_given, strstr(table[i].text, "_mask") == NULL);
        config_free(config);
    }
}

static void test_mount_forms(void **state)
{
    struct lc_config *config =
            parse_good("{\"namespaces\":[\"NEWNS\"],\"mounts\":["
                       "{\"source\":\"/s\",\"destination\":\"/d\"},"
                       "{\"source\":\"/s\",\"destination\":\"/d\",\"writable\":true},"
                       "{\"type\":\"bind\",\"source\":\"/s\",\"destination\":\"/d\"},"
                       "{\"source\":\"/s\",\"destination\":\"/d\",\"options\":[\"bind\",\"nosuid\"]},"
                       "{\"type\":\"proc\",\"destination\":\"/p\"},"
                       "{\"type\":\"tmpfs\",\"source\":\"t\",\"destination\":\"/p\",\"writable\":false},"
                       "{\"type\":\"none\",\"source\":\"/s\",\"destination\":\"/p\",\"options\":[\"rbind\"],"
                       "\"writable\":false,\"private\":true}]}");
    const struct config_mount *m = config->mounts;

    (void)state;
    assert_int_equal(config->n_mounts, 7);
    assert_true(m[0].recursive_bind && m[0].recursive_attr && m[0].attr_set == MOUNT_ATTR_RDONLY);
    assert_int_equal(m[0].propagation, 0);
    assert_string_equal(m[0].pointer, "/mounts/0");
    assert_true(m[1].recursive_bind && m[1].attr_set == 0 && m[1].attr_clear == 0);
    assert_true(m[2].recursive_bind && m[2].attr_set == MOUNT_ATTR_RDONLY);
    assert_string_equal(m[3].type, "bind");
    assert_true(!m[3].recursive_bind && !m[3].recursive_attr && m[3].attr_set == MOUNT_ATTR_NOSUID);
    assert_string_equal(m[4].type, "proc");
    assert_string_equal(m[4].source, "proc");
    assert_true(m[4].attr_set == 0 && m[4].data == NULL && !m[4].recursive_bind);
    assert_string_equal(m[5].source, "t");
    assert_true(m[5].attr_set == MOUNT_ATTR_RDONLY && !m[5].recursive_attr);
    assert_string_equal(m[6].type, "bind");
    assert_true(m[6].recursive_bind && m[6].recursive_attr && m[6].attr_set == MOUNT_ATTR_RDONLY);
    assert_int_equal(m[6].propagation, MS_PRIVATE | MS_REC);
    config_free(config);
}

static void test_mount_options(void **state)
{
    static const struct {
        const char *options;
        uint64_t set, clear, super, propagation;
        bool recursive;
        const char *data;
    } table[] = {
        { "", 0, 0, 0, 0, false, NULL },
        { "\"defaults\"", 0, 0, 0, 0, false, NULL },
        { "\"ro\"", MOUNT_ATTR_RDONLY, 0, 0, 0, false, NULL },
        { "\"ro\",\"rw\"", 0, MOUNT_ATTR_RDONLY, 0, 0, false, NULL },
        { "\"rw\",\"ro\"", MOUNT_ATTR_RDONLY, 0, 0, 0, false, NULL },
        { "\"rro\"", MOUNT_ATTR_RDONLY, 0, 0, 0, true, NULL },
        { "\"nosuid\",\"nodev\",\"noexec\"", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, 0, 0,
                0, false, NULL },
        { "\"suid\",\"dev\",\"exec\"", 0, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, 0, 0,
                false, NULL },
        { "\"rnosuid\",\"rnodev\",\"rnoexec\"", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, 0,
                0, 0, true, NULL },
        { "\"noatime\"", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME, 0, 0, false, NULL },
        { "\"noatime\",\"relatime\"", 0, MOUNT_ATTR__ATIME, 0, 0, false, NULL },
        { "\"noatime\",\"strictatime\"", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, 0, 0, false, NULL },
        { "\"rnoatime\",\"nodiratime\"", MOUNT_ATTR_NOATIME | MOUNT_ATTR_NODIRATIME, MOUNT_ATTR__ATIME, 0, 0,
                true, NULL },
        { "\"nodiratime\",\"diratime\"", 0, MOUNT_ATTR_NODIRATIME, 0, 0, false, NULL },
        { "\"nosymfollow\"", MOUNT_ATTR_NOSYMFOLLOW, 0, 0, 0, false, NULL },
        { "\"sync\",\"dirsync\",\"mand\",\"lazytime\",\"iversion\",\"silent\"", 0, 0,
                MS_SYNCHRONOUS | MS_DIRSYNC | MS_MANDLOCK | MS_LAZYTIME | MS_I_VERSION | MS_SILENT, 0, false,
                NULL },
        { "\"sync\",\"async\",\"mand\",\"nomand\",\"lazytime\",\"nolazytime\",\"silent\",\"loud\"", 0, 0, 0,
                0, false, NULL },
        { "\"private\"", 0, 0, 0, MS_PRIVATE, false, NULL },
        { "\"rslave\"", 0, 0, 0, MS_SLAVE | MS_REC, false, NULL },
        { "\"shared\",\"runbindable\"", 0, 0, 0, MS_UNBINDABLE | MS_REC, false, NULL },
        { "\"size=1m\",\"ro\",\"mode=700\"", MOUNT_ATTR_RDONLY, 0, 0, 0, false, "size=1m,mode=700" },
        { "\"context=\\\"a:c1,c2\\\"\",\"lowerdir=/a\\\\,b\"", 0, 0, 0, 0, false,
                "context=\"a:c1,c2\",lowerdir=/a\\,b" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct lc_config *config;
        char text[512];

        snprintf(text, sizeof(text),
                "{\"namespaces\":[\"NEWNS\"],\"mounts\":[{\"type\":\"tmpfs\",\"destination\":\"/"
                "d\",\"options\":[%s]}]}",
                table[i].options);
        config = parse_good(text);
        assert_int_equal(config->mounts[0].attr_set, table[i].set);
        assert_int_equal(config->mounts[0].attr_clear, table[i].clear);
        assert_int_equal(config->mounts[0].super_flags, table[i].super);
        assert_int_equal(config->mounts[0].propagation, table[i].propagation);
        assert_int_equal(config->mounts[0].recursive_attr, table[i].recursive);
        assert_int_equal(config->mounts[0].data == NULL, table[i].data == NULL);
        if (table[i].data != NULL)
            assert_string_equal(config->mounts[0].data, table[i].data);
        config_free(config);
    }
}

static void test_devices_and_limits(void **state)
{
    struct lc_config *config =
            parse_good("{\"namespaces\":[\"NEWNS\",\"NEWNET\",\"NEWIPC\",\"NEWUTS\"],"
                       "\"devices\":[\"/dev/fuse\",{\"path\":\"/dev/"
                       "x\",\"type\":\"u\",\"major\":10,\"minor\":1048575,\"mode\":\"0600\","
                       "\"uid\":1,\"gid\":2},{\"path\":\"/dev/f\",\"type\":\"p\",\"file_mode\":384}],"
                       "\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":1,\"hard\":-1},{\"type\":\"core\","
                       "\"soft\":0,\"hard\":\"unlimited\"}],"
                       "\"sysctl\":{\"net.ipv4.ip_forward\":1,\"net.ipv4.conf.eth0/"
                       "100.rp_filter\":\"2\",\"kernel/shmmax\":\"5\","
                       "\"fs.mqueue.msg_max\":\"7\",\"kernel.domainname\":\"d\"},"
                       "\"masked_paths\":[],\"readonly_paths\":[\"/etc\"]}");

    (void)state;
    assert_int_equal(config->n_devices, 3);
    assert_string_equal(config->devices[0].path, "/dev/fuse");
    assert_int_equal(config->devices[0].type, 0);
    assert_int_equal(config->devices[1].type, 'c');
    assert_int_equal(config->devices[1].minor, 1048575);
    assert_int_equal(config->devices[1].mode, 0600);
    assert_int_equal(config->devices[1].gid, 2);
    assert_int_equal(config->devices[2].type, 'p');
    assert_int_equal(config->devices[2].mode, 0600);
    assert_int_equal(config->n_rlimits, 2);
    assert_string_equal(config->rlimits[0].name, "RLIMIT_NOFILE");
    assert_int_equal(config->rlimits[0].resource, RLIMIT_NOFILE);
    assert_true(config->rlimits[0].hard == UINT64_MAX);
    assert_string_equal(config->rlimits[1].name, "RLIMIT_CORE");
    assert_string_equal(config->rlimits[1].pointer, "/rlimits/1");
    assert_int_equal(config->n_sysctls, 5);
    assert_string_equal(config->sysctls[0].key, "net/ipv4/ip_forward");
    assert_string_equal(config->sysctls[0].value, "1");
    assert_string_equal(config->sysctls[1].key, "net/ipv4/conf/eth0.100/rp_filter");
    assert_string_equal(config->sysctls[1].pointer, "/sysctl/net.ipv4.conf.eth0~1100.rp_filter");
    assert_string_equal(config->sysctls[2].key, "kernel/shmmax");
    assert_true(config->masked_paths_given);
    assert_int_equal(config->n_masked_paths, 0);
    assert_int_equal(config->n_readonly_paths, 1);
    config_free(config);
}

static void test_networks(void **state)
{
    struct lc_config *config =
            parse_good("{\"namespaces\":[\"NEWNET\"],\"networks\":["
                       "{\"type\":\"loopback\",\"gateway\":\"localhost\",\"address\":[\"127.0.0.1/"
                       "0\",\"10.9.9.9/32\"],\"mtu\":1500},"
                       "{\"type\":\"veth\",\"context\":{\"bridge\":\"b\",\"create\":\"true\",\"bridge_"
                       "address\":\"10.0.0.1/24\"},"
                       "\"address\":[\"10.0.0.2/24\",\"fd00::2/"
                       "64\"],\"gateway\":[\"fd00::1\",\"10.0.0.1\"],\"txqueuelen\":0,"
                       "\"mac_address\":\"02:42:AC:11:00:02\",\"routes\":[{\"destination\":\"default\","
                       "\"gateway\":\"fd00::9\"},"
                       "{\"destination\":\"::/0\"},{\"destination\":\"169.254.1.1/"
                       "32\"},{\"destination\":\"10.8.0.0/16\","
                       "\"gateway\":\"169.254.1.1\",\"source\":\"10.0.0.2\",\"metric\":7}]},"
                       "{\"type\":\"veth\",\"name\":\"eth1\",\"context\":{\"bridge\":\"b\",\"prefix\":\"lc\","
                       "\"create\":false}},"
                       "{\"type\":\"veth\",\"context\":{\"bridge\":\"b\"}}]}");
    const struct config_network *n = config->networks;

    (void)state;
    assert_int_equal(config->n_networks, 4);
    assert_string_equal(n[0].name, "lo");
    assert_int_equal(n[0].n_addresses, 1);
    assert_string_equal(n[0].addresses[0].text, "10.9.9.9/32");
    assert_int_equal(n[0].n_gateways, 0);
    assert_string_equal(n[1].name, "eth0");
    assert_string_equal(n[1].prefix, "veth");
    assert_true(n[1].create_bridge && n[1].has_bridge_address && n[1].has_mac);
    assert_memory_equal(n[1].mac, "\x02\x42\xac\x11\x00\x02", 6);
    assert_int_equal(n[1].addresses[1].family, AF_INET6);
    assert_int_equal(n[1].gateways[0].family, AF_INET6);
    assert_int_equal(n[1].n_gateways, 2);
    assert_true(n[1].txqueuelen.set && !n[1].mtu.set);
    assert_int_equal(n[1].n_routes, 4);
    assert_true(n[1].routes[0].is_default && n[1].routes[0].destination.family == AF_INET6);
    assert_true(n[1].routes[1].is_default && !n[1].routes[1].has_gateway);
    assert_false(n[1].routes[3].is_default);
    assert_true(n[1].routes[3].has_source && n[1].routes[3].metric.value == 7);
    assert_string_equal(n[1].routes[3].pointer, "/networks/1/routes/3");
    assert_string_equal(n[2].name, "eth1");
    assert_string_equal(n[2].prefix, "lc");
    assert_string_equal(n[3].name, "eth2");
    config_free(config);
    config = parse_good("{\"networks\":[{\"type\":\"netns\",\"context\":{\"nspath\":\"/run/netns/x\"}}]}");
    assert_int_equal(config->networks[0].type, NETWORK_NETNS);
    assert_string_equal(config->networks[0].nspath, "/run/netns/x");
    assert_null(config->networks[0].name);
    config_free(config);
}

static void test_cgroups(void **state)
{
    struct lc_config *config = parse_good(
            "{\"cgroups\":{\"parent\":\"//a//b/\",\"device_access\":false,\"memory\":8192,\"memory_swap\":-1,"
            "\"memory_reservation\":0,\"memory_high\":4096,\"cpu_shares\":2,\"cpu_quota\":-1,\"cpu_period\":"
            "1000000,"
            "\"pids_limit\":-1,\"cpuset_cpus\":\"0-3,5\",\"cpuset_mems\":\"\",\"driver\":\"fs\",\"devices\":["
            "{\"allow\":true,\"type\":\"c\",\"major\":10,\"minor\":\"*\",\"access\":\"mr\"},{\"allow\":false}"
            "]}}");
    const struct config_cgroups *c = &config->cgroups;

    (void)state;
    assert_string_equal(c->parent, "a/b");
    assert_null(c->name);
    assert_int_equal(c->limits[LIMIT_MEMORY].value, 8192);
    assert_true(c->limits[LIMIT_MEMORY_SWAP].set && c->limits[LIMIT_MEMORY_SWAP].value == -1);
    assert_false(c->limits[LIMIT_MEMORY_RESERVATION].set);
    assert_int_equal(c->limits[LIMIT_CPU_SHARES].value, 2);
    assert_true(c->limits[LIMIT_PIDS].set && c->limits[LIMIT_PIDS].value == -1);
    assert_string_equal(c->cpuset_cpus, "0-3,5");
    assert_null(c->cpuset_mems);
    assert_int_equal(c->n_rules, 2);
    assert_true(c->rules[0].allow && c->rules[0].type == 'c');
    assert_int_equal(c->rules[0].major, 10);
    assert_int_equal(c->rules[0].minor, -1);
    assert_string_equal(c->rules[0].access, "mr");
    assert_true(!c->rules[1].allow && c->rules[1].type == 'a');
    assert_string_equal(c->rules[1].access, "rwm");
    config_free(config);
    config = parse_good("{\"cgroups\":{\"name\":\"x\"}}");
    assert_string_equal(config->cgroups.parent, "nsinit");
    config_free(config);
    config = parse_good(
            "{\"cgroups\":{\"cpu_burst\":5,\"io_weight\":1000,\"freezer\":\"THAWED\",\"io_max\":[{\"device\":"
            "\"8:16\",\"wiops\":7,\"rbps\":1048576,\"wbps\":0}],\"hugetlb\":{\"2MB\":0},\"rdma\":{"
            "\"mlx5_0\":{\"hca_object\":3}},\"unified\":{\"memory.min\":\"4096\"}}}");
    c = &config->cgroups;
    assert_int_equal(c->limits[LIMIT_CPU_BURST].value, 5);
    assert_int_equal(c->limits[LIMIT_BLKIO_WEIGHT].value, 1000);
    assert_int_equal(c->n_blkio, 3);
    assert_true(c->blkio[0].kind == BLKIO_READ_BPS && c->blkio[0].value == 1048576);
    assert_true(c->blkio[1].kind == BLKIO_WRITE_BPS && c->blkio[1].value == 0);
    assert_true(c->blkio[2].kind == BLKIO_WRITE_IOPS && c->blkio[2].value == 7);
    assert_true(c->blkio[2].major == 8 && c->blkio[2].minor == 16);
    assert_string_equal(c->blkio[2].pointer, "/cgroups/io_max/0/wiops");
    assert_int_equal(c->n_hugepages, 1);
    assert_string_equal(c->hugepages[0].size, "2MB");
    assert_int_equal(c->n_rdma, 1);
    assert_true(!c->rdma[0].handles.set && c->rdma[0].objects.value == 3);
    assert_int_equal(c->n_unified, 1);
    assert_string_equal(c->unified[0].value, "4096");
    config_free(config);
    config = parse_good("{\"cgroups\":{\"parent\":\"/\"}}");
    assert_string_equal(config->cgroups.parent, "");
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readme_sample),
        cmocka_unit_test(test_empty_object),
        cmocka_unit_test(test_default_json),
        cmocka_unit_test(test_process),
        cmocka_unit_test(test_namespaces),
        cmocka_unit_test(test_capabilities),
        cmocka_unit_test(test_mount_forms),
        cmocka_unit_test(test_mount_options),
        cmocka_unit_test(test_devices_and_limits),
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_cgroups),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
