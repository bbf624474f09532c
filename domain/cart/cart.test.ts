import { expect } from 'chai';
import { decider, issuedTwiceChangesNothing } from '../testing/given-when-then.js';
import { type CartCommand, cart, cartTotals, lineWithTotal } from './cart.js';
import { type CartEvent, MAX_CART_LINES, MAX_LINE_QUANTITY } from './events.js';

const address = { name: 'Ada', line1: '1 Mill Lane', city: 'Leeds', postcode: 'LS1', country: 'GB' };
const customerId = 'customer_1';
const orderId = 'order_1';

const created: CartEvent = { type: 'CartCreated', data: { cartId: 'cart_1', customerId, currency: 'GBP' } };
const mugLine = { lineId: 'line_1', sku: 'MUG-1', title: 'Mug', quantity: 2, unitPrice: 599 };
const added: CartEvent = { type: 'CartLineAdded', data: mugLine };
const addressSet: CartEvent = { type: 'ShippingAddressSet', data: { customerId, address } };
const methodChosen: CartEvent = { type: 'ShippingMethodChosen', data: { method: 'standard', amount: 399 } };
const submitted: CartEvent = {
  type: 'CartSubmitted',
  data: {
    cartId: 'cart_1',
    customerId,
    orderId,
    unitPrices: { 'MUG-1': 650 },
    provider: 'test',
    paymentMethod: 'pm_card_visa',
    email: 'a@b.example',
  },
};
const reopened: CartEvent = {
  type: 'CartReopened',
  data: { orderId, reason: 'out_of_stock', available: { 'MUG-1': 1 } },
};
const ready = [created, added, addressSet, methodChosen];

const add = { type: 'AddCartLine', ...mugLine, unitPrice: { amount: 599, currency: 'GBP' } } as const;
const change = { type: 'ChangeCartLineQuantity', lineId: 'line_1', quantity: 5 } as const;
const changed = (quantity: number, additionId?: string): CartEvent => {
  return { type: 'CartLineQuantityChanged', data: { lineId: 'line_1', quantity, ...(additionId && { additionId }) } };
};
const remove = { type: 'RemoveCartLine', lineId: 'line_1' } as const;
const removed: CartEvent = { type: 'CartLineRemoved', data: { lineId: 'line_1' } };
const setAddress = { type: 'SetShippingAddress', address } as const;
const choose = { type: 'ChooseShippingMethod', method: 'standard', amount: 399 } as const;
const submit = {
  type: 'SubmitCart',
  unitPrices: { 'MUG-1': 650, 'CUP-1': 1 },
  provider: 'test',
  paymentMethod: 'pm_card_visa',
  email: 'a@b.example',
} as const;
const reopen = { type: 'ReopenCart', orderId, reason: 'out_of_stock', available: { 'MUG-1': 1 } } as const;

