// Messages to operators about disks that accept no more data: real file systems that are full, read-only or limited, each in its
// own mount namespace, which ends with the program.
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { describeWith } from '../test/engines.js';
import { everyOr } from '../test/every-case.js';
import {
  callerAt,
  commerce,
  endPrograms,
  eventually,
  freshFolder,
  type Surroundings,
  startProgram,
} from '../test/running-shop.js';
import { the } from '../test/the.js';

const run = promisify(execFile);

/** The system user of Postgres must be able to enter it. */
const onTmpfs = (folder: string, size: string) => `mount -t tmpfs -o size=${size},mode=755 tmpfs ${folder}`;
const fill = (folder: string) => `{ dd if=/dev/zero of=${folder}/fill bs=4k 2>/dev/null || true; }`;

function expectOneLine(text: string): void {
  expect(text)
    .to.match(/^commerce: [^\n]+$/)
    .and.not.match(/please report it|\bat .*\.[jt]s:\d/);
}

describeWith([], 'A disk', function () {
  this.timeout(180_000);
  afterEach(endPrograms);

  describe('that is a file system of its own', () => {
    let disk: string;
    before(async function () {
      const folder = await freshFolder();
      try {
        if (process.getuid?.() !== 0) throw new Error('it takes root');
        await run('unshare', ['-m', '--propagation', 'private', 'sh', '-c', onTmpfs(folder, '64k')]);
      } catch (error) {
        console.error(`\n      this account may not mount (${(error as Error).message.split('\n')[0]}); skipped`);
        this.skip();
      }
    });
    beforeEach(async () => {
      disk = await freshFolder();
    });

    const within = (before: string): Surroundings => {
      return { shell: ['unshare', '-m', '--propagation', 'private', 'sh', '-ec'], before };
    };
    const start = () => ['start', '--port', '0', '--data', join(disk, 'data')];
    const told = async (before: string, args = start()) => {
      const { code, stderr, stdout } = await commerce(args, { COMMERCE_LOG: 'warn' }, within(before));
      expect(code, stdout + stderr).to.be.within(1, 2);
      expectOneLine(stderr.trim());
      return stderr;
    };

    for (const size of everyOr(['64k', '3m', '20m', '40m', '42m', '46m'], ['64k', '20m', '46m'])) {
      it(`that is too small for a new shop is reported (${size})`, async () => {
        expect(await told(onTmpfs(disk, size))).to.match(/free some space/);
      });
    }

    it('that is full or read-only is reported by every command', async () => {
      const full = `${onTmpfs(disk, '8m')}; mkdir ${disk}/data; ${fill(disk)}`;
      expect(await told(full)).to.match(/the disk is full; free some space/);
      expect(await told(full, ['status', '--data', join(disk, 'data')])).to.match(/the disk is full; free some space/);
      const closed = `${onTmpfs(disk, '8m')}; mkdir ${disk}/data; mount -o remount,ro ${disk}`;
      for (const args of [
        start(),
        ['status', '--data', join(disk, 'data')],
        ['token', '--role', 'ops', '--data', join(disk, 'data')],
      ]) {
        expect(await told(closed, args), args[0]).to.match(/read-only/);
      }
    });

    it('that fills up while the shop runs fails writes, is reported, and is used again once there is room', async () => {
      const go = join(await freshFolder(), 'go');
      const room = join(await freshFolder(), 'room');
      const waitFor = (file: string) => `until [ -e ${file} ]; do sleep 0.1; done`;
      const filling = `( ${waitFor(go)}; ${fill(disk)}; touch ${go}.done; ${waitFor(room)}; rm ${disk}/fill; touch ${room}.done ) >/dev/null 2>&1 &`;
      const before = `${onTmpfs(disk, '160m')}; ${filling} true`;
      const program = await startProgram(start(), { COMMERCE_LOG: 'warn' }, within(before));
      await eventually('it runs', () => expect(program.stdout()).to.include('Ctrl-C stops it.'));
      const [url] = the(/http:\/\/[^/\s]+/.exec(program.stdout()));
      const session = () => callerAt(url).post('/v1/sessions', {});
      await writeFile(go, '');
      await eventually('requests fail', async () => expect((await session()).status).to.equal(503));
      await eventually('the log names the reason', () =>
        expect(program.stderr()).to.match(/No space left on device; free some space on its disk/),
      );
      expect(program.stderr()).not.to.match(/please report it|"stack"/);
      await writeFile(room, '');
      await eventually('requests succeed again', async () => expect((await session()).status).to.equal(201));
      program.kill('SIGTERM');
      expect(await program.exited).to.deep.equal({ code: 0, signal: null });
    });
  });

  it('with a limit on file sizes is reported', async () => {
    for (const blocks of ['1', '8192']) {
      const folder = await freshFolder();
      const args = ['start', '--port', '0', '--data', join(folder, 'data')];
      const { code, stderr } = await commerce(args, {}, { shell: ['sh', '-ec'], before: `ulimit -f ${blocks}` });
      expect(code).to.equal(1);
      expectOneLine(stderr.trim());
      expect(stderr).to.match(/raise the limit/);
    }
  });
});
