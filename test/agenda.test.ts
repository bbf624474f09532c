// The shop as time passes: work that the agenda lists as due is done once, by any number of workers.
import { expect } from 'chai';
import { createAgendaWorker } from '../commands/agenda/agenda.js';
import { createAgendaHandlers } from '../commands/agenda/handlers.js';
import type { PaymentProvider } from '../commands/payment/provider.js';
import type { CommandRunner } from '../commands/runtime/command-runner.js';
import { CART_IDLE_MS } from '../domain/cart/events.js';
import { coupon, couponStream } from '../domain/coupon/coupon.js';
import { orThrow } from '../domain/kernel/errors.js';
import { streamOf } from '../domain/kernel/id.js';
import { RETRY_HORIZON_MS } from '../domain/kernel/limits.js';
import { capturedOf, type Payment } from '../domain/payment/ledger.js';
import { PAY_WITHIN_MS } from '../domain/payment/method-kinds.js';
import { payment } from '../domain/payment/payment.js';
import type { AgendaItem } from '../domain/processes/agenda.js';
import { RESERVATION_MS } from '../domain/processes/checkout-steps.js';
import { reservationOf } from '../domain/stock/reservations.js';
import { stockItem, stockStream } from '../domain/stock/stock-item.js';
import { createTestProvider } from '../infra/payments/test-provider.js';
import { type AgendaDocument, agenda } from '../projections/models/agenda.js';
import { createOrderView } from '../read-api/views/order.js';
import { documentsOf } from './read-models.js';
import { ADA, createShop, fill, KEEPER, SUPPORT, sell } from './shop.js';
import { the } from './the.js';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const START = Date.parse('2026-03-01T09:00:00Z');
const NEEDS_CUSTOMER = 'pm_card_authenticationRequired';
const never = new AbortController().signal;

/** A shop whose clock stands still until it is moved. Its provider holds money for a week, and can reject some first captures. */
interface ShopOptions {
  savedMethod?: string;
  failedCaptures?: number;
  /** The worker of the checkout dies before it extends the reservations. */
  diesBeforeExtending?: boolean;
}

function openShop({ savedMethod, failedCaptures = 0, diesBeforeExtending = false }: ShopOptions = {}) {
  let refusals = failedCaptures;
  let isAway = false;
  let now = START;
  const clock = () => now;
  const held = new Map<string, number>();
  const test = createTestProvider();
  const provider: PaymentProvider = {
    ...test,
    async authorise(request) {
      if (isAway) throw new Error('no connection');
      const answer = await test.authorise(request);
      if (answer.status !== 'authorised') return answer;
      const lapsesAt = held.get(request.key) ?? now + 7 * DAY_MS;
      held.set(request.key, lapsesAt);
      return { ...answer, captureBefore: new Date(lapsesAt).toISOString() };
    },
    capture: async (operation) => (refusals-- > 0 ? { status: 'failed', reason: 'refused' } : test.capture(operation)),
    async retrieve({ key }) {
      const lapsesAt = held.get(key);
      const authorisation = { status: lapsesAt !== undefined && lapsesAt <= now ? 'released' : 'pending' } as const;
      return { authorisation, captured: 0, capturable: 0, refunds: [] };
    },
  };
  const through = (runner: CommandRunner): CommandRunner => ({
    ...runner,
    async execute(decider, stream, command, meta) {
      if (diesBeforeExtending && meta.id.includes('ExtendReservation')) throw new Error('dead');
      return runner.execute(decider, stream, command, meta);
    },
  });
  const shop = createShop({ clock, provider, through });
  const errors: unknown[] = [];

  async function itemsDue(before: number): Promise<AgendaItem[]> {
    const documents = [...(await documentsOf(shop, agenda)).values()].filter((document) => document !== null);
    const due = documents.filter(({ dueAt }: AgendaDocument) => dueAt !== undefined && Date.parse(dueAt) < before);
    return due.map(({ item }) => the(item));
  }

  /** Every worker is a process of its own, without anything in memory. */
  function worker() {
    return createAgendaWorker({
      agenda: { due: async (before, limit) => (await itemsDue(before)).slice(0, limit) },
      handlers: handlers(),
      clock,
      onError: (_, error) => void errors.push(error),
    });
  }

  function handlers() {
    const { runner, processes } = createShop({ clock, provider, log: shop.log });
    return createAgendaHandlers({ runner, ...processes, savedMethodOf: async () => savedMethod, clock });
  }

  async function pass(ms: number): Promise<void> {
    now += ms;
    await Promise.all([worker()(never), worker()(never)]);
    expect(errors).to.deep.equal([]);
    const commits = shop.log.arrivals.length;
    await worker()(never);
    expect(shop.log.arrivals.length, 'commits of work that was done already').to.equal(commits);
  }

  async function checkOut(paymentMethod: string, couponCode?: string): Promise<string> {
    const cart = await fill(shop, { MUG: 2 });
    if (couponCode) await shop.call(`post /v1/carts/${cart}/coupons/${couponCode}`, { caller: ADA });
    const { body } = await shop.call(`post /v1/carts/${cart}/checkout`, { caller: ADA, body: { paymentMethod } });
    return body.id;
  }

  return {
    ...shop,
    pass,
    handlers,
    checkOut,
    /** While the provider is away, it authorises nothing. */
    beAway: (away: boolean) => {
      isAway = away;
    },
    itemsDue: (ms = 0) => itemsDue(now + ms),
    orderOf: async (id: string) => (await createOrderView(shop).of({ orderId: id }))!,
    paymentOf: async (id: string) =>
      (await shop.runner.load(payment, streamOf(id.replace('order', 'payment')))).state as Payment,
    stockOf: async (sku: string, location = 'main') =>
      (await shop.runner.load(stockItem, stockStream({ sku, location }))).state,
  };
}

