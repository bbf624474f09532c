import { expect } from 'chai';
import fc from 'fast-check';
import { decider, fold, issuedTwiceChangesNothing, TEST_NOW } from '../../test/domain/given-when-then.js';
import { the } from '../../test/the.js';
import { defined } from '../kernel/json.js';
import { RETRY_HORIZON_MS } from '../kernel/limits.js';
import { isRejection } from '../kernel/rejection.js';
import { MAX_COUPONS } from '../order/events.js';
import { type Cart, type CartCommand, type CartLine, cart, linesOfOrder } from './cart.js';
import { CART_IDLE_MS, type CartEvent, MAX_CART_LINES, MAX_LINE_QUANTITY, MAX_MERGED_LINES } from './events.js';

const address = { name: 'Ada', line1: '1 Mill Lane', city: 'Leeds', postcode: 'LS1 4AP', country: 'GB' };
const customerId = 'customer_1';
const orderId = 'order_1';

const created: CartEvent = { type: 'CartCreated', data: { cartId: 'cart_1', customerId, currency: 'GBP' } };
const mugLine = { lineId: 'line_1', sku: 'MUG-1', title: 'Mug', quantity: 2, unitPrice: 599 };
const added: CartEvent = { type: 'CartLineAdded', data: mugLine };
const addressSet: CartEvent = { type: 'ShippingAddressSet', data: { customerId, address } };
const methodChosen: CartEvent = { type: 'ShippingMethodChosen', data: { method: 'standard' } };
const shipping = { method: 'standard', title: 'Standard delivery', amount: 399, tax: 80, taxRate: 0 };
const priced: Omit<Extract<CartCommand, { type: 'SubmitCart' }>, 'type'> = {
  number: '1000000',
  lines: [{ id: '1', sku: 'MUG-1', title: 'Mug', quantity: 2, unitPrice: 650, total: 1300, tax: 260, taxRate: 0 }],
  shipping,
  taxRates: [{ country: 'GB', basisPoints: 2_000 }],
  payment: { provider: 'test', method: 'pm_card_visa' },
  email: 'a@b.example',
};
/** The line's other fields come from the cart. */
const cost = { unitPrice: 650, tax: 260, taxRate: 0 };
const submitted: CartEvent & { type: 'CartSubmitted' } = {
  type: 'CartSubmitted',
  data: { cartId: 'cart_1', customerId, orderId, ...priced, shipping, lines: [cost] },
};
const reopened: CartEvent = {
  type: 'CartReopened',
  data: { cartId: 'cart_1', orderId, reason: 'out_of_stock', available: { 'MUG-1': 1 } },
};
const ready = [created, added, addressSet, methodChosen];

const add = { type: 'AddCartLine', ...mugLine, unitPrice: { amount: 599, currency: 'GBP' } } as const;
const change = { type: 'ChangeCartLineQuantity', lineId: 'line_1', quantity: 5 } as const;
const changed = (quantity: number, additionId?: string): CartEvent => {
  return { type: 'CartLineQuantityChanged', data: { lineId: 'line_1', quantity, ...defined({ additionId }) } };
};
const remove = { type: 'RemoveCartLine', lineId: 'line_1' } as const;
const removed: CartEvent = { type: 'CartLineRemoved', data: { lineId: 'line_1' } };
const setAddress = { type: 'SetShippingAddress', address } as const;
const choose = { type: 'ChooseShippingMethod', method: 'standard' } as const;
const submit = { type: 'SubmitCart', ...priced } as const;
const reopen = { type: 'ReopenCart', orderId, reason: 'out_of_stock', available: { 'MUG-1': 1 } } as const;

const terms = { kind: 'percentage', basisPoints: 1_000 } as const;
const apply = { type: 'ApplyCoupon', code: 'SPRING', terms } as const;
const applied: CartEvent = { type: 'CartCouponApplied', data: { code: 'SPRING', terms } };
const abandon = { type: 'AbandonCart' } as const;
const idle: CartEvent[] = [created, { type: 'CartStillActive', data: { cartId: 'cart_1', since: 0 } }];

