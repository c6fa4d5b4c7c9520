import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

/** A server of S3's protocol with one empty bucket: nanio (https://pypi.org/project/nanio/), the program that NANIO names. */
export async function startObjectStore() {
  if (!process.env.NANIO) throw new Error('S3_BUCKET or NANIO is needed');
  const [bucket, accessKey, secretKey] = ['assets', 'access-key', 'secret-key'];
  const folder = await mkdtemp(join(tmpdir(), 'objects-'));
  const port = await freePort();
  const store = spawn(
    process.env.NANIO,
    ['serve', '--host', '127.0.0.1', '--port', String(port), '--data-dir', folder, '--log-level', 'error', '--no-access-log'],
    { env: { NANIO_ACCESS_KEY: accessKey, NANIO_SECRET_KEY: secretKey }, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const url = `http://127.0.0.1:${port}`;
  const stop = async () => {
    const exit = once(store, 'exit');
    if (store.exitCode === null && store.kill('SIGKILL')) await exit;
    await rm(folder, { recursive: true });
  };
  try {
    await once(store, 'spawn');
    await mkdir(join(folder, bucket));
    while (!(await fetch(url).catch(() => false))) {
      if (store.exitCode !== null) throw new Error('the object store has ended');
      await setTimeout(50);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    /** The settings of a service that keeps its objects there. */
    environment: { S3_BUCKET: bucket, S3_ENDPOINT: url, S3_ACCESS_KEY: accessKey, S3_SECRET_KEY: secretKey },
    stop,
  };
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
