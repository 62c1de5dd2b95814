/* The real thing: bridges and pairs are made, addressed, used and removed. Needs root.
 * The "host" is a network namespace of the test's own, so that nothing can stay behind, whatever happens. */
#include "unit.h"

#include <network/network.h>

#include <lcsys/netlink.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "test_network_inside.h"

/* A process in a network namespace of its own, that waits to be told what to do there. */
struct inside {
    pid_t pid;
    int netns, go; /* closing `go` ends it */
};

struct fixture {
    char bridge[IFNAMSIZ];
    struct config_address list[2], gateways[1];
    struct config_route route;
    struct config_network networks[2];
    struct lc_config config;
    struct network_link links[2];
};

static void fixture_init(struct fixture *f)
{
    static const uint8_t mac[6] = { 0x02, 0x42, 0xc0, 0x12, 0xd5, 0x05 };

    *f = (struct fixture){ .list = { address("198.18.213.5", 24), address("fd42:198:18::5", 64) },
        .gateways = { address("198.18.213.1", 32) },
        .route = { .pointer = "/networks/0/routes/0",
                .destination = address("198.19.0.0", 16),
                .has_gateway = true,
                .gateway = address("198.18.213.2", 32),
                .has_source = true,
                .source = address("198.18.213.5", 32),
                .metric = { .set = true, .value = 42 } } };
    (void)snprintf(f->bridge, sizeof(f->bridge), "lctbr%d", (int)getpid());
    for (size_t i = 0; i < 2; i++)
        f->networks[i] = (struct config_network){ .pointer = i == 0 ? "/networks/0" : "/networks/1",
            .type = NETWORK_VETH,
            .name = i == 0 ? "eth0" : "eth1",
            .bridge = f->bridge,
            .prefix = "lct",
            .mtu = { .set = true, .value = MTU },
            .txqueuelen = { .set = true, .value = QUEUE },
            .create_bridge = true,
            .has_bridge_address = true,
            .bridge_address = address("198.18.213.1", 24) };
    f->networks[0].addresses = f->list;
    f->networks[0].n_addresses = 2;
    f->networks[0].gateways = f->gateways;
    f->networks[0].n_gateways = 1;
    f->networks[0].routes = &f->route;
    f->networks[0].n_routes = 1;
    f->networks[0].has_mac = true;
    memcpy(f->networks[0].mac, mac, sizeof(mac));
    f->config.networks = f->networks;
    f->config.n_networks = 2;
}

static void inside_main(const struct fixture *f, int ready, int go)
{
    char byte = 0;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    MUST(unshare(CLONE_NEWNET) == 0);
    MUST(write(ready, &byte, 1) == 1);
    if (read(go, &byte, 1) == 1)
        inspect(&f->networks[0]);
    _exit(0);
}

static void inside_start(struct inside *inside, const struct fixture *f)
{
    int ready[2], go[2];
    char path[64], byte;

    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    assert_int_equal(pipe2(go, O_CLOEXEC), 0);
    inside->pid = fork();
    assert_true(inside->pid >= 0);
    if (inside->pid == 0) {
        (void)close(go[1]);
        inside_main(f, ready[1], go[0]);
    }
    (void)close(ready[1]);
    (void)close(go[0]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    inside->go = go[1];
    (void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)inside->pid);
    inside->netns = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(inside->netns >= 0);
}

static int inside_finish(struct inside *inside, bool run)
{
    int status;

    if (run)
        assert_int_equal(write(inside->go, "", 1), 1);
    (void)close(inside->go);
    (void)close(inside->netns);
    assert_int_equal(waitpid(inside->pid, &status, 0), inside->pid);
    return status;
}