describe('A cart', () => {
  const { given } = decider(cart);

  it('belongs to one customer and has one currency', () => {
    const create = { type: 'CreateCart', cartId: 'cart_1', customerId, currency: 'GBP' } as const;
    given([]).when(create).then([created]);
    given([created])
      .when({ ...create, customerId: 'customer_2' })
      .thenRejected('conflict');
    given([created])
      .when({ ...create, currency: 'EUR' })
      .thenRejected('conflict');
    given([created])
      .when({ ...add, unitPrice: { amount: 599, currency: 'EUR' } })
      .thenRejected('rule_violated');
  });

  it('has one line for each SKU, and adds more of it there', () => {
    given([created]).when(add).then([added]);
    given([created, added])
      .when({ ...add, lineId: 'line_2', quantity: 3 })
      .then([changed(5, 'line_2')]);
    given([created, added])
      .when({ ...add, lineId: 'line_2', sku: 'CUP-1' })
      .then([{ type: 'CartLineAdded', data: { ...mugLine, lineId: 'line_2', sku: 'CUP-1' } }]);
    expect(given([created, added, changed(5, 'line_2')]).state?.lines).to.deep.equal([
      { id: 'line_1', sku: 'MUG-1', title: 'Mug', quantity: 5, unitPrice: 599 },
    ]);
  });

  it('adds once under each id, even if the line is gone', () => {
    given([created, added, changed(5, 'line_2')])
      .when({ ...add, lineId: 'line_2', quantity: 3 })
      .then([]);
    given([created, added, removed]).when(add).then([]);
  });

  it('has so many lines, and so many units on each, at most', () => {
    const full = Array.from({ length: MAX_CART_LINES }, (_, n): CartEvent => {
      return { type: 'CartLineAdded', data: { ...mugLine, lineId: `l${n}`, sku: `S${n}` } };
    });
    given([created, ...full])
      .when(add)
      .thenRejected('rule_violated');
    given([created, ...full.slice(1)])
      .when(add)
      .then([added]);
    given([created, ...full])
      .when({ ...add, sku: 'S0', quantity: 1 })
      .then([{ type: 'CartLineQuantityChanged', data: { lineId: 'l0', quantity: 3, additionId: 'line_1' } }]);
    given([created, added])
      .when({ ...add, lineId: 'x', quantity: MAX_LINE_QUANTITY - 1 })
      .thenRejected('rule_violated');
    given([created, added])
      .when({ ...change, quantity: MAX_LINE_QUANTITY + 1 })
      .thenRejected('rule_violated');
    given([created, added])
      .when({ ...change, quantity: MAX_LINE_QUANTITY })
      .then([changed(MAX_LINE_QUANTITY)]);
  });

  it('changes and removes its own lines only', () => {
    given([created, added])
      .when(change)
      .then([changed(5)]);
    given([created, added]).when(remove).then([removed]);
    given([created, added])
      .when({ ...change, lineId: 'line_9' })
      .thenRejected('not_found');
    given([created, added])
      .when({ ...remove, lineId: 'line_9' })
      .thenRejected('not_found');
    given([created, added, removed]).when(change).thenRejected('not_found');
  });

  it('is submitted with lines, an address and a shipping method', () => {
    given(ready).when(submit).then([submitted]);
    given([created, addressSet, methodChosen]).when(submit).thenRejected('rule_violated');
    given([created, added, methodChosen]).when(submit).thenRejected('rule_violated');
    given([created, added, addressSet]).when(submit).thenRejected('rule_violated');
  });

  it('is submitted only if everything in it is still sold', () => {
    given(ready)
      .when({ ...submit, unitPrices: { 'CUP-1': 1 } })
      .thenRejected('rule_violated');
  });

  it('takes the prices of the moment when it is submitted', () => {
    const { lines, status, submission } = given([...ready, submitted]).state!;
    expect(lines[0]?.unitPrice).to.equal(650);
    expect(status).to.equal('submitted');
    expect(submission).to.deep.equal({
      orderId,
      provider: 'test',
      paymentMethod: 'pm_card_visa',
      email: 'a@b.example',
    });
  });

  it('becomes one order, from wherever it is submitted', () => {
    given([...ready, submitted])
      .when({ ...submit, paymentMethod: 'pm_other' })
      .then([]);
  });

  it('is frozen once it is submitted', () => {
    const edits: CartCommand[] = [
      { ...add, lineId: 'line_2' },
      change,
      remove,
      { ...setAddress, address: { ...address, city: 'York' } },
      { ...choose, amount: 1 },
    ];
    for (const edit of edits)
      given([...ready, submitted])
        .when(edit)
        .thenRejected('conflict');
  });

  it('is open again when its order failed, and then becomes another order', () => {
    given([...ready, submitted])
      .when(reopen)
      .then([reopened]);
    given([...ready, submitted])
      .when({ type: 'ReopenCart', orderId, reason: 'payment_declined' })
      .then([{ type: 'CartReopened', data: { orderId, reason: 'payment_declined' } }]);
    given([...ready, submitted, reopened])
      .when(change)
      .then([changed(5)]);
    const second: CartEvent = { ...submitted, data: { ...submitted.data, orderId: 'order_1-2' } } as CartEvent;
    given([...ready, submitted, reopened])
      .when(submit)
      .then([second]);
    given([...ready, submitted, reopened, second])
      .when(reopen)
      .then([]);
    expect(given([...ready, submitted, reopened]).state).to.not.have.property('submission');
  });

  it('is never reopened for an order that is not its own', () => {
    given([...ready, submitted])
      .when({ ...reopen, orderId: 'order_2' })
      .then([]);
    given(ready).when(reopen).then([]);
  });

  it('adds up', () => {
    expect(cartTotals(given([created]).state!)).to.deep.equal({
      subtotal: 0,
      discount: 0,
      shipping: 0,
      tax: 0,
      total: 0,
    });
    expect(cartTotals(given(ready).state!)).to.deep.equal({
      subtotal: 1198,
      discount: 0,
      shipping: 399,
      tax: 0,
      total: 1597,
    });
    expect(lineWithTotal(given(ready).state!.lines[0]!).total).to.equal(1198);
  });

  it('has to be there', () => {
    for (const command of [add, change, remove, setAddress, choose, submit, reopen])
      given([]).when(command).thenRejected('not_found');
  });

  it('is not changed by a command that is issued again', () => {
    issuedTwiceChangesNothing(cart, {
      CreateCart: { given: [], when: { type: 'CreateCart', cartId: 'cart_1', customerId, currency: 'GBP' } },
      AddCartLine: { given: [created, added], when: { ...add, lineId: 'line_2' } },
      ChangeCartLineQuantity: { given: [created, added], when: change },
      RemoveCartLine: { given: [created, added], when: remove },
      SetShippingAddress: { given: [created], when: setAddress },
      ChooseShippingMethod: { given: [created], when: choose },
      SubmitCart: { given: ready, when: submit },
      ReopenCart: { given: [...ready, submitted], when: reopen },
    });
    given([created]).when(setAddress).then([addressSet]);
    given([created]).when(choose).then([methodChosen]);
  });
});
