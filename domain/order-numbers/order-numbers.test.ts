import { expect } from 'chai';
import { decider, issuedTwiceChangesNothing } from '../../test/domain/given-when-then.js';
import type { OrderNumberEvent } from './events.js';
import { FIRST_ORDER_NUMBER, orderNumbers } from './order-numbers.js';

const leased = (leaseId: string, from: number, to: number): OrderNumberEvent => {
  return { type: 'NumbersLeased', data: { leaseId, from, to } };
};
const first = leased('a', FIRST_ORDER_NUMBER, FIRST_ORDER_NUMBER + 99);

describe('Order numbers', () => {
  const { given } = decider(orderNumbers);

  it('are leased in consecutive blocks', () => {
    given([]).when({ type: 'LeaseNumbers', leaseId: 'a', count: 100 }).then([first]);
    given([first])
      .when({ type: 'LeaseNumbers', leaseId: 'b', count: 1 })
      .then([leased('b', FIRST_ORDER_NUMBER + 100, FIRST_ORDER_NUMBER + 100)]);
  });

  it('never look like those of imported invoices, which have six digits', () => {
    expect(String(FIRST_ORDER_NUMBER)).to.have.length(7);
  });

  it('are not leased again by a command that is issued again', () => {
    issuedTwiceChangesNothing(orderNumbers, {
      LeaseNumbers: { given: [first], when: { type: 'LeaseNumbers', leaseId: 'b', count: 100 } },
    });
  });
});
