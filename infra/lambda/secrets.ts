// The secrets of the functions, and the variable of `infra/config.ts` that each of them stands for.

/** A function gets no secret itself: `<variable>_SECRET_ARN` names it in Secrets Manager. */
export const SECRETS = {
  masterKey: 'COMMERCE_MASTER_KEY',
  /** Signs access tokens. */
  tokenKey: 'COMMERCE_TOKEN_KEY',
  /** The same key without its private part: verifies access tokens. */
  tokenPublicKey: 'COMMERCE_TOKEN_KEY',
  auditKey: 'COMMERCE_AUDIT_KEY',
  stripeKey: 'STRIPE_SECRET_KEY',
  stripeWebhookSecret: 'STRIPE_WEBHOOK_SECRET',
  /** The mail server, with user and password. */
  smtpUrl: 'SMTP_URL',
  /** User and password, as Secrets Manager rotates them. The variable has the address without them. */
  postgres: 'DATABASE_URL',
  mongodb: 'MONGODB_URL',
  redis: 'REDIS_URL',
} as const satisfies Record<string, string>;

export type SecretName = keyof typeof SECRETS;
