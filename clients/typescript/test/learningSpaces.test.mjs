import assert from 'node:assert/strict';
import { test } from 'node:test';
import { APIError, ConflictError, NotFoundError, TimeoutError, TransportError } from '@skillrelay/client';
import { client, eventsOf, learningSession, newClient, sql, unique, unknownId } from './support/environment.mjs';
import { answer, Link } from './support/link.mjs';

const spaces = client.learningSpaces;

test('create and get', async () => {
  const made = await spaces.create({ user: unique('user'), meta: { team: 7 } });
  assert.deepEqual(made.meta, { team: 7 });
  assert.deepEqual(await spaces.get(made.id), made);
  assert.equal((await spaces.create()).user_id, null);
  await assert.rejects(spaces.get(unknownId), NotFoundError);
});

test('list filters, and the iterator has all of them', async () => {
  const user = unique('user');
  const made = [];
  for (const team of [1, 2, 1]) made.push((await spaces.create({ user, meta: { team } })).id);
  const ids = (spaces) => spaces.map(({ id }) => id);
  assert.deepEqual(ids((await spaces.list({ user })).items), made);
  assert.deepEqual(ids((await spaces.list({ user, limit: 1, timeDesc: true })).items), made.slice(2));
  assert.deepEqual(ids((await spaces.list({ user, filterByMeta: { team: 1 } })).items), [made[0], made[2]]);
  const each = [];
  for await (const space of spaces.iterSpaces({ user, pageSize: 2 })) each.push(space.id);
  assert.deepEqual(each, made);
});

test('update merges the meta', async () => {
  const { id } = await spaces.create({ meta: { a: 1, b: 2 } });
  assert.deepEqual((await spaces.update(id, { meta: { b: 3, c: null } })).meta, { a: 1, b: 3, c: null });
});

test('a deleted space is gone', async () => {
  const { id } = await spaces.create();
  await spaces.delete(id);
  await assert.rejects(spaces.get(id), NotFoundError);
});

test('learn ties a session to a space, once', async () => {
  const { session, space } = await learningSession();
  await assert.rejects(spaces.learn({ spaceId: space.id, sessionId: session.id }), ConflictError);
  const other = await client.sessions.create();
  const tie = await spaces.learn({ spaceId: space.id, sessionId: other.id });
  assert.equal(tie.learning_space_id, space.id);
  assert.equal(tie.session_id, other.id);
  assert.equal(tie.status, 'pending');
});

test('learn sends includeFinished only when it is asked to', async (t) => {
  const link = await Link.open(t);
  const through = newClient({ baseUrl: link.url });
  const { id: spaceId } = await spaces.create();
  const { id: sessionId } = await client.sessions.create();
  await through.learningSpaces.learn({ spaceId, sessionId });
  assert.ok(link.requests[0].endsWith(`\r\n\r\n{"session_id":"${sessionId}"}`));
  const { id: other } = await client.sessions.create();
  await through.learningSpaces.learn({ spaceId, sessionId: other, includeFinished: true });
  assert.ok(link.requests[1].endsWith(`\r\n\r\n{"session_id":"${other}","include_finished":true}`));
});

test('learn learns from finished tasks when it is asked to', async () => {
  const { id: sessionId } = await client.sessions.create();
  const task = await client.sessions.createTask(sessionId, { taskDescription: 'Done before', status: 'success' });
  assert.equal((await eventsOf(task.id)).length, 0);
  const { id: spaceId } = await spaces.create();
  await spaces.learn({ spaceId, sessionId, includeFinished: true });
  assert.equal((await eventsOf(task.id)).length, 1);
});

test('sessions of a space are listed, and looked up', async () => {
  const { session, space } = await learningSession();
  const listed = await spaces.listSessions(space.id);
  assert.deepEqual(listed.map(({ session_id }) => session_id), [session.id]);
  assert.deepEqual(await spaces.getSession({ spaceId: space.id, sessionId: session.id }), listed[0]);
  await assert.rejects(spaces.getSession({ spaceId: space.id, sessionId: unknownId }), NotFoundError);
});

test('skills are included, listed and excluded', async () => {
  const { id: spaceId } = await spaces.create();
  const before = await spaces.listSkills(spaceId);
  const name = unique('skill');
  const skillId = await sql(`
    WITH project AS (SELECT project_id AS id FROM learning_spaces WHERE id = '${spaceId}'),
        disk AS (INSERT INTO disks (project_id) SELECT id FROM project RETURNING id, project_id)
    INSERT INTO agent_skills (project_id, name, description, disk_id) SELECT project_id, '${name}', 'How to', id FROM disk
    RETURNING id`);
  const included = await spaces.includeSkill({ spaceId, skillId });
  assert.equal(included.skill_id, skillId);
  await assert.rejects(spaces.includeSkill({ spaceId, skillId }), ConflictError);
  const skills = await spaces.listSkills(spaceId);
  assert.equal(skills.length, before.length + 1);
  assert.deepEqual(skills.find(({ id }) => id === skillId).file_index, []);
  await spaces.excludeSkill({ spaceId, skillId });
  await spaces.excludeSkill({ spaceId, skillId });
  assert.deepEqual(await spaces.listSkills(spaceId), before);
});

