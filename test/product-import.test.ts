// Product files and the measure of the search, as their users run them, on each profile.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { describeWith } from './engines.js';
import { realData } from './real-data.js';
import { commerce, endPrograms, freshFolder, PROFILES } from './running-shop.js';

const TEST_TIMEOUT_MS = 300_000;

const REAL = realData('icecat-products.jsonl.gz');
const JUDGEMENTS = realData('search-judgements.train.csv');

/** The whole file takes minutes with the engines of `aws` on one machine. */
const REAL_PRODUCTS = 600;

for (const { name, engines: wanted, freshEnvironment } of PROFILES) {
  describeWith(wanted, `A product file on the profile ${name}`, function (engines) {
    this.timeout(TEST_TIMEOUT_MS);
    afterEach(endPrograms);

    it('is imported once, found by searches, and measured beside BM25', async () => {
      const environment = await freshEnvironment(engines);
      const folder = await freshFolder();
      const [file, judgements] = [join(folder, 'products.jsonl'), join(folder, 'judgements.csv')];
      const product = (id: string, title: string, more = {}) => JSON.stringify({ id, title, price: 1000, ...more });
      const lines = [
        product('1', 'Desk lamp'),
        product('2', 'Floor lamp', { supplier: 'Hearth' }),
        product('3', 'Desk'),
        product('4', ''),
        product('5', 'Bright lamp, lamp, lamp', { attr_t_long: 'x'.repeat(501) }),
      ];
      await writeFile(file, lines.join('\n'));
      await writeFile(
        judgements,
        'query,docid,rating\nfloor lamp,2,3\nfloor lamp,1,1\ndesk,3,0\nhearth,2,1\nsofa,9,2\n',
      );

      const first = await commerce(['import', 'products', file, '--json'], environment);
      expect(first.code, first.stderr).to.equal(1);
      // Beside it may be warnings about slow engines.
      const refused = first.stderr.split('\n').filter((line) => line.startsWith('{"row"'));
      expect(refused.map((line) => JSON.parse(line).field)).to.deep.equal(['title']);
      const { seconds, productsPerSecond, ...summary } = JSON.parse(first.stdout);
      expect(summary).to.deep.equal({
        ...{ rows: 5, imported: 4, existing: 0, refused: 1, commits: 12 },
        leftOut: {
          values: 1,
          kinds: [{ field: 'attr_t_long', reason: 'must have at most 500 characters', values: 1, first: 5 }],
        },
      });
      const second = await commerce(['import', 'products', file, '--json'], environment);
      expect(JSON.parse(second.stdout)).to.include({ imported: 0, existing: 4, refused: 1, commits: 0 });

      const measured = await commerce(['search-eval', judgements, '--json', '--queries'], environment);
      expect(measured.code, measured.stderr).to.equal(0);
      const { perQuery, models, ...counts } = JSON.parse(measured.stdout);
      expect(counts).to.deep.equal({ products: 4, queries: 3, leftOut: 1 });
      const of = (query: string) => perQuery.find((one: { query: string }) => one.query === query).models;
      // The titles have both words only in product 2, and do not name the brand.
      // Then come 5, which has the word lamp most often, and 1: (7/1 + 0/1.58496 + 1/2) / (7/1 + 1/1.58496).
      expect(of('floor lamp').bm25).to.include({ mrr: 1, zeroResults: 0 });
      expect(of('floor lamp').bm25.ndcg10).to.be.closeTo(7.5 / 7.63093, 0.00001);
      expect(of('floor lamp').ours).to.include({ mrr: 1, zeroResults: 0 });
      expect(of('hearth').bm25).to.include({ mrr: 0, zeroResults: 1 });
      expect(of('hearth').ours).to.include({ ndcg10: 1, zeroResults: 0 });
      expect(of('sofa').ours).to.include({ ndcg10: 0, mrr: 0 });
      expect(models.bm25.mrr).to.be.closeTo(1 / 3, 1e-9);
    });

    it('of a real catalogue is imported without a refused line, and measured', async function () {
      if (!REAL || !JUDGEMENTS) return this.skip();
      const environment = await freshEnvironment(engines);
      const imported = await commerce(
        ['import', 'products', REAL, '--limit', String(REAL_PRODUCTS), '--json'],
        environment,
      );
      expect(imported.code, imported.stderr).to.equal(0);
      expect(JSON.parse(imported.stdout)).to.include({ imported: REAL_PRODUCTS, refused: 0 });
      const measured = JSON.parse((await commerce(['search-eval', JUDGEMENTS, '--json'], environment)).stdout);
      expect(measured).to.include({ products: REAL_PRODUCTS, queries: 38, leftOut: 7 });
      for (const model of ['bm25', 'ours']) expect(measured.models[model].ndcg10).to.be.within(0.001, 1);
    });
  });
}
