// The product search in OpenSearch.
import { openSearchParts, searchQueries } from '../modules/aws/opensearch.js';
import { lazy } from '../modules/parts.js';
import { createOpenSearchSink } from '../sinks/opensearch.js';
import { apiHandler } from './api.js';

export const handler = apiHandler('search-queries', {
  ...openSearchParts,
  ownStores: ({ openSearchServer, redisServer }) => lazy(() => [openSearchServer.store, redisServer.store]),
  sinks: ({ opensearch, config: { namespace } }) =>
    lazy(() => ({ search: createOpenSearchSink(opensearch, { prefix: `${namespace}-` }) })),
  queriesOf: ({ opensearch, config: { namespace } }) => lazy(() => searchQueries(opensearch, namespace) as never),
});
