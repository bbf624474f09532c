// Messages to operators about errors of the operating system: tried on the real system, and with every error code that it may
// give.
import { mkdir, open, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { startServer } from '../infra/http/server.js';
import { describeWith } from '../test/engines.js';
import { commerce, endPrograms, freshFolder } from '../test/running-shop.js';
import { the } from '../test/the.js';
import { explain } from './errors.js';

async function failureOf(action: Promise<unknown>): Promise<unknown> {
  return action.then(
    () => expect.fail('this should have failed'),
    (error: unknown) => error,
  );
}

function expectOneLine(text: string): void {
  expect(text)
    .to.match(/^commerce: [^\n]+$/)
    .and.not.include('please report it');
}

describe('An error of the operating system', function () {
  this.timeout(60_000);
  afterEach(endPrograms);

  it('is reported in one line with the path', async () => {
    const folder = await freshFolder();
    const file = join(folder, 'file');
    await writeFile(file, '');
    await symlink('circle', join(folder, 'circle'));
    const attempts = [
      open(join(folder, 'missing', 'x'), 'r'),
      open(join(file, 'below'), 'w'),
      open(folder, 'w'),
      open(join(folder, 'circle'), 'r'),
      open(join(folder, 'x'.repeat(300)), 'w'),
      mkdir(file),
      mkdir('/proc/commerce'),
      readdir(file),
    ];
    for (const attempt of attempts) {
      const error = (await failureOf(attempt)) as NodeJS.ErrnoException;
      const told = explain(error);
      expectOneLine(told);
      expect(told).to.include(the(error.path)).and.include(the(error.code));
      expect(explain(new Error('outside', { cause: error }))).to.equal(told);
      expect(explain(new AggregateError([error]))).to.equal(told);
    }
  });

  it('is reported with the address, whatever the host', async () => {
    for (const host of ['203.0.113.7', 'no-such-host.invalid', '2001:db8::1', '300.1.1.1']) {
      const told = explain(await failureOf(startServer(() => {}, { port: 0, host })));
      expectOneLine(told);
      expect(told).to.include(host);
    }
  });

  describeWith([], 'a program', () => {
    it('is reported by every command', async () => {
      const belowProc = '/proc/commerce/data';
      for (const command of [['start', '--port', '0'], ['status'], ['token', '--role', 'ops']]) {
        const { code, stderr } = await commerce([...command, '--data', belowProc]);
        expect(code, command[0]).to.be.within(1, 2);
        expectOneLine(stderr.trim());
      }
      const folder = await freshFolder();
      const start = await commerce(['start', '--port', '0', '--host', '203.0.113.7', '--data', folder]);
      expect(start).to.include({ code: 1, stdout: '' });
      expectOneLine(start.stderr.trim());
      expect(await readdir(folder)).to.deep.equal([]);
    });
  });
});
