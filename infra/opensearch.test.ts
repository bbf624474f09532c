// Requests to Amazon OpenSearch Service are signed (Signature Version 4). The signature is computed here once more, from what a
// server receives.
import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { createDynamoClient } from './aws.js';
import { createOpenSearchClient, type SigningService } from './opensearch.js';

const REGION = 'eu-west-1';
const SECRET = 'a secret';

interface Received {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

describe('The client of OpenSearch', () => {
  let server: Server;
  let node: string;
  let received: Received[];

  before(async () => {
    server = createServer(async (request, answer) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const { method, url, headers } = request;
      received.push({ method: method!, url: url!, headers, body: Buffer.concat(chunks).toString() });
      answer.setHeader('Content-Type', 'application/json').end('{"hits":{"hits":[]}}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    node = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    received = [];
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  for (const service of ['es', 'aoss'] satisfies SigningService[]) {
    it(`signs requests to ${service}`, async () => {
      const credentials = async () => ({ accessKeyId: 'AKID', secretAccessKey: SECRET, sessionToken: 'a session' });
      const client = createOpenSearchClient({ node, signing: { region: REGION, service, credentials } });
      await client.search({ index: 'shop-products', body: { query: { match_all: {} } }, size: 3 });
      await client.get({ index: 'shop-store_mark', id: 'read models' });
      await client.close();
      expect(received).to.have.length(2);
      for (const request of received) {
        expect(request.headers['x-amz-security-token']).to.equal('a session');
        expect(request.headers['x-amz-content-sha256']).to.equal(sha256(request.body));
        expect(request.headers['x-amz-date']).to.match(/^\d{8}T\d{6}Z$/);
        expect(request.headers.authorization).to.equal(signatureOf(request, service));
      }
    });
  }

  it('signs with the credentials of the AWS clients', async () => {
    const dynamodb = createDynamoClient({ region: REGION, endpoint: node });
    const credentials = () => dynamodb.config.credentials();
    const client = createOpenSearchClient({ node, signing: { region: REGION, service: 'es', credentials } });
    await client.search({ index: 'products' });
    await client.close();
    dynamodb.destroy();
    expect(received[0]!.headers.authorization).to.match(/^AWS4-HMAC-SHA256 Credential=local\//);
  });

  it('signs nothing by default', async () => {
    const client = createOpenSearchClient({ node });
    await client.search({ index: 'products' });
    await client.close();
    expect(received[0]!.headers).not.to.have.any.keys('authorization', 'x-amz-date');
  });
});

/** By https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html. */
function signatureOf({ method, url, headers, body }: Received, service: string): string {
  const names = /SignedHeaders=([^,]+)/.exec(headers.authorization!)![1]!;
  const [path, query = ''] = url.split('?');
  const canonical = [
    method,
    service === 's3' ? path : path!.split('/').map(encodeURIComponent).join('/'),
    query.split('&').sort().join('&'),
    ...names.split(';').map((name) => `${name}:${headers[name]}`),
    '',
    names,
    sha256(body),
  ].join('\n');
  const time = headers['x-amz-date'] as string;
  const scope = `${time.slice(0, 8)}/${REGION}/${service}/aws4_request`;
  const key = scope.split('/').reduce<Buffer | string>((secret, part) => hmac(secret, part), `AWS4${SECRET}`);
  const signature = hmac(key, ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n')).toString('hex');
  return `AWS4-HMAC-SHA256 Credential=AKID/${scope}, SignedHeaders=${names}, Signature=${signature}`;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: Buffer | string, text: string): Buffer => createHmac('sha256', key).update(text).digest();
