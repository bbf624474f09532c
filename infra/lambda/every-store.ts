// All stores of read models, for the functions that look after all of them.
import { readModelParts } from '../modules/aws/read-models.js';
import { lazy } from '../modules/parts.js';
import { postgresStore } from '../stores/postgres-stores.js';
import type { FunctionRecipes } from './open.js';
import { postgresParts } from './relational.js';

export const everyStoreParts = {
  ...postgresParts,
  ...readModelParts,

  ownStores: ({ postgresServer: { pool, engine, schemas }, mongoServer, openSearchServer, redisServer }) =>
    lazy(() => [
      postgresStore(pool, engine.address, schemas.readModels),
      mongoServer.store,
      openSearchServer.store,
      redisServer.store,
    ]),
} satisfies FunctionRecipes;