const line = (id: string, sku: string, quantity: number): CartLine => {
  return { id, sku, title: sku, quantity, unitPrice: 100 };
};
const handOver = { type: 'HandOverCart', customerId: 'customer_eve', toCartId: 'cart_2' } as const;
const handedOver = (toCartId = 'cart_2'): CartEvent => ({
  type: 'CartHandedOver',
  data: { cartId: 'cart_1', toCartId, customerId: 'customer_eve' },
});
const mergeGuest = {
  type: 'MergeCart',
  fromCartId: 'cart_guest',
  currency: 'GBP',
  lines: [line('g1', 'MUG-1', 3), line('g2', 'CUP-1', 1)],
  coupons: [],
} as const;
const arrived = (...lines: CartLine[]): CartEvent => {
  const data = lines.map(({ id, ...rest }) => ({ lineId: id, ...rest }));
  return { type: 'CartMerged', data: { cartId: 'cart_1', fromCartId: 'cart_guest', lines: data } };
};

/** The state after the commands that are not rejected. */
function stateAfter(commands: readonly CartCommand[], from: Cart | null = null): Cart {
  return the(
    commands.reduce<Cart | null>((state, command) => {
      const decision = cart.decide(command, state, TEST_NOW);
      return isRejection(decision) ? state : fold(cart, state, decision, TEST_NOW);
    }, from),
  );
}

const unitsOf = ({ lines }: Pick<Cart, 'lines'>) => new Map(lines.map(({ sku, quantity }) => [sku, quantity]));

