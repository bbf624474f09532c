import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { randomOf } from '../../scripts/random.js';
import { createTestLog, fileOf } from '../../test/exported-log.js';
import { the } from '../../test/the.js';
import { verifyFile } from './verify-file.js';

describe('An export', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'export-'));
  });
  after(() => rm(folder, { recursive: true }));

  it('of a whole log is sound, plain and gzip, with and without the key', async () => {
    const log = createTestLog(randomOf(1));
    await log.grow(300);
    const { text, result } = await log.exported();
    expect(result).to.include({ commits: 300, covered: 300, size: 300 });
    for (const content of [text, gzipSync(text)]) {
      const report = await verifyFile(await fileOf(folder, content), { publicKey: log.publicKey });
      expect(report.problems).to.deep.equal([]);
      expect(report).to.include({ commits: 300, covered: 300, streams: log.streams().length });
      expect(report.checkpoint).to.include({ origin: 'commerce-core/test', size: 300, signature: 'valid' });
    }
    const report = await verifyFile(await fileOf(folder, text));
    expect(report.problems).to.deep.equal([]);
    expect(report.checkpoint).to.include({ signature: 'not checked' });
  });

  it('of a part of the log is sound, and each of its commits is covered', async () => {
    const log = createTestLog(randomOf(2));
    await log.grow(150);
    const middle = log.now();
    await log.grow(150);
    const selections = [
      { category: 'memo' },
      { category: 'none' },
      { from: middle },
      { to: middle },
      { from: middle - 2_000, to: middle + 500 },
      { from: middle - 2_000, category: 'note' },
      { from: log.now() + 1 },
    ];
    for (const selection of selections) {
      const { text, result } = await log.exported(selection);
      const report = await verifyFile(await fileOf(folder, text), { publicKey: log.publicKey });
      expect(report.problems, JSON.stringify(selection)).to.deep.equal([]);
      expect(report.covered).to.equal(result.commits);
      expect(report.header).to.include(selection);
      expect(report.commits).to.equal(result.commits);
    }
  });

  it('tells how many commits are newer than its checkpoint', async () => {
    const log = createTestLog(randomOf(3));
    await log.grow(100);
    await log.exported();
    await log.grow(20);
    const { text } = await log.exported({ isArchived: false });
    const report = await verifyFile(await fileOf(folder, text), { publicKey: log.publicKey });
    expect(report.problems).to.deep.equal([]);
    expect(report).to.include({ commits: 120, covered: 100 });
  });

  it('of an empty log is sound, but has no signature to check', async () => {
    const log = createTestLog(randomOf(4));
    const { text } = await log.exported();
    expect((await verifyFile(await fileOf(folder, text))).problems).to.deep.equal([]);
    expect((await verifyFile(await fileOf(folder, text), { publicKey: log.publicKey })).problems).to.have.length(1);
  });

  it('counts a stream whose only commits are bad, and reports a bad line once', async () => {
    const log = createTestLog(randomOf(6));
    await log.grow(30);
    const { text } = await log.exported();
    const { pk, sk } = the((await log.stored())[0]);
    for (const [before, after] of [
      ['"f":1,', '"f":2,'],
      ['"sk":1,', '"sk":"1",'],
    ] as const) {
      const report = await verifyFile(await fileOf(folder, text.replace(before, after)));
      expect(report.streams).to.equal(log.streams().length);
      const named = report.problems.filter((problem) => problem.line === 2 || 'stream' in problem);
      expect(named).to.have.length(1);
      expect(the(named[0])).to.include({ stream: pk, commitNo: sk, line: 2 });
    }
  });

  it('has the same bytes each time', async () => {
    const log = createTestLog(randomOf(5));
    await log.grow(50);
    expect((await log.exported()).text).to.equal((await log.exported()).text);
  });
});
