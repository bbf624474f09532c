// E-mail addresses, and the key by which one is found without being read: a keyed hash that only this shop can make.
import { z } from 'zod';

export const emailSchema = z.email().max(254);

/** HMAC-SHA-256 as base64url. Unlike the address it is not sealed, so it can be indexed and counted. */
export const emailKeySchema = z.string().regex(/^[\w-]{43}$/);

/** The same for every spelling that reaches the same mailbox in practice: capitals and the form of the domain do not matter. */
export type EmailKeyOf = (email: string) => string;
