import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import * as package_ from '@skillrelay/client';
import { client, learningSession, newClient, otherProject, token, unknownId } from './support/environment.mjs';
import { answer, Link } from './support/link.mjs';

const {
  AcontextClient,
  AcontextError,
  APIError,
  AuthenticationError,
  InvalidRequestError,
  ConflictError,
  NotFoundError,
  PermissionDeniedError,
  SkillRelayClient,
  SkillRelayError,
  TimeoutError,
  TransportError,
} = package_;

const json = (status, body) => answer(status, { 'Content-Type': 'application/json' }, JSON.stringify(body));

/** What a call through `link` ends with. */
async function failure(link, options) {
  const { error } = await newClient({ baseUrl: link.url, maxRetries: 0, ...options })
    .ping()
    .then((value) => ({ value }), (error) => ({ error }));
  assert.ok(error instanceof SkillRelayError, inspect(error));
  return error;
}

test('the errors of the real service have their classes, codes and messages', async () => {
  const { session, space } = await learningSession();
  const tie = { spaceId: space.id, sessionId: session.id };
  for (const [call, type, statusCode, message] of [
    [() => newClient({ apiKey: 'sk-ac-wrong' }).ping(), AuthenticationError, 401, 'Unauthorized'],
    [() => client.sessions.create({ useUuid: 'x' }), InvalidRequestError, 400, 'invalid UUID format for use_uuid'],
    [() => client.learningSpaces.get(unknownId), NotFoundError, 404, 'learning space not found'],
    [() => client.learningSpaces.learn(tie), ConflictError, 409, 'session already learned by another space'],
    [
      async () => (await otherProject()).sessions.getTasks(session.id),
      PermissionDeniedError,
      403,
      'access denied: session does not belong to this project',
    ],
  ]) {
    await assert.rejects(call(), (error) => {
      assert.equal(error.constructor, type);
      assert.ok(error instanceof APIError && error instanceof SkillRelayError);
      assert.equal(error.name, type.name);
      assert.equal(error.message, message);
      assert.equal(error.statusCode, statusCode);
      assert.equal(error.code, statusCode);
      assert.deepEqual(error.payload, { code: statusCode, msg: message });
      assert.match(error.requestId, /^[0-9a-f]+$/);
      return true;
    });
  }
});

test('a key that was used for something else is said to be', async () => {
  const { session, task } = await learningSession();
  const idempotencyKey = `key-${task.id}`;
  await client.sessions.updateTaskStatus(session.id, task.id, { status: 'success', idempotencyKey });
  await assert.rejects(client.sessions.updateTaskStatus(session.id, task.id, { status: 'failed', idempotencyKey }), (error) => {
    assert.equal(error.statusCode, 422);
    assert.equal(error.message, 'this Idempotency-Key was used for another request');
    return true;
  });
});

test('every status has a class below APIError, and what has none of its own that of its kind', async (t) => {
  for (const [status, name] of [
    ['400 Bad Request', 'InvalidRequestError'],
    ['401 Unauthorized', 'AuthenticationError'],
    ['403 Forbidden', 'PermissionDeniedError'],
    ['404 Not Found', 'NotFoundError'],
    ['405 Method Not Allowed', 'InvalidRequestError'],
    ['409 Conflict', 'ConflictError'],
    ['413 Content Too Large', 'InvalidRequestError'],
    ['429 Too Many Requests', 'RateLimitError'],
    ['500 Internal Server Error', 'ServerError'],
    ['503 Service Unavailable', 'ServiceUnavailableError'],
  ]) {
    const error = await failure(await Link.open(t, answer(status)));
    assert.equal(error.constructor, package_[name]);
    assert.equal(error.name, name);
    assert.equal(`${error.statusCode} ${error.message}`, status);
  }
});

test('an answer of a proxy, or of nobody, is an error, too', async (t) => {
  const page = await failure(await Link.open(t, answer('502 Bad Gateway', { 'Content-Type': 'text/html' }, '<html>')));
  assert.deepEqual([page.statusCode, page.message, page.payload], [502, 'Bad Gateway', undefined]);
  const nameless = await failure(await Link.open(t, answer('500')));
  assert.equal(nameless.message, 'the service answered 500');
});

test("a success that says no is the code's error", async (t) => {
  const error = await failure(await Link.open(t, json('200 OK', { code: 404, msg: 'gone', error: 'more' })));
  assert.equal(error.constructor, NotFoundError);
  assert.deepEqual([error.statusCode, error.code, error.message, error.error], [200, 404, 'gone', 'more']);
});

test("Acontext's code of another status is kept", async (t) => {
  const error = await failure(await Link.open(t, json('400 Bad Request', { code: 500, msg: 'database error' })));
  assert.equal(error.constructor, InvalidRequestError);
  assert.deepEqual([error.statusCode, error.code], [400, 500]);
});

test('a time to come back is a number of seconds or a date, and nothing else', async () => {
  const asked = async (headers) => {
    const fetch = async () => new Response(null, { status: 503, headers });
    return (await newClient({ fetch, maxRetries: 0 }).ping().catch((error) => error)).retryAfter;
  };
  assert.equal(await asked({ 'Retry-After': '7' }), 7);
  // By the sender's clock, which is years off.
  const Date = 'Sun, 06 Nov 1994 08:49:33 GMT';
  for (const text of ['Sun, 06 Nov 1994 08:49:37 GMT', 'Sunday, 06-Nov-94 08:49:37 GMT', 'Sun Nov  6 08:49:37 1994']) {
    assert.equal(await asked({ Date, 'Retry-After': text }), 4, text);
    assert.equal(await asked({ 'Retry-After': text }), 0, text);
  }
  for (const text of ['', '1.5', '-1', '+5', 'soon', '2099-01-01', 'Wed, 99 Jan 2099 07:28:00 GMT', '1 Jan 2099 07:28 +0000']) {
    assert.equal(await asked({ 'Retry-After': text }), undefined, text);
  }
});

test('names of Acontext are there', () => {
  assert.equal(AcontextClient, SkillRelayClient);
  assert.equal(AcontextError, SkillRelayError);
  for (const type of [APIError, TransportError, TimeoutError]) assert.ok(type.prototype instanceof AcontextError);
  const error = new APIError({ statusCode: 418, message: 'teapot' });
  assert.equal(String(error), 'APIError: teapot');
});

test('no token is ever told', async (t) => {
  const told = [inspect(client, { depth: 10, showHidden: true }), JSON.stringify(client)];
  const { session, task } = await learningSession();
  for (const fault of ['drop', 'loseAnswer', 'cutAnswer', 'hang', answer('401 Unauthorized'), answer('200 OK')]) {
    const link = await Link.open(t, fault);
    const error = await newClient({ baseUrl: link.url, maxRetries: 0, timeout: 200 })
      .sessions.updateTaskStatus(session.id, task.id, { status: 'success' })
      .catch((error) => error);
    assert.ok(error instanceof SkillRelayError);
    told.push(inspect(error, { depth: 10, showHidden: true }), error.message, error.stack, JSON.stringify(error));
  }
  for (const [apiKey, baseUrl] of [
    [`${token}\n${token}`, undefined],
    [`${token}\u00e9`, undefined],
    [token, `http://user:${token}@127.0.0.1`],
    [token, `htp:${token}`],
    [token, `http://127.0.0.1/?token=${token}`],
  ]) {
    assert.throws(() => new SkillRelayClient({ apiKey, baseUrl }), (error) => told.push(inspect(error)) > 0);
  }
  const secret = token.slice(-12);
  for (const text of told) assert.ok(!text.includes(secret), text);
});
