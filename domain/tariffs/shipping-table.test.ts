import { expect } from 'chai';
import { decider, fold, issuedTwiceChangesNothing, TEST_NOW } from '../../test/domain/given-when-then.js';
import { undescribedFields } from '../../test/domain/undescribed.js';
import { the } from '../../test/the.js';
import {
  type ShippingMethod,
  type ShippingTableEvent,
  type ShippingZone,
  shippingMethodSchema,
  tariffIdSchema,
  taxCategorySchema,
} from './events.js';
import { type Consignment, MAX_SHIPPING_METHODS, shippingPrice, shippingTable } from './shipping-table.js';

const flat = (amount: number, zone: Partial<ShippingZone> = {}): ShippingZone => ({
  currency: 'GBP',
  by: 'flat',
  rates: [{ amount }],
  ...zone,
});
const express: ShippingMethod = { id: 'express', title: 'Express', zones: [flat(900)] };
const standard: ShippingMethod = { id: 'standard', title: 'Standard delivery', zones: [] };
const set = (data: ShippingMethod): ShippingTableEvent => ({ type: 'ShippingMethodSet', data });
const consignment: Consignment = { currency: 'GBP', place: { country: 'GB' }, weight: 0, value: 0 };

describe('The shipping table', () => {
  const { given } = decider(shippingTable);
  const price = (zones: ShippingZone[], wanted: Partial<Consignment> = {}) =>
    shippingPrice({ ...express, zones }, { ...consignment, ...wanted });

  it('does nothing when a command is issued again', () => {
    issuedTwiceChangesNothing(shippingTable, {
      SetShippingMethod: { given: [], when: { type: 'SetShippingMethod', method: express } },
      RemoveShippingMethod: { given: [set(express)], when: { type: 'RemoveShippingMethod', id: 'express' } },
    });
  });

  it('always has `standard`, free and everywhere until it is redefined', () => {
    const empty = given([]).state;
    expect(empty).to.deep.equal([standard]);
    for (const place of [undefined, { country: 'GB' }]) {
      expect(shippingPrice(the(empty[0]), { ...consignment, currency: 'EUR', place })).to.equal(0);
    }
    given([]).when({ type: 'RemoveShippingMethod', id: 'standard' }).thenRejected('rule_violated');
    given([]).when({ type: 'SetShippingMethod', method: standard }).then([]);
    const charged = { ...standard, zones: [flat(395)] };
    given([])
      .when({ type: 'SetShippingMethod', method: charged })
      .then([set(charged)]);
    expect(given([set(express), set(charged)]).state).to.deep.equal([charged, express]);
  });

  it('has a maximum of methods', () => {
    const others = Array.from({ length: MAX_SHIPPING_METHODS - 1 }, (_, n) => set({ ...express, id: `m${n}` }));
    const full = fold(shippingTable, shippingTable.initialState, others, TEST_NOW);
    const add = { type: 'SetShippingMethod', method: express } as const;
    expect(shippingTable.decide(add, full, TEST_NOW)).to.deep.equal({
      facts: {},
      rejected: 'rule_violated',
      detail: 'There are at most 50 shipping methods.',
    });
    expect(shippingTable.decide(add, full.slice(1), TEST_NOW)).to.deep.equal([set(express)]);
    const change = { ...express, id: 'm0', title: 'Slow' };
    const decision = shippingTable.decide({ type: 'SetShippingMethod', method: change }, full, TEST_NOW);
    expect(decision).to.deep.equal([set(change)]);
  });

  it('uses the most specific zone: a region before its country, a country before everywhere', () => {
    const zones = [
      flat(3),
      flat(2, { countries: ['FR', 'GB'] }),
      flat(1, { countries: ['GB'], regions: ['Highlands'] }),
      flat(4, { currency: 'EUR' }),
    ];
    expect(price(zones, { place: { country: 'GB', region: 'highlands ' } })).to.equal(1);
    expect(price(zones, { place: { country: 'GB', region: 'Kent' } })).to.equal(2);
    expect(price(zones, { place: { country: 'US', region: 'Highlands' } })).to.equal(3);
    expect(price(zones, { place: undefined })).to.equal(3);
    expect(price(zones, { currency: 'EUR' })).to.equal(4);
  });

  it('does not ship where it has no zone', () => {
    const zones = [flat(2, { countries: ['GB'] })];
    expect(price(zones, { place: { country: 'FR' } })).to.equal(undefined);
    expect(price(zones, { place: undefined })).to.equal(undefined);
    expect(price(zones, { currency: 'EUR' })).to.equal(undefined);
  });

  it('prices by weight or by value, with each step up to its stated maximum', () => {
    const rates = [{ upTo: 1_000, amount: 300 }, { upTo: 5_000, amount: 700 }, { amount: 0 }];
    const byWeight = [flat(0, { by: 'weight', rates })];
    const byValue = [flat(0, { by: 'value', rates })];
    const measured = [0, 1_000, 1_001, 5_000, 5_001];
    expect(measured.map((weight) => price(byWeight, { weight, value: 1 }))).to.deep.equal([300, 300, 700, 700, 0]);
    expect(measured.map((value) => price(byValue, { value, weight: 1 }))).to.deep.equal([300, 300, 700, 700, 0]);
  });

  it('does not ship above its last step', () => {
    const zones = [flat(0, { by: 'weight', rates: [{ upTo: 1_000, amount: 300 }] })];
    expect(price(zones, { weight: 1_001 })).to.equal(undefined);
  });

  it('rejects inconsistent zones with a reason', () => {
    const complaint = (zone: ShippingZone) =>
      shippingMethodSchema.safeParse({ ...express, zones: [zone] }).error?.issues[0]?.message;
    const byValue = (...rates: ShippingZone['rates']) => flat(1, { by: 'value', rates });
    for (const zone of [
      flat(1, { countries: ['GB'], regions: ['Kent'] }),
      flat(1, { countries: ['GB', 'FR'] }),
      flat(1, { by: 'weight', rates: [{ upTo: 1, amount: 1 }, { amount: 1 }] }),
      byValue({ upTo: 1, amount: 1 }, { upTo: 2, amount: 0 }),
    ]) {
      expect(complaint(zone), JSON.stringify(zone)).to.equal(undefined);
    }
    for (const [zone, told] of [
      [flat(1, { regions: ['Kent'] }), 'regions need exactly one country'],
      [flat(1, { countries: ['GB', 'FR'], regions: ['Kent'] }), 'regions need exactly one country'],
      [flat(1, { rates: [{ upTo: 1, amount: 1 }] }), 'a flat zone has one rate, without upTo'],
      [flat(1, { rates: [{ amount: 1 }, { amount: 2 }] }), 'a flat zone has one rate, without upTo'],
      [flat(1, { rates: [{ upTo: 1, amount: 1 }, { amount: 2 }] }), 'a flat zone has one rate, without upTo'],
      [byValue({ upTo: 2, amount: 1 }, { upTo: 2, amount: 2 }), 'each rate must reach further than the one before it'],
      [byValue({ upTo: 2, amount: 1 }, { upTo: 1, amount: 2 }), 'each rate must reach further than the one before it'],
      [byValue({ amount: 1 }, { upTo: 2, amount: 2 }), 'each rate must reach further than the one before it'],
      [byValue({ amount: 1 }, { amount: 2 }), 'each rate must reach further than the one before it'],
      [flat(1, { countries: ['gb'] }), 'must be an ISO 3166-1 alpha-2 code such as GB'],
    ] as const) {
      expect(complaint(zone), JSON.stringify(zone)).to.equal(told);
    }
    expect(complaint(flat(-1))).to.be.a('string');
  });

  it('says what each field of a method means', () => {
    expect(undescribedFields(shippingMethodSchema)).to.deep.equal([]);
  });

  it('rejects a method without a zone other than `standard`: it would be free, everywhere', () => {
    expect(shippingMethodSchema.safeParse({ ...express, zones: [] }).error?.issues[0]?.path).to.deep.equal(['zones']);
  });

  it('names its rows and the tax categories in lower case', () => {
    for (const schema of [tariffIdSchema, taxCategorySchema]) {
      for (const right of ['gb', 'us-ny_2', 'x'.repeat(50)]) expect(schema.safeParse(right).success).to.equal(true);
      for (const wrong of ['', 'GB', 'us ny', 'x'.repeat(51)])
        expect(schema.safeParse(wrong).error?.issues[0]?.message, wrong).to.contain('1 to 50 lower-case letters');
    }
  });

  it('prices a consignment only by matching zones, wherever the most specific one is listed', () => {
    const local = flat(1, { countries: ['GB'], regions: ['Essex', 'Kent'] });
    const zones = [local, flat(2, { countries: ['GB'] }), flat(3)];
    for (const some of [zones, zones.toReversed()]) {
      expect(price(some, { place: { country: 'GB', region: 'Kent' } })).to.equal(1);
      expect(price(some, { place: { country: 'GB' } })).to.equal(2);
      expect(price(some, { place: { country: 'FR', region: 'Kent' } })).to.equal(3);
    }
  });

  it('loses only what is removed', () => {
    const removed: ShippingTableEvent = { type: 'ShippingMethodRemoved', data: { id: 'express' } };
    expect(given([set(express), set({ ...express, id: 'slow' }), removed]).state.map(({ id }) => id)).to.deep.equal([
      'standard',
      'slow',
    ]);
    given([]).when({ type: 'RemoveShippingMethod', id: 'express' }).then([]);
  });
});
