import { expect } from 'chai';
import fc from 'fast-check';
import { openText, sealText } from './sealed-text.js';

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

  it('reveals nothing of its content, not even that two answers are equal', () => {
    expect(sealText('the same', 'key')).not.to.deep.equal(sealText('the same', 'key'));
  });
});
