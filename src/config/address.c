/* IP and MAC addresses. */
#include <config/reader.h>

#include <base/util.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

static int family_bits(int family)
{
    return family == AF_INET ? 32 : 128;
}

static bool parse_ip(const char *text, size_t length, struct config_address *ret)
{
    char copy[INET6_ADDRSTRLEN];

    if (length == 0 || length >= sizeof(copy))
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    ret->family = strchr(copy, ':') != NULL ? AF_INET6 : AF_INET;
    return inet_pton(ret->family, copy, ret->bytes) == 1;
}

/* Decimal without sign and leading zeros, so that no one reads it as octal. */
static bool parse_prefix(const char *text, int max, uint8_t *ret)
{
    int value = 0;
    size_t length = strlen(text);

    if (length == 0 || length > 3 || (length > 1 && *text == '0'))
        return false;
    for (; *text != '\0'; text++) {
        if (!isdigit((unsigned char)*text))
            return false;
        value = value * 10 + (*text - '0');
    }
    if (value > max)
        return false;
    *ret = (uint8_t)value;
    return true;
}

bool get_cidr(struct reader *reader, const struct node *node, struct config_address *ret)
{
    const char *text = json_string_value(node->json);
    size_t length = text != NULL ? strcspn(text, "/") : 0;
    struct config_address address = { 0 };

    if (text == NULL || !parse_ip(text, length, &address)) {
        complain_expected(reader, node, "an address with prefix length, like \"172.17.0.2/16\"");
    } else if (text[length] == '\0') {
        complain_hint(reader, node, "write it like \"172.17.0.2/16\"", "the prefix length is missing in %s",
                quote(reader, text));
    } else if (!parse_prefix(text + length + 1, family_bits(address.family), &address.prefix)) {
        complain(reader, node, "expected a prefix length from 0 to %d, found %s", family_bits(address.family),
                quote(reader, text));
    } else {
        address.text = keep(reader, text);
        *ret = address;
        return true;
    }
    return false;
}

bool get_address(struct reader *reader, const struct node *node, struct config_address *ret)
{
    const char *text = json_string_value(node->json);
    struct config_address address = { 0 };

    if (text == NULL || !parse_ip(text, strlen(text), &address)) {
        complain_expected(reader, node, "an IPv4 or IPv6 address without prefix length");
        return false;
    }
    address.prefix = (uint8_t)family_bits(address.family);
    address.text = keep(reader, text);
    *ret = address;
    return true;
}

static bool bit_at(const struct config_address *address, int bit)
{
    return address->bytes[bit / 8] >> (7 - bit % 8) & 1;
}

bool address_contains(const struct config_address *net, const struct config_address *address)
{
    if (net->family != address->family)
        return false;
    for (int i = 0; i < net->prefix; i++)
        if (bit_at(net, i) != bit_at(address, i))
            return false;
    return true;
}

bool address_has_host_bits(const struct config_address *net)
{
    for (int i = net->prefix; i < family_bits(net->family); i++)
        if (bit_at(net, i))
            return true;
    return false;
}

bool address_is_loopback(const struct config_address *address)
{
    static const uint8_t one[16] = { [15] = 1 };

    return address->family == AF_INET ? address->bytes[0] == 127 : memcmp(address->bytes, one, 16) == 0;
}

static int hex_digit(char c)
{
    if (!isxdigit((unsigned char)c))
        return -1;
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

static bool parse_mac(const char *text, uint8_t mac[6])
{
    static const uint8_t zero[6];

    if (strlen(text) != 17)
        return false;
    for (size_t i = 0; i < 6; i++) {
        int high = hex_digit(text[3 * i]), low = hex_digit(text[3 * i + 1]);

        if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != ':'))
            return false;
        mac[i] = (uint8_t)(high << 4 | low);
    }
    return (mac[0] & 1) == 0 && memcmp(mac, zero, 6) != 0; /* neither a group's nor nobody's */
}

void read_mac(struct reader *reader, const struct node *node, void *target)
{
    const char *text = json_string_value(node->json);
    struct config_network *network = target;

    network->has_mac = text != NULL && parse_mac(text, network->mac);
    if (!network->has_mac)
        complain_expected(reader, node, "a unicast MAC address, like \"02:42:ac:11:00:02\"");
}
