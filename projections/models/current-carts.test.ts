import { expect } from 'chai';
import { type CartCommand, cart } from '../../domain/cart/cart.js';
import { EPOCH, historyOf, project } from '../../test/read-models.js';
import { the } from '../../test/the.js';
import { currentCarts, isInUse } from './current-carts.js';

const address = { name: 'Ada', line1: '1 Mill Lane', city: 'Leeds', postcode: 'LS1 4AP', country: 'GB' };
const mug = { sku: 'MUG', title: 'Mug', quantity: 1 };
const ready: CartCommand[] = [
  { type: 'CreateCart', cartId: 'cart_1', customerId: 'customer_1', currency: 'GBP' },
  { type: 'AddCartLine', lineId: 'line_1', ...mug, unitPrice: { amount: 500, currency: 'GBP' } },
  { type: 'SetShippingAddress', address },
  { type: 'ChooseShippingMethod', method: 'standard' },
];
const submit: CartCommand = {
  type: 'SubmitCart',
  number: '1000000',
  lines: [{ id: '1', ...mug, unitPrice: 500, total: 500 }],
  shipping: { method: 'standard', title: 'Standard delivery', amount: 0 },
  payment: { provider: 'test', method: 'pm_card_visa' },
};
const time = (version: number) => new Date(EPOCH + version * 1_000).toISOString();
const shown = (...commands: CartCommand[]) => project(currentCarts, historyOf(cart, commands).events).get('cart_1');

describe('The current carts', () => {
  const known = { cartId: 'cart_1', customerId: 'customer_1' };

  it('hold a cart from when it was created, and since when it is open again', () => {
    expect(shown(...ready)).to.deep.equal({ ...known, openAt: time(1) });
    const failed: CartCommand = { type: 'ReopenCart', orderId: 'order_1', reason: 'out_of_stock' };
    expect(shown(...ready, submit, failed)).to.deep.equal({ ...known, openAt: time(6) });
  });

  it('leave out submitted and merged carts', () => {
    expect(shown(...ready, submit)).to.deep.equal(known);
    expect(shown(...ready, { type: 'HandOverCart', toCartId: 'cart_2', customerId: 'customer_2' })).to.deep.equal(
      known,
    );
  });

  it('say which are in use, and which nobody has changed for a day', () => {
    const inUse = (...commands: CartCommand[]) => isInUse(the(shown(...commands)));
    const abandon: CartCommand = { type: 'AbandonCart' };
    expect(inUse(...ready)).to.equal(true);
    expect(inUse(...ready, submit)).to.equal(false);
    const events = [...historyOf(cart, ready).events];
    const [last] = events.slice(-1);
    const idle = { ...the(last), type: 'CartAbandoned', data: { cartId: 'cart_1' } } as const;
    const again = { ...the(last), type: 'CartStillActive', data: { cartId: 'cart_1', since: EPOCH } } as const;
    const behind = (...more: object[]) => the(project(currentCarts, [...events, ...more] as never).get('cart_1'));
    expect(inUse(...ready, abandon), 'not idle yet').to.equal(true);
    expect(isInUse(behind(idle))).to.equal(false);
    expect(behind(idle), 'still the current cart').to.include({ openAt: time(1) });
    expect(isInUse(behind(idle, again))).to.equal(true);
  });
});
