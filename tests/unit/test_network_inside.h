/* What test_network_host.c looks at from inside the container. It runs in a forked child: the first thing
 * that is wrong ends it, with a line on stderr. */
#ifndef TEST_NETWORK_INSIDE_H
#define TEST_NETWORK_INSIDE_H

#include <network/network.h>

#include <lcsys/netlink.h>

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define MTU 1400
#define QUEUE 321

#define MUST(condition)                                                                                      \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            (void)fprintf(stderr, "inside: line %d: %s (errno %d)\n", __LINE__, #condition, errno);          \
            _exit(1);                                                                                        \
        }                                                                                                    \
    } while (0)

static struct config_address address(const char *text, uint8_t prefix)
{
    struct config_address result = { .prefix = prefix, .text = text };

    result.family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
    MUST(inet_pton(result.family, text, result.bytes) == 1);
    return result;
}

static void send_messages(const struct config_network *network)
{
    struct buffer messages = { 0 };
    int fd = netlink_open(), index = netlink_link_index(fd, network->name);

    MUST(index > 0);
    MUST(network_inside_messages(network, &messages) == 0);
    for (size_t at = 0; at < messages.length;) {
        struct nlmsghdr *message = (struct nlmsghdr *)(messages.data + at);
        char text[200];
        int r;

        MUST(netlink_set_index(message, messages.length - at, (uint32_t)index) == 0);
        r = netlink_request(fd, message, NULL, NULL, text, sizeof(text));
        if (r < 0)
            (void)fprintf(stderr, "message of type %d: %s: %s\n", message->nlmsg_type, strerror(-r), text);
        MUST(r == 0);
        at += message->nlmsg_len;
    }
    buffer_done(&messages);
    (void)close(fd);
}

static bool has_address(const char *name, const struct config_address *wanted)
{
    struct ifaddrs *list;
    bool found = false;

    MUST(getifaddrs(&list) == 0);
    for (struct ifaddrs *at = list; at != NULL; at = at->ifa_next) {
        const void *bytes;

        if (at->ifa_addr == NULL || at->ifa_addr->sa_family != wanted->family ||
                strcmp(at->ifa_name, name) != 0)
            continue;
        bytes = wanted->family == AF_INET ? (void *)&((struct sockaddr_in *)at->ifa_addr)->sin_addr
                                          : (void *)&((struct sockaddr_in6 *)at->ifa_addr)->sin6_addr;
        found |= memcmp(bytes, wanted->bytes, wanted->family == AF_INET ? 4 : 16) == 0;
    }
    freeifaddrs(list);
    return found;
}

/* mtu, queue length, and flags of a link in the caller's namespace. */
static void link_numbers(const char *name, int *ret_mtu, int *ret_queue, int *ret_flags)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = { 0 };

    MUST(fd >= 0);
    memcpy(request.ifr_name, name, strlen(name) + 1);
    MUST(ioctl(fd, SIOCGIFMTU, &request) == 0);
    *ret_mtu = request.ifr_mtu;
    MUST(ioctl(fd, SIOCGIFTXQLEN, &request) == 0);
    *ret_queue = request.ifr_qlen;
    MUST(ioctl(fd, SIOCGIFFLAGS, &request) == 0);
    *ret_flags = request.ifr_flags;
    (void)close(fd);
}

static void check_mac(const struct config_network *network)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = { 0 };

    memcpy(request.ifr_name, network->name, strlen(network->name) + 1);
    MUST(ioctl(fd, SIOCGIFHWADDR, &request) == 0);
    MUST(memcmp(request.ifr_hwaddr.sa_data, network->mac, 6) == 0);
    (void)close(fd);
}

