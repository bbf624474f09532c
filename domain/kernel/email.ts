// E-mail addresses as mail servers take them: in ASCII, a name in another script as its domain is registered (`xn--…`). And
// the key by which one is found without being read: a keyed hash that only this shop can make.
import { z } from 'zod';
import { enforced } from './enforced.js';

const MAX_EMAIL_LENGTH = 254;

/** Local part of dotted atoms; labels of letters, digits and inner hyphens; the last one is no number. */
const EMAIL =
  /^(?!.{65,}@)[A-Za-z0-9_+'-]+(?:\.[A-Za-z0-9_+'-]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+(?:[A-Za-z]{2,63}|xn--[A-Za-z0-9-]{0,58}[A-Za-z0-9])$/;

export const emailSchema = z.email({ pattern: EMAIL }).max(MAX_EMAIL_LENGTH).register(enforced, { format: undefined });

/** HMAC-SHA-256 as base64url. Unlike the address it is not sealed, so it can be indexed and counted. */
export const emailKeySchema = z.string().regex(/^[\w-]{43}$/);

/** The same for every spelling that reaches the same mailbox in practice: capitals and the form of the domain do not matter. */
export type EmailKeyOf = (email: string) => string;
