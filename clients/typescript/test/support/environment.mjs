import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { SkillRelayClient } from '@skillrelay/client';

const run = promisify(execFile);

/** The running service, its token, its database and its program: run.mjs and test.sh see to them, and to ROOT_SECRET_PEPPER. */
export const {
  SKILLRELAY_TEST_URL: url,
  SKILLRELAY_TEST_TOKEN: token,
  SKILLRELAY_TEST_DATABASE_URL: database,
  SKILLRELAY_BINARY: binary,
} = process.env;

export function newClient(options) {
  return new SkillRelayClient({ apiKey: token, baseUrl: url, timeout: 10_000, ...options });
}

export const client = newClient();

/** A client of a project of its own. */
export async function otherProject() {
  const env = { ...process.env, DATABASE_URL: database, SKILLRELAY_LOG_LEVEL: 'error' };
  const { stdout } = await run(binary, ['project', 'create', '--json'], { env });
  return newClient({ apiKey: JSON.parse(stdout).token });
}

export const unknownId = randomUUID();

/** A user, space or key that no other test has. */
export const unique = (prefix) => `${prefix}-${randomUUID()}`;

/** A session that a space learns, with a task. */
export async function learningSession() {
  const session = await client.sessions.create();
  const space = await client.learningSpaces.create();
  await client.learningSpaces.learn({ spaceId: space.id, sessionId: session.id });
  const task = await client.sessions.createTask(session.id, { taskDescription: 'File the report' });
  return { session, space, task };
}

/** What is to be, or was, sent because of a task. */
export async function eventsOf(taskId) {
  const env = { ...process.env, DATABASE_URL: database, SKILLRELAY_LOG_LEVEL: 'error' };
  const { stdout } = await run(binary, ['outbox', 'list', '--task', taskId, '--json'], { env });
  return JSON.parse(stdout).items;
}

export async function sql(text) {
  const { stdout } = await run('psql', ['--no-psqlrc', '-qAtc', text, database]);
  return stdout.trim();
}

export async function until(condition, what, milliseconds = 10_000) {
  const end = performance.now() + milliseconds;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`${what} did not come within ${milliseconds} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
