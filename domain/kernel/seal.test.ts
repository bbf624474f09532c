import { expect } from 'chai';
import { SEALED_TEXT } from './seal.js';

describe('Sealed text', () => {
  it('is base64url', () => {
    for (const text of ['a', 'Zm9v', 'a-b_c9']) expect(SEALED_TEXT.test(text), text).to.equal(true);
    for (const text of ['', 'a b', 'a+b', 'a/b', 'Zm8=', 'a\n', '\na', 'é'])
      expect(SEALED_TEXT.test(text), text).to.equal(false);
  });
});
