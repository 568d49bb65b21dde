/* Networks as 128 bits and a length: IPv4 stands in its mapped form (::ffff:0:0/96). */
#include "proxy/networks.h"

#include "protocol/reader.h"
#include "protocol/xalloc.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ADDRESS_BYTES = 16, ADDRESS_BITS = 128, MAPPED_BITS = 96, NETWORKS_MAX = 64, TEXT_MAX = 64 };

struct network {
    uint8_t address[ADDRESS_BYTES];
    unsigned bits; /* of it that count */
};

struct networks {
    size_t count;
    struct network list[NETWORKS_MAX];
};

static void map(const void *ipv4, uint8_t ret_address[ADDRESS_BYTES])
{
    memset(ret_address, 0, ADDRESS_BYTES);
    memset(ret_address + 10, 0xFF, 2);
    memcpy(ret_address + 12, ipv4, 4);
}

static bool is_bit_set(const uint8_t *address, unsigned bit)
{
    return (address[bit / 8] >> (7 - bit % 8) & 1) != 0;
}

static bool has_bits_behind(const struct network *network)
{
    for (unsigned bit = network->bits; bit < ADDRESS_BITS; bit++)
        if (is_bit_set(network->address, bit))
            return true;
    return false;
}

static bool parse_length(const char *text, unsigned most, unsigned *ret_length)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 3 || text[digits] != '\0')
        return false;
    *ret_length = (unsigned)strtoul(text, NULL, 10);
    return *ret_length <= most;
}

/* What is wrong with it, or NULL. */
static const char *parse_one(struct span text, struct network *ret_network)
{
    char copy[TEXT_MAX];
    uint8_t ipv4[4];
    if (span_copy_text(text, copy, sizeof(copy)) != RESULT_OK)
        return "is no network";
    char *slash = strchr(copy, '/');
    if (slash != NULL)
        *slash = '\0';
    bool is_ipv4 = inet_pton(AF_INET, copy, ipv4) == 1;
    if (is_ipv4)
        map(ipv4, ret_network->address);
    else if (inet_pton(AF_INET6, copy, ret_network->address) != 1)
        return "is no network like 10.0.0.0/8, fd00::/8 or 192.0.2.7";
    unsigned first = is_ipv4 ? MAPPED_BITS : 0;
    unsigned length = ADDRESS_BITS - first;
    if (slash != NULL && !parse_length(slash + 1, ADDRESS_BITS - first, &length))
        return is_ipv4 ? "needs a length from 0 to 32" : "needs a length from 0 to 128";
    ret_network->bits = first + length;
    return has_bits_behind(ret_network) ? "has bits set behind its length" : NULL;
}

/* The text up to the next comma, without blanks around it. */
static struct span next_part(const char **at)
{
    const char *start = *at + strspn(*at, " \t");
    size_t length = strcspn(start, ",");
    *at = start + length + (start[length] == ',');
    while (length > 0 && isspace((unsigned char)start[length - 1]))
        length--;
    return (struct span){(const uint8_t *)start, length};
}

enum result networks_parse(const char *text, struct networks **ret_networks, char *ret_error,
                           size_t error_max)
{
    struct networks networks = {.count = 0};
    const char *at = text;
    while (*at != '\0') {
        struct span part = next_part(&at);
        struct network network;
        if (part.length == 0)
            continue;
        const char *problem = networks.count == NETWORKS_MAX ? "is one too many" : parse_one(part, &network);
        if (problem != NULL) {
            snprintf(ret_error, error_max, "\"%.*s\" %s", (int)part.length, (const char *)part.data, problem);
            return RESULT_MALFORMED;
        }
        networks.list[networks.count++] = network;
    }
    *ret_networks = NULL;
    if (networks.count > 0) {
        *ret_networks = xmalloc(sizeof(networks));
        **ret_networks = networks;
    }
    return RESULT_OK;
}

void networks_free(struct networks **networks)
{
    free(*networks);
    *networks = NULL;
}

static bool is_in(const struct network *network, const uint8_t *address)
{
    unsigned bytes = network->bits / 8;
    if (memcmp(network->address, address, bytes) != 0)
        return false;
    for (unsigned bit = bytes * 8; bit < network->bits; bit++)
        if (is_bit_set(network->address, bit) != is_bit_set(address, bit))
            return false;
    return true;
}

bool networks_have(const struct networks *networks, const struct sockaddr *address)
{
    uint8_t bytes[ADDRESS_BYTES];
    if (networks == NULL)
        return false;
    if (address->sa_family == AF_INET)
        map(&((const struct sockaddr_in *)(const void *)address)->sin_addr, bytes);
    else if (address->sa_family == AF_INET6)
        memcpy(bytes, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, sizeof(bytes));
    else
        return false;
    for (size_t i = 0; i < networks->count; i++)
        if (is_in(&networks->list[i], bytes))
            return true;
    return false;
}

bool networks_have_peer(const struct networks *networks, int fd)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    return networks != NULL && getpeername(fd, (struct sockaddr *)&address, &length) == 0 &&
           networks_have(networks, (const struct sockaddr *)&address);
}
