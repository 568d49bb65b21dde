// A query builder, knex over mysql2, through the app port: node builder.js PORT CA ("" in the clear).
'use strict';
const assert = require('assert');
const fs = require('fs');
const [port, ca] = process.argv.slice(2);
const connection = { host: '127.0.0.1', port: Number(port), user: 'app', password: 'app-pw', charset: 'utf8mb4',
  ...(ca ? { ssl: { ca: fs.readFileSync(ca) } } : {}) };
const build = (more) => require('knex')({ client: 'mysql2', connection: { ...connection, ...more }, pool: { min: 0, max: 6 } });

async function main() {
  const first = build({});
  await first.raw('DROP DATABASE IF EXISTS builder');
  await first.raw('CREATE DATABASE builder CHARACTER SET utf8mb4');
  await first.destroy();

  const knex = build({ database: 'builder' });
  await knex.schema.createTable('people', (table) => {
    table.increments('id');
    table.string('name', 100).notNullable().unique();
    table.json('more');
    table.binary('picture', 65000);
    table.timestamps(true, true);
  });
  await knex.schema.createTable('letters', (table) => {
    table.increments();
    table.integer('person').unsigned().references('people.id').onDelete('CASCADE');
    table.text('body', 'mediumtext');
  });
  assert.strictEqual(await knex.schema.hasColumn('letters', 'body'), true);
  await knex.batchInsert('people', Array.from({ length: 500 }, (_, i) => ({ name: `Zoë 😀 ${i}`,
    more: JSON.stringify({ i }), picture: Buffer.alloc(1000, i) })), 50);
  await knex.transaction(async (transaction) => {
    const [id] = await transaction('people').insert({ name: 'sender' });
    await transaction('letters').insert([{ person: id, body: 'x'.repeat(1000000) }, { person: id, body: 'y' }]);
  });
  await assert.rejects(knex.transaction(async (transaction) => {
    await transaction('people').del();
    await transaction('people').insert({ name: 'one' });
    await transaction('people').insert({ name: 'one' });
  }), { errno: 1062 });
  const [{ n }] = await knex('people').count('* as n');
  assert.strictEqual(n, 501);
  const letters = await knex('letters').join('people', 'people.id', 'letters.person')
    .select('people.name', knex.raw('LENGTH(body) AS size')).orderBy('letters.id');
  assert.deepStrictEqual(letters.map((l) => [l.name, l.size]), [['sender', 1000000], ['sender', 1]]);
  const person = await knex('people').where({ name: 'Zoë 😀 77' }).first();
  assert.ok(person.picture.equals(Buffer.alloc(1000, 77)));
  await Promise.all(Array.from({ length: 60 }, (_, i) => knex.transaction((transaction) =>
    transaction('people').where('name', `Zoë 😀 ${i}`).update({ more: null }))));
  assert.strictEqual((await knex('people').whereNull('more')).length, 61);
  await knex('people').where({ name: 'sender' }).del();
  assert.strictEqual((await knex('letters')).length, 0);
  await knex.schema.alterTable('people', (table) => table.integer('added').defaultTo(7));
  await assert.rejects(knex('nothing').select(), { errno: 1146 });
  await knex.destroy();
}

main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
