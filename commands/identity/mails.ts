// The mails about accounts. They name nothing that a stranger who knows the address could have written, such as the name.
import type { Mail } from './ports.js';

/**
 * `shopUrl`: where people open the links, such as `https://shop.example`. Without it the mails have the paths of the API, for POST. A
 * line of at most 76 characters stays whole in the mail.
 */
export type MailLinks = (path: string) => string;

export function createMailLinks(shopUrl: string | undefined): MailLinks {
  const start = shopUrl?.replace(/\/+$/, '');
  return (path) => (start === undefined ? `/v1${path}` : `${start}${path}`);
}

type Text = Pick<Mail, 'subject' | 'text'>;

export function verificationMail(token: string, linkTo: MailLinks): Text {
  return {
    subject: 'Please confirm your e-mail address',
    text: lines(
      'An account was opened with this e-mail address. Please confirm it here:',
      linkTo(`/email-verifications/${token}`),
      'The link works once, for seven days. If it was not you, you need not do anything.',
    ),
  };
}

export function resetMail(token: string, linkTo: MailLinks): Text {
  return {
    subject: 'A new password for your account',
    text: lines(
      'Somebody asked for a new password for your account. Choose it here:',
      linkTo(`/password-resets/${token}`),
      'The link works once, for one hour. If it was not you, you need not do anything:',
      'your password has not changed.',
    ),
  };
}

export function noticeMail(linkTo: MailLinks): Text {
  return {
    subject: 'You already have an account',
    text: lines(
      'Somebody tried to open an account with this e-mail address. You have one already,',
      'so nothing was changed. If it was you and you do not know your password, ask for a new one:',
      linkTo('/password-resets'),
    ),
  };
}

function lines(...parts: string[]): string {
  return `${parts.join('\n\n')}\n`;
}
