/* All the ways in which a client can bring about a commit, and some that look like one: the rows that
 * test_gate.c goes through.
 *
 * `#` stands for the client's number: each has tables, procedures and users of its own. Table d.t# (id INT
 * PRIMARY KEY, v INT) exists and holds (1, 1). */
#ifndef ACKGATE_E2E_COMMIT_WAYS_H
#define ACKGATE_E2E_COMMIT_WAYS_H

#include <stdbool.h>

enum { ON_MYSQL = 1, ON_MARIADB = 2, ON_BOTH = 3 };

enum way_kind {
    WAY_QUERY,
    WAY_EXECUTE, /* COM_STMT_PREPARE before, COM_STMT_EXECUTE waits */
    WAY_CURSOR,  /* the same, asking for a cursor */
    WAY_LOAD,    /* the answer asks for a file, which has two lines */
};

struct commit_way {
    const char *name;
    const char *before; /* statements of the same session, NULL: none */
    const char *statement;
    unsigned oks; /* what it answers in the end */
    unsigned resultsets;
    unsigned families;
    enum way_kind kind;
    bool is_free;   /* changes nothing that a replica would get: must not wait */
    unsigned error; /* what it ends with */
    const char *after;
};

#define WAY(name, before, statement, oks, resultsets)                                                        \
    {                                                                                                        \
        name, before, statement, oks, resultsets, ON_BOTH, WAY_QUERY, false, 0, NULL                         \
    }
#define WAY_FREE(name, before, statement, oks, resultsets)                                                   \
    {                                                                                                        \
        name, before, statement, oks, resultsets, ON_BOTH, WAY_QUERY, true, 0, NULL                          \
    }
#define WAY_OF(families, name, before, statement, oks, resultsets)                                           \
    {                                                                                                        \
        name, before, statement, oks, resultsets, families, WAY_QUERY, false, 0, NULL                        \
    }
#define WAY_BY(kind, families, name, before, statement, oks, resultsets)                                     \
    {                                                                                                        \
        name, before, statement, oks, resultsets, families, kind, false, 0, NULL                             \
    }
#define WAY_THEN(name, before, statement, after)                                                             \
    {                                                                                                        \
        name, before, statement, 1, 0, ON_BOTH, WAY_QUERY, false, 0, after                                   \
    }

#define TWO_RESULTS                                                                                          \
    "CREATE PROCEDURE d.p#() BEGIN INSERT INTO d.t# VALUES (2, 2); SELECT 1; INSERT INTO d.t# VALUES (3, "   \
    "3); SELECT 2; END"
#define XA_OPEN     "XA START 'x#'; INSERT INTO d.t# VALUES (2, 2); XA END 'x#'"
#define XA_PREPARED XA_OPEN "; XA PREPARE 'x#'"
#define OPEN        "BEGIN; INSERT INTO d.t# VALUES (2, 2)"

