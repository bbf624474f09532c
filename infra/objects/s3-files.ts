// Files in S3, by names such as `s3://bucket/stock.csv.gz`.
import type { Readable } from 'node:stream';
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { Source } from '../../commands/import/source.js';
import { OperatorError } from '../../domain/kernel/errors.js';
import { retrySetUp } from '../aws.js';
import type { BulkFiles } from './bulk-files.js';

interface Place {
  Bucket: string;
  Key: string;
}

/** What IAM has to allow whoever reads files. */
export const READ_FILES_ACTIONS = ['s3:GetObject'] as const;

const S3_URL = /^s3:\/\/([a-z0-9][a-z0-9.-]+)\/(.+)$/;

export function createS3Files(client: S3Client): BulkFiles {
  return {
    source: (name) => s3Source(name, client, placeOf(name)),
    async write(name, content) {
      const put = new PutObjectCommand({ ...placeOf(name), Body: Buffer.concat([...content]), IfNoneMatch: '*' });
      await retrySetUp(() => client.send(put)).catch(refused(name));
    },
  };
}

function placeOf(name: string): Place {
  const [, Bucket, Key] = S3_URL.exec(name) ?? [];
  if (Bucket === undefined || Key === undefined)
    throw new OperatorError(`${name} is not a name such as s3://bucket/key.csv.`);
  return { Bucket, Key };
}

function s3Source(name: string, client: S3Client, place: Place): Source {
  return {
    name,
    async open() {
      const { Body, ETag } = await retrySetUp(() => client.send(new GetObjectCommand(place))).catch(refused(name));
      const bytes = Body as Readable;
      return {
        bytes,
        async hasChanged() {
          const now = await retrySetUp(() => client.send(new HeadObjectCommand(place))).catch(refused(name));
          return now.ETag !== ETag;
        },
        close: async () => void bytes.destroy(),
      };
    },
  };
}

const REASONS: Readonly<Record<string, string>> = {
  NoSuchKey: 'does not exist; check the name',
  NotFound: 'does not exist; check the name',
  NoSuchBucket: 'is in a bucket that does not exist; check the name',
  AccessDenied: 'cannot be used with these credentials; allow s3:GetObject and s3:PutObject on it',
  PreconditionFailed: 'exists already; remove it, or name another one',
};

function refused(name: string): (error: Error) => never {
  return (error) => {
    const reason = REASONS[error.name];
    throw reason === undefined ? error : new OperatorError(`${name} ${reason}.`, { cause: error });
  };
}
