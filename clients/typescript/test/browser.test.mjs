// The built files, as they are, in a browser; the page has the API at its own origin, as a proxy would give it.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { eventsOf, token, unknownId, url } from './support/environment.mjs';

const browser = 'chromium';
const hasBrowser = await promisify(execFile)(browser, ['--version']).then(() => true, () => false);

const page = `<!doctype html><script type="module">
  const result = {};
  try {
    const { FileUpload, NotFoundError, SkillRelayClient } = await import('/dist/index.js');
    const client = new SkillRelayClient({ apiKey: '${token}', baseUrl: location.origin + '/api/v1' });
    result.process = typeof process;
    result.ping = await client.ping();
    const session = await client.sessions.create({ disableTaskStatusChange: true });
    const task = await client.sessions.createTask(session.id, { taskDescription: 'In a browser' });
    result.task = (await client.sessions.updateTaskStatus(session.id, task.id, { status: 'success' })).id;
    const tasks = [];
    for await (const { status } of client.sessions.iterTasks(session.id)) tasks.push(status);
    result.tasks = tasks;
    result.missing = await client.learningSpaces.get('${unknownId}').catch((error) => error instanceof NotFoundError);
    result.aborted = await client.ping({ signal: AbortSignal.abort() }).catch(({ name }) => name);
    const file = new FileUpload({ filename: 'a.txt', content: new Blob(['a'], { type: 'text/plain' }) });
    result.form = await client.sessions
      .storeMessage('${unknownId}', { role: 'user', parts: [] }, { format: 'acontext', fileField: 'f', file, maxRetries: 0 })
      .catch(({ statusCode }) => statusCode);
  } catch (error) {
    result.error = String(error?.stack ?? error);
  }
  await fetch('/result', { method: 'POST', body: JSON.stringify(result) });
</script>`;

test('it works in a browser', { skip: !hasBrowser && `there is no ${browser}`, timeout: 120_000 }, async (t) => {
  const results = Promise.withResolvers?.() ?? {};
  results.promise ??= new Promise((resolve) => (results.resolve = resolve));
  const server = createServer((asked, answer) => {
    if (asked.url === '/') return answer.setHeader('Content-Type', 'text/html').end(page);
    if (asked.url === '/result') return asked.toArray().then((data) => results.resolve(Buffer.concat(data).toString()));
    if (asked.url.startsWith('/dist/')) {
      const file = fileURLToPath(new URL(`..${asked.url}`, import.meta.url));
      return answer.setHeader('Content-Type', 'text/javascript').end(readFileSync(file));
    }
    if (!asked.url.startsWith('/api/')) return answer.writeHead(404).end();
    const passed = request(new URL(asked.url, url), { method: asked.method, headers: asked.headers }, (answered) => {
      answer.writeHead(answered.statusCode, answered.headers);
      answered.pipe(answer);
    });
    asked.pipe(passed);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  t.after(() => server.closeAllConnections());
  const profile = mkdtempSync(join(tmpdir(), 'skillrelay-browser-'));
  // A group of its own: a browser is many processes.
  const chromium = spawn(
    browser,
    ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', `--user-data-dir=${profile}`,
      `http://127.0.0.1:${server.address().port}/`],
    { stdio: 'ignore', detached: true },
  );
  const exit = once(chromium, 'exit');
  t.after(async () => {
    process.kill(-chromium.pid, 'SIGKILL');
    await exit;
    rmSync(profile, { recursive: true, force: true, maxRetries: 10 });
  });
  const ended = exit.then(() => assert.fail('the browser ended'));
  const result = JSON.parse(await Promise.race([results.promise, ended]));
  assert.equal(result.error, undefined);
  assert.equal(result.process, 'undefined');
  assert.equal(result.ping, 'pong');
  assert.deepEqual(result.tasks, ['success']);
  assert.equal(result.missing, true);
  assert.equal(result.aborted, 'AbortError');
  assert.ok([400, 404].includes(result.form), `${result.form}`);
  assert.equal((await eventsOf(result.task)).length, 0);
});
