// Answers that no service gives today: each is a real one, changed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NotFoundError, UnexpectedAnswerError } from '@skillrelay/client';
import { client, newClient } from './support/environment.mjs';

/** A client to whom `data` is the answer. */
const answered = (data) => newClient({ fetch: async () => Response.json({ code: 0, data, msg: '' }) });

const unexpected = (call, message) =>
  assert.rejects(call, (error) => {
    assert.ok(error instanceof UnexpectedAnswerError, String(error));
    assert.equal(error.message, `unexpected answer: ${message}`);
    return true;
  });

const session = await client.sessions.create();
const task = await client.sessions.createTask(session.id, { taskDescription: 'a' });
const message = {
  id: 'm',
  session_id: 's',
  parent_id: null,
  role: 'user',
  meta: {},
  parts: [{ type: 'text', text: 'a' }],
  task_id: null,
  session_task_process_status: 'pending',
  created_at: 't',
  updated_at: 't',
};
const skill = {
  id: 'k', name: 'n', description: '', file_index: [{ path: 'p', mime: 'm' }], meta: null, created_at: 't', updated_at: 't',
};

test('each member that must be there is missed, by its name', async () => {
  for (const [whole, call] of [
    [session, (data) => answered(data).sessions.create()],
    [task, (data) => answered(data).sessions.updateTaskStatus('s', 't', { status: 'success' })],
    [message, (data) => answered(data).sessions.storeMessage('s', {})],
  ]) {
    const optional = ['user_id'];
    for (const name of Object.keys(whole)) {
      const { [name]: _, ...rest } = whole;
      if (optional.includes(name)) await call(rest);
      else await assert.rejects(call(rest), new RegExp(`^UnexpectedAnswerError: unexpected answer: data\\.${name} is nothing, not `));
    }
    await unexpected(call({ ...whole, id: 1 }), 'data.id is a number, not a string');
  }
});

test('an answer to a write that does not fit names its key', async () => {
  for (const call of [
    (options) => answered({}).sessions.create(options),
    (options) => answered({}).sessions.updateTaskStatus('s', 't', { status: 'success', ...options }),
    (options) => newClient({ fetch: async () => new Response('<html>') }).sessions.delete('s', options),
  ]) {
    const failed = (options) => assert.rejects(call(options), (error) => {
      assert.ok(error instanceof UnexpectedAnswerError, String(error));
      assert.match(error.idempotencyKey, options ? /^mine$/ : /^[0-9a-f-]{36}$/);
      return true;
    });
    await failed();
    await failed({ idempotencyKey: 'mine' });
  }
  await assert.rejects(answered({}).sessions.getTasks('s'), ({ idempotencyKey }) => idempotencyKey === undefined);
});

test('null is taken where it may be, and only there', async () => {
  const nulls = { ...session, configs: null, user_id: null };
  assert.deepEqual(await answered(nulls).sessions.create(), nulls);
  const data = { task_description: '', progresses: null, user_preferences: null };
  assert.deepEqual((await answered({ ...task, data }).sessions.createTask('s', { taskDescription: '' })).data, data);
  const part = { type: 'text', text: null, asset: null, filename: null, meta: null };
  assert.deepEqual((await answered({ ...message, parts: [part] }).sessions.storeMessage('s', {})).parts, [part]);
  await unexpected(answered({ ...message, meta: null }).sessions.storeMessage('s', {}), 'data.meta is null, not an object');
  await unexpected(answered({ ...session, id: null }).sessions.create(), 'data.id is null, not a string');
  const boolean = 'data.disable_task_status_change is a string, not true or false';
  await unexpected(answered({ ...session, disable_task_status_change: 'no' }).sessions.create(), boolean);
});

test('where something does not fit is told, but not what it is', async () => {
  const page = { items: [task, { ...task, data: { task_description: ['secret'] } }], has_more: false };
  await unexpected(
    answered(page).sessions.getTasks('s'),
    'data.items[1].data.task_description is an array, not a string',
  );
  await unexpected(answered([]).sessions.getTasks('s'), 'data is an array, not an object');
  await unexpected(answered(undefined).sessions.getTasks('s'), 'data is nothing, not an object');
  await unexpected(answered({}).learningSpaces.listSessions('s'), 'data is an object, not an array');
  const asset = { bucket: 'b', s3_key: 'k', etag: 'e', sha256: 'h', mime: 'm', size_b: '1' };
  const parts = [{ type: 'file', asset }];
  const size = 'data.parts[0].asset.size_b is a string, not a number';
  await unexpected(answered({ ...message, parts }).sessions.storeMessage('s', {}), size);
});

test('what is new is left out', async () => {
  const newer = { ...task, verdict: 1, data: { ...task.data, mood: 'good' } };
  assert.deepEqual(await answered(newer).sessions.createTask('s', { taskDescription: 'a' }), task);
});

test('a page of messages has what is asked for, as it is', async () => {
  const page = { items: [{ role: 'user', new: 1 }, 'x'], ids: ['1', '2'], has_more: false, this_time_tokens: 3 };
  assert.deepEqual(await answered(page).sessions.getMessages('s'), { ...page, metas: [] });
  const urls = { abc: { url: 'http://s3', expire_at: 't' } };
  const full = { ...page, metas: [{}, { a: 1 }], public_urls: urls, edit_at_message_id: '2' };
  assert.deepEqual(await answered(full).sessions.getMessages('s'), full);
  const { this_time_tokens: _, ...rest } = page;
  await unexpected(answered(rest).sessions.getMessages('s'), 'data.this_time_tokens is nothing, not a number');
});

test('a learning status may be a new word', async () => {
  const tie = { id: 'i', learning_space_id: 'l', session_id: 's', status: 'dreaming', created_at: 't', updated_at: 't' };
  assert.equal((await answered(tie).learningSpaces.getSession({ spaceId: 'l', sessionId: 's' })).status, 'dreaming');
});

test('a skill must say what meta it has', async () => {
  assert.deepEqual(await answered([skill]).learningSpaces.listSkills('s'), [skill]);
  const { meta: _, ...rest } = skill;
  await unexpected(answered([rest]).learningSpaces.listSkills('s'), 'data[0].meta is nothing, not an object');
});

test('an end that is none is an error', async () => {
  const tasks = answered({ items: [task], has_more: true }).sessions.iterTasks('s');
  assert.deepEqual((await tasks.next()).value, task);
  await unexpected(tasks.next(), 'a page says that there are more, but not where');
});

test('a success that is none of the API is an error, not a result', async () => {
  for (const [body, headers, told] of [
    ['<html>Sign in</html>', { 'content-type': 'text/html' }, 'text/html'],
    ['{"code":', { 'content-type': 'application/json' }, 'application/json'],
    ['[]', { 'content-type': 'application/json' }, 'application/json'],
    ['null', { 'content-type': 'application/json' }, 'application/json'],
    [null, {}, 'no content type'],
  ]) {
    const strange = newClient({ fetch: async () => new Response(body, { headers }) });
    await unexpected(strange.sessions.delete('s'), `HTTP 200, ${told}, is not one of the API`);
  }
});

test('an error need not be JSON', async () => {
  const page = newClient({ fetch: async () => new Response('404 page not found', { status: 404 }) });
  await assert.rejects(page.ping(), NotFoundError);
});
