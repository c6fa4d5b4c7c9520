// The README's examples are one program, in pieces: it must compile, run, and print what its comments say.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { client, sql, token, url } from './support/environment.mjs';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
const readme = readFileSync(`${root}README.md`, 'utf8');

const program = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code).join('\n');
const compiled = `${root}build/readme.js`;

before(async () => {
  mkdirSync(`${root}build`, { recursive: true });
  writeFileSync(`${root}build/readme.ts`, program);
  await run('tsc', ['--project', 'test/tsconfig.readme.json'], { cwd: root }).catch(({ stdout }) => assert.fail(stdout));
});

test('the examples of the README print what they say', async (t) => {
  const expected = [...program.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, text]) => text);
  // Who learns, in place of a worker.
  const worker = setInterval(() => {
    sql(`UPDATE learning_space_sessions SET status = 'completed' WHERE learning_space_id IN
      (SELECT id FROM learning_spaces WHERE meta @> '{"from": "README"}')`).catch(() => {});
  }, 500);
  t.after(() => clearInterval(worker));
  const env = { ...process.env, SKILLRELAY_API_KEY: token, SKILLRELAY_BASE_URL: url };
  const { stdout } = await run(process.execPath, [compiled], { env, timeout: 60_000 });
  assert.deepEqual(stdout.trimEnd().split('\n'), expected);
});

test('the README names every method', () => {
  const table = readme.slice(readme.indexOf('## All methods'), readme.indexOf('## Options'));
  for (const api of [client, client.sessions, client.learningSpaces, client.users]) {
    for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(api))) {
      if (name !== 'constructor') assert.ok(table.includes(`\`${name}\``), name);
    }
  }
});