describe('A cart', () => {
  const { given } = decider(cart);

  it('belongs to one customer and has one currency', () => {
    const create = { type: 'CreateCart', cartId: 'cart_1', customerId, currency: 'GBP' } as const;
    given([]).when(create).then([created]);
    given([created])
      .when({ ...create, customerId: 'customer_2' })
      .thenRejected('conflict');
    given([created])
      .when({ ...create, currency: 'EUR' })
      .thenRejected('conflict');
    given([created])
      .when({ ...add, unitPrice: { amount: 599, currency: 'EUR' } })
      .thenRejected('rule_violated');
  });

  it('is empty at first, and then contains what was added', () => {
    const empty = { lines: [], additions: [], merged: [], declined: [], coupons: [], attempts: 0 };
    const times = { changedAt: TEST_NOW, activeSince: TEST_NOW };
    const own = { cartId: 'cart_1', customerId, currency: 'GBP', status: 'open' };
    expect(given([created]).state).to.deep.equal({ ...own, ...empty, ...times });
    const { lineId, ...mug } = mugLine;
    expect(given([created, added, changed(5)]).state).to.deep.equal({
      ...own,
      ...empty,
      ...times,
      lines: [{ id: lineId, ...mug, quantity: 5 }],
      additions: [{ id: lineId, at: TEST_NOW }],
    });
  });

  it('has one line per SKU, and adds further units to it', () => {
    given([created]).when(add).then([added]);
    given([created, added])
      .when({ ...add, lineId: 'line_2', quantity: 3 })
      .then([changed(5, 'line_2')]);
    given([created, added])
      .when({ ...add, lineId: 'line_2', sku: 'CUP-1' })
      .then([{ type: 'CartLineAdded', data: { ...mugLine, lineId: 'line_2', sku: 'CUP-1' } }]);
    expect(given([created, added, changed(5, 'line_2')]).state?.lines).to.deep.equal([
      { id: 'line_1', sku: 'MUG-1', title: 'Mug', quantity: 5, unitPrice: 599 },
    ]);
  });

  it('adds once under each id, even if the line is gone', () => {
    given([created, added, changed(5, 'line_2')])
      .when({ ...add, lineId: 'line_2', quantity: 3 })
      .then([]);
    given([created, added, removed]).when(add).then([]);
  });

  it('has a maximum of lines, and of units per line', () => {
    const full = Array.from({ length: MAX_CART_LINES }, (_, n): CartEvent => {
      return { type: 'CartLineAdded', data: { ...mugLine, lineId: `l${n}`, sku: `S${n}` } };
    });
    given([created, ...full])
      .when(add)
      .thenRejected('rule_violated');
    given([created, ...full.slice(1)])
      .when(add)
      .then([added]);
    given([created, ...full])
      .when({ ...add, sku: 'S0', quantity: 1 })
      .then([{ type: 'CartLineQuantityChanged', data: { lineId: 'l0', quantity: 3, additionId: 'line_1' } }]);
    given([created, added])
      .when({ ...add, lineId: 'x', quantity: MAX_LINE_QUANTITY - 1 })
      .thenRejected('rule_violated');
    given([created, added])
      .when({ ...change, quantity: MAX_LINE_QUANTITY + 1 })
      .thenRejected('rule_violated');
    given([created, added])
      .when({ ...change, quantity: MAX_LINE_QUANTITY })
      .then([changed(MAX_LINE_QUANTITY)]);
  });

  it('changes and removes only its own lines', () => {
    given([created, added])
      .when(change)
      .then([changed(5)]);
    given([created, added]).when(remove).then([removed]);
    given([created, added])
      .when({ ...change, lineId: 'line_9' })
      .thenRejected('not_found');
    given([created, added])
      .when({ ...remove, lineId: 'line_9' })
      .thenRejected('not_found');
    given([created, added, removed]).when(change).thenRejected('not_found');
  });

  it('prices a line at the price of the day on which the customer changed it', () => {
    const taken = (quantity: number, unitPrice: number, additionId?: string): CartEvent => ({
      type: 'CartLineQuantityChanged',
      data: { lineId: 'line_1', quantity, ...defined({ additionId }), unitPrice },
    });
    given([created, added])
      .when({ ...change, unitPrice: 700 })
      .then([taken(5, 700)]);
    given([created, added])
      .when({ ...change, quantity: 2, unitPrice: 700 })
      .then([taken(2, 700)]);
    given([created, added])
      .when({ ...change, quantity: 2, unitPrice: 599 })
      .then([]);
    given([created, added])
      .when({ ...add, lineId: 'line_2', unitPrice: { amount: 700, currency: 'GBP' } })
      .then([taken(4, 700, 'line_2')]);
    expect(given([created, added, taken(5, 700)]).state?.lines[0]).to.include({ quantity: 5, unitPrice: 700 });
    expect(given([created, added, taken(5, 700), changed(4)]).state?.lines[0]).to.include({
      quantity: 4,
      unitPrice: 700,
    });
  });

  it('is not submitted if it exceeds one commit', () => {
    const cart = [created, addressSet, methodChosen];
    const allocation = Array.from({ length: 3_000 }, () => ({ sku: 'x'.repeat(64), location: 'main', quantity: 1 }));
    given([...cart, added])
      .when({ ...submit, allocation })
      .thenRejected('too_large');
  });

  it('is not submitted if no order could be placed for it', () => {
    given(ready)
      .when({ ...submit, coupons: [{ code: 'SPRING', amount: 1 }] })
      .thenRejected('rule_violated');
  });

  it('loses the line that is removed, and no other', () => {
    const cup: CartEvent = { type: 'CartLineAdded', data: { ...mugLine, lineId: 'line_2', sku: 'CUP-1' } };
    expect(given([created, added, cup, removed]).state?.lines.map(({ sku }) => sku)).to.deep.equal(['CUP-1']);
  });

  it('is submitted with exactly its own lines: the same SKUs and quantities', () => {
    const cup: CartEvent = { type: 'CartLineAdded', data: { ...mugLine, lineId: 'line_2', sku: 'CUP-1' } };
    const [mug] = submit.lines;
    const lines = [the(mug), { ...the(mug), id: '2', sku: 'CUP-1' }];
    const history = [...ready, cup];
    given(history)
      .when({ ...submit, lines })
      .then([{ ...submitted, data: { ...submitted.data, lines: [cost, cost] } }]);
    const state = given([...history, { ...submitted, data: { ...submitted.data, lines: [cost, cost] } }]).state;
    expect(linesOfOrder(state)).to.deep.equal(lines);
    for (const other of [{ sku: 'JUG-1' }, { quantity: 3 }])
      for (const n of [0, 1]) {
        const changed = lines.map((line, at) => (at === n ? { ...line, ...other } : line));
        given(history)
          .when({ ...submit, lines: changed })
          .thenRejected('conflict');
      }
    given(history)
      .when({ ...submit, lines: lines.toReversed() })
      .thenRejected('conflict');
  });

  it('is submitted with lines, an address and a shipping method', () => {
    given(ready).when(submit).then([submitted]);
    given([created, addressSet, methodChosen]).when(submit).thenRejected('rule_violated');
    given([created, added, methodChosen]).when(submit).thenRejected('rule_violated');
    given([created, added, addressSet]).when(submit).thenRejected('rule_violated');
    const { shipping: none, ...unsent } = submit;
    given(ready).when(unsent).thenRejected('rule_violated');
  });

  it('is submitted as it is now, not as it was when the customer looked', () => {
    given([...ready, changed(3)])
      .when(submit)
      .thenRejected('conflict');
    given([...ready, { type: 'CartLineAdded', data: { ...mugLine, lineId: 'line_2', sku: 'CUP-1' } }])
      .when(submit)
      .thenRejected('conflict');
    given([...ready, { type: 'ShippingMethodChosen', data: { method: 'express' } }])
      .when(submit)
      .thenRejected('conflict');
  });

  it('keeps the contents of its submission', () => {
    const { lines, status, submission } = given([...ready, submitted]).state;
    expect(lines[0]?.unitPrice).to.equal(650);
    expect(status).to.equal('submitted');
    expect(submission).to.deep.equal({ orderId, ...priced, lines: [cost] });
  });

  it('becomes one order, even if several tabs submit it (woocommerce#62659, #14541)', () => {
    given([...ready, submitted])
      .when({ ...submit, payment: { provider: 'test', method: 'pm_other' } })
      .then([]);
  });

  it('is frozen once it is submitted', () => {
    const edits: CartCommand[] = [
      { ...add, lineId: 'line_2' },
      change,
      remove,
      { ...setAddress, address: { ...address, city: 'York' } },
      { ...choose, method: 'express' },
      apply,
      handOver,
      mergeGuest,
    ];
    for (const edit of edits) {
      given([...ready, submitted])
        .when(edit)
        .thenRejected('conflict');
    }
  });

  it('is open again when its order failed, and then becomes another order (medusa#12481, #12184)', () => {
    given([...ready, submitted])
      .when(reopen)
      .then([reopened]);
    given([...ready, submitted])
      .when({ type: 'ReopenCart', orderId, reason: 'payment_declined' })
      .then([{ type: 'CartReopened', data: { cartId: 'cart_1', orderId, reason: 'payment_declined' } }]);
    given([...ready, submitted, reopened])
      .when(change)
      .then([changed(5)]);
    const second: CartEvent = { ...submitted, data: { ...submitted.data, orderId: 'order_1-2' } } as CartEvent;
    given([...ready, submitted, reopened])
      .when(submit)
      .then([second]);
    given([...ready, submitted, reopened, second])
      .when(reopen)
      .then([]);
    expect(given([...ready, submitted, reopened]).state).to.not.have.property('submission');
  });

  it('is never reopened for an order that is not its own', () => {
    given([...ready, submitted])
      .when({ ...reopen, orderId: 'order_2' })
      .then([]);
    given(ready).when(reopen).then([]);
  });

  it('keeps each coupon once, with its terms when it was applied', () => {
    given([created]).when(apply).then([applied]);
    given([created, applied]).when(apply).then([]);
    const better = { kind: 'percentage', basisPoints: 2_000 } as const;
    given([created, applied])
      .when({ ...apply, terms: better })
      .then([{ type: 'CartCouponApplied', data: { code: 'SPRING', terms: better } }]);
    given([created, applied])
      .when({ type: 'RemoveCoupon', code: 'SPRING' })
      .then([{ type: 'CartCouponRemoved', data: { code: 'SPRING' } }]);
    given([created]).when({ type: 'RemoveCoupon', code: 'SPRING' }).then([]);
    const full = Array.from({ length: MAX_COUPONS }, (_, n): CartEvent => {
      return { type: 'CartCouponApplied', data: { code: `C${n}`, terms: better } };
    });
    given([created, ...full])
      .when(apply)
      .thenRejected('rule_violated');
  });

  it('loses the coupon that is removed, and no other', () => {
    const other: CartEvent = { type: 'CartCouponApplied', data: { code: 'AUTUMN', terms } };
    const codes = (...events: CartEvent[]) => given([created, ...events]).state.coupons.map(({ code }) => code);
    const gone: CartEvent = { type: 'CartCouponRemoved', data: { code: 'SPRING' } };
    expect(codes(applied, other, gone)).to.deep.equal(['AUTUMN']);
    expect(codes(applied, other, applied)).to.deep.equal(['AUTUMN', 'SPRING']);
    given([created, other]).when({ type: 'RemoveCoupon', code: 'SPRING' }).then([]);
  });

  it('remembers an addition only as long as its command may be repeated', () => {
    const history = [created, added, removed];
    const { events, evolve } = cart;
    const later = fold({ events, evolve }, null, history, TEST_NOW);
    const again: CartEvent = { type: 'CartLineAdded', data: { ...mugLine, lineId: 'line_2', sku: 'CUP-1' } };
    const then = (at: number) => the(fold({ events, evolve }, later, [again], at)).additions.map(({ id }) => id);
    expect(then(TEST_NOW + RETRY_HORIZON_MS)).to.deep.equal(['line_1', 'line_2']);
    expect(then(TEST_NOW + RETRY_HORIZON_MS + 1)).to.deep.equal(['line_2']);
  });

  it('has to exist', () => {
    for (const command of [add, change, remove, setAddress, choose, apply, submit, reopen, mergeGuest, abandon]) {
      given([]).when(command).thenRejected('not_found');
    }
  });

  it('is not changed by a command that is issued again', () => {
    issuedTwiceChangesNothing(cart, {
      CreateCart: { given: [], when: { type: 'CreateCart', cartId: 'cart_1', customerId, currency: 'GBP' } },
      AddCartLine: { given: [created, added], when: { ...add, lineId: 'line_2' } },
      ChangeCartLineQuantity: { given: [created, added], when: change },
      RemoveCartLine: { given: [created, added], when: remove },
      SetShippingAddress: { given: [created], when: setAddress },
      ChooseShippingMethod: { given: [created], when: choose },
      SubmitCart: { given: ready, when: submit },
      ReopenCart: { given: [...ready, submitted], when: reopen },
      ApplyCoupon: { given: [created], when: apply },
      RemoveCoupon: { given: [created, applied], when: { type: 'RemoveCoupon', code: 'SPRING' } },
      MergeCart: { given: [created, added], when: mergeGuest },
      HandOverCart: { given: [created, added], when: handOver },
      DeclineMerge: { given: [created, added], when: { type: 'DeclineMerge', fromCartId: 'cart_guest' } },
      AbandonCart: { given: idle, when: abandon },
    });
    given([created]).when(setAddress).then([addressSet]);
    given([created]).when(choose).then([methodChosen]);
  });
});

