/* The namespaces of network.h, by ip, nft and tc. */
#include "test/torture/network.h"

#include <check.h>
#include <stdio.h>
#include <unistd.h>

#include "protocol/xalloc.h"
#include "test/lib/netns.h"
#include "test/lib/place.h"
#include "test/lib/process.h"

enum { HOSTS_MAX = 8 };

struct network {
    int router;
    bool has_netem;
    struct host host[HOSTS_MAX];
    unsigned count;
};

/* Reachable to the end, for the leak checker. */
static struct network *last_network;

static bool try_in(int netns, const char *log, const char *script)
{
    netns_enter(netns);
    int code = process_run((const char *const[]){"sh", "-ec", script, NULL}, log);
    netns_leave();
    return code == 0;
}

static void run_in(int netns, const char *script)
{
    ck_assert_msg(try_in(netns, "/dev/stderr", script), "failed: %s", script);
}

/* The router, and whether everything that a host will need is here. */
static const char set_up_router[] =
    "ip link set lo up; echo 1 >/proc/sys/net/ipv4/ip_forward; nft add table inet links; "
    "tc qdisc add dev lo root tbf rate 1mbit burst 4kb latency 100ms; "
    "tc qdisc del dev lo root; ip link add name probe type veth peer name eborp; ip link del probe; "
    "nft add chain inet links probe; "
    "nft add rule inet links probe numgen random mod 100 \\< 1 drop; "
    "nft add rule inet links probe meta l4proto tcp reject with tcp reset; "
    "nft delete chain inet links probe";

struct network *network_new(void)
{
    struct network *network = last_network = xcalloc(1, sizeof *network);

    network->router = geteuid() == 0 ? netns_new() : -1;
    if (network->router < 0 || !try_in(network->router, "/dev/null", set_up_router))
        return NULL;
    network->has_netem = try_in(network->router, "/dev/null",
                                "tc qdisc add dev lo root netem delay 1ms; tc qdisc del dev lo root");
    return network;
}

bool network_can(const struct network *network, enum trouble trouble)
{
    return trouble != TROUBLE_LATE || network->has_netem;
}

/* At the router the interface has the host's name; at the host it is eth0. */
struct host *network_add_host(struct network *network, const char *name)
{
    ck_assert_uint_lt(network->count, HOSTS_MAX);
    struct host *host = &network->host[network->count++];

    host->network = network;
    host->netns = netns_new();
    ck_assert_int_ge(host->netns, 0);
    (void)snprintf(host->name, sizeof host->name, "%s", name);
    (void)snprintf(host->address, sizeof host->address, "10.77.%u.2", network->count);
    run_in(network->router,
           place_format(
               "ip link add name %s type veth peer name eth0 netns /proc/%d/fd/%d; ip addr add 10.77.%u.1/24 "
               "dev %s; "
               "ip link set %s up; nft add chain inet links %s { type filter hook forward priority 0 \\; }",
               name, (int)getpid(), host->netns, network->count, name, name, name));
    run_in(host->netns, place_format("ip link set lo up; ip addr add %s/24 dev eth0; ip link set eth0 up; "
                                     "ip route add default via 10.77.%u.1",
                                     host->address, network->count));
    return host;
}

/* ---- trouble ---- */

/* What the router does with packets from the host ("iifname") or to it ("oifname"). */
static void add_rule(struct host *host, const char *direction, const char *verdict)
{
    run_in(host->network->router,
           place_format("nft add rule inet links %s %s %s %s", host->name, direction, host->name, verdict));
}

static void add_rules(struct host *host, const char *verdict)
{
    add_rule(host, "iifname", verdict);
    add_rule(host, "oifname", verdict);
}

/* A queue for what goes to the host, and one for what comes from it. */
static void add_queues(struct host *host, const char *kind)
{
    run_in(host->network->router, place_format("tc qdisc add dev %s root %s", host->name, kind));
    run_in(host->netns, place_format("tc qdisc add dev eth0 root %s", kind));
}

void host_trouble(struct host *host, enum trouble trouble, unsigned strength)
{
    switch (trouble) {
    case TROUBLE_CUT:
        run_in(host->network->router, place_format("ip link set %s down", host->name));
        return;
    case TROUBLE_RESET:
        add_rules(host, "meta l4proto tcp reject with tcp reset");
        return;
    case TROUBLE_SILENT:
        add_rules(host, "drop");
        return;
    case TROUBLE_DEAF:
        add_rule(host, "oifname", "drop");
        return;
    case TROUBLE_MUTE:
        add_rule(host, "iifname", "drop");
        return;
    case TROUBLE_LOSSY:
        add_rules(host, place_format("numgen random mod 100 \\< %u drop", 2 + strength / 3));
        return;
    case TROUBLE_SLOW:
        add_queues(host, place_format("tbf rate %ukbit burst 4kb latency 300ms", 1000 - 9 * strength));
        return;
    case TROUBLE_LATE:
        add_queues(host,
                   place_format("netem delay %ums %ums reorder 25%%", 2 + strength / 2, 1 + strength / 4));
        return;
    case TROUBLES:
        break;
    }
    ck_abort_msg("no such trouble");
}

void host_mend(struct host *host)
{
    run_in(
        host->network->router,
        place_format(
            "ip link set %s up; nft flush chain inet links %s; tc qdisc del dev %s root 2>/dev/null || true",
            host->name, host->name, host->name));
    run_in(host->netns, "tc qdisc del dev eth0 root 2>/dev/null || true");
}
