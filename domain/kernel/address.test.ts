import { expect } from 'chai';
import { addressSchema } from './address.js';

describe('An address', () => {
  const address = {
    name: 'Ada Lovelace',
    line1: '12 St James’s Square',
    city: 'London',
    postcode: 'SW1Y 4JH',
    country: 'GB',
  };
  const complaint = (changed: object) => addressSchema.safeParse({ ...address, ...changed }).error?.issues[0]?.message;

  it('has a name, a street and a country; other required fields depend on the country', () => {
    expect(complaint({})).to.equal(undefined);
    expect(complaint({ line2: 'Flat 2', region: 'Greater London' })).to.equal(undefined);
    for (const field of ['name', 'line1', 'country'])
      expect(complaint({ [field]: undefined }), field).to.be.a('string');
    for (const field of ['city', 'postcode']) expect(complaint({ [field]: undefined }), field).to.equal(undefined);
    expect(complaint({ planet: 'Earth' })).to.be.a('string');
  });

  it('fits a label', () => {
    for (const field of ['name', 'line1', 'line2', 'city', 'region', 'postcode'])
      for (const length of [0, field === 'postcode' ? 21 : 101])
        expect(complaint({ [field]: 'x'.repeat(length) }), `${field} of ${length}`).to.be.a('string');
    expect(complaint({ line1: 'x'.repeat(100), postcode: 'x'.repeat(20) })).to.equal(undefined);
  });

  it('names its country by the two-letter ISO code', () => {
    for (const country of ['gb', 'GBR', 'G', 'ZZ', 'UK', 'United Kingdom'])
      expect(complaint({ country })).to.contain('ISO 3166-1');
  });
});
