// Keeps the product search up to date in OpenSearch.
import { openSearchParts } from '../modules/aws/opensearch.js';
import { lazy } from '../modules/parts.js';
import { createOpenSearchSink } from '../sinks/opensearch.js';
import { projectorHandler } from './projector.js';

export const handler = projectorHandler({
  ...openSearchParts,
  ownStores: ({ openSearchServer }) => lazy(() => [openSearchServer.store]),
  sinks: ({ opensearch, config: { namespace } }) =>
    lazy(() => ({ search: createOpenSearchSink(opensearch, { prefix: `${namespace}-` }) })),
});
