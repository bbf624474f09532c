// The stock by SKU, and its movements.
import { apiHandler } from './api.js';
import { relationalStoreParts } from './relational.js';

export const handler = apiHandler('inventory-queries', relationalStoreParts);
