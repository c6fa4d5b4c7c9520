// The package as others get it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { token, url } from './support/environment.mjs';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const sources = readdirSync(join(root, 'dist'), { recursive: true }).filter((name) => /\.(js|d\.ts)$/.test(name));

/** Runs a module in a fresh Node. */
const node = (code, cwd = root) =>
  run(process.execPath, ['--input-type=module', '--eval', code], { cwd, env: { ...process.env, URL_: url, TOKEN: token } });

test('nothing is imported but its own files', () => {
  assert.ok(sources.includes('index.js') && sources.includes('index.d.ts'));
  for (const name of sources) {
    const text = readFileSync(join(root, 'dist', name), 'utf8');
    for (const [, from] of text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*['"]([^'"]+)['"]/g)) {
      assert.match(from, /^\.\.?\/.*\.js$/, `${name} imports ${from}`);
    }
    assert.doesNotMatch(text, /\brequire\(|\bBuffer\b|\bNodeJS\b/, name);
  }
  assert.deepEqual(manifest.dependencies ?? {}, {});
});

test('it works where there is neither a process nor crypto nor a File', async () => {
  const { stdout } = await node(`
    const { URL_: baseUrl, TOKEN: apiKey } = process.env;
    const { log } = console;
    for (const name of ['process', 'crypto', 'File']) {
      Object.defineProperty(globalThis, name, { value: undefined });
    }
    const { SkillRelayClient } = await import('@skillrelay/client');
    const client = new SkillRelayClient({ apiKey, baseUrl });
    const { id } = await client.sessions.create();
    const task = await client.sessions.createTask(id, { taskDescription: 'a' });
    log((await client.sessions.updateTaskStatus(id, task.id, { status: 'failed' })).status);
  `);
  assert.equal(stdout, 'failed\n');
});

test('a missing fetch is said to be missing', async () => {
  const { stdout } = await node(`
    delete globalThis.fetch;
    const { SkillRelayClient } = await import('@skillrelay/client');
    console.log(await new SkillRelayClient({ apiKey: 'a' }).ping().catch(String));
  `);
  assert.equal(stdout, 'SkillRelayError: there is no global fetch: use Node 18 or later, or pass one\n');
});

test('a program that is done ends', async () => {
  const start = performance.now();
  await node(`
    const { SkillRelayClient } = await import('@skillrelay/client');
    await new SkillRelayClient({ apiKey: process.env.TOKEN, baseUrl: process.env.URL_ }).ping({ timeout: 60_000 });
  `);
  assert.ok(performance.now() - start < 30_000);
});

test('it says its version', async () => {
  const { stdout } = await node(`
    const { SkillRelayClient } = await import('@skillrelay/client');
    const fetch = async (_, { headers }) => (console.log(headers['User-Agent']), Response.json({ code: 0, msg: 'pong' }));
    await new SkillRelayClient({ apiKey: 'a', fetch }).ping();
  `);
  assert.equal(stdout, `skillrelay-ts/${manifest.version}\n`);
});

const hasNpm = await run('npm', ['--version']).then(() => true, () => false);

test('it can be packed and installed', { skip: !hasNpm && 'there is no npm' }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'skillrelay-client-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const packed = await run('npm', ['pack', '--json', '--pack-destination', directory], { cwd: root });
  const [{ filename, files }] = JSON.parse(packed.stdout.slice(packed.stdout.indexOf('[')));
  const names = files.map(({ path }) => path);
  for (const name of ['LICENSE', 'README.md', 'package.json', 'dist/index.js', 'dist/index.d.ts']) assert.ok(names.includes(name), name);
  assert.ok(names.every((name) => /^(LICENSE|README\.md|package\.json|dist\/.*\.(js|d\.ts))$/.test(name)), names.join());
  writeFileSync(join(directory, 'package.json'), '{"private":true}');
  // npm names files of scoped packages as it likes, and says so differently from version to version.
  const archive = readdirSync(directory).find((name) => name.endsWith('.tgz')) ?? filename;
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', `./${archive}`], { cwd: directory });
  const code = `console.log(Object.keys(await import('@skillrelay/client')).includes('SkillRelayClient'))`;
  assert.equal((await node(code, directory)).stdout, 'true\n');
});
