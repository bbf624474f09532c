// The files that imports read: plain or gzip, on this machine or elsewhere.
import type { Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable, type Transform } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { ImportError } from './import-error.js';

const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);

/** A file that can be read more than once. */
export interface Source {
  /** For messages. */
  name: string;
  open(): Promise<OpenSource>;
}

export interface OpenSource {
  bytes: Readable;
  /** True if the content is not the one that was opened. */
  hasChanged(): Promise<boolean>;
  close(): Promise<void>;
}

export function changedMeanwhile(file: string): ImportError {
  return new ImportError(`${file} was changed while it was read. Run the import again when the file is complete.`);
}

/** The streams of a pipeline whose last one has the unpacked bytes. */
export async function unpacked(bytes: Readable): Promise<[Readable, ...Transform[]]> {
  const { isGzip, all } = await peek(bytes);
  return isGzip ? [all, createGunzip()] : [all];
}

/** What to throw for an error of the pipeline. `where`: the place that it has reached, for people. */
export function cutOff(file: string, where: string, error: unknown): unknown {
  if (!isZlibError(error)) return error;
  return new ImportError(
    `${file} is broken or cut off at ${where}: ${error.message}. Download or compress the whole file again.`,
  );
}

/** Whether the bytes are gzip, and all of them again. */
async function peek(bytes: Readable): Promise<{ isGzip: boolean; all: Readable }> {
  const rest = bytes[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let start = Buffer.alloc(0);
  let isOver = false;
  while (start.length < GZIP_MAGIC.length && !isOver) {
    const next = await rest.next();
    if (next.done) isOver = true;
    else start = Buffer.concat([start, next.value]);
  }
  async function* all() {
    yield start;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  }
  return { isGzip: start.subarray(0, GZIP_MAGIC.length).equals(GZIP_MAGIC), all: Readable.from(all()) };
}

/** A regular file of this machine. */
export function fileSource(name: string): Source {
  return {
    name,
    async open() {
      const { handle, stats } = await openFile(name);
      return {
        bytes: handle.createReadStream({ start: 0, autoClose: false }),
        async hasChanged() {
          const now = await handle.stat();
          return now.size !== stats.size || now.mtimeMs !== stats.mtimeMs;
        },
        close: () => handle.close(),
      };
    },
  };
}

async function openFile(file: string): Promise<{ handle: FileHandle; stats: Stats }> {
  const handle = await open(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw new ImportError(`There is no file ${file}.`);
    if (error.code === 'EACCES')
      throw new ImportError(`${file} cannot be read by this user. Grant the permission to read it.`);
    throw new ImportError(`${file} cannot be read: ${error.message}.`);
  });
  const stats = await handle.stat();
  if (stats.isFile()) return { handle, stats };
  await handle.close();
  throw new ImportError(`${file} is ${stats.isDirectory() ? 'a directory' : 'something else'}, not a regular file.`);
}

function isZlibError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && String((error as NodeJS.ErrnoException).code).startsWith('Z_');
}
