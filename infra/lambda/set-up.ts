// Sets a shop up, once for each deployment: makes the schema and the tables of the read models, and marks the stores as those of one
// log. Repeating it changes nothing.
import { claimantOf } from '../modules/claims.js';
import { claim } from '../stores/claim.js';
import { createArchiveTables } from '../archive/postgres-archive-index.js';
import { dynamoStore } from '../stores/dynamodb-store.js';
import { createSchema } from '../stores/postgres-stores.js';
import { lazy } from '../modules/parts.js';
import { everyStoreParts } from './every-store.js';
import { handlerOf } from './invocation.js';
import type { FunctionRecipes } from './open.js';
import { projectionParts } from './projections.js';
import { postgresServerIn } from './relational.js';

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
      const [{ log }, stores, readModels, { pool }] = await Promise.all([
        shop.get('claimed'),
        shop.get('ownStores'),
        shop.get('readModels'),
        shop.get('postgres'),
      ]);
      await createArchiveTables(pool);
      return {
        log,
        stores: stores.map(({ name }) => name),
        builds: readModels.projectors.flatMap(({ names }) => names),
      };
    },
  );
}

export const handler = setUpHandler();