describe('A cart that another one is merged into', () => {
  const { given } = decider(cart);

  it('gets every line, and more units of its own lines, up to the maximum', () => {
    given([created, added])
      .when(mergeGuest)
      .then([arrived(...mergeGuest.lines)]);
    const merged = given([created, added, arrived(...mergeGuest.lines)]).state;
    expect([...unitsOf(merged)]).to.deep.equal([
      ['MUG-1', 5],
      ['CUP-1', 1],
    ]);
    expect(merged.lines[0]).to.include({ id: 'line_1', unitPrice: 599 });
    const plenty = given([created, added, arrived(line('g1', 'MUG-1', MAX_LINE_QUANTITY))]).state;
    expect(plenty.lines[0]?.quantity).to.equal(MAX_LINE_QUANTITY);
  });

  it('gets what was added to the other cart since, and nothing twice', () => {
    const history = [created, added, arrived(...mergeGuest.lines)];
    given(history).when(mergeGuest).then([]);
    given(history)
      .when({ ...mergeGuest, lines: [line('g1', 'MUG-1', 4), line('g3', 'JUG-1', 2)] })
      .then([arrived(line('g1', 'MUG-1', 1), line('g3', 'JUG-1', 2))]);
    given([...history, removed])
      .when(mergeGuest)
      .then([]);
  });

  it('counts the units from each cart separately', () => {
    const fromOther: CartEvent = {
      type: 'CartMerged',
      data: { cartId: 'cart_1', fromCartId: 'cart_other', lines: [{ ...mugLine, lineId: 'o1', quantity: 7 }] },
    };
    const all = given([created, fromOther, arrived(...mergeGuest.lines)]).state;
    expect(all.merged).to.deep.equal([
      { cartId: 'cart_other', taken: [{ sku: 'MUG-1', quantity: 7 }] },
      {
        cartId: 'cart_guest',
        taken: [
          { sku: 'MUG-1', quantity: 3 },
          { sku: 'CUP-1', quantity: 1 },
        ],
      },
    ]);
    given([created, fromOther])
      .when(mergeGuest)
      .then([arrived(...mergeGuest.lines)]);
    const more = given([created, fromOther, arrived(line('g1', 'MUG-1', 3)), arrived(line('g1', 'MUG-1', 2))]).state;
    expect(more.merged[1]).to.deep.equal({ cartId: 'cart_guest', taken: [{ sku: 'MUG-1', quantity: 5 }] });
  });

  it('gets the other cart’s coupons after its own, each once, as many as fit', () => {
    const guests = Array.from({ length: MAX_COUPONS }, (_, n) => ({ code: `G${n}`, terms }));
    const bring = { ...mergeGuest, coupons: [apply, ...guests].map(({ code }) => ({ code, terms })) };
    const appliedOf = (some: readonly { code: string }[]) =>
      some.map(({ code }): CartEvent => ({ type: 'CartCouponApplied', data: { code, terms } }));
    given([created, applied])
      .when(bring)
      .then([arrived(...mergeGuest.lines), ...appliedOf(guests.slice(0, -1))]);
    given([created, arrived(...mergeGuest.lines), applied])
      .when({ ...bring, coupons: bring.coupons.slice(0, 2) })
      .then(appliedOf(guests.slice(0, 1)));
    given([created, arrived(...mergeGuest.lines), applied, ...appliedOf(guests.slice(0, 1))])
      .when({ ...bring, coupons: bring.coupons.slice(0, 3) })
      .then(appliedOf(guests.slice(1, 2)));
    given([created, arrived(...mergeGuest.lines), ...appliedOf(guests)])
      .when(bring)
      .then([]);
  });

  it('does not add a line again that came in under the same id', () => {
    given([created, arrived(...mergeGuest.lines)])
      .when({ ...add, lineId: 'g1' })
      .then([]);
  });

  it('accepts two full carts, and rejects a larger merge as a whole', () => {
    const full = Array.from({ length: MAX_CART_LINES }, (_, n): CartEvent => {
      return { type: 'CartLineAdded', data: { ...mugLine, lineId: `l${n}`, sku: `S${n}` } };
    });
    const guests = Array.from({ length: MAX_CART_LINES }, (_, n) => line(`g${n}`, `G${n}`, 1));
    const both = given([created, ...full, arrived(...guests)]).state;
    given([created, ...full])
      .when({ ...mergeGuest, lines: guests })
      .then([arrived(...guests)]);
    expect(both.lines).to.have.length(MAX_MERGED_LINES);
    given([created, ...full, arrived(...guests)])
      .when({ ...mergeGuest, fromCartId: 'cart_other' })
      .thenRejected('rule_violated');
    given([created, added])
      .when({ ...mergeGuest, currency: 'EUR' })
      .thenRejected('rule_violated');
  });

  it('loses no line and takes none twice, even if merges are repeated or late (vendure#4481)', () => {
    const basket = fc.uniqueArray(
      fc.record({ sku: fc.integer({ min: 0, max: 80 }), quantity: fc.integer({ min: 1, max: 50 }) }),
      {
        selector: ({ sku }) => sku,
        maxLength: 65,
      },
    );
    fc.assert(
      fc.property(basket, basket, basket, (own, guests, more) => {
        const adding = (who: string, lines: typeof own): CartCommand[] =>
          lines.map(({ sku, quantity }, n) => {
            return { ...add, lineId: `${who}${n}`, sku: `S${sku}`, quantity };
          });
        const first = stateAfter([
          { type: 'CreateCart', cartId: 'cart_guest', customerId, currency: 'GBP' },
          ...adding('g', guests),
        ]);
        const second = stateAfter(adding('m', more), first);
        const merging = (guest: Cart): CartCommand => {
          const { cartId, currency, lines, coupons } = guest;
          return { type: 'MergeCart', fromCartId: cartId, currency, lines, coupons };
        };
        const mine = stateAfter([
          { type: 'CreateCart', cartId: 'cart_1', customerId, currency: 'GBP' },
          ...adding('o', own),
        ]);
        const merged = stateAfter([merging(first), merging(first), merging(second), merging(second)], mine);
        const expected = new Map<string, number>();
        for (const { sku, quantity } of [...own, ...guests, ...more]) {
          expected.set(`S${sku}`, (expected.get(`S${sku}`) ?? 0) + quantity);
        }
        expect([...unitsOf(merged)].sort()).to.deep.equal([...expected].sort());
        expect(new Set(merged.lines.map(({ id }) => id))).to.have.property('size', expected.size);
      }),
    );
  });

  it('does not merge lines that it has declined, nor declines lines that came in', () => {
    const decline: CartCommand = { type: 'DeclineMerge', fromCartId: 'cart_guest' };
    const declined: CartEvent = { type: 'CartMergeDeclined', data: { cartId: 'cart_1', fromCartId: 'cart_guest' } };
    for (const history of [[created], [...ready, submitted], [created, added, handedOver()]]) {
      given(history).when(decline).then([declined]);
      given([...history, declined])
        .when(decline)
        .then([]);
    }
    given([created, declined]).when(mergeGuest).thenRejected('conflict');
    given([created, declined])
      .when({ ...mergeGuest, fromCartId: 'cart_other' })
      .then([
        { type: 'CartMerged', data: { ...arrived(...mergeGuest.lines).data, fromCartId: 'cart_other' } } as never,
      ]);
    given([created, arrived(...mergeGuest.lines)])
      .when(decline)
      .then([]);
  });
});

