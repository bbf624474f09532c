// Deploys the synthesised stacks to the local engine of AWS, as far as it goes, and lets one order flow through them. The engine runs
// each function as a process of its own: the deployed bundle, with the variables of the template and the secrets of Secrets Manager.
// The deployed event-source mappings start the projectors. `npm run test:deployed`; docs/aws.md says what this engine cannot do.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { InvokeCommand, LambdaClient, ListEventSourceMappingsCommand } from '@aws-sdk/client-lambda';
import { CreateBucketCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { expect } from 'chai';
import { exportJWK, generateKeyPair } from 'jose';
import { fillEmptyShop } from '../../scripts/sample-shop.js';
import { describeWith, freshName } from '../../test/engines.js';
import { type Answer, albEvent, answerOf, apiGatewayEvent } from '../../test/lambda-events.js';
import { eventually, freshFolder } from '../../test/running-shop.js';
import { type StripeStandIn, startStripe } from '../../test/stripe/stand-in.js';
import { the } from '../../test/the.js';
import { type AwsOptions, clientConfig, createDynamoClient } from '../aws.js';
import { pythonEngines } from '../engines/installation.js';
import { createEventsTable } from '../event-store/dynamodb/dynamodb-event-store.js';
import { bundleFunctions } from '../lambda/bundle.js';
import { openFunction } from '../lambda/open.js';
import { allEndpoints } from '../modules/all-endpoints.js';
import { recordParts } from '../modules/aws/records.js';
import { createS3Client } from '../objects/s3-objects.js';
import { schemasOf } from '../stores/schemas.js';

const BUNDLES = join(import.meta.dirname, '../../dist/lambda');
/** The account of requests whose credentials name none. */
const ACCOUNT = '000000000000';
/** In the order in which they are deployed. */
const STACKS = ['network', 'data', 'functions'] as const;
/** The first call of a function starts its process. */
const CALL_TIMEOUT_MS = 60_000;
const SET_UP_TIMEOUT_MS = 300_000;

/** The engine leaves processes of functions behind when it is killed. They end with their input. */
const END_WITH_ENGINE = "--import=data:text/javascript,process.stdin.once('close',()=>process.exit())";

const ADDRESS = { name: 'Ada', line1: '1 Mill Lane', city: 'Leeds', postcode: 'LS1 4AP', country: 'GB' };
/** Everything that the sample shop has of it, so that every read model of the product changes. */
const ALL_MUGS = { sku: 'MUG-BLUE', quantity: 40 };

if (process.env.DEPLOYED === '1') {
  describeWith(['postgres', 'mongodb', 'opensearch', 'redis'], 'The stacks on the local engine of AWS', (engines) => {
    const namespace = freshName('shop').replace('_', '-');
    let aws: AwsOptions & { endpoint: string };
    let lambda: LambdaClient;
    let s3: S3Client;
    let stripe: StripeStandIn;
    let assets: string;

    before(async function () {
      this.timeout(SET_UP_TIMEOUT_MS);
      // The CDK is loaded only where it is installed.
      const [{ STAGES }, { createApp }, { localPartOf }, { Code }] = await Promise.all([
        import('./stages.js'),
        import('./app.js'),
        import('./local-part.js'),
        import('aws-cdk-lib/aws-lambda'),
      ]);
      const stage = { ...the(STAGES[0]), namespace, account: ACCOUNT };
      aws = { region: stage.region, endpoint: (await engines.freshEngine('ministack')).address };
      assets = `cdk-hnb659fds-assets-${ACCOUNT}-${aws.region}`;
      lambda = new LambdaClient(clientConfig(aws, CALL_TIMEOUT_MS));
      s3 = createS3Client(aws);
      stripe = await startStripe();

      await bundleFunctions({ write: true });
      const codeOf = (name: string) => Code.fromAsset(join(BUNDLES, name));
      const app = createApp({ stages: [stage], endpoints: await allEndpoints(), codeOf, inTest: true });
      const { stacks, directory } = app.synth();
      const templates = STACKS.map((name) => the(stacks.find(({ stackName }) => stackName === `${namespace}-${name}`)));
      const parts = localPartOf(
        templates.map(({ template }) => template),
        { instead: await localStores(), everywhere: { NODE_OPTIONS: END_WITH_ENGINE, STRIPE_API_URL: stripe.apiUrl } },
      );
      await uploadBundles(directory, `${stage.name}-functions`);
      for (const [n, part] of parts.entries()) await deploy(`${namespace}-${STACKS[n]}`, part);
      await connectStream();
      const masterKey = await fillInSecrets();
      await call('set-up', {});
      await fillShop(masterKey);
    });

    after(async () => {
      lambda?.destroy();
      s3?.destroy();
      await stripe?.stop();
    });

    it('bring an order from API Gateway to every read model through the event-source mappings', async function () {
      this.timeout(SET_UP_TIMEOUT_MS);
      const { token } = await command('identity', 'POST', '/v1/sessions', undefined, {});
      const { id } = await command('order', 'POST', '/v1/carts', token, { currency: 'GBP' });
      const cart = `/v1/carts/${id}`;
      await command('order', 'POST', `${cart}/lines`, token, ALL_MUGS);
      await command('order', 'PUT', `${cart}/shipping-address`, token, ADDRESS);
      const { total } = await command('order', 'PUT', `${cart}/shipping-method`, token, { method: 'standard' });
      const payment = { paymentMethod: 'pm_card_visa', email: 'ada@example.com', total };
      const order = await command('order', 'POST', `${cart}/checkout`, token, payment);
      // The function that checks out has called the one that has Stripe's key.
      expect(stripe.requests.map(({ method, path }) => `${method} ${path}`)).to.include('POST /v1/payment_intents');

      const mine = { Authorization: `Bearer ${token}` };
      await eventually('Postgres has the order', async () => {
        const { status } = await query('order', `/v1/orders/${order.id}`, mine);
        expect(status).to.equal('confirmed');
      });
      const soldOut = (product: { variants: { sku: string; inStock: boolean }[] }) =>
        expect(product.variants.find(({ sku }) => sku === ALL_MUGS.sku)).to.include({ inStock: false });
      await eventually('MongoDB has the product without stock', async () => {
        const { data } = await query('product', '/v1/products');
        soldOut(data.find((product: { id: string }) => product.id === 'product_mug'));
      });
      await eventually('Redis has its page', async () => soldOut(await query('product', '/v1/products/product_mug')));
      await eventually('OpenSearch has it', async () =>
        soldOut((await query('search', '/v1/search', {}, { q: 'mug' })).data[0]),
      );

      const { EventSourceMappings = [] } = await lambda.send(new ListEventSourceMappingsCommand({}));
      const ofStream = EventSourceMappings.filter(({ EventSourceArn }) => EventSourceArn?.endsWith('-commits'));
      expect(ofStream.map(({ FunctionArn }) => FunctionArn?.split(':').slice(6).join(':'))).to.have.members(
        ['postgres', 'mongodb', 'opensearch', 'redis'].map((store) => `${namespace}-projector-${store}:live`),
      );
      for (const { LastProcessingResult } of ofStream) expect(LastProcessingResult).to.match(/^OK/);
    });

    // ── The deployment ───────────────────────────────────────────────────────────────────────────────────────────────────

    /** The engines of this machine have no passwords, certificates or roles. */
    async function localStores() {
      const { readModels } = schemasOf({ profile: 'aws', namespace, isLogInPostgres: false });
      const url = new URL(await engines.freshDatabase());
      // In AWS, RDS Proxy begins every session like this.
      url.searchParams.set('options', `-c search_path=${readModels}`);
      return {
        DATABASE_URL: url.href,
        DATABASE_URL_SECRET_ARN: undefined,
        MONGODB_URL: engines.mongodb(),
        MONGODB_URL_SECRET_ARN: undefined,
        OPENSEARCH_URL: engines.opensearch(),
        COMMERCE_SEARCH_ROLES: undefined,
        REDIS_URL: engines.redis(),
        REDIS_URL_SECRET_ARN: undefined,
        COMMERCE_REDIS_CLUSTER: '0',
        NODE_EXTRA_CA_CERTS: undefined,
        // A guest gets no mail.
        SMTP_URL_SECRET_ARN: undefined,
      };
    }

    /** As the CDK does before it deploys. */
    async function uploadBundles(directory: string, stack: string): Promise<void> {
      await s3.send(new CreateBucketCommand({ Bucket: assets }));
      const { files } = JSON.parse(await readFile(join(directory, `${stack}.assets.json`), 'utf8')) as AssetManifest;
      const [python, folder] = [join(await pythonEngines(), 'python'), await freshFolder()];
      for (const { source, destinations } of Object.values(files)) {
        if (source.packaging !== 'zip') continue;
        const zip = join(folder, 'bundle.zip');
        const bundle = join(directory, source.path, 'index.mjs');
        await promisify(execFile)(python, ['-m', 'zipfile', '-c', zip, bundle]);
        await upload(the(Object.values(destinations)[0]).objectKey, await readFile(zip));
      }
    }

    async function upload(Key: string, Body: string | Buffer): Promise<void> {
      await s3.send(new PutObjectCommand({ Bucket: assets, Key, Body }));
    }

    /** A template in a request may have 51,200 bytes, one in a bucket a million. */
    async function deploy(StackName: string, template: object): Promise<void> {
      const key = `${StackName}.json`;
      await upload(key, JSON.stringify(template));
      const TemplateURL = `${aws.endpoint}/${assets}/${key}`;
      await cloudFormation({
        Action: 'CreateStack',
        StackName,
        TemplateURL,
        'Capabilities.member.1': 'CAPABILITY_NAMED_IAM',
      });
      await eventually(`${StackName} is deployed`, async () => {
        const described = await cloudFormation({ Action: 'DescribeStacks', StackName });
        expect(/<StackStatus>(\w+)/.exec(described)?.[1], described).to.equal('CREATE_COMPLETE');
      });
    }

    async function cloudFormation(parameters: Record<string, string>): Promise<string> {
      const credential = `local/20260101/${aws.region}/cloudformation/aws4_request`;
      const answer = await fetch(aws.endpoint, {
        method: 'POST',
        headers: { Authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=host, Signature=local` },
        body: new URLSearchParams({ Version: '2010-05-15', ...parameters }),
      });
      const text = await answer.text();
      expect(answer.status, text).to.equal(200);
      return text;
    }

    /** The engine has ignored the Kinesis destination and the recovery of the table. */
    async function connectStream(): Promise<void> {
      const client = createDynamoClient(aws);
      const streamArn = `arn:aws:kinesis:${aws.region}:${ACCOUNT}:stream/${namespace}-commits`;
      await createEventsTable({ client, table: `${namespace}-events`, streamArn });
      client.destroy();
    }

    async function fillInSecrets(): Promise<string> {
      const { privateKey } = await generateKeyPair('ES256', { extractable: true });
      const { d, ...publicKey } = await exportJWK(privateKey);
      const masterKey = randomBytes(32).toString('base64');
      const secrets = {
        masterKey,
        tokenKey: JSON.stringify({ ...publicKey, d }),
        tokenPublicKey: JSON.stringify(publicKey),
        stripeKey: stripe.secretKey,
      };
      const client = new SecretsManagerClient(clientConfig(aws, CALL_TIMEOUT_MS));
      for (const [name, SecretString] of Object.entries(secrets))
        await client.send(new PutSecretValueCommand({ SecretId: `${namespace}/${name}`, SecretString }));
      client.destroy();
      return masterKey;
    }

    /** The first data, by a program outside of the functions. */
    async function fillShop(masterKey: string): Promise<void> {
      const shop = await openFunction(recordParts, {
        COMMERCE_PROFILE: 'aws',
        COMMERCE_NAMESPACE: namespace,
        COMMERCE_LOG: 'silent',
        COMMERCE_MASTER_KEY: masterKey,
        AWS_ENDPOINT_URL: aws.endpoint,
        AWS_REGION: aws.region,
      });
      const [runner, store] = await Promise.all([shop.get('runner'), shop.get('eventStore')]);
      await fillEmptyShop({ runner, store }, new AbortController().signal);
      await shop.close();
    }

    // ── Callers ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    async function command(
      service: string,
      httpMethod: string,
      path: string,
      token: string | undefined,
      body: object,
    ): Promise<Answer['body']> {
      const answer = answerOf(await call(`${service}-commands`, apiGatewayEvent({ httpMethod, path, token, body })));
      expect(answer.status, `${path}: ${JSON.stringify(answer.body)}`).to.be.within(200, 299);
      return answer.body;
    }

    async function query(
      service: string,
      path: string,
      headers: Record<string, string> = {},
      parameters: Record<string, string> = {},
    ): Promise<Answer['body']> {
      const answer = answerOf(await call(`${service}-queries`, albEvent({ path, headers, query: parameters })));
      expect(answer.status, `${path}: ${JSON.stringify(answer.body)}`).to.equal(200);
      return answer.body;
    }

    async function call(name: string, event: object): Promise<unknown> {
      const Payload = Buffer.from(JSON.stringify(event));
      const invoked = await lambda.send(new InvokeCommand({ FunctionName: `${namespace}-${name}:live`, Payload }));
      const answer = Buffer.from(invoked.Payload ?? []).toString();
      expect(invoked.FunctionError, `${name}: ${answer}`).to.equal(undefined);
      return JSON.parse(answer);
    }
  });
}

interface AssetManifest {
  files: Record<
    string,
    { source: { path: string; packaging: string }; destinations: Record<string, { objectKey: string }> }
  >;
}
