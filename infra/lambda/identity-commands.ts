// Accounts and sessions, and customers who ask to be forgotten. The only function of the API that can sign access tokens and send
// mails.
import { EVEN_ANSWER_WITH_MAIL_MS } from '../../commands/identity/limits.js';
import type { Mailer } from '../../commands/identity/ports.js';
import { ConfigError } from '../config.js';
import { loadTokenKey } from '../identity/token-key.js';
import { createTokens } from '../identity/tokens.js';
import { createSmtpMailer } from '../mail/smtp-mailer.js';
import { viewParts } from '../modules/aws/views.js';
import { constant, lazy } from '../modules/parts.js';
import { apiHandler } from './api.js';
import { given } from './open.js';
import { paymentParts } from './payments.js';
import { relationalStoreParts } from './relational.js';

const NO_MAIL_SERVER: Mailer = {
  send: async () => {
    throw new ConfigError('SMTP_URL: is not set, so no mails can be sent.');
  },
  forget: async () => {},
};

export const handler = apiHandler('identity-commands', {
  ...relationalStoreParts,
  ...paymentParts,
  ...viewParts,
  tokens: ({ config: { dataDir, tokenKey }, clock }) =>
    lazy(async () =>
      createTokens({ key: await loadTokenKey({ dataDir, given: given(tokenKey, 'COMMERCE_TOKEN_KEY') }), clock }),
    ),
  evenAnswerMs: constant(EVEN_ANSWER_WITH_MAIL_MS),
  /** Without a mail server, whoever needs no mail is served all the same. */
  mailer: ({ config: { mail } }) =>
    lazy(() =>
      mail.smtpUrl === undefined ? NO_MAIL_SERVER : createSmtpMailer({ url: mail.smtpUrl, from: mail.from }),
    ),
});
