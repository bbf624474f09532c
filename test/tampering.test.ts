// Manipulates exports in every way that we could think of: each has to be found, and the commits be named. `npm run test:tamper`
// tries a thousand; an ordinary run tries each kind once.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { type FileReport, verifyFile } from '../infra/log-file/verify-file.js';
import { randomOf } from '../scripts/random.js';
import { below, createTestLog, fileOf, type TestLog } from './exported-log.js';
import { changeByte, manipulations } from './tampered-exports.js';

const MANIPULATIONS = Number(process.env.TAMPER ?? 0);
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);

describe(`A manipulated export (SEED=${SEED})`, function () {
  this.timeout(MANIPULATIONS > 0 ? 600_000 : 20_000);
  const random = randomOf(SEED);
  let folder: string;
  let log: TestLog;
  let text: string;
  let other: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tamper-'));
    log = createTestLog(random);
    await log.grow(200);
    text = (await log.exported()).text;
    const foreign = createTestLog(random, 'commerce-core/other');
    await foreign.grow(50);
    other = (await foreign.exported()).text;
  });
  after(() => rm(folder, { recursive: true }));

  const verify = async (content: string | Buffer) =>
    verifyFile(await fileOf(folder, content), { publicKey: log.publicKey });

  const rounds = Math.max(1, Math.ceil(MANIPULATIONS / Object.keys(manipulations).length));
  for (const [name, manipulate] of Object.entries(manipulations)) {
    it(name, async () => {
      for (let round = 0; round < rounds; round++) {
        let made = manipulate(text, random, other);
        for (let attempt = 0; !made && attempt < 50; attempt++) made = manipulate(text, random, other);
        if (!made) throw new Error('this manipulation changes nothing');
        const report = await verify(made.text);
        expect(report.problems, 'problems').to.not.deep.equal([]);
        if (made.named.length === 0) continue;
        const isNamed = made.named.some(({ stream, commitNo }) => names(report, stream, commitNo));
        expect(isNamed, JSON.stringify({ expected: made.named, found: report.problems }, null, 1)).to.equal(true);
      }
    });
  }

  it('one bit', async () => {
    const bytes = Buffer.from(text);
    for (let round = 0; round < Math.max(20, MANIPULATIONS / 10); round++) {
      const changed = changeByte(bytes, random);
      expect(
        (await verify(changed)).problems,
        `byte ${changed.findIndex((byte, n) => byte !== bytes[n])}`,
      ).to.not.deep.equal([]);
    }
  });

  it('gzip data that ends early, goes on, or is changed', async () => {
    const zipped = gzipSync(text);
    const last = text.split('\n').at(-2) ?? '';
    const changed = Buffer.from(zipped);
    changed.writeUInt8(changed.readUInt8(zipped.length >> 1) ^ 1, zipped.length >> 1);
    for (const bytes of [
      zipped.subarray(0, zipped.length - 1),
      zipped.subarray(0, 1 + below(random, zipped.length - 1)),
      Buffer.concat([zipped, zipped]),
      Buffer.concat([zipped, gzipSync(`${last}\n`)]),
      Buffer.concat([zipped, gzipSync('\n')]),
      changed,
    ])
      expect((await verify(bytes)).problems).to.not.deep.equal([]);
  });
});

function names({ problems }: FileReport, stream: string, commitNo: number): boolean {
  return problems.some((problem) => 'stream' in problem && problem.stream === stream && problem.commitNo === commitNo);
}
