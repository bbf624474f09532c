import { expect } from 'chai';
import fc from 'fast-check';
import { the } from '../../test/the.js';
import type { StockNeed } from '../order/parcels.js';
import { elsewhere, planAllocation, type StockLevel } from './allocation.js';

const level = (sku: string, location: string, available: number): StockLevel => ({ sku, location, available });
const parcel = (sku: string, location: string, quantity: number) => ({ sku, location, quantity });

describe('The allocation of stock', () => {
  const twoOfEach = [
    { sku: 'CUP', quantity: 2 },
    { sku: 'MUG', quantity: 2 },
  ];

  it('takes everything from one location that has it all, even if others have more of each', () => {
    const levels = [
      level('CUP', 'leeds', 9),
      level('MUG', 'main', 9),
      level('CUP', 'york', 2),
      level('MUG', 'york', 2),
    ];
    expect(planAllocation(twoOfEach, levels)).to.deep.equal([parcel('CUP', 'york', 2), parcel('MUG', 'york', 2)]);
  });

  it('prefers the location that has most, then the first by name', () => {
    const need = [{ sku: 'CUP', quantity: 2 }];
    expect(planAllocation(need, [level('CUP', 'leeds', 2), level('CUP', 'main', 3)])).to.deep.equal([
      parcel('CUP', 'main', 2),
    ]);
    expect(planAllocation(need, [level('CUP', 'main', 3), level('CUP', 'leeds', 3)])).to.deep.equal([
      parcel('CUP', 'leeds', 2),
    ]);
  });

  it('splits a SKU over locations only if none has enough', () => {
    const levels = [level('CUP', 'leeds', 4), level('CUP', 'main', 5)];
    const parcels = [parcel('CUP', 'main', 5), parcel('CUP', 'leeds', 1)];
    expect(planAllocation([{ sku: 'CUP', quantity: 6 }], levels)).to.deep.equal(parcels);
  });

  it('uses stock before backorders', () => {
    const levels = [{ ...level('CUP', 'leeds', 0), backorderLimit: 9 }, level('CUP', 'main', 2)];
    expect(planAllocation([{ sku: 'CUP', quantity: 2 }], levels)).to.deep.equal([parcel('CUP', 'main', 2)]);
  });

  it('prefers, among equally few locations, those with most of the missing units', () => {
    const needs = [
      { sku: 'CUP', quantity: 10 },
      { sku: 'MUG', quantity: 2 },
    ];
    const levels = [
      level('CUP', 'leeds', 10),
      level('CUP', 'main', 5),
      level('MUG', 'main', 2),
      level('MUG', 'york', 100),
    ];
    expect(planAllocation(needs, levels)).to.deep.equal([parcel('CUP', 'leeds', 10), parcel('MUG', 'york', 2)]);
  });

  it('ignores other goods of a location', () => {
    const levels = [level('CUP', 'leeds', 2), level('CUP', 'main', 3), level('TIN', 'leeds', 99)];
    expect(planAllocation([{ sku: 'CUP', quantity: 2 }], levels)).to.deep.equal([parcel('CUP', 'main', 2)]);
  });

  it('ignores any number of empty locations', () => {
    const needs = ['A', 'B', 'C', 'D', 'E', 'F'].map((sku) => ({ sku, quantity: 1 }));
    const at = (location: string, ...skus: string[]) => skus.map((sku) => level(sku, location, 1));
    const levels = [
      ...at('most', 'A', 'B', 'D', 'E'),
      ...at('one', 'A', 'B', 'C'),
      ...at('two', 'D', 'E', 'F'),
      ...Array.from({ length: 5_000 }, (_, n) => level('A', `empty-${n}`, 0)),
    ];
    const plan = planAllocation(needs, levels);
    expect(plan).to.deep.equal(
      [...at('one', 'A', 'B', 'C'), ...at('two', 'D', 'E', 'F')].map(({ sku, location }) => parcel(sku, location, 1)),
    );
  });

  it('says how many units there are of each SKU that is short', () => {
    const levels = [level('CUP', 'leeds', 1), level('CUP', 'main', -3), level('MUG', 'main', 5)];
    expect(planAllocation([...twoOfEach, { sku: 'TIN', quantity: 1 }], levels)).to.deep.equal({
      short: { CUP: 1, TIN: 0 },
    });
  });

  it('medusajs/medusa#16502: two lines that share a SKU are taken from its stock together', () => {
    const lines = [
      { sku: 'CUP', quantity: 2 },
      { sku: 'CUP', quantity: 2 },
    ];
    expect(planAllocation(lines, [level('CUP', 'main', 3)])).to.deep.equal({ short: { CUP: 3 } });
    expect(planAllocation(lines, [level('CUP', 'main', 4)])).to.deep.equal([parcel('CUP', 'main', 4)]);
  });

  it('is fast for orders and shops of the largest size', () => {
    const skus = Array.from({ length: 200 }, (_, n) => `SKU-${n}`);
    const levels = skus.flatMap((sku, n) =>
      Array.from({ length: 50 }, (_, at) => level(sku, `place-${at}`, (n * 7 + at * 13) % 3 === 0 ? 1 : 0)),
    );
    const parcels = planAllocation(
      skus.map((sku) => ({ sku, quantity: 3 })),
      levels,
    );
    expect(parcels).to.have.length(600);
  });

  const SKUS = ['A', 'B', 'C'];
  const LOCATIONS = ['k', 'l', 'm', 'n', 'o'];
  const needs = fc.uniqueArray(fc.record({ sku: fc.constantFrom(...SKUS), quantity: fc.integer({ min: 1, max: 6 }) }), {
    minLength: 1,
    selector: ({ sku }) => sku,
  });
  const levels = fc.uniqueArray(
    fc.record({
      sku: fc.constantFrom(...SKUS),
      location: fc.constantFrom(...LOCATIONS),
      available: fc.integer({ min: -2, max: 5 }),
      backorderLimit: fc.integer({ min: 0, max: 2 }),
    }),
    { minLength: 8, maxLength: 15, selector: ({ sku, location }) => `${sku}@${location}` },
  );

  it('covers the needs exactly, from existing stock, and from the fewest possible locations', () => {
    fc.assert(
      fc.property(needs, levels, (needed, there) => {
        const can = (sku: string, location: string) => {
          const found = there.find((at) => at.sku === sku && at.location === location);
          return Math.max(0, found ? found.available + found.backorderLimit : 0);
        };
        const coveredBy = (places: readonly string[]) =>
          needed.every(({ sku, quantity }) => places.reduce((all, at) => all + can(sku, at), 0) >= quantity);

        const plan = planAllocation(needed, there);
        if ('short' in plan) {
          expect(coveredBy(LOCATIONS)).to.equal(false);
          return;
        }
        for (const { sku, quantity } of needed) {
          const parcels = plan.filter((one) => one.sku === sku);
          expect(parcels.reduce((all, one) => all + one.quantity, 0)).to.equal(quantity);
          for (const one of parcels) expect(one.quantity).to.be.within(1, can(sku, one.location));
        }
        const fewest = Math.min(
          ...subsets(LOCATIONS)
            .filter(coveredBy)
            .map(({ length }) => length),
        );
        expect(new Set(plan.map(({ location }) => location)).size).to.equal(fewest);
      }),
      { numRuns: 500 },
    );
  });

  it('needs fewer of five locations than the greedy choice for about one in twenty orders of six lines', () => {
    const random = numbersFrom(7);
    const most = (n: number) => Math.floor(random() * n);
    let orders = 0;
    let fewer = 0;
    while (orders < 2_000) {
      const needed = Array.from({ length: 6 }, (_, n) => ({ sku: `SKU-${n}`, quantity: 1 + most(3) }));
      const there = needed.flatMap(({ sku }) =>
        LOCATIONS.map((location) => level(sku, location, random() < 0.6 ? most(6) : 0)),
      );
      const plan = planAllocation(needed, there);
      if ('short' in plan) continue;
      orders++;
      if (new Set(plan.map(({ location }) => location)).size < takenGreedily(needed, there)) fewer++;
    }
    expect(fewer / orders).to.be.within(0.04, 0.07);
  });

  it('does not depend on the order of its input', () => {
    const shuffled = fc
      .tuple(needs, levels)
      .chain(([needed, there]) =>
        fc.tuple(
          fc.constant({ needed, there }),
          fc.shuffledSubarray(needed, { minLength: needed.length }),
          fc.shuffledSubarray(there, { minLength: there.length }),
        ),
      );
    fc.assert(
      fc.property(shuffled, ([{ needed, there }, otherNeeds, otherLevels]) => {
        expect(planAllocation(otherNeeds, otherLevels)).to.deep.equal(planAllocation(needed, there));
      }),
    );
  });
});

