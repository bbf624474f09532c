// Refunds and saved payment methods.
import { apiHandler } from './api.js';
import { paymentParts } from './payments.js';

export const handler = apiHandler('payment-commands', paymentParts);
