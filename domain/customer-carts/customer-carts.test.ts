import { expect } from 'chai';
import fc from 'fast-check';
import { decider, issuedTwiceChangesNothing, TEST_NOW } from '../../test/domain/given-when-then.js';
import { CART_IDLE_MS } from '../cart/events.js';
import { defined } from '../kernel/json.js';
import { type CustomerCartsCommand, customerCarts } from './customer-carts.js';
import type { CustomerCartsEvent } from './events.js';

const customerId = 'customer_ada';
const counted = (n: number, closed?: string[]): CustomerCartsEvent => {
  const data = { customerId, cartId: `cart_${n}`, requestId: `r${n}`, ...defined({ closed }) };
  return { type: 'CartCounted', data };
};
const count = (n: number, shown?: { open: string[]; closed: string[] }) => {
  return { type: 'CountCart', customerId, cartId: `cart_${n}`, requestId: `r${n}`, ...defined({ shown }) } as const;
};
const full = Array.from({ length: 100 }, (_, n) => counted(n));
const ids = full.map(({ data }) => data.cartId);

describe('The carts of a customer', () => {
  const { given } = decider(customerCarts);

  it('number at most a hundred at a time', () => {
    given(full.slice(1))
      .when(count(100))
      .then([counted(100)]);
    given(full).when(count(100)).thenRejected('rule_violated');
    given(full)
      .when(count(100, { open: ids, closed: [] }))
      .thenRejected('rule_violated');
  });

  it('no longer count once they are closed', () => {
    const closed = ['cart_7', 'cart_9'];
    given(full)
      .when(count(100, { open: ids.filter((id) => !closed.includes(id)), closed: [...closed, 'cart_elsewhere'] }))
      .then([counted(100, closed)]);
    const after = given([...full, counted(100, closed)]);
    after.when(count(101)).then([counted(101)]);
  });

  it('count for a day if the read model does not show them, because they may still be created', () => {
    const open = ids.slice(1);
    given(full)
      .when(count(100, { open, closed: [] }), TEST_NOW + CART_IDLE_MS - 1)
      .thenRejected('rule_violated');
    given(full)
      .when(count(100, { open, closed: [] }), TEST_NOW + CART_IDLE_MS)
      .then([counted(100, ['cart_0'])]);
  });

  it('of a guest are numbered after the first, and at most a hundred in all', () => {
    const guests = Array.from({ length: 99 }, (_, n): CustomerCartsEvent => {
      return { type: 'CartCounted', data: { customerId, cartId: `cart_ada.${n + 2}`, requestId: `r${n}` } };
    });
    const more = { type: 'CountGuestCart', customerId, requestId: 'more' } as const;
    const numbered = (cartId: string): CustomerCartsEvent => {
      return { type: 'CartCounted', data: { customerId, cartId, requestId: 'more' } };
    };
    given([])
      .when(more)
      .then([numbered('cart_ada.2')]);
    given(guests.slice(0, -1))
      .when(more)
      .then([numbered('cart_ada.100')]);
    given(guests).when(more).thenRejected('rule_violated');
    given(guests)
      .when({ ...more, requestId: 'r7' })
      .then([]);
  });

  it('are never more than a hundred in the list, whatever a read model shows', () => {
    const anyShown = fc.record({ open: fc.subarray(ids), closed: fc.subarray(ids) });
    const anyCommand = fc.record({ shown: fc.option(anyShown, { nil: undefined }), passes: fc.nat(CART_IDLE_MS) });
    fc.assert(
      fc.property(fc.array(anyCommand, { maxLength: 20 }), (commands) => {
        let now = TEST_NOW;
        let state = given(full).state;
        for (const [n, { shown, passes }] of commands.entries()) {
          now += passes;
          const decision = customerCarts.decide(count(1_000 + n, shown), state, now);
          if (!Array.isArray(decision)) continue;
          for (const event of decision) state = customerCarts.evolve(state, event, now);
          expect(state.length).to.be.at.most(100);
        }
      }),
    );
  });

  it('are not changed by a command that is issued again', () => {
    const guests: CustomerCartsCommand & { type: 'CountGuestCart' } = {
      type: 'CountGuestCart',
      customerId,
      requestId: 'r',
    };
    issuedTwiceChangesNothing(customerCarts, {
      CountCart: { given: full.slice(1), when: count(100) },
      CountGuestCart: { given: [], when: guests },
    });
  });
});