describe('A cart that is taken over', () => {
  const { given } = decider(cart);

  it('is taken by one customer, and can then neither change nor be bought', () => {
    given([created, added]).when(handOver).then([handedOver()]);
    given([created, added, handedOver()]).when(handOver).then([]);
    const others: CartCommand[] = [add, change, submit, mergeGuest, { ...handOver, customerId: 'customer_bob' }];
    for (const other of others) given([created, added, handedOver()]).when(other).thenRejected('conflict');
    given([created, added, handedOver()])
      .when(abandon, TEST_NOW + CART_IDLE_MS)
      .then([]);
    expect(given([created, handedOver()]).state).to.include({ mergedInto: 'cart_2', takenBy: 'customer_eve' });
  });

  it('is not taken once it is bought', () => {
    given([...ready, submitted])
      .when(handOver)
      .thenRejected('conflict');
  });

  it('goes into another cart only if its taker says that the first one has declined it', () => {
    const history = [created, added, handedOver()];
    const instead = { ...handOver, toCartId: 'cart_3' };
    given(history).when(instead).then([]);
    given(history)
      .when({ ...instead, insteadOf: 'cart_other' })
      .then([]);
    given(history)
      .when({ ...instead, insteadOf: 'cart_2' })
      .then([handedOver('cart_3')]);
    given(history)
      .when({ ...handOver, insteadOf: 'cart_2' })
      .then([]);
    given([...history, handedOver('cart_3')])
      .when({ ...instead, toCartId: 'cart_4', insteadOf: 'cart_2' })
      .then([]);
  });
});

