// The measures of a search, against values that were calculated by hand.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ImportError } from '../../commands/import/import-error.js';
import { fileSource } from '../../commands/import/source.js';
import { realData } from '../../test/real-data.js';
import { createBm25 } from './bm25.js';
import { readJudgements } from './judgements.js';
import { meanOf, qualityOf } from './metrics.js';

const REAL = realData('search-judgements.train.csv');

describe('The quality of a ranked list', () => {
  const grades = new Map([
    ['a', 3],
    ['b', 2],
    ['c', 1],
    ['d', 0],
  ]);

  it('is 1 for the ideal order', () => {
    expect(qualityOf(['a', 'b', 'c'], grades)).to.deep.equal({ ndcg10: 1, ndcg20: 1, mrr: 1, zeroResults: 0 });
  });

  it('counts gains of 2^grade − 1, discounted by log2(place + 1), over those of all judged products', () => {
    // d, c, unknown, a: 0/1 + 1/1.58496 + 0/2 + 7/2.32193 = 3.64568; ideal: 7/1 + 3/1.58496 + 1/2 = 9.39279.
    const { ndcg10, mrr } = qualityOf(['d', 'c', 'x', 'a'], grades);
    expect(ndcg10).to.be.closeTo(0.38814, 0.00001);
    expect(mrr).to.equal(1 / 2);
  });

  it('looks at the first 10 and 20 products', () => {
    const nine = Array.from({ length: 9 }, (_, n) => `x${n}`);
    // At place 11 the gain of 7 is discounted by log2(12) = 3.58496.
    const at11 = qualityOf([...nine, 'x9', 'a'], new Map([['a', 3]]));
    expect(at11.ndcg10).to.equal(0);
    expect(at11.ndcg20).to.be.closeTo(1 / 3.58496, 0.00001);
    expect(at11.mrr).to.be.closeTo(1 / 11, 1e-9);
    const at21 = qualityOf([...nine, ...nine, 'y', 'z', 'a'], new Map([['a', 3]]));
    expect(at21).to.deep.equal({ ndcg10: 0, ndcg20: 0, mrr: 0, zeroResults: 0 });
  });

  it('takes the ideal from as many products as are looked at', () => {
    const many = new Map(Array.from({ length: 30 }, (_, n) => [`p${n}`, 1]));
    expect(qualityOf([...many.keys()].slice(0, 10), many)).to.include({ ndcg10: 1 });
  });

  it('is 0 if nothing was found, and has means', () => {
    const nothing = qualityOf([], grades);
    expect(nothing).to.deep.equal({ ndcg10: 0, ndcg20: 0, mrr: 0, zeroResults: 1 });
    expect(meanOf([nothing, qualityOf(['a', 'b', 'c'], grades)])).to.deep.equal({
      ndcg10: 0.5,
      ndcg20: 0.5,
      mrr: 0.5,
      zeroResults: 0.5,
    });
  });
});

describe('BM25 over titles', () => {
  const titles = createBm25();
  titles.add('1', 'USB hub');
  titles.add('2', 'USB cable, USB plug');
  titles.add('3', 'Desk lamp');

  it('weighs rare words more, repeated words less and less, and long titles less', () => {
    // 3 titles, 8 words, average 8/3. usb in 2 titles: idf = ln(1 + 1.5/2.5) = 0.47000; hub in 1: ln(1 + 2.5/1.5) = 0.98083.
    // 1: norm = 1.2 × (0.25 + 0.75 × 2/2.66667) = 0.975; usb 0.47000/1.975 = 0.23798.
    // 2: norm = 1.2 × (0.25 + 0.75 × 4/2.66667) = 1.65; usb 0.47000 × 2/3.65 = 0.25754.
    expect(titles.search('usb', 20)).to.deep.equal(['2', '1']);
    expect(titles.search('USB HUB', 20)).to.deep.equal(['1', '2']);
    expect(titles.search('hub', 20)).to.deep.equal(['1']);
    expect(titles.search('usb', 1)).to.deep.equal(['2']);
  });

  it('finds nothing for unknown words, signs and nothing', () => {
    for (const query of ['lamps', '!?', '']) expect(titles.search(query, 20)).to.deep.equal([]);
    expect(createBm25().search('usb', 20)).to.deep.equal([]);
  });
});

describe('A file of judgements', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'judgements-'));
  });
  after(() => rm(folder, { recursive: true }));

  async function read(content: string) {
    const file = join(folder, 'judgements.csv');
    await writeFile(file, content);
    return readJudgements(fileSource(file));
  }

  it('is read with its columns in any order', async () => {
    const judgements = await read('rating,docid,query,by\n3,7,"lamp, blue",jo\n0,8,"lamp, blue",jo\n1,7,desk,al\n');
    expect([...judgements].map(([query, grades]) => [query, ...grades])).to.deep.equal([
      ['lamp, blue', ['7', 3], ['8', 0]],
      ['desk', ['7', 1]],
    ]);
  });

  it('is refused with one line if it is none', async () => {
    for (const [content, message] of [
      ['query,docid\nlamp,7\n', /does not start with the header query,docid,rating/],
      ['query,docid,rating\nlamp,7,good\n', /at row 1: rating must be a whole number from 0 to 10/],
      ['query,docid,rating\nlamp,7,11\n', /at row 1: rating/],
      ['query,docid,rating\n,7,1\n', /at row 1: query is empty/],
      ['query,docid,rating\nlamp,7,1\nlamp,,1\n', /at row 2: docid is empty/],
    ] as const) {
      const error = await read(content).catch((reason: Error) => reason);
      expect(error).to.be.instanceOf(ImportError).with.property('message').that.matches(message);
    }
  });

  (REAL ? it : it.skip)('of the real catalogue has 45 queries, of which 38 have a positive grade', async () => {
    const judgements = await readJudgements(fileSource(REAL!));
    const graded = [...judgements.values()];
    expect(graded).to.have.length(45);
    expect(graded.filter((grades) => Math.max(...grades.values()) > 0)).to.have.length(38);
    expect(graded.reduce((sum, grades) => sum + grades.size, 0)).to.equal(1_179);
  });
});
