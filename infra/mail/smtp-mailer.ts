// Mails by SMTP.
import { createTransport } from 'nodemailer';
import type { Mailer } from '../../commands/identity/ports.js';
import { composed } from './compose.js';

/** Time for each step with the mail server, in ms. */
const SMTP_TIMEOUT_MS = 10_000;

export interface SmtpMailerDeps {
  /** `smtp://user:password@host:587`, or `smtps://…` for TLS from the first byte. */
  url: string;
  from: string;
}

/** Every mail has a connection of its own: there are few, and an idle one would break. */
export function createSmtpMailer({ url, from }: SmtpMailerDeps): Mailer {
  const transport = createTransport({
    url,
    connectionTimeout: SMTP_TIMEOUT_MS,
    greetingTimeout: SMTP_TIMEOUT_MS,
    socketTimeout: SMTP_TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });

  return {
    async send(mail) {
      await transport.sendMail(composed(mail, from)).catch(({ code, responseCode }) => {
        // The message of the error may have the address, which must not be in the log.
        throw new Error(`The mail server did not take the mail (${code}, ${responseCode ?? 'no answer'}).`);
      });
    },
    async forget() {}, // what was sent is not here any more
  };
}
