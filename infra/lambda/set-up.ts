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
      claimed: ({ config, dynamoServer, ownStores }) =>
        lazy(() => claim({ log: dynamoStore(dynamoServer), others: ownStores }, claimantOf(config))),
      ...recipes,
    },
    async (_, { shop }) => {
      await giveRights(shop);
      const [{ log }, stores, readModels, { pool }] = await Promise.all([
        shop.get('claimed'),
        shop.get('ownStores'),
        shop.get('readModels'),
        shop.get('postgres'),
      ]);
      await readModels.requireContinued();
      await createArchiveTables(pool);
      return {
        log,
        stores: stores.map(({ name }) => name),
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
