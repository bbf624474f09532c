// Accounts for people who are not logged in: to open one, to confirm its address, and to get a new password. The answers are the same
// whether there is an account or not, and take the same time.
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { customerNameSchema } from '../../domain/customer/events.js';
import { type EmailKeyOf, emailSchema } from '../../domain/kernel/email.js';
import { type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import { type Accounts, MAIL_TOKEN } from './accounts.js';
import { MIN_PASSWORD_CHARS } from './limits.js';
import { passwordOf } from './password.js';
import type { Attempts, InBackground, Passwords } from './ports.js';

const passwordSchema = passwordOf(MIN_PASSWORD_CHARS);

const tokenParams = z.strictObject({
  token: z.string().max(100).meta({ description: 'The token from the mail', pattern: MAIL_TOKEN.source }),
});

const registrationAnswer = z
  .strictObject({ email: z.string(), name: z.string() })
  .meta({ id: 'Registration', description: 'What was sent. It does not tell whether the address had an account' });

export interface AccountEndpointsDeps {
  accounts: Accounts;
  attempts: Attempts;
  emailKeyOf: EmailKeyOf;
  passwords: Pick<Passwords, 'hash'>;
  inBackground: InBackground;
  /** Time of the answers that must not tell whether there is an account. */
  evenAnswerMs: number;
  pause?: (ms: number) => Promise<unknown>;
}

export function accountEndpoints(deps: AccountEndpointsDeps): Endpoint[] {
  const { accounts, attempts, emailKeyOf, passwords, inBackground, evenAnswerMs, pause = delay } = deps;

  return [
    endpoint({
      method: 'post',
      path: '/v1/customers',
      summary: 'Create an account',
      description:
        'Then `POST /v1/sessions` logs in. A mail asks the owner of the address to confirm it. If the address has an account ' +
        'already, **the answer is the same** and nothing is changed; its owner gets a mail that says so.',
      roles: ['public'],
      limit: 'login',
      idempotency: 'ignored',
      body: z.strictObject({
        email: emailSchema,
        password: passwordSchema.meta({ description: 'Any characters; a sentence is a good password' }),
        name: customerNameSchema,
      }),
      answers: { 201: registrationAnswer },
      async handle(request) {
        const { email, password, name } = request.body;
        await attempts.count('mail', emailKeyOf(email));
        const passwordHash = await passwords.hash(password); // its time depends on how many wait
        const even = pause(evenAnswerMs);
        await accounts.register({ email, passwordHash, name }, request);
        await even;
        return { status: 201, body: { email, name } };
      },
    }),
    endpoint({
      method: 'post',
      path: '/v1/password-resets',
      summary: 'Create a password reset: a mail with a link to a new password',
      description: 'The answer is the same whether the address has an account or not.',
      roles: ['public'],
      limit: 'login',
      idempotency: 'ignored',
      body: z.strictObject({ email: emailSchema }),
      answers: { 202: z.void() },
      async handle({ body: { email } }) {
        await attempts.count('mail', emailKeyOf(email));
        inBackground('password reset', () => accounts.requestReset(email));
        await pause(evenAnswerMs);
        return { status: 202 };
      },
    }),
    endpoint({
      method: 'post',
      path: '/v1/password-resets/{token}',
      summary: 'Apply a password reset: set a new password with the token from the mail',
      description: 'The token works once. All sessions of the account end.',
      roles: ['public'],
      limit: 'login',
      idempotency: 'ignored',
      params: tokenParams,
      find: ({ params }) => accounts.findReset(params.token),
      body: z.strictObject({ password: passwordSchema }),
      answers: { 202: z.void() },
      problems: ['not_found'],
      async handle({ params, body, command }) {
        await accounts.resetPassword(params.token, body.password, { command });
        return { status: 202 };
      },
    }),
    endpoint({
      method: 'post',
      path: '/v1/email-verifications/{token}',
      summary: 'Record that an e-mail address is confirmed, with the token from the mail',
      description: 'The token works once.',
      roles: ['public'],
      limit: 'login',
      idempotency: 'ignored',
      params: tokenParams,
      answers: { 202: z.void() },
      problems: ['not_found'],
      async handle({ params, command }) {
        await accounts.verifyEmail(params.token, { command });
        return { status: 202 };
      },
    }),
  ];
}
