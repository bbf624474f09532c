import { createHash } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { expect } from 'chai';
import fc from 'fast-check';
import { encrypt } from '../crypto/aes-gcm.js';
import { openText, sealText } from './sealed-text.js';

const MONEY = { amount: 895, currency: 'EUR' };
const CART = textOf(200, 'application/json; charset=utf-8', {
  id: 'cart_01M8MCDWJVBPTEDCBW3PRGSYQM',
  status: 'open',
  currency: 'EUR',
  lines: ['line_4655ZJXVVD6X7BG7XYRD206T41', 'line_3PW4PEVA5A62MB72WS3M39VS3B'].map((id, n) => ({
    id,
    sku: `MUG-${n}`,
    title: `Blue mug, MUG-${n}`,
    quantity: 1,
    unitPrice: MONEY,
    total: MONEY,
  })),
  coupons: [],
  shippingAddress: { name: 'Ada', line1: '1 Mill Lane', city: 'Leeds', postcode: 'LS1 4AP', country: 'GB' },
  subtotal: MONEY,
  discount: MONEY,
  shipping: MONEY,
  tax: MONEY,
  includedTax: MONEY,
  taxed: false,
  total: MONEY,
});
const REFUSAL = textOf(422, 'application/problem+json', { status: 422, code: 'expired', detail: 'Send another key.' });

function textOf(status: number, type: string, body: object): string {
  return JSON.stringify({ status, headers: { 'Content-Type': type }, body: JSON.stringify(body), seen: [] });
}

describe('a sealed answer', () => {
  it('opens with its secret, and with no other', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), fc.string(), (text, secret, other) => {
        const sealed = sealText(text, secret);
        expect(openText(sealed, secret)).to.equal(text);
        if (other !== secret) expect(() => openText(sealed, other)).to.throw();
      }),
    );
  });

  it('needs little space if it is a usual one', () => {
    expect(sealText(CART, 'key')).to.have.length.below(CART.length / 4);
    expect(sealText(REFUSAL, 'key')).to.have.length.below(REFUSAL.length);
  });

  it('opens if it was kept by a program without a dictionary', () => {
    const secret = createHash('sha256').update('key').digest();
    expect(openText(encrypt(secret, deflateRawSync(CART), ''), 'key')).to.equal(CART);
  });

  it('reveals nothing of its content, not even that two answers are equal', () => {
    expect(sealText('the same', 'key')).not.to.deep.equal(sealText('the same', 'key'));
  });
});
