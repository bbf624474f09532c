// The benches of visibility: guests buy at half the rate that the shop can take, and each asks for the order at once, with the
// consistency token of the checkout.
import { setTimeout as delay } from 'node:timers/promises';
import type { FigureBench } from './bench.js';
import type { Client } from './client.js';
import { quantile } from './measure.js';
import { inParts } from './parts.js';
import { startProduct } from './product.js';
import { checkOut, fillCart } from './story.js';

const SKUS = ['VISIBLE-MUG', 'VISIBLE-BOWL'];
const PLENTY = 1_000_000;

/** The rate that the shop can take is that of these guests, after as many who warm it up. */
const FULL_IN_FLIGHT = 8;

/** Guests of a round, and of the measurement of the full rate. */
const GUESTS = { embedded: 200, aws: 60 };

export const visible = (['embedded', 'aws'] as const).map(
  (profile): FigureBench => ({
    kind: 'figure',
    name: profile === 'aws' ? 'visible-aws' : 'visible',
    inFlight: FULL_IN_FLIGHT,
    target: profile === 'aws' ? 1_000 : 100,
    unit: 'ms',
    how: `99th percentile of the time from the answer of a checkout to the answer with its order, which waits for the read model; guests arrive at half the rate of ${FULL_IN_FLIGHT} in flight, on the profile ${profile}${profile === 'aws' ? ' with local engines' : ''}`,
    async open(engines) {
      const shop = await engines.freshShop(profile);
      const product = await startProduct(shop.environment).catch(async (error) => {
        await shop.drop();
        throw error;
      });
      const close = async () => {
        await product.stop();
        await shop.drop();
      };
      try {
        for (const sku of SKUS) await product.sell(sku, PLENTY);
        const guests = GUESTS[profile];
        await fullRate(product.client, guests);
        const perSecond = (await fullRate(product.client, guests)) / 2;
        return { take: (signal) => slowestAt(perSecond, product.client, guests, signal), close };
      } catch (error) {
        await close();
        throw error;
      }
    },
  }),
);

/** Guests per second. */
async function fullRate(client: Client, guests: number): Promise<number> {
  const startedAt = performance.now();
  await inParts(guests, FULL_IN_FLIGHT, () => timeToShow(client));
  return guests / ((performance.now() - startedAt) / 1000);
}

/** Guests arrive at equal intervals, whether or not the earlier ones have finished. Returns the 99th percentile, in ms. */
async function slowestAt(perSecond: number, client: Client, guests: number, signal: AbortSignal): Promise<number> {
  const visits: Promise<number>[] = [];
  for (let n = 0; n < guests; n++) {
    signal.throwIfAborted();
    const visit = timeToShow(client);
    visit.catch(() => {}); // awaited below
    visits.push(visit);
    await delay(1000 / perSecond);
  }
  return quantile(await Promise.all(visits), 0.99);
}

/** A guest buys two products. Returns the time from the answer of the checkout to the answer with the order, in ms. */
async function timeToShow(client: Client): Promise<number> {
  const cart = await fillCart(client, SKUS);
  const { status, text, headers } = await checkOut(client, cart);
  if (status !== 201) throw new Error(`A checkout got the answer ${status}: ${text}`);
  const boughtAt = performance.now();
  const { id } = JSON.parse(text) as { id: string };
  await client.expect(200, {
    method: 'GET',
    path: `/v1/orders/${id}`,
    token: cart.token,
    headers: { 'Consistency-Token': headers['consistency-token'] as string, Prefer: 'wait=30' },
  });
  return performance.now() - boughtAt;
}