const learns = (session, status) =>
  sql(`UPDATE learning_space_sessions SET status = '${status}' WHERE session_id = '${session.id}'`);

for (const status of ['completed', 'failed']) {
  test(`waitForLearning waits until it has ${status}`, async () => {
    const { session, space } = await learningSession();
    const waits = spaces.waitForLearning({ spaceId: space.id, sessionId: session.id, timeout: 20, pollInterval: 0.05 });
    for (const step of ['distilling', 'a new word', status]) await learns(session, step);
    assert.equal((await waits).status, status);
  });
}

test('waitForLearning gives up in time, with the last status', async () => {
  const { session, space } = await learningSession();
  await learns(session, 'distilling');
  const start = performance.now();
  await assert.rejects(
    spaces.waitForLearning({ spaceId: space.id, sessionId: session.id, timeout: 0.3, pollInterval: 60 }),
    (error) => {
      assert.ok(error instanceof TimeoutError);
      assert.equal(
        error.message,
        `learning session ${session.id} did not complete within 0.3 s (last status: distilling)`,
      );
      return true;
    },
  );
  const waited = performance.now() - start;
  assert.ok(waited >= 300 && waited < 3000, `${waited} ms`);
});

test('waitForLearning looks at least once', async () => {
  const { session, space } = await learningSession();
  await learns(session, 'completed');
  const learned = await spaces.waitForLearning({ spaceId: space.id, sessionId: session.id, timeout: 0 });
  assert.equal(learned.status, 'completed');
});

test('waitForLearning goes on while the service is away, or says that it is', async (t) => {
  const { session, space } = await learningSession();
  await learns(session, 'completed');
  const link = await Link.open(t, 'drop', 'cutAnswer', answer('503 Service Unavailable'));
  const tie = { spaceId: space.id, sessionId: session.id, pollInterval: 0.01 };
  const impatient = newClient({ baseUrl: link.url, maxRetries: 0 });
  assert.equal((await impatient.learningSpaces.waitForLearning(tie)).status, 'completed');
  assert.equal(link.requests.length, 4);
  await link.close();
  await assert.rejects(impatient.learningSpaces.waitForLearning({ ...tie, timeout: 0.2 }), (error) => {
    assert.ok(error instanceof TimeoutError && error.cause instanceof TransportError);
    assert.match(error.message, /\(last failure: TransportError: .*ECONNREFUSED/);
    return true;
  });
});

test('waitForLearning looks no sooner than the service asks, and is over in time', async (t) => {
  const { session, space } = await learningSession();
  await learns(session, 'completed');
  const wait = async (link, timeout) => {
    const start = performance.now();
    const tie = { spaceId: space.id, sessionId: session.id, pollInterval: 0.01, timeout };
    const outcome = await newClient({ baseUrl: link.url }).learningSpaces.waitForLearning(tie).catch((error) => error);
    return [outcome, performance.now() - start];
  };
  const busy = (seconds) => answer('503 Service Unavailable', { 'Retry-After': seconds });
  const [learned, waited] = await wait(await Link.open(t, busy(1)), 20);
  assert.equal(learned.status, 'completed');
  assert.ok(waited >= 1000, `${waited} ms`);
  const link = await Link.open(t, busy(3600), busy(3600));
  const [late, bounded] = await wait(link, 0.3);
  assert.ok(late instanceof TimeoutError, String(late));
  assert.equal(link.requests.length, 2);
  assert.ok(bounded < 3000, `${bounded} ms`);
});

test('waitForLearning does not wait for what cannot come', async () => {
  await assert.rejects(
    newClient({ apiKey: 'sk-ac-wrong' }).learningSpaces.waitForLearning({ spaceId: unknownId, sessionId: unknownId }),
    APIError,
  );
});

test('waitForLearning gives up in time when nobody answers', async (t) => {
  const link = await Link.open(t, 'hang');
  const start = performance.now();
  await assert.rejects(
    newClient({ baseUrl: link.url, timeout: 60_000 }).learningSpaces.waitForLearning({
      spaceId: unknownId,
      sessionId: unknownId,
      timeout: 1.2,
    }),
    TimeoutError,
  );
  assert.ok(performance.now() - start < 5000);
});

test('waitForLearning ends with its signal', async () => {
  const { session, space } = await learningSession();
  const signal = AbortSignal.timeout(200);
  await assert.rejects(
    spaces.waitForLearning({ spaceId: space.id, sessionId: session.id, pollInterval: 60, signal }),
    (error) => error === signal.reason,
  );
});
