"""What the newcomer has already: a source and a replica with data, and an application that writes all the time."""
import os
import threading
import time

from machine import BUILD, wait_for

APP_PASSWORD = "app-secret"

MARIADB_SERVER = """
cat > /etc/mysql/mariadb.conf.d/60-existing.cnf <<END
[mariadbd]
server_id = {id}
bind-address = 0.0.0.0
log_bin = binlog
log_slave_updates = ON
sync_binlog = 1
innodb_flush_log_at_trx_commit = 1
innodb_buffer_pool_size = 32M
innodb_log_file_size = 16M
END
systemctl enable --now mariadb
mariadb -e "RESET MASTER; SET GLOBAL gtid_slave_pos = ''"
"""
MARIADB_REPLICATION = """
CHANGE MASTER TO MASTER_HOST = 'db1', MASTER_USER = 'repl', MASTER_PASSWORD = 'repl-secret', MASTER_USE_GTID = slave_pos;
START SLAVE;
"""

# MySQL is unpacked under /opt/mysql and runs through its own loader
MYSQL_SERVER = """
for program in sbin/mysqld bin/mysql bin/mysqldump; do
    printf '#!/bin/sh\\nexec /opt/mysql/lib64/ld-linux-x86-64.so.2 --library-path /opt/mysql/usr/lib/x86_64-linux-gnu %s "$@"\\n' \\
        /opt/mysql/usr/$program > /usr/local/$program
    chmod 755 /usr/local/$program
done
rm -rf /var/lib/mysql /etc/mysql/my.cnf
install -d -o mysql -g mysql -m 750 /var/lib/mysql
cat > /etc/mysql/my.cnf <<END
[mysqld]
datadir = /var/lib/mysql
socket = /run/mysqld/mysqld.sock
lc-messages-dir = /opt/mysql/usr/share/mysql
plugin-dir = /opt/mysql/usr/lib/mysql/plugin
character-sets-dir = /opt/mysql/usr/share/mysql/charsets
secure-file-priv =
mysqlx = OFF
server_id = {id}
log_bin = binlog
gtid_mode = ON
enforce_gtid_consistency = ON
sync_binlog = 1
innodb_flush_log_at_trx_commit = 1
innodb_buffer_pool_size = 32M
innodb_redo_log_capacity = 16M
performance_schema = OFF
[client]
socket = /run/mysqld/mysqld.sock
END
cat > /etc/systemd/system/mysql.service <<END
[Service]
Type=notify
User=mysql
RuntimeDirectory=mysqld
ExecStart=/usr/local/sbin/mysqld
Restart=on-failure
TimeoutSec=120
[Install]
WantedBy=multi-user.target
END
runuser -u mysql -- /usr/local/sbin/mysqld --initialize-insecure
systemctl daemon-reload
systemctl enable --now mysql
"""
MYSQL_REPLICATION = """
CHANGE REPLICATION SOURCE TO SOURCE_HOST = 'db1', SOURCE_USER = 'repl', SOURCE_PASSWORD = 'repl-secret',
  SOURCE_AUTO_POSITION = 1, SOURCE_SSL = 1;
START REPLICA;
"""
DATA = """
CREATE USER repl@'%' IDENTIFIED BY 'repl-secret';
GRANT REPLICATION SLAVE ON *.* TO repl@'%';
CREATE DATABASE shop;
CREATE TABLE shop.orders (id INT PRIMARY KEY);
CREATE USER app@'%' IDENTIFIED BY 'app-secret';
GRANT ALL ON shop.* TO app@'%';
INSERT INTO shop.orders VALUES (0);
"""


class Family:
    def __init__(self, name):
        is_mysql = name == "mysql"
        self.name = name
        self.title = "MySQL" if is_mysql else "MariaDB"
        self.client = "mysql" if is_mysql else "mariadb"
        self.no_tls = "--ssl-mode=DISABLED --get-server-public-key" if is_mysql else "--skip-ssl"
        self.unit = "mysql" if is_mysql else "mariadb"
        self.server = MYSQL_SERVER if is_mysql else MARIADB_SERVER
        self.replication = MYSQL_REPLICATION if is_mysql else MARIADB_REPLICATION
        self.stop_receiver = "STOP REPLICA IO_THREAD" if is_mysql else "STOP SLAVE IO_THREAD"
        self.start_receiver = "START REPLICA IO_THREAD" if is_mysql else "START SLAVE IO_THREAD"
        self.semi_sync = "rpl_semi_sync_source_enabled" if is_mysql else "rpl_semi_sync_master_enabled"
        mysql = os.path.realpath(BUILD + "/servers/mysql-9.7")
        self.binds = [f"--bind-ro={mysql}:/opt/mysql"] if is_mysql else []

    def sql(self, machine, text):
        return machine.run(f"{self.client} --batch --skip-column-names <<'ackgate-end'\n{text}\nackgate-end")

    def orders(self, machine):
        return {int(id) for id in self.sql(machine, "SELECT id FROM shop.orders").split()}


def set_up(family, source, replica, new):
    threads = [threading.Thread(target=machine.run, args=(family.server.format(id=number),))
               for number, machine in enumerate((source, replica, new), 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    family.sql(source, DATA)
    family.sql(replica, family.replication)
    wait_for("the existing replica", lambda: "shop" in family.sql(replica, "SHOW DATABASES").split()
             and "0" in family.sql(replica, "SELECT id FROM shop.orders").split())


class Application(threading.Thread):
    """One order after the other, each with a connection of its own; keeps book of those that it got an OK for."""

    def __init__(self, family, machine):
        super().__init__(daemon=True)
        self.family, self.machine = family, machine
        self.host, self.port = "db1", 3306
        self.confirmed = set()
        self.failures = []
        self.is_ended = False
        self.start()

    def run(self):
        number = 0
        while not self.is_ended:
            number += 1
            place = f"{self.host}:{self.port}"
            order = self.machine.run_anyhow(
                f"{self.family.client} {self.family.no_tls} --connect-timeout=20 -h {self.host} -P {self.port} "
                f"-u app -p{APP_PASSWORD} shop -e 'INSERT INTO orders VALUES ({number})'")
            if order.returncode == 0:
                self.confirmed.add(number)
            else:
                self.failures.append(f"order {number} at {place}: {order.stdout.strip()}")
            time.sleep(0.05)

    def move_to(self, host, port):
        self.host, self.port = host, port

    def wait_for_orders(self, count=5):
        before = len(self.confirmed)
        wait_for(f"{count} orders at {self.host}:{self.port}; {self.failures[-3:]}",
                 lambda: len(self.confirmed) >= before + count)

    def end(self):
        self.is_ended = True
        self.join()
