/* linux.netDevices for real: veths move from one network namespace to another. Needs root. The "host" is a network namespace
 * of the test's own, so that nothing can stay behind, whatever happens. */
#include "unit.h"

#include <network/network.h>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

static int host, container; /* the two namespaces */

static void enter(int netns)
{
    assert_int_equal(setns(netns, CLONE_NEWNET), 0);
}

static void run(const char *command)
{
    if (system(command) != 0)
        fail_msg("%s", command);
}

/* The output of `ip`, seen from one of the namespaces. */
static bool shows(int netns, const char *command, const char *wanted)
{
    char text[8192];
    size_t length;
    FILE *pipe;
    bool found;

    enter(netns);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    length = fread(text, 1, sizeof(text) - 1, pipe);
    text[length] = '\0';
    (void)pclose(pipe);
    enter(host);
    found = strstr(text, wanted) != NULL;
    if (!found)
        print_message("\"%s\" is not in:\n%s\n", wanted, text);
    return found;
}

static int move(const struct lc_config *config, int netns, struct lc_error **err)
{
    struct network_moved *moved = NULL;
    int r = network_devices_move(config, netns, NULL, &moved, err);

    network_devices_settle(moved, false);
    return r;
}

static struct lc_config devices(struct config_net_device *list, size_t count)
{
    return (struct lc_config){ .oci = { .net_devices = list, .n_net_devices = count } };
}

static void must(int r, struct lc_error **err)
{
    CLEAN_FREE char *text = r < 0 ? error_format(*err) : NULL;

    if (r < 0)
        fail_msg("%d: %s", r, text);
    assert_null(*err);
}

