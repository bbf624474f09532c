// A guest's cart is taken over by one customer or bought, with concurrent customers and crashes at any point.
import { expect } from 'chai';
import fc from 'fast-check';
import type { Pool } from 'pg';
import type { CommandRunner } from '../commands/runtime/command-runner.js';
import { type Cart, cart } from '../domain/cart/cart.js';
import { eventTypes } from '../domain/events.js';
import type { Caller } from '../domain/kernel/endpoint.js';
import { isProblem, orThrow } from '../domain/kernel/errors.js';
import type { EventStore } from '../domain/kernel/event-store.js';
import { streamOf } from '../domain/kernel/id.js';
import { defined } from '../domain/kernel/json.js';
import type { StreamId } from '../domain/kernel/stream.js';
import { createCommitCodec } from '../infra/event-store/codec.js';
import { createMemoryEventStore, createMemoryLog } from '../infra/event-store/memory.js';
import { createEventsTable, createPostgresEventStore } from '../infra/event-store/postgres/postgres-event-store.js';
import { createPool } from '../infra/postgres.js';
import { describeWith, freshName } from './engines.js';
import { runsOf } from './every-case.js';
import { ADDRESS, createShop, type Shop, sell } from './shop.js';

const codec = createCommitCodec(eventTypes);

/** The concurrent requests, each in its own process. A process with a number dies at the nth command that it issues. */
interface Round {
  takers: { who: 'ada' | 'bob'; hasCart: boolean; dies: number | undefined }[];
  buys: boolean;
  adds: boolean;
}

