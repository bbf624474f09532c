// The headers that all mails of the shop have.
import type { SendMailOptions } from 'nodemailer';
import type { Mail } from '../../commands/identity/ports.js';

/** Says that no person wrote it, so that no mail program answers by itself (RFC 3834). */
export function composed({ to, subject, text }: Mail, from: string): SendMailOptions {
  return { from, to: { name: '', address: to }, subject, text, headers: { 'Auto-Submitted': 'auto-generated' } };
}
