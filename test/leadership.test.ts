// Two running processes of one shop. The one that leads hangs for a while: the other one replaces it, and the first does no harm
// when it wakes.
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { Deposed, orThrow } from '../domain/kernel/errors.js';
import { stockItem, stockStream } from '../domain/stock/stock-item.js';
import { leaseOf } from '../infra/modules/leadership.js';
import type { Shop } from '../infra/modules/open-shop.js';
import { describeWith, freshName } from './engines.js';
import { fullOr } from './every-case.js';
import { openHere } from './open-here.js';
import {
  type Caller,
  commerce,
  type Environment,
  endPrograms,
  eventually,
  type Guest,
  once,
  PROFILES,
  type RunningShop,
  startShop,
} from './running-shop.js';

const REPLACED_WITHIN_MS = 15_000;
/** More than two terms of a lease; in the long form, four. */
const HANGS_FOR_MS = fullOr(40_000, 20_000);
/** Between two orders. */
const PAUSE_MS = 1_000;
const TEST_TIMEOUT_MS = 300_000;

/** Reservations that expire one after the other: before the take-over, after it, and while the first leader wakes. */
const RESERVATIONS = 50;
const EXPIRE_EVERY_MS = HANGS_FOR_MS / 40;

const ADDRESS = { name: 'Ada', line1: '1 Mill Lane', city: 'Leeds', postcode: 'LS1 4AP', country: 'GB' };
const META = { correlationId: 'test', actor: { type: 'staff', id: 'tests' } } as const;

for (const profile of PROFILES) {
  describeWith(profile.engines, `The leader of a shop on ${profile.name}`, function (engines) {
    this.timeout(TEST_TIMEOUT_MS);
    let environment: Environment;
    let shop: Shop;

    before(async () => {
      environment = { ...(await profile.freshEnvironment(engines)), COMMERCE_LOG: 'info' };
      shop = await openHere(environment, ['runner', 'eventStore', 'leases', 'agendaHandlersOf']);
    });
    after(async () => {
      await shop.close();
      await endPrograms();
    });

    it('cannot do the work of the agenda any more when another process has taken its lease', async () => {
      const leases = await shop.get('leases');
      const handlersOf = await shop.get('agendaHandlersOf');
      const lease = freshName('lease');
      const item = await reserve(shop, freshName('SKU'), [Date.now() - 1_000]);
      const first = { lease, token: (await leases.take(lease, 'first', undefined))! };
      const handlers = handlersOf(first);
      const second = { lease, token: (await leases.take(lease, 'second', await leases.look(lease)))! };
      const late = await handlers.reservations(item).catch((error: unknown) => error);
      expect(late).to.be.instanceOf(Deposed);
      expect(await expiriesOf(shop, item.sku)).to.deep.equal([]);
      await handlersOf(second).reservations(item);
      expect(await expiriesOf(shop, item.sku)).to.deep.equal(Object.keys(item.expiries));
    });

    it('is replaced when it hangs, its due work is done once, and it steps down when it wakes', async () => {
      const first = await startShop(environment, ['--empty']);
      const asFirst = await first.staff('ops');
      await eventually('the first leads', async () => expect(await leads(asFirst)).to.equal(true));
      const second = await startShop(environment, ['--empty']);
      const asSecond = await second.staff('ops');
      expect(await leads(asSecond)).to.equal(false);
      const sku = await newProduct(await second.staff('catalogue'));
      const guest = await second.guest();
      const bought = [await buy(guest, sku)];
      expect(await idsOf(guest)).to.deep.equal(bought);
      const { token } = (await leaseIn(shop))!;

      first.program.kill('SIGSTOP');
      const hungAt = Date.now();
      const expiries = Array.from({ length: RESERVATIONS }, (_, n) => hungAt + (n + 1) * EXPIRE_EVERY_MS);
      const item = await reserve(shop, freshName('SKU'), expiries);
      bought.unshift(await buy(guest, sku));
      await eventually('the order is visible', async () => expect(await idsOf(guest)).to.deep.equal(bought));
      expect(Date.now() - hungAt).to.be.below(REPLACED_WITHIN_MS);
      expect(await leads(asSecond)).to.equal(true);
      expect((await leaseIn(shop))!.token).to.equal(token + 1);
      while (Date.now() < hungAt + HANGS_FOR_MS) {
        bought.unshift(await buy(guest, sku));
        await delay(PAUSE_MS);
      }
      await eventually('the second leader has expired reservations for a while', async () =>
        expect(await expiriesOf(shop, item.sku)).to.have.length.above(RESERVATIONS / 2),
      );

      first.program.kill('SIGCONT');
      await eventually('the first has stepped down', async () => {
        expect(first.program.stderr()).to.include('another process has replaced this one as the leader');
        expect(await leads(asFirst)).to.equal(false);
      });
      await eventually('all reservations have expired', async () => {
        const expired = await expiriesOf(shop, item.sku);
        expect(expired).to.have.length.at.least(RESERVATIONS);
      });
      expect((await expiriesOf(shop, item.sku)).sort()).to.deep.equal(Object.keys(item.expiries).sort());
      expect(await leads(asSecond)).to.equal(true);
      expect((await leaseIn(shop))!.token).to.equal(token + 1);

      bought.unshift(await buy(guest, sku));
      expect(await idsOf(guest)).to.deep.equal(bought);
      const stock = await (await second.staff('support')).get(`/v1/stock/${sku}`);
      expect(stock.body.locations[0]).to.include({ reserved: 0, committed: bought.length });

      const status = JSON.parse((await commerce(['status', '--json'], environment)).stdout);
      expect(status.leader)
        .to.include({ term: token + 1 })
        .and.to.have.property('holder')
        .that.matches(/:\d+$/);
      await stopBoth(first, second);
      expect(await leaseIn(shop)).not.to.have.property('holder');
    });
  });
}

