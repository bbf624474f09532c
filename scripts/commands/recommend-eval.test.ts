// recommend-eval: the reading of the files, the measures, and the quality on real clicks.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { someOf } from '../../test/every-case.js';
import { realData } from '../../test/real-data.js';
import { freshFolder } from '../../test/running-shop.js';
import { evaluate, nextItem, otherLine } from '../recommend-eval/evaluate.js';
import { sessionsIn } from '../recommend-eval/files.js';
import { browsing, cooccurrence, popular } from '../recommend-eval/models.js';
import { evaluateClicks, evaluateInvoices } from './recommend-eval.js';

const HEADER = 'year;month;day;order;country;session ID;page 1 (main category);page 2 (clothing model);price';

function clicksOf(sessions: Readonly<Record<string, string>>): string {
  const rows = Object.entries(sessions).flatMap(([session, products]) =>
    [...products].map((product, index) => `2008;4;1;${index + 1};29;${session};1;${product};28`),
  );
  return [HEADER, ...rows, ''].join('\n');
}

async function fileOf(content: string | Buffer, name = 'clicks.csv'): Promise<string> {
  const path = join(await freshFolder(), name);
  await writeFile(path, content);
  return path;
}

async function all<T>(entries: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const entry of entries) found.push(entry);
  return found;
}

async function* of(sessions: readonly (readonly string[])[]) {
  yield* sessions;
}

const messageOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: Error) => error.message,
  );

describe('recommend-eval', function () {
  this.timeout(180_000);

  it('reads the sessions of a file in their order, plain or gzip', async () => {
    const text = clicksOf({ 1: 'ABA', 2: 'C' });
    const expected = [
      { session: '1', products: ['A', 'B', 'A'] },
      { session: '2', products: ['C'] },
    ];
    expect(await all(sessionsIn(await fileOf(text)))).to.deep.equal(expected);
    expect(await all(sessionsIn(await fileOf(gzipSync(text), 'clicks.csv.gz')))).to.deep.equal(expected);
  });

  it('names what is wrong with a file', async () => {
    const missing = await fileOf('a,b\n1,2\n');
    expect(await messageOf(evaluateClicks(missing)))
      .to.include('has no column "session ID"')
      .and.include('semicolon');
    const empty = await fileOf(`${HEADER}\n2008;4;1;1;29;1;1;A;28\n2008;4;1;1;29;;1;A;28\n`);
    expect(await messageOf(evaluateClicks(empty))).to.include('row 2: "session ID" is empty');
    expect(await messageOf(evaluateClicks('none.csv'))).to.include('There is no file none.csv');
    expect(await messageOf(evaluateClicks(await fileOf(clicksOf({ 1: 'A', 2: 'B' }))))).to.include(
      'nothing to predict',
    );
  });

  it('counts hits, ranks and coverage as defined', async () => {
    const model = { learn() {}, recommend: (seen: readonly string[]) => (seen.length === 1 ? ['A', 'B'] : ['C']) };
    const { test, models } = await evaluate(
      { model },
      { train: of([['A', 'B', 'C', 'D']]), test: of([['A', 'B', 'D'], ['A']]), tasksOf: nextItem },
    );
    expect(test).to.deep.equal({ sessions: 1, events: 2 });
    expect(models.model).to.deep.equal({ hr20: 0.5, mrr20: 0.25, coverage: 0.75 });
    expect(otherLine(['A', 'A'])).to.deep.equal([]);
    expect(otherLine(['A', 'B']).map(({ seen, isRight }) => [seen, isRight('A'), isRight('B')])).to.deep.equal([
      [['A'], false, true],
      [['B'], true, false],
    ]);
  });

  it('learns from the first four fifths, or from all if there is a file of tests', async () => {
    const clicks = await fileOf(clicksOf({ 1: 'AB', 2: 'AB', 3: 'AB', 4: 'AB', 5: 'AC' }));
    expect((await evaluateClicks(clicks)).models.ours.hr20).to.equal(0);
    const { test, models } = await evaluateClicks(clicks, await fileOf(clicksOf({ 9: 'AC', 10: 'AB' })));
    expect(test).to.deep.equal({ sessions: 2, events: 2 });
    expect(models.ours).to.include({ hr20: 1, mrr20: 0.75 });
    // A itself is the first that occurs together with A.
    expect(models.cooccurrence).to.include({ hr20: 1, mrr20: 0.4167 });
  });

  it('lets co-occurrence recommend the last item again, where it can be right', async () => {
    const clicks = await fileOf(clicksOf({ 1: 'AA', 2: 'AB', 3: 'AC', 4: 'AB', 5: 'AA' }));
    expect((await evaluateClicks(clicks)).models.cooccurrence).to.include({ hr20: 1, mrr20: 1 });
    const alone = cooccurrence({ again: false });
    await alone.learn(['A', 'B']);
    expect(await alone.recommend(['A'], 20)).to.deep.equal(['B']);
  });

  it('measures another line of an invoice', async () => {
    const head = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country';
    const rows = Array.from({ length: 10 }, (_, n) =>
      ['11111', '22222'].map((code) => `${536365 + n},${code},Thing,1,2010-12-01 08:26:00,2.55,17850,United Kingdom`),
    );
    const { test, models } = await evaluateInvoices(await fileOf([head, ...rows.flat(), ''].join('\n')));
    expect(test).to.deep.equal({ sessions: 2, events: 4 });
    expect(models.ours).to.deep.equal({ hr20: 1, mrr20: 1, coverage: 1 });
  });

  it('finds the next of real clicks at least 1.15 times as often as co-occurrence', async function () {
    const clicks = realData('eshop-clicks-2008-04-to-07.csv.gz');
    if (clicks === undefined) return this.skip();
    const sessions = (await all(sessionsIn(clicks))).map(({ products }) => products);
    const learnt = sessions.length - Math.floor(sessions.length / 5);
    const { models } = await evaluate(
      { popular: popular(), cooccurrence: cooccurrence({ again: true }), ours: browsing() },
      { train: of(sessions.slice(0, learnt)), test: of(someOf(sessions.slice(learnt))), tasksOf: nextItem },
    );
    expect(models.ours.hr20).to.be.above(1.15 * models.cooccurrence.hr20);
    expect(models.ours.mrr20).to.be.above(models.cooccurrence.mrr20);
    expect(models.cooccurrence.hr20).to.be.above(models.popular.hr20);
  });
});
