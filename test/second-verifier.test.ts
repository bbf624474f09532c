// docs/verify.py, the second verifier, on real and on manipulated exports. It was written from docs/log-format.md alone, so it also
// shows that the document is complete.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { randomOf } from '../scripts/random.js';
import { describeWith } from './engines.js';
import { everyOr } from './every-case.js';
import { createTestLog, fileOf, type TestLog } from './exported-log.js';
import { commerce } from './running-shop.js';
import { manipulations } from './tampered-exports.js';

const run = promisify(execFile);
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);

describeWith([], `The second verifier (SEED=${SEED})`, function () {
  this.timeout(300_000);
  const random = randomOf(SEED);
  let folder: string;
  let log: TestLog;
  let keyFile: string;
  before(async function () {
    const hasTools = await Promise.all([run('python3', ['--version']), run('openssl', ['version'])]).catch(() => false);
    if (!hasTools) this.skip();
    folder = await mkdtemp(join(tmpdir(), 'second-'));
    log = createTestLog(random);
    keyFile = await fileOf(folder, log.publicKeyText(), '.pub');
  });
  after(() => rm(folder, { recursive: true }));

  /** Exit code and output. */
  async function verify(content: string | Buffer, ...key: string[]): Promise<{ code: number; output: string }> {
    const file = await fileOf(folder, content);
    try {
      const { stdout } = await run('python3', ['docs/verify.py', file, ...key]);
      return { code: 0, output: stdout };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, output: stdout + stderr };
    }
  }

  it('accepts clean exports, whole and in part', async () => {
    await log.grow(150);
    const middle = log.now();
    await log.grow(50);
    for (const selection of [
      {},
      { category: 'note' },
      { from: middle },
      { to: middle },
      { from: middle, category: 'memo' },
    ]) {
      const { text } = await log.exported(selection);
      const { code, output } = await verify(gzipSync(text), keyFile);
      expect(output).to.include('the signature is valid');
      expect(code, output).to.equal(0);
    }
    const { text } = await log.exported();
    const unsigned = await verify(text);
    expect(unsigned.output).to.include('signature not checked');
    expect(unsigned.code).to.equal(0);
  });

  it('says like the first one how many commits are not signed', async () => {
    const partly = createTestLog(random);
    await partly.grow(20);
    await partly.exported();
    await partly.grow(3);
    const { text } = await partly.exported({ isArchived: false });
    const key = await fileOf(folder, partly.publicKeyText(), '.pub');
    const second = await verify(text, key);
    expect(second.output).to.include('3 commits are not signed');
    const first = await commerce(['verify', await fileOf(folder, text), '--public-key', key]);
    expect(first.stdout).to.include('3 commits are not signed').and.not.include('The signature is valid.');
    expect([first.code, second.code]).to.deep.equal([0, 0]);
  });

  it('refuses another key', async () => {
    const other = createTestLog(random);
    const otherKey = await fileOf(folder, other.publicKeyText(), '.pub');
    const { code, output } = await verify((await log.exported()).text, otherKey);
    expect(output).to.include('not signed with this key');
    expect(code).to.equal(3);
  });

  it('says what is wrong without a traceback, and stops after many bad lines', async () => {
    const { text } = await log.exported();
    const deep = `${'['.repeat(100_000)}`;
    const changedEnd = (change: (end: string) => string) => text.replace(/^\{"commits":.*$/m, change);
    for (const [content, code] of [
      [changedEnd((end) => end.replace(/"commits":\d+/, '"commits":"x"')), 3],
      [changedEnd((end) => end.replace(/"commits":\d+/, '"commits":NaN')), 3],
      [changedEnd((end) => end.replace(/"commits":(\d+)/, '"commits":$1.0')), 3],
      [changedEnd((end) => end.replace(/"tips":\{.*?\}/, '"tips":[]')), 3],
      [changedEnd((end) => end.replace(/,"sha256":.*/, '}')), 3],
      [changedEnd((end) => end.replace('"gaps":""', '"gaps":"!!!!"')), 3],
      [changedEnd(() => `{"commits":${deep}`), 3],
      [text.replace('}\n', ',"from":null}\n'), 3],
      [text.replace('}\n', ',"to":"~"}\n'), 3],
      [text.replace(/^.*$/m, deep), 3],
      ['c2sp.org/tlog-proof@v1\n', 3],
      [gzipSync(Buffer.alloc(5_000_000, '\n')), 3],
    ] as const) {
      const found = await verify(content, keyFile);
      expect(found.output).to.not.include('Traceback');
      expect(found.code, found.output.slice(0, 500)).to.equal(code);
      expect(found.output.split('\n').length).to.be.below(1_010);
    }
    expect((await verify(text, join(folder, 'none'))).code).to.equal(1);
    expect((await verify(text, keyFile, 'more')).code).to.equal(2);
  });

  it('finds manipulations', async () => {
    const { text } = await log.exported();
    const foreign = createTestLog(random, 'commerce-core/other');
    await foreign.grow(20);
    const other = (await foreign.exported()).text;
    const all = Object.entries(manipulations);
    const few = all.filter((_, n) => (n + SEED) % 8 === 0);
    for (const [name, manipulate] of everyOr(all, few)) {
      let made = manipulate(text, random, other);
      for (let attempt = 0; !made && attempt < 50; attempt++) made = manipulate(text, random, other);
      if (!made) throw new Error('this manipulation changes nothing');
      const { code, output } = await verify(made.text, keyFile);
      expect(output, name).to.not.include('Traceback');
      expect(code, `${name}: ${output}`).to.equal(3);
    }
  });
});
