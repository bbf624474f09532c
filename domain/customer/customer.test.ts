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

const emailKey = 'k'.repeat(43);
const person = { registrationId: '1', emailKey, email: 'ada@example.com', name: 'Ada' };
const open = { type: 'OpenAccount', customerId, ...person } as const;
const opened: CustomerEvent = { type: 'AccountOpened', data: { customerId, ...person } };
const verify = { type: 'VerifyEmail', customerId } as const;
const verified: CustomerEvent = { type: 'EmailVerified', data: { customerId } };
const consents = (marketing: boolean): CustomerEvent => ({ type: 'ConsentChanged', data: { customerId, marketing } });

describe('A customer', () => {
  const { given } = decider(customer);

  it('has at most one account', () => {
    given([]).when(open).then([opened]);
    given([opened])
      .when({ ...open, registrationId: '2', name: 'Eve' })
      .thenRejected('conflict');
    given([forgotten]).when(open).thenRejected('rule_violated');
  });

  it('proves once that the address is theirs', () => {
    expect(given([opened]).state.account?.isVerified).to.equal(false);
    given([opened]).when(verify).then([verified]);
    expect(given([opened, verified]).state.account?.isVerified).to.equal(true);
    given([opened, verified]).when(verify).then([]);
  });

  it('changes their profile, and only what is different is recorded', () => {
    const revise = { type: 'ReviseAccount', customerId } as const;
    const addresses = [{ name: 'Ada', line1: '1 Mill Lane', city: 'Leeds', postcode: 'LS1 4AP', country: 'GB' }];
    const changed: CustomerEvent = { type: 'ProfileChanged', data: { customerId, name: 'Ada L.', addresses } };
    given([opened])
      .when({ ...revise, name: 'Ada L.', addresses })
      .then([changed]);
    given([opened, changed])
      .when({ ...revise, name: 'Ada L.', addresses })
      .then([]);
    given([opened])
      .when({ ...revise, name: 'Ada', addresses: [] })
      .then([]);
    expect(given([opened, changed]).state.account).to.deep.include({ name: 'Ada L.', addresses, email: person.email });
  });

  it('consents to advertising, or does not, and the time of each answer is known', () => {
    const answer = (marketing: boolean) => ({ type: 'ReviseAccount', customerId, marketing }) as const;
    given([opened])
      .when(answer(false))
      .then([consents(false)]);
    given([opened, consents(true)])
      .when(answer(true))
      .then([]);
    given([opened, consents(true)])
      .when(answer(false))
      .then([consents(false)]);
    expect(given([opened, consents(true)], 7_000).state.account?.marketing).to.deep.equal({ agreed: true, at: 7_000 });
  });

  it('has nothing of an account to change while they are a guest', () => {
    for (const when of [verify, { type: 'ReviseAccount', customerId } as const]) {
      given([]).when(when).thenRejected('rule_violated');
    }
    given([]).when({ type: 'ChangePassword', customerId, changeId: '1' }).thenRejected('rule_violated');
  });

  it('loses the account when they are forgotten; the key of the address is left, to release it', () => {
    const { state } = given([opened, verified, forgotten]);
    expect(state.account).to.equal(undefined);
    expect(state.emailKey).to.equal(emailKey);
    given([opened, forgotten]).when(verify).thenRejected('rule_violated');
  });

  it('was each guest that they logged in from, once, and stays so when they are forgotten', () => {
    const identify = { type: 'IdentifyGuest', customerId, guestId: 'customer_guest' } as const;
    const identified: CustomerEvent = { type: 'GuestIdentified', data: { customerId, guestId: 'customer_guest' } };
    given([]).when(identify).then([identified]);
    given([identified]).when(identify).then([]);
    given([])
      .when({ ...identify, guestId: customerId })
      .then([]);
    expect(given([identified, forgotten]).state.guests).to.deep.equal(['customer_guest']);
    given([forgotten]).when(identify).thenRejected('rule_violated');
  });

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
      IdentifyGuest: { given: [], when: { type: 'IdentifyGuest', customerId, guestId: 'customer_guest' } },
      OpenAccount: { given: [], when: open },
      VerifyEmail: { given: [opened], when: verify },
      ChangePassword: { given: [opened], when: { type: 'ChangePassword', customerId, changeId: '1' } },
      ReviseAccount: { given: [opened], when: { type: 'ReviseAccount', customerId, name: 'Ada L.', marketing: true } },
    });
  });
});
