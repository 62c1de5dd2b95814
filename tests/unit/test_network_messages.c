/* The inside messages, decoded again into words; and what network_check sees without a bridge. */
#include "unit.h"

#include <network/network.h>

#include <lcsys/netlink.h>

#include <arpa/inet.h>
#include <errno.h>

#define NUMBER(n)                                                                                            \
    {                                                                                                        \
        .set = true, .value = (n)                                                                            \
    }

static struct config_address address(const char *text, uint8_t prefix)
{
    struct config_address result = { .prefix = prefix, .text = text };

    result.family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
    assert_int_equal(inet_pton(result.family, text, result.bytes), 1);
    return result;
}

/* " name=value" for the attribute, when it is there. */
static void say_address(
        struct buffer *out, const char *name, const struct nlmsghdr *m, size_t skip, uint16_t type)
{
    size_t length;
    const char *at = (const char *)m + NLMSG_HDRLEN + skip;
    const void *found = netlink_find(at, m->nlmsg_len - NLMSG_HDRLEN - skip, type, &length);
    char text[INET6_ADDRSTRLEN];

    if (found == NULL)
        return;
    assert_true(length == 4 || length == 16);
    buffer_printf(
            out, " %s=%s", name, inet_ntop(length == 4 ? AF_INET : AF_INET6, found, text, sizeof(text)));
}

static void say_number(
        struct buffer *out, const char *name, const struct nlmsghdr *m, size_t skip, uint16_t type)
{
    size_t length;
    const char *at = (const char *)m + NLMSG_HDRLEN + skip;
    const void *found = netlink_find(at, m->nlmsg_len - NLMSG_HDRLEN - skip, type, &length);
    uint32_t value;

    if (found == NULL)
        return;
    assert_int_equal(length, sizeof(value));
    memcpy(&value, found, sizeof(value));
    buffer_printf(out, " %s=%u", name, value);
}

static void say_message(struct buffer *out, const struct nlmsghdr *m)
{
    const struct ifinfomsg *link = NLMSG_DATA(m);
    const struct ifaddrmsg *addr = NLMSG_DATA(m);
    const struct rtmsg *route = NLMSG_DATA(m);

    assert_int_equal(m->nlmsg_flags & (NLM_F_REQUEST | NLM_F_ACK), NLM_F_REQUEST | NLM_F_ACK);
    assert_int_equal(m->nlmsg_len % 4, 0);
    if (m->nlmsg_type == RTM_NEWLINK) {
        buffer_printf(out, "link%d %x/%x", link->ifi_index, link->ifi_flags, link->ifi_change);
        say_number(out, "mtu", m, sizeof(*link), IFLA_MTU);
    } else if (m->nlmsg_type == RTM_NEWADDR) {
        buffer_printf(out, "addr%u /%d scope=%d flags=%d", addr->ifa_index, addr->ifa_prefixlen,
                addr->ifa_scope, addr->ifa_flags);
        say_address(out, "local", m, sizeof(*addr), IFA_LOCAL);
        say_address(out, "address", m, sizeof(*addr), IFA_ADDRESS);
        say_address(out, "broadcast", m, sizeof(*addr), IFA_BROADCAST);
    } else {
        assert_int_equal(m->nlmsg_type, RTM_NEWROUTE);
        assert_int_equal(route->rtm_table, RT_TABLE_MAIN);
        assert_int_equal(route->rtm_type, RTN_UNICAST);
        buffer_printf(out, "route v%d /%d scope=%d", route->rtm_family == AF_INET ? 4 : 6, route->rtm_dst_len,
                route->rtm_scope);
        say_address(out, "dst", m, sizeof(*route), RTA_DST);
        say_number(out, "oif", m, sizeof(*route), RTA_OIF);
        say_address(out, "via", m, sizeof(*route), RTA_GATEWAY);
        say_address(out, "src", m, sizeof(*route), RTA_PREFSRC);
        say_number(out, "metric", m, sizeof(*route), RTA_PRIORITY);
    }
    buffer_text(out, "\n");
}

