// Loads an exported log into DynamoDB, by the conditional write of an append: IAM allows no other, and nothing can be overwritten.
import {
  ConditionalCheckFailedException,
  type DynamoDBClient,
  PutItemCommand,
  QueryCommand,
} from '@aws-sdk/client-dynamodb';
import type { StoredCommit } from '../../../domain/kernel/commit.js';
import { LOG_PARTITIONS } from '../../../domain/kernel/limits.js';
import { isTransient } from '../../aws.js';
import { withinBudget } from '../../retry.js';
import { createTurns } from '../../turns.js';
import { LoadConflict, type LogLoader } from '../log-loader.js';
import { createEventsTable, LOG_INDEX } from './dynamodb-event-store.js';
import { toItem } from './dynamodb-item.js';

const BUDGET_MS = 30_000;
const WRITES_IN_FLIGHT = 32;

export interface DynamoLoaderDeps {
  client: DynamoDBClient;
  table: string;
  /** In AWS the deployment stack creates the table. */
  isLocal: boolean;
}

export async function createDynamoLoader({ client, table, isLocal }: DynamoLoaderDeps): Promise<LogLoader> {
  if (isLocal) await createEventsTable({ client, table });
  const inTurn = createTurns(WRITES_IN_FLIGHT);
  const patiently = <T>(request: () => Promise<T>) =>
    withinBudget({ engine: 'DynamoDB', budgetMs: BUDGET_MS, isRetryable: isTransient }, request);

  async function put(commit: StoredCommit): Promise<void> {
    const input = {
      TableName: table,
      Item: toItem(commit),
      ConditionExpression: 'attribute_not_exists(pk)',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    } as const;
    try {
      await patiently(() => client.send(new PutItemCommand(input)));
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      if (error.Item?.h?.S !== commit.h) throw new LoadConflict(commit);
    }
  }

  async function hasCommits(lp: number): Promise<boolean> {
    const query = new QueryCommand({
      TableName: table,
      IndexName: LOG_INDEX,
      KeyConditionExpression: 'lp = :lp',
      ExpressionAttributeValues: { ':lp': { N: String(lp) } },
      Limit: 1,
    });
    return ((await patiently(() => client.send(query))).Count ?? 0) > 0;
  }

  return {
    async isEmpty() {
      const found = await Promise.all(Array.from({ length: LOG_PARTITIONS }, (_, lp) => inTurn(() => hasCommits(lp))));
      return !found.includes(true);
    },
    async load(commits) {
      await Promise.all(commits.map((commit) => inTurn(() => put(commit))));
    },
  };
}
