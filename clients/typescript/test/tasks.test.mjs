import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvalidRequestError, NotFoundError } from '@skillrelay/client';
import { client, eventsOf, learningSession, newClient, unknownId } from './support/environment.mjs';
import { Link } from './support/link.mjs';

const body = (request) => request.split('\r\n\r\n')[1];

for (const status of ['success', 'failed', 'running', 'pending']) {
  test(`updateTaskStatus sets ${status}`, async (t) => {
    const link = await Link.open(t);
    const { session, task } = await learningSession();
    const updated = await newClient({ baseUrl: link.url }).sessions.updateTaskStatus(session.id, task.id, { status });
    assert.equal(updated.id, task.id);
    assert.equal(updated.status, status);
    assert.equal(updated.data.task_description, 'File the report');
    const [request] = link.requests;
    assert.ok(request.startsWith(`PATCH /api/v1/session/${session.id}/task/${task.id}/status HTTP/1.1\r\n`), request);
    assert.equal(body(request), `{"status":"${status}"}`);
    assert.equal((await eventsOf(task.id)).length, status === 'success' || status === 'failed' ? 1 : 0);
  });
}

test('two calls are two messages', async () => {
  const { session, task } = await learningSession();
  await client.sessions.updateTaskStatus(session.id, task.id, { status: 'success' });
  await client.sessions.updateTaskStatus(session.id, task.id, { status: 'success' });
  assert.equal((await eventsOf(task.id)).length, 2);
});

test('two calls under one idempotencyKey are one message, and have the same answer', async () => {
  const { session, task } = await learningSession();
  const options = { status: 'success', idempotencyKey: `verdict-of-${task.id}` };
  const first = await client.sessions.updateTaskStatus(session.id, task.id, options);
  const second = await newClient().sessions.updateTaskStatus(session.id, task.id, options);
  assert.deepEqual(second, first);
  assert.equal((await eventsOf(task.id)).length, 1);
});

test('a status that there is not is refused, and so is a task that there is not', async () => {
  const { session, task } = await learningSession();
  await assert.rejects(client.sessions.updateTaskStatus(session.id, task.id, { status: 'done' }), InvalidRequestError);
  await assert.rejects(client.sessions.updateTaskStatus(session.id, unknownId, { status: 'success' }), NotFoundError);
  assert.equal((await eventsOf(task.id)).length, 0);
});

test('createTask reports a task with all that is known of it', async () => {
  const { session } = await learningSession();
  const task = await client.sessions.createTask(session.id, {
    taskDescription: 'Fix the build',
    progresses: ['found it'],
    userPreferences: ['short'],
    status: 'failed',
  });
  assert.equal(task.session_id, session.id);
  assert.equal(task.status, 'failed');
  assert.deepEqual(task.data, {
    task_description: 'Fix the build',
    progresses: ['found it'],
    user_preferences: ['short'],
  });
  assert.equal((await eventsOf(task.id)).length, 1);
});

test('a write says which event it made, and taskEvents what became of it', async () => {
  const { session, task } = await learningSession();
  assert.equal('event_id' in task, false);
  assert.equal('event_id' in (await client.sessions.updateTaskStatus(session.id, task.id, { status: 'running' })), false);
  const made = [];
  for (const status of ['failed', 'success', 'failed']) {
    made.unshift((await client.sessions.updateTaskStatus(session.id, task.id, { status })).event_id);
  }
  assert.deepEqual((await eventsOf(task.id)).map(({ id }) => id), made);
  const page = await client.sessions.taskEvents(session.id, task.id, { limit: 2 });
  assert.deepEqual(page.items.map(({ id }) => id), made.slice(0, 2));
  assert.equal(page.has_more, true);
  const [event] = page.items;
  assert.equal(event.type, 'SkillLearnTask');
  assert.ok(['pending', 'delivered'].includes(event.state), event.state);
  assert.ok(Array.isArray(event.confirmations));
  assert.deepEqual(event.replays, []);
  const ids = [];
  for await (const { id } of client.sessions.iterTaskEvents(session.id, task.id, { pageSize: 1 })) ids.push(id);
  assert.deepEqual(ids, made);
  const finished = await client.sessions.createTask(session.id, { taskDescription: 'Done', status: 'success' });
  assert.deepEqual((await eventsOf(finished.id)).map(({ id }) => id), [finished.event_id]);
  await assert.rejects(client.sessions.taskEvents(session.id, unknownId), NotFoundError);
});

test('getTasks has a page, and iterTasks all of them', async () => {
  const session = await client.sessions.create();
  const made = [];
  for (const taskDescription of ['1', '2', '3', '4', '5']) {
    made.push((await client.sessions.createTask(session.id, { taskDescription })).id);
  }
  const first = await client.sessions.getTasks(session.id, { limit: 2 });
  assert.deepEqual(first.items.map(({ id }) => id), made.slice(0, 2));
  assert.equal(first.has_more, true);
  const second = await client.sessions.getTasks(session.id, { limit: 2, cursor: first.next_cursor });
  assert.deepEqual(second.items.map(({ id }) => id), made.slice(2, 4));
  const whole = await client.sessions.getTasks(session.id);
  assert.deepEqual([whole.items.length, whole.has_more, whole.next_cursor], [5, false, undefined]);

  for (const [options, expected] of [
    [{ pageSize: 2 }, made],
    [{ pageSize: 5, timeDesc: true }, [...made].reverse()],
    [{}, made],
  ]) {
    const ids = [];
    for await (const task of client.sessions.iterTasks(session.id, options)) ids.push(task.id);
    assert.deepEqual(ids, expected);
  }
});

test('iterTasks asks for a page only when it is wanted', async (t) => {
  const link = await Link.open(t);
  const session = await client.sessions.create();
  for (const taskDescription of ['1', '2', '3']) await client.sessions.createTask(session.id, { taskDescription });
  for await (const _ of newClient({ baseUrl: link.url }).sessions.iterTasks(session.id, { pageSize: 1 })) break;
  assert.equal(link.requests.length, 1);
});

test('a cursor that is none is refused', async () => {
  const { session } = await learningSession();
  await assert.rejects(client.sessions.getTasks(session.id, { cursor: '?' }), InvalidRequestError);
});

test('getSessionSummary tells tasks, progress and preferences', async () => {
  const session = await client.sessions.create();
  assert.equal(await client.sessions.getSessionSummary(session.id), '');
  await client.sessions.createTask(session.id, {
    taskDescription: 'Fix the build',
    progresses: ['found it', 'fixed it'],
    userPreferences: ['short'],
  });
  await client.sessions.createTask(session.id, { taskDescription: 'Tell them' });
  const lines = [
    '<task id="1" description="Fix the build">',
    '<progress>',
    '1. found it',
    '2. fixed it',
    '</progress>',
    '<user_preference>',
    '1. short',
    '</user_preference>',
    '</task>',
    '<task id="2" description="Tell them">',
    '</task>',
  ];
  assert.equal(await client.sessions.getSessionSummary(session.id), lines.join('\n'));
  assert.equal(await client.sessions.getSessionSummary(session.id, { limit: 1 }), lines.slice(0, 9).join('\n'));
  for (let number = 3; number <= 21; number++) await client.sessions.createTask(session.id, { taskDescription: 'a' });
  assert.match(await client.sessions.getSessionSummary(session.id), /<task id="21"/);
});
