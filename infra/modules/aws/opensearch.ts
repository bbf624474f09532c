// OpenSearch, which has the product search of the profile `aws`: first as a server that answers, then with this shop's data.
import type { Client } from '@opensearch-project/opensearch';
import type { Synonyms } from '../../../projections/models/synonyms.js';
import { createOpenSearchClient } from '../../opensearch.js';
import { createOpenSearchProductSearch } from '../../read-models/product-search.opensearch.js';
import { openSearchProbe, openSearchReadModels } from '../../stores/opensearch-store.js';
import type { Store } from '../../stores/store.js';
import type { DynamoParts } from '../dynamodb-server.js';
import { lazy, type Parts, type QueriesOf, type Recipes } from '../parts.js';
import { type Engine, PING_TIMEOUT_MS } from '../reachable.js';
import { required, serverOf } from './servers.js';

export interface OpenSearchParts {
  openSearchServer: { client: Client; engine: Engine; store: Store };
  opensearch: Client;
}

export const openSearchParts = {
  openSearchServer: ({
    config: { namespace, awsRegion: region, openSearchSigning: service },
    addresses,
    dynamoClient,
    lifecycle,
    untilReachable,
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
      await untilReachable(engine);
      return { client, engine, store: openSearchReadModels(client, engine.address, namespace) };
    }),

  opensearch: ({ openSearchServer: { client }, claimed: _ }) => lazy(() => client),
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
