// Objects in an S3 bucket, for the profile `aws`. They are written by conditional puts. The bucket has Object Lock with a default
// retention, so that nobody can delete or replace a version before its time.
import {
  type BucketLocationConstraint,
  CreateBucketCommand,
  type CreateBucketCommandInput,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  NoSuchKey,
  PutObjectCommand,
  PutObjectLockConfigurationCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { unlessEmpty } from '../../domain/kernel/collections.js';
import { type AwsOptions, clientConfig, isTransient, retrySetUp } from '../aws.js';
import { withinBudget } from '../retry.js';
import { checkedName, type ObjectPlace } from './place.js';

/** One attempt, and all attempts of one call. */
const S3_TIMEOUT_MS = 30_000;
const S3_BUDGET_MS = 60_000;

/** The region that a new bucket is in if none is named. S3 refuses to hear its name. */
const US_EAST = 'us-east-1';

/** Days for which an object of a local engine cannot be deleted by accident. In AWS the stack sets its own period. */
const LOCAL_RETENTION_DAYS = 1;

/** All actions that IAM must allow on the bucket and its objects. @public */
export const OBJECTS_ACTIONS = ['s3:GetObject', 's3:ListBucket', 's3:PutObject'] as const;

/** What the bucket must have. @public */
export const OBJECTS_BUCKET = { ObjectLockEnabledForBucket: true } satisfies Partial<CreateBucketCommandInput>;

/** The bucket of a local engine is in the path, because it has no host name for each bucket. */
export function createS3Client(options: AwsOptions): S3Client {
  return new S3Client({ ...clientConfig(options, S3_TIMEOUT_MS), forcePathStyle: options.endpoint !== undefined });
}

export interface S3ObjectsDeps {
  client: S3Client;
  bucket: string;
  /** Begins all keys, without a slash. */
  prefix: string;
}

export function createS3Objects({ client, bucket: Bucket, prefix: shop }: S3ObjectsDeps): ObjectPlace {
  const keyOf = (log: string, name: string) => `${shop}/${checkedName(log)}/${name}`;

  async function putOnce(Key: string, Body: Uint8Array): Promise<boolean> {
    const put = new PutObjectCommand({ Bucket, Key, Body, ContentLength: Body.byteLength, IfNoneMatch: '*' });
    try {
      await retried(() => client.send(put));
      return true;
    } catch (error) {
      if ((error as Error).name !== 'PreconditionFailed') throw error;
      return false;
    }
  }

  async function get(Key: string): Promise<Uint8Array | undefined> {
    try {
      return await retried(async () => {
        const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
        return Body?.transformToByteArray();
      });
    } catch (error) {
      if (error instanceof NoSuchKey) return undefined;
      throw error;
    }
  }

  async function* list(Prefix: string, after: string): AsyncGenerator<string> {
    for (let last = after; ; ) {
      const page = new ListObjectsV2Command({ Bucket, Prefix, StartAfter: last });
      const { Contents = [], IsTruncated } = await retried(() => client.send(page));
      for (const { Key = '' } of Contents) {
        yield Key;
        last = Key;
      }
      if (!IsTruncated) return;
    }
  }

  /** Also the versions that a deletion has only hidden. */
  async function erase(Prefix: string): Promise<void> {
    for (;;) {
      const { Versions = [], DeleteMarkers = [] } = await retrySetUp(() =>
        client.send(new ListObjectVersionsCommand({ Bucket, Prefix })),
      );
      const Objects = unlessEmpty([...Versions, ...DeleteMarkers].map(({ Key, VersionId }) => ({ Key, VersionId })));
      if (!Objects) return;
      const deletion = { Bucket, Delete: { Objects, Quiet: true }, BypassGovernanceRetention: true };
      const { Errors = [] } = await retrySetUp(() => client.send(new DeleteObjectsCommand(deletion)));
      if (Errors[0]) throw new Error(`${Errors[0].Key} was not deleted: ${Errors[0].Message}`);
    }
  }

  return {
    name: `S3, s3://${Bucket}/${shop}/`,
    of(log) {
      const own = keyOf(log, '');
      return {
        place: `s3://${Bucket}/${own}`,
        putOnce: (name, body) => putOnce(keyOf(log, checkedName(name)), body),
        get: (name) => get(keyOf(log, checkedName(name))),
        async *list(prefix, after = '') {
          for await (const key of list(`${own}${prefix}`, `${own}${after}`)) yield key.slice(own.length);
        },
      };
    },
    erase: (log) => erase(keyOf(log, '')),
  };
}

/** Rejects unless the bucket answers. */
export async function pingBucket(client: S3Client, Bucket: string, timeoutMs: number): Promise<void> {
  await client.send(new HeadBucketCommand({ Bucket }), { abortSignal: AbortSignal.timeout(timeoutMs) });
}

/** Creates the bucket if it is missing. Only for an engine on this machine; in AWS the stack creates it. */
export async function ensureBucket(client: S3Client, Bucket: string): Promise<void> {
  const isThere = await retrySetUp(() =>
    client.send(new HeadBucketCommand({ Bucket })).then(
      () => true,
      (error) => {
        if (error.name !== 'NotFound') throw error;
        return false;
      },
    ),
  );
  if (isThere) return;
  const region = await client.config.region();
  const creation = new CreateBucketCommand({
    Bucket,
    ...OBJECTS_BUCKET,
    ...(region !== US_EAST && {
      CreateBucketConfiguration: { LocationConstraint: region as BucketLocationConstraint },
    }),
  });
  await retrySetUp(() => client.send(creation).catch(unlessThere));
  const Rule = { DefaultRetention: { Mode: 'GOVERNANCE', Days: LOCAL_RETENTION_DAYS } } as const;
  const ObjectLockConfiguration = { ObjectLockEnabled: 'Enabled', Rule } as const;
  await retrySetUp(() => client.send(new PutObjectLockConfigurationCommand({ Bucket, ObjectLockConfiguration })));
}

function unlessThere(error: Error): undefined {
  if (error.name !== 'BucketAlreadyOwnedByYou' && error.name !== 'BucketAlreadyExists') throw error;
}

function retried<T>(request: () => Promise<T>): Promise<T> {
  return withinBudget({ engine: 'S3', budgetMs: S3_BUDGET_MS, isRetryable }, request);
}

/** A conflict is another put of the same name that is in progress. */
function isRetryable(error: unknown): boolean {
  const { name } = error as Error;
  return name === 'ConditionalRequestConflict' || name === 'RequestTimeout' || isTransient(error);
}
