// The mails of a program that runs on: by SMTP where a server is configured, otherwise files in the data folder.
import { join } from 'node:path';
import { lazy, type ProfileParts, type Recipes } from './parts.js';

/** In the data folder. */
const MAIL_FOLDER = 'mail';

export const mailParts = {
  /** Its package is large, so it is loaded when it is used. */
  mailer: ({ config: { dataDir, mail }, clock }) =>
    lazy(async () => {
      const { from, smtpUrl: url } = mail;
      if (url === undefined) {
        const { createFolderMailer } = await import('../mail/folder-mailer.js');
        return createFolderMailer({ folder: join(dataDir, MAIL_FOLDER), from, clock });
      }
      const { createSmtpMailer } = await import('../mail/smtp-mailer.js');
      return createSmtpMailer({ url, from });
    }),
} satisfies Recipes<Pick<ProfileParts, 'mailer'>>;
