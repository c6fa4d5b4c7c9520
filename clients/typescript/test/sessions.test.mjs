import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { ConflictError, NotFoundError, PermissionDeniedError } from '@skillrelay/client';
import { client, newClient, otherProject, unique, unknownId } from './support/environment.mjs';
import { Link } from './support/link.mjs';

test('ping says pong', async () => {
  assert.equal(await client.ping(), 'pong');
});

test('create without options sends no body', async (t) => {
  const link = await Link.open(t);
  const session = await newClient({ baseUrl: link.url }).sessions.create();
  assert.equal(session.disable_task_status_change, false);
  assert.equal(session.disable_task_tracking, false);
  assert.equal(session.user_id, null);
  assert.equal(link.header('content-type'), undefined);
  assert.equal(link.header('content-length'), '0');
});

test('create sends what it is given, and nothing else', async (t) => {
  const link = await Link.open(t);
  const through = newClient({ baseUrl: link.url });
  const session = await through.sessions.create({ disableTaskStatusChange: true, user: null });
  assert.equal(session.disable_task_status_change, true);
  assert.ok(link.requests.at(-1).endsWith('\r\n\r\n{"disable_task_status_change":true}'), link.requests.at(-1));

  const id = randomUUID();
  const full = await through.sessions.create({
    user: unique('user'),
    disableTaskTracking: true,
    configs: { agent: 'bot', deep: { list: [1, null] } },
    useUuid: id,
  });
  assert.equal(full.id, id);
  assert.equal(full.disable_task_tracking, true);
  assert.deepEqual(full.configs, { agent: 'bot', deep: { list: [1, null] } });
  assert.equal(typeof full.user_id, 'string');
});

test('list filters, and the iterator has all of them', async () => {
  const user = unique('user');
  const made = [];
  for (const team of [1, 2, 1]) made.push((await client.sessions.create({ user, configs: { team } })).id);
  const ids = (sessions) => sessions.map(({ id }) => id);
  assert.deepEqual(ids((await client.sessions.list({ user })).items), made);
  assert.deepEqual(ids((await client.sessions.list({ user, timeDesc: true })).items), [...made].reverse());
  assert.deepEqual(ids((await client.sessions.list({ user, filterByConfigs: { team: 1 } })).items), [made[0], made[2]]);
  assert.deepEqual(ids((await client.sessions.list({ user, filterByConfigs: {} })).items), made);
  const each = [];
  for await (const session of client.sessions.iterSessions({ user, pageSize: 2 })) each.push(session.id);
  assert.deepEqual(each, made);
});

test('configs are read, replaced and patched', async () => {
  const { id } = await client.sessions.create({ configs: { old: 1 } });
  await client.sessions.updateConfigs(id, { configs: { agent: 'bot', heat: 0.5 } });
  assert.deepEqual((await client.sessions.getConfigs(id)).configs, { agent: 'bot', heat: 0.5 });
  const patched = await client.sessions.patchConfigs(id, { agent: null, heat: 0.8, deep: { list: [] } });
  assert.deepEqual(patched, { heat: 0.8, deep: { list: [] } });
  assert.deepEqual((await client.sessions.getConfigs(id)).configs, patched);
});

test('a deleted session is gone', async () => {
  const { id } = await client.sessions.create();
  assert.equal(await client.sessions.delete(id), undefined);
  await assert.rejects(client.sessions.getConfigs(id), NotFoundError);
});

test('what another project has is neither seen nor taken', async () => {
  const stranger = await otherProject();
  const id = randomUUID();
  await client.sessions.create({ useUuid: id });
  await assert.rejects(stranger.sessions.create({ useUuid: id }), ConflictError);
  await assert.rejects(stranger.sessions.getTasks(id), PermissionDeniedError);
});

test('a session that there is not is not found', async () => {
  await assert.rejects(client.sessions.getTasks(unknownId), (error) => {
    assert.ok(error instanceof NotFoundError);
    assert.equal(error.message, 'session not found');
    return true;
  });
});

test('request reaches what has no method here', async () => {
  const made = await client.request('POST', '/session', { jsonData: { disable_task_tracking: true } });
  assert.equal(made.disable_task_tracking, true);
  const page = await client.request('GET', `/session/${made.id}/task`, { params: { limit: 5, cursor: undefined } });
  assert.deepEqual(page, { items: [], has_more: false });
});
