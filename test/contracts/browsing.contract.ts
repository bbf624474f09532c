// What every store of browsing documents, and every stream of views, must do.
import { expect } from 'chai';
import type { ConsumedViewStream } from '../../infra/browsing/port.js';
import { createBrowsingStore, type ExpiringTexts } from '../../infra/browsing/texts.js';
import { type BrowsingEntry, nextProducts, recordViews } from '../../projections/recommendation/browsing.js';
import { freshName } from '../engines.js';
import { eventually } from '../running-shop.js';

/** `expireSoon`: texts that expire after so many ms. */
export function browsingTextsContract(open: (expireAfterMs?: number) => ExpiringTexts): void {
  it('swaps a text only for the one that was read', async () => {
    const texts = open();
    const key = freshName('p:mug');
    expect(await texts.load([key, `${key} or not`])).to.deep.equal([undefined, undefined]);
    expect(await texts.swap(key, undefined, '{"a":1}')).to.equal(true);
    expect(await texts.swap(key, undefined, '{"a":2}'), 'there is one').to.equal(false);
    expect(await texts.swap(key, '{"a":0}', '{"a":2}'), 'another').to.equal(false);
    expect(await texts.swap(key, '{"a":1}', '{"a":"é €"}')).to.equal(true);
    expect(await texts.load([`${key} or not`, key])).to.deep.equal([undefined, '{"a":"é €"}']);
    await texts.delete(key);
    expect(await texts.load([key])).to.deep.equal([undefined]);
  });

  it('forgets a text that is not changed for long', async () => {
    const texts = open(300);
    const key = freshName('s:ada');
    await texts.swap(key, undefined, '1');
    await eventually('it has expired', async () => expect(await texts.load([key])).to.deep.equal([undefined]));
    expect(await texts.swap(key, undefined, '2')).to.equal(true);
    expect(await texts.load([key])).to.deep.equal(['2']);
  });

  it('loses no change of writers that work at the same time', async () => {
    const store = createBrowsingStore(open());
    const [a, b] = [freshName('a'), freshName('b')];
    await Promise.all(
      Array.from({ length: 8 }, (_, n) => {
        const session = freshName('session');
        return recordViews(store, [
          { id: '1', session, product: a, at: n },
          { id: '2', session, product: b, at: n },
        ]);
      }),
    );
    const found = (await store.products([a])).get(a);
    expect(found?.next).to.deep.equal([[b, 48]]);
    expect(found?.sessions).to.have.length(8);
    expect((await nextProducts(store, [a], 1))[0]).to.equal(b);
  });
}

/** `open` continues one stream. */
export function viewStreamContract(open: () => Promise<ConsumedViewStream>): void {
  const view = (session: string, n: number) => ({ id: `${session}${n}`, session, product: 'product_mug', at: n });

  it('delivers in the order of each session, again if that fails, and once more only what was not finished', async () => {
    const session = freshName('ada');
    const stream = await open();
    const got: BrowsingEntry[] = [];
    let failures = 0;
    const stop = new AbortController();
    await stream.record(view(session, 1));
    await stream.record(view(session, 2));
    const consuming = stream.consume(async (entries) => {
      if (failures++ === 0) throw new Error('not now');
      got.push(...entries);
    }, stop.signal);
    await eventually('both are there', () => expect(got).to.have.length(2));
    await stream.forget(session);
    await eventually('the order to forget is there', () => expect(got).to.have.length(3));
    stop.abort();
    await consuming;
    expect(got).to.deep.equal([view(session, 1), view(session, 2), { forget: session }]);

    await stream.record(view(session, 3));
    const later: BrowsingEntry[] = [];
    const stopAgain = new AbortController();
    const another = (await open()).consume(async (entries) => void later.push(...entries), stopAgain.signal);
    await eventually('a new consumer goes on', () => expect(later).to.deep.equal([view(session, 3)]));
    stopAgain.abort();
    await another;
  });
}
