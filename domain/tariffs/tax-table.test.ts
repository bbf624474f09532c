import { expect } from 'chai';
import fc from 'fast-check';
import { z } from 'zod';
import { decider, issuedTwiceChangesNothing, TEST_NOW } from '../../test/domain/given-when-then.js';
import { undescribedFields } from '../../test/domain/undescribed.js';
import { the } from '../../test/the.js';
import { type TaxRate, type TaxTableEvent, taxRateSchema } from './events.js';
import { isTaxed, isTaxedByRegion, isTaxIncluded, MAX_TAX_RATES, taxRateFor, taxTable } from './tax-table.js';

const uk: TaxRate = { id: 'gb', country: 'GB', basisPoints: 2_000, included: true };
const books: TaxRate = { ...uk, id: 'gb-books', category: 'books', basisPoints: 0 };
const us: TaxRate = { id: 'us', country: 'US', basisPoints: 0 };
const newYork: TaxRate = { id: 'us-ny', country: 'US', region: 'NY', basisPoints: 887.5 };
const set = (data: TaxRate): TaxTableEvent => ({ type: 'TaxRateSet', data });

describe('The tax table', () => {
  const { given } = decider(taxTable);

  it('does nothing when a command is issued again', () => {
    issuedTwiceChangesNothing(taxTable, {
      SetTaxRate: { given: [set(uk)], when: { type: 'SetTaxRate', rate: { ...uk, basisPoints: 1_750 } } },
      RemoveTaxRate: { given: [set(uk)], when: { type: 'RemoveTaxRate', id: 'gb' } },
    });
  });

  it('is changed by setting a rate again and by removing one', () => {
    const cheaper = { ...uk, basisPoints: 1_750 };
    expect(given([set(uk), set(us), set(cheaper)]).state).to.deep.equal([us, cheaper]);
    expect(given([set(uk), set(us), { type: 'TaxRateRemoved', data: { id: 'gb' } }]).state).to.deep.equal([us]);
    for (const history of [[], [set(us)]]) given(history).when({ type: 'RemoveTaxRate', id: 'gb' }).then([]);
  });

  it('keeps the rates of each country separate, and an unchanged rate changes nothing', () => {
    given([set(uk)])
      .when({ type: 'SetTaxRate', rate: us })
      .then([set(us)]);
    for (const rate of [uk, us])
      given([set(uk), set(us)])
        .when({ type: 'SetTaxRate', rate })
        .then([]);
  });

  it('has one rate per place and category, in any spelling of the region', () => {
    given([set(newYork)])
      .when({ type: 'SetTaxRate', rate: { ...newYork, id: 'other', region: ' ny' } })
      .thenRejected('conflict');
    const clothes = { ...newYork, id: 'other', category: 'clothes' };
    given([set(newYork)])
      .when({ type: 'SetTaxRate', rate: clothes })
      .then([set(clothes)]);
  });

  it('has one setting per country for whether prices include the tax', () => {
    const { included, ...excluded } = books;
    const refusal = (history: TaxTableEvent[], rate: TaxRate) =>
      taxTable.decide({ type: 'SetTaxRate', rate }, given(history).state, TEST_NOW);
    expect(refusal([set(uk)], excluded)).to.deep.equal({
      facts: {},
      rejected: 'rule_violated',
      detail:
        'According to gb, prices in GB contain the tax: send `included: true`, or remove the other rates of GB first.',
    });
    expect(refusal([set(us)], { ...newYork, included: true })).to.deep.equal({
      facts: {},
      rejected: 'rule_violated',
      detail:
        'According to us, prices in US do not contain the tax: leave out `included: true`, or remove the other rates of US first.',
    });
    given([set(uk)])
      .when({ type: 'SetTaxRate', rate: books })
      .then([set(books)]);
    const { included: _, ...onlyRate } = uk;
    given([set(uk)])
      .when({ type: 'SetTaxRate', rate: onlyRate })
      .then([set(onlyRate)]);
  });

  it('has a maximum of rates', () => {
    const full = Array.from({ length: MAX_TAX_RATES }, (_, n) => ({ ...uk, id: `r${n}`, category: `c${n}` }));
    expect(taxTable.decide({ type: 'SetTaxRate', rate: us }, full, TEST_NOW)).to.deep.equal({
      facts: {},
      rejected: 'rule_violated',
      detail: 'There are at most 1000 tax rates.',
    });
    const changed = { ...the(full[0]), basisPoints: 1 };
    expect(taxTable.decide({ type: 'SetTaxRate', rate: changed }, full, TEST_NOW)).to.deep.equal([set(changed)]);
    const almost = full.slice(1);
    expect(taxTable.decide({ type: 'SetTaxRate', rate: us }, almost, TEST_NOW)).to.deep.equal([set(us)]);
  });

  it('answers with the most specific rate: a region before its country, a category before the rest', () => {
    const nyBooks = { ...newYork, id: 'us-ny-books', category: 'books', basisPoints: 1 };
    const usBooks = { ...us, id: 'us-books', category: 'books', basisPoints: 2 };
    const ny = { country: 'US', region: 'ny ' };
    const table = [uk, books, us, usBooks, newYork, nyBooks];
    fc.assert(
      fc.property(fc.shuffledSubarray(table, { minLength: table.length }), (shuffled) => {
        expect(taxRateFor(shuffled, ny, 'books')).to.equal(nyBooks);
        expect(taxRateFor(shuffled, ny, 'mugs')).to.equal(newYork);
        expect(taxRateFor(shuffled, ny, undefined)).to.equal(newYork);
        expect(taxRateFor(shuffled, { country: 'US', region: 'CA' }, 'books')).to.equal(usBooks);
        expect(taxRateFor(shuffled, { country: 'US' }, 'mugs')).to.equal(us);
        expect(taxRateFor(shuffled, { country: 'FR' }, 'mugs')).to.equal(undefined);
        const withoutNyBooks = shuffled.filter((rate) => rate !== nyBooks);
        expect(taxRateFor(withoutNyBooks, ny, 'books')).to.equal(newYork);
      }),
    );
    expect([isTaxIncluded(table, 'GB'), isTaxIncluded(table, 'US'), isTaxIncluded(table, 'FR')]).to.deep.equal([
      true,
      false,
      false,
    ]);
  });

  it('tells where any rate applies, and where the region decides', () => {
    const ontario: TaxRate = { id: 'ca-on', country: 'CA', region: 'ON', basisPoints: 1_300 };
    const table = [uk, books, us, newYork, ontario];
    const taxed = (country: string, region?: string) =>
      isTaxed(table, { country, ...(region !== undefined && { region }) });
    expect([taxed('GB'), taxed('GB', 'ENG'), taxed('CA', 'on')]).to.deep.equal([true, true, true]);
    expect([taxed('FR'), taxed('FR', 'ON'), taxed('CA'), taxed('CA', 'QC')]).to.deep.equal([
      false,
      false,
      false,
      false,
    ]);
    expect(isTaxed([], { country: 'GB' })).to.equal(false);
    const byRegion = ['US', 'CA', 'GB', 'FR'].map((country) => isTaxedByRegion(table, country));
    expect(byRegion).to.deep.equal([true, true, false, false]);
  });

  it('says what each field of a rate means', () => {
    expect(undescribedFields(taxRateSchema)).to.deep.equal([]);
  });

  it('keeps rates to hundredths of a basis point', () => {
    expect(taxRateSchema.safeParse({ ...us, basisPoints: 887.55 }).success).to.equal(true);
    for (const basisPoints of [887.555, -1, 10_001, Number.NaN]) {
      expect(taxRateSchema.safeParse({ ...us, basisPoints }).success, `${basisPoints}`).to.equal(false);
    }
    const [fault] = taxRateSchema.safeParse({ ...us, basisPoints: 887.555 }).error?.issues ?? [];
    expect(fault).to.include({ message: 'must have at most two decimals' });
  });

  it('accepts exactly the rates with at most two decimals, and publishes no rule that a validator would round otherwise', () => {
    const takes = (basisPoints: number) => taxRateSchema.safeParse({ ...us, basisPoints }).success;
    for (const basisPoints of [0, 0.01, 1_234.57, 8.29, 4_999.99, 9_999.99, 10_000]) {
      expect(takes(basisPoints), `${basisPoints}`).to.equal(true);
    }
    fc.assert(fc.property(fc.integer({ min: 0, max: 1_000_000 }), (hundredths) => takes(hundredths / 100)));
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9_999_999 }), (thousandths) => {
        expect(takes(thousandths / 1_000)).to.equal(thousandths % 10 === 0);
      }),
    );
    const { description, ...published } = the(z.toJSONSchema(taxRateSchema).properties).basisPoints as {
      description: string;
    };
    expect(published).to.deep.equal({ type: 'number', minimum: 0, maximum: 10_000 });
    expect(description).to.contain('at most two decimals');
  });
});
