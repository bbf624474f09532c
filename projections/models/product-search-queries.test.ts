import { rejects } from 'node:assert/strict';
import { expect } from 'chai';
import { Unavailable } from '../../domain/kernel/errors.js';
import { type ProductSearchStore, productSearchQueries } from './product-search-queries.js';
import type { SearchPlan } from './search-plan.js';
import { synonymsOf } from './synonyms.js';

/** A store without products, whose titles cannot be read. */
function storeWithout(error: Error) {
  const asked: (SearchPlan | undefined)[] = [];
  const store: ProductSearchStore = {
    async find(_request, plan) {
      asked.push(plan);
      return { data: [] };
    },
    hasAny: async () => false,
    titlesLike: async () => Promise.reject(error),
    beginningWith: async () => [],
  };
  return { asked, queries: productSearchQueries(store, () => synonymsOf('')) };
}

describe('The queries of the product search', () => {
  const request = { q: 'lenovo notebok', sort: 'relevance', currency: 'GBP', limit: 5 } as const;

  it('search half of the words as they are if they cannot be corrected now', async () => {
    const { asked, queries } = storeWithout(new Unavailable('Postgres', 'busy'));
    expect(await queries.search(request)).to.deep.equal({ data: [] });
    expect(asked.map((plan) => plan?.needed)).to.deep.equal([2, 1]);
  });

  it('report any other error', async () => {
    await rejects(storeWithout(new Error('a mistake')).queries.search(request), /a mistake/);
  });
});
