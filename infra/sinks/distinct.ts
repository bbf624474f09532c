// Counts distinct keys of which some come twice, without keeping them: 8 bytes of a hash for each, and not for all at once.
import { createHash } from 'node:crypto';

/** Keys that are counted at a time. With so many, two of them have the same hash once in 2 million counts. */
const AT_ONCE = 4_000_000;

const HASH_BYTES = 8;

/** `keys` is called again for each part of the keys, if there are more than `atOnce`. */
export async function countDistinct(keys: () => AsyncIterable<string[]>, atOnce = AT_ONCE): Promise<number> {
  for (let parts = 1; ; parts *= 2) {
    let count = 0;
    for (let part = 0; part < parts; part++) {
      const found = await countPart(keys(), { part, parts, atOnce });
      if (found === undefined) break;
      count += found;
      if (part === parts - 1) return count;
    }
  }
}

/** Undefined if this part has more keys than can be counted at a time. */
async function countPart(
  pages: AsyncIterable<string[]>,
  { part, parts, atOnce }: { part: number; parts: number; atOnce: number },
): Promise<number | undefined> {
  let hashes = new BigUint64Array(1024);
  let size = 0;
  for await (const page of pages) {
    for (const key of page) {
      const digest = createHash('sha1').update(key).digest();
      if (digest.readUInt32LE(HASH_BYTES) % parts !== part) continue;
      if (size === atOnce) {
        // Perhaps some came twice.
        size = distinct(hashes.subarray(0, size));
        if (size > atOnce / 2) return undefined;
      }
      if (size === hashes.length) hashes = grown(hashes, atOnce);
      hashes[size++] = digest.readBigUInt64LE(0);
    }
  }
  return distinct(hashes.subarray(0, size));
}

/** Sorts them, and moves one of each to the front. Returns their number. */
function distinct(hashes: BigUint64Array): number {
  hashes.sort();
  let count = 0;
  for (const hash of hashes) if (count === 0 || hash !== hashes[count - 1]) hashes[count++] = hash;
  return count;
}

function grown(hashes: BigUint64Array<ArrayBuffer>, atMost: number): BigUint64Array<ArrayBuffer> {
  const larger = new BigUint64Array(Math.min(2 * hashes.length, atMost));
  larger.set(hashes);
  return larger;
}
