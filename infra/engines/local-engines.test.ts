// Starting, joining and stopping a local engine. The example needs no installation: a tiny web server.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { describeWith } from '../../test/engines.js';
import type { EngineDefinition } from './definitions.js';
import { ENGINES } from './definitions.js';
import { EngineUnavailable } from './errors.js';
import { runningEngine, startEngine, stopEngine } from './local-engines.js';
import { freePort } from './processes.js';

describeWith([], 'A local engine', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'commerce-engine-'));
  });

  afterEach(async () => {
    await stopEngine(folder);
    await rm(folder, { recursive: true });
  });

  it('is one process, however many callers start it at the same time', async () => {
    const [first, ...others] = await Promise.all([1, 2, 3].map(() => startEngine(sample, folder)));
    expect(others).to.deep.equal([first, first]);
    expect(await answer(first?.address)).to.equal('hello');
  });

  it('listens on the given port', async () => {
    const port = await freePort();
    expect((await startEngine(sample, folder, port)).address).to.equal(`http://127.0.0.1:${port}`);
  });

  it('keeps its address when it is started again after a stop or a kill', async () => {
    const first = await startEngine(sample, folder);
    await stopEngine(folder);
    const second = await startEngine(sample, folder);
    process.kill(second.pid, 'SIGKILL');
    while (await runningEngine(folder)) await new Promise(setImmediate);
    const third = await startEngine(sample, folder);
    expect([second.address, third.address]).to.deep.equal([first.address, first.address]);
    expect(new Set([first.pid, second.pid, third.pid]).size).to.equal(3);
  });

  it('is not confused with another program that has its pid', async () => {
    const started = await startEngine(sample, folder);
    await stopEngine(folder);
    await writeFile(join(folder, 'state.json'), JSON.stringify({ ...started, pid: process.pid }));
    expect(await runningEngine(folder)).to.equal(undefined);
    expect(await stopEngine(folder)).to.equal(undefined);
    expect((await startEngine(sample, folder)).pid).to.not.equal(process.pid);
  });

  it('is killed if it does not stop when asked', async () => {
    const stubborn = withScript(`process.on('SIGTERM', () => {}); ${SERVE}`);
    const { address } = await startEngine(stubborn, folder);
    await stopEngine(folder, 0);
    expect(await runningEngine(folder)).to.equal(undefined);
    expect(await answer(address).catch(() => 'nobody there')).to.equal('nobody there');
  });

  it('shows the end of its log when it does not start', async () => {
    const broken = withScript("console.error('the disk is full'); process.exit(1)");
    const error = await startEngine(broken, folder).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(EngineUnavailable).with.property('message').that.includes('the disk is full');
  });

  it('says what to install or set if it is not available', async () => {
    const { PATH, COMMERCE_ENGINES_DIR } = process.env;
    Object.assign(process.env, { PATH: '', COMMERCE_ENGINES_DIR: folder });
    try {
      const reasons = await Promise.all(
        ENGINES.map((engine) => startEngine(engine, join(folder, engine.name)).catch((error: Error) => error.message)),
      );
      expect(reasons).to.deep.equal([
        'ministack: not available: no `python3` on PATH; install Python 3.10 or newer with venv, or set AWS_ENDPOINT_URL',
        'mongodb: not available: no `python3` on PATH; install Python 3.10 or newer with venv, or set MONGODB_URL',
        'opensearch: not available: no working `mvn` on PATH; install a JDK 17 and Maven 3.8 or newer, or set OPENSEARCH_URL',
        'redis: not available: no `python3` on PATH; install Python 3.10 or newer with venv, or set REDIS_URL',
      ]);
    } finally {
      restore({ PATH, COMMERCE_ENGINES_DIR });
    }
  });

  it('writes its output to a file', async () => {
    await startEngine(withScript(`console.log('up'); ${SERVE}`), folder);
    expect(await readFile(join(folder, 'log'), 'utf8')).to.equal('up\n');
  });
});

const SERVE =
  "require('node:http').createServer((_, r) => r.end('hello')).listen(Number(process.argv[2]), '127.0.0.1')";

const withScript = (script: string): EngineDefinition => ({
  name: 'redis',
  serves: 'a sample',
  variable: 'SAMPLE_URL',
  version: async () => '1',
  command: async (folder, port) => ({ program: process.execPath, args: ['-e', script, folder, String(port)] }),
  address: (port) => `http://127.0.0.1:${port}`,
  isReady: (port) =>
    answer(`http://127.0.0.1:${port}`).then(
      () => true,
      () => false,
    ),
});

const sample = withScript(SERVE);

const answer = async (address = ''): Promise<string> => (await fetch(address)).text();

function restore(variables: Record<string, string | undefined>): void {
  for (const [name, value] of Object.entries(variables)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}
