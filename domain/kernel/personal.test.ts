import { expect } from 'chai';
import { z } from 'zod';
import { FORGOTTEN, isForgotten, isSealed, personal } from './personal.js';

const sealed = { sealed: 'customer_1', at: 'order#1/1/address', box: 'AAAA' };

describe('A personal value', () => {
  it('is plain or sealed, nothing else', () => {
    const name = personal(z.strictObject({ name: z.string() }));
    expect(name.parse({ name: 'Ada' })).to.deep.equal({ name: 'Ada' });
    expect(name.parse(sealed)).to.deep.equal(sealed);
    const { box, ...open } = sealed;
    for (const odd of [open, { ...sealed, name: 'Ada' }, FORGOTTEN])
      expect(name.safeParse(odd).success).to.equal(false);
  });

  it('tells whether it is sealed or forgotten', () => {
    expect([sealed, FORGOTTEN, { sealed: 'x' }, { box: 'x' }, 'sealed', null, undefined].map(isSealed)).to.deep.equal([
      true,
      ...Array(6).fill(false),
    ]);
    expect([FORGOTTEN, sealed, 'forgotten', null, undefined].map(isForgotten)).to.deep.equal([
      true,
      ...Array(4).fill(false),
    ]);
    expect(FORGOTTEN).to.deep.equal({ forgotten: true });
  });
});
