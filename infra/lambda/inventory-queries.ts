// The stock by SKU, and its movements.
import { apiHandler } from './api.js';
import { relationalApiParts } from './relational.js';

export const handler = apiHandler('inventory-queries', relationalApiParts);
