// Changes of the stock.
import { apiHandler } from './api.js';

export const handler = apiHandler('inventory-commands');
