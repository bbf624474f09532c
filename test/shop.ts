// A whole write side in memory, with its endpoints and the queries that fold its streams.

import type { CartsInUse } from '../commands/cart/customer-carts.js';
import { createGuestMerge } from '../commands/cart/guest-merge.js';
import { type TestBank, testPaymentEndpoints } from '../commands/checkout/test-payments.js';
import { accountEndpoints } from '../commands/identity/account-endpoints.js';
import { createAccounts } from '../commands/identity/accounts.js';
import { createMailLinks } from '../commands/identity/mails.js';
import type { Mail } from '../commands/identity/ports.js';
import { opsEndpoints } from '../commands/ops/endpoints.js';
import { createOperations } from '../commands/ops/operations.js';
import type { PaymentProvider } from '../commands/payment/provider.js';
import { type CommandRunner, createCommandRunner } from '../commands/runtime/command-runner.js';
import { createCurrentSettings } from '../commands/shop/settings.js';
import { createPricing, writeSide } from '../commands/write-side.js';
import { cart, isFrozen } from '../domain/cart/cart.js';
import type { ShopPreferences } from '../domain/customer/preferences.js';
import { eventTypes } from '../domain/events.js';
import type { Clock } from '../domain/kernel/clock.js';
import type { CommandMeta } from '../domain/kernel/command.js';
import type { Caller } from '../domain/kernel/endpoint.js';
import { orThrow } from '../domain/kernel/errors.js';
import type { EventStore, SnapshotStore } from '../domain/kernel/event-store.js';
import { siblingId, streamOf } from '../domain/kernel/id.js';
import { defined } from '../domain/kernel/json.js';
import type { PersonalData } from '../domain/kernel/personal.js';
import type { StreamId } from '../domain/kernel/stream.js';
import { orderLines } from '../domain/order/order-lines.js';
import { stockItem, stockStream } from '../domain/stock/stock-item.js';
import { createEmailKey } from '../infra/crypto/email-key.js';
import { createKeyedHash } from '../infra/crypto/master-key.js';
import { createCommitCodec } from '../infra/event-store/codec.js';
import { createMemoryEventStore, createMemoryLog, type MemoryLog } from '../infra/event-store/memory.js';
import { rememberOwnCommits } from '../infra/event-store/own-commits.js';
import { createTestMethods } from '../infra/payments/test-methods.js';
import { createTestProvider } from '../infra/payments/test-provider.js';
import { createCurrentCartReader } from '../read-api/queries/current-carts.js';
import { streamQueries } from '../read-api/read-side.js';
import { createViews } from '../read-api/views.js';
import { callerOf } from './call-endpoint.js';
import { createMemoryCredentials, createMemoryPreferences, plainPasswords } from './memory-accounts.js';
import { createMemoryViews } from './memory-views.js';
import { openProcesses } from './processes.js';
import { readModel } from './read-model.js';
import { the } from './the.js';

export const ADA: Caller = { role: 'customer', id: 'customer_ada', customerId: 'customer_ada' };
export const BOB: Caller = { role: 'customer', id: 'customer_bob', customerId: 'customer_bob' };
export const GUEST: Caller = { role: 'customer', id: 'customer_guest', customerId: 'customer_guest', guest: true };
export const KEEPER: Caller = { role: 'catalogue', id: 'keeper' };
export const SUPPORT: Caller = { role: 'support', id: 'support' };

export const ADDRESS = { name: 'Ada', line1: '1 Mill Lane', city: 'Leeds', postcode: 'LS1 4AP', country: 'GB' };

/** Callers whose tokens are their ids. */
const CALLERS: readonly Caller[] = [ADA, BOB, GUEST];

export const unsealed: PersonalData = {
  seal: async (event) => event,
  open: async (value) => value as never,
  sealFor: async (_subject, _place, value) => value,
  forget: async () => {},
};

export interface ShopOptions {
  /** With the `log` of another shop, this is a second process of that shop. */
  log?: MemoryLog;
  store?: EventStore;
  clock?: Clock;
  /** Wraps the command path. */
  through?: (runner: CommandRunner) => CommandRunner;
  personal?: PersonalData;
  provider?: PaymentProvider;
  bank?: TestBank;
  callers?: readonly Caller[];
  currentCartOf?: (customerId: string) => Promise<string | undefined>;
  /** Replaces the pauses of checkouts that wait for stock. */
  pause?: (ms: number) => Promise<unknown>;
  snapshots?: SnapshotStore;
  inUse?: CartsInUse['inUse'];
  /** Number of streams, SKUs and carts that it remembers. */
  cacheSize?: number;
}