/* The route that the kernel picks: gateway and source of RTM_GETROUTE. */
static void check_route(const char *destination, const char *gateway)
{
    struct config_address to = address(destination, 32), via = address(gateway, 32);
    struct netlink_message request;
    char reply[1024];
    size_t length = sizeof(reply), size;
    struct rtmsg *body;
    const void *found;
    int fd = netlink_open();

    body = netlink_begin(&request, RTM_GETROUTE, 0, sizeof(*body));
    body->rtm_family = AF_INET;
    body->rtm_dst_len = 32;
    netlink_attr(&request, RTA_DST, to.bytes, 4);
    MUST(netlink_request(fd, &request.header, reply, &length, NULL, 0) == 0);
    found = netlink_find(
            reply + NLMSG_LENGTH(sizeof(*body)), length - NLMSG_LENGTH(sizeof(*body)), RTA_GATEWAY, &size);
    MUST(found != NULL && size == 4 && memcmp(found, via.bytes, 4) == 0);
    (void)close(fd);
}

static void ping_gateway(void)
{
    struct icmphdr echo = { .type = ICMP_ECHO, .un.echo.id = 0x1234 };
    struct sockaddr_in to = { .sin_family = AF_INET };
    struct timespec begin, end;
    int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
    char packet[256];
    bool answered = false;

    MUST(fd >= 0);
    MUST(inet_pton(AF_INET, "198.18.213.1", &to.sin_addr) == 1);
    {
        uint16_t words[sizeof(echo) / 2];
        uint32_t sum = 0;

        memcpy(words, &echo, sizeof(words));
        for (size_t i = 0; i < sizeof(echo) / 2; i++)
            sum += words[i];
        echo.checksum = (uint16_t) ~(sum + (sum >> 16));
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &begin);
    MUST(sendto(fd, &echo, sizeof(echo), 0, (struct sockaddr *)&to, sizeof(to)) == sizeof(echo));
    while (!answered && poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 3000) == 1) {
        ssize_t length = recv(fd, packet, sizeof(packet), 0);

        answered = length >= 28 && packet[20] == ICMP_ECHOREPLY;
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    MUST(answered);
    (void)printf("first echo after %ld us\n",
            (end.tv_sec - begin.tv_sec) * 1000000 + (end.tv_nsec - begin.tv_nsec) / 1000);
    (void)fflush(stdout);
    (void)close(fd);
}

/* The kernel tells the bridge of the carrier from a work queue, a moment after "up" was acknowledged. */
static void wait_running(const char *name)
{
    int mtu, queue, flags = 0;

    for (int i = 0; i < 2000 && (flags & IFF_RUNNING) == 0; i++) {
        link_numbers(name, &mtu, &queue, &flags);
        MUST((flags & IFF_UP) != 0);
        (void)usleep(i > 0 ? 1000 : 0);
    }
    MUST((flags & IFF_RUNNING) != 0);
}

/* Everything that is looked at in the container. */
static void inspect(const struct config_network *network)
{
    struct config_network lo = {
        .type = NETWORK_LOOPBACK, .name = "lo", .mtu = { .set = true, .value = 9000 }
    };
    struct config_address loopback = address("127.0.0.1", 8);
    int mtu, queue, flags, fd;

    lo.addresses = &loopback; /* there already, once lo is up: must not be an error */
    lo.n_addresses = 1;
    send_messages(&lo);
    link_numbers("lo", &mtu, &queue, &flags);
    MUST(mtu == 9000 && (flags & IFF_UP) != 0);
    link_numbers("eth0", &mtu, &queue, &flags);
    MUST(mtu == MTU && queue == QUEUE && (flags & IFF_UP) == 0);
    check_mac(network);
    send_messages(network);
    wait_running("eth0");
    MUST(has_address("eth0", &network->addresses[0]) && has_address("eth0", &network->addresses[1]));
    check_route("203.0.113.9", "198.18.213.1");
    check_route("198.19.5.5", "198.18.213.2");
    /* Usable at once: no duplicate address detection. */
    fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        struct sockaddr_in6 own = { .sin6_family = AF_INET6 };

        memcpy(&own.sin6_addr, network->addresses[1].bytes, 16);
        MUST(bind(fd, (struct sockaddr *)&own, sizeof(own)) == 0);
    }
    ping_gateway();
}

#endif
