// What operators and auditors look at: every store, the log and its archive.
import { archiveParts } from '../modules/archive.js';
import { s3Parts } from '../modules/aws/s3.js';
import { apiHandler } from './api.js';
import { everyStoreParts } from './every-store.js';

export const handler = apiHandler('operations-queries', { ...everyStoreParts, ...s3Parts, ...archiveParts });
