// Decisions that need neither a service nor time.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { APIError, TransportError, UnexpectedAnswerError } from '@skillrelay/client';
import { newIdempotencyKey } from '../dist/idempotency.js';
import { path, queryString } from '../dist/request.js';
import { retryDelay } from '../dist/retry.js';

const status = (statusCode, retryAfter) => new APIError({ statusCode, retryAfter });
const lost = new TransportError('lost');

test('pauses double up to a limit, and are drawn from all of their range', () => {
  const longest = [0, 1, 2, 3, 4, 5, 10_000].map((retry) => retryDelay(lost, retry, 5000, () => 1));
  assert.deepEqual(longest, [500, 1000, 2000, 4000, 5000, 5000, 5000]);
  assert.equal(retryDelay(lost, 3, 5000, () => 0), 0);
  // Drawn below the limit, not cut off at it: else most pauses would be the longest.
  assert.equal(retryDelay(lost, 10_000, 5000, () => 0.5), 2500);
  assert.equal(retryDelay(status(503, 2), 10_000, 5000, () => 0.5), 3500);
  const drawn = Array.from({ length: 1000 }, () => retryDelay(lost, 0, 5000));
  assert.ok(Math.min(...drawn) < 50 && Math.max(...drawn) > 450, 'the jitter is full');
});

test('a pause begins after what the service asks for', () => {
  assert.equal(retryDelay(status(503, 2), 0, 30_000, () => 0), 2000);
  assert.equal(retryDelay(status(503, 2), 1, 30_000, () => 1), 3000);
  assert.equal(retryDelay(status(429, 30), 0, 30_000, () => 1), 30_000);
  assert.equal(retryDelay(status(429, 31), 0, 30_000, () => 0), undefined);
});

test('only what may pass is repeated', () => {
  const isRepeated = (error) => retryDelay(error, 0, 30_000) !== undefined;
  for (const code of [429, 502, 503, 504]) assert.ok(isRepeated(status(code)), `${code}`);
  for (const code of [200, 400, 401, 403, 404, 408, 409, 413, 422, 500, 501]) assert.ok(!isRepeated(status(code)), `${code}`);
  assert.ok(isRepeated(status(409, 1)));
  assert.ok(!isRepeated(new UnexpectedAnswerError('x')));
  assert.ok(!isRepeated(new TypeError('x')));
});

test('keys are UUIDs with or without what the platform has', (t) => {
  const platforms = [
    globalThis.crypto,
    { getRandomValues: (bytes) => globalThis.crypto.getRandomValues(bytes) },
    { getRandomValues: (bytes) => bytes.fill(255) },
    {},
    undefined,
  ];
  const own = Object.getOwnPropertyDescriptor(globalThis, 'crypto');
  const native = globalThis.crypto;
  platforms[1] = { getRandomValues: (bytes) => native.getRandomValues(bytes) };
  t.after(() => Object.defineProperty(globalThis, 'crypto', own));
  for (const value of platforms) {
    Object.defineProperty(globalThis, 'crypto', { value, configurable: true });
    assert.match(newIdempotencyKey(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
  const keys = new Set(Array.from({ length: 10_000 }, () => newIdempotencyKey()));
  assert.equal(keys.size, 10_000);
});

test('what stands in a path is one segment of it', () => {
  assert.equal(path`/user/${'a/b?c#d%é'}/resources`, '/user/a%2Fb%3Fc%23d%25%C3%A9/resources');
  for (const segment of ['', '.', '..', undefined, null, 7]) assert.throws(() => path`/user/${segment}`, TypeError);
});

test('a query has what was given', () => {
  const query = { limit: 0, user: null, cursor: undefined, time_desc: false, q: 'a&b c' };
  assert.equal(queryString(query), '?limit=0&time_desc=false&q=a%26b+c');
  assert.equal(queryString({ user: undefined }), '');
});