static const struct commit_way commit_ways[] = {
    WAY("autocommit insert", NULL, "INSERT INTO d.t# VALUES (2, 2)", 1, 0),
    WAY("autocommit update", NULL, "UPDATE d.t# SET v = v + 1", 1, 0),
    WAY("autocommit delete", NULL, "DELETE FROM d.t#", 1, 0),
    WAY("replace", NULL, "REPLACE INTO d.t# VALUES (1, 7)", 1, 0),
    WAY("insert select", NULL, "INSERT INTO d.t# SELECT id + 1, v FROM d.t#", 1, 0),
    WAY("MyISAM insert", "CREATE TABLE d.my# (id INT) ENGINE=MyISAM", "INSERT INTO d.my# VALUES (1)", 1, 0),
    WAY_OF(ON_MARIADB, "MyISAM in a transaction that is rolled back",
           "CREATE TABLE d.my# (id INT) ENGINE=MyISAM; BEGIN; INSERT INTO d.t# VALUES (2, 2)",
           "INSERT INTO d.my# VALUES (1); ROLLBACK", 2, 0),
    WAY("COMMIT", OPEN, "COMMIT", 1, 0),
    WAY("COMMIT AND CHAIN", OPEN, "COMMIT AND CHAIN", 1, 0),
    WAY("COMMIT with autocommit off", "SET autocommit = 0; INSERT INTO d.t# VALUES (2, 2)", "COMMIT", 1, 0),
    WAY("implicit commit by BEGIN", OPEN, "BEGIN", 1, 0),
    WAY("implicit commit by START TRANSACTION", OPEN, "START TRANSACTION READ ONLY", 1, 0),
    WAY("implicit commit by DDL", OPEN, "CREATE TABLE d.x# (id INT)", 1, 0),
    WAY("implicit commit by failing DDL", OPEN, "DROP TABLE IF EXISTS d.none#", 1, 0),
    WAY("implicit commit by LOCK TABLES", OPEN, "LOCK TABLES d.t# READ", 1, 0),
    WAY("implicit commit by SET autocommit = 1", "SET autocommit = 0; INSERT INTO d.t# VALUES (2, 2)",
        "SET autocommit = 1", 1, 0),
    WAY("CREATE TABLE", NULL, "CREATE TABLE d.x# (id INT)", 1, 0),
    WAY("CREATE TABLE SELECT", NULL, "CREATE TABLE d.x# SELECT * FROM d.t#", 1, 0),
    WAY("ALTER TABLE", NULL, "ALTER TABLE d.t# ADD c INT", 1, 0),
    WAY("RENAME TABLE", NULL, "RENAME TABLE d.t# TO d.renamed#", 1, 0),
    WAY("TRUNCATE", NULL, "TRUNCATE d.t#", 1, 0),
    WAY("DROP TABLE", NULL, "DROP TABLE d.t#", 1, 0),
    WAY("CREATE DATABASE", NULL, "CREATE DATABASE e#", 1, 0),
    WAY("DROP DATABASE", "CREATE DATABASE e#", "DROP DATABASE e#", 1, 0),
    WAY("CREATE USER", NULL, "CREATE USER u#", 1, 0),
    WAY("GRANT", "CREATE USER u#", "GRANT SELECT ON d.* TO u#", 1, 0),
    WAY("CREATE PROCEDURE", NULL, TWO_RESULTS, 1, 0),
    WAY("ANALYZE TABLE", NULL, "ANALYZE TABLE d.t#", 0, 1),
    WAY("OPTIMIZE TABLE", NULL, "OPTIMIZE TABLE d.t#", 0, 1),
    WAY("FLUSH TABLES", NULL, "FLUSH TABLES d.t#", 1, 0),
    WAY("CALL", "CREATE PROCEDURE d.p#() INSERT INTO d.t# VALUES (2, 2)", "CALL d.p#()", 1, 0),
    WAY("CALL with two commits and two results", TWO_RESULTS, "CALL d.p#()", 1, 2),
    WAY("CALL that commits before its result",
        "CREATE PROCEDURE d.p#() BEGIN INSERT INTO d.t# VALUES (2, 2); SELECT 1; SELECT 2; END",
        "CALL d.p#()", 1, 2),
    WAY("function that writes",
        "CREATE FUNCTION d.f#() RETURNS INT DETERMINISTIC MODIFIES SQL DATA BEGIN INSERT INTO d.t# VALUES "
        "(2, "
        "2); RETURN 7; END",
        "SELECT d.f#()", 0, 1),
    WAY("multi-statement", NULL, "INSERT INTO d.t# VALUES (2, 2); UPDATE d.t# SET v = 0", 2, 0),
    WAY("multi-statement with results", NULL,
        "INSERT INTO d.t# VALUES (2, 2); SELECT 1; INSERT INTO d.t# VALUES (3, 3); SELECT 2", 2, 2),
    WAY("multi-statement transaction", NULL, OPEN "; SELECT 1; COMMIT; SELECT 2", 3, 2),
    {"multi-statement that fails after a commit", NULL, "INSERT INTO d.t# VALUES (2, 2); SELECT none", 1, 0,
                                                                                      ON_BOTH, WAY_QUERY, false, 1054, NULL},
    WAY_THEN("XA PREPARE", XA_OPEN, "XA PREPARE 'x#'", "XA ROLLBACK 'x#'"),
    WAY("XA COMMIT", XA_PREPARED, "XA COMMIT 'x#'", 1, 0),
    WAY("XA COMMIT ONE PHASE", XA_OPEN, "XA COMMIT 'x#' ONE PHASE", 1, 0),
    WAY("XA ROLLBACK of a prepared one", XA_PREPARED, "XA ROLLBACK 'x#'", 1, 0),
    WAY("EXECUTE", "PREPARE s FROM 'INSERT INTO d.t# VALUES (2, 2)'", "EXECUTE s", 1, 0),
    WAY("EXECUTE IMMEDIATE or prepared DDL", "PREPARE s FROM 'CREATE TABLE d.x# (id INT)'", "EXECUTE s", 1,
        0),
    WAY_BY(WAY_EXECUTE, ON_BOTH, "prepared INSERT", NULL, "INSERT INTO d.t# VALUES (2, 2)", 1, 0),
    WAY_BY(WAY_EXECUTE, ON_BOTH, "prepared COMMIT", OPEN, "COMMIT", 1, 0),
    WAY_BY(WAY_EXECUTE, ON_BOTH, "prepared CALL", TWO_RESULTS, "CALL d.p#()", 1, 2),
    WAY_BY(WAY_CURSOR, ON_BOTH, "prepared INSERT with a cursor", NULL, "INSERT INTO d.t# VALUES (2, 2)", 1,
           0),
    WAY_BY(WAY_LOAD, ON_BOTH, "LOAD DATA LOCAL", NULL, "LOAD DATA LOCAL INFILE 'any' INTO TABLE d.t#", 1, 0),
    WAY_OF(ON_MARIADB, "INSERT RETURNING", NULL, "INSERT INTO d.t# VALUES (2, 2), (3, 3) RETURNING id, v", 0,
           1),
    WAY_OF(ON_MARIADB, "REPLACE RETURNING", NULL, "REPLACE INTO d.t# VALUES (1, 2) RETURNING v", 0, 1),
    WAY_OF(ON_MARIADB, "DELETE RETURNING", NULL, "DELETE FROM d.t# RETURNING id", 0, 1),
    WAY_BY(WAY_EXECUTE, ON_MARIADB, "prepared INSERT RETURNING", NULL,
           "INSERT INTO d.t# VALUES (2, 2) RETURNING id", 0, 1),
    WAY_OF(ON_MARIADB, "EXECUTE IMMEDIATE", NULL, "EXECUTE IMMEDIATE 'INSERT INTO d.t# VALUES (2, 2)'", 1, 0),
    WAY_OF(ON_MARIADB, "CREATE SEQUENCE", NULL, "CREATE SEQUENCE d.s#", 1, 0),
    WAY_OF(ON_MARIADB, "NEXTVAL", "CREATE SEQUENCE d.s# CACHE 1", "SELECT NEXTVAL(d.s#)", 0, 1),
    WAY_OF(ON_MARIADB, "BEGIN NOT ATOMIC", NULL,
           "BEGIN NOT ATOMIC INSERT INTO d.t# VALUES (2, 2); SELECT 1; END", 1, 1),

    WAY_FREE("select", NULL, "SELECT * FROM d.t#", 0, 1),
    WAY_FREE("update that changes nothing", NULL, "UPDATE d.t# SET v = v", 1, 0),
    WAY_FREE("delete of nothing", NULL, "DELETE FROM d.t# WHERE id = 9", 1, 0),
    WAY_FREE("insert, not committed", "BEGIN", "INSERT INTO d.t# VALUES (2, 2)", 1, 0),
    WAY_FREE("rollback", OPEN, "ROLLBACK", 1, 0),
    WAY_FREE("empty transaction", "BEGIN; SELECT * FROM d.t#", "COMMIT", 1, 0),
    WAY_FREE("write to a temporary table", "CREATE TEMPORARY TABLE tmp (id INT) ENGINE=InnoDB",
             "INSERT INTO tmp VALUES (1)", 1, 0),
    WAY_FREE("SET autocommit = 1 with nothing open", "SET autocommit = 0", "SET autocommit = 1", 1, 0),
    WAY_FREE("multi-statement that reads", NULL, "SELECT 1; DO 1; SELECT 2", 1, 2),
};

enum { COMMIT_WAYS = sizeof commit_ways / sizeof *commit_ways };

#endif