function subsets([first, ...others]: readonly string[]): string[][] {
  if (first === undefined) return [[]];
  return subsets(others).flatMap((some) => [some, [first, ...some]]);
}

/** The number of locations if each next one is the one that has most of the missing units. */
function takenGreedily(needed: readonly StockNeed[], there: readonly StockLevel[]): number {
  const left = new Map(needed.map(({ sku, quantity }) => [sku, quantity]));
  const open = new Map<string, StockLevel[]>();
  for (const one of there) open.set(one.location, [...(open.get(one.location) ?? []), one]);
  const useOf = (levels: readonly StockLevel[]) =>
    levels.reduce((all, { sku, available }) => all + Math.min(available, left.get(sku) ?? 0), 0);
  const stockOf = (levels: readonly StockLevel[]) => levels.reduce((all, { available }) => all + available, 0);
  let taken = 0;
  for (; [...left.values()].some((units) => units > 0); taken++) {
    const [best] = [...open].sort(([, a], [, b]) => useOf(b) - useOf(a) || stockOf(b) - stockOf(a));
    const [location, levels] = the(best);
    for (const { sku, available } of levels) left.set(sku, Math.max(0, (left.get(sku) ?? 0) - available));
    open.delete(location);
  }
  return taken;
}

/** The same sequence of numbers from 0 to 1 in every run. */
function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

