// Carts, orders, shipments and returns, and what a customer may take along.
import { apiHandler } from './api.js';
import { paymentParts } from './payments.js';
import { relationalStoreParts } from './relational.js';

export const handler = apiHandler('order-queries', { ...relationalStoreParts, ...paymentParts });
