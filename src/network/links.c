/* Links of the host, over rtnetlink. */
#include "strategy.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define REPLY_SIZE 8192

int network_request(struct network_host *host, struct netlink_message *request)
{
    host->text[0] = '\0';
    if (request->failed)
        return -EMSGSIZE;
    return netlink_request(host->fd, &request->header, NULL, NULL, host->text, sizeof(host->text));
}

/* A text attribute may lack its NUL. */
static void copy_kind(const void *text, size_t length, char *ret, size_t size)
{
    if (length >= size)
        length = size - 1;
    memcpy(ret, text, length);
    ret[length] = '\0';
}

int network_link_info(struct network_host *host, const char *name, struct network_link_info *ret)
{
    char reply[REPLY_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
    struct network_link_info info = { 0 };
    struct netlink_message request;
    struct ifinfomsg body;
    const char *attributes = reply + NLMSG_LENGTH(sizeof(body));
    size_t length = sizeof(reply), size;
    const void *found;
    int r;

    (void)netlink_begin(&request, RTM_GETLINK, 0, sizeof(body));
    netlink_attr_string(&request, IFLA_IFNAME, name);
    if (request.failed)
        return -ENAMETOOLONG;
    r = netlink_request(host->fd, &request.header, reply, &length, host->text, sizeof(host->text));
    if (r < 0)
        return r;
    if (length < NLMSG_LENGTH(sizeof(body)))
        return -EBADMSG;
    memcpy(&body, reply + NLMSG_HDRLEN, sizeof(body));
    info.index = body.ifi_index;
    info.flags = body.ifi_flags;
    found = netlink_find(attributes, length - NLMSG_LENGTH(sizeof(body)), IFLA_LINKINFO, &size);
    if (found != NULL)
        found = netlink_find(found, size, IFLA_INFO_KIND, &size);
    if (found != NULL)
        copy_kind(found, size, info.kind, sizeof(info.kind));
    *ret = info;
    return 0;
}

int network_link_remove(struct network_host *host, int index)
{
    struct netlink_message request;
    struct ifinfomsg *body;
    int r;

    body = netlink_begin(&request, RTM_DELLINK, 0, sizeof(*body));
    body->ifi_index = index;
    r = network_request(host, &request);
    return r == -ENODEV ? 0 : r;
}

int network_link_has_ports(struct network_host *host, int index)
{
    char reply[REPLY_SIZE];
    struct netlink_message request;
    size_t length = sizeof(reply);
    int r;

    (void)netlink_begin(&request, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
    netlink_attr_u32(&request, IFLA_MASTER, (uint32_t)index);
    r = netlink_request(host->fd, &request.header, reply, &length, host->text, sizeof(host->text));
    return r < 0 ? r : length > 0;
}

struct rtattr *network_link_kind(struct netlink_message *message, const char *kind, struct rtattr **ret_data)
{
    struct rtattr *info = netlink_nest(message, IFLA_LINKINFO);

    netlink_attr_string(message, IFLA_INFO_KIND, kind);
    *ret_data = netlink_nest(message, IFLA_INFO_DATA);
    return info;
}