describe('The allocation of stock that running checkouts hold', () => {
  const held = (location: string, available: number, heldByCheckouts: number) => ({
    ...level('CUP', location, available),
    heldByCheckouts,
  });
  const three = [{ sku: 'CUP', quantity: 3 }];

  it('is named if it would be enough', () => {
    expect(planAllocation(three, [held('leeds', 1, 2), level('CUP', 'main', 1)])).to.deep.equal({
      short: { CUP: 2 },
      ifReleased: [parcel('CUP', 'leeds', 3)],
    });
  });

  it('is left out if nothing is held, or if it would not be enough either', () => {
    expect(planAllocation(three, [level('CUP', 'leeds', 1), level('CUP', 'main', 1)])).to.deep.equal({
      short: { CUP: 2 },
    });
    expect(planAllocation(three, [held('leeds', 1, 0)])).to.deep.equal({ short: { CUP: 1 } });
    expect(planAllocation(three, [held('leeds', 0, 2), level('CUP', 'main', 0)])).to.deep.equal({ short: { CUP: 0 } });
  });
});

describe('The units that other locations can send', () => {
  const levels = [level('CUP', 'leeds', 9), level('CUP', 'main', 2), level('CUP', 'york', 1), level('MUG', 'york', 50)];

  it('come from as few of them as possible, and never from the location itself', () => {
    expect(elsewhere(parcel('CUP', 'leeds', 2), levels)).to.deep.equal([parcel('CUP', 'main', 2)]);
    expect(elsewhere(parcel('CUP', 'leeds', 3), levels)).to.deep.equal([
      parcel('CUP', 'main', 2),
      parcel('CUP', 'york', 1),
    ]);
  });

  it('are at most what these have', () => {
    expect(elsewhere(parcel('CUP', 'leeds', 50), levels)).to.deep.equal([
      parcel('CUP', 'main', 2),
      parcel('CUP', 'york', 1),
    ]);
    expect(elsewhere(parcel('MUG', 'york', 1), levels)).to.deep.equal([]);
    expect(elsewhere(parcel('TIN', 'leeds', 1), levels)).to.deep.equal([]);
  });
});
