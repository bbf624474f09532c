// Accounts: opens them, finds whose password it is, and proves by mail that the address is theirs. Nobody learns from outside
// whether there is an account. Mails are sent here only, never by a projection, so no rebuild sends one again.
import { type CustomerCommand, customer } from '../../domain/customer/customer.js';
import { emailClaim, emailClaimStream } from '../../domain/customer/email-claim.js';
import type { Clock } from '../../domain/kernel/clock.js';
import type { CommandMeta } from '../../domain/kernel/command.js';
import type { EmailKeyOf } from '../../domain/kernel/email.js';
import type { EndpointRequest } from '../../domain/kernel/endpoint.js';
import { orThrow, Problem } from '../../domain/kernel/errors.js';
import { keyOf, streamOf } from '../../domain/kernel/id.js';
import { isForgotten, type PersonalData } from '../../domain/kernel/personal.js';
import { isRejection } from '../../domain/kernel/rejection.js';
import type { KeyedHash } from '../../domain/kernel/seal.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import { MAIL_PAUSE_MS, RESET_TTL_MS, VERIFICATION_TTL_MS } from './limits.js';
import { type MailLinks, noticeMail, resetMail, verificationMail } from './mails.js';
import type { Credentials, InBackground, Mail, Mailer, MailPurpose, Passwords, Sessions } from './ports.js';

/** `<customer id without its prefix>.<secret>` */
export const MAIL_TOKEN = /^([A-Za-z0-9._-]{1,50})\.([\w-]{22})$/;

type Request = Pick<EndpointRequest, 'command' | 'newId'>;

export interface Authenticated {
  customerId: string;
  passwordHash: string;
}

export interface Accounts {
  /** Opens an account. If the address has one, its owner gets a mail instead; the caller cannot tell the difference. */
  register(wanted: { email: string; passwordHash: string; name: string }, request: Request): Promise<void>;
  /** The customer whose password it is. Undefined after the same time for a wrong password and an unknown address. */
  authenticate(email: string, password: string): Promise<Authenticated | undefined>;
  /** Whether the password is still the one with which the customer was authenticated. */
  isCurrent(authenticated: Authenticated): Promise<boolean>;
  /** Sends a mail with a token for a new password, if the address has an account. */
  requestReset(email: string): Promise<void>;
  /** Throws `not_found` for a token with which no password can be set. */
  findReset(token: string): Promise<void>;
  /**
   * Throws `not_found` for a token that was used, has expired or was never sent. All sessions of the customer end. If it fails
   * otherwise, the token still works, and a repeat completes it. Of concurrent calls the one succeeds whose password is valid then.
   */
  resetPassword(token: string, password: string, request: Pick<Request, 'command'>): Promise<void>;
  /** Throws `not_found` as above. */
  verifyEmail(token: string, request: Pick<Request, 'command'>): Promise<void>;
}

export interface AccountsDeps {
  runner: CommandRunner;
  personal: Pick<PersonalData, 'open'>;
  emailKeyOf: EmailKeyOf;
  keyedHash: KeyedHash;
  passwords: Passwords;
  credentials: Credentials;
  sessions: Pick<Sessions, 'endAll'>;
  mailer: Pick<Mailer, 'send'>;
  mailLinks: MailLinks;
  inBackground: InBackground;
  clock: Clock;
  /** 22 characters of base64url that nobody can guess. */
  newSecret(): string;
}