static uint32_t master_of(const char *name)
{
    struct netlink_message request;
    char reply[8192];
    size_t length = sizeof(reply), size;
    uint32_t master = 0;
    const void *found;
    int fd = netlink_open();

    (void)netlink_begin(&request, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
    netlink_attr_string(&request, IFLA_IFNAME, name);
    assert_int_equal(netlink_request(fd, &request.header, reply, &length, NULL, 0), 0);
    found = netlink_find(reply + NLMSG_LENGTH(sizeof(struct ifinfomsg)),
            length - NLMSG_LENGTH(sizeof(struct ifinfomsg)), IFLA_MASTER, &size);
    if (found != NULL)
        memcpy(&master, found, sizeof(master));
    (void)close(fd);
    return master;
}

static void remove_bridge(const char *name)
{
    struct netlink_message request;
    struct ifinfomsg *body;
    int fd = netlink_open();

    body = netlink_begin(&request, RTM_DELLINK, 0, sizeof(*body));
    body->ifi_index = (int)if_nametoindex(name);
    assert_true(body->ifi_index > 0);
    assert_int_equal(netlink_request(fd, &request.header, NULL, NULL, NULL, 0), 0);
    (void)close(fd);
}

static void assert_made(int result, struct lc_error *err)
{
    if (result < 0)
        fail_msg("%s", error_format(err));
}

static int count_links(void)
{
    struct if_nameindex *list = if_nameindex();
    int count = 0;

    while (list[count].if_index != 0)
        count++;
    if_freenameindex(list);
    return count;
}

static void make_use_remove(void **state)
{
    struct fixture f;
    struct inside inside;
    struct lc_error *err = NULL;
    int before = count_links(), mtu, queue, flags;

    (void)state;
    fixture_init(&f);
    inside_start(&inside, &f);
    assert_made(network_check(&f.config, &err), err);
    assert_made(network_plan(&f.config, f.links, &err), err);
    assert_int_equal(count_links(), before);
    assert_made(network_make(&f.config, f.links, inside.netns, NULL, &err), err);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(master_of(f.links[i].host_name), if_nametoindex(f.bridge));
        link_numbers(f.links[i].host_name, &mtu, &queue, &flags);
        assert_int_equal(mtu, MTU);
        assert_int_equal(queue, QUEUE);
        assert_true((flags & IFF_UP) != 0);
    }
    assert_int_equal(if_nametoindex("eth0"), 0); /* inside only */
    assert_true(has_address(f.bridge, &f.networks[0].bridge_address));

    /* A name that was taken after it was planned. */
    f.config.n_networks = 1;
    assert_int_equal(network_make(&f.config, f.links, inside.netns, NULL, &err), -EEXIST);
    assert_string_equal(error_site(err)->object, f.links[0].host_name);
    error_free(err);
    assert_int_equal(count_links(), before + 3);

    assert_int_equal(inside_finish(&inside, true), 0);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(network_remove(f.links[i].host_name), 0);
        assert_int_equal(if_nametoindex(f.links[i].host_name), 0);
        assert_int_equal(network_remove(f.links[i].host_name), 0);
    }
    assert_true(if_nametoindex(f.bridge) > 0);
    assert_int_equal(network_remove(f.bridge), 0); /* not a veth, so not ours */
    assert_int_equal(network_remove(""), 0);
    assert_true(if_nametoindex(f.bridge) > 0);
    remove_bridge(f.bridge);
    assert_int_equal(count_links(), before);
}

/* The second entry fails: the first pair goes again, and the bridge only when it was made by the same call.
 */
