// S3, which has the objects of the profile `aws`. On a local engine the program makes the bucket; in AWS the deployment stack does.
import type { S3Client } from '@aws-sdk/client-s3';
import { ConfigError } from '../../config.js';
import { createBulkFiles } from '../../objects/bulk-files.js';
import { createS3Files } from '../../objects/s3-files.js';
import { createS3Client, createS3Objects, ensureBucket, pingBucket } from '../../objects/s3-objects.js';
import type { ShopConfig } from '../../shop-config.js';
import type { DynamoParts } from '../dynamodb-server.js';
import { lazy, type Parts, type ProfileParts, type Recipes } from '../parts.js';
import { type Engine, PING_TIMEOUT_MS } from '../reachable.js';

export interface S3Parts {
  /** `isLocal`: it is the local engine that also has the log. */
  s3Server: { client: S3Client; bucket: string; engine: Engine; isLocal: boolean };
}

export const s3Parts = {
  s3Server: ({ config, awsOptions, lifecycle }) =>
    lazy(() => {
      const { address, ...options } = awsOptions;
      const isLocal = options.endpoint !== undefined;
      const bucket = bucketOf(config, isLocal);
      const client = createS3Client(options);
      lifecycle.onClose(() => client.destroy());
      const check = () => pingBucket(client, bucket, PING_TIMEOUT_MS);
      const ping = () =>
        check().catch((error) => (isLocal && error.name === 'NotFound' ? undefined : Promise.reject(error)));
      const engine: Engine = { name: 'S3', address, serves: 'read models', ping, check };
      return { client, bucket, engine, isLocal };
    }),

  objectPlace: ({ s3Server: { client, bucket, engine, isLocal }, config: { namespace: prefix }, untilReachable }) =>
    lazy(async () => {
      if (isLocal) {
        await untilReachable(engine);
        await ensureBucket(client, bucket);
      }
      return createS3Objects({ client, bucket, prefix });
    }),

  bulkFiles: ({ s3Server: { client } }) => lazy(() => createBulkFiles(createS3Files(client))),
} satisfies Recipes<S3Parts & Pick<ProfileParts, 'objectPlace' | 'bulkFiles'>, Parts & DynamoParts & S3Parts>;

/** Bucket names are global in AWS, so there is no default that would belong to this shop. */
function bucketOf({ bucket, namespace }: ShopConfig, isLocal: boolean): string {
  if (bucket !== undefined) return bucket;
  if (isLocal) return `${namespace}-objects`;
  throw new ConfigError('COMMERCE_BUCKET: is not set; name the S3 bucket for stock snapshots and the archive.');
}
