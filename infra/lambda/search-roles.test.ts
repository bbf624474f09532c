import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client } from '@opensearch-project/opensearch';
import { expect } from 'chai';
import { ConfigError } from '../config.js';
import { giveSearchRights } from './search-roles.js';

describe('The rights of functions in OpenSearch', () => {
  const requests: { method: string | undefined; path: string | undefined; body: unknown }[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    requests.push({ method: request.method, path: request.url, body: JSON.parse(Buffer.concat(chunks).toString()) });
    response.writeHead(200, { 'Content-Type': 'application/json' }).end('{}');
  });
  let client: Client;

  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    client = new Client({ node: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  });
  after(async () => {
    await client.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it('are those of the indices of the shop alone; only those that index may write', async () => {
    await giveSearchRights(client, 'shop', JSON.stringify({ reads: ['arn:r'], indexes: ['arn:i'] }));
    const prefix = '/_plugins/_security/api';
    expect(requests.map(({ method, path }) => `${method} ${path}`)).to.deep.equal([
      `PUT ${prefix}/roles/shop-reads`,
      `PUT ${prefix}/rolesmapping/shop-reads`,
      `PUT ${prefix}/roles/shop-indexes`,
      `PUT ${prefix}/rolesmapping/shop-indexes`,
    ]);
    const [reads, readers, indexes, indexers] = requests.map(({ body }) => body);
    expect(readers).to.deep.equal({ backend_roles: ['arn:r'] });
    expect(indexers).to.deep.equal({ backend_roles: ['arn:i'] });
    for (const role of [reads, indexes])
      expect(role).to.have.nested.property('index_permissions[0].index_patterns[0]', 'shop-*');
    expect(JSON.stringify(reads)).to.not.match(/crud|write|create|delete|manage/);
    expect(JSON.stringify(indexes)).to.include('"crud"');
  });

  it('need a variable that can be read', async () => {
    for (const text of ['', '{', '{"reads":[]}', '[]']) {
      const failed = await giveSearchRights(client, 'shop', text).catch((error: unknown) => error);
      expect(failed, text)
        .to.be.instanceOf(ConfigError)
        .with.property('message')
        .that.includes('COMMERCE_SEARCH_ROLES');
    }
  });
});