static void expect(const struct config_network *network, const char *expected)
{
    struct buffer messages = { 0 }, said = { 0 };
    char *text;

    assert_int_equal(network_inside_messages(network, &messages), 0);
    for (size_t at = 0; at < messages.length;) {
        const struct nlmsghdr *m = (const struct nlmsghdr *)(messages.data + at);

        assert_true(messages.length - at >= sizeof(*m) && m->nlmsg_len <= messages.length - at);
        say_message(&said, m);
        at += m->nlmsg_len;
    }
    text = buffer_take_text(&said);
    assert_string_equal(text, expected);
    free(text);
    buffer_done(&messages);
}

static void loopback(void **state)
{
    struct config_address list[] = { address("127.0.0.2", 8), address("::2", 128), address("10.9.9.9", 32) };
    struct config_network network = { .type = NETWORK_LOOPBACK, .name = "lo" };

    (void)state;
    expect(&network, "link0 1/1\n");
    network.mtu = (struct config_number)NUMBER(9000);
    network.addresses = list;
    network.n_addresses = ARRAY_SIZE(list);
    expect(&network, "link0 1/1 mtu=9000\n"
                     "addr0 /8 scope=254 flags=0 local=127.0.0.2 address=127.0.0.2\n"
                     "addr0 /128 scope=0 flags=2 local=::2 address=::2\n"
                     "addr0 /32 scope=0 flags=0 local=10.9.9.9 address=10.9.9.9\n");
}

static void veth_addresses(void **state)
{
    static const struct {
        const char *address;
        uint8_t prefix;
        const char *expected;
    } rows[] = {
        { "10.1.2.3", 24, "/24 scope=0 flags=0 local=10.1.2.3 address=10.1.2.3 broadcast=10.1.2.255" },
        { "10.1.2.3", 9, "/9 scope=0 flags=0 local=10.1.2.3 address=10.1.2.3 broadcast=10.127.255.255" },
        { "10.1.2.1", 30, "/30 scope=0 flags=0 local=10.1.2.1 address=10.1.2.1 broadcast=10.1.2.3" },
        { "10.1.2.1", 31, "/31 scope=0 flags=0 local=10.1.2.1 address=10.1.2.1" },
        { "10.1.2.1", 32, "/32 scope=0 flags=0 local=10.1.2.1 address=10.1.2.1" },
        { "169.254.1.1", 16,
                "/16 scope=253 flags=0 local=169.254.1.1 address=169.254.1.1 broadcast=169.254.255.255" },
        { "fd00::5", 64, "/64 scope=0 flags=2 local=fd00::5 address=fd00::5" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct config_address one = address(rows[i].address, rows[i].prefix);
        struct config_network network = {
            .type = NETWORK_VETH,
            .name = "eth0",
            .mtu = NUMBER(1400), /* given to the pair when it is made, so not again */
            .addresses = &one,
            .n_addresses = 1,
        };
        char expected[256];

        (void)snprintf(expected, sizeof(expected), "link0 1/1\naddr0 %s\n", rows[i].expected);
        expect(&network, expected);
    }
}

static void routes(void **state)
{
    struct config_address gateways[] = { address("10.0.0.1", 32), address("fd00::1", 128) };
    struct config_route list[] = {
        { .destination = address("192.168.7.9", 16),
                .has_gateway = true,
                .gateway = address("10.0.0.2", 32),
                .has_source = true,
                .source = address("10.0.0.5", 32),
                .metric = NUMBER(50) },
        { .destination = address("10.0.0.2", 32) },
        { .is_default = true,
                .destination.family = AF_INET6,
                .has_gateway = true,
                .gateway = address("fe80::1", 128),
                .metric = NUMBER(9) },
        { .destination = address("fd01::", 32), .metric = NUMBER(7) },
        { .is_default = true, .destination.family = AF_INET, .metric = NUMBER(3) },
    };
    struct config_network network = {
        .type = NETWORK_VETH,
        .name = "eth0",
        .gateways = gateways,
        .n_gateways = ARRAY_SIZE(gateways),
        .routes = list,
        .n_routes = ARRAY_SIZE(list),
    };
    struct buffer out = { 0 };

    (void)state;
    /* Those without a gateway first: they make the gateways reachable. */
    expect(&network, "link0 1/1\n"
                     "route v4 /32 scope=253 dst=10.0.0.2 oif=0\n"
                     "route v6 /32 scope=0 dst=fd01:: oif=0 metric=7\n"
                     "route v4 /0 scope=253 oif=0 metric=3\n"
                     "route v4 /0 scope=0 oif=0 via=10.0.0.1\n"
                     "route v6 /0 scope=0 oif=0 via=fd00::1\n"
                     "route v4 /16 scope=0 dst=192.168.0.0 oif=0 via=10.0.0.2 src=10.0.0.5 metric=50\n"
                     "route v6 /0 scope=0 oif=0 via=fe80::1 metric=9\n");
    list[0].gateway = address("fd00::2", 128);
    assert_int_equal(network_inside_messages(&network, &out), -EINVAL);
    list[0].gateway = address("10.0.0.2", 32);
    list[0].source = address("fd00::2", 128);
    assert_int_equal(network_inside_messages(&network, &out), -EINVAL);
    buffer_done(&out);
    network.n_routes = network.n_gateways = 0;
    network.type = NETWORK_NETNS;
    expect(&network, "");
}

static void expect_error(const struct lc_config *config, int errnum, const char *pointer, const char *words)
{
    struct lc_error *err = NULL;
    char *line;

    assert_int_equal(network_check(config, &err), -errnum);
    if (errnum == 0) {
        assert_null(err);
        return;
    }
    line = error_format(err);
    assert_non_null(error_site(err)->pointer);
    assert_string_equal(error_site(err)->pointer, pointer);
    assert_string_equal(error_site(err)->stage, "network");
    if (strstr(line, words) == NULL)
        fail_msg("no \"%s\" in: %s", words, line);
    free(line);
    error_free(err);
}

static void check_names(void **state)
{
    static const struct {
        const char *name;
        int errnum;
    } rows[] = { { "lo", 0 }, { "fifteen-bytes-x", 0 }, { "", EINVAL }, { "sixteen-bytes-xx", EINVAL },
        { "a/b", EINVAL }, { "eth%d", EINVAL }, { "a b", EINVAL }, { ".", EINVAL }, { "..", EINVAL },
        { "a:1", EINVAL }, { NULL, EINVAL } };
    struct config_network two[2] = { { .pointer = "/networks/0", .name = "lo" },
        { .pointer = "/networks/1", .name = "lo" } };
    struct lc_config config = { .networks = two, .n_networks = 1 };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        two[0].name = rows[i].name;
        expect_error(&config, rows[i].errnum, "/networks/0/name", "1 to 15 bytes");
    }
    two[0].name = "lo";
    config.n_networks = 2;
    expect_error(&config, EEXIST, "/networks/1/name", "/networks/0 has that name already");
}