describe('An idle cart', () => {
  const { given } = decider(cart);
  const left: CartEvent = { type: 'CartAbandoned', data: { cartId: 'cart_1' } };
  const active = (since: number): CartEvent => ({ type: 'CartStillActive', data: { cartId: 'cart_1', since } });

  it('is abandoned after a day', () => {
    expect(CART_IDLE_MS).to.equal(86_400_000);
    expect(given([created, left]).state?.status).to.equal('abandoned');
    given([created, added])
      .when(abandon, TEST_NOW + CART_IDLE_MS)
      .then([left]);
    given([created, added, left])
      .when(abandon, TEST_NOW + 2 * CART_IDLE_MS)
      .then([]);
    given([...ready, submitted])
      .when(abandon, TEST_NOW + CART_IDLE_MS)
      .then([]);
  });

  it('says when it was last in use, so that the timer knows when to check again', () => {
    given([created, added])
      .when(abandon, TEST_NOW + CART_IDLE_MS - 1)
      .then([]);
    const used = fold(cart, given([created], TEST_NOW - 1_000).state, [added], TEST_NOW);
    expect(cart.decide(abandon, used, TEST_NOW + CART_IDLE_MS - 1)).to.deep.equal([active(TEST_NOW)]);
    const told = fold(cart, used, [active(TEST_NOW)], TEST_NOW + 1);
    expect(cart.decide(abandon, told, TEST_NOW + CART_IDLE_MS - 1)).to.deep.equal([]);
    expect(cart.decide(abandon, told, TEST_NOW + CART_IDLE_MS)).to.deep.equal([left]);
  });

  it('is in use again with the next change', () => {
    given([created, added, left])
      .when(change)
      .then([active(TEST_NOW), changed(5)]);
    given([...ready, left])
      .when(submit)
      .then([active(TEST_NOW), submitted]);
    given([created, added, left])
      .when({ ...change, quantity: 2 })
      .then([]);
    expect(given([created, added, left, active(TEST_NOW)]).state?.status).to.equal('open');
  });
});