/** Two mugs with a coupon that can be used once, and a customer who takes time to pay. */
async function waitingFor(method: string, options: ShopOptions = {}) {
  const shop = openShop(options);
  await sell(shop, 'MUG', 500);
  await shop.call('put /v1/coupons/ONCE', {
    caller: KEEPER,
    body: { kind: 'percentage', basisPoints: 1_000, limit: 1 },
  });
  const id = await shop.checkOut(method, 'ONCE');
  const couponOf = async () => (await shop.runner.load(coupon, couponStream({ code: 'ONCE' }))).state;
  return { shop, id, couponOf };
}

/** Four units leave, and then the worker dies. */
async function sendToEast({ runner }: Pick<ReturnType<typeof openShop>, 'runner'>): Promise<void> {
  const key = { sku: 'MUG', location: 'main' };
  const movement = { movementId: 'move-1', productId: 'product_MUG', quantity: 4, to: 'east' };
  orThrow(
    await runner.execute(
      stockItem,
      stockStream(key),
      { type: 'TransferOut', ...key, ...movement },
      { id: 'move-1', issuedAt: 0, late: 'search', correlationId: 'r', actor: { type: 'staff', id: 'tests' } },
    ),
  );
}

describe('As time passes', () => {
  it('saleor/saleor#11257, #14352: an order that nobody pays gives its stock back, and its cart', async () => {
    const shop = openShop();
    await sell(shop, 'MUG', 500);
    const id = await shop.checkOut(NEEDS_CUSTOMER);
    expect(await shop.stockOf('MUG')).to.include({ reserved: 2 });
    await shop.pass(PAY_WITHIN_MS.card - 60_000);
    expect(await shop.orderOf(id)).to.include({ status: 'placed', paymentStatus: 'requires_action' });
    expect(await shop.stockOf('MUG')).to.include({ reserved: 2 });
    await shop.pass(120_000);
    expect(await shop.orderOf(id)).to.include({ status: 'expired', paymentStatus: 'not_paid' });
    expect(await shop.stockOf('MUG')).to.include({ reserved: 0, committed: 0, onHand: 10 });
    const cart = await shop.call(`get /v1/carts/${id.replace('order', 'cart')}`, { caller: ADA });
    expect(cart.body).to.include({ status: 'open' });
    await shop.pass(RESERVATION_MS);
    expect((await shop.itemsDue()).map(({ kind }) => kind)).to.deep.equal([]);
  });

  for (const [method, kind] of [
    ['pm_voucher', 'voucher'],
    ['pm_bank_transfer', 'bank_transfer'],
  ] as const) {
    it(`an order by ${kind} keeps its stock and its coupon for days, and is confirmed when it is paid`, async () => {
      const { shop, id, couponOf } = await waitingFor(method);
      for (const ms of [RESERVATION_MS, DAY_MS, PAY_WITHIN_MS[kind] - 2 * DAY_MS]) {
        await shop.pass(ms);
        expect(await shop.orderOf(id)).to.include({ status: 'placed', paymentStatus: 'requires_action' });
        expect(await shop.stockOf('MUG')).to.include({ reserved: 2 });
        expect(await couponOf()).to.deep.include({ redeemed: 1, inFlight: [id] });
      }
      const paid = `post /v1/test-payments/${id.replace('order', 'payment')}/authenticate`;
      await shop.call(paid, { caller: ADA, body: { succeed: true } });
      expect(await shop.orderOf(id)).to.include({ status: 'confirmed', paymentStatus: 'authorised' });
      expect(await shop.stockOf('MUG')).to.include({ reserved: 0, committed: 2 });
      expect(await couponOf()).to.deep.include({ redeemed: 1, inFlight: [] });
    });

    it(`an order by ${kind} that is not paid in time gives stock, coupon and cart back`, async () => {
      const { shop, id, couponOf } = await waitingFor(method);
      await shop.pass(PAY_WITHIN_MS[kind] - MINUTE_MS);
      expect(await shop.orderOf(id)).to.include({ status: 'placed' });
      await shop.pass(MINUTE_MS);
      expect(await shop.orderOf(id)).to.include({ status: 'expired', paymentStatus: 'not_paid' });
      expect(await shop.stockOf('MUG')).to.include({ reserved: 0, committed: 0, onHand: 10 });
      expect(await couponOf()).to.deep.include({ redeemed: 0, inFlight: [] });
      await shop.pass(RESERVATION_MS);
      expect((await shop.itemsDue()).map(({ kind }) => kind)).to.deep.equal([]);
    });
  }

  it('an order by voucher keeps its stock if the worker that should extend its reservations is dead', async () => {
    const { shop, id } = await waitingFor('pm_voucher', { diesBeforeExtending: true });
    await shop.pass(RESERVATION_MS / 2 - 1);
    const held = async () => the(reservationOf((await shop.stockOf('MUG')).reservations, id)?.expiresAt);
    expect(await held()).to.equal(START + RESERVATION_MS);
    await shop.pass(1 + MINUTE_MS);
    expect(await held()).to.be.greaterThan(START + PAY_WITHIN_MS.voucher);
  });

  it('a reservation expires if its checkout never ends', async () => {
    const shop = openShop();
    await sell(shop, 'MUG', 500);
    const key = { sku: 'MUG', location: 'main' };
    const expiresAt = Date.parse('2026-03-01T09:20:00Z');
    orThrow(
      await shop.runner.execute(
        stockItem,
        stockStream(key),
        { type: 'ReserveStock', ...key, reservationId: 'somebody', quantity: 3, expiresAt },
        { id: 'reserve', issuedAt: 0, late: 'search', correlationId: 'r', actor: { type: 'staff', id: 'tests' } },
      ),
    );
    await shop.pass(RESERVATION_MS - 1);
    expect(await shop.stockOf('MUG')).to.include({ reserved: 3 });
    await shop.pass(2);
    expect(await shop.stockOf('MUG')).to.include({ reserved: 0, onHand: 10 });
  });

  it('an authorisation is renewed before it expires if the customer has a saved method', async () => {
    const shop = openShop({ savedMethod: 'pm_card_visa' });
    await sell(shop, 'MUG', 500);
    const id = await shop.checkOut('pm_card_visa');
    await shop.pass(5 * DAY_MS);
    expect((await shop.paymentOf(id)).earlier).to.have.length(0);
    await shop.pass(1.5 * DAY_MS);
    const renewed = await shop.paymentOf(id);
    expect(renewed.earlier).to.have.length(1);
    expect(renewed.authorisation).to.include({ status: 'authorised', amount: 1000 });
    expect(await shop.orderOf(id)).to.include({ status: 'confirmed', paymentStatus: 'authorised' });
  });

  it('the renewal does not include cancelled units', async () => {
    const shop = openShop({ savedMethod: 'pm_card_visa' });
    await sell(shop, 'MUG', 500);
    const id = await shop.checkOut('pm_card_visa');
    const body = { lines: [{ lineId: '1', quantity: 1 }] };
    await shop.call(`post /v1/orders/${id}/cancel`, { caller: ADA, body });
    await shop.pass(6.5 * DAY_MS);
    const { earlier, authorisation } = await shop.paymentOf(id);
    expect(earlier).to.have.length(1);
    expect(authorisation).to.include({ status: 'authorised', amount: 500 });
    const made = await shop.call(`post /v1/orders/${id}/shipments`, { caller: SUPPORT, body });
    await shop.call(`post /v1/shipments/${made.body.id}/dispatch`, { caller: SUPPORT });
    expect(capturedOf(await shop.paymentOf(id))).to.equal(500);
  });

  it('an order is held if its authorisation has expired and cannot be renewed', async () => {
    const shop = openShop();
    await sell(shop, 'MUG', 500);
    const id = await shop.checkOut('pm_card_visa');
    await shop.pass(6.5 * DAY_MS);
    expect(await shop.paymentOf(id)).to.include({ status: 'authorised' });
    await shop.pass(DAY_MS);
    expect(await shop.paymentOf(id)).to.include({ status: 'lapsed' });
    expect((await shop.orderOf(id)).timeline.map(({ what }) => what)).to.include('held');
    const made = await shop.call(`post /v1/orders/${id}/shipments`, { caller: SUPPORT, body: {} });
    const sent = await shop.call(`post /v1/shipments/${made.body.id}/dispatch`, { caller: SUPPORT }).catch(String);
    expect(sent).to.match(/is held; resume it/);
  });

  it('a failed capture for shipped units is taken from the renewal, once', async () => {
    const shop = openShop({ savedMethod: 'pm_card_visa', failedCaptures: 1 });
    await sell(shop, 'MUG', 500);
    const id = await shop.checkOut('pm_card_visa');
    const body = { lines: [{ lineId: '1', quantity: 1 }] };
    const made = await shop.call(`post /v1/orders/${id}/shipments`, { caller: SUPPORT, body });
    await shop.call(`post /v1/shipments/${made.body.id}/dispatch`, { caller: SUPPORT });
    expect((await shop.paymentOf(id)).captures.map(({ status }) => status)).to.deep.equal(['failed']);
    await shop.pass(6.5 * DAY_MS);
    await shop.pass(MINUTE_MS);
    const told = shop.log.arrivals.flatMap(({ ev }) => (JSON.parse(ev) as { type: string }[]).map(({ type }) => type));
    const [collection, renewal] = [told.lastIndexOf('CollectionRequested'), told.lastIndexOf('PaymentAuthorised')];
    expect(collection, 'a crash behind the renewal must not forget it').to.be.within(0, renewal - 1);
    const captures = (await shop.paymentOf(id)).captures.map(({ amount, status }) => [amount, status]);
    expect(captures).to.deep.equal([
      [500, 'failed'],
      [500, 'captured'],
    ]);
    await shop.pass(6.5 * DAY_MS);
    expect(capturedOf(await shop.paymentOf(id))).to.equal(500);
  });

  describe('while the outcome of a renewal is unknown,', () => {
    const openRenewing = async (failedCaptures: number) => {
      const shop = openShop({ savedMethod: 'pm_card_visa', failedCaptures });
      await sell(shop, 'MUG', 500);
      const id = await shop.checkOut('pm_card_visa');
      const send = async () => {
        const body = { lines: [{ lineId: '1', quantity: 1 }] };
        const made = await shop.call(`post /v1/orders/${id}/shipments`, { caller: SUPPORT, body });
        await shop.call(`post /v1/shipments/${made.body.id}/dispatch`, { caller: SUPPORT });
      };
      const failToRenew = async () => {
        shop.beAway(true);
        await shop.pass(6.5 * DAY_MS);
        expect(await shop.paymentOf(id)).to.include({ status: 'unknown' });
      };
      const renew = async () => {
        shop.beAway(false);
        await shop.pass(10 * MINUTE_MS);
        await shop.pass(10 * MINUTE_MS);
        return shop.paymentOf(id);
      };
      return { ...shop, id, send, renewInVain: failToRenew, renew };
    };

    it('a failed capture on the old authorisation is taken from the renewal', async () => {
      const { send, renewInVain, renew } = await openRenewing(2);
      await renewInVain();
      await send();
      expect(capturedOf(await renew())).to.equal(500);
    });

    it('the old authorisation may be captured completely; then the renewal is voided', async () => {
      const { send, renewInVain, renew } = await openRenewing(0);
      await renewInVain();
      await send();
      await send();
      const renewed = await renew();
      expect(capturedOf(renewed)).to.equal(1000);
      expect(renewed).to.include({ status: 'voided' });
    });

    it('late news of the old authorisation does not retry a failed capture too early', async () => {
      const { id, send, renewInVain, renew, paymentOf, processes } = await openRenewing(1);
      await send();
      await renewInVain();
      const { paymentId, earlier } = await paymentOf(id);
      const { operationId, amount, currency, providerRef } = the(earlier[0]);
      const authorisation = { status: 'authorised', amount, currency, providerRef: the(providerRef) } as const;
      const held = { authorisation, captured: 0, capturable: 0, refunds: [] };
      const origin = { correlationId: 'news', actor: { type: 'process', id: 'test' } } as const;
      orThrow(await processes.payments.record(paymentId, operationId, held, { origin }));
      await processes.settlement.run(id);
      expect((await paymentOf(id)).captures.map(({ status }) => status)).to.deep.equal(['failed']);
      expect(capturedOf(await renew())).to.equal(500);
    });
  });

  it('a renewed authorisation is renewed again', async () => {
    const shop = openShop({ savedMethod: 'pm_card_visa' });
    await sell(shop, 'MUG', 500);
    const id = await shop.checkOut('pm_card_visa');
    await shop.pass(6.5 * DAY_MS);
    await shop.pass(6.5 * DAY_MS);
    const { earlier, authorisation } = await shop.paymentOf(id);
    expect(earlier.map(({ status }) => status)).to.deep.equal(['lapsed', 'lapsed']);
    expect(authorisation).to.include({ status: 'authorised', amount: 1000 });
  });

  it('an order is held if its renewal is declined and its authorisation has expired; the renewal is not repeated', async () => {
    const shop = openShop({ savedMethod: 'pm_card_visa_chargeDeclined' });
    await sell(shop, 'MUG', 500);
    const id = await shop.checkOut('pm_card_visa');
    await shop.pass(6.5 * DAY_MS);
    await shop.pass(DAY_MS / 4);
    expect((await shop.paymentOf(id)).earlier).to.have.length(1);
    expect(await shop.orderOf(id))
      .to.include({ paymentStatus: 'authorised' })
      .and.not.have.property('held');
    await shop.pass(DAY_MS);
    expect(await shop.orderOf(id)).to.include({ held: true });
    expect((await shop.itemsDue()).map(({ kind }) => kind)).to.deep.equal([]);
  });

  it('an order is held at the news of an expired authorisation, but not again if the news is repeated', async () => {
    const shop = openShop();
    await sell(shop, 'MUG', 500);
    const id = await shop.checkOut('pm_card_visa');
    const { paymentId, authorisation } = await shop.paymentOf(id);
    const origin = { correlationId: 'news', actor: { type: 'process', id: 'bank' } } as const;
    const held = { authorisation: { status: 'released' }, captured: 0, capturable: 0, refunds: [] } as const;
    const hear = () => shop.processes.payments.record(paymentId, the(authorisation).operationId, held, { origin });
    orThrow(await hear());
    expect(await shop.orderOf(id)).to.include({ held: true });
    await shop.call(`post /v1/orders/${id}/resume`, { caller: SUPPORT });
    orThrow(await hear());
    expect(await shop.orderOf(id)).not.to.have.property('held');
  });

  it('transferred units arrive once, even if the agenda repeats the arrival much later', async () => {
    const shop = openShop();
    await sell(shop, 'MUG', 500);
    await sendToEast(shop);
    const [item] = (await shop.itemsDue(DAY_MS)).filter(({ kind }) => kind === 'transfer');
    await shop.pass(60_000);
    await shop.pass(2 * RETRY_HORIZON_MS);
    await shop.call('post /v1/stock/MUG/receipts', { caller: KEEPER, body: { location: 'east', quantity: 1 } });
    await shop.handlers().transfer(item as Extract<AgendaItem, { kind: 'transfer' }>);
    expect(await shop.stockOf('MUG', 'east')).to.include({ onHand: 5 });
  });

  it('transferred units arrive even if the worker that sent them died', async () => {
    const shop = openShop();
    await sell(shop, 'MUG', 500);
    await sendToEast(shop);
    await shop.pass(60_000);
    expect(await shop.stockOf('MUG')).to.include({ onHand: 6 });
    expect(await shop.stockOf('MUG', 'east')).to.include({ onHand: 4 });
  });

  it('a cart is abandoned when nobody has changed it for a day, and comes back with the next change', async () => {
    const shop = openShop();
    await sell(shop, 'MUG', 500);
    const cart = await fill(shop, { MUG: 1 });
    const look = async () => (await shop.call(`get /v1/carts/${cart}`, { caller: ADA })).body.status;
    await shop.pass(CART_IDLE_MS - 1_000);
    await shop.call(`post /v1/carts/${cart}/lines`, { caller: ADA, body: { sku: 'MUG', quantity: 1 } });
    await shop.pass(2_000);
    expect(await look()).to.equal('open');
    await shop.pass(CART_IDLE_MS);
    expect(await look()).to.equal('abandoned');
    await shop.call(`post /v1/carts/${cart}/lines`, { caller: ADA, body: { sku: 'MUG', quantity: 1 } });
    expect(await look()).to.equal('open');
  });
});
