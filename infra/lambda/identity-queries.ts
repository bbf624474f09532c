// Customers, for support.
import { apiHandler } from './api.js';
import { relationalApiParts } from './relational.js';

export const handler = apiHandler('identity-queries', relationalApiParts);
