// Keeps orders, stock, current carts and the agenda up to date in Postgres.
import { projectorHandler } from './projector.js';
import { relationalStoreParts } from './relational.js';

export const handler = projectorHandler(relationalStoreParts);
