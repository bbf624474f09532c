// Matching of returns, compared with a simple model of single units.
import { expect } from 'chai';
import fc from 'fast-check';
import { the } from '../../../test/the.js';
import { createPurchases } from './purchases.js';

describe('The units that a customer keeps of a code', () => {
  const of = (row: number, unitPrice = 100) => {
    const at = `2010-12-01T08:${String(row).padStart(2, '0')}:00.000Z`;
    return { invoice: `53636${row}`, at, lineId: `${row}`, row, unitPrice };
  };
  const by = (firstRow: number) => ({ number: 'C536400', firstRow, at: '2010-12-02T08:00:00.000Z' });

  it('come back from the latest purchase first, as many as there are', () => {
    const purchases = createPurchases();
    purchases.add('17850', '71053', 6, of(1, 339));
    purchases.add('17850', '71053', 2, of(2, 375));
    expect(purchases.takeBack('17850', '71053', 3, by(3))).to.deep.equal([
      { purchase: of(2, 375), units: 2 },
      { purchase: of(1, 339), units: 1 },
    ]);
    expect(purchases.takeBack('17850', '71053', 5, by(4))).to.deep.equal([{ purchase: of(1, 339), units: 5 }]);
    expect(purchases.takeBack('17850', '71053', 1, by(5))).to.equal(undefined);
  });

  it('stay as they are when more are returned than there are', () => {
    const purchases = createPurchases();
    purchases.add('17850', '71053', 6, of(1));
    expect(purchases.takeBack('17850', '71053', 7, by(2))).to.equal(undefined);
    expect(purchases.takeBack('17850', '71053', 6, by(3))).to.deep.equal([{ purchase: of(1), units: 6 }]);
  });

  it('are only of this customer and this code, and were bought before', () => {
    const purchases = createPurchases();
    purchases.add('17850', '71053', 6, of(5));
    expect(purchases.takeBack('13047', '71053', 1, by(9))).to.equal(undefined);
    expect(purchases.takeBack('17850', '22632', 1, by(9))).to.equal(undefined);
    expect(purchases.takeBack('17850', '71053', 1, by(4))).to.equal(undefined);
  });

  it('add up, whatever is bought and returned', () => {
    const step = fc.record({
      bought: fc.boolean(),
      customer: fc.constantFrom('1', '2'),
      sku: fc.constantFrom('10001', '10002'),
      units: fc.integer({ min: 1, max: 5 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const purchases = createPurchases();
        let kept: { row: number; key: string }[] = [];
        for (const [row, { bought, customer, sku, units }] of steps.entries()) {
          const key = `${customer}/${sku}`;
          if (bought) {
            purchases.add(customer, sku, units, of(row, row));
            kept.push(...Array.from({ length: units }, () => ({ row, key })));
            continue;
          }
          const own = kept.filter((unit) => unit.key === key);
          const expected = own.length < units ? undefined : own.slice(-units);
          const taken = purchases.takeBack(customer, sku, units, by(row));
          const rows = taken?.flatMap(({ purchase, units }) => Array<number>(units).fill(the(purchase.row)));
          expect(rows?.reverse()).to.deep.equal(expected?.map((unit) => unit.row));
          kept = kept.filter((unit) => !expected?.includes(unit));
        }
      }),
    );
  });
});
