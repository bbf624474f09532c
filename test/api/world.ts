// Resources of each kind in the shop, so that generated requests find more than 404: carts, orders at every step, a return.
import { siblingId } from '../../domain/kernel/id.js';
import { type Answer, type Caller, once } from '../running-shop.js';

const ADDRESS = { name: 'Ada', line1: '1 Mill Lane', city: 'Leeds', postcode: 'LS1 4AP', country: 'GB' };
const VISA = { paymentMethod: 'pm_card_visa' };
const NEEDS_CUSTOMER = { paymentMethod: 'pm_card_authenticationRequired' };

const SKU = 'NOTE-A5';
const CODE = 'TEN-OFF';

/** Several, because requests close them, pay for them and ship them. */
const CARTS = 10;
const ORDERS = 15;

/** By the first word of a path: the combinations of its parameters. */
export type Things = Record<string, Record<string, string>[]>;

export async function furnish(customer: Caller, keeper: Caller, support: Caller): Promise<Things> {
  await done(keeper.put(`/v1/coupons/${CODE}`, { kind: 'percentage', basisPoints: 1_000 }));
  await done(keeper.post(`/v1/stock/${SKU}/receipts`, { quantity: 1_000 }, once()));
  const carts = await several(CARTS, () => cart(customer));
  const waiting = await order(customer, NEEDS_CUSTOMER);
  const placed = await several(ORDERS, () => order(customer, VISA));

  const [packed, ...sent] = placed.slice(0, 6) as [string, ...string[]];
  const shipments = [await shipment(support, packed)];
  for (const id of sent) shipments.push(await shipment(support, id, 'dispatch', 'deliver'));
  const returns: string[] = [];
  for (const id of sent.slice(1)) {
    const lines = [{ lineId: '1', quantity: 1, reason: 'Too small' }];
    returns.push((await done(customer.post(`/v1/orders/${id}/returns`, { lines }))).body.id);
  }

  const orders = [waiting, ...placed];
  const payments = orders.map((id) => siblingId('payment', id));
  return {
    carts,
    orders: orders.map((id) => ({ id })),
    shipments: shipments.map((id) => ({ id })),
    returns: returns.map((id) => ({ id })),
    payments: payments.map((id) => ({ id })),
    'test-payments': payments.map((paymentId) => ({ paymentId })),
    products: [
      { id: 'product_mug', sku: 'MUG-BLUE' },
      { id: 'product_notebook', sku: 'NOTE-A6' },
    ],
    stock: [{ sku: SKU }, { sku: 'MUG-BLUE' }],
    coupons: [{ code: CODE }],
    'tax-rates': [{ id: 'gb' }],
    'shipping-methods': [{ id: 'standard' }],
  };
}

async function several<T>(count: number, make: () => Promise<T>): Promise<T[]> {
  const made: T[] = [];
  while (made.length < count) made.push(await make());
  return made;
}

/** The values that paths below a cart may contain. */
async function cart(customer: Caller): Promise<{ id: string; lineId: string; code: string }> {
  const { body } = await done(customer.post('/v1/carts', { currency: 'GBP' }));
  const path = `/v1/carts/${body.id}`;
  await done(customer.post(`${path}/lines`, { sku: SKU, quantity: 2 }));
  await done(customer.put(`${path}/shipping-address`, ADDRESS));
  const { body: ready } = await done(customer.put(`${path}/shipping-method`, { method: 'standard' }));
  return { id: body.id, lineId: ready.lines[0].id, code: CODE };
}

async function order(customer: Caller, payment: object): Promise<string> {
  const { id } = await cart(customer);
  return (await done(customer.post(`/v1/carts/${id}/checkout`, payment, once()))).body.id;
}

async function shipment(support: Caller, orderId: string, ...steps: string[]): Promise<string> {
  const { body } = await done(support.post(`/v1/orders/${orderId}/shipments`, {}));
  for (const step of steps) await done(support.post(`/v1/shipments/${body.id}/${step}`, undefined, once()));
  return body.id;
}

async function done(asked: Promise<Answer>): Promise<Answer> {
  const answer = await asked;
  if (answer.status >= 300) throw new Error(`The shop answers ${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer;
}
