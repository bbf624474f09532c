// What operators decide: quarantine, pauses, rebuilds, payments in doubt.
import { apiHandler } from './api.js';
import { everyStoreParts } from './every-store.js';
import { paymentParts } from './payments.js';

export const handler = apiHandler('operations-commands', { ...everyStoreParts, ...paymentParts });
