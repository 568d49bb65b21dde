/* What a login carries beside the account: connection attributes, schema, character set and the id arrive at
 * the source as if there were nothing between. The source's performance schema shows them. */
#include <check.h>
#include <mysql.h>
#include <stdio.h>
#include <string.h>

#include "test/lib/certificate.h"
#include "test/lib/place.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"

enum { LONG_VALUE = 20000 };

struct scene {
    struct topology *t;
    char certificates[108];
};

static struct scene start(enum family family)
{
    struct scene scene;

    place_make_dir("certificates", scene.certificates, sizeof scene.certificates);
    certificate_make_usual(scene.certificates);
    const char *options[] = {"--performance-schema=ON",
                             "--performance-schema-session-connect-attrs-size=65536", NULL};
    scene.t = topology_start_with(&(struct topology_options){.family = family,
                                                             .rule = "ANY 1 (r1)",
                                                             .replicas = 1,
                                                             .source_options = options,
                                                             .certificates = scene.certificates,
                                                             .app_tls = "preferred"});
    sql_exec(gate_app(scene.t->gate), "CREATE DATABASE d");
    return scene;
}

/* attribute: a value of its own that long. */
static MYSQL *log_in(struct scene *scene, uint16_t port, size_t attribute, bool with_tls, bool compress)
{
    static char value[LONG_VALUE + 1];
    MYSQL *client = mysql_init(NULL);
    my_bool on = 1, off = 0;

    memset(value, 'v', attribute);
    value[attribute] = '\0';
    mysql_options4(client, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "ä test");
    mysql_options4(client, MYSQL_OPT_CONNECT_ATTR_ADD, "long", value);
    mysql_options(client, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_options(client, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, with_tls ? &on : &off);
    if (with_tls)
        mysql_ssl_set(client, NULL, NULL, place_format("%s/ca.pem", scene->certificates), NULL, NULL);
    if (compress)
        mysql_options(client, MYSQL_OPT_COMPRESS, NULL);
    ck_assert_msg(mysql_real_connect(client, "127.0.0.1", "app", "app-pw", "d", port, NULL, 0) != NULL, "%s",
                  mysql_error(client));
    return client;
}

/* What the source knows of it; without what is the connection's own. */
static const char *attributes_of(struct scene *scene, MYSQL *client)
{
    return sql_text(server_admin(scene->t->source),
                    "SELECT attr_name, LENGTH(attr_value), HEX(LEFT(attr_value, 30)) FROM "
                    "performance_schema.session_connect_attrs WHERE processlist_id = %lu AND attr_name <> "
                    "'_server_host' ORDER BY attr_name",
                    mysql_thread_id(client));
}

static void assert_value(MYSQL *client, const char *query, const char *expected)
{
    ck_assert_msg(mysql_query(client, query) == 0, "%s", mysql_error(client));
    MYSQL_RES *result = mysql_store_result(client);
    ck_assert_str_eq(mysql_fetch_row(result)[0], expected);
    mysql_free_result(result);
}

static void check_login(struct scene *scene, size_t attribute, bool with_tls, bool compress)
{
    MYSQL *direct = log_in(scene, scene->t->source->port, attribute, false, false);
    MYSQL *through = log_in(scene, scene->t->gate->app_port, attribute, with_tls, compress);
    const char *expected = attributes_of(scene, direct);

    ck_assert_ptr_nonnull(strstr(expected, "program_name\t7\t"));
    ck_assert_ptr_nonnull(strstr(expected, "long\t"));
    ck_assert_str_eq(attributes_of(scene, through), expected);
    assert_value(through, "SELECT CONNECTION_ID()", place_format("%lu", mysql_thread_id(through)));
    assert_value(through, "SELECT CONCAT(DATABASE(), ' ', @@character_set_client)", "d utf8mb4");
    mysql_close(direct);
    mysql_close(through);
}

START_TEST(a_login_carries_everything)
{
    struct scene scene = start(TEST_FAMILY);

    for (int i = 0; i < 4; i++) {
        check_login(&scene, 10, i & 1, i & 2);
        check_login(&scene, LONG_VALUE, i & 1, i & 2);
    }
}
END_TEST

/* COM_CHANGE_USER brings them anew. */
START_TEST(change_of_the_user_carries_everything)
{
    struct scene scene = start(TEST_FAMILY);
    MYSQL *client = log_in(&scene, scene.t->gate->app_port, 10, false, false);
    const char *before = attributes_of(&scene, client);

    ck_assert_msg(mysql_change_user(client, "app", "app-pw", "d") == 0, "%s", mysql_error(client));
    ck_assert_str_eq(attributes_of(&scene, client), before);
    assert_value(client, "SELECT CONNECTION_ID()", place_format("%lu", mysql_thread_id(client)));
    mysql_close(client);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("attributes");

    e2e_add(suite, "login", a_login_carries_everything);
    e2e_add(suite, "change_user", change_of_the_user_carries_everything);
    return e2e_main(suite);
}
