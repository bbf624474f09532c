// Keeps the product search up to date in OpenSearch.
import { openSearchParts, searchSink } from '../modules/aws/opensearch.js';
import { lazy } from '../modules/parts.js';
import { projectorHandler } from './projector.js';

export const handler = projectorHandler({
  ...openSearchParts,
  sinks: ({ openSearchServer, admit, config: { namespace } }) =>
    lazy(() => ({ search: searchSink(openSearchServer, admit, namespace) })),
});
