// The program under a terminal, stopped at any moment: it leaves no process behind.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { describeWith } from './engines.js';
import { everyOr } from './every-case.js';
import { commerce, endPrograms, eventually, freshFolder, startShop } from './running-shop.js';

const TEST_TIMEOUT_MS = 600_000;

/** Moments of a first start: checking the build, creating a database, starting its server, filling the shop, running. */
const INSTANTS_MS = everyOr([100, 300, 600, 1_000, 1_500, 2_000, 3_000, 5_000, 8_000], [100, 600, 1_500, 3_000]);
const INSTANTS_OF_OTHER_SIGNALS_MS = everyOr([600, 1_500, 6_000], [1_500]);
const INSTANTS_OF_STATUS_MS = everyOr([200, 400, 700], [400]);

/** For a busy machine. */
const LONGEST_END_MS = 60_000;
const LONGEST_CLEANING_MS = 30_000;

const ROOT = join(import.meta.dirname, '..');

/** Runs a command as the foreground job of a new terminal, and sends the first argument as a terminal would. */
const TERMINAL = `
import os, pty, signal, sys, time
how, after, command = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
os.set_blocking(terminal, False)
def drain():
    try:
        while os.read(terminal, 65536): pass
    except OSError: pass
end = time.time() + after
while time.time() < end:
    drain()
    time.sleep(0.02)
if how == 'ctrl-c': os.write(terminal, b'\\x03')
elif how == 'twice': os.write(terminal, b'\\x03'); time.sleep(1.5); os.write(terminal, b'\\x03')
elif how == 'hang up': os.close(terminal)
else: os.kill(pid, getattr(signal, how))
while True:
    if how != 'hang up': drain()
    done, _ = os.waitpid(pid, os.WNOHANG)
    if done: break
    time.sleep(0.02)
`;

function underTerminal(how: string, afterMs: number, command: readonly string[]): ChildProcess {
  const environment = Object.entries(process.env).filter(([name]) => !/^COMMERCE_|_URL$/.test(name));
  return spawn('python3', ['-c', TERMINAL, how, String(afterMs / 1000), ...command], {
    cwd: ROOT,
    env: Object.fromEntries(environment),
    stdio: 'ignore',
  });
}

/** Command lines of all processes that mention the folder. */
async function processesOf(folder: string): Promise<string[]> {
  const lines = await Promise.all(
    (await readdir('/proc'))
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return lines.filter((line) => line.includes(folder)).map((line) => line.replaceAll('\0', ' '));
}

const isLinux = process.platform === 'linux';

describeWith([], 'A program that is stopped', function () {
  this.timeout(TEST_TIMEOUT_MS);
  before(function () {
    if (!isLinux) this.skip();
  });
  before(() => commerce(['--help'])); // built
  afterEach(endPrograms);

  async function expectNothingLeft(how: string, afterMs: number, begin: (data: string) => string[]): Promise<void> {
    const data = await freshFolder();
    await ended(underTerminal(how, afterMs, begin(data)), `${how} after ${afterMs} ms`);
    await nothingIsLeft(data, `${how} after ${afterMs} ms`);
    if (how !== 'SIGKILL') {
      const files = await readdir(join(data, 'postgres')).catch(() => []);
      expect(files.filter((name) => name.startsWith('cluster.new-') || name === 'lock')).to.deep.equal([]);
    }
  }

  /** Resolves when the terminal and its programs have ended. */
  async function ended(terminal: ChildProcess, when: string): Promise<void> {
    const [code] = await Promise.race([once(terminal, 'exit'), delay(LONGEST_END_MS, ['it goes on'], { ref: false })]);
    if (code !== 0) terminal.kill('SIGKILL');
    expect(code, when).to.equal(0);
  }

  function nothingIsLeft(data: string, when: string): Promise<void> {
    const look = async () => expect(await processesOf(data)).to.deep.equal([]);
    return eventually(`nothing is left, ${when}`, async () => void (await look()), LONGEST_CLEANING_MS);
  }

  const byNpm = (data: string) => ['npm', 'start', '--silent', '--', '--port', '0', '--data', data];
  const byNode = (data: string) => ['node', 'commerce.mjs', 'start', '--port', '0', '--data', data];

  for (const afterMs of INSTANTS_MS) {
    it(`by Ctrl-C under npm ${afterMs} ms after a first start leaves nothing behind`, () =>
      expectNothingLeft('ctrl-c', afterMs, byNpm));
  }

  for (const how of ['SIGTERM', 'SIGHUP', 'hang up', 'twice', 'SIGKILL']) {
    it(`by ${how} to npm leaves nothing behind`, async () => {
      for (const afterMs of INSTANTS_OF_OTHER_SIGNALS_MS) await expectNothingLeft(how, afterMs, byNpm);
    });
  }

  it('by any signal without npm leaves nothing behind', async () => {
    const signals = everyOr(['ctrl-c', 'SIGTERM', 'SIGHUP', 'hang up', 'twice'], ['ctrl-c', 'SIGTERM', 'hang up']);
    for (const how of signals) await expectNothingLeft(how, 1_000, byNode);
  });

  it('while another command reads the shop leaves nothing behind', async () => {
    const data = await freshFolder();
    await (await startShop({ COMMERCE_DATA: data })).stop();
    for (const afterMs of INSTANTS_OF_STATUS_MS) {
      const status = ['node', 'dist/commerce.js', 'status', '--data', data];
      await ended(underTerminal('ctrl-c', afterMs, status), `status after ${afterMs} ms`);
      await nothingIsLeft(data, `status after ${afterMs} ms`);
    }
  });

  it('by SIGKILL leaves a server that the next start takes over', async () => {
    const data = await freshFolder();
    const killed = await startShop({ COMMERCE_DATA: data });
    killed.program.kill('SIGKILL');
    await killed.program.exited;
    expect(await processesOf(data)).not.to.deep.equal([]);
    await (await startShop({ COMMERCE_DATA: data })).stop();
    await nothingIsLeft(data, 'after the second');
  });
});