static void check_gateways(void **state)
{
    static const struct {
        const char *address, *gateway, *link_route;
        uint8_t prefix;
        int errnum;
    } rows[] = {
        { "10.0.0.5", "10.0.0.1", NULL, 24, 0 },
        { "10.0.0.5", "10.0.1.1", NULL, 24, ENETUNREACH },
        { "10.0.0.5", "10.0.1.1", NULL, 23, 0 },
        { "10.0.0.5", "fd00::1", NULL, 0, ENETUNREACH },
        { "fd00::5", "fd00::1", NULL, 64, 0 },
        { "fd00::5", "fe80::1", NULL, 64, 0 }, /* link-local is always on the link */
        { "10.0.0.5", "169.254.1.1", NULL, 32, ENETUNREACH },
        { "10.0.0.5", "169.254.1.1", "169.254.1.1", 32, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct config_address own = address(rows[i].address, rows[i].prefix);
        struct config_address gateway = address(rows[i].gateway, 0);
        struct config_route route = { .pointer = "/networks/0/routes/0" };
        struct config_network network = {
            .pointer = "/networks/0", .name = "lo", .addresses = &own, .n_addresses = 1
        };
        struct lc_config config = { .networks = &network, .n_networks = 1 };

        network.gateways = &gateway;
        network.n_gateways = 1;
        if (rows[i].link_route != NULL) {
            route.destination = address(rows[i].link_route, 32);
            network.routes = &route;
            network.n_routes = 1;
        }
        expect_error(&config, rows[i].errnum, "/networks/0/gateway", rows[i].gateway);
        if (rows[i].link_route != NULL)
            continue;
        /* The same as a route of its own. */
        route = (struct config_route){
            .pointer = "/networks/0/routes/0", .is_default = true, .has_gateway = true
        };
        route.gateway = gateway;
        route.destination.family = gateway.family;
        network.routes = &route;
        network.n_routes = 1;
        network.n_gateways = 0;
        expect_error(&config, rows[i].errnum, "/networks/0/routes/0", rows[i].gateway);
    }
}

static void check_netns(void **state)
{
    static const struct {
        const char *path;
        int errnum;
        const char *words;
    } rows[] = {
        { "/proc/self/ns/net", 0, "" },
        { NULL, EINVAL, "missing" },
        { "/proc/self/ns/uts", EINVAL, "not a network namespace" },
        { "/dev/null", EINVAL, "not a namespace" },
        { "/proc/self/ns/nothing", ENOENT, "open /proc/self/ns/nothing" },
    };
    struct config_network two[2] = { { .pointer = "/networks/0", .type = NETWORK_NETNS },
        { .pointer = "/networks/1", .type = NETWORK_NETNS, .nspath = "/proc/self/ns/net" } };
    struct lc_config config = { .networks = two, .n_networks = 1 };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        two[0].nspath = rows[i].path;
        expect_error(&config, rows[i].errnum, "/networks/0/context/nspath", rows[i].words);
    }
    two[0].nspath = "/proc/self/ns/net";
    two[0].mtu = (struct config_number)NUMBER(1400);
    expect_error(&config, EINVAL, "/networks/0", "left as it is");
    two[0].mtu.set = false;
    config.n_networks = 2;
    expect_error(&config, EINVAL, "/networks/1", "only one");
}

