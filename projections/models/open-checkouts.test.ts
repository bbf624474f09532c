import { expect } from 'chai';
import fc from 'fast-check';
import { type CartCommand, cart } from '../../domain/cart/cart.js';
import { type CheckoutCommand, checkout, checkoutOfCart } from '../../domain/processes/checkout.js';
import { asStored, EPOCH, historyOf, interleavingOf, project } from '../../test/read-models.js';
import { openCheckouts } from './open-checkouts.js';

const ID = 'checkout_1';

const address = { name: 'Ada', line1: '1 Mill Lane', city: 'Leeds', postcode: 'LS1', country: 'GB' };
const shopping: CartCommand[] = [
  { type: 'CreateCart', cartId: 'cart_1', customerId: 'customer_1', currency: 'GBP' },
  {
    type: 'AddCartLine',
    lineId: 'line_1',
    sku: 'MUG',
    title: 'Mug',
    quantity: 1,
    unitPrice: { amount: 500, currency: 'GBP' },
  },
  { type: 'SetShippingAddress', address },
  { type: 'ChooseShippingMethod', method: 'standard', amount: 0 },
  { type: 'SubmitCart', unitPrices: { MUG: 500 }, provider: 'test', paymentMethod: 'pm_card_visa' },
];
const submitted = historyOf(cart, shopping);
const start = checkoutOfCart(submitted.state!);

const record = (
  type: 'CheckoutPaymentUnknown' | 'CheckoutPaymentAuthorised' | 'CheckoutCompleted',
): CheckoutCommand => {
  return { type: 'RecordOutcome', outcome: { type, data: { checkoutId: ID } } };
};
const checkoutHistory = (...commands: CheckoutCommand[]) => historyOf(checkout, [start, ...commands]).events;
const time = (version: number) => new Date(EPOCH + version * 1_000).toISOString();

describe('The open checkouts', () => {
  it('hold a checkout from the submission of its cart on, so that one that never started is found', () => {
    expect(project(openCheckouts, submitted.events).get(ID)).to.deep.equal({
      orderId: 'order_1',
      cartId: 'cart_1',
      submittedAt: time(5),
      openAt: time(5),
    });
  });

  it('know when a checkout last moved', () => {
    const events = checkoutHistory(record('CheckoutPaymentUnknown'));
    expect(project(openCheckouts, events).get(ID)).to.deep.equal({
      orderId: 'order_1',
      movedAt: time(2),
      openAt: time(2),
    });
  });

  it('have no more to do with a checkout that has ended, even if its cart is heard of later', () => {
    const histories = [
      submitted.events,
      checkoutHistory(record('CheckoutPaymentAuthorised'), record('CheckoutCompleted')),
    ];
    const expected = asStored(project(openCheckouts, histories.flat()) as never);
    fc.assert(
      fc.property(interleavingOf(histories), (events) => {
        const documents = project(openCheckouts, events);
        expect(documents.get(ID)).not.to.have.property('openAt');
        expect(asStored(documents as never)).to.deep.equal(expected);
      }),
    );
  });
});
