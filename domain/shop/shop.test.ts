import { expect } from 'chai';
import { decider, issuedTwiceChangesNothing } from '../../test/domain/given-when-then.js';
import { undescribedFields } from '../../test/domain/undescribed.js';
import { the } from '../../test/the.js';
import { type ShopSettings, shopSettingsSchema } from './events.js';
import { shop } from './shop.js';

const japan: ShopSettings = { currencies: ['JPY'], countries: ['JP'] };

describe('The settings of the shop', () => {
  const { given } = decider(shop);

  it('do nothing when they are set again', () => {
    issuedTwiceChangesNothing(shop, { ConfigureShop: { given: [], when: { type: 'ConfigureShop', settings: japan } } });
  });

  it('are the built-in ones until they are set', () => {
    const { state } = given([]);
    expect(state).to.deep.equal({ currencies: ['GBP', 'EUR', 'USD'], countries: ['GB', 'IE', 'FR', 'DE', 'US'] });
    given([]).when({ type: 'ConfigureShop', settings: state }).then([]);
    given([])
      .when({ type: 'ConfigureShop', settings: japan })
      .then([{ type: 'ShopConfigured', data: japan }]);
    expect(given([{ type: 'ShopConfigured', data: japan }]).state).to.deep.equal(japan);
  });

  it('name at least one currency and one country, each once, by existing codes', () => {
    const faults = (changed: object) =>
      shopSettingsSchema.safeParse({ ...japan, ...changed }).error?.issues.map(({ path, message }) => {
        return [path.join('/'), message];
      });
    expect(faults({})).to.equal(undefined);
    expect(faults({ currencies: [] })).to.have.length(1);
    expect(faults({ countries: [] })).to.have.length(1);
    expect(faults({ currencies: ['JPY', 'JPY'] })).to.deep.equal([['currencies', 'must name each currency once']]);
    expect(faults({ countries: ['JP', 'JP'] })).to.deep.equal([['countries', 'must name each country once']]);
    expect(faults({ currencies: ['ZZZ'] })).to.deep.equal([['currencies/0', 'must be an ISO 4217 code such as GBP']]);
    expect(the(faults({ countries: ['XX'] })?.[0])[0]).to.equal('countries/0');
  });

  it('describe themselves', () => {
    expect(undescribedFields(shopSettingsSchema)).to.deep.equal([]);
  });
});
