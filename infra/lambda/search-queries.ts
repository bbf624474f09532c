// The product search in OpenSearch.
import { openSearchParts, searchQueries, searchSink } from '../modules/aws/opensearch.js';
import { lazy } from '../modules/parts.js';
import { apiHandler } from './api.js';

export const handler = apiHandler('search-queries', {
  ...openSearchParts,
  sinks: ({ openSearchServer, admit, config: { namespace } }) =>
    lazy(() => ({ search: searchSink(openSearchServer, admit, namespace) })),
  queriesOf: ({ openSearchServer: { client }, config: { namespace } }) =>
    lazy(() => searchQueries(client, namespace) as never),
});
