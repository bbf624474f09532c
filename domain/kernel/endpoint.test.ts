import { expect } from 'chai';
import { type Caller, customerOf, endpoint, ownerFor, visible } from './endpoint.js';
import { isProblem } from './errors.js';
import { ROLES } from './role.js';

describe('The caller of an endpoint', () => {
  it('has one of five roles, whose names are in tokens', () => {
    expect(ROLES).to.deep.equal(['customer', 'support', 'catalogue', 'ops', 'auditor']);
  });

  it('is a customer only if the token names one', () => {
    expect(customerOf({ role: 'customer', id: 'ada', customerId: 'customer_ada' })).to.equal('customer_ada');
    try {
      customerOf({ role: 'customer', id: 'ada' });
      expect.fail('a customer was made up');
    } catch (problem) {
      expect(isProblem(problem, 'forbidden'), String(problem)).to.equal(true);
      expect(String(problem)).to.contain('POST /v1/sessions');
    }
  });
});

describe('What an endpoint finds', () => {
  const ada = { role: 'customer', id: 'customer_ada', customerId: 'customer_ada' } as const;
  const bob = { role: 'customer', id: 'customer_bob', customerId: 'customer_bob' } as const;
  const support = { role: 'support', id: 'support' } as const;
  const nameless = { role: 'customer', id: 'ada' } as const;
  const order = { customerId: 'customer_ada' };
  const refusalOf = (found: typeof order | null, caller: Caller) => {
    try {
      return visible(found, 'order_1', caller);
    } catch (problem) {
      return isProblem(problem) ? `${problem.code}: ${problem.message}` : problem;
    }
  };

  it('is visible to its customer and to support', () => {
    expect(ownerFor(ada)).to.equal('customer_ada');
    expect(ownerFor(support)).to.equal(undefined);
    for (const caller of [ada, support]) expect(visible(order, 'order_1', caller)).to.equal(order);
  });

  it('does not exist for another customer', () => {
    const missing = 'not_found: There is no order_1.';
    expect(refusalOf(order, bob)).to.equal(missing);
    for (const caller of [ada, support]) expect(refusalOf(null, caller)).to.equal(missing);
  });

  it('cannot be asked for with a token that names no customer, whether or not it exists', () => {
    for (const found of [order, null]) expect(refusalOf(found, nameless)).to.match(/^forbidden: /);
  });
});

describe('An endpoint', () => {
  it('is what its definition says', () => {
    const said = {
      method: 'get',
      path: '/v1/ping',
      summary: 'Answers',
      roles: ['public'],
      answers: {},
      handle: async () => ({ status: 204 }),
    } as const;
    expect(endpoint(said)).to.equal(said);
  });
});
