// The synonyms of the search from a file of the shop's operator, which is read again when it changes.
import { readFile } from 'node:fs/promises';
import { OperatorError } from '../../domain/kernel/errors.js';
import { SHIPPED_SYNONYMS, type Synonyms, synonymsOf } from '../../projections/models/synonyms.js';

/** A changed file counts after this time at most. */
const READ_EVERY_MS = 5_000;

/** A larger file is refused. */
const MAX_SYNONYMS_CHARS = 1_000_000;

export interface SynonymsFile {
  current(): Synonyms;
  close(): void;
}

export interface SynonymsFileOptions {
  /** Without one the shipped synonyms count. */
  path: string | undefined;
  readEveryMs?: number;
  /** Called when the file cannot be read any more. What was read before still counts. */
  warn(message: string): void;
}

/** Throws `OperatorError` if there is no such file. */
export async function openSynonyms({
  path,
  readEveryMs = READ_EVERY_MS,
  warn,
}: SynonymsFileOptions): Promise<SynonymsFile> {
  if (path === undefined) {
    const shipped = synonymsOf(SHIPPED_SYNONYMS);
    return { current: () => shipped, close() {} };
  }
  let text = await read(path);
  let synonyms = synonymsOf(text);
  let isBroken = false;
  const timer = setInterval(() => void again(path), readEveryMs).unref();

  async function again(file: string): Promise<void> {
    try {
      const now = await read(file);
      if (now !== text) synonyms = synonymsOf(now);
      text = now;
      isBroken = false;
    } catch (error) {
      if (!isBroken) warn((error as Error).message);
      isBroken = true;
    }
  }

  return { current: () => synonyms, close: () => clearInterval(timer) };
}

async function read(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw new OperatorError(`COMMERCE_SYNONYMS: ${path} cannot be read: ${error.message}`);
  });
  if (text.length <= MAX_SYNONYMS_CHARS) return text;
  throw new OperatorError(`COMMERCE_SYNONYMS: ${path} has more than ${MAX_SYNONYMS_CHARS} characters.`);
}
