// Customers, for support.
import { apiHandler } from './api.js';
import { relationalStoreParts } from './relational.js';

export const handler = apiHandler('identity-queries', relationalStoreParts);