static void failure_leaves_nothing(void **state)
{
    (void)state;
    for (int own_bridge = 0; own_bridge < 2; own_bridge++) {
        struct fixture f;
        struct inside inside;
        struct lc_error *err = NULL;
        int before;

        fixture_init(&f);
        inside_start(&inside, &f);
        if (!own_bridge) {
            f.config.n_networks = 1;
            assert_made(network_plan(&f.config, f.links, &err), err);
            assert_made(network_make(&f.config, f.links, inside.netns, NULL, &err), err);
            assert_int_equal(network_remove(f.links[0].host_name), 0);
        }
        before = count_links();
        f.config.n_networks = 2;
        f.networks[1].name = "eth0";
        assert_int_equal(network_check(&f.config, NULL), -EEXIST);
        assert_made(network_plan(&f.config, f.links, &err), err);
        assert_int_equal(network_make(&f.config, f.links, inside.netns, NULL, &err), -EEXIST);
        assert_string_equal(error_site(err)->pointer, "/networks/1/name");
        assert_string_equal(error_site(err)->object, "eth0");
        error_free(err);
        assert_int_equal(count_links(), before);
        assert_int_equal(inside_finish(&inside, false), 0);
        if (!own_bridge)
            remove_bridge(f.bridge);
    }
}

static void bridge_errors(void **state)
{
    struct fixture f;
    struct inside inside;
    struct lc_error *err = NULL;
    int before = count_links();

    (void)state;
    fixture_init(&f);
    inside_start(&inside, &f);
    f.config.n_networks = 1;
    f.networks[0].create_bridge = false;
    assert_made(network_plan(&f.config, f.links, &err), err);
    assert_int_equal(network_make(&f.config, f.links, inside.netns, NULL, &err), -ENODEV);
    assert_string_equal(error_site(err)->pointer, "/networks/0/context/bridge");
    assert_string_equal(error_site(err)->object, f.bridge);
    assert_non_null(error_site(err)->hint);
    error_free(err);
    err = NULL;

    f.networks[0].create_bridge = true;
    assert_made(network_make(&f.config, f.links, inside.netns, NULL, &err), err);
    f.networks[0].bridge = f.links[0].host_name;
    assert_int_equal(network_check(&f.config, &err), -ENOTSUP);
    assert_string_equal(error_text(err), "this link is no bridge but of kind veth");
    error_free(err);
    err = NULL;

    /* Not a namespace: the kernel refuses the pair. */
    f.networks[0].bridge = f.bridge;
    assert_int_equal(network_remove(f.links[0].host_name), 0);
    assert_true(network_make(&f.config, f.links, inside.go, NULL, &err) < 0);
    assert_string_equal(error_site(err)->syscall, "RTM_NEWLINK");
    error_free(err);
    assert_int_equal(inside_finish(&inside, false), 0);
    remove_bridge(f.bridge);
    assert_int_equal(count_links(), before);
}

/* The pair goes with the namespace of its peer; removing it afterwards, or meanwhile, is fine. */
static void namespace_gone_first(void **state)
{
    struct fixture f;
    struct inside inside;
    struct lc_error *err = NULL;

    (void)state;
    fixture_init(&f);
    inside_start(&inside, &f);
    f.config.n_networks = 1;
    assert_made(network_plan(&f.config, f.links, &err), err);
    assert_made(network_make(&f.config, f.links, inside.netns, NULL, &err), err);
    assert_int_equal(inside_finish(&inside, false), 0);
    assert_int_equal(network_remove(f.links[0].host_name), 0);
    assert_int_equal(if_nametoindex(f.links[0].host_name), 0);
    remove_bridge(f.bridge);
}

#define NEEDED(name)                                                                                         \
    static void needed_##name(void **state)                                                                  \
    {                                                                                                        \
        SKIP_IF(*state != NULL, (const char *)*state);                                                       \
        name(state);                                                                                         \
    }
NEEDED(make_use_remove)
NEEDED(failure_leaves_nothing)
NEEDED(bridge_errors)
NEEDED(namespace_gone_first)

/* The state is the reason to skip, or NULL. */
static int setup(void **state)
{
    if (geteuid() != 0)
        *state = (void *)"needs root";
    else if (unshare(CLONE_NEWNET) < 0)
        *state = (void *)"this machine allows no network namespace";
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(needed_make_use_remove),
        cmocka_unit_test(needed_failure_leaves_nothing),
        cmocka_unit_test(needed_bridge_errors),
        cmocka_unit_test(needed_namespace_gone_first),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
