import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { RequestTimeoutError, SkillRelayClient } from '@skillrelay/client';
import { token, url } from './support/environment.mjs';
import { Link } from './support/link.mjs';

const prefixes = ['SKILLRELAY', 'ACONTEXT'];
const names = ['API_KEY', 'BASE_URL', 'TIMEOUT', 'USER_AGENT'];
afterEach(() => {
  for (const prefix of prefixes) for (const name of names) delete process.env[`${prefix}_${name}`];
});

test('everything may come from the environment, and an argument is stronger', async (t) => {
  const link = await Link.open(t);
  for (const prefix of [...prefixes].reverse()) {
    process.env[`${prefix}_API_KEY`] = token;
    process.env[`${prefix}_BASE_URL`] = link.url;
    process.env[`${prefix}_TIMEOUT`] = '9000';
    process.env[`${prefix}_USER_AGENT`] = `from ${prefix}`;
    assert.equal(await new SkillRelayClient().ping(), 'pong');
    assert.equal(link.header('user-agent'), `from ${prefix}`);
  }
  assert.equal(await new SkillRelayClient({ userAgent: 'given' }).ping(), 'pong');
  assert.equal(link.header('user-agent'), 'given');
  assert.equal(new SkillRelayClient({ baseUrl: 'http://localhost/' }).baseUrl, 'http://localhost');
});

test('a timeout of the environment is in seconds; that of Acontext in milliseconds', async () => {
  const unanswered = (_, { signal }) => new Promise((_, reject) => signal.addEventListener('abort', reject));
  const late = async (milliseconds) => {
    const error = await new SkillRelayClient({ apiKey: 'a', fetch: unanswered, maxRetries: 0 }).ping().catch((error) => error);
    assert.ok(error instanceof RequestTimeoutError);
    assert.equal(error.message, `GET was not answered within ${milliseconds} ms`);
  };
  process.env.ACONTEXT_TIMEOUT = '40';
  await late(40);
  process.env.SKILLRELAY_TIMEOUT = '0.05';
  await late(50);
});

test('requests say who sends them, and that they want JSON', async (t) => {
  const link = await Link.open(t);
  await new SkillRelayClient({ apiKey: ` ${token}\n`, baseUrl: `${link.url}//` }).ping();
  assert.match(link.header('user-agent'), /^skillrelay-ts\/\d+\.\d+\.\d+$/);
  assert.equal(link.header('accept'), 'application/json');
  assert.equal(link.header('authorization'), `Bearer ${token}`);
});

test('without a base URL it is the service on this machine', () => {
  assert.equal(new SkillRelayClient({ apiKey: 'a' }).baseUrl, 'http://127.0.0.1:8029/api/v1');
});

test('what is missing or wrong is said at once', () => {
  for (const [options, message] of [
    [{}, /apiKey is required.*SKILLRELAY_API_KEY/],
    [{ apiKey: ' ' }, /apiKey is required/],
    [{ apiKey: 'a b' }, /visible ASCII/],
    [{ apiKey: 'a', baseUrl: '127.0.0.1:8029' }, /baseUrl/],
    [{ apiKey: 'a', baseUrl: 'ftp://x' }, /http:\/\/ or https:\/\//],
    [{ apiKey: 'a', baseUrl: 'http://a:b@c' }, /user or a password/],
    [{ apiKey: 'a', baseUrl: 'http://a/?b=c' }, /query/],
    [{ apiKey: 'a', timeout: 0 }, /timeout/],
    [{ apiKey: 'a', maxRetries: -1 }, /maxRetries/],
    [{ apiKey: 'a', maxRetries: Number.NaN }, /maxRetries/],
  ]) {
    assert.throws(() => new SkillRelayClient(options), { message });
  }
  process.env.SKILLRELAY_TIMEOUT = 'soon';
  assert.throws(() => new SkillRelayClient({ apiKey: 'a', baseUrl: url }), /timeout/);
});

test('a key that the service would refuse is not sent', async () => {
  const client = new SkillRelayClient({ apiKey: 'a', baseUrl: url });
  for (const idempotencyKey of ['', 'a b', 'a\n', '\u00e9', 'a'.repeat(256)]) {
    await assert.rejects(client.sessions.create({ idempotencyKey }), TypeError);
  }
});
