/* See scene.h. */
#include "test/lib/scene.h"

#include <check.h>

#include "test/lib/sql.h"

struct scene *scene_start(enum family family)
{
    static const char *const lines[] = {"app", "auth_timeout = 2s", NULL};
    const struct topology_options options = {
        .family = family, .rule = "ANY 1 (r1)", .replicas = 1, .gate_lines = lines};
    static struct scene scene;
    struct gate *gate;

    scene.t = topology_start_with(&options);
    gate = scene.t->gate;
    scene.ports[SCENE_APP] = (struct scene_port){"app", gate->app_port, "app", "app-pw", "SELECT 1"};
    scene.ports[SCENE_REPLICATION] = (struct scene_port){"replication", gate->replication_port, "repl",
                                                         "repl-pw", "SELECT UNIX_TIMESTAMP()"};
    scene.ports[SCENE_ADMIN] =
        (struct scene_port){"admin", gate->admin_port, "admin", "admin-pw", "SHOW STATUS"};
    scene.pid = gate->pid;
    scene.bystander = gate_app(gate);
    sql_exec(scene.bystander,
             "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY AUTO_INCREMENT, v INT); "
             "BEGIN; INSERT INTO d.t (v) VALUES (1)");
    return &scene;
}

void scene_check_unharmed(struct scene *scene, const char *after)
{
    ck_assert_msg(gate_is_running(scene->t->gate), "ackgate has ended after: %s", after);
    ck_assert_msg(sql_try(scene->bystander, "SELECT COUNT(*) FROM d.t") == 0, "after %s: %s", after,
                  sql_error(scene->bystander));
}

void scene_log_in(const struct scene_port *port, struct raw_client *client)
{
    raw_open(client, port->number);
    raw_login(client, port->user, port->password, 0, 0);
}

void scene_end(struct scene *scene)
{
    ck_assert_int_eq(scene->t->gate->pid, scene->pid);
    sql_exec(scene->bystander, "COMMIT");
    for (size_t i = 0; i < SCENE_PORTS; i++) {
        struct raw_client client;
        scene_log_in(&scene->ports[i], &client);
        ck_assert_uint_eq(raw_query(&client, scene->ports[i].query), 0);
        raw_close(&client);
    }
    topology_assert_same_data(scene->t);
    sql_close(scene->bystander);
    gate_stop(scene->t->gate); /* the leak checker has its say */
}
