// mysql2 through the app port: node app.js PORT CA ("" in the clear).
'use strict';
const assert = require('assert');
const fs = require('fs');
const mysql = require('mysql2/promise');
const [port, ca] = process.argv.slice(2);
const options = { host: '127.0.0.1', port: Number(port), user: 'app', password: 'app-pw', charset: 'utf8mb4',
  multipleStatements: true, ...(ca ? { ssl: { ca: fs.readFileSync(ca) } } : {}) };
const TEXT = 'ä € 😀 \'quoted\' \\ end';
const BLOB = Buffer.alloc(20000000, Buffer.from(Array.from({ length: 251 }, (_, i) => i)));

async function main() {
  const connection = await mysql.createConnection(options);
  const rows = async (sql, values) => (await connection.query(sql, values))[0];
  assert.strictEqual(Boolean((await rows("SHOW STATUS LIKE 'Ssl_cipher'"))[0].Value), Boolean(ca));
  assert.strictEqual((await rows('SELECT CONNECTION_ID() AS id'))[0].id, connection.threadId);
  await rows('DROP DATABASE IF EXISTS node; CREATE DATABASE node CHARACTER SET utf8mb4');
  await connection.changeUser({ database: 'node' });
  await rows('CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, s TEXT, b LONGBLOB, n BIGINT, f DOUBLE, w DATETIME(6))');

  // prepared statements, binary protocol
  const [inserted] = await connection.execute('INSERT INTO t (s, b, n, f, w) VALUES (?, ?, ?, ?, ?)',
    [TEXT, BLOB, '9007199254740993', 0.1, new Date('2024-02-29T01:02:03.004Z')]);
  assert.strictEqual(inserted.insertId, 1);
  const [[row]] = await connection.execute({ sql: 'SELECT s, b, n, f FROM t WHERE id = ?', supportBigNumbers: true,
    bigNumberStrings: true }, [1]);
  assert.strictEqual(row.s, TEXT);
  assert.ok(row.b.equals(BLOB));
  assert.strictEqual(row.n, '9007199254740993');
  assert.strictEqual(row.f, 0.1);
  for (let i = 0; i < 300; i++) // more statements than the driver keeps open
    assert.strictEqual((await connection.execute(`SELECT ? + ${i} AS n`, [i]))[0][0].n, 2 * i);

  await connection.beginTransaction();
  await rows('INSERT INTO t (s) VALUES ?', [Array.from({ length: 3000 }, (_, i) => [`row ${i}`])]);
  await connection.rollback();
  assert.strictEqual((await rows('SELECT COUNT(*) AS n FROM t'))[0].n, 1);
  await connection.beginTransaction();
  await rows('INSERT INTO t (s) VALUES ?', [Array.from({ length: 3000 }, (_, i) => [`row ${i}`])]);
  await connection.commit();
  let streamed = 0;
  for await (const one of connection.connection.query('SELECT * FROM t WHERE id > 1').stream()) streamed += one.s.startsWith('row');
  assert.strictEqual(streamed, 3000);

  await rows('CREATE PROCEDURE p(a INT) BEGIN SELECT a; SELECT a + 1 AS b; UPDATE t SET n = a WHERE id = 1; END');
  const [first, second, end] = await rows('CALL p(?)', [41]);
  assert.deepStrictEqual([first[0].a, second[0].b, end.affectedRows], [41, 42, 1]);
  const several = await rows('SELECT 1 AS a; DO 1; SELECT 2 AS a');
  assert.deepStrictEqual([several[0][0].a, several[1].affectedRows, several[2][0].a], [1, 0, 2]);

  await assert.rejects(rows('SELEKT 1'), { errno: 1064, sqlState: '42000' });
  await assert.rejects(connection.execute('INSERT INTO t (id) VALUES (?)', [1]), { errno: 1062 });
  await assert.rejects(mysql.createConnection({ ...options, password: 'wrong' }), { errno: 1045 });
  await connection.ping();
  await connection.end();

  // a pool whose members write at the same time
  const pool = mysql.createPool({ ...options, database: 'node', connectionLimit: 8 });
  await pool.query('CREATE TABLE u (id INT PRIMARY KEY)');
  await Promise.all(Array.from({ length: 400 }, (_, i) => pool.execute('INSERT INTO u VALUES (?)', [i])));
  assert.strictEqual((await pool.query('SELECT COUNT(*) AS n FROM u'))[0][0].n, 400);
  await pool.end();
}

main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
