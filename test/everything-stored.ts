// Everything that a shop has stored, in every engine and file, for tests of what must not be there.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { paginateListTables, paginateScan } from '@aws-sdk/client-dynamodb';
import { createDynamoClient } from '../infra/aws.js';
import { createMongoClient } from '../infra/mongodb.js';
import { createOpenSearchClient } from '../infra/opensearch.js';
import { createPool } from '../infra/postgres.js';
import { createRedisClient } from '../infra/redis.js';
import type { Environment } from './running-shop.js';
import { the } from './the.js';

/** The content of one table, collection, index, key or file. */
export interface StoredPart {
  place: string;
  content: unknown;
}

export async function everythingStored(environment: Environment): Promise<StoredPart[]> {
  const { COMMERCE_NAMESPACE: namespace = '' } = environment;
  const parts = await Promise.all([
    inPostgres(the(environment.DATABASE_URL)),
    inFiles(the(environment.COMMERCE_DATA)),
    ...(environment.COMMERCE_PROFILE === 'aws'
      ? [
          inDynamoDB(the(environment.AWS_ENDPOINT_URL), namespace),
          inMongoDB(the(environment.MONGODB_URL), namespace),
          inOpenSearch(the(environment.OPENSEARCH_URL), namespace),
          inRedis(the(environment.REDIS_URL), namespace),
        ]
      : []),
  ]);
  return parts.flat();
}

/** The places that contain a text in any form in which a program may have written it. */
export function placesWith(text: string, parts: readonly StoredPart[]): string[] {
  const forms = formsOf(text);
  return parts.flatMap(({ place, content }) => {
    const searched = [...textsIn(content)];
    return forms.flatMap(([form, wanted]) =>
      searched.some((one) => one.includes(wanted)) ? [`${place}: ${text} as ${form}`] : [],
    );
  });
}

/** All objects of the parts, also those in JSON texts. */
export function* objectsIn(value: unknown): Iterable<object> {
  if (typeof value === 'string' && /^[[{]/.test(value)) {
    let parsed: unknown;
    try {
      parsed = JSON.parse(value);
    } catch {
      return;
    }
    yield* objectsIn(parsed);
  } else if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
    yield value;
    for (const member of Object.values(value)) yield* objectsIn(member);
  }
}

/** Texts of at least some length: shorter ones occur by chance. */
function formsOf(text: string): [form: string, text: string][] {
  const ascii = [...text].map((char) => {
    const code = char.charCodeAt(0);
    return code < 128 ? char : `\\u${code.toString(16).padStart(4, '0')}`;
  });
  const bytes = Buffer.from(text);
  // The characters of base64 that the neighbours of the text do not change, for each of three alignments.
  const aligned = [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    return encoded.slice(shift === 0 ? 0 : shift + 1, -2);
  });
  const spellings = [...new Set([text, text.toLowerCase(), text.toUpperCase()])];
  const hashes = ['md5', 'sha1', 'sha256', 'sha512'].flatMap((name) =>
    spellings.flatMap((spelling): [string, string][] => {
      const digest = createHash(name).update(spelling).digest();
      return [
        [`${name} in hex`, digest.toString('hex')],
        [`${name} in base64`, digest.toString('base64').slice(0, -2)],
        [`${name} in base64url`, digest.toString('base64url').slice(0, 22)],
      ];
    }),
  );
  return [
    ...spellings.map((spelling): [string, string] => ['plain text', spelling]),
    ['JSON escapes', ascii.join('')],
    ['a part of a URL', encodeURIComponent(text)],
    ['hex', bytes.toString('hex')],
    ...aligned.flatMap((encoded): [string, string][] => [
      ['base64', encoded],
      ['base64url', encoded.replaceAll('+', '-').replaceAll('/', '_')],
    ]),
    ...hashes,
  ];
}

function* textsIn(value: unknown): Iterable<string> {
  if (typeof value === 'string') {
    yield value;
    // Postgres shows bytes so.
    if (/^\\x[0-9a-f]*$/.test(value)) yield Buffer.from(value.slice(2), 'hex').toString('latin1');
  } else if (value instanceof Uint8Array) {
    yield Buffer.from(value).toString('utf8');
    yield Buffer.from(value).toString('latin1');
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      yield name;
      yield* textsIn(member);
    }
  }
}

async function inPostgres(url: string): Promise<StoredPart[]> {
  const pool = createPool({ url });
  try {
    const { rows: tables } = await pool.query<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables
       where schemaname not in ('pg_catalog', 'information_schema')`,
    );
    return await Promise.all(
      tables.map(async ({ name }) => {
        const { rows } = await pool.query(`select to_jsonb(stored) as stored from ${name} stored`);
        return { place: `Postgres ${name}`, content: rows.map(({ stored }) => stored) };
      }),
    );
  } finally {
    await pool.end();
  }
}

async function inFiles(folder: string): Promise<StoredPart[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(files.map(async (path) => ({ place: path, content: await readFile(path) })));
}

async function inDynamoDB(endpoint: string, namespace: string): Promise<StoredPart[]> {
  const client = createDynamoClient({ region: 'us-east-1', endpoint });
  try {
    const parts: StoredPart[] = [];
    for await (const { TableNames = [] } of paginateListTables({ client }, {})) {
      for (const TableName of TableNames.filter((name) => name.startsWith(namespace))) {
        const content: unknown[] = [];
        for await (const { Items = [] } of paginateScan({ client }, { TableName, ConsistentRead: true }))
          content.push(...Items);
        parts.push({ place: `DynamoDB ${TableName}`, content });
      }
    }
    return parts;
  } finally {
    client.destroy();
  }
}

async function inMongoDB(url: string, namespace: string): Promise<StoredPart[]> {
  const client = createMongoClient(url);
  try {
    const db = client.db(namespace);
    const collections = await db.listCollections().toArray();
    return await Promise.all(
      collections.map(async ({ name }) => ({
        place: `MongoDB ${name}`,
        content: JSON.parse(JSON.stringify(await db.collection(name).find().toArray())),
      })),
    );
  } finally {
    await client.close();
  }
}

async function inOpenSearch(url: string, namespace: string): Promise<StoredPart[]> {
  const client = createOpenSearchClient({ node: url });
  try {
    const index = `${namespace}*`;
    await client.indices.refresh({ index });
    const { body } = await client.search({ index, size: 10_000, body: { query: { match_all: {} } } });
    return [{ place: `OpenSearch ${index}`, content: body.hits.hits }];
  } finally {
    await client.close();
  }
}

async function inRedis(url: string, namespace: string): Promise<StoredPart[]> {
  const redis = createRedisClient({ url, isCluster: false, keyPrefix: '' });
  try {
    const keys = await redis.keys(`${namespace}:*`);
    return await Promise.all(
      keys.map(async (key) => ({ place: `Redis ${key}`, content: [key, await contentOf(key)] })),
    );
  } finally {
    redis.disconnect();
  }

  async function contentOf(key: string): Promise<unknown> {
    switch (await redis.type(key)) {
      case 'string':
        return redis.get(key);
      case 'hash':
        return redis.hgetall(key);
      case 'list':
        return redis.lrange(key, 0, -1);
      case 'set':
        return redis.smembers(key);
      case 'zset':
        return redis.zrange(key, '0', '-1');
      default:
        throw new Error(`The test cannot read ${key}.`);
    }
  }
}
