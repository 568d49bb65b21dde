#!/usr/bin/env python3
"""PyMySQL through the app port: app.py PORT CA ("" in the clear). Ends with an exception when something is amiss."""
import sys
import tempfile

import pymysql
from pymysql.constants import CLIENT

port, ca = int(sys.argv[1]), sys.argv[2]
options = dict(host="127.0.0.1", port=port, user="app", password="app-pw", charset="utf8mb4", local_infile=True,
               client_flag=CLIENT.MULTI_STATEMENTS)
if ca:
    options["ssl"] = {"ca": ca}
TEXT = "ä € 😀 'quoted' \\ \0 end"
BLOB = bytes(range(256)) * 80000  # more than a packet holds


def fails(number, function, *arguments):
    try:
        function(*arguments)
    except pymysql.err.MySQLError as error:
        assert error.args[0] == number, error
    else:
        raise AssertionError(f"{arguments} succeeds")


connection = pymysql.connect(**options)
cursor = connection.cursor()
cursor.execute("SHOW STATUS LIKE 'Ssl_cipher'")
assert bool(cursor.fetchone()[1]) == bool(ca)
cursor.execute("SELECT CONNECTION_ID()")
assert cursor.fetchone()[0] == connection.thread_id()

cursor.execute("DROP DATABASE IF EXISTS py; CREATE DATABASE py CHARACTER SET utf8mb4")
connection.select_db("py")
cursor.execute("CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, s TEXT, b LONGBLOB, d DECIMAL(20,5), w DATETIME(6))")
cursor.execute("INSERT INTO t (s, b, d, w) VALUES (%s, %s, %s, %s)", (TEXT, BLOB, "-12345.67890", "2024-02-29 01:02:03.000004"))
assert cursor.lastrowid == 1 and cursor.rowcount == 1
connection.commit()
cursor.execute("SELECT s, b, d, w FROM t")
text, blob, number, when = cursor.fetchone()
assert text == TEXT and blob == BLOB and str(number) == "-12345.67890" and when.microsecond == 4

assert cursor.executemany("INSERT INTO t (s) VALUES (%s)", [(f"row {i}",) for i in range(5000)]) == 5000
connection.rollback()
cursor.execute("SELECT COUNT(*) FROM t")
assert cursor.fetchone() == (1,)
cursor.executemany("INSERT INTO t (s) VALUES (%s)", [(f"row {i}",) for i in range(5000)])
connection.commit()
with connection.cursor(pymysql.cursors.SSCursor) as stream:
    stream.execute("SELECT s FROM t WHERE id > 1 ORDER BY id")
    assert sum(1 for _ in stream) == 5000

cursor.execute("CREATE PROCEDURE p(a INT) BEGIN SELECT a; SELECT a + 1, NULL; UPDATE t SET d = a WHERE id = 1; END")
cursor.callproc("p", (41,))
assert cursor.fetchall() == ((41,),) and cursor.nextset() and cursor.fetchall() == ((42, None),)
while cursor.nextset():
    pass
connection.commit()
cursor.execute("SELECT 1; DO 1; SELECT 'two'")
assert cursor.fetchone() == (1,) and cursor.nextset() and cursor.nextset() and cursor.fetchone() == ("two",)

fails(1064, cursor.execute, "SELEKT 1")
fails(1062, cursor.execute, "INSERT INTO t (id) VALUES (1)")
fails(1146, cursor.execute, "SELECT * FROM nothing")
cursor.execute("SELECT 1/0")
assert connection.show_warnings()[0][1] == 1365
with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
    file.write("".join(f"{i}\tline {i}\n" for i in range(100000)))
    file.flush()
    cursor.execute("CREATE TABLE u (id INT PRIMARY KEY, s VARCHAR(20))")
    assert cursor.execute("LOAD DATA LOCAL INFILE %s INTO TABLE u", (file.name,)) == 100000
connection.commit()
fails(1045, lambda: pymysql.connect(**dict(options, password="wrong")))
connection.ping(reconnect=False)

# A session that another one ends.
other = pymysql.connect(**options)
other.cursor().execute("KILL %s", (connection.thread_id(),))
fails(2013, cursor.execute, "SELECT SLEEP(10)")
other.close()
