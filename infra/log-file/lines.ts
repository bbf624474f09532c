// The lines of a file, plain or gzip, in flat memory. Bytes that are not UTF-8 and lines that are too long end the reading.
import { isUtf8 } from 'node:buffer';
import { type FileHandle, open } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { OperatorError } from '../../domain/kernel/errors.js';

/** Longest line, in bytes. Only the last line of an export can be as long: see `MAX_COMMIT_LINE_BYTES`. */
export const MAX_LINE_BYTES = 64 * 1024 * 1024;

const CHUNK_BYTES = 256 * 1024;
const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);
const NEWLINE = 0x0a;

export interface Line {
  /** From 1. */
  number: number;
  /** Without the newline. */
  text: string;
}

/** The file ends in its middle, or has bytes that no export has. */
export class BrokenFile extends Error {
  override name = 'BrokenFile';
  constructor(
    readonly line: number,
    readonly problem: string,
  ) {
    super(`line ${line}: ${problem}`);
  }
}

/** The file cannot be read at all. */
export class UnreadableFile extends OperatorError {
  override name = 'UnreadableFile';
}

export interface ReadOptions {
  /** Called with the bytes that were read so far, and those of the file. */
  onProgress?: (done: number, total: number) => void;
}

/** Throws `UnreadableFile` before the first line, and `BrokenFile`. */
export async function* linesOf(file: string, { onProgress = () => {} }: ReadOptions = {}): AsyncGenerator<Line> {
  const handle = await openFile(file);
  let number = 0;
  try {
    const { size } = await handle.stat();
    const bytes = handle.createReadStream({ start: 0, autoClose: false, highWaterMark: CHUNK_BYTES });
    const source = (await isGzip(handle)) ? pipeline(bytes, createGunzip({ chunkSize: CHUNK_BYTES }), () => {}) : bytes;
    let parts: Buffer[] = [];
    let held = 0;
    for await (const chunk of source as AsyncIterable<Buffer>) {
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
        const last = chunk.subarray(start, end);
        yield { number: ++number, text: textOf(parts.length > 0 ? Buffer.concat([...parts, last]) : last, number) };
        parts = [];
        held = 0;
        start = end + 1;
      }
      if (start < chunk.length) parts.push(chunk.subarray(start));
      held += chunk.length - start;
      if (held > MAX_LINE_BYTES) throw new BrokenFile(number + 1, `it is longer than ${MAX_LINE_BYTES} bytes`);
      onProgress(bytes.bytesRead, size);
    }
    if (held > 0) throw new BrokenFile(number + 1, 'it has no newline at its end: the file was cut short');
  } catch (error) {
    throw brokenAt(number, error);
  } finally {
    await handle.close();
  }
}

function textOf(bytes: Buffer, line: number): string {
  if (!isUtf8(bytes)) throw new BrokenFile(line, 'it is not UTF-8');
  return bytes.toString();
}

async function openFile(file: string): Promise<FileHandle> {
  try {
    const handle = await open(file);
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
  } catch (error) {
    throw new UnreadableFile(`${file} cannot be read: ${reasonOf(error as NodeJS.ErrnoException)}.`);
  }
  throw new UnreadableFile(`${file} is not a file; name a file that \`commerce export\` has written.`);
}

function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return 'there is no such file';
  return code === 'EACCES' ? 'this account may not read it' : message;
}

async function isGzip(handle: FileHandle): Promise<boolean> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(GZIP_MAGIC.length), 0, GZIP_MAGIC.length, 0);
  return bytesRead === GZIP_MAGIC.length && buffer.equals(GZIP_MAGIC);
}

function brokenAt(lines: number, error: unknown): unknown {
  const { code } = error as { code?: unknown };
  if (code === 'Z_BUF_ERROR')
    return new BrokenFile(lines + 1, 'the gzip data ends in its middle: the file was cut short');
  if (typeof code === 'string' && code.startsWith('Z_'))
    return new BrokenFile(lines + 1, `the gzip data was changed (${(error as Error).message})`);
  return error;
}
