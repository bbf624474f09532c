import { expect } from 'chai';
import { customerOf, endpoint } from './endpoint.js';
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
