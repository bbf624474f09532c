// Ids of 26 characters (Crockford's base 32, 128 bits): time-ordered like ULIDs, or derived, so that a repeat makes the same id.
import { createHash, randomFillSync } from 'node:crypto';
import { MAX_CLOCK_SKEW_MS } from '../domain/kernel/limits.js';

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
/** A traced request has the context of its span behind its id. */
const RANDOM_ID = new RegExp(`^[${ALPHABET}]{26}(\\.00-[0-9a-f-]{52})?$`);
const TIME_BYTES = 6;
const TIME_DIGITS = 10;
const RANDOM_BYTES = 10;

/** No id is older. Derived ids look the same, but their first digits are most likely another time. */
const OLDEST_MS = Date.UTC(2024);

/** Randomness for many ids is drawn at once. A call for each id would take ten times as long as all other steps. */
const POOL_BYTES = 400 * RANDOM_BYTES;
const pool = Buffer.alloc(POOL_BYTES);
let unused = POOL_BYTES;

/** A new id. Ids of later milliseconds sort after earlier ones. */
export function randomId(now: number): string {
  if (unused === POOL_BYTES) {
    randomFillSync(pool);
    unused = 0;
  }
  const bytes = Buffer.allocUnsafe(TIME_BYTES + RANDOM_BYTES);
  bytes.writeUIntBE(now, 0, TIME_BYTES);
  pool.copy(bytes, TIME_BYTES, unused, unused + RANDOM_BYTES);
  unused += RANDOM_BYTES;
  return encode(bytes);
}

/**
 * A time, in ms, before which an id of `randomId` was not made, whichever process made it. Undefined for a text that cannot be
 * such an id, or not yet.
 */
export function earliestOf(id: string, now: number): number | undefined {
  if (!RANDOM_ID.test(id)) return undefined;
  const time = [...id.slice(0, TIME_DIGITS)].reduce((value, digit) => value * 32 + ALPHABET.indexOf(digit), 0);
  return time > OLDEST_MS && time <= now + MAX_CLOCK_SKEW_MS ? time - 2 * MAX_CLOCK_SKEW_MS : undefined;
}

/** Always the same id for the same parts. JSON keeps (`a`, `bc`) and (`ab`, `c`) apart. */
export function derivedId(...parts: readonly string[]): string {
  return encode(createHash('sha256').update(JSON.stringify(parts)).digest());
}

/** The first 128 bits, most significant first, in groups that a number can hold. */
function encode(bytes: Buffer): string {
  return digits(bytes.readUIntBE(0, 6), 10) + digits(bytes.readUIntBE(6, 5), 8) + digits(bytes.readUIntBE(11, 5), 8);
}

function digits(value: number, length: number): string {
  let text = '';
  for (let rest = value; text.length < length; rest = Math.floor(rest / 32)) text = ALPHABET[rest % 32] + text;
  return text;
}
