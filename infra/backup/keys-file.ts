// The keys of a backup: one file beside the log, because the log may be kept for ever, and the keys must not. Whoever has both can
// read all personal data, so the file expires, and a person who is forgotten is taken out of it.
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { OperatorError } from '../../domain/kernel/errors.js';
import type { SubjectKey } from '../crypto/subject-keys.js';

const FORMAT = 'commerce-keys/1';

/** Without these the log cannot be continued. The key of access tokens is left out: whoever has it can act as anybody. */
export const SECRET_FILES = ['master.key', 'audit.key'] as const;

const headSchema = z.strictObject({
  format: z.literal(FORMAT),
  /** Id of the log whose personal data is sealed with these keys. */
  log: z.string(),
  madeAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  /** Secret files of the data folder by name. A secret that is set in the environment is kept elsewhere, and not here. */
  secrets: z.partialRecord(z.enum(SECRET_FILES), z.string()),
});
const keySchema = z.union([
  z.strictObject({ subject: z.string().min(1), wrapped: z.base64() }),
  z.strictObject({ subject: z.string().min(1), forgotten: z.literal(true) }),
]);
const endSchema = z.strictObject({ keys: z.int().min(0), sha256: z.string() });

export type KeysHead = Omit<z.output<typeof headSchema>, 'format'>;
export type NamedKey = readonly [subject: string, key: SubjectKey];

/** A file of keys is damaged, expired or of another shop. */
export class KeysRefused extends OperatorError {
  override name = 'KeysRefused';
}

/** Writes a draft and renames it, so that an incomplete file is never taken for a whole one. Only its owner can read it. */
export async function writeKeys(path: string, head: KeysHead, keys: AsyncIterable<NamedKey>): Promise<number> {
  const draft = `${path}.new`;
  await rm(draft, { force: true });
  const file = await open(draft, 'wx', 0o600);
  const hash = createHash('sha256');
  let count = 0;
  try {
    await file.write(hashed(hash, { format: FORMAT, ...head }));
    for await (const [subject, key] of keys) {
      const line =
        'forgotten' in key
          ? { subject, forgotten: true }
          : { subject, wrapped: Buffer.from(key.wrapped).toString('base64') };
      await file.write(hashed(hash, line));
      count++;
    }
    await file.write(`${JSON.stringify({ keys: count, sha256: hash.digest('hex') })}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  return count;
}

/** Reads the whole file once to check it. Throws `KeysRefused` if it is damaged. */
export async function readKeys(path: string): Promise<{ head: KeysHead; keys(): AsyncIterable<NamedKey> }> {
  const hash = createHash('sha256');
  let head: KeysHead | undefined;
  let before: string | undefined;
  let count = -1; // the head is no key
  for await (const line of linesOf(path)) {
    if (before !== undefined) {
      hash.update(`${before}\n`);
      count++;
      if (count === 0) head = headIn(before, path);
    }
    before = line;
  }
  const end = before === undefined ? undefined : parsed(endSchema, before);
  if (!head || !end || end.keys !== count || end.sha256 !== hash.digest('hex')) throw damaged(path);
  return { head, keys: () => keysIn(path, count) };
}

/** Rewrites the file with tombstones in place of the keys of these subjects. */
export async function forgetIn(path: string, subjects: ReadonlySet<string>): Promise<void> {
  const { head, keys } = await readKeys(path);
  async function* without(): AsyncIterable<NamedKey> {
    const left = new Set(subjects);
    for await (const [subject, key] of keys()) {
      yield [subject, left.delete(subject) ? { forgotten: true } : key];
    }
    for (const subject of left) yield [subject, { forgotten: true }];
  }
  await writeKeys(path, head, without());
}

async function* keysIn(path: string, count: number): AsyncIterable<NamedKey> {
  let line = -1;
  for await (const text of linesOf(path)) {
    if (++line === 0) continue;
    if (line > count) return;
    const key = parsed(keySchema, text);
    if (!key) throw damaged(path);
    yield [key.subject, 'wrapped' in key ? { wrapped: Buffer.from(key.wrapped, 'base64') } : { forgotten: true }];
  }
}

function headIn(line: string, path: string): KeysHead {
  const head = parsed(headSchema, line);
  if (!head) throw damaged(path);
  const { format, ...rest } = head;
  return rest;
}

function damaged(path: string): KeysRefused {
  return new KeysRefused(`${path} is damaged or incomplete; use another backup.`);
}

function linesOf(path: string): AsyncIterable<string> {
  return createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY });
}

function hashed(hash: Hash, value: object): string {
  const line = `${JSON.stringify(value)}\n`;
  hash.update(line);
  return line;
}

function parsed<T>(schema: z.ZodType<T>, line: string): T | undefined {
  try {
    return schema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}
