// Writes a file, plain or gzip by its ending. It has its name only when it is complete.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { link, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

/** Characters that are collected before they are written. */
const WRITE_LENGTH = 256 * 1024;

export const isGzipName = (file: string): boolean => file.endsWith('.gz');

/** `produce` gets the function that writes. Throws EEXIST if there is a file of that name, which stays as it is. */
export async function writeWhole<T>(
  file: string,
  produce: (write: (text: string) => Promise<void>) => Promise<T>,
): Promise<T> {
  const found = await stat(file).catch(() => undefined);
  if (found?.isFile()) throw refused(file, 'EEXIST');
  // A device or a pipe is written as it is.
  const isNew = found === undefined;
  const draft = isNew ? join(dirname(file), `.${basename(file)}.${randomBytes(4).toString('hex')}`) : file;
  const output = createWriteStream(draft, { flush: isNew });
  const gzip = isGzipName(file) ? createGzip() : undefined;
  const entry: Writable = gzip ?? output;
  const written = gzip ? pipeline(gzip, output) : finished(output);
  written.catch(() => {}); // It is awaited below; `produce` may fail first.
  let held = '';
  const flush = async () => {
    const text = held;
    held = '';
    if (entry.write(text)) return;
    await Promise.race([written, once(entry, 'drain')]);
  };
  try {
    const result = await produce(async (text) => {
      held += text;
      if (held.length >= WRITE_LENGTH) await flush();
    });
    await flush();
    entry.end();
    await written;
    if (isNew) await link(draft, file);
    return result;
  } catch (error) {
    entry.destroy();
    await written.catch(() => {});
    throw Object.assign(error as Error, 'syscall' in (error as Error) ? { path: file } : {});
  } finally {
    if (isNew) await rm(draft, { force: true });
  }
}

function refused(path: string, code: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code, syscall: 'open', path });
}
