import { expect } from 'chai';
import fc from 'fast-check';
import { countriesOfPackages } from '../../test/address-data.js';
import { the } from '../../test/the.js';
import type { Address } from '../kernel/address.js';
import { defined } from '../kernel/json.js';
import { COUNTRIES } from './countries.js';
import { addressAsKept, hasRegions, regionCode, regionExample } from './rules.js';

const ANYWHERE = { name: 'Ada', line1: '1 Mill Lane' };

describe('The rules of addresses', () => {
  const kept = (address: Partial<Address> & { country: string }, byRegion = false) =>
    addressAsKept({ ...ANYWHERE, ...address }, byRegion);
  const faults = (...args: Parameters<typeof kept>) => {
    const checked = kept(...args);
    return 'faults' in checked ? checked.faults : [];
  };

  it('are those of the packages that maintain them; `npx tsx test/address-data.ts` writes them anew', () => {
    expect(COUNTRIES).to.deep.equal(countriesOfPackages());
  });

  it('know every region by its code, with or without the country, and by its names in any spelling', () => {
    let known = 0;
    for (const [country, { regions = '' }] of Object.entries(COUNTRIES)) {
      const seen = new Set<string>();
      for (const row of regions.split('\n').filter(Boolean)) {
        const [code = '', names = ''] = row.split('=');
        for (const called of [code, `${country}-${code}`, `${country}-${code}`.toLowerCase()]) {
          expect(regionCode(country, called), `${called} in ${country}`).to.equal(code);
        }
        for (const name of names.split('|')) {
          const plain = name.normalize('NFD').replaceAll(/\p{M}/gu, '');
          const capitals = name.toUpperCase().toLowerCase() === name.toLowerCase() ? name.toUpperCase() : name;
          const codes = [name, plain, capitals, ` ${name.toLowerCase()} `].map((n) => regionCode(country, n));
          expect(new Set(codes), `${name} in ${country}`).to.have.length(1);
          expect(codes[0], `${name} in ${country}`).to.be.a('string');
          if (!seen.has(the(codes[0]))) known++;
          seen.add(the(codes[0]));
        }
      }
    }
    expect(known).to.be.greaterThan(4_000);
    for (const called of ['NY', 'ny', 'US-NY', 'New York', 'new york', ' NEW YORK ', 'N.Y.']) {
      expect(regionCode('US', called), called).to.equal('NY');
    }
    expect(regionCode('US', 'Ontario')).to.equal(undefined);
    expect(regionCode('JP', '東京都')).to.equal('13');
    expect(regionCode('IE', 'County Cork')).to.equal('CO');
  });

  it('accept the example postcodes of each country, and no others', () => {
    for (const [country, { examples, postcode }] of Object.entries(COUNTRIES)) {
      if (!examples || !postcode) continue;
      const at = (wrong: string) => faults({ country, postcode: wrong }).map(({ pointer }) => pointer);
      expect(at(examples), country).to.not.include('/postcode');
      expect(at(` ${examples.toLowerCase()} `), country).to.not.include('/postcode');
      expect(at(`${examples}§`), country).to.include('/postcode');
    }
    expect(kept({ country: 'GB', city: 'Leeds', postcode: 'ls1 4ap' })).to.deep.equal({
      address: { ...ANYWHERE, country: 'GB', city: 'Leeds', postcode: 'LS1 4AP' },
    });
    expect(faults({ country: 'GB', city: 'Leeds', postcode: '12345' })).to.deep.equal([
      { pointer: '/postcode', detail: 'is no postcode of GB, such as EC1Y 8SY' },
    ]);
  });

  it('ask for what the post needs in a country', () => {
    const missing = (country: string) => faults({ country }).map(({ pointer }) => pointer);
    expect(missing('GB')).to.have.members(['/city', '/postcode']);
    expect(missing('US')).to.have.members(['/city', '/region', '/postcode']);
    expect(missing('IE')).to.have.members(['/city']);
    expect(missing('SG')).to.have.members(['/postcode']);
    expect(missing('JP')).to.have.members(['/region', '/postcode']);
    expect(missing('HK')).to.deep.equal([]);
    expect('address' in kept({ country: 'HK', city: 'Wan Chai', region: 'Hong Kong Island' })).to.equal(true);
  });

  it('ask for a region if the tax depends on it, and accept nothing else as one', () => {
    const german = { country: 'DE', city: 'Ulm', postcode: '89073' };
    expect(faults(german)).to.deep.equal([]);
    expect(faults(german, true).map(({ pointer }) => pointer)).to.deep.equal(['/region']);
    expect(faults({ ...german, region: 'Swabia' }, true).map(({ pointer }) => pointer)).to.deep.equal(['/region']);
    expect(kept({ ...german, region: 'Swabia' })).to.deep.equal({
      address: { ...ANYWHERE, ...german, region: 'Swabia' },
    });
    expect(kept({ ...german, region: 'bayern' }, true)).to.deep.equal({
      address: { ...ANYWHERE, ...german, region: 'BY' },
    });
    const american = { country: 'US', city: 'Toronto', postcode: '10001', region: 'Ontario' };
    expect(faults(american).map(({ pointer }) => pointer)).to.deep.equal(['/region']);
  });

  it('name the place, what is missing or wrong there, and an example', () => {
    expect(faults({ country: 'GB' })).to.deep.equal([
      { pointer: '/city', detail: 'is required in GB' },
      { pointer: '/postcode', detail: 'is required in GB, such as EC1Y 8SY' },
    ]);
    const region = 'by its code or name in ISO 3166-2, such as AK or Alaska';
    const american = { country: 'US', city: 'Springfield', postcode: '62701' };
    expect(faults(american)).to.deep.equal([{ pointer: '/region', detail: `is required in US, ${region}` }]);
    expect(faults({ ...american, region: 'Ontario' })).to.deep.equal([
      { pointer: '/region', detail: `must be a region of US, ${region}` },
    ]);
    expect(regionExample('US')).to.equal('AK or Alaska');
    expect(regionExample('XX')).to.equal('');
    expect([hasRegions('US'), hasRegions('XX')]).to.deep.equal([true, false]);
  });

  it('ask for no part that a country does not have', () => {
    expect(kept({ country: 'XX', city: 'Nowhere', postcode: 'any', region: 'any' })).to.deep.equal({
      address: { ...ANYWHERE, country: 'XX', city: 'Nowhere', postcode: 'any', region: 'any' },
    });
    expect(faults({ country: 'XX' })).to.deep.equal([{ pointer: '/city', detail: 'is required in XX' }]);
    expect(faults({ country: 'XX', city: 'Nowhere' }, true)).to.deep.equal([]);
    expect(regionCode('XX', 'any')).to.equal(undefined);
  });

  it('leave an accepted address unchanged', () => {
    const countries = fc.constantFrom(...Object.keys(COUNTRIES));
    const text = fc.option(fc.string({ minLength: 1, maxLength: 20 }), { nil: undefined });
    const regions = Object.values(COUNTRIES).flatMap(({ regions }) => regions?.split(/[\n=|]/) ?? []);
    const places = fc.record(
      {
        country: countries,
        city: text,
        postcode: text,
        region: fc.option(fc.constantFrom(...regions), { nil: undefined }),
      },
      { requiredKeys: ['country'] },
    );
    fc.assert(
      fc.property(places, fc.boolean(), ({ country, ...place }, byRegion) => {
        const postcode = place.postcode && (the(COUNTRIES[country]).examples ?? place.postcode);
        const checked = kept({ ...place, country, ...defined({ postcode }) } as Address, byRegion);
        if ('address' in checked) expect(addressAsKept(checked.address, byRegion)).to.deep.equal(checked);
      }),
      { numRuns: 2_000 },
    );
  });
});
