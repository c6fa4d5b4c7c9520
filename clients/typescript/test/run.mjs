// Runs the tests, against the service that SKILLRELAY_TEST_URL names, or one that it starts and stops.
//
//   node test/run.mjs              all of them
//   node test/run.mjs network      those in network.test.mjs
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startService } from './support/service.mjs';

const directory = fileURLToPath(new URL('.', import.meta.url));
const asked = process.argv.slice(2);
const files = readdirSync(directory)
  .filter((name) => name.endsWith('.test.mjs') && (asked.length === 0 || asked.includes(name.replace('.test.mjs', ''))))
  .map((name) => directory + name);

const service = process.env.SKILLRELAY_TEST_URL ? undefined : await startService();
try {
  const environment = service && {
    SKILLRELAY_TEST_URL: service.url,
    SKILLRELAY_TEST_TOKEN: service.token,
    SKILLRELAY_TEST_DATABASE_URL: service.database,
    ROOT_SECRET_PEPPER: service.pepper,
  };
  // The client reads these, too: each test says what it wants.
  const { SKILLRELAY_API_KEY, SKILLRELAY_BASE_URL, SKILLRELAY_TIMEOUT, SKILLRELAY_USER_AGENT, ...rest } = process.env;
  const tests = spawn(process.execPath, ['--test', '--test-reporter=spec', ...files], {
    env: { ...rest, ...environment },
    stdio: 'inherit',
  });
  const [code] = await once(tests, 'exit');
  process.exitCode = code ?? 1;
} finally {
  await service?.stop();
}
