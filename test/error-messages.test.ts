// Error messages to customers contain no internal information, whatever fails and wherever it fails.
import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import pino from 'pino';
import { Registry } from 'prom-client';
import { eventTypes } from '../domain/events.js';
import { CommitTooLarge, InvalidEvent, orThrow, Unavailable } from '../domain/kernel/errors.js';
import type { EventStore } from '../domain/kernel/event-store.js';
import { categoryOf, type StreamId } from '../domain/kernel/stream.js';
import { stockItem, stockStream } from '../domain/stock/stock-item.js';
import { createSeals } from '../infra/crypto/seals.js';
import { createCommitCodec } from '../infra/event-store/codec.js';
import { createMemoryEventStore, createMemoryLog, type MemoryLog } from '../infra/event-store/memory.js';
import { createApp } from '../infra/http/app.js';
import { type RunningServer, startServer } from '../infra/http/server.js';
import { everyOr } from './every-case.js';
import { createMemoryIdempotency } from './memory-idempotency.js';
import { ADA, ADDRESS, BOB, createShop, fill, GUEST, KEEPER, type Shop, SUPPORT, sell } from './shop.js';
import { the } from './the.js';
import { unlimited } from './unlimited.js';

const HOST = '10.20.30.40';
const TABLE = 'commerce_events_v1';
const LOCATION = 'secret-depot';

/** Streams, processes, hosts, tables, locations and other people. */
const INSIDE = new RegExp(
  `[a-z-]+#|checkout_|10\\.20\\.30|ECONN|${TABLE}|${LOCATION}|${BOB.id}|${GUEST.id}|at /|\\.ts:`,
);

type Fault = (stream: StreamId) => unknown;
const FAULTS: Record<string, Fault> = {
  'is too large': (stream) => new CommitTooLarge(stream, 300_000, 262_144),
  'is away': (stream) => new Unavailable('Postgres', `connect ECONNREFUSED ${HOST}:5432, ${TABLE}, ${stream}`),
  'is broken': (stream) => new Error(`relation "${TABLE}" at ${HOST} has no ${stream}`),
  'holds what it should not': (stream) => new InvalidEvent('Sold', `of ${stream} is odd`),
};

