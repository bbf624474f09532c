// Carts, checkouts, orders, shipments and returns.
import { apiHandler } from './api.js';
import { paymentParts } from './payments.js';
import { relationalStoreParts } from './relational.js';

export const handler = apiHandler('order-commands', { ...relationalStoreParts, ...paymentParts });
