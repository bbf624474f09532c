// Credentials and preferences in memory. They pass the contract suites of the stores.
import type { Credentials, MailPurpose, Passwords, Preferences, SentToken } from '../commands/identity/ports.js';

export function createMemoryCredentials(): Credentials {
  const passwords = new Map<string, string>();
  const tokens = new Map<string, Partial<Record<MailPurpose, SentToken>>>();
  return {
    passwordOf: async (customerId) => passwords.get(customerId),
    async setPassword(customerId, hash) {
      passwords.set(customerId, hash);
    },
    async resetPassword(customerId, hash, tokenHash, now) {
      const token = tokens.get(customerId)?.reset;
      if (token?.hash !== tokenHash || token.expiresAt <= now) return false;
      passwords.set(customerId, hash);
      return true;
    },
    async keepToken(customerId, purpose, token, notSince) {
      const kept = tokens.get(customerId) ?? {};
      if ((kept[purpose]?.sentAt ?? 0) > notSince) return false;
      tokens.set(customerId, { ...kept, [purpose]: token });
      return true;
    },
    async hasToken(customerId, purpose, hash, now) {
      const token = tokens.get(customerId)?.[purpose];
      return token?.hash === hash && token.expiresAt > now;
    },
    async takeToken(customerId, purpose, hash, now) {
      const { [purpose]: token, ...rest } = tokens.get(customerId) ?? {};
      if (token?.hash !== hash || token.expiresAt <= now) return false;
      tokens.set(customerId, rest);
      return true;
    },
    async forget(customerId) {
      passwords.delete(customerId);
      tokens.delete(customerId);
    },
  };
}

export function createMemoryPreferences<P extends object>(): Preferences<P> {
  const kept = new Map<string, P>();
  return {
    of: async (customerId) => kept.get(customerId),
    async put(customerId, preferences) {
      kept.set(customerId, preferences);
    },
    async forget(customerId) {
      kept.delete(customerId);
    },
  };
}

/** Does not hash, so that tests do not wait. */
export const plainPasswords: Passwords = {
  hash: async (password) => `hash of ${password}`,
  verify: async (password, hash) => hash === `hash of ${password}`,
};
