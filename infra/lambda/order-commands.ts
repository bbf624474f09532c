// Carts, checkouts, orders, shipments and returns.
import { viewParts } from '../modules/aws/views.js';
import { apiHandler } from './api.js';
import { paymentParts } from './payments.js';
import { relationalApiParts } from './relational.js';

export const handler = apiHandler('order-commands', { ...relationalApiParts, ...paymentParts, ...viewParts });
