import { rejects } from 'node:assert/strict';
import type { Client } from '@opensearch-project/opensearch';
import { expect } from 'chai';
import { Unavailable } from '../../domain/kernel/errors.js';
import { createOpenSearchProductSearch } from './product-search.opensearch.js';

const NO_VALUES = { values: { buckets: [] } };

/** A search over a server that gives the same answer to every request. */
function searchOver(answer: { timed_out: boolean; failed: number }) {
  const body = {
    timed_out: answer.timed_out,
    _shards: { total: 2, successful: 2 - answer.failed, skipped: 0, failed: answer.failed },
    hits: { hits: [], total: { value: 0 } },
    aggregations: { category: NO_VALUES, brand: NO_VALUES, inStock: NO_VALUES, ...NO_VALUES },
  };
  const client = { search: async () => ({ body }) } as unknown as Client;
  return createOpenSearchProductSearch(client).search({ sort: 'relevance', currency: 'GBP', limit: 5 });
}

describe('The product search in OpenSearch', () => {
  it('counts an answer with a part of the products as no answer', async () => {
    expect((await searchOver({ timed_out: false, failed: 0 })).data).to.deep.equal([]);
    const late = searchOver({ timed_out: true, failed: 0 });
    await rejects(late, (error) => error instanceof Unavailable && /within 2s/.test(error.message));
    const broken = searchOver({ timed_out: false, failed: 1 });
    await rejects(broken, (error) => error instanceof Unavailable && /1 shards/.test(error.message));
  });
});