export function createShop({
  log = createMemoryLog(),
  clock = Date.now,
  store = createMemoryEventStore({ codec: createCommitCodec(eventTypes), log, clock, watermarkLagMs: 0 }),
  through = (runner) => runner,
  personal = unsealed,
  provider = createTestProvider(),
  bank = createTestProvider(),
  callers = CALLERS,
  currentCartOf,
  pause,
  snapshots,
  inUse,
  cacheSize,
}: ShopOptions = {}) {
  const caches = cacheSize === undefined ? {} : { cacheSize };
  const own = rememberOwnCommits(store);
  const runner = through(
    createCommandRunner({
      store: own.store,
      eventTypes,
      personal,
      clock,
      pause: async () => {},
      ...defined({ snapshots }),
      ...caches,
    }),
  );
  const processes = openProcesses({ runner, store, clock, provider, ...defined({ pause }), ...caches });
  const { skuOwners, payments, stock: allocator, checkout, settlement } = processes;
  const emailKeyOf = createEmailKey(createKeyedHash(Buffer.alloc(32)));
  const pricing = createPricing({ runner, skuOwners, personal, clock });
  const { quotes } = pricing;
  const views = createViews({ states: runner, quotes, personal, store, upTo: own.ownCommits.upTo });
  const queries = { of: currentCartOf ?? newestOpenCartOf, inUse: openInTheLog };
  const reader = createCurrentCartReader({ currentCarts: readModel(queries), states: runner });
  const currentCarts = { of: reader.of, inUse: inUse ?? reader.inUse };
  const savedMethods = createTestMethods({ runner });
  const viewStream = createMemoryViews();
  const sessionOf = (customerId: string) => `session of ${customerId}`;
  const quarantine = { list: async () => [], retry: async () => undefined, release: async () => {} };
  const operations = createOperations({ runner, quarantine, targets: ['agenda'], personal, checkout, settlement });
  const tokens = { authenticate: async (token: string) => callers.find(({ id }) => id === token) };
  const guests = createGuestMerge({ runner, currentCarts, tokens });
  const preferences = createMemoryPreferences<ShopPreferences>();
  const mails: Mail[] = [];
  const credentials = createMemoryCredentials();
  const ended: string[] = [];
  const accountSessions = { endAll: async (customerId: string) => void ended.push(customerId) };
  let secrets = 0;
  const accounts = createAccounts({
    runner,
    personal,
    emailKeyOf,
    keyedHash: createKeyedHash(Buffer.alloc(32)),
    passwords: plainPasswords,
    credentials,
    sessions: accountSessions,
    mailer: { send: async (mail) => void mails.push(mail) },
    mailLinks: createMailLinks('https://shop.example/'),
    inBackground: (_, work) => void work(),
    clock,
    newSecret: () => String(secrets++).padStart(22, '0'),
  });
  const endpoints = [
    ...accountEndpoints({
      accounts,
      attempts: { count: async () => {} },
      emailKeyOf,
      passwords: plainPasswords,
      inBackground: (_, work) => void work(),
      evenAnswerMs: 0,
      pause: async () => {},
    }),
    ...writeSide({
      runner,
      clock,
      personal,
      guests,
      preferences,
      skuOwners,
      allocator,
      currentCarts,
      pricing,
      views,
      savedMethods,
      checkout,
      settlement,
      payments,
      forgetting: processes.forgetting,
      provider: 'test',
      emailKeyOf,
      settings: createCurrentSettings({ runner, clock }),
      viewStream,
      sessionOf,
      ...caches,
    }),
    ...opsEndpoints({ operations }),
    ...streamQueries({ states: runner, personal, currentCarts, quotes, savedMethods, preferences, views }),
    ...testPaymentEndpoints({
      runner,
      bank,
      onChange: (paymentId) => checkout.resume(siblingId('order', paymentId)),
    }),
  ];
  const call = callerOf(endpoints, clock);

  let commands = 0;
  const meta = (): CommandMeta => ({
    id: `command-${commands++}`,
    issuedAt: Date.now(),
    correlationId: 'request',
    actor: { type: 'staff', id: 'tests' },
  });

  /** Ships units from the main location. */
  async function ship(sku: string, quantity: number): Promise<void> {
    const id = { sku, location: 'main', reservationId: `order_${commands}` };
    orThrow(await runner.execute(stockItem, stockStream(id), { type: 'ReserveStock', ...id, quantity }, meta()));
    orThrow(await runner.execute(stockItem, stockStream(id), { type: 'CommitReservation', ...id }, meta()));
    orThrow(await runner.execute(stockItem, stockStream(id), { type: 'ShipReservation', ...id }, meta()));
  }

  /** Releases a reservation, as a checkout with a rejected reservation does. */
  async function release(sku: string): Promise<void> {
    const id = { sku, location: 'main', reservationId: `order_${commands}` };
    orThrow(await runner.execute(stockItem, stockStream(id), { type: 'ReleaseReservation', ...id }, meta()));
  }

  /** The newest open cart. */
  async function newestOpenCartOf(customerId: string): Promise<string | undefined> {
    const streams = [...log.streams.keys()].filter((stream) => stream.startsWith('cart#')) as StreamId[];
    const carts = await Promise.all(streams.map(async (stream) => (await runner.load(cart, stream)).state!));
    const open = carts.filter((made) => made.customerId === customerId && !isFrozen(made));
    return open.at(-1)?.cartId;
  }

  async function openInTheLog(cartIds: readonly string[]): Promise<ReadonlyMap<string, boolean>> {
    const carts = await Promise.all(cartIds.map(async (id) => (await runner.load(cart, streamOf(id))).state));
    return new Map(carts.flatMap((made) => (made ? [[made.cartId, made.status === 'open'] as const] : [])));
  }

  /** Submits a cart without starting its checkout. */
  async function submit(cartId: string): Promise<void> {
    const { state } = await runner.load(cart, streamOf(cartId));
    const priced = {
      number: '1',
      lines: orderLines(the(state).lines),
      shipping: { method: 'standard', title: 'Standard delivery', amount: 0 },
    };
    const command = { type: 'SubmitCart', ...priced, payment: { provider: 'test', method: 'pm_card_visa' } } as const;
    orThrow(await runner.execute(cart, streamOf(cartId), command, meta()));
  }

  return {
    call,
    endpoints,
    log,
    store,
    runner,
    processes,
    personal,
    emailKeyOf,
    viewStream,
    sessionOf,
    guests,
    preferences,
    accounts,
    accountSessions,
    credentials,
    mails,
    ended,
    ship,
    release,
    submit,
  };
}

