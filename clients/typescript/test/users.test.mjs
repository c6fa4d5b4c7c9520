import assert from 'node:assert/strict';
import { test } from 'node:test';
import { client, unique } from './support/environment.mjs';

test('list has a page or all, and the iterator has all', async () => {
  for (const user of [unique('user'), unique('user'), unique('user')]) await client.sessions.create({ user });
  const all = await client.users.list();
  assert.ok(all.items.length >= 3);
  assert.equal(all.has_more, false);
  const page = await client.users.list({ limit: 1, timeDesc: true });
  assert.equal(page.items.length, 1);
  assert.equal(page.has_more, true);
  const each = [];
  for await (const user of client.users.iterUsers({ pageSize: 2 })) each.push(user.id);
  assert.deepEqual(each.slice(0, all.items.length), all.items.map(({ id }) => id));
});

test('an identifier of any letters has its resources, and can be deleted', async () => {
  const user = `${unique('a')}/b c?d#e%2F\u00e9\u{1f600}+&=`;
  await client.sessions.create({ user });
  await client.sessions.create({ user });
  assert.equal((await client.users.getResources(user)).counts.sessions_count, 2);
  await client.users.delete(user);
  assert.ok(!(await client.users.list()).items.some(({ identifier }) => identifier === user));
  await client.users.delete(user);
});

test('what cannot stand in a path is refused before it is sent', async () => {
  for (const identifier of ['', '.', '..', undefined]) await assert.rejects(client.users.delete(identifier), TypeError);
});
