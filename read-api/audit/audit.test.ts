// The audit endpoints on a shop in memory.
import { expect } from 'chai';
import fc from 'fast-check';
import { CATEGORIES, deciderOf } from '../../domain/deciders.js';
import { eventTypes } from '../../domain/events.js';
import { hlcOf } from '../../domain/kernel/clock.js';
import { lastOf } from '../../domain/kernel/collections.js';
import { START, type StoredCommit } from '../../domain/kernel/commit.js';
import type { Caller } from '../../domain/kernel/endpoint.js';
import { compareLogEntries, entryOf } from '../../domain/kernel/event-store.js';
import { categoryOf, type StreamId, streamId } from '../../domain/kernel/stream.js';
import { createLocalKeyWrap } from '../../infra/crypto/master-key.js';
import { createPersonalData } from '../../infra/crypto/personal-data.js';
import { createCommitCodec } from '../../infra/event-store/codec.js';
import { createMemoryEventStore, createMemoryLog, type MemoryLog } from '../../infra/event-store/memory.js';
import { type Answer, type Call, callerOf, problemOf } from '../../test/call-endpoint.js';
import { createMemorySubjectKeys } from '../../test/memory-subject-keys.js';
import { readModel } from '../../test/read-model.js';
import { ADA, createShop, fill, type Shop, sell, unsealed } from '../../test/shop.js';
import { the } from '../../test/the.js';
import { auditQueries } from './audit.js';
import type { EventEntry } from './entries.js';
import { MAX_SCANNED_COMMITS } from './log.js';
import { trace } from './trace.js';

const AUDITOR: Caller = { role: 'auditor', id: 'staff_auditor' };
const codec = createCommitCodec(eventTypes);

const sealing = createPersonalData({
  keys: createMemorySubjectKeys(),
  keyWrap: createLocalKeyWrap(Buffer.alloc(32)),
  eventTypes,
});

function auditOf({ store }: Pick<Shop, 'store'>, clock = Date.now) {
  const queries = { list: async () => ({ data: [] }) };
  const orders = {
    orders: readModel(queries),
    personal: unsealed,
    emailKeyOf: (text: string) => text,
  };
  const call = callerOf(
    auditQueries({ store, decode: codec.decode, earliestOf: () => undefined, clock, orders }),
    clock,
  );
  return (path: string, query: Record<string, string> = {}): Promise<Answer> =>
    call(`get /v1/audit/${path}`, { caller: AUDITOR, query } satisfies Call);
}

/** All pages of a list. */
async function pagesOf(read: ReturnType<typeof auditOf>, path: string, query: Record<string, string> = {}) {
  const entries: EventEntry[] = [];
  let pages = 0;
  for (let after: string | undefined; ; pages++) {
    const { data, page } = (await read(path, after === undefined ? query : { ...query, after })).body;
    entries.push(...data);
    if (!page.hasMore) return { entries, pages: pages + 1 };
    after = page.next;
  }
}

const pathOf = (stream: string) => `streams/${stream}`;

/** The stored commits in total order. */
const inOrder = (log: MemoryLog): StoredCommit[] =>
  [...log.arrivals].sort((a, b) => compareLogEntries(entryOf(a), entryOf(b)));

/** Changes a stored commit behind the back of the store. */
function tamper(log: MemoryLog, stream: StreamId, commitNo: number, change: Partial<StoredCommit>): void {
  const commits = the(log.streams.get(stream));
  const changed = { ...the(commits[commitNo - 1]), ...change };
  log.streams.set(stream, commits.with(commitNo - 1, changed));
  log.arrivals = log.arrivals.map((stored) => (stored.pk === stream && stored.sk === commitNo ? changed : stored));
}

