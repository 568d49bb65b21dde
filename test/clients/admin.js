// The admin port as node's clients see it: node admin.js mysql|mysql2 PORT. Ends with an exception when
// something is amiss.
'use strict';
const assert = require('assert');
const [name, port] = process.argv.slice(2);
const client = require(name);
const options = { host: '127.0.0.1', port: Number(port), user: 'admin', password: 'admin-pw', database: 'ackgate' };
const connection = client.createConnection(options);

function ask(sql, values) {
  return new Promise((resolve, reject) =>
    connection.query(sql, values, (error, rows, fields) => (error ? reject(error) : resolve({ rows, fields }))));
}

async function main() {
  const [replica] = (await ask('SELECT name, role, lag_bytes, ack_ms_p50 FROM replicas WHERE name = ?', ['r1'])).rows;
  assert.strictEqual(replica.role, 'voter');
  assert.strictEqual(replica.lag_bytes, 0);
  assert.strictEqual(typeof replica.ack_ms_p50, 'number');
  assert.strictEqual((await ask('SHOW TABLES')).rows.length, 10);
  assert.deepStrictEqual({ ...(await ask('SELECT ? AS a, ? AS b, ? AS c', ["it's", null, 7])).rows[0] },
    { a: "it's", b: null, c: 7 });
  const empty = await ask('SELECT * FROM waiting');
  assert.strictEqual(empty.rows.length, 0);
  assert.strictEqual(empty.fields.length, 7);
  await ask('SET app.commit_wait = ?', ['11s']);
  const [variable] = (await ask("SELECT value FROM variables WHERE name = 'app.commit_wait'")).rows;
  assert.strictEqual(variable.value, '11s');
  await assert.rejects(ask('SELEKT 1'), { errno: 1064, sqlState: '42000' });
  await new Promise((resolve, reject) => connection.ping((error) => (error ? reject(error) : resolve())));
  await new Promise((resolve, reject) => connection.end((error) => (error ? reject(error) : resolve())));
  const stranger = client.createConnection({ ...options, password: 'wrong' });
  await assert.rejects(new Promise((resolve, reject) =>
    stranger.connect((error) => (error ? reject(error) : resolve()))), { errno: 1045 });
}

main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
