// Writes a file, plain or gzip by its ending. It has its name only when it is complete.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

/** Characters that are collected before they are written. */
const WRITE_LENGTH = 256 * 1024;

export const isGzipName = (file: string): boolean => file.endsWith('.gz');

/** `produce` gets the function that writes. If it fails, a file of that name stays as it is. */
export async function writeWhole<T>(
  file: string,
  produce: (write: (text: string) => Promise<void>) => Promise<T>,
): Promise<T> {
  // A device or a pipe cannot be replaced by a file.
  const isReplaced = (await stat(file).catch(() => undefined))?.isFile() ?? true;
  const draft = isReplaced ? join(dirname(file), `.${basename(file)}.${randomBytes(4).toString('hex')}`) : file;
  const output = createWriteStream(draft, { flush: isReplaced });
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
    if (isReplaced) await rename(draft, file);
    return result;
  } catch (error) {
    entry.destroy();
    await written.catch(() => {});
    if (isReplaced) await rm(draft, { force: true });
    throw Object.assign(error as Error, 'syscall' in (error as Error) ? { path: file } : {});
  }
}
