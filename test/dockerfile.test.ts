// The Dockerfile without Docker: what its last stage copies is laid out in a folder, where the program runs by the same commands.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { freePort } from '../infra/engines/processes.js';
import { describeWith } from './engines.js';
import { commerce, freshFolder } from './running-shop.js';
import { the } from './the.js';

const ROOT = join(import.meta.dirname, '..');
/** Copying them would take long. */
const LINKED = 'node_modules';
const LONGEST_START_MS = 60_000;

describeWith('postgres', 'The Dockerfile', function (engines) {
  this.timeout(120_000);

  it('copies all that the program needs, and its health check sees the program ready', async () => {
    const [, stage = ''] = (await readFile(join(ROOT, 'Dockerfile'), 'utf8'))
      .replaceAll('\\\n', '')
      .split(/\nFROM (?=.*\nENV)/);
    expect(stage).to.match(/^USER node$/m);
    await commerce(['--help'], {}); // builds what changed
    const folder = await freshFolder();
    for (const [, path] of stage.matchAll(/^COPY --from=build \/app\/(\S+) /gm)) {
      const [from, to] = [join(ROOT, the(path)), join(folder, 'app', the(path))];
      await mkdir(dirname(to), { recursive: true });
      if (path === LINKED) await symlink(from, to);
      else await cp(from, to, { recursive: true });
    }
    const port = `${await freePort()}`;
    const [entry, start, check] = ['ENTRYPOINT', 'CMD', 'HEALTHCHECK'].map((name) => listOf(stage, name, port));
    const [node, ...args] = [...the(entry), ...the(start)];
    expect(node).to.equal('node');
    const env = { ...process.env, COMMERCE_DATA: join(folder, 'data'), DATABASE_URL: await engines.freshDatabase() };
    const program = spawn(process.execPath, args, { cwd: join(folder, 'app'), env, stdio: 'ignore' });
    try {
      const until = Date.now() + LONGEST_START_MS;
      let code: unknown;
      while (code !== 0 && Date.now() < until && program.exitCode === null) {
        await delay(500);
        [code] = await once(spawn(process.execPath, the(check).slice(1), { stdio: 'ignore' }), 'exit');
      }
      expect(code).to.equal(0);
      const console = await fetch(`http://127.0.0.1:${port}/console`);
      expect(console.status).to.equal(200);
    } finally {
      program.kill('SIGTERM');
      if (program.exitCode === null) await once(program, 'exit');
    }
  });
});

/** The command of an instruction, with another port. A health check has its options before the command. */
function listOf(stage: string, instruction: string, port: string): string[] {
  const found = new RegExp(`^${instruction} (?:--.* CMD )?(\\[.*\\])$`, 'm').exec(stage);
  return JSON.parse(the(found?.[1]).replaceAll('3000', port));
}