async function leaseIn(shop: Shop) {
  const leases = await shop.get('leases');
  // An engine on a busy machine may be too slow for one request.
  return eventually('the lease is read', () => leases.look(leaseOf(shop.config)));
}

/** Reserves one unit per expiry time. Returns the entry of the agenda. */
async function reserve(shop: Shop, sku: string, times: readonly number[]) {
  const runner = await shop.get('runner');
  const key = { sku, location: 'main' };
  const execute = async (id: string, command: object) =>
    orThrow(
      await runner.execute(stockItem, stockStream(key), { ...command, ...key } as never, {
        id,
        issuedAt: Date.now(),
        ...META,
      }),
    );
  const movement = { movementId: freshName('move'), productId: `product_${sku}` };
  await execute(movement.movementId, { type: 'ReceiveStock', quantity: times.length, ...movement });
  const expiries: Record<string, number> = {};
  for (const expiresAt of times) {
    const reservationId = freshName('order');
    await execute(reservationId, { type: 'ReserveStock', reservationId, quantity: 1, expiresAt });
    expiries[reservationId] = expiresAt;
  }
  return { kind: 'reservations' as const, ...key, expiries };
}

/** The reservations that have expired, once for each event. */
async function expiriesOf(shop: Shop, sku: string): Promise<string[]> {
  const ids: string[] = [];
  for await (const { events } of (await shop.get('eventStore')).read(stockStream({ sku, location: 'main' }))) {
    for (const { type, data } of events) {
      if (type === 'ReservationExpired') ids.push((data as { reservationId: string }).reservationId);
    }
  }
  return ids;
}

async function leads(ops: Caller): Promise<boolean> {
  return /^commerce_leader 1$/m.test((await ops.get('/metrics')).body);
}

async function newProduct(keeper: Caller): Promise<string> {
  const sku = freshName('SKU').toUpperCase();
  const id = `product_${sku}`;
  const variants = [{ sku, prices: [{ amount: 1_000, currency: 'GBP' }] }];
  await keeper.post('/v1/products', { id, title: `Thing ${sku}`, variants });
  await keeper.post(`/v1/products/${id}/publish`);
  expect((await keeper.post(`/v1/stock/${sku}/receipts`, { quantity: 100_000 }, once())).status).to.equal(201);
  return sku;
}

async function buy(guest: Guest, sku: string): Promise<string> {
  const made = await guest.post('/v1/carts', { currency: 'GBP' });
  expect(made.status, JSON.stringify(made.body)).to.equal(201);
  const cart = `/v1/carts/${made.body.id}`;
  await guest.post(`${cart}/lines`, { sku, quantity: 1 });
  await guest.put(`${cart}/shipping-address`, ADDRESS);
  await guest.put(`${cart}/shipping-method`, { method: 'standard' });
  const placed = await guest.post(`${cart}/checkout`, { paymentMethod: 'pm_card_visa' }, once());
  expect(placed.status, JSON.stringify(placed.body)).to.equal(201);
  return placed.body.id;
}

/** The caller's orders, newest first, including every one that it has placed. */
async function idsOf(guest: Guest): Promise<string[]> {
  const ids: string[] = [];
  for (let after = ''; ; ) {
    const { status, body } = await guest.get(`/v1/orders?limit=100${after}`);
    expect(status, JSON.stringify(body)).to.equal(200);
    ids.push(...body.data.map(({ id }: { id: string }) => id));
    if (!body.page.hasMore) return ids;
    after = `&after=${body.page.next}`;
  }
}

async function stopBoth(...shops: RunningShop[]): Promise<void> {
  for (const shop of shops) await shop.stop();
}
