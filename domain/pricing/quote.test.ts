import { expect } from 'chai';
import fc from 'fast-check';
import { TEST_NOW } from '../../test/domain/given-when-then.js';
import { the } from '../../test/the.js';
import type { CouponTerms } from '../coupon/events.js';
import { sum } from '../kernel/money.js';
import { orderLineSchema, shippingSchema } from '../order/events.js';
import type { ShippingMethod, ShippingZone, TaxRate } from '../tariffs/events.js';
import { shippingTable } from '../tariffs/shipping-table.js';
import { type Quote, type QuoteLine, type QuoteRequest, quoteOf, shippingOptions } from './quote.js';

const line = (id: string, unitPrice: number, quantity = 1, more: Partial<QuoteLine> = {}): QuoteLine => ({
  id,
  sku: `SKU-${id}`,
  title: `No. ${id}`,
  quantity,
  unitPrice,
  ...more,
});
const zone = (zone: Partial<ShippingZone>): ShippingZone => ({ currency: 'GBP', by: 'flat', rates: [], ...zone });
const express: ShippingMethod = { id: 'express', title: 'Express', zones: [zone({ rates: [{ amount: 500 }] })] };
const uk: TaxRate = { id: 'gb', country: 'GB', basisPoints: 2_000, included: true };
const us: TaxRate = { id: 'us', country: 'US', basisPoints: 887.5 };

const quote = (request: Partial<Omit<QuoteRequest, 'coupons'>>, ...coupons: CouponTerms[]) =>
  quoteOf({
    currency: 'GBP',
    lines: [],
    coupons: coupons.map((terms, index) => ({ code: `C${index}`, terms })),
    taxTable: [],
    shippingTable: [...shippingTable.initialState, express],
    now: TEST_NOW,
    ...request,
  });
const percent = (share: number): CouponTerms => ({ kind: 'percentage', basisPoints: share * 100 });
const off = (amount: number, currency = 'GBP'): CouponTerms => ({ kind: 'amount', amount, currency });
const discountOf = ({ discounts = [] }: { discounts?: readonly number[] | undefined }) => sum(discounts);
const discounts = ({ lines }: Pick<Quote, 'lines'>) => lines.map(discountOf);

