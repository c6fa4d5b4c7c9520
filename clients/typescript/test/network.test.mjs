// What breaks on the way: each test breaks a real connection to the real service.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import {
  APIError,
  InvalidRequestError,
  FileUpload,
  NotFoundError,
  RateLimitError,
  RequestTimeoutError,
  ServiceUnavailableError,
  SkillRelayError,
  TransportError,
} from '@skillrelay/client';
import {
  client,
  database,
  eventsOf,
  learningSession,
  newClient,
  sql,
  unknownId,
  unique,
  until,
} from './support/environment.mjs';
import { answer, Link } from './support/link.mjs';

const success = { status: 'success' };

async function elapsed(operation) {
  const start = performance.now();
  await operation();
  return performance.now() - start;
}

// --- a change whose answer is lost

for (const [what, fault] of [
  ['lost on the way to the service', 'drop'],
  ['answered to nobody', 'loseAnswer'],
  ['cut off in its answer', 'cutAnswer'],
]) {
  test(`a status change that is ${what} is repeated, and triggers once`, async (t) => {
    const link = await Link.open(t, fault);
    const { session, task } = await learningSession();
    const updated = await newClient({ baseUrl: link.url }).sessions.updateTaskStatus(session.id, task.id, success);
    assert.equal(updated.status, 'success');
    assert.equal(link.requests.length, 2);
    assert.equal(link.requests[1], link.requests[0], 'the repeat is the same request');
    assert.match(link.header('idempotency-key'), /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    assert.equal((await eventsOf(task.id)).length, 1);
  });
}

test('many lost answers are still one message', async (t) => {
  const link = await Link.open(t, 'loseAnswer', 'cutAnswer', 'loseAnswer', 'drop');
  const { session, task } = await learningSession();
  await newClient({ baseUrl: link.url, maxRetries: 4 }).sessions.updateTaskStatus(session.id, task.id, success);
  assert.equal(link.requests.length, 5);
  assert.equal((await eventsOf(task.id)).length, 1);
});

test('without the key, the same repeat triggers twice', async (t) => {
  // What the tests above would see if the key were not sent.
  const link = await Link.open(t, 'loseAnswer');
  const { session, task } = await learningSession();
  const keyless = (input, init) => {
    const { 'Idempotency-Key': _, ...headers } = init.headers;
    return fetch(input, { ...init, headers });
  };
  await newClient({ baseUrl: link.url, fetch: keyless }).sessions.updateTaskStatus(session.id, task.id, success);
  assert.equal((await eventsOf(task.id)).length, 2);
});

test('a failed call names the key under which it can be repeated', async (t) => {
  const link = await Link.open(t, 'loseAnswer');
  const { session, task } = await learningSession();
  const error = await newClient({ baseUrl: link.url, maxRetries: 0 })
    .sessions.updateTaskStatus(session.id, task.id, success)
    .catch((error) => error);
  assert.ok(error instanceof TransportError, String(error));
  assert.equal(error.idempotencyKey, link.header('idempotency-key'));
  assert.equal((await eventsOf(task.id)).length, 1);
  await client.sessions.updateTaskStatus(session.id, task.id, { ...success, idempotencyKey: error.idempotencyKey });
  assert.equal((await eventsOf(task.id)).length, 1);
});

test('a session, a space, a tie and a task are made once', async (t) => {
  const lossy = async () => newClient({ baseUrl: (await Link.open(t, 'loseAnswer', 'cutAnswer')).url });
  const mark = { mark: unique('mark') };
  const count = (table, condition) => sql(`SELECT count(*) FROM ${table} WHERE ${condition}`);
  const session = await (await lossy()).sessions.create({ configs: mark });
  assert.equal(await count('sessions', `configs = '${JSON.stringify(mark)}'`), '1');
  const space = await (await lossy()).learningSpaces.create({ meta: mark });
  assert.equal(await count('learning_spaces', `meta = '${JSON.stringify(mark)}'`), '1');
  await (await lossy()).learningSpaces.learn({ spaceId: space.id, sessionId: session.id });
  assert.equal(await count('learning_space_sessions', `session_id = '${session.id}'`), '1');
  const task = await (await lossy()).sessions.createTask(session.id, { taskDescription: 'a', ...success });
  assert.equal(await count('tasks', `session_id = '${session.id}'`), '1');
  assert.equal((await eventsOf(task.id)).length, 1);
});

test('a message is stored once, with or without a file', async (t) => {
  const { id } = await client.sessions.create();
  const file = new FileUpload({ filename: 'f', content: 'x' });
  for (const options of [{}, { format: 'acontext', fileField: 'f', file }]) {
    const link = await Link.open(t, 'loseAnswer', 'cutAnswer');
    const blob = options.file
      ? { role: 'user', parts: [{ type: 'file', file_field: 'f' }] }
      : { role: 'user', content: 'Hello' };
    await newClient({ baseUrl: link.url }).sessions.storeMessage(id, blob, options);
    assert.equal(link.requests[1], link.requests[0]);
  }
  assert.equal(await sql(`SELECT count(*) FROM messages WHERE session_id = '${id}'`), '2');
});

test('a deletion and new configs are done when they are repeated', async (t) => {
  const lossy = async () => newClient({ baseUrl: (await Link.open(t, 'loseAnswer', 'drop')).url });
  const { id } = await client.sessions.create();
  await (await lossy()).sessions.updateConfigs(id, { configs: { a: 1 } });
  assert.equal(await sql(`SELECT configs->>'a' FROM sessions WHERE id = '${id}'`), '1');
  await (await lossy()).sessions.delete(id);
  assert.equal(await sql(`SELECT count(*) FROM sessions WHERE id = '${id}'`), '0');
});

test('a flush is not repeated, unless the call asks for it', async (t) => {
  const { id } = await client.sessions.create();
  for (const fault of ['loseAnswer', 'hang', ...['429 a', '502 b', '503 c', '504 d'].map((status) => answer(status))]) {
    const link = await Link.open(t, fault, fault);
    const through = newClient({ baseUrl: link.url, timeout: 500 });
    await assert.rejects(through.sessions.flush(id), SkillRelayError);
    assert.equal(link.requests.length, 1);
    await through.sessions.flush(id, { maxRetries: 1 });
    assert.equal(link.requests.length, 3);
  }
});

test('a repeat that meets its first attempt under way comes back later', async (t) => {
  const { session, task } = await learningSession();
  // The first attempt, as another instance would have it: a transaction that has the key, and is not over.
  const first = spawn('psql', ['--no-psqlrc', '-qAt', database], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => first.kill());
  first.stdin.write(`BEGIN; INSERT INTO skillrelay.idempotency_keys (project_id, key, fingerprint, expires_at)
    VALUES ('${task.project_id}', '${task.id}', decode(repeat('00', 32), 'hex'), now() + interval '1 hour') RETURNING key;\n`);
  await once(first.stdout, 'data');
  const answers = [];
  const watching = async (input, init) => {
    const response = await fetch(input, init);
    answers.push(response.status);
    return response;
  };
  const updates = newClient({ fetch: watching }).sessions.updateTaskStatus(session.id, task.id, {
    ...success,
    idempotencyKey: task.id,
  });
  await until(() => answers.length > 0, 'an answer');
  first.stdin.end('ROLLBACK;\n');
  assert.equal((await updates).status, 'success');
  assert.deepEqual(answers, [409, 200]);
  assert.equal((await eventsOf(task.id)).length, 1);
});

// --- reads

test('a read is repeated, without a key', async (t) => {
  const link = await Link.open(t, 'drop', 'cutAnswer');
  const { session, task } = await learningSession();
  const page = await newClient({ baseUrl: link.url }).sessions.getTasks(session.id);
  assert.deepEqual(page.items.map(({ id }) => id), [task.id]);
  assert.equal(link.requests.length, 3);
  assert.equal(link.header('idempotency-key'), undefined);
});

test('each change has a key of its own', async (t) => {
  const link = await Link.open(t);
  const through = newClient({ baseUrl: link.url });
  await through.sessions.create();
  await through.sessions.create();
  assert.notEqual(link.header('idempotency-key', link.requests[0]), link.header('idempotency-key', link.requests[1]));
});

// --- a service that is away

test('a service that comes back is found', async (t) => {
  const link = await Link.open(t);
  const { port, url: baseUrl } = link;
  await link.close();
  const pongs = newClient({ baseUrl, maxRetries: 20, maxRetryDelay: 500 }).ping();
  setTimeout(() => link.listen(port), 300);
  assert.equal(await pongs, 'pong');
});

test('a service that stays away is an error with the reason, after the last attempt', async (t) => {
  const link = await Link.open(t, 'drop', 'drop', 'drop', 'drop', 'drop', 'drop');
  await assert.rejects(newClient({ baseUrl: link.url }).ping(), TransportError);
  assert.equal(link.requests.length, 3);
  await assert.rejects(newClient({ baseUrl: link.url, maxRetries: 1 }).ping(), TransportError);
  assert.equal(link.requests.length, 5);
  await assert.rejects(newClient({ baseUrl: link.url }).ping({ maxRetries: 0 }), TransportError);
  assert.equal(link.requests.length, 6);
  const { url: baseUrl } = link;
  await link.close();
  await assert.rejects(newClient({ baseUrl, maxRetries: 0 }).ping(), /ECONNREFUSED/);
});

// --- answers that ask to be asked again

test('a 503 is repeated, not before its Retry-After', async (t) => {
  const link = await Link.open(t, answer('503 Service Unavailable', { 'Retry-After': '1' }));
  const { session, task } = await learningSession();
  const waited = await elapsed(() =>
    newClient({ baseUrl: link.url }).sessions.updateTaskStatus(session.id, task.id, success),
  );
  assert.ok(waited >= 1000, `${waited} ms`);
  assert.equal(link.requests[1], link.requests[0]);
  assert.equal((await eventsOf(task.id)).length, 1);
});

test('a Retry-After may be a date', async (t) => {
  const date = new Date(Date.now() + 2000).toUTCString();
  const link = await Link.open(t, answer('503 Service Unavailable', { 'Retry-After': date }));
  await newClient({ baseUrl: link.url }).ping();
  assert.ok(Date.now() >= Date.parse(date));
});

for (const status of ['429 Too Many Requests', '502 Bad Gateway', '503 Service Unavailable', '504 Gateway Timeout']) {
  test(`a ${status} is repeated`, async (t) => {
    const link = await Link.open(t, answer(status));
    assert.equal(await newClient({ baseUrl: link.url }).ping(), 'pong');
    assert.equal(link.requests.length, 2);
  });
}

test('whoever is asked to wait for long is told so at once', async (t) => {
  const link = await Link.open(t, answer('429 Too Many Requests', { 'Retry-After': '3600' }));
  await assert.rejects(newClient({ baseUrl: link.url }).ping(), (error) => {
    assert.ok(error instanceof RateLimitError);
    assert.equal(error.retryAfter, 3600);
    return true;
  });
  assert.equal(link.requests.length, 1);
});

test('the last answer is the error', async (t) => {
  const body = '{"code":503,"msg":"the database is away: nothing was changed"}';
  const headers = { 'Content-Type': 'application/json; charset=utf-8', 'X-Request-Id': 'abc' };
  const link = await Link.open(t, answer('503 Service Unavailable', headers, body));
  await assert.rejects(newClient({ baseUrl: link.url, maxRetries: 0 }).sessions.create(), (error) => {
    assert.ok(error instanceof ServiceUnavailableError);
    assert.equal(error.message, 'the database is away: nothing was changed');
    assert.equal(error.requestId, 'abc');
    assert.equal(error.idempotencyKey, link.header('idempotency-key'));
    return true;
  });
});

test('an answer that will not change is not asked for again', async (t) => {
  const link = await Link.open(t);
  const through = newClient({ baseUrl: link.url });
  await assert.rejects(through.sessions.updateTaskStatus(unknownId, unknownId, { status: 'no' }), InvalidRequestError);
  await assert.rejects(through.sessions.updateTaskStatus(unknownId, unknownId, success), NotFoundError);
  assert.equal(link.requests.length, 2);
  const broken = await Link.open(t, answer('500 Internal Server Error'));
  await assert.rejects(newClient({ baseUrl: broken.url }).ping(), APIError);
  assert.equal(broken.requests.length, 1);
});

// --- time

test('an attempt that is not answered in time is repeated', async (t) => {
  const link = await Link.open(t, 'hang');
  const { session, task } = await learningSession();
  await newClient({ baseUrl: link.url, timeout: 500 }).sessions.updateTaskStatus(session.id, task.id, success);
  assert.equal(link.requests.length, 2);
  assert.equal((await eventsOf(task.id)).length, 1);
});

test('a call may have less time than its client', async (t) => {
  const link = await Link.open(t, 'hang');
  await assert.rejects(newClient({ baseUrl: link.url }).ping({ timeout: 100, maxRetries: 0 }), (error) => {
    assert.ok(error instanceof RequestTimeoutError && error instanceof TransportError);
    assert.equal(error.message, 'GET was not answered within 100 ms');
    return true;
  });
});

for (const timeout of [0, -1, Number.NaN]) {
  test(`a timeout of ${timeout} is refused`, async () => {
    await assert.rejects(client.ping({ timeout }), RangeError);
  });
}

test('an endless timeout is none that is over at once', async () => {
  assert.equal(await client.ping({ timeout: Infinity, maxRetries: 0 }), 'pong');
});

// --- aborted calls

test('an aborted call ends at once with the reason, and is not repeated', async (t) => {
  const link = await Link.open(t, 'hang');
  const controller = new AbortController();
  const calls = newClient({ baseUrl: link.url }).ping({ signal: controller.signal });
  await until(() => link.requests.length === 1, 'the request');
  controller.abort();
  await assert.rejects(calls, { name: 'AbortError' });
  await new Promise((resolve) => setTimeout(resolve, 700));
  assert.equal(link.requests.length, 1);
});

test('a call can be aborted while it waits for its next attempt', async (t) => {
  const link = await Link.open(t, answer('503 Service Unavailable', { 'Retry-After': '30' }));
  const controller = new AbortController();
  const reason = new Error('enough');
  const calls = newClient({ baseUrl: link.url }).ping({ signal: controller.signal });
  await until(() => link.requests.length === 1, 'the request');
  setTimeout(() => controller.abort(reason), 100);
  const waited = await elapsed(() => assert.rejects(calls, (error) => error === reason));
  assert.ok(waited < 5000, `${waited} ms`);
});

test('a signal bounds a call with its attempts', async (t) => {
  const link = await Link.open(t, ...Array(10).fill('hang'));
  const waited = await elapsed(() =>
    assert.rejects(newClient({ baseUrl: link.url, timeout: 100, maxRetries: 9 }).ping({ signal: AbortSignal.timeout(400) }), {
      name: 'TimeoutError',
    }),
  );
  assert.ok(waited >= 390 && waited < 3000, `${waited} ms`);
});

test('a change that a signal ended is made once under the key it was given', async (t) => {
  const link = await Link.open(t, 'hang');
  const { session, task } = await learningSession();
  const verdict = { ...success, idempotencyKey: unique('verdict') };
  const through = newClient({ baseUrl: link.url });
  const signal = AbortSignal.timeout(500);
  await assert.rejects(through.sessions.updateTaskStatus(session.id, task.id, { ...verdict, signal }), (error) => error === signal.reason);
  await through.sessions.updateTaskStatus(session.id, task.id, verdict);
  assert.equal((await eventsOf(task.id)).length, 1);
});

test('what is aborted before it begins is not sent', async (t) => {
  const link = await Link.open(t);
  await assert.rejects(newClient({ baseUrl: link.url }).sessions.create({ signal: AbortSignal.abort() }), {
    name: 'AbortError',
  });
  assert.equal(link.requests.length, 0);
});

test('a signal that is kept is not held on to', async (t) => {
  const { signal } = new AbortController();
  let listeners = 0;
  t.mock.method(signal, 'addEventListener', () => listeners++);
  t.mock.method(signal, 'removeEventListener', () => listeners--);
  await client.ping({ signal });
  assert.equal(listeners, 0);
});
