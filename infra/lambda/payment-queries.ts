// Payments, refunds and saved payment methods.
import { apiHandler } from './api.js';
import { paymentParts } from './payments.js';
import { relationalStoreParts } from './relational.js';

export const handler = apiHandler('payment-queries', { ...relationalStoreParts, ...paymentParts });
