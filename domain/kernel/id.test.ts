import { expect } from 'chai';
import { idSchema, siblingId, skuSchema, streamOf } from './id.js';

describe('An id', () => {
  it('of the outside world names one stream', () => {
    expect(streamOf('order_536365')).to.equal('order#536365');
    expect(streamOf('cart_a_b')).to.equal('cart#a_b');
  });

  it('gives the ids of what exists once for it', () => {
    expect(siblingId('payment', 'order_536365')).to.equal('payment_536365');
  });

  it('starts with what it is an id of', () => {
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

  it('of a SKU has 1 to 64 letters, digits, dots, dashes or underscores', () => {
    for (const right of ['85123A', 'a.b-c_d', 'x'.repeat(64)])
      expect(skuSchema.safeParse(right).success).to.equal(true);
    for (const wrong of ['', 'a b', 'a@b', 'ä', 'x'.repeat(65)])
      expect(skuSchema.safeParse(wrong).success).to.equal(false);
  });
});
