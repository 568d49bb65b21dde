/* Configures and starts the programs of front.h. */
#include "test/bench/front.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/lib/janitor.h"
#include "test/lib/place.h"
#include "test/lib/process.h"
#include "test/lib/server_template.h"
#include "test/lib/wait.h"

static bool is_listening(void *argument)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(*(const uint16_t *)argument),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_there = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    (void)close(fd);
    return is_there;
}

static const char *new_dir(const char *name)
{
    char dir[108];
    place_make_dir(name, dir, sizeof(dir));
    return place_format("%s", dir);
}

static struct front start(const char *name, const char *dir, uint16_t port, const char *const *argv)
{
    struct front front = {.port = port};
    const char *log = place_format("%s/log", dir);
    janitor_show_log(name, log);
    front.pid = process_start(argv, log);
    wait_until(is_listening, &front.port, WAIT_SECONDS, place_format("%s to listen", name));
    return front;
}

struct front front_start_relay(uint16_t target)
{
    uint16_t port = place_free_port();
    return start("relay", new_dir("relay"), port,
                 (const char *const[]){place_format("%s/bench/relay", server_build_dir()),
                                       place_format("%u", port), place_format("%u", target), NULL});
}

struct front front_start_haproxy(uint16_t target)
{
    const char *dir = new_dir("haproxy");
    const char *config = place_format("%s/haproxy.cfg", dir);
    uint16_t port = place_free_port();
    place_write_file(config,
                     place_format("global\n  maxconn 1000\ndefaults\n  mode tcp\n  timeout connect 5s\n"
                                  "  timeout client 1h\n  timeout server 1h\nlisten source\n"
                                  "  bind 127.0.0.1:%u\n  server source 127.0.0.1:%u\n",
                                  port, target),
                     0644);
    return start("HAProxy", dir, port, (const char *const[]){"haproxy", "-db", "-f", config, NULL});
}

/* Both sides, or neither: what it receives is what it sends. */
static const char *router_tls(const char *certificates)
{
    if (certificates == NULL)
        return "client_ssl_mode=DISABLED\nserver_ssl_mode=DISABLED\n";
    return place_format("client_ssl_mode=REQUIRED\nserver_ssl_mode=REQUIRED\nserver_ssl_verify=DISABLED\n"
                        "client_ssl_cert=%s/server.pem\nclient_ssl_key=%s/server-key.pem\n",
                        certificates, certificates);
}

struct front front_start_router(uint16_t target, const char *certificates)
{
    const char *dir = new_dir("router");
    const char *config = place_format("%s/router.conf", dir);
    const char *unpacked = place_format("%s/servers/mysql-router-9.7", server_build_dir());
    uint16_t port = place_free_port();
    place_write_file(
        config,
        place_format("[DEFAULT]\nlogging_folder=\nruntime_folder=%s\ndata_folder=%s\n"
                     "config_folder=%s\nplugin_folder=%s/usr/lib/mysqlrouter/plugin\n"
                     "[logger]\nlevel=WARNING\n[routing:source]\nbind_address=127.0.0.1\n"
                     "bind_port=%u\ndestinations=127.0.0.1:%u\nrouting_strategy=first-available\n"
                     "protocol=classic\nconnect_timeout=60\nclient_connect_timeout=60\nmax_connect_errors="
                     "4294967295\n%s",
                     dir, dir, dir, unpacked, port, target, router_tls(certificates)),
        0600);
    return start("MySQL Router", dir, port,
                 (const char *const[]){
                     place_format("%s/usr/lib64/ld-linux-x86-64.so.2", unpacked), "--library-path",
                     place_format("%s/usr/lib/x86_64-linux-gnu:%s/usr/lib/mysql-router", unpacked, unpacked),
                     place_format("%s/usr/bin/mysqlrouter", unpacked), "-c", config, NULL});
}

void front_stop(struct front *front)
{
    if (front->pid > 0)
        process_kill(front->pid);
    front->pid = 0;
}
