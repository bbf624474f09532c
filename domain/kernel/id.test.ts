import { expect } from 'chai';
import { isProblem } from './errors.js';
import { askedId, DEFAULT_LOCATION, idSchema, locationSchema, siblingId, skuSchema, streamOf } from './id.js';

describe('An id', () => {
  it('from outside names one stream', () => {
    expect(streamOf('order_536365')).to.equal('order#536365');
    expect(streamOf('cart_a_b')).to.equal('cart#a_b');
  });

  it('gives the ids of its single related resources', () => {
    expect(siblingId('payment', 'order_536365')).to.equal('payment_536365');
  });

  it('starts with the name of its kind', () => {
    const orderId = idSchema('order');
    expect(orderId.safeParse('order_536365').success).to.equal(true);
    for (const wrong of [
      '536365',
      'xorder_1',
      'cart_1',
      'order_',
      'order_a#b',
      'order_a b',
      `order_${'x'.repeat(51)}`,
    ]) {
      expect(orderId.safeParse(wrong).success, wrong).to.equal(false);
    }
  });

  it('that is malformed is not found, like any other that does not exist', () => {
    const orderId = idSchema('order');
    expect(askedId(orderId, 'order_536365')).to.equal('order_536365');
    try {
      askedId(orderId, '536365');
      expect.fail('found');
    } catch (problem) {
      expect(isProblem(problem, 'not_found'), String(problem)).to.equal(true);
      expect(String(problem)).to.contain('There is no 536365.');
    }
  });

  for (const { what, schema, longest } of [
    { what: 'a SKU', schema: skuSchema, longest: 64 },
    { what: 'a location', schema: locationSchema, longest: 32 },
  ]) {
    it(`of ${what} has 1 to ${longest} letters, digits, dots, dashes or underscores`, () => {
      for (const right of ['85123A', 'a.b-c_d', '...', '.a', 'constructor', 'x'.repeat(longest), DEFAULT_LOCATION])
        expect(schema.safeParse(right).success, right).to.equal(true);
      for (const wrong of ['', 'a b', 'a@b', 'ä', '.', '..', '__proto__', 'x'.repeat(longest + 1)])
        expect(schema.safeParse(wrong).error?.issues[0]?.message, wrong).to.contain(`1 to ${longest} letters`);
    });
  }

  it('of the wrong kind gets a message with the right one', () => {
    expect(idSchema('order').safeParse('cart_1').error?.issues[0]?.message).to.equal('must look like order_…');
  });
});