static void must_fail(int r, int expected, const char *pointer, const char *text, struct lc_error **err)
{
    CLEAN_FREE char *line = *err != NULL ? error_format(*err) : NULL;

    assert_int_equal(r, -expected);
    if (line == NULL || strstr(line, text) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", text, line != NULL ? line : "");
    assert_string_equal(error_site(*err)->pointer, pointer);
    error_free(*err);
    *err = NULL;
}

static int fresh_namespace(void)
{
    int fd;

    assert_int_equal(unshare(CLONE_NEWNET), 0);
    fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static int setup(void **state)
{
    (void)state;
    container = fresh_namespace();
    host = fresh_namespace();
    run("ip link set lo up");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)close(container);
    (void)close(host);
    return 0;
}

/* Everything of the interface that is its own comes along; what is not permanent or not global stays behind. */
static void test_keeps(void **state)
{
    struct config_net_device list[] = { { "/linux/netDevices/lct0", "lct0", "eth7" } };
    struct lc_config config = devices(list, 1);
    struct lc_error *err = NULL;

    (void)state;
    run("ip link add lct0 address 02:11:22:33:44:55 mtu 1789 type veth peer name peer0");
    run("ip link set lct0 txqueuelen 321 up");
    run("ip address add 198.18.7.1/24 broadcast 198.18.7.255 label lct0:one dev lct0");
    run("ip address add 198.18.7.2/24 dev lct0");
    run("ip address add 198.18.8.1 peer 198.18.8.2/32 metric 77 dev lct0");
    run("ip address add 198.18.9.1/24 noprefixroute dev lct0");
    run("ip address add 169.254.9.1/16 scope link dev lct0");
    run("ip address add 198.18.10.1/24 valid_lft 1000 preferred_lft 500 dev lct0");
    run("ip address add fd42:7::1/64 nodad dev lct0");
    must(move(&config, container, &err), &err);
    assert_int_equal(if_nametoindex("lct0"), 0);
    assert_true(shows(container, "ip -d link show eth7", "mtu 1789"));
    assert_true(shows(container, "ip -d link show eth7", ",UP"));
    assert_true(shows(container, "ip -d link show eth7", "qlen 321"));
    assert_true(shows(container, "ip -d link show eth7", "02:11:22:33:44:55"));
    assert_true(shows(
            container, "ip address show eth7", "inet 198.18.7.1/24 brd 198.18.7.255 scope global eth7:one"));
    assert_true(shows(container, "ip address show eth7", "inet 198.18.7.2/24 scope global secondary eth7"));
    assert_true(shows(container, "ip address show eth7", "inet 198.18.8.1 peer 198.18.8.2/32 metric 77"));
    assert_true(shows(container, "ip address show eth7", "noprefixroute"));
    assert_true(shows(container, "ip address show eth7", "inet6 fd42:7::1/64 scope global nodad"));
    assert_true(shows(container, "ip route", "198.18.7.0/24 dev eth7"));
    assert_true(shows(container, "ip address show eth7 | grep -c -E '169.254|198.18.10|tentative'", "0"));
}

static void test_names(void **state)
{
    struct config_net_device list[] = { { "/linux/netDevices/lct0", "lct0", "lct0" },
        { "/linux/netDevices/lct1", "lct1", "net%d" }, { "/linux/netDevices/lct2", "lct2", "net%d" },
        { "/linux/netDevices/lct3", "lct3", "lct1" } };
    struct lc_config config = devices(list, 4);
    struct lc_error *err = NULL;

    (void)state;
    enter(container);
    run("ip link add net0 type veth peer name peer0");
    run("ip link add lct2 type veth peer name peer1"); /* the old name of one that gets another */
    enter(host);
    run("for i in 0 1 2 3; do ip link add lct$i mtu 130$i type veth peer name peer$i; done");
    must(move(&config, container, &err), &err);
    assert_true(shows(container, "ip link show lct0", "mtu 1300"));
    assert_true(shows(container, "ip link show net1", "mtu 1301"));
    assert_true(shows(container, "ip link show net2", "mtu 1302"));
    assert_true(shows(container, "ip link show lct1", "mtu 1303"));
    assert_true(shows(host, "ip link | grep -c lct", "0"));
    assert_true(shows(container, "ip -o link | grep -c lc0", "0"));
}

/* A clash is an error, and what had moved before it is as it was. */
static void test_clash(void **state)
{
    struct config_net_device list[] = { { "/linux/netDevices/lct0", "lct0", "one" },
        { "/linux/netDevices/lct1", "lct1", "taken" } };
    struct lc_config config = devices(list, 2);
    struct lc_error *err = NULL;

    (void)state;
    enter(container);
    run("ip link add taken type veth peer name peer0");
    enter(host);
    run("ip link add lct0 type veth peer name peer0 && ip link set lct0 up && ip address add 198.18.7.1/24 "
        "label lct0:x dev "
        "lct0");
    run("ip link add lct1 type veth peer name peer1");
    must_fail(move(&config, container, &err), EEXIST, "/linux/netDevices/lct1", "an interface of that name",
            &err);
    assert_true(shows(host, "ip address show lct0", "198.18.7.1/24 scope global lct0:x"));
    assert_true(shows(host, "ip link show lct0", ",UP"));
    assert_true(shows(host, "ip link show lct1", "<BROADCAST,MULTICAST,M-DOWN>"));
    assert_true(shows(container, "ip -o link | wc -l", "3"));
}

/* Something else failed later. */
static void test_return(void **state)
{
    struct config_net_device list[] = { { "/linux/netDevices/lct0", "lct0", "net%d" },
        { "/linux/netDevices/lct1", "lct1", "lct0" } };
    struct lc_config config = devices(list, 2);
    struct network_moved *moved = NULL;
    struct lc_error *err = NULL;

    (void)state;
    run("ip link add lct0 type veth peer name peer0 && ip link set lct0 up && ip address add 198.18.7.1/24 "
        "dev lct0");
    run("ip link add lct1 type veth peer name peer1");
    must(network_devices_move(&config, container, NULL, &moved, &err), &err);
    assert_true(shows(container, "ip -o link | wc -l", "3"));
    network_devices_settle(moved, true);
    network_devices_settle(NULL, true);
    assert_true(shows(container, "ip -o link | wc -l", "1"));
    assert_true(shows(host, "ip address show lct0", "198.18.7.1/24 scope global lct0"));
    assert_true(shows(host, "ip link show lct1", "<BROADCAST,MULTICAST,M-DOWN>"));
}

static void test_errors(void **state)
{
    struct config_net_device list[] = { { "/linux/netDevices/none", "none", "none" } };
    struct lc_config config = devices(list, 1);
    struct lc_error *err = NULL;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    (void)state;
    must_fail(move(&config, container, &err), ENODEV, "/linux/netDevices/none",
            "no such interface on the host", &err);
    list[0].host_name = "lo";
    must_fail(move(&config, container, &err), EINVAL, "/linux/netDevices/none", "belong to their namespace",
            &err);
    assert_true(if_nametoindex("lo") > 0);
    must_fail(move(&config, null, &err), EINVAL, "/linux/netDevices/none", "setns", &err);
    config.oci.n_net_devices = 0;
    must(move(&config, -1, &err), &err);
    (void)close(null);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_keeps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_clash, setup, teardown),
        cmocka_unit_test_setup_teardown(test_return, setup, teardown),
        cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
    };

    if (geteuid() != 0) {
        print_message("skipped: needs root\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
