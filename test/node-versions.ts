// `npm run test:node [-- VERSION…]`: runs the tests without engines, and `start` with `demo`, on each of the newer Node versions.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { the } from './the.js';

const VERSIONS = process.argv.length > 2 ? process.argv.slice(2) : ['24', '26'];

/** For a busy machine. */
const LONGEST_STEP_MS = 120_000;
const POLL_MS = 100;

const ROOT = join(import.meta.dirname, '..');

for (const version of VERSIONS) {
  const bin = install(version);
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
  console.log(`\nNode ${execFileSync('node', ['--version'], { env, encoding: 'utf8' }).trim()}`);
  const longer = ['--timeout', String(LONGEST_STEP_MS)];
  execFileSync('npm', ['run', '--silent', 'test:unit', '--', ...longer], { cwd: ROOT, env, stdio: 'inherit' });
  await startAndDemo(env);
}

/** Installs it once through npm's package `node`. Returns the program's folder. */
function install(version: string): string {
  const folder = join(ROOT, '.node', version);
  const bin = join(folder, 'node_modules', 'node', 'bin');
  if (!existsSync(join(bin, 'node'))) {
    const args = ['install', '--prefix', folder, '--no-audit', '--no-fund', '--loglevel', 'error', `node@${version}`];
    execFileSync('npm', args, { cwd: tmpdir(), stdio: 'inherit' });
  }
  return bin;
}

async function startAndDemo(env: NodeJS.ProcessEnv): Promise<void> {
  const data = mkdtempSync(join(tmpdir(), 'commerce-node-'));
  chmodSync(data, 0o755); // as root, Postgres runs as another user
  const own = Object.fromEntries(Object.entries(env).filter(([name]) => !/^COMMERCE_|_URL$/.test(name)));
  const options = { cwd: ROOT, env: own };
  const start = spawn('node', ['commerce.mjs', 'start', '--port', '0', '--data', data], options);
  try {
    const url = await addressOf(start);
    const demo = execFileSync('node', ['commerce.mjs', 'demo', '--url', url, '--data', data], {
      ...options,
      encoding: 'utf8',
      timeout: LONGEST_STEP_MS,
    });
    start.kill('SIGTERM');
    const [code] = await once(start, 'exit');
    if (code !== 0) throw new Error(`start ended with ${code}`);
    console.log(`start and demo: ${demo.trim().split('\n').at(-1)}`);
  } finally {
    start.kill('SIGKILL');
    rmSync(data, { recursive: true, force: true });
  }
}

async function addressOf(start: ChildProcess): Promise<string> {
  let output = '';
  for (const stream of [start.stdout, start.stderr]) stream?.setEncoding('utf8').on('data', (text) => (output += text));
  for (let waited = 0; waited < LONGEST_STEP_MS; waited += POLL_MS) {
    if (output.includes('Ctrl-C stops it.')) return the(/http:\/\/[\d.]+:\d+/.exec(output))[0];
    if (start.exitCode !== null) break;
    await delay(POLL_MS);
  }
  throw new Error(`start is not ready:\n${output}`);
}
