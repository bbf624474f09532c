// Accounts and sessions. The only function of the API that can sign access tokens and send mails.
import { loadTokenKey } from '../identity/token-key.js';
import { createTokens } from '../identity/tokens.js';
import { createSmtpMailer } from '../mail/smtp-mailer.js';
import { lazy } from '../modules/parts.js';
import { apiHandler } from './api.js';
import { given } from './open.js';
import { relationalStoreParts } from './relational.js';

export const handler = apiHandler('identity-commands', {
  ...relationalStoreParts,
  tokens: ({ config: { dataDir, tokenKey }, clock }) =>
    lazy(async () =>
      createTokens({ key: await loadTokenKey({ dataDir, given: given(tokenKey, 'COMMERCE_TOKEN_KEY') }), clock }),
    ),
  mailer: ({ config: { mail } }) =>
    lazy(() => createSmtpMailer({ url: given(mail.smtpUrl, 'SMTP_URL'), from: mail.from })),
});
