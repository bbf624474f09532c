// Hashes of passwords by scrypt, of Node's own OpenSSL. A hash states its parameters, so that they can be raised: older hashes still
// verify, with their own.
import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import type { Passwords } from '../../commands/identity/ports.js';
import { Unavailable } from '../../domain/kernel/errors.js';
import { createTurns } from '../turns.js';

/** OWASP's recommendation that needs 16 MiB for each hash. */
const COST = { N: 2 ** 14, r: 8, p: 5 };

const SALT_BYTES = 16;
const HASH_BYTES = 32;

/** Hashes at a time. Node's pool has four threads, and others need them, too. */
const HASHES_AT_ONCE = 2;

/** More waiting hashes are refused. */
export const MAX_WAITING_HASHES = 100;

/** `scrypt$<N>$<r>$<p>$<salt>$<hash>`, with base64url. */
const FORMAT = /^scrypt\$(\d+)\$(\d+)\$(\d+)\$([\w-]+)\$([\w-]+)$/;

export function createPasswords(): Passwords {
  const inTurn = createTurns(HASHES_AT_ONCE);
  const salt = randomBytes(SALT_BYTES);
  let waiting = 0;

  async function derive(password: string, salt: Uint8Array, cost: ScryptOptions): Promise<Buffer> {
    if (waiting >= MAX_WAITING_HASHES) throw new Unavailable('Log-in', 'too many passwords are being checked.', 2);
    waiting++;
    try {
      return await inTurn(() => derived(password, salt, cost));
    } finally {
      waiting--;
    }
  }

  return {
    async hash(password) {
      const salt = randomBytes(SALT_BYTES);
      const hash = await derive(password, salt, COST);
      return ['scrypt', COST.N, COST.r, COST.p, salt.toString('base64url'), hash.toString('base64url')].join('$');
    },
    async verify(password, hash) {
      const [, N, r, p, saltText, expectedText] = FORMAT.exec(hash ?? '') ?? [];
      if (saltText === undefined || expectedText === undefined) {
        await derive(password, salt, COST);
        return false;
      }
      const cost = { N: Number(N), r: Number(r), p: Number(p) };
      const expected = Buffer.from(expectedText, 'base64url');
      const found = await derive(password, Buffer.from(saltText, 'base64url'), cost);
      return found.length === expected.length && timingSafeEqual(found, expected);
    },
  };
}

/** The same characters in another Unicode form are the same password. */
function derived(password: string, salt: Uint8Array, cost: ScryptOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, HASH_BYTES, { ...cost, maxmem: 64 * 2 ** 20 }, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}