static void check_bridges(void **state)
{
    struct config_network network = { .pointer = "/networks/0", .type = NETWORK_VETH, .name = "eth0" };
    struct lc_config config = { .networks = &network, .n_networks = 1 };

    (void)state;
    expect_error(&config, EINVAL, "/networks/0/context/bridge", "needs the name of a bridge");
    network.bridge = "lc-no-such-0";
    expect_error(&config, ENODEV, "/networks/0/context/bridge",
            "Hint: ip link add lc-no-such-0 type bridge && ip link set lc-no-such-0 up, or \"create\": "
            "\"true\" in "
            "the context");
    network.create_bridge = true;
    expect_error(&config, 0, NULL, NULL);
    network.prefix = "twelve-bytes";
    expect_error(&config, EINVAL, "/networks/0/context/prefix", "1 to 11 bytes");
    network.prefix = NULL;
    network.bridge = "lo";
    expect_error(&config, ENOTSUP, "/networks/0/context/bridge", "this link is no bridge but a network card");
}

static void plan_names(void **state)
{
    struct config_network two[] = {
        { .pointer = "/networks/0", .type = NETWORK_VETH, .prefix = "elevenbytes" },
        { .pointer = "/networks/1", .type = NETWORK_LOOPBACK },
        { .pointer = "/networks/2", .type = NETWORK_VETH }
    };
    struct lc_config config = { .networks = two, .n_networks = ARRAY_SIZE(two) };
    struct network_link links[ARRAY_SIZE(two)];
    struct lc_error *err = NULL;

    (void)state;
    assert_int_equal(network_plan(&config, links, NULL), 0);
    assert_int_equal(strlen(links[0].host_name), 15);
    assert_memory_equal(links[0].host_name, "elevenbytes", 11);
    assert_string_equal(links[1].host_name, "");
    assert_int_equal(strlen(links[2].host_name), 12);
    assert_memory_equal(links[2].host_name, "veth", 4);
    assert_int_equal(strspn(links[2].host_name + 4, "0123456789abcdef"), 8);
    two[0].prefix = "twelve-bytes";
    assert_int_equal(network_plan(&config, links, &err), -ENAMETOOLONG);
    assert_string_equal(error_site(err)->pointer, "/networks/0/context/prefix");
    error_free(err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loopback),
        cmocka_unit_test(veth_addresses),
        cmocka_unit_test(routes),
        cmocka_unit_test(check_names),
        cmocka_unit_test(check_gateways),
        cmocka_unit_test(check_netns),
        cmocka_unit_test(check_bridges),
        cmocka_unit_test(plan_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
