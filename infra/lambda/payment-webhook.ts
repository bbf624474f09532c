// Stripe's webhook. It asks Stripe what has become of the payment, so it has Stripe's key.
import { paymentParts } from '../modules/payments.js';
import { apiHandler } from './api.js';

export const handler = apiHandler('payment-webhook', paymentParts);
