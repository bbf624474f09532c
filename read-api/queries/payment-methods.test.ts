import { expect } from 'chai';
import { callerOf, problemOf } from '../../test/call-endpoint.js';
import { ADA, BOB } from '../../test/shop.js';
import { plainViews } from '../views.js';
import { paymentMethodQuery } from './payment-methods.js';

describe('The query of the saved payment methods', () => {
  const PATH = 'get /v1/me/payment-methods';
  const card = { id: 'pm_1', brand: 'visa', last4: '4242', expiresMonth: 12, expiresYear: 2030 };
  const savedMethods = { of: async (customerId: string) => (customerId === ADA.customerId ? [card] : []) };
  const call = callerOf([paymentMethodQuery({ savedMethods, view: plainViews.paymentMethod })]);

  it('lists those of the caller', async () => {
    const page = { next: null, hasMore: false };
    expect((await call(PATH, { caller: ADA })).body).to.deep.equal({ data: [card], page });
    expect((await call(PATH, { caller: BOB })).body).to.deep.equal({ data: [], page });
  });

  it('needs a token that names a customer', async () => {
    await problemOf(call(PATH, { caller: { role: 'customer', id: 'somebody' } }), 'forbidden');
  });
});