describe('A customer', function () {
  this.timeout(120_000);
  const log = createMemoryLog();
  const codec = createCommitCodec(eventTypes);
  const servers: RunningServer[] = [];
  let shop: Shop;
  let n = 0;
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close();
  });

  before(async () => {
    shop = createShop({ log });
    await sell(shop, 'MUG', 500, 0);
    await shop.call('post /v1/stock/MUG/receipts', { caller: KEEPER, body: { location: LOCATION, quantity: 1_000 } });
    await shop.call('put /v1/coupons/SPRING', {
      caller: KEEPER,
      body: { kind: 'amount', amount: 100, currency: 'GBP' },
    });
  });

  /** Another process of the same shop, over HTTP. */
  async function serve(store: EventStore): Promise<RunningServer> {
    const own = createShop({ log, store });
    const app = createApp({
      endpoints: own.endpoints,
      admission: unlimited(async () => ADA),
      idempotency: createMemoryIdempotency(),
      seals: createSeals(randomBytes(32)),
      readiness: async () => ({ away: [], standingStill: [] }),
      registry: new Registry(),
      clock: Date.now,
      log: pino({ level: 'silent' }),
    });
    const server = await startServer(app, { port: 0 });
    servers.push(server);
    return server;
  }

  async function bought(): Promise<string> {
    const cartId = await fill(shop, { MUG: 1 });
    const body = { paymentMethod: 'pm_card_visa' };
    return (await shop.call(`post /v1/carts/${cartId}/checkout`, { caller: ADA, body })).body.id;
  }

  async function sent(): Promise<string> {
    const orderId = await bought();
    const { body } = await shop.call(`post /v1/orders/${orderId}/shipments`, { caller: SUPPORT, body: {} });
    await shop.call(`post /v1/shipments/${body.id}/dispatch`, { caller: SUPPORT });
    return orderId;
  }

  /** All requests that a customer may send, with existing resources. */
  async function requests(): Promise<[target: string, body?: object][]> {
    const [cart, coupled, order, changed, back] = [
      await fill(shop, { MUG: 2 }),
      await fill(shop, { MUG: 1 }),
      await bought(),
      await bought(),
      await sent(),
    ];
    const guests = await shop.call('post /v1/carts', { caller: GUEST, body: { currency: 'GBP' } });
    await shop.call(`post /v1/carts/${guests.body.id}/lines`, { caller: GUEST, body: { sku: 'MUG', quantity: 1 } });
    return [
      ['POST /v1/carts', { currency: 'GBP' }],
      [`POST /v1/carts/${cart}/lines`, { sku: 'MUG', quantity: 1 }],
      [`PUT /v1/carts/${cart}/shipping-address`, { ...ADDRESS, line1: `${n++} Mill Lane` }],
      [`PUT /v1/carts/${cart}/shipping-method`, { method: 'standard' }],
      [`POST /v1/carts/${coupled}/coupons/SPRING`],
      [`GET /v1/carts/${cart}`],
      [`GET /v1/carts/${cart}/shipping-methods`],
      ['GET /v1/carts/current'],
      ['POST /v1/carts/current/merge', { guestToken: GUEST.id }],
      [`POST /v1/carts/${cart}/checkout`, { paymentMethod: 'pm_card_visa' }],
      [`POST /v1/carts/${coupled}/checkout`, { paymentMethod: 'pm_card_visa' }],
      [`POST /v1/orders/${order}/cancel`, {}],
      [`PATCH /v1/orders/${changed}/shipping-address`, { line1: `${n++} Mill Lane` }],
      [`POST /v1/orders/${back}/returns`, { lines: [{ lineId: '1', quantity: 1, reason: 'broken' }] }],
    ];
  }

  async function ask({ url }: RunningServer, [target, body]: [string, object?]) {
    const [method, path] = target.split(' ') as [string, string];
    const response = await fetch(url + path, {
      method,
      headers: { authorization: 'Bearer ada', 'content-type': 'application/json', 'idempotency-key': `k${n++}` },
      ...(method !== 'GET' && { body: JSON.stringify(body ?? {}) }),
    });
    const text = (await response.text()).replace(/"type":"\/docs#\w+"/, '');
    return { status: response.status, text, target };
  }

  it('gets no internal information from any error, wherever the log fails', async () => {
    const categories = [...new Set([...(await touched(log))])];
    expect(categories).to.include.members(['cart', 'stock', 'order', 'payment', 'coupon', 'customer-carts']);
    const codes = new Set<number>();
    const faults = Object.entries(FAULTS);
    const all = categories.flatMap((category) => faults.map(([what, fault]) => ({ category, what, fault })));
    // A normal run tries one fault in each category, and each fault in some.
    const few = all.filter(({ category, what }) => {
      const turn = categories.indexOf(category);
      return what === the(faults[turn % faults.length])[0];
    });
    for (const { category, what, fault } of everyOr(all, few)) {
      const server = await serve(failing(category, fault));
      for (const request of await requests()) {
        const { status, text, target } = await ask(server, request);
        if (status < 400) continue;
        codes.add(status);
        expect(INSIDE.exec(text)?.[0], `${target} where ${category} ${what}: ${text}`).to.equal(undefined);
      }
    }
    expect([...codes]).to.include.members([413, 500, 503]);
  });

  it('gets no internal information when others change the same resource all the time', async () => {
    let busy = 0;
    for (const category of await touched(log)) {
      const store = createMemoryEventStore({ codec, log, watermarkLagMs: 0 });
      const server = await serve({
        ...store,
        async append(stream, ...commit) {
          return categoryOf(stream) === category ? { appended: false } : store.append(stream, ...commit);
        },
      });
      for (const request of await requests()) {
        const { status, text, target } = await ask(server, request);
        if (status < 400) continue;
        if (text.includes('Too many other requests change the same resource')) busy += 1;
        expect(INSIDE.exec(text)?.[0], `${target} where ${category} is busy: ${text}`).to.equal(undefined);
      }
    }
    expect(busy).to.be.greaterThan(5);
  });

  it('is not told at which location a reservation was lost', async () => {
    const cartId = await fill(shop, { MUG: 1 });
    await shop.submit(cartId);
    const orderId = cartId.replace('cart_', 'order_');
    const place = { sku: 'MUG', location: LOCATION };
    const meta = { id: 'lost', issuedAt: Date.now(), correlationId: 'r', actor: { type: 'staff', id: 's' } } as const;
    // The reservation is searched at the other location after the default one, where there is none.
    const release = { type: 'ReleaseReservation', ...place, reservationId: `${orderId}/2` } as const;
    orThrow(await shop.runner.execute(stockItem, stockStream(place), release, meta));
    const server = await serve(createMemoryEventStore({ codec, log, watermarkLagMs: 0 }));
    const { status, text } = await ask(server, [
      `POST /v1/carts/${cartId}/checkout`,
      { paymentMethod: 'pm_card_visa' },
    ]);
    expect(status, text).to.equal(409);
    expect(text).to.include('was released before it was made');
    expect(INSIDE.exec(text)?.[0], text).to.equal(undefined);
  });

  function failing(category: string, fault: Fault): EventStore {
    const store = createMemoryEventStore({ codec, log, watermarkLagMs: 0 });
    let calls = 0;
    const fails = (stream: StreamId) => categoryOf(stream) === category && calls++ % 3 !== 0;
    return {
      ...store,
      append(stream, ...commit) {
        return fails(stream) ? Promise.reject(fault(stream)) : store.append(stream, ...commit);
      },
      read(stream, after) {
        if (!fails(stream)) return store.read(stream, after);
        throw fault(stream);
      },
    };
  }

  /** The categories that a customer's requests write to. */
  async function touched({ streams }: MemoryLog): Promise<Set<string>> {
    await requests();
    return new Set([...streams.keys()].map((stream) => categoryOf(stream as StreamId)));
  }
});
