import { expect } from 'chai';
import { the } from '../../test/the.js';
import { countrySchema } from './country.js';

describe('A country', () => {
  it('is an ISO code of two capital letters; an invalid one is reported once', () => {
    for (const code of ['GB', 'AD', 'ZW']) expect(countrySchema.parse(code)).to.equal(code);
    for (const code of ['ZZ', 'gb', 'GBR', '']) {
      const messages = the(countrySchema.safeParse(code).error).issues.map(({ message }) => message);
      expect(messages, code).to.deep.equal(['must be an ISO 3166-1 alpha-2 code such as GB']);
    }
  });
});