describe('The audit of the log', () => {
  let shop: Shop;
  let read: ReturnType<typeof auditOf>;
  let orderStream: StreamId;

  before(async () => {
    shop = createShop({ personal: sealing });
    read = auditOf(shop);
    await sell(shop, 'MUG', 500);
    const cartId = await fill(shop, { MUG: 2 });
    const body = { paymentMethod: 'pm_card_visa', email: 'ada@example.com' };
    const { body: order } = await shop.call(`post /v1/carts/${cartId}/checkout`, { caller: ADA, body });
    orderStream = `order#${order.id.slice('order_'.length)}`;
  });

  it('lists every event once and in total order, however many are asked for at a time', async () => {
    const expected = inOrder(shop.log).flatMap((stored) => codec.decode(stored).events.map(({ id }) => id));
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 40 }), async (limit) => {
        const { entries } = await pagesOf(read, 'events', { limit: String(limit) });
        expect(entries.map(({ id }) => id)).to.deep.equal(expected);
      }),
      { numRuns: 15 },
    );
  });

  it('shows actor, cause, correlation and hash of each event', async () => {
    const { entries } = await pagesOf(read, 'events', { type: 'OrderPlaced' });
    const stored = the(the(shop.log.streams.get(orderStream))[0]);
    expect(entries).to.have.length(1);
    expect(entries[0]).to.include({
      stream: orderStream,
      commitNo: 1,
      version: 1,
      hash: stored.h,
      correlationId: 'request',
    });
    expect(entries[0]?.actor).to.deep.equal({ type: 'customer', id: ADA.id });
    expect(entries[0]?.causationId).to.equal(entries[0]?.commandId);
    expect(entries[0]?.at).to.equal(new Date(stored.at / 1000).toISOString());
  });

  it('keeps personal fields sealed', async () => {
    const { data } = (await read(pathOf(orderStream))).body;
    expect(data[0].data.email).to.include({ sealed: ADA.id });
    expect(JSON.stringify([(await read('events', { limit: '100' })).body, data])).not.to.include('ada@example.com');
  });

  it('filters by time, category, type and correlation', async () => {
    const all = (await pagesOf(read, 'events')).entries;
    const only = async (query: Record<string, string>) => (await pagesOf(read, 'events', query)).entries;
    expect(await only({ category: 'stock' })).to.deep.equal(all.filter(({ stream }) => stream.startsWith('stock#')));
    expect(await only({ type: 'CartLineAdded' })).to.deep.equal(all.filter(({ type }) => type === 'CartLineAdded'));
    const ofRequest = all.filter(({ correlationId }) => correlationId === 'request');
    expect(await only({ correlationId: 'request' })).to.deep.equal(ofRequest);
    expect(ofRequest.length).to.be.within(10, all.length - 1);
    expect(await only({ correlationId: 'nobody' })).to.deep.equal([]);
    const { at } = the(all[Math.floor(all.length / 2)]);
    expect(await only({ from: at })).to.deep.equal(all.filter((entry) => entry.at >= at));
    expect(await only({ to: at })).to.deep.equal(all.filter((entry) => entry.at <= at));
    expect(await only({ from: at, to: at })).to.deep.equal(all.filter((entry) => entry.at === at));
  });

  it('refuses filters that cannot match, and says what there is', async () => {
    const backwards = read('events', { from: '2026-02-01', to: '2026-01-01' });
    expect((await problemOf(backwards, 'invalid_request')).message).to.equal('?to: must not be before ?from');
    const foreign = read('events', { category: 'sku', type: 'OrderPlaced' });
    expect((await problemOf(foreign, 'invalid_request')).message).to.equal(
      '?type: is no event of sku, which has SkuClaimed, SkuStockedAt',
    );
  });

  it('traces a request in order, wherever the watermark is', async () => {
    const { entries } = await pagesOf(read, 'events', { correlationId: 'request' });
    const middle = the(inOrder(shop.log)[8]).at;
    for (const watermark of [0, middle, Date.now() * 1000]) {
      const lag = Date.now() - watermark / 1000;
      const store = createMemoryEventStore({ codec, log: shop.log, watermarkLagMs: lag });
      const found = await trace({ store, decode: codec.decode }, 'request', { since: 0 });
      expect(found.events.map(({ id }) => id)).to.deep.equal(entries.map(({ id }) => id));
      expect(found).to.include({ scanned: shop.log.arrivals.length, hasMore: false });
    }
    const since = Date.now() + 60_000;
    expect((await trace({ ...shop, decode: codec.decode }, 'request', { since })).events).to.deep.equal([]);
  });

  it('never shows anything beyond the watermark', async () => {
    const late = { ...shop.store, ...createMemoryEventStore({ codec, log: shop.log, watermarkLagMs: 3_600_000 }) };
    expect((await pagesOf(auditOf({ store: late }), 'events')).entries).to.deep.equal([]);
  });

  it('looks at a limited number of commits per request, however few match', async () => {
    const log = createMemoryLog();
    const store = createMemoryEventStore({ codec, log, watermarkLagMs: 0 });
    const commits = 2 * MAX_SCANNED_COMMITS + 10;
    const first = hlcOf(Date.now() - 60_000);
    for (let n = 1; n <= commits; n++) {
      const [id, data] = [`command-${n}`, { sku: `S${n}`, productId: 'product_a' }];
      const about = {
        commandId: id,
        correlationId: `request-${n}`,
        causationId: id,
        occurredAt: '2026-01-01T00:00:00.000Z',
      };
      const event = { id: `${id}:0`, type: 'SkuClaimed', schemaVersion: 1, version: 1, ...about, data };
      const events = [{ ...event, actor: { type: 'process', id: 'test' } as const }];
      await store.append(streamId('sku', `S${n}`), START, { at: first + n, commandIds: [id], events });
    }
    let looked = 0;
    const counted = {
      ...store,
      async *stored(range: Parameters<typeof store.stored>[0]) {
        for await (const commit of store.stored(range)) {
          looked += 1;
          yield commit;
        }
      },
    };
    const one = await auditOf({ store: counted })('events', { correlationId: `request-${commits}` });
    expect(looked).to.equal(MAX_SCANNED_COMMITS);
    expect(one.body).to.deep.include({ data: [] });
    const { entries, pages } = await pagesOf(auditOf({ store: counted }), 'events', {
      correlationId: `request-${commits}`,
    });
    expect(pages).to.equal(3);
    expect(entries.map(({ stream }) => stream)).to.deep.equal([`sku#S${commits}`]);
  });

  it('lists the events of a stream in order, page by page', async () => {
    const commits = the(shop.log.streams.get(orderStream));
    const expected = commits.flatMap((stored) => codec.decode(stored).events.map(({ version }) => version));
    for (const limit of ['1', '2', '100']) {
      const { entries } = await pagesOf(read, pathOf(orderStream), { limit });
      expect(entries.map(({ version }) => version)).to.deep.equal(expected);
    }
  });

  it('says which categories there are, and how to find the streams of one', async () => {
    const message = async (path: string) => (await problemOf(read(path), 'not_found')).message;
    expect(await message('streams/nonsense')).to.include('stream ids look like order#536365');
    expect(await message(pathOf('nothing#1'))).to.include(`The categories are ${CATEGORIES.join(', ')}.`);
    expect(await message(pathOf('order#0'))).to.include(
      'There is no stream order#0; GET /v1/audit/events?category=order',
    );
    expect(await message(`${pathOf('order#0')}/state`)).to.include('There is no stream order#0');
  });

  it('folds every stream to the state that commands see', async () => {
    for (const stream of shop.log.streams.keys()) {
      const { body } = await read(`${pathOf(stream)}/state`);
      const { state, position } = await shop.runner.load(the(deciderOf(categoryOf(stream))), stream);
      expect(body, stream).to.deep.include({ stream, state, version: position.version, commitNo: position.commitNo });
    }
  });

  it('folds a stream up to any version and any moment', async () => {
    const { entries } = await pagesOf(read, pathOf(orderStream));
    const decider = the(deciderOf('order'));
    let state = decider.initialState;
    for (const entry of entries) {
      const stored = the(the(shop.log.streams.get(orderStream))[entry.commitNo - 1]);
      state = decider.evolve(state, entry as never, Math.floor(stored.at / 1000));
      const { body } = await read(`${pathOf(orderStream)}/state`, { at: String(entry.version) });
      expect(body).to.deep.include({ version: entry.version, state, final: true });
      const last = entries.filter(({ at }) => at <= entry.at).at(-1);
      expect((await read(`${pathOf(orderStream)}/state`, { at: entry.at })).body.version).to.equal(last?.version);
    }
  });

  it('says which versions and times there are', async () => {
    const { entries } = await pagesOf(read, pathOf(orderStream));
    const state = (at: string) => read(`${pathOf(orderStream)}/state`, { at });
    expect((await problemOf(state('999'), 'invalid_request')).message).to.equal(
      `?at: ${orderStream} has only the versions 1 to ${lastOf(entries).version}.`,
    );
    expect((await problemOf(state('2020-01-01'), 'not_found')).message).to.equal(
      `${orderStream} begins later, at ${entries[0]?.at} with version 1.`,
    );
    expect((await problemOf(state('2199-01-01'), 'invalid_request')).message).to.include('is in the future');
    for (const at of ['0', '1.5', 'yesterday', '-1']) {
      const refused = await state(at).then(
        () => undefined,
        (error: Error) => error,
      );
      expect(refused, at).to.be.instanceOf(Error);
    }
  });

  it('calls a moment of the last seconds not final', async () => {
    const late = { ...shop.store, watermark: async () => hlcOf(Date.now() - 60_000) };
    const { body } = await auditOf({ store: late })(`${pathOf(orderStream)}/state`, { at: new Date().toISOString() });
    expect(body.final).to.equal(false);
  });

  it('goes on after a commit that cannot be read, and folds up to it', async () => {
    for (const change of [{ ev: '[{"type":' }, { ev: '[{"type":"Unheard","data":{}}]' }, { f: 99 }]) {
      const spoilt = createShop();
      const look = auditOf(spoilt);
      await sell(spoilt, 'MUG', 500);
      await spoilt.ship('MUG', 1);
      const stream = 'stock#MUG@main';
      const total = (await pagesOf(look, pathOf(stream))).entries.length;
      tamper(spoilt.log, stream, 2, change);
      const { entries } = await pagesOf(look, pathOf(stream), { limit: '1' });
      expect(entries.map(({ commitNo }) => commitNo)).to.include.members([1, 2, 3]);
      expect(entries.find(({ commitNo }) => commitNo === 2)).to.have.property('unreadable');
      expect(entries.length).to.be.at.most(total);
      const inLog = (await pagesOf(look, 'events', { category: 'stock', limit: '1' })).entries;
      expect(inLog.filter((entry) => entry.stream === stream)).to.deep.equal(entries);
      const damaged = await problemOf(look(`${pathOf(stream)}/state`), 'conflict');
      expect(damaged.message).to.match(/can be folded up to version \d+ only: commit 2 cannot be read/);
      const before = String(entries.filter(({ commitNo }) => commitNo === 1).length);
      expect((await look(`${pathOf(stream)}/state`, { at: before })).body.commitNo).to.equal(1);
    }
  });
});
