// The stages that can be deployed, and in what they differ. Whoever deploys writes their own account, certificates and addresses here.

/** What differs between stages. Everything that keeps data safe is the same in all of them, or not weaker in `prod`. */
export interface Stage {
  name: 'dev' | 'prod';
  account: string;
  region: string;
  /** The zones are named because a look-up would ask AWS. OpenSearch and the stores use the first two or three of them. */
  zones: readonly string[];
  /** Begins the name of every resource, and is `COMMERCE_NAMESPACE` of the functions. Two stages may share an account. */
  namespace: string;
  /** `COMMERCE_ENV` of the functions: only `production` accepts live keys of Stripe. */
  environment: 'development' | 'production';
  /** The host name of the queries, and an ACM certificate for it in this region. */
  queries: { host: string; certificateArn: string };
  /** The host name of the commands, and an ACM certificate for it in this region. */
  commands: { host: string; certificateArn: string };
  /** `COMMERCE_CORS_ORIGINS` of the functions. */
  corsOrigins: readonly string[];
  /** `COMMERCE_MAIL_FROM`, which SES has to know, and `COMMERCE_SHOP_URL` of the functions. */
  mail: { from: string; shopUrl: string };
  /** One gateway costs less; with one in each zone payments outlive a zone. */
  natGateways: number;
  postgres: { instance: string; isMultiZone: boolean; storageGb: number };
  documents: { instance: string; instances: number };
  search: { instance: string; instances: number; masters: number; storageGb: number };
  cache: { node: string; shards: number; replicas: number };
  /** Days for which S3 refuses to delete the archive and the stock snapshots, and who may lift that. */
  retention: { days: number; mode: 'GOVERNANCE' | 'COMPLIANCE' };
  backupDays: number;
  logDays: 30 | 90 | 365;
  /** Factor for `provisioned` of each function; 0 keeps none ready. */
  provisioned: number;
  /** Requests a second, and how many at once: for each method, for each that needs no token, and for each key of a server. */
  throttle: { perMethod: Rate; strangers: Rate; servers: Rate & { perDay: number } };
  /** ARNs of further roles that may append to the log, such as one that loads a backup. */
  loaders: readonly string[];
  /** Receives the alarms. */
  alarmEmail: string;
}

export interface Rate {
  perSecond: number;
  burst: number;
}

/** The example account of AWS's documentation. The CDK refuses to deploy to another account than the one of its credentials. */
const EXAMPLE_ACCOUNT = '111122223333';
const REGION = 'eu-west-1';

const shared = {
  account: EXAMPLE_ACCOUNT,
  region: REGION,
  zones: [`${REGION}a`, `${REGION}b`, `${REGION}c`],
  loaders: [],
  alarmEmail: 'alarms@shop.example',
} as const;

export const STAGES: readonly Stage[] = [
  {
    ...shared,
    name: 'dev',
    namespace: 'commerce-dev',
    environment: 'development',
    queries: { host: 'queries.dev.shop.example', certificateArn: certificate('00000000-0000-4000-8000-000000000001') },
    commands: {
      host: 'commands.dev.shop.example',
      certificateArn: certificate('00000000-0000-4000-8000-000000000002'),
    },
    corsOrigins: ['https://dev.shop.example'],
    mail: { from: 'no-reply@dev.shop.example', shopUrl: 'https://dev.shop.example' },
    natGateways: 1,
    postgres: { instance: 't4g.medium', isMultiZone: false, storageGb: 20 },
    documents: { instance: 't4g.medium', instances: 1 },
    search: { instance: 't3.medium.search', instances: 2, masters: 3, storageGb: 20 },
    cache: { node: 'cache.t4g.small', shards: 1, replicas: 1 },
    retention: { days: 1, mode: 'GOVERNANCE' },
    backupDays: 7,
    logDays: 30,
    provisioned: 0,
    throttle: {
      perMethod: { perSecond: 50, burst: 100 },
      strangers: { perSecond: 20, burst: 40 },
      servers: { perSecond: 20, burst: 40, perDay: 100_000 },
    },
  },
  {
    ...shared,
    name: 'prod',
    namespace: 'commerce-prod',
    environment: 'production',
    queries: { host: 'queries.shop.example', certificateArn: certificate('00000000-0000-4000-8000-000000000003') },
    commands: { host: 'commands.shop.example', certificateArn: certificate('00000000-0000-4000-8000-000000000004') },
    corsOrigins: ['https://shop.example'],
    mail: { from: 'no-reply@shop.example', shopUrl: 'https://shop.example' },
    natGateways: 3,
    postgres: { instance: 'r7g.xlarge', isMultiZone: true, storageGb: 500 },
    documents: { instance: 'r6g.large', instances: 3 },
    search: { instance: 'r7g.large.search', instances: 3, masters: 3, storageGb: 200 },
    cache: { node: 'cache.r7g.large', shards: 2, replicas: 2 },
    retention: { days: 3_650, mode: 'COMPLIANCE' },
    backupDays: 35,
    logDays: 365,
    provisioned: 1,
    throttle: {
      perMethod: { perSecond: 2_000, burst: 4_000 },
      strangers: { perSecond: 500, burst: 1_000 },
      servers: { perSecond: 500, burst: 1_000, perDay: 10_000_000 },
    },
  },
];

function certificate(id: string): string {
  return `arn:aws:acm:${REGION}:${EXAMPLE_ACCOUNT}:certificate/${id}`;
}
