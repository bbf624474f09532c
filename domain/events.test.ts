import { expect } from 'chai';
import { cart } from './cart/cart.js';
import { coupon } from './coupon/coupon.js';
import { customer } from './customer/customer.js';
import { shopEvents } from './events.js';
import { returns } from './fulfilment/return.js';
import { shipment } from './fulfilment/shipment.js';
import { order } from './order/order.js';
import { ORDER_NUMBERS, orderNumbers } from './order-numbers/order-numbers.js';
import { payment } from './payment/payment.js';
import { checkout } from './processes/checkout.js';
import { product } from './product/product.js';
import { skuClaim } from './product/sku-claim.js';
import { stockItem } from './stock/stock-item.js';
import { SHIPPING_TABLE, shippingTable } from './tariffs/shipping-table.js';
import { TAX_TABLE, taxTable } from './tariffs/tax-table.js';

describe('The events of the shop', () => {
  it('hold personal data in these fields, which are the customer’s, or the payment’s where no customer is known', () => {
    const kept = Object.entries(shopEvents).flatMap(([type, { personal }]) =>
      personal ? [{ type, ...personal }] : [],
    );
    expect(Object.fromEntries(kept.map(({ type, fields }) => [type, fields]))).to.deep.equal({
      ShippingAddressSet: ['address'],
      CartSubmitted: ['email'],
      OrderPlaced: ['email', 'shippingAddress'],
      OrderAddressChanged: ['shippingAddress'],
      PaymentActionRequired: ['clientSecret'],
      CheckoutStarted: ['email', 'shippingAddress'],
    });
    const ids = { customerId: 'customer_1', paymentId: 'payment_1' };
    for (const { type, subject } of kept) expect(subject(ids as never), type).to.equal('customer_1');
    const { subject } = kept.find(({ type }) => type === 'PaymentActionRequired')!;
    expect(subject({ paymentId: 'payment_1' } as never)).to.equal('payment_1');
  });
});

describe('The streams of the shop', () => {
  const deciders = [
    cart,
    checkout,
    coupon,
    customer,
    order,
    orderNumbers,
    payment,
    product,
    returns,
    shipment,
    shippingTable,
    skuClaim,
    stockItem,
    taxTable,
  ];

  it('have names that stand in the log for ever', () => {
    expect(deciders.map(({ category }) => category)).to.deep.equal([
      'cart',
      'checkout',
      'coupon',
      'customer',
      'order',
      'order-numbers',
      'payment',
      'product',
      'return',
      'shipment',
      'shipping-table',
      'sku',
      'stock',
      'tax-table',
    ]);
    expect([ORDER_NUMBERS, SHIPPING_TABLE, TAX_TABLE]).to.deep.equal([
      'order-numbers#shop',
      'shipping-table#shop',
      'tax-table#shop',
    ]);
  });

  it('begin with nothing, but for what a shop has from the start', () => {
    const beginnings = deciders.flatMap(({ category, initialState }) =>
      initialState === null ? [] : [[category, initialState]],
    );
    expect(Object.fromEntries(beginnings)).to.deep.equal({
      coupon: { terms: null, redeemed: 0, inFlight: [], returned: [] },
      customer: { providerRefs: {}, methods: [] },
      'order-numbers': { next: 1_000_000 },
      'shipping-table': [{ id: 'standard', title: 'Standard delivery', zones: [] }],
      stock: {
        productId: null,
        onHand: 0,
        reserved: 0,
        parked: 0,
        committed: 0,
        shortfall: 0,
        policy: {},
        reservations: {},
        acted: [],
      },
      'tax-table': [],
    });
  });

  it('have snapshots where they grow long', () => {
    const long = deciders.flatMap(({ category, snapshot }) => (snapshot ? [{ category, ...snapshot }] : []));
    expect(long).to.deep.equal([
      { category: 'coupon', foldVersion: 3, every: 100 },
      { category: 'order-numbers', foldVersion: 1, every: 100 },
      { category: 'stock', foldVersion: 3, every: 200 },
    ]);
  });
});