export type Shop = ReturnType<typeof createShop>;

/** Publishes a product with one variant, `<sku>` in GBP, with stock. */
export async function sell({ call }: Pick<Shop, 'call'>, sku: string, amount: number, quantity = 10): Promise<string> {
  const id = `product_${sku}`;
  const variants = [{ sku, prices: [{ amount, currency: 'GBP' }] }];
  await call('post /v1/products', { caller: KEEPER, body: { id, title: `The ${sku}`, variants } });
  await call(`post /v1/products/${id}/publish`, { caller: KEEPER });
  if (quantity > 0) await call(`post /v1/stock/${sku}/receipts`, { caller: KEEPER, body: { quantity } });
  return id;
}

/** A cart of Ada, or of another caller, with an address and a shipping method. */
export async function fill(
  { call }: Pick<Shop, 'call'>,
  lines: Readonly<Record<string, number>>,
  caller: Caller = ADA,
): Promise<string> {
  const { body } = await call('post /v1/carts', { caller, body: { currency: 'GBP' } });
  for (const [sku, quantity] of Object.entries(lines)) {
    await call(`post /v1/carts/${body.id}/lines`, { caller, body: { sku, quantity } });
  }
  await call(`put /v1/carts/${body.id}/shipping-address`, { caller, body: ADDRESS });
  await call(`put /v1/carts/${body.id}/shipping-method`, { caller, body: { method: 'standard' } });
  return body.id;
}
