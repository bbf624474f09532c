// The rules for one row, by examples and by two laws.
import { expect } from 'chai';
import fc from 'fast-check';
import { MAX_PRICE } from '../../../domain/kernel/money.js';
import { productIdSchema } from '../../../domain/product/events.js';
import { MAX_QUANTITY } from '../../../domain/stock/events.js';
import { classify, type Refusal, type RowMeaning, timeOf } from './classify.js';
import { productIdOf } from './products.js';

const sound = {
  invoice: '536365',
  code: '85123A',
  description: 'WHITE HANGING HEART',
  quantity: '6',
  date: '2010-12-01 08:26:00',
  price: '2.55',
};
type Text = typeof sound;

function meaning(changes: Partial<Text>): RowMeaning {
  return classify({ ...sound, ...changes });
}

function refused(refusal: Refusal, ...rows: Partial<Text>[]): void {
  for (const row of rows) expect(meaning(row), JSON.stringify(row)).to.deep.equal({ kind: 'refused', refusal });
}

describe('A row of an invoice', () => {
  it('is a line by default; its code is upper-cased', () => {
    const line = { kind: 'line', sku: '85123A', quantity: 6, unitPrice: 255 };
    expect(meaning({})).to.deep.equal(line);
    expect(meaning({ code: '85123a' })).to.deep.equal(line);
    expect(meaning({ price: '2.5500' })).to.deep.equal(line);
    expect(meaning({ price: '3', description: '' })).to.deep.equal({ ...line, unitPrice: 300 });
    expect(meaning({ price: '0.1', code: '15056BL' })).to.deep.equal({ ...line, sku: '15056BL', unitPrice: 10 });
  });

  it('is malformed if its invoice number, quantity, price, date or code cannot be read', () => {
    refused('malformed', ...['', '53636', '5363650', 'B536365', 'c536365', 'CA36365'].map((invoice) => ({ invoice })));
    refused('malformed', ...['', '1.5', '6.0', 'six', '1e3', `${MAX_QUANTITY + 1}`].map((quantity) => ({ quantity })));
    refused('malformed', ...['', '2,55', '2.5.5', '£2', '.', '1e2', `${MAX_PRICE}`].map((price) => ({ price })));
    refused('malformed', ...['', '2010-12-01', '2010-02-29 08:26:00', '2010-12-01 24:00:00'].map((date) => ({ date })));
    refused('malformed', { code: '' }, { code: ' ' });
  });

  it('is checked for its format before anything else', () => {
    refused(
      'malformed',
      { invoice: 'A536365', quantity: 'x' },
      { invoice: 'C536365', price: 'x' },
      { code: 'M', date: '' },
    );
  });

  it('of an invoice A… is not a sale, and of an invoice C… always a return', () => {
    refused('not_a_sale', { invoice: 'A536365' }, { invoice: 'A536365', code: 'B', price: '-11062.06' });
    const returned = { kind: 'return', sku: '85123A', units: 3 };
    for (const price of ['2.55', '0', '-1', '0.001']) {
      expect(meaning({ invoice: 'C536365', code: '85123a', quantity: '-3', price })).to.deep.equal(returned);
    }
  });

  it('of an invoice C… cannot be matched if it is not for goods or returns no units', () => {
    const returned = (changes: Partial<Text>) => meaning({ invoice: 'C536365', ...changes });
    expect(returned({ code: 'POST', quantity: '-1' })).to.deep.equal({ kind: 'return', units: 1 });
    expect(returned({ quantity: '0' })).to.deep.equal({ kind: 'return', units: 0 });
    expect(returned({ quantity: '-0' })).to.deep.equal({ kind: 'return', units: 0 });
    expect(returned({ quantity: '4' })).to.deep.equal({ kind: 'return', units: 4 });
  });

  it('charges for shipping under POST, DOT and C2, by quantity times price', () => {
    const charge = (code: string, amount: number) => ({ kind: 'shipping', code, amount });
    expect(meaning({ code: 'POST', quantity: '3', price: '18.0' })).to.deep.equal(charge('POST', 5400));
    expect(meaning({ code: 'dot', quantity: '1', price: '0.01' })).to.deep.equal(charge('DOT', 1));
    expect(meaning({ code: 'C2', quantity: '2', price: '50' })).to.deep.equal(charge('C2', 10000));
  });

  it('is not goods under any other code, and neither is free shipping', () => {
    const codes = ['M', 'BANK CHARGES', 'gift_0001_20', '1234', '123456', '12345-A', '12345A1', 'POSTAGE'];
    refused('not_goods', ...codes.map((code) => ({ code })));
    refused('not_goods', { code: 'M', quantity: '-1', price: '0' }, { code: 'M', quantity: '0' });
    const nothing = [{ quantity: '0' }, { quantity: '-1' }, { price: '0' }, { price: '-1' }, { price: '1.005' }];
    refused('not_goods', ...nothing.map((row) => ({ code: 'POST', ...row })));
  });

  it('is goods only if its code is short enough for the id of a product', () => {
    for (const letters of [0, 1, 44, 45, 46, 59, 60]) {
      const code = `12345${'A'.repeat(letters)}`;
      const isGoods = productIdSchema.safeParse(productIdOf(code)).success;
      expect(meaning({ code }).kind, code).to.equal(isGoods ? 'line' : 'refused');
    }
  });

  it('with a negative quantity is a stock adjustment at price 0, and refused at any other', () => {
    const adjustment = { kind: 'adjustment', sku: '85123A', delta: -6 };
    const lost = { quantity: '-6', price: '0.0', description: 'lost' };
    expect(meaning(lost)).to.deep.equal({ ...adjustment, reason: 'lost' });
    expect(meaning({ ...lost, description: '' })).to.deep.equal({ ...adjustment, reason: 'unspecified' });
    refused('negative_quantity', ...['2.55', '-2.55', '0.001'].map((price) => ({ quantity: '-6', price })));
  });

  it('is refused without a positive price, with a fraction of a penny, or finally with a quantity of 0', () => {
    refused(
      'no_price',
      { price: '0' },
      { price: '0.000' },
      { price: '-0.001' },
      { price: '-5' },
      { price: '0', quantity: '0' },
    );
    refused('sub_penny', { price: '0.001' }, { price: '2.555' }, { price: '2.555', quantity: '0' });
    refused('malformed', { quantity: '0' });
  });

  it('has a price in pence that has exactly the digits of the text', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: MAX_PRICE }), fc.nat({ max: 5 }), (pence, zeros) => {
        const digits = `${pence}`.padStart(3, '0');
        const price = `${digits.slice(0, -2)}.${digits.slice(-2)}${'0'.repeat(zeros)}`;
        expect(meaning({ price })).to.include({ kind: 'line', unitPrice: pence });
      }),
    );
  });

  it('has a meaning for any text', () => {
    const kinds = ['line', 'shipping', 'adjustment', 'return', 'refused'];
    const text = fc.record({
      invoice: fc.oneof(fc.constantFrom('536365', 'C536365', 'A536365'), fc.string()),
      code: fc.oneof(fc.constantFrom('85123A', 'POST', 'M'), fc.string()),
      description: fc.string(),
      quantity: fc.oneof(fc.integer().map(String), fc.string()),
      date: fc.oneof(fc.constant(sound.date), fc.string()),
      price: fc.oneof(fc.float().map(String), fc.string()),
    });
    fc.assert(fc.property(text, (row) => kinds.includes(classify(row).kind)));
  });

  it('has a time in UTC', () => {
    expect(timeOf('2011-10-31 17:19:59')).to.equal('2011-10-31T17:19:59.000Z');
    expect(timeOf('2012-02-29 00:00:00')).to.equal('2012-02-29T00:00:00.000Z');
    expect(timeOf('2011-02-29 00:00:00')).to.equal(undefined);
  });
});
