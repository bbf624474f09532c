// How logs are kept: encrypted by a key of their own, for the days of the stage.
import type { Stack } from 'aws-cdk-lib';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Stage } from './stages.js';

/** A key that CloudWatch may use for the log groups of this account. */
export function logKey(stack: Stack): Key {
  const key = new Key(stack, 'LogKey', { description: `Logs of ${stack.stackName}`, enableKeyRotation: true });
  const groups = stack.formatArn({ service: 'logs', resource: '*' });
  key.grantEncryptDecrypt(
    new ServicePrincipal(`logs.${stack.region}.amazonaws.com`, {
      conditions: { ArnLike: { 'kms:EncryptionContext:aws:logs:arn': groups } },
    }),
  );
  return key;
}

const RETENTION = {
  30: RetentionDays.ONE_MONTH,
  90: RetentionDays.THREE_MONTHS,
  365: RetentionDays.ONE_YEAR,
} as const satisfies Record<Stage['logDays'], RetentionDays>;

export function retentionOf({ logDays }: Stage): RetentionDays {
  return RETENTION[logDays];
}
