// Ids of 26 characters (Crockford's base 32, 128 bits): time-ordered like a ULID, or derived, so that a repeat makes the same one.
import { createHash, randomBytes } from 'node:crypto';

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const ID_LENGTH = 26;
const TIME_BYTES = 6;
const RANDOM_BYTES = 10;

/** A new id; a later millisecond sorts behind an earlier one. */
export function randomId(now: number): string {
  const time = Buffer.allocUnsafe(TIME_BYTES);
  time.writeUIntBE(now, 0, TIME_BYTES);
  return encode(Buffer.concat([time, randomBytes(RANDOM_BYTES)]));
}

/** The same id for the same parts, for ever. The JSON around the parts keeps (`a`, `bc`) and (`ab`, `c`) apart. */
export function derivedId(...parts: readonly string[]): string {
  return encode(createHash('sha256').update(JSON.stringify(parts)).digest());
}

/** The first 128 bits, most significant first. */
function encode(bytes: Buffer): string {
  let rest = (bytes.readBigUInt64BE(0) << 64n) | bytes.readBigUInt64BE(8);
  let text = '';
  for (let n = 0; n < ID_LENGTH; n++) {
    text = ALPHABET[Number(rest & 31n)] + text;
    rest >>= 5n;
  }
  return text;
}
