/* layer: proxy */
/* Lists of networks: what may stand in one, and which addresses are in it. */
#include "proxy/networks.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

struct row {
    const char *networks;
    const char *address;
    bool is_in;
};

static const struct row rows[] = {
    {"10.0.0.0/8",           "10.0.0.0",        true },
    {"10.0.0.0/8",           "10.255.255.255",  true },
    {"10.0.0.0/8",           "11.0.0.0",        false},
    {"10.0.0.0/8",           "9.255.255.255",   false},
    {"10.0.0.0/8",           "::ffff:10.1.2.3", true },
    {"10.0.0.0/8",           "::10.1.2.3",      false},
    {"10.128.0.0/9",         "10.127.0.1",      false},
    {"10.128.0.0/9",         "10.128.0.1",      true },
    {"192.0.2.7",            "192.0.2.7",       true },
    {"192.0.2.7",            "192.0.2.6",       false},
    {"192.0.2.7/32",         "192.0.2.7",       true },
    {"0.0.0.0/0",            "255.1.2.3",       true },
    {"0.0.0.0/0",            "::1",             false},
    {"::/0",                 "::1",             true },
    {"::/0",                 "1.2.3.4",         true },
    {"::1/128",              "::1",             true },
    {"::1",                  "::2",             false},
    {"2001:db8::/33",        "2001:db8::1",     true },
    {"2001:db8::/33",        "2001:db8:8000::", false},
    {" 192.0.2.1 ,\t::1, ,", "::1",             true },
    {"192.0.2.1,192.0.2.3",  "192.0.2.3",       true },
    {"192.0.2.1,192.0.2.3",  "192.0.2.2",       false},
    {"::ffff:192.0.2.0/120", "192.0.2.200",     true },
};

static struct networks *parse(const char *text)
{
    struct networks *networks;
    char error[200] = "";
    ck_assert_msg(networks_parse(text, &networks, error, sizeof error) == RESULT_OK, "%s: %s", text, error);
    return networks;
}

START_TEST(addresses_are_in_or_not)
{
    const struct row *row = &rows[_i];
    struct networks *networks = parse(row->networks);
    struct sockaddr_in ipv4 = {.sin_family = AF_INET};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};
    struct sockaddr *address = (struct sockaddr *)&ipv4;
    if (inet_pton(AF_INET, row->address, &ipv4.sin_addr) != 1) {
        address = (struct sockaddr *)&ipv6;
        ck_assert_int_eq(inet_pton(AF_INET6, row->address, &ipv6.sin6_addr), 1);
    }
    ck_assert_int_eq(networks_have(networks, address), row->is_in);
    networks_free(&networks);
    ck_assert_ptr_null(networks);
}
END_TEST

static const char *const bad[] = {
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "10.0.0.0/-1",
    "10.0.0.0/ 8",
    "10.0.0.1/8",
    "::1/127",
    "::/129",
    "10.0.0",
    "localhost",
    "*",
    "10.0.0.0/8 ::1",
    "1111111111111111111111111111111111111111111111111111111111111111111111111111",
};

START_TEST(others_are_no_networks)
{
    struct networks *networks = (struct networks *)&networks;
    char error[200] = "";
    ck_assert_int_eq(networks_parse(bad[_i], &networks, error, sizeof error), RESULT_MALFORMED);
    ck_assert_ptr_eq(networks, &networks);
    ck_assert_msg(error[1] == bad[_i][0], "%s", error);
}
END_TEST

START_TEST(nobody_is_in_none)
{
    struct networks *networks = parse(" ");
    int pair[2];
    ck_assert_ptr_null(networks);
    ck_assert(!networks_have(networks, (struct sockaddr *)&(struct sockaddr_in){.sin_family = AF_INET}));
    networks = parse("0.0.0.0/0, ::/0");
    ck_assert(!networks_have(networks, (struct sockaddr *)&(struct sockaddr_un){.sun_family = AF_UNIX}));
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    ck_assert(!networks_have_peer(networks, pair[0]));
    networks_free(&networks);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("networks");
    TCase *tests = tcase_create("networks");
    tcase_add_loop_test(tests, addresses_are_in_or_not, 0, sizeof rows / sizeof rows[0]);
    tcase_add_loop_test(tests, others_are_no_networks, 0, sizeof bad / sizeof bad[0]);
    tcase_add_test(tests, nobody_is_in_none);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
