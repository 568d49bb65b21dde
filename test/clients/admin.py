#!/usr/bin/env python3
"""The admin port as PyMySQL sees it: python3 admin.py PORT. Ends with an exception when something is amiss."""
import sys

import pymysql

port = int(sys.argv[1])
options = dict(host="127.0.0.1", port=port, user="admin", password="admin-pw")

connection = pymysql.connect(database="ackgate", charset="utf8mb4", **options)
assert connection.get_server_info().startswith("8."), connection.get_server_info()
with connection.cursor(pymysql.cursors.DictCursor) as cursor:
    cursor.execute("SELECT name, role, lag_bytes, ack_ms_p50 FROM replicas WHERE name = %s", ("r1",))
    (replica,) = cursor.fetchall()
    assert replica["role"] == "voter" and replica["lag_bytes"] == 0, replica
    assert isinstance(replica["ack_ms_p50"], float), replica
    cursor.execute("SHOW TABLES")
    assert len(cursor.fetchall()) == 10
    cursor.execute("SELECT %s AS a, %s AS b, %s AS c", ("it's", None, 7))
    assert cursor.fetchall() == [{"a": "it's", "b": None, "c": 7}]
    cursor.execute("SHOW STATUS LIKE 'Ackgate_source_state'")
    assert cursor.fetchone()["Value"] == "open"
    cursor.execute("SET app.commit_wait = %s", ("10s",))
    cursor.execute("SELECT value, source FROM variables WHERE name = 'app.commit_wait'")
    assert cursor.fetchone() == {"value": "10s", "source": "runtime"}
    cursor.execute("SELECT * FROM waiting")
    assert cursor.fetchall() == () and len(cursor.description) == 7
    try:
        cursor.execute("SELEKT 1")
    except pymysql.err.ProgrammingError as error:
        assert error.args[0] == 1064 and "HELP" in error.args[1], error
    else:
        raise AssertionError("SELEKT 1 is understood")
connection.ping(reconnect=False)
connection.select_db("ackgate")
connection.commit()
connection.rollback()
connection.autocommit(True)
connection.close()

try:
    pymysql.connect(**dict(options, password="wrong"))
except pymysql.err.OperationalError as error:
    assert error.args[0] == 1045, error
else:
    raise AssertionError("a wrong password is taken")
