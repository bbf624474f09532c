import { expect } from 'chai';
import { type CheckoutCommand, checkout } from '../../domain/processes/checkout.js';
import { EPOCH, historyOf, project } from '../../test/read-models.js';
import { openCheckouts } from './open-checkouts.js';

const ID = 'checkout_1';

const start: CheckoutCommand = {
  type: 'StartCheckout',
  order: {
    orderId: 'order_1',
    customerId: 'customer_1',
    placedBy: 'customer',
    currency: 'GBP',
    lines: [{ sku: 'MUG', title: 'Mug', quantity: 1, unitPrice: 500 }],
    shipping: { method: 'standard', amount: 0 },
    provider: 'test',
    paymentMethod: 'pm_card_visa',
    location: 'main',
    dispatch: 'later',
  },
};
const unknown: CheckoutCommand = {
  type: 'RecordOutcome',
  outcome: { type: 'CheckoutPaymentUnknown', data: { checkoutId: ID } },
};
const authorised: CheckoutCommand = {
  type: 'RecordOutcome',
  outcome: { type: 'CheckoutPaymentAuthorised', data: { checkoutId: ID } },
};
const completed: CheckoutCommand = {
  type: 'RecordOutcome',
  outcome: { type: 'CheckoutCompleted', data: { checkoutId: ID } },
};

const outcomeOf = (...commands: CheckoutCommand[]) =>
  project(openCheckouts, historyOf(checkout, commands).events).get(ID);

describe('The open checkouts', () => {
  it('hold a checkout with the commit time of its last event', () => {
    expect(outcomeOf(start)).to.deep.equal({ id: ID, at: new Date(EPOCH + 1_000).toISOString() });
    expect(outcomeOf(start, unknown)).to.deep.equal({ id: ID, at: new Date(EPOCH + 2_000).toISOString() });
  });

  it('drop a checkout that has ended', () => {
    expect(outcomeOf(start, authorised, completed)).to.equal(null);
  });
});
