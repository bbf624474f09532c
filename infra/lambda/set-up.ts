// Sets a shop up, once for each deployment: makes the schema and the tables of the read models, and marks the stores as those of one
// log. Repeating it changes nothing.

import { createArchiveTables } from '../archive/postgres-archive-index.js';
import { claimantOf } from '../modules/claims.js';
import { lazy } from '../modules/parts.js';
import { claim } from '../stores/claim.js';
import { dynamoStore } from '../stores/dynamodb-store.js';
import { createSchema } from '../stores/postgres-stores.js';
import { everyStoreParts } from './every-store.js';
import { handlerOf } from './invocation.js';
import type { FunctionRecipes, OpenFunction } from './open.js';
import { projectionParts } from './projections.js';
import { postgresServerIn } from './relational.js';
import { giveSearchRights } from './search-roles.js';

export function setUpHandler(recipes: FunctionRecipes = {}) {
  return handlerOf<unknown, { log: string; stores: string[]; builds: string[] }>(
    {
      ...projectionParts,
      ...everyStoreParts,
      postgresServer: postgresServerIn(({ pool, schemas }) => createSchema(pool, schemas.readModels)),
      claimed: ({ config, dynamoServer, readModelServers }) =>
        lazy(async () => {
          for (const { prepare } of readModelServers) await prepare?.();
          const others = readModelServers.map(({ store }) => store);
          return claim({ log: dynamoStore(dynamoServer), others }, claimantOf(config));
        }),
      readModelServers: ({ postgresServer, profileServers }) => lazy(() => [postgresServer, ...profileServers]),
      ...recipes,
    },
    async (_, { shop }) => {
      await giveRights(shop);
      const [{ log }, servers, readModels, { pool }] = await Promise.all([
        shop.get('claimed'),
        shop.get('readModelServers'),
        shop.get('readModels'),
        shop.get('postgresServer'),
      ]);
      for (const store of readModels.stores) await store.admit();
      await createArchiveTables(pool);
      return {
        log,
        stores: servers.map(({ store }) => store.name),
        builds: readModels.projectors.flatMap(({ names }) => names),
      };
    },
  );
}

/** Where OpenSearch has fine-grained access. Local engines have none. */
async function giveRights(shop: OpenFunction): Promise<void> {
  const { COMMERCE_SEARCH_ROLES: roles } = process.env;
  if (!roles) return;
  const [{ client }, { namespace }] = await Promise.all([shop.get('openSearchServer'), shop.get('config')]);
  await giveSearchRights(client, namespace, roles);
}

export const handler = setUpHandler();
