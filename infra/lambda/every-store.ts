// All stores of read models, for the functions that look after all of them.
import { readModelParts } from '../modules/aws/read-models.js';
import type { FunctionRecipes } from './open.js';
import { relationalStoreParts } from './relational.js';

export const everyStoreParts = {
  postgresServer: relationalStoreParts.postgresServer,
  ...readModelParts,
} satisfies FunctionRecipes;
