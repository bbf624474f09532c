// Files that people exchange with the shop, such as stock files: on this machine, and in S3 where the profile has it.
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileSource, type Source } from '../../commands/import/source.js';
import { OperatorError } from '../../domain/kernel/errors.js';

export interface BulkFiles {
  /** The file of this path or `s3://bucket/key`. */
  source(name: string): Source;
  /** Writes a new file. Rejects if there is one. */
  write(name: string, content: Iterable<Uint8Array>): Promise<void>;
}

const IN_S3 = 's3://';

/** Files on this machine. Names in S3 are passed on, or refused. */
export function createBulkFiles(s3?: BulkFiles): BulkFiles {
  function filesFor(name: string): BulkFiles {
    if (!name.startsWith(IN_S3)) return local;
    if (s3) return s3;
    throw new OperatorError(
      `${name} is in S3, which the profile embedded does not use; download it, or use --profile aws.`,
    );
  }
  return {
    source: (name) => filesFor(name).source(name),
    write: async (name, content) => filesFor(name).write(name, content),
  };
}

const local: BulkFiles = {
  source: fileSource,
  write: (name, content) => pipeline(Readable.from(content), createWriteStream(name, { flags: 'wx' })),
};