export function createAccounts(deps: AccountsDeps): Accounts {
  const { runner, personal, emailKeyOf, keyedHash, passwords, credentials, sessions, mailer, mailLinks } = deps;
  const { inBackground, clock, newSecret } = deps;

  async function register(
    wanted: { email: string; passwordHash: string; name: string },
    request: Request,
  ): Promise<void> {
    const emailKey = emailKeyOf(wanted.email);
    const owner = await openOrOwner(emailKey, wanted, request, '');
    if (owner === undefined) return;
    // The one who had the address is just being forgotten, so it is free.
    const release = { type: 'ReleaseEmail', emailKey, customerId: owner } as const;
    orThrow(await runner.execute(emailClaim, emailClaimStream(emailKey), release, request.command('release')));
    if ((await openOrOwner(emailKey, wanted, request, ' again')) !== undefined) {
      throw new Problem('conflict', 'The address has just changed its owner; try again.');
    }
  }

  /** The owner of the address if they are forgotten. Otherwise it has an account afterwards. */
  async function openOrOwner(
    emailKey: string,
    { email, passwordHash, name }: { email: string; passwordHash: string; name: string },
    { command, newId }: Request,
    step: string,
  ): Promise<string | undefined> {
    const claim = { type: 'ClaimEmail', emailKey, customerId: newId('customer') } as const;
    const stream = emailClaimStream(emailKey);
    const claimed = orThrow(await runner.execute(emailClaim, stream, claim, command(`claim${step}`)));
    const { owner: customerId = claim.customerId } = claimed.state;
    // Whoever is first on the customer's stream gets the account, so a claim that a crash has left without one is no loss. A crash
    // after that leaves an account without a password; its owner asks for a new one.
    const meta = command(`open account${step}`);
    const open = { type: 'OpenAccount', customerId, registrationId: meta.id, emailKey, email, name } as const;
    const opened = await runner.execute(customer, streamOf(customerId), open, meta);
    if (isRejection(opened, 'rule_violated')) return customerId;
    if (isRejection(opened, 'conflict')) {
      await credentials.passwordOf(customerId); // if the store is away, both cases fail
      inBackground('notice', () => sendNotice(customerId));
      return undefined;
    }
    orThrow(opened);
    await credentials.setPassword(customerId, passwordHash);
    inBackground('verification', () => sendVerification(customerId));
    return undefined;
  }

  /** The owner of an address, or an id that belongs to nobody: what follows takes the same time. */
  async function ownerOf(email: string): Promise<string> {
    const emailKey = emailKeyOf(email);
    const { state } = await runner.load(emailClaim, emailClaimStream(emailKey));
    return state.owner ?? 'customer_nobody';
  }

  async function authenticate(email: string, password: string): Promise<Authenticated | undefined> {
    const customerId = await ownerOf(email);
    const [{ state }, hash] = await Promise.all([
      runner.load(customer, streamOf(customerId)),
      credentials.passwordOf(customerId),
    ]);
    const isTheirs = await passwords.verify(password, hash);
    return isTheirs && hash !== undefined && state.account ? { customerId, passwordHash: hash } : undefined;
  }

  async function requestReset(email: string): Promise<void> {
    const customerId = await ownerOf(email);
    await sendWithToken(customerId, 'reset', RESET_TTL_MS, (token) => resetMail(token, mailLinks));
  }

  function sendVerification(customerId: string): Promise<void> {
    const mail = (token: string) => verificationMail(token, mailLinks);
    return sendWithToken(customerId, 'verification', VERIFICATION_TTL_MS, mail);
  }

  function sendNotice(customerId: string): Promise<void> {
    return sendWithToken(customerId, 'notice', 0, () => noticeMail(mailLinks));
  }

  /** Sends nothing to a customer without an account, or who got such a mail a moment ago. */
  async function sendWithToken(
    customerId: string,
    purpose: MailPurpose,
    ttlMs: number,
    mailOf: (token: string) => Pick<Mail, 'subject' | 'text'>,
  ): Promise<void> {
    const { state } = await runner.load(customer, streamOf(customerId));
    const to = state.account && (await personal.open(state.account.email));
    if (to === undefined || isForgotten(to)) return;
    const now = clock();
    const token = `${keyOf(customerId)}.${newSecret()}`;
    const sent = { hash: hashOf(purpose, token), sentAt: now, expiresAt: now + ttlMs };
    if (!(await credentials.keepToken(customerId, purpose, sent, now - MAIL_PAUSE_MS))) return;
    try {
      await mailer.send({ customerId, to, ...mailOf(token) });
    } catch (error) {
      // Nobody has the token, so the next request may send another one at once.
      await credentials.takeToken(customerId, purpose, sent.hash, now - 1);
      throw error;
    }
  }

  function hashOf(purpose: MailPurpose, token: string): string {
    return keyedHash(`mail token: ${purpose}`, token);
  }

  /** The customer whose token it is. */
  async function customerBehind(
    purpose: MailPurpose,
    token: string,
  ): Promise<{ customerId: string; tokenHash: string }> {
    const [, key] = MAIL_TOKEN.exec(token) ?? [];
    const customerId = `customer_${key}`;
    const tokenHash = hashOf(purpose, token);
    if (key === undefined || !(await credentials.hasToken(customerId, purpose, tokenHash, clock()))) throw noToken();
    return { customerId, tokenHash };
  }

  async function tell(command: CustomerCommand, meta: CommandMeta): Promise<void> {
    const actor = { type: 'customer', id: command.customerId } as const;
    orThrow(await runner.execute(customer, streamOf(command.customerId), command, { ...meta, actor }));
  }

  return {
    register,
    authenticate,
    requestReset,
    isCurrent: async ({ customerId, passwordHash }) => (await credentials.passwordOf(customerId)) === passwordHash,
    async findReset(token) {
      await customerBehind('reset', token);
    },
    async resetPassword(token, password, { command }) {
      const { customerId, tokenHash } = await customerBehind('reset', token); // a password hash costs much
      const hash = await passwords.hash(password);
      await tell({ type: 'ChangePassword', customerId, changeId: tokenHash }, command('change password'));
      await tell({ type: 'VerifyEmail', customerId }, command('verify'));
      if (!(await credentials.resetPassword(customerId, hash, tokenHash, clock()))) throw noToken();
      await sessions.endAll(customerId);
      // Last, so that a repeat completes what has failed. Once the token is taken, no concurrent call sets another password.
      await credentials.takeToken(customerId, 'reset', tokenHash, clock());
      if ((await credentials.passwordOf(customerId)) !== hash) throw noToken();
    },
    async verifyEmail(token, { command }) {
      const { customerId, tokenHash } = await customerBehind('verification', token);
      await tell({ type: 'VerifyEmail', customerId }, command('verify'));
      await credentials.takeToken(customerId, 'verification', tokenHash, clock());
    },
  };
}

function noToken(): Problem {
  return new Problem('not_found', 'The token was used, has expired or was never sent; ask for a new one.');
}
