// The archive in S3. Each object is created by a conditional request and locked for the retention time, in the mode in which
// nobody can shorten it, not even the owner of the account.
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { Clock } from '../../domain/kernel/clock.js';
import { isTransient } from '../aws.js';
import { withinBudget } from '../retry.js';
import type { ArchiveStore } from './port.js';

const ENGINE = 'S3';
const BUDGET_MS = 10_000;
const DAY_MS = 24 * 60 * 60_000;

/** All actions that IAM must allow: the first on the objects of the bucket, the last on the bucket. @public */
export const S3_ARCHIVE_ACTIONS = ['s3:PutObject', 's3:PutObjectRetention', 's3:GetObject', 's3:ListBucket'] as const;

export interface S3ArchiveOptions {
  /** A client that makes one attempt per call: see `createS3Client`. */
  client: S3Client;
  /** A bucket with Object Lock, which has to be enabled when the bucket is created. */
  bucket: string;
  /** Folder of this log in the bucket, without a slash at its end. */
  folder: string;
  retentionDays: number;
  /** True for an engine on this machine. The bucket is then created here; in AWS the deployment stack creates it. */
  isLocal: boolean;
  clock?: Clock;
}

export function createS3Archive({
  client,
  bucket,
  folder,
  retentionDays,
  isLocal,
  clock = Date.now,
}: S3ArchiveOptions): ArchiveStore {
  let isPrepared = !isLocal;
  async function within<T>(request: () => Promise<T>): Promise<T> {
    return withinBudget({ engine: ENGINE, budgetMs: BUDGET_MS, isRetryable, clock }, async () => {
      if (!isPrepared) await createBucket(client, bucket);
      isPrepared = true;
      return request();
    });
  }
  const keyOf = (name: string) => `${folder}/${name}`;

  return {
    name: `s3://${bucket}/${folder}`,

    async create(name, content) {
      const put = () =>
        new PutObjectCommand({
          Bucket: bucket,
          Key: keyOf(name),
          Body: content,
          IfNoneMatch: '*',
          ChecksumAlgorithm: 'SHA256',
          ObjectLockMode: 'COMPLIANCE',
          ObjectLockRetainUntilDate: new Date(clock() + retentionDays * DAY_MS),
        });
      try {
        await within(() => client.send(put()));
        return true;
      } catch (error) {
        if (statusOf(error) === EXISTS) return false;
        throw error;
      }
    },

    async read(name) {
      try {
        return await within(async () => {
          const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: keyOf(name) }));
          return Buffer.from((await Body?.transformToByteArray()) ?? []);
        });
      } catch (error) {
        if ((error as Error).name === 'NoSuchKey') return undefined;
        throw error;
      }
    },

    async *list(prefix) {
      let next: string | undefined;
      do {
        const page = { Bucket: bucket, Prefix: keyOf(prefix), ContinuationToken: next };
        const answer = await within(() => client.send(new ListObjectsV2Command(page)));
        for (const { Key } of answer.Contents ?? []) if (Key !== undefined) yield Key.slice(folder.length + 1);
        next = answer.NextContinuationToken;
      } while (next !== undefined);
    },
  };
}

/** The name exists. */
const EXISTS = 412;
/** Another conditional request for the same name is under way. */
const CONFLICT = 409;

function isRetryable(error: unknown): boolean {
  return isTransient(error) || statusOf(error) === CONFLICT;
}

function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
}

async function createBucket(client: S3Client, bucket: string): Promise<void> {
  try {
    await client.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true }));
  } catch (error) {
    if (!/^BucketAlready/.test((error as Error).name)) throw error;
  }
}
