import { expect } from 'chai';
import { decider, issuedTwiceChangesNothing } from '../../test/domain/given-when-then.js';
import { customer } from './customer.js';
import type { CustomerEvent } from './events.js';

const customerId = 'customer_ada';
const link = { type: 'LinkProviderCustomer', customerId, provider: 'stripe', providerRef: 'cus_1' } as const;
const linked = (providerRef: string): CustomerEvent => {
  return { type: 'ProviderCustomerLinked', data: { customerId, provider: 'stripe', providerRef } };
};
const save = { type: 'SavePaymentMethod', customerId, method: 'pm_card_visa' } as const;
const remove = { type: 'RemovePaymentMethod', customerId, method: 'pm_card_visa' } as const;
const saved = (method: string): CustomerEvent => ({ type: 'PaymentMethodSaved', data: { customerId, method } });
const removed: CustomerEvent = { type: 'PaymentMethodRemoved', data: { customerId, method: 'pm_card_visa' } };

const forget = { type: 'ForgetCustomer', customerId } as const;
const forgotten: CustomerEvent = { type: 'SubjectForgotten', data: { customerId } };
const complete = { type: 'CompleteForgetting', customerId } as const;
const completed: CustomerEvent = { type: 'ForgettingCompleted', data: { customerId } };

describe('A customer', () => {
  const { given } = decider(customer);

  it('has one name at each provider: the first', () => {
    given([])
      .when(link)
      .then([linked('cus_1')]);
    given([linked('cus_1')])
      .when({ ...link, providerRef: 'cus_2' })
      .then([]);
    given([linked('cus_1')])
      .when({ ...link, provider: 'test' })
      .then([{ type: 'ProviderCustomerLinked', data: { customerId, provider: 'test', providerRef: 'cus_1' } }]);
  });

  it('saves what they pay with, and removes it', () => {
    given([])
      .when(save)
      .then([saved('pm_card_visa')]);
    given([saved('pm_card_visa'), saved('pm_card_amex')])
      .when(remove)
      .then([removed]);
    given([saved('pm_card_visa'), removed])
      .when(remove)
      .then([]);
    given([saved('pm_card_visa'), removed])
      .when(save)
      .then([saved('pm_card_visa')]);
  });

  it('loses the method that is removed, and no other', () => {
    const methods = ['pm_card_visa', 'pm_card_amex'];
    expect(given(methods.map(saved)).state.methods).to.deep.equal(methods);
    expect(given([...methods.map(saved), removed]).state.methods).to.deep.equal(['pm_card_amex']);
  });

  it('saves at most twenty methods', () => {
    const twenty = Array.from({ length: 20 }, (_, n) => saved(`pm_${n}`));
    given(twenty).when(save).thenRejected('rule_violated');
    given(twenty)
      .when({ ...save, method: 'pm_7' })
      .then([]);
  });

  it('is forgotten once, with their saved methods, and stays in the records of the provider until the work is done', () => {
    given([]).when(forget).then([forgotten]);
    given([forgotten]).when(forget).then([]);
    given([forgotten, completed]).when(forget).then([]);
    const { state } = given([linked('cus_1'), saved('pm_card_visa'), forgotten]);
    expect(state).to.deep.equal({ providerRefs: { stripe: 'cus_1' }, methods: [], forgetting: 'begun' });
  });

  it('is completely forgotten after the work that follows, and only then', () => {
    given([]).when(complete).thenRejected('conflict');
    given([forgotten]).when(complete).then([completed]);
    given([forgotten, completed]).when(complete).then([]);
  });

  it('gets no new record once forgotten', () => {
    for (const history of [[forgotten], [forgotten, completed]] as const) {
      given(history).when(link).thenRejected('rule_violated');
      given(history).when(save).thenRejected('rule_violated');
      given(history).when(remove).then([]);
    }
  });

  it('is not changed by a command that is issued again', () => {
    issuedTwiceChangesNothing(customer, {
      LinkProviderCustomer: { given: [], when: link },
      SavePaymentMethod: { given: [], when: save },
      RemovePaymentMethod: { given: [saved('pm_card_visa')], when: remove },
      ForgetCustomer: { given: [], when: forget },
      CompleteForgetting: { given: [forgotten], when: complete },
    });
  });
});
