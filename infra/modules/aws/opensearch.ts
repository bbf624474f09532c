// OpenSearch, which has the product search of the profile `aws`.

import type { Client } from '@opensearch-project/opensearch';
import type { Synonyms } from '../../../projections/models/synonyms.js';
import type { Sink } from '../../../projections/runtime/sink.js';
import { createOpenSearchClient } from '../../opensearch.js';
import { createOpenSearchProductSearch } from '../../read-models/product-search.opensearch.js';
import { createOpenSearchSink } from '../../sinks/opensearch.js';
import { openSearchProbe, openSearchReadModels } from '../../stores/opensearch-store.js';
import type { DynamoParts } from '../dynamodb-server.js';
import { lazy, type Parts, type QueriesOf, type ReadModelServer, type Recipes } from '../parts.js';
import { PING_TIMEOUT_MS } from '../reachable.js';
import { admitted, required, serverOf } from './servers.js';

export interface OpenSearchParts {
  openSearchServer: ReadModelServer & { client: Client };
}

export const openSearchParts = {
  openSearchServer: ({
    config: { namespace, awsRegion: region, openSearchSigning: service },
    addresses,
    dynamoClient,
    lifecycle,
  }) =>
    lazy(async () => {
      const node = required(addresses, 'opensearchUrl');
      const client = createOpenSearchClient({
        node,
        // The same credentials as those of DynamoDB.
        ...(service && { signing: { service, region, credentials: () => dynamoClient.config.credentials() } }),
      });
      lifecycle.onClose(() => client.close());
      const engine = serverOf('OpenSearch', node, openSearchProbe(client, namespace, PING_TIMEOUT_MS));
      return { client, engine, store: openSearchReadModels(client, engine.address, namespace) };
    }),
} satisfies Recipes<OpenSearchParts, Parts & DynamoParts & OpenSearchParts>;

/** Without synonyms, those that the product ships count. */
export function searchQueries(
  client: Client,
  namespace: string,
  synonyms?: () => Synonyms,
): Pick<QueriesOf, 'productSearch'> {
  return { productSearch: (build) => createOpenSearchProductSearch(client, inNamespace(build, namespace), synonyms) };
}

/** OpenSearch has neither databases nor key prefixes, so the index names contain the namespace. */
function inNamespace<P extends { name: string }>(projection: P, namespace: string): P {
  return { ...projection, name: `${namespace}-${projection.name}` };
}

export function searchSink(
  server: OpenSearchParts['openSearchServer'],
  admit: Parts['admit'],
  namespace: string,
): Sink {
  return admitted(createOpenSearchSink(server.client, { prefix: `${namespace}-` }), server, admit);
}
