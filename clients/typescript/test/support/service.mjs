import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { startObjectStore } from './objectStore.mjs';

const run = promisify(execFile);

/**
 * A service of our own, on a database of its own. Needs SKILLRELAY_BINARY, DATABASE_URL and RABBITMQ_URL of servers to use, and an object
 * store: S3_BUCKET and what belongs to it, or NANIO to start one.
 */
export async function startService() {
  const { SKILLRELAY_BINARY: binary, DATABASE_URL: server, RABBITMQ_URL: broker } = process.env;
  if (!binary || !server || !broker) throw new Error('SKILLRELAY_BINARY, DATABASE_URL and RABBITMQ_URL are needed');
  const started = [];
  // The last one first, and the others whatever becomes of it.
  const stop = async () => {
    try {
      await started.pop()?.stop();
    } finally {
      if (started.length > 0) await stop();
    }
  };
  try {
    const store = process.env.S3_BUCKET ? undefined : await startObjectStore();
    if (store) started.push(store);
    const database = await createDatabase(server);
    started.push(database);
    const pepper = randomUUID();
    const environment = {
      ...process.env,
      ...store?.environment,
      DATABASE_URL: database.url,
      ROOT_SECRET_PEPPER: pepper,
      SKILLRELAY_PORT: '0',
      SKILLRELAY_LOG_LEVEL: 'notice',
      // No worker has a queue for them here.
      SKILLRELAY_MESSAGE_EVENTS: 'false',
    };
    await run(binary, ['migrate'], { env: environment });
    const project = await run(binary, ['project', 'create', '--json'], { env: environment });
    const service = spawn(binary, ['serve'], { env: environment, stdio: ['ignore', 'ignore', 'pipe'] });
    started.push({
      async stop() {
        const exit = once(service, 'exit');
        if (service.exitCode === null && service.kill('SIGTERM')) await exit;
      },
    });
    const url = `http://127.0.0.1:${await port(service)}/api/v1`;
    return { url, token: JSON.parse(project.stdout).token, database: database.url, pepper, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function createDatabase(server) {
  const name = `client_${randomUUID().replaceAll('-', '')}`;
  const ask = (text) => run('psql', ['--no-psqlrc', '-qc', text, server]);
  await ask(`CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = name;
  return { url: url.href, stop: () => ask(`DROP DATABASE ${name}`) };
}

/** The port that the log tells. The rest of the log is read, too, or the process would have to wait for a reader. */
function port(service) {
  const lines = [];
  return new Promise((resolve, reject) => {
    createInterface(service.stderr).on('line', (line) => {
      lines.push(line);
      const match = /listening .*port=(\d+)/.exec(line);
      if (match) resolve(match[1]);
    });
    service.on('exit', () => reject(new Error(`the service ended:\n${lines.join('\n')}`)));
  });
}
