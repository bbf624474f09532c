import { expect } from 'chai';
import fc from 'fast-check';
import { memoryBrowsing } from '../../scripts/recommend-eval/models.js';
import {
  MAX_NEXT,
  MAX_SESSION_VIEWS,
  MAX_SESSIONS,
  nextProducts,
  recordEntries,
  recordViews,
  type View,
} from './browsing.js';

const MINUTE = 60_000;

/** One view a minute, of products named by letters. */
function session(name: string, products: string, from = 0): View[] {
  return [...products].map((product, index) => ({
    id: `${name}${from + index}`,
    session: name,
    product,
    at: (from + index) * MINUTE,
  }));
}

async function nextOf(store: ReturnType<typeof memoryBrowsing>, product: string): Promise<Record<string, number>> {
  return Object.fromEntries((await store.products([product])).get(product)?.next ?? []);
}

describe('The model of browsing', () => {
  it('weighs what follows a view by the views between: 6, 3, 2, nothing', async () => {
    const store = memoryBrowsing();
    await recordViews(store, session('s', 'abcde'));
    expect(await nextOf(store, 'a')).to.deep.equal({ b: 6, c: 3, d: 2 });
    expect(await nextOf(store, 'd')).to.deep.equal({ e: 6 });
    expect(await nextOf(store, 'e')).to.deep.equal({});
  });

  it('sees no connection over a pause of more than half an hour', async () => {
    const store = memoryBrowsing();
    await recordViews(store, [...session('s', 'a'), ...session('s', 'b', 30), ...session('s', 'c', 61)]);
    expect(await nextOf(store, 'a')).to.deep.equal({ b: 6 });
    expect(await nextOf(store, 'b')).to.deep.equal({});
  });

  it('recommends what follows the last view, before what follows the view before', async () => {
    const store = memoryBrowsing();
    await recordViews(store, [...session('s', 'ax'), ...session('t', 'by')]);
    expect(await nextProducts(store, ['a', 'b'], 10)).to.deep.equal(['y', 'x', 'b', 'a']);
    expect(await nextProducts(store, ['b', 'a'], 1)).to.deep.equal(['x']);
    expect(await nextProducts(store, [], 10)).to.deep.equal([]);
    expect(await nextProducts(store, ['unknown'], 10)).to.deep.equal([]);
  });

  it('finds products of a near session that never follow the last view', async () => {
    const store = memoryBrowsing();
    await recordViews(store, session('near', 'qa'));
    expect(await nextProducts(store, ['a'], 10)).to.deep.equal(['a', 'q']);
    expect(await nextProducts(store, ['a'], 10, 'near'), 'a session is no neighbour of itself').to.deep.equal([]);
  });

  it('forgets a session: its views, and that it viewed the products', async () => {
    const store = memoryBrowsing();
    await recordEntries(store, [...session('s', 'ab'), ...session('t', 'b'), { forget: 's' }]);
    expect((await store.sessions(['s', 't'])).size).to.equal(1);
    expect([...(await store.products(['a', 'b'])).values()].map(({ sessions }) => sessions)).to.deep.equal([[], ['t']]);
  });

  const views = fc
    .array(fc.tuple(fc.constantFrom('s', 't', 'u'), fc.constantFrom(...'abcdef')), { maxLength: 60 })
    .map((drawn) =>
      drawn.map(([session, product], index): View => ({ id: String(index), session, product, at: index * MINUTE })),
    );

  it('learns the same one view at a time, in batches of any size, and from views that come twice', async () => {
    await fc.assert(
      fc.asyncProperty(views, fc.integer({ min: 1, max: 20 }), async (all, size) => {
        const [singly, together] = [memoryBrowsing(), memoryBrowsing()];
        for (const view of all) await recordEntries(singly, [view]);
        for (let from = 0; from < all.length; from += size) {
          const batch = all.slice(from, from + size);
          await recordEntries(together, batch);
          await recordEntries(together, batch);
        }
        const ids = [...'abcdef'];
        expect(await weightsIn(together, ids)).to.deep.equal(await weightsIn(singly, ids));
        expect(await together.sessions(['s', 't', 'u'])).to.deep.equal(await singly.sessions(['s', 't', 'u']));
      }),
    );
  });

  it('learns the last views of a session in a batch, and nothing when the batch comes again', async () => {
    const store = memoryBrowsing();
    const letters = 'abcdef'.repeat(2 * MAX_SESSION_VIEWS);
    const batch = session('s', letters);
    await recordEntries(store, batch);
    const [weights, sessions] = [await weightsIn(store, [...'abcdef']), await store.sessions(['s'])];
    await recordEntries(store, batch);
    await recordEntries(store, batch.slice(-MAX_SESSION_VIEWS).reverse());
    expect(await weightsIn(store, [...'abcdef'])).to.deep.equal(weights);
    expect(await store.sessions(['s'])).to.deep.equal(sessions);
    expect(sessions.get('s')?.views.map(({ id }) => id)).to.deep.equal(
      batch.slice(-MAX_SESSION_VIEWS).map(({ id }) => id),
    );

    const repeated = batch.slice(-MAX_SESSION_VIEWS, -1);
    await recordEntries(store, [...session('s', 'x', letters.length), ...repeated]);
    const after = await weightsIn(store, [...'abcdef']);
    for (const { next } of after) delete next.x;
    expect(after, 'a repeat of what a new view pushed out').to.deep.equal(weights);
  });

  it('learns what a count of all pairs of views of a session says', async () => {
    await fc.assert(
      fc.asyncProperty(views, async (all) => {
        const store = memoryBrowsing();
        await recordViews(store, all);
        const expected = new Map<string, Record<string, number>>();
        for (const name of ['s', 't', 'u']) {
          const mine = all.filter(({ session }) => session === name);
          for (const [index, later] of mine.entries()) {
            let isConnected = true;
            for (const [gap, weight] of [6, 3, 2].entries()) {
              const earlier = mine[index - 1 - gap];
              isConnected &&= earlier !== undefined && later.at - earlier.at <= 30 * MINUTE;
              if (!earlier || !isConnected) break;
              const weights = expected.get(earlier.product) ?? {};
              expected.set(earlier.product, weights);
              weights[later.product] = (weights[later.product] ?? 0) + weight;
            }
          }
        }
        for (const product of 'abcdef') expect(await nextOf(store, product)).to.deep.equal(expected.get(product) ?? {});
      }),
    );
  });

  it('keeps every document within its bounds, and keeps learning', async () => {
    const store = memoryBrowsing();
    const crowd = Array.from({ length: 3 * MAX_NEXT }, (_, index): View[] => {
      const at = index * MINUTE;
      return [
        { id: `${index}a`, session: `s${index}`, product: 'hub', at },
        { id: `${index}b`, session: `s${index}`, product: `p${index}`, at },
      ];
    });
    await recordViews(store, crowd.flat());
    await recordViews(
      store,
      Array.from({ length: 2 * MAX_SESSION_VIEWS }, (_, index) => ({
        id: `long${index}`,
        session: 'long',
        product: index % 2 === 0 ? 'hub' : 'new',
        at: index,
      })),
    );
    const hub = (await store.products(['hub'])).get('hub');
    expect(hub?.next.length).to.be.at.most(MAX_NEXT);
    expect(hub?.sessions.length).to.equal(MAX_SESSIONS);
    expect((await store.sessions(['long'])).get('long')?.views.length).to.equal(MAX_SESSION_VIEWS);
    expect((await nextProducts(store, ['hub'], 1))[0]).to.equal('new');
  });
});

async function weightsIn(store: ReturnType<typeof memoryBrowsing>, ids: readonly string[]) {
  const found = await store.products(ids);
  return ids.map((id) => {
    const { next = [], sessions = [] } = found.get(id) ?? {};
    return { id, next: Object.fromEntries(next), sessions: [...sessions].sort() };
  });
}
