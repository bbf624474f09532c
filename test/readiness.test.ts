// From the first 200 of /readyz on, queries show the sample shop of a first start, and all data after a restart.
import { expect } from 'chai';
import { createFirstLook } from '../infra/modules/first-look.js';
import { describeWith } from './engines.js';
import { callerAt, endPrograms, eventually, freshPort, PROFILES, startProgram, stopInOrder } from './running-shop.js';
import { the } from './the.js';

for (const profile of PROFILES) {
  describeWith(profile.engines, `Readiness on ${profile.name}`, function (engines) {
    this.timeout(180_000);
    afterEach(endPrograms);

    it('waits until the sample shop is visible, at every start', async () => {
      const environment = await profile.freshEnvironment(engines);
      for (const start of ['first', 'second']) {
        const port = await freshPort();
        const url = `http://127.0.0.1:${port}`;
        const program = await startProgram(['start', '--port', `${port}`], environment);
        const { body } = await eventually('it is ready', async () => {
          const ready = await fetch(`${url}/readyz`);
          expect(ready.status).to.equal(200);
          return { body: await ready.json() };
        });
        expect(body, start).to.deep.equal({ status: 'ready' });
        const anybody = callerAt(url);
        expect((await anybody.get('/v1/products')).body.data, start).to.have.length(6);
        expect((await anybody.get('/v1/search?q=mug')).body.data, start).to.have.length(1);
        await stopInOrder(program);
      }
    });
  });
}

describe('A first look', () => {
  const store = {
    watermark: async () => 5,
    async *newest() {
      yield { at: 6, stream: 'order#1' as const, commitNo: 2 };
    },
  };

  /** Reports these projections as behind, one list per look; the last list repeats. */
  function lookOf(answers: string[][], longestMs?: number, isAway = false) {
    const asked: unknown[] = [];
    const readModels = {
      async behind(...question: unknown[]) {
        asked.push(question);
        const behind = answers.length > 1 ? the(answers.shift()) : the(answers[0]);
        return behind.map((projection) => ({ projection, isAway }));
      },
    };
    const look = createFirstLook(longestMs === undefined ? {} : { longestMs });
    const stop = new AbortController();
    look.begin();
    const before = look.state();
    const written = new Map([['product#1' as const, 3]]);
    const seen = look.follow({ readModels: readModels as never, store: store as never, written }, stop.signal);
    return { look, before, seen, asked, stop };
  }

  it('is not ready before all read models show the log, newer commits and the written ones', async () => {
    const { look, before, seen, asked } = lookOf([['orders', 'stock'], ['stock'], []]);
    expect(before).to.deep.equal({ isReady: false, behind: [] });
    await seen;
    expect(look.state()).to.deep.equal({ isReady: true, behind: [] });
    const newest = new Map<string, number>([
      ['product#1', 3],
      ['order#1', 2],
    ]);
    expect(asked).to.deep.equal([5, 5, 5].map((end) => [end, newest]));
  });

  it('ends after its time, and names the projections that are behind until they catch up', async () => {
    const { look, seen, stop } = lookOf([['stock']], 100);
    await seen;
    stop.abort();
    expect(look.state()).to.deep.equal({ isReady: true, behind: ['stock'] });
  });

  it('does not wait for projections whose store is away, but names them', async () => {
    const { look, seen, stop } = lookOf([['stock']], undefined, true);
    await seen;
    stop.abort();
    expect(look.state()).to.deep.equal({ isReady: true, behind: ['stock'] });
  });

  it('is ready if it was never begun', () => {
    expect(createFirstLook().state()).to.deep.equal({ isReady: true, behind: [] });
  });
});