const anyRound: fc.Arbitrary<Round> = fc.record({
  takers: fc.array(
    fc.record({
      who: fc.constantFrom('ada', 'bob'),
      hasCart: fc.boolean(),
      dies: fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined, freq: 2 }),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  buys: fc.boolean(),
  adds: fc.boolean(),
});

describe('A guest’s cart in memory', () => {
  const log = createMemoryLog();
  isTakenOnce(() => {
    const pause = () => new Promise<void>((resolve) => setImmediate(resolve));
    return createMemoryEventStore({ codec, log, watermarkLagMs: 0, beforeAppend: pause, afterAppend: pause });
  }, 60);
});

describeWith('postgres', 'A guest’s cart in Postgres', (engines) => {
  let pool: Pool;
  before(async () => {
    pool = createPool({ url: await engines.freshDatabase() });
    await createEventsTable(pool);
  });
  after(() => pool.end());
  isTakenOnce(() => createPostgresEventStore({ pool, codec }), 20);
});

function isTakenOnce(openStore: () => EventStore, rounds: number): void {
  it('is taken over by one customer, or bought, and none of its units is lost or duplicated', async () => {
    const keeper = createShop({ store: openStore() });
    const sku = freshName('SKU');
    const other = freshName('SKU');
    for (const sold of [sku, other]) await sell(keeper, sold, 500, 100_000);
    await fc.assert(
      fc.asyncProperty(anyRound, (round) => play(round, keeper, openStore, [sku, other])),
      { numRuns: runsOf(rounds) },
    );
  }).timeout(300_000);
}

async function play(round: Round, keeper: Shop, openStore: () => EventStore, skus: [string, string]): Promise<void> {
  const callers = Object.fromEntries(
    ['guest', 'ada', 'bob'].map((name) => [name, callerNamed(freshName(name), name === 'guest')]),
  ) as Record<'guest' | 'ada' | 'bob', Caller>;
  const { guest } = callers;
  const written = new Set<StreamId>();
  const noting = (store: EventStore): EventStore => ({
    ...store,
    append(stream, ...commit) {
      written.add(stream);
      return store.append(stream, ...commit);
    },
  });
  const open = (through?: (runner: CommandRunner) => CommandRunner) =>
    createShop({ store: noting(openStore()), callers: [guest], currentCartOf, ...defined({ through }) });
  const currentCarts = new Map<string, string>();
  const currentCartOf = async (customerId: string) => currentCarts.get(customerId);

  const made = (await keeper.call('post /v1/carts', { caller: guest, body: { currency: 'GBP' } })).body.id as string;
  await keeper.call(`post /v1/carts/${made}/lines`, { caller: guest, body: { sku: skus[0], quantity: 2 } });
  await keeper.call(`put /v1/carts/${made}/shipping-address`, { caller: guest, body: ADDRESS });
  await keeper.call(`put /v1/carts/${made}/shipping-method`, { caller: guest, body: { method: 'standard' } });
  for (const { who, hasCart } of round.takers) {
    if (!hasCart || currentCarts.has(callers[who].id)) continue;
    const { body } = await keeper.call('post /v1/carts', { caller: callers[who], body: { currency: 'GBP' } });
    currentCarts.set(callers[who].id, body.id);
  }

  const merge = (shop: Shop, who: 'ada' | 'bob') =>
    shop.call('post /v1/carts/current/merge', { caller: callers[who], body: { guestToken: guest.id } });
  const settled = await Promise.allSettled([
    ...round.takers.map(({ who, dies }) => merge(open(dying(dies)), who)),
    ...(round.buys
      ? [open().call(`post /v1/carts/${made}/checkout`, { caller: guest, body: { paymentMethod: 'pm_card_visa' } })]
      : []),
    ...(round.adds
      ? [open().call(`post /v1/carts/${made}/lines`, { caller: guest, body: { sku: skus[1], quantity: 1 } })]
      : []),
  ]);
  for (const result of settled) {
    if (result.status === 'rejected' && result.reason !== DIED && !isProblem(result.reason)) throw result.reason;
  }
  // Callers without an answer repeat their request.
  for (const { who } of round.takers) {
    await merge(open(), who).catch((error) => {
      if (!isProblem(error, 'not_found')) throw error;
    });
  }

  const after = (await keeper.runner.load(cart, streamOf(made))).state as Cart;
  const arrived = await arrivals(written, made, keeper);
  if (after.status === 'submitted') {
    expect(arrived).to.deep.equal([]);
  } else {
    expect(after.status).to.equal('merged');
    expect(arrived.map(({ sku, quantity }) => `${sku} ${quantity}`).sort()).to.deep.equal(
      after.lines.map(({ sku, quantity }) => `${sku} ${quantity}`).sort(),
    );
    expect(new Set(arrived.map(({ customerId }) => customerId))).to.deep.equal(new Set([after.takenBy]));
  }
}

/** The units from the guest's cart, in any cart of any customer. */
async function arrivals(written: ReadonlySet<StreamId>, from: string, { runner }: Shop) {
  const found: { customerId: string; sku: string; quantity: number }[] = [];
  for (const stream of written) {
    const { state } = stream.startsWith('cart#') ? await runner.load(cart, stream) : { state: null };
    if (!state) continue;
    for (const { cartId, taken } of state.merged) {
      if (cartId === from) found.push(...taken.map((units) => ({ customerId: state.customerId, ...units })));
    }
  }
  return found;
}

const DIED = new Error('The process died.');

/** It dies at its nth command: before it, or after it with the answer lost. */
function dying(nth: number | undefined) {
  return (runner: CommandRunner): CommandRunner => {
    let issued = 0;
    return {
      ...runner,
      async execute(decider, stream, command, meta) {
        issued += 1;
        if (issued === nth && nth % 2 === 0) throw DIED;
        const outcome = orThrow(await runner.execute(decider, stream, command, meta));
        if (issued >= (nth ?? Number.POSITIVE_INFINITY)) throw DIED;
        return outcome;
      },
    };
  };
}

function callerNamed(name: string, isGuest: boolean): Caller {
  const id = `customer_${name}`;
  return { role: 'customer', id, customerId: id, ...(isGuest && { guest: true as const }) };
}
