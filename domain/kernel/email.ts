// E-mail addresses as mail servers accept them: ASCII only, with other scripts in the domain as registered (`xn--…`). Also the
// key that finds an address without reading it: a keyed hash that only this shop can compute.
import { z } from 'zod';
import { enforced } from './enforced.js';

const MAX_EMAIL_LENGTH = 254;

/** The local part is dotted atoms. Domain labels are letters, digits and inner hyphens. The last label is not a number. */
const EMAIL =
  /^(?!.{65,}@)[A-Za-z0-9_+'-]+(?:\.[A-Za-z0-9_+'-]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+(?:[A-Za-z]{2,63}|xn--[A-Za-z0-9-]{0,58}[A-Za-z0-9])$/;

export const emailSchema = z.email({ pattern: EMAIL }).max(MAX_EMAIL_LENGTH).register(enforced, { format: undefined });

/** HMAC-SHA-256 as base64url. Unlike the address it is not sealed, so it can be indexed and counted. */
export const emailKeySchema = z.string().regex(/^[\w-]{43}$/);

/** Gives the same key for all spellings of one mailbox: capitals and the form of the domain do not matter. */
export type EmailKeyOf = (email: string) => string;
