// What operators decide: quarantine, pauses, rebuilds, payments in doubt.
import { apiHandler } from './api.js';
import { paymentParts } from './payments.js';
import { everyStoreParts } from './every-store.js';

export const handler = apiHandler('operations-commands', { ...everyStoreParts, ...paymentParts });
