import { expect } from 'chai';
import { the } from '../test/the.js';
import { cart } from './cart/cart.js';
import { coupon } from './coupon/coupon.js';
import { customer } from './customer/customer.js';
import { customerCarts } from './customer-carts/customer-carts.js';
import { shopEvents } from './events.js';
import { returns } from './fulfilment/return.js';
import { shipment } from './fulfilment/shipment.js';
import { order } from './order/order.js';
import { ORDER_NUMBERS, orderNumbers } from './order-numbers/order-numbers.js';
import { payment } from './payment/payment.js';
import { product } from './product/product.js';
import { skuClaim } from './product/sku-claim.js';
import { SHOP, shop } from './shop/shop.js';
import { STAFF, staff } from './staff/staff.js';
import { stockItem } from './stock/stock-item.js';
import { SHIPPING_TABLE, shippingTable } from './tariffs/shipping-table.js';
import { TAX_TABLE, taxTable } from './tariffs/tax-table.js';

describe('The events of the shop', () => {
  it('hold personal data in these fields, which are the customer’s, the payment’s where no customer is known, or a member’s of the staff', () => {
    const kept = Object.entries(shopEvents).flatMap(([type, { personal }]) =>
      personal ? [{ type, ...personal }] : [],
    );
    expect(Object.fromEntries(kept.map(({ type, fields }) => [type, fields]))).to.deep.equal({
      ShippingAddressSet: ['address'],
      CartSubmitted: ['email'],
      OrderPlaced: ['email', 'shippingAddress'],
      OrderAddressChanged: ['shippingAddress'],
      PaymentActionRequired: ['clientSecret'],
      PaymentAuthorised: ['last4'],
      AccountOpened: ['email', 'name'],
      ProfileChanged: ['name', 'addresses'],
      StaffAdded: ['name'],
    });
    const ids = { customerId: 'customer_1', paymentId: 'payment_1' };
    for (const { type, subject } of kept) {
      const whose = type === 'StaffAdded' ? 'staff_1' : 'customer_1';
      expect(subject({ ...ids, staffId: 'staff_1' } as never), type).to.equal(whose);
    }
    const { subject } = the(kept.find(({ type }) => type === 'PaymentActionRequired'));
    expect(subject({ paymentId: 'payment_1' } as never)).to.equal('payment_1');
  });
});

describe('The streams of the shop', () => {
  const deciders = [
    cart,
    coupon,
    customer,
    customerCarts,
    order,
    orderNumbers,
    payment,
    product,
    returns,
    shipment,
    shippingTable,
    shop,
    skuClaim,
    staff,
    stockItem,
    taxTable,
  ];

  it('have permanent names', () => {
    expect(deciders.map(({ category }) => category)).to.deep.equal([
      'cart',
      'coupon',
      'customer',
      'customer-carts',
      'order',
      'order-numbers',
      'payment',
      'product',
      'return',
      'shipment',
      'shipping-table',
      'shop',
      'sku',
      'staff',
      'stock',
      'tax-table',
    ]);
    expect([ORDER_NUMBERS, SHIPPING_TABLE, SHOP, STAFF, TAX_TABLE]).to.deep.equal([
      'order-numbers#shop',
      'shipping-table#shop',
      'shop#main',
      'staff#shop',
      'tax-table#shop',
    ]);
  });

  it('begin empty, except for what a shop has from the start', () => {
    const beginnings = deciders.flatMap(({ category, initialState }) =>
      initialState === null ? [] : [[category, initialState]],
    );
    expect(Object.fromEntries(beginnings)).to.deep.equal({
      coupon: { terms: null, redeemed: 0, inFlight: [], returned: [] },
      customer: { providerRefs: {}, methods: [] },
      'customer-carts': [],
      'order-numbers': { next: 1_000_000 },
      'shipping-table': [{ id: 'standard', title: 'Standard delivery', zones: [] }],
      shop: { currencies: ['GBP', 'EUR', 'USD'], countries: ['GB', 'IE', 'FR', 'DE', 'US'] },
      staff: [],
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

  it('have snapshots if they grow long, and none if they end', () => {
    const folds = deciders.map(({ category, snapshot }) => [category, snapshot && Object.values(snapshot)]);
    expect(Object.fromEntries(folds)).to.deep.equal({
      cart: [2, 200],
      coupon: [3, 100],
      customer: [3, 100],
      'customer-carts': [1, 100],
      order: undefined,
      'order-numbers': [1, 100],
      payment: undefined,
      product: [1, 100],
      return: undefined,
      shipment: undefined,
      'shipping-table': [1, 100],
      shop: [1, 100],
      // A claim, and one event per location, of which there are at most 50.
      sku: undefined,
      staff: [1, 100],
      stock: [5, 200],
      'tax-table': [1, 100],
    });
  });
});