describe('A quote', () => {
  it('adds up lines and shipping', () => {
    const { lines, shipping, total, subtotal, tax, discount } = quote({
      lines: [line('1', 250, 2), line('2', 999)],
      shippingMethod: 'express',
    });
    expect(lines).to.deep.equal([
      { id: '1', sku: 'SKU-1', title: 'No. 1', quantity: 2, unitPrice: 250, total: 500 },
      { id: '2', sku: 'SKU-2', title: 'No. 2', quantity: 1, unitPrice: 999, total: 999 },
    ]);
    expect(shipping).to.deep.equal({ method: 'express', title: 'Express', amount: 500 });
    expect({ subtotal, discount, tax, total }).to.deep.equal({ subtotal: 1_499, discount: 0, tax: 0, total: 1_999 });
  });

  it('is zero for an empty cart, whatever the coupons', () => {
    const { total, coupons } = quote({}, percent(50), off(100), { kind: 'buy_x_get_y', buy: 1, get: 1 });
    expect({ total, given: sum(coupons.map(({ amount }) => amount)) }).to.deep.equal({ total: 0, given: 0 });
  });

  describe('with coupons', () => {
    it('splits a discount over the lines in proportion, and the parts add up to it', () => {
      const thirds = quote({ lines: [line('1', 100), line('2', 100), line('3', 100)] }, off(100));
      expect(discounts(thirds)).to.deep.equal([34, 33, 33]);
      expect(thirds.total).to.equal(200);
      expect(thirds.coupons).to.deep.equal([{ code: 'C0', amount: 100 }]);
    });

    it('lists by line and shipping the discount of each coupon that has one', () => {
      const request = { lines: [line('1', 300), line('2', 100)], shippingMethod: 'express' };
      const { lines, shipping, coupons } = quote(request, off(100, 'EUR'), off(200), { kind: 'free_shipping' });
      expect(coupons.map(({ amount }) => amount)).to.deep.equal([0, 200, 500]);
      expect(lines.map((each) => each.discounts)).to.deep.equal([
        [150, 0],
        [50, 0],
      ]);
      expect(shipping?.discounts).to.deep.equal([0, 500]);
    });

    it('applies each to the price after the previous ones', () => {
      const lines = [line('1', 1_000)];
      expect(quote({ lines }, percent(50), percent(50)).coupons).to.deep.equal([
        { code: 'C0', amount: 500 },
        { code: 'C1', amount: 250 },
      ]);
      expect(quote({ lines }, off(300), percent(50)).total).to.equal(350);
      expect(quote({ lines }, percent(50), off(300)).total).to.equal(200);
    });

    it('never exceeds the price of the goods', () => {
      const { coupons, total } = quote({ lines: [line('1', 300)], shippingMethod: 'express' }, off(1_000), percent(50));
      expect(coupons.map(({ amount }) => amount)).to.deep.equal([300, 0]);
      expect(total).to.equal(500);
    });

    it('pays for the shipping, once', () => {
      const free: CouponTerms = { kind: 'free_shipping' };
      const { shipping, coupons, total } = quote({ lines: [line('1', 300)], shippingMethod: 'express' }, free, free);
      expect(shipping).to.deep.equal({ method: 'express', title: 'Express', amount: 500, discounts: [500] });
      expect(coupons.map(({ amount }) => amount)).to.deep.equal([500, 0]);
      expect(total).to.equal(300);
    });

    it('makes the cheapest counted units free', () => {
      const lines = [line('1', 300, 2), line('2', 100, 2), line('3', 200, 2)];
      const threeForTwo: CouponTerms = { kind: 'buy_x_get_y', buy: 2, get: 1 };
      expect(discounts(quote({ lines }, threeForTwo))).to.deep.equal([0, 200, 0]);
      const some: CouponTerms = { ...threeForTwo, skus: ['SKU-1', 'SKU-3'] };
      expect(discounts(quote({ lines }, some))).to.deep.equal([0, 0, 200]);
      const halfOfAll: CouponTerms = { kind: 'buy_x_get_y', buy: 1, get: 1 };
      expect(discounts(quote({ lines }, halfOfAll))).to.deep.equal([0, 200, 200]);
      expect(discounts(quote({ lines: [line('1', 100), line('2', 100)] }, halfOfAll))).to.deep.equal([0, 100]);
      expect(discounts(quote({ lines: [line('1', 100, 2)] }, threeForTwo))).to.deep.equal([0]);
      expect(discounts(quote({ lines: [line('1', 100, 3)] }, percent(50), threeForTwo))).to.deep.equal([200]);
    });

    it('ignores coupons whose time, currency or minimum is not met', () => {
      const at = (offset: number) => new Date(TEST_NOW + offset).toISOString();
      const given = (terms: CouponTerms) =>
        the(quote({ lines: [line('1', 600), line('2', 400)] }, terms).coupons[0]).amount;
      expect(given({ ...percent(10), validFrom: at(0), validUntil: at(1) })).to.equal(100);
      expect(given({ ...percent(10), validFrom: at(1) })).to.equal(0);
      expect(given({ ...percent(10), validUntil: at(0) })).to.equal(0);
      expect(given(off(100, 'EUR'))).to.equal(0);
      expect(given({ ...percent(10), minimum: { amount: 1_000, currency: 'GBP' } })).to.equal(100);
      expect(given({ ...percent(10), minimum: { amount: 1_001, currency: 'GBP' } })).to.equal(0);
      expect(given({ ...percent(10), minimum: { amount: 1, currency: 'EUR' } })).to.equal(0);
    });

    it('says why a coupon gives no discount, and only then', () => {
      const day = (offset: number) => new Date(TEST_NOW + offset * 86_400_000).toISOString();
      const minimum = (amount: number, currency = 'GBP') => ({ minimum: { amount, currency } });
      const twoForOne: CouponTerms = { kind: 'buy_x_get_y', buy: 1, get: 1 };
      const mugs = { lines: [line('1', 500, 1), line('2', 250, 1)] };
      const reasonOf = (terms: CouponTerms, request: Parameters<typeof quote>[0] = mugs) => {
        const [coupon] = quote(request, terms).coupons;
        expect(coupon)
          .to.have.property('amount')
          .that.satisfies((amount: number) => amount > 0 === !coupon?.reason);
        return coupon?.reason;
      };
      for (const [terms, reason] of [
        [percent(50), undefined],
        [{ ...percent(50), validFrom: day(0), validUntil: day(1), ...minimum(750) }, undefined],
        [{ ...percent(50), validFrom: day(1) }, 'not_yet_valid'],
        [{ ...percent(50), validUntil: day(0) }, 'no_longer_valid'],
        [off(100, 'EUR'), 'other_currency'],
        [{ ...percent(50), ...minimum(1, 'EUR') }, 'other_currency'],
        [{ ...off(100), ...minimum(751) }, 'below_minimum'],
        [twoForOne, undefined],
        [{ ...twoForOne, get: 2 }, 'too_few_units'],
        [{ ...twoForOne, skus: ['SKU-1', 'SKU-3'] }, 'too_few_units'],
        [{ kind: 'free_shipping' }, 'nothing_to_discount'],
      ] as [CouponTerms, string | undefined][]) {
        expect(reasonOf(terms), JSON.stringify(terms)).to.equal(reason);
      }
      expect(reasonOf({ kind: 'free_shipping' }, { ...mugs, shippingMethod: 'express' })).to.equal(undefined);
      expect(reasonOf({ kind: 'free_shipping' }, { ...mugs, shippingMethod: 'standard' })).to.equal(
        'nothing_to_discount',
      );
      expect(reasonOf(percent(50), { lines: [line('1', 0)] })).to.equal('nothing_to_discount');
      expect(quote(mugs, off(750), percent(50)).coupons).to.deep.equal([
        { code: 'C0', amount: 750 },
        { code: 'C1', amount: 0, reason: 'nothing_to_discount' },
      ]);
    });

    it('compares a minimum with the price before the other coupons', () => {
      const minimum = { amount: 1_000, currency: 'GBP' };
      expect(quote({ lines: [line('1', 1_000)] }, percent(50), { ...off(100), minimum }).total).to.equal(400);
    });
  });

  describe('with tax', () => {
    const address = { country: 'US', region: 'NY' };

    it('adds it where prices exclude it, per line and on the shipping, after discounts', () => {
      const { lines, shipping, tax, includedTax, total, taxIncluded } = quote(
        { lines: [line('1', 2_000)], shippingMethod: 'express', address, taxTable: [us] },
        percent(50),
      );
      expect(lines[0]).to.deep.include({ total: 2_000, discounts: [1_000], tax: 89 });
      expect(shipping).to.include({ amount: 500, tax: 44 });
      expect({ tax, includedTax, total, taxIncluded }).to.deep.equal({
        tax: 133,
        includedTax: undefined,
        total: 1_633,
        taxIncluded: undefined,
      });
    });

    it('states it if prices include it', () => {
      const { lines, tax, includedTax, total, taxIncluded } = quote({
        lines: [line('1', 1_200), line('2', 999, 1, { taxCategory: 'books' })],
        address: { country: 'GB' },
        taxTable: [uk, { ...uk, id: 'books', category: 'books', basisPoints: 0 }],
      });
      expect(lines.map((each) => each.tax)).to.deep.equal([200, undefined]);
      expect({ tax, includedTax, total, taxIncluded }).to.deep.equal({
        tax: 0,
        includedTax: 200,
        total: 2_199,
        taxIncluded: true,
      });
    });

    it('taxes each line at the rate of its category', () => {
      const categories = ['books', 'food', undefined];
      const { lines } = quote({
        lines: categories.map((taxCategory, n) => line(`${n}`, 1_000, 1, { taxCategory })),
        address,
        taxTable: [
          us,
          { ...us, id: 'us-books', category: 'books', basisPoints: 100 },
          { ...us, id: 'us-food', category: 'food', basisPoints: 200 },
        ],
      });
      expect(lines.map(({ tax }) => tax)).to.deep.equal([10, 20, 89]);
    });

    it('names the current rate of each line and of the shipping, and none for a zero price', () => {
      const { lines, shipping, taxRates } = quote({
        lines: [line('1', 1_000), line('2', 500, 1, { taxCategory: 'books' }), line('3', 0), line('4', 10)],
        shippingMethod: 'express',
        address,
        taxTable: [us, { ...us, id: 'ny-books', region: 'NY', category: 'books', basisPoints: 0 }],
      });
      expect(lines.map(({ taxRate }) => taxRate)).to.deep.equal([0, 1, undefined, 0]);
      expect(shipping?.taxRate).to.equal(2);
      expect(taxRates).to.deep.equal([
        { country: 'US', basisPoints: 887.5 },
        { category: 'books', country: 'US', region: 'NY', basisPoints: 0 },
        { category: 'shipping', country: 'US', basisPoints: 887.5 },
      ]);
      expect(quote({ lines: [line('1', 1_000)], address })).not.to.have.property('taxRates');
    });

    it('does not tax shipping that a coupon pays for', () => {
      const request = { lines: [line('1', 1_000)], shippingMethod: 'express', address, taxTable: [us] };
      const { shipping, tax } = quote(request, { kind: 'free_shipping' });
      expect({ shipping, tax }).to.deep.equal({
        shipping: { method: 'express', title: 'Express', amount: 500, discounts: [500], taxRate: 1 },
        tax: 89,
      });
    });

    it('rounds half to even', () => {
      const half: TaxRate = { id: 'us', country: 'US', basisPoints: 5_000 };
      const taxes = quote({ lines: [1, 3, 5, 7].map((price) => line(`${price}`, price)), address, taxTable: [half] });
      expect(taxes.lines.map(({ tax = 0 }) => tax)).to.deep.equal([0, 2, 2, 4]);
    });

    it('taxes shipping in a category of its own', () => {
      const table = [us, { ...us, id: 'us-shipping', category: 'shipping', basisPoints: 0 }];
      const request = { lines: [line('1', 1_000)], shippingMethod: 'express', address, taxTable: table };
      expect(quote(request).shipping).to.deep.equal({
        method: 'express',
        title: 'Express',
        amount: 500,
        taxRate: 1,
      });
    });

    it('has no tax while there is no address, or if none applies there', () => {
      const request = { lines: [line('1', 1_000)], taxTable: [uk, us] };
      expect(quote(request)).to.include({ tax: 0, total: 1_000 }).and.not.have.property('includedTax');
      expect(quote({ ...request, address: { country: 'FR' } })).to.include({ tax: 0, total: 1_000 });
    });
  });

  describe('with shipping', () => {
    const byValue: ShippingMethod = {
      id: 'by-value',
      title: 'By value',
      zones: [zone({ by: 'value', rates: [{ upTo: 999, amount: 300 }, { amount: 0 }] })],
    };
    const byWeight: ShippingMethod = {
      id: 'by-weight',
      title: 'By weight',
      zones: [zone({ countries: ['GB'], by: 'weight', rates: [{ upTo: 1_000, amount: 400 }] })],
    };
    const table = [byValue, byWeight];

    it('is priced by the value of the goods after discounts', () => {
      const request = { lines: [line('1', 1_000)], shippingTable: table, shippingMethod: 'by-value' };
      expect(quote(request).shipping?.amount).to.equal(0);
      expect(quote(request, off(1)).shipping?.amount).to.equal(300);
    });

    it('is priced by the weight of all units, and has no price where a method does not ship', () => {
      const request = { shippingTable: table, shippingMethod: 'by-weight', address: { country: 'GB' } };
      const weighed = (units: number) => [line('1', 100, units, { weight: 500 }), line('2', 100)];
      expect(quote({ ...request, lines: weighed(2) }).shipping?.amount).to.equal(400);
      expect(quote({ ...request, lines: weighed(3) })).not.to.have.property('shipping');
      expect(quote({ ...request, lines: weighed(2), address: { country: 'FR' } })).not.to.have.property('shipping');
      expect(quote({ ...request, lines: weighed(2), shippingMethod: 'gone' })).not.to.have.property('shipping');
    });

    describe('by a method that does not ship it', () => {
      const parcels: ShippingMethod = {
        id: 'parcels',
        title: 'Parcels',
        zones: [
          zone({ countries: ['GB'], by: 'weight', rates: [{ upTo: 1_000, amount: 400 }] }),
          zone({ countries: ['FR'], by: 'value', rates: [{ upTo: 999, amount: 400 }] }),
          zone({ countries: ['GB'], currency: 'USD', rates: [{ amount: 400 }] }),
        ],
      };
      const problem = (request: Partial<Omit<QuoteRequest, 'coupons'>>, shippingTable = [parcels, express]) =>
        quote({
          lines: [line('1', 1_000, 1, { weight: 1_001 })],
          shippingTable,
          shippingMethod: 'parcels',
          address: { country: 'GB' },
          ...request,
        }).shippingProblem;

      it('says what the obstacle is, and which methods ship it', () => {
        expect(problem({})).to.deep.equal({
          reason: 'too_heavy',
          detail: 'parcels does not send 1001 g to this address; choose express.',
          methods: ['express'],
        });
        for (const [request, reason, detail] of [
          [{ address: { country: 'FR' } }, 'too_valuable', /^parcels does not send goods of this value/],
          [{ address: { country: 'US' } }, 'wrong_place', /^parcels does not send to this address; choose express\.$/],
          [{ shippingMethod: 'gone' }, 'unknown_method', /^There is no shipping method gone; choose express\.$/],
        ] as const) {
          const told = problem(request);
          expect(told).to.deep.include({ reason, methods: ['express'] });
          expect(told?.detail).to.match(detail);
        }
        expect(problem({}, [parcels, express, { ...express, id: 'courier' }])?.detail).to.match(
          /choose express or courier\.$/,
        );
        expect(problem({ currency: 'EUR' })).to.deep.equal({
          reason: 'wrong_currency',
          detail: 'parcels is not available for carts in EUR; no shipping method can send this cart there.',
          methods: [],
        });
      });

      it('says nothing if there is no obstacle, or no method is chosen', () => {
        expect(problem({ shippingMethod: 'express' })).to.equal(undefined);
        expect(problem({ shippingMethod: undefined })).to.equal(undefined);
      });

      it('reports without an address only that a method was removed', () => {
        expect(problem({ address: undefined })).to.equal(undefined);
        const gone = { shippingMethod: 'gone', address: undefined };
        expect(problem(gone)).to.deep.include({ reason: 'unknown_method', methods: ['express'] });
        expect(problem(gone, [parcels])?.detail).to.match(/; set the shipping address to see the available methods\.$/);
      });
    });

    it('offers every method that ships there', () => {
      const request = { currency: 'GBP', lines: [line('1', 1_000)], coupons: [], taxTable: [], now: TEST_NOW };
      const offered = (address: QuoteRequest['address']) =>
        shippingOptions({ ...request, address, shippingTable: table }).map(({ method, amount }) => [method, amount]);
      expect(offered({ country: 'GB' })).to.deep.equal([
        ['by-value', 0],
        ['by-weight', 400],
      ]);
      expect(offered(undefined)).to.deep.equal([['by-value', 0]]);
    });
  });

  describe('of any cart', () => {
    const money = fc.oneof(fc.integer({ min: 0, max: 5_000 }), fc.integer({ min: 0, max: 1_000_000_000 }));
    const category = fc.constantFrom(undefined, 'books');
    const lines = fc
      .array(fc.record({ unitPrice: money, quantity: fc.integer({ min: 1, max: 10_000 }), taxCategory: category }), {
        minLength: 1,
        maxLength: 20,
      })
      .map((all) => all.map((each, index) => ({ ...line(`${index + 1}`, 0), ...each })));
    const terms: fc.Arbitrary<CouponTerms> = fc.oneof(
      fc.integer({ min: 1, max: 10_000 }).map((basisPoints) => ({ kind: 'percentage' as const, basisPoints })),
      fc.integer({ min: 1, max: 1_000_000 }).map((amount) => off(amount)),
      fc.constant({ kind: 'free_shipping' as const }),
      fc
        .record({ buy: fc.integer({ min: 1, max: 5 }), get: fc.integer({ min: 1, max: 5 }) })
        .map((group) => ({ kind: 'buy_x_get_y' as const, ...group })),
    );
    const taxes = fc
      .record({ basisPoints: fc.integer({ min: 0, max: 1_000_000 }), included: fc.boolean() })
      .map(({ basisPoints, included }): TaxRate[] => [
        { id: 'gb', country: 'GB', basisPoints: basisPoints / 100, ...(included && { included }) },
        { id: 'books', country: 'GB', category: 'books', basisPoints: 0, ...(included && { included }) },
      ]);
    const requests = fc
      .record({ lines, coupons: fc.array(terms, { maxLength: 5 }), taxTable: taxes })
      .map(({ coupons, ...request }) =>
        quote({ ...request, shippingMethod: 'express', address: { country: 'GB' } }, ...coupons),
      );

    it('adds up: Σ lines + shipping + tax − discount = total, and the coupons are the discount', () => {
      fc.assert(
        fc.property(requests, ({ lines, shipping, coupons, taxIncluded, ...totals }) => {
          const charges = [...lines, the(shipping)];
          const tax = sum(charges.map((charge) => charge.tax ?? 0));
          expect(totals.subtotal).to.equal(sum(lines.map(({ quantity, unitPrice }) => quantity * unitPrice)));
          expect(totals.discount).to.equal(sum(charges.map(discountOf)));
          expect(totals.discount).to.equal(sum(coupons.map(({ amount }) => amount)));
          expect([totals.tax, totals.includedTax]).to.deep.equal(taxIncluded ? [0, tax] : [tax, undefined]);
          expect(totals.total).to.equal(totals.subtotal + the(shipping).amount + totals.tax - totals.discount);
        }),
      );
    });

    it('never has a negative discount or one above the price, and fits an order', () => {
      fc.assert(
        fc.property(requests, ({ lines, shipping, coupons }) => {
          for (const each of lines) {
            orderLineSchema.parse(each);
            expect(discountOf(each)).to.be.within(0, each.total);
          }
          shippingSchema.parse(shipping);
          expect(discountOf(the(shipping))).to.be.within(0, the(shipping).amount);
          for (const { amount } of coupons) expect(amount).to.be.at.least(0);
        }),
      );
    });

    it('includes or adds the tax of each line to within half a minor unit', () => {
      fc.assert(
        fc.property(lines, taxes, (some, taxTable) => {
          const { basisPoints, included } = the(taxTable[0]);
          for (const { total, tax = 0, id } of quote({ lines: some, taxTable, address: { country: 'GB' } }).lines) {
            if (some.find((each) => each.id === id)?.taxCategory === 'books') {
              expect(tax).to.equal(0);
            } else {
              const rate = BigInt(Math.round(basisPoints * 100));
              const whole = 1_000_000n + (included ? rate : 0n);
              const twiceOff = 2n * (BigInt(tax) * whole - BigInt(total) * rate);
              expect(twiceOff <= whole && twiceOff >= -whole).to.equal(true);
            }
          }
        }),
      );
    });

    it('is in whole minor units, so that order and payment provider agree (medusajs/medusa#14818: 34.116425 against 34.12)', () => {
      fc.assert(
        fc.property(requests, ({ lines, shipping, subtotal, discount, tax, includedTax = 0, total }) => {
          const amounts = [...lines, the(shipping)].flatMap((charge) => [...(charge.discounts ?? []), charge.tax ?? 0]);
          for (const amount of [...amounts, subtotal, discount, tax, includedTax, total]) {
            expect(Number.isSafeInteger(amount), `${amount}`).to.equal(true);
          }
        }),
      );
      const { lines, total } = quote(
        { lines: [line('1', 1_137, 3)], address: { country: 'US' }, taxTable: [{ ...us, basisPoints: 725 }] },
        percent(6.75),
      );
      expect(lines[0]).to.deep.include({ total: 3_411, discounts: [230], tax: 231 });
      expect(total).to.equal(3_412);
    });
  });
});
