// Rebuilds of all read models on the engines of the profile `aws`, of the built program beside a running one: with a writer, and with
// readers whose answers show what they have seen and whose lists do not shrink.
import { expect } from 'chai';
import { readConfig } from '../../infra/config.js';
import { openShop, type Shop } from '../../infra/modules/open-shop.js';
import { describeWith, freshName } from '../engines.js';
import { FIXTURE } from '../fixtures/online-retail.js';
import {
  type Caller,
  commerce,
  type Environment,
  endPrograms,
  eventually,
  PROFILES,
  type RunningShop,
  startShop,
} from '../running-shop.js';
import { the } from '../the.js';

const TIMEOUT_MS = 300_000;

const aws = the(PROFILES.find(({ name }) => name === 'aws'));
const REBUILT = ['catalogue', 'product-search', 'product-page', 'units-sold'];

describeWith(aws.engines, 'Rebuilds on MongoDB, OpenSearch and Redis', function (engines) {
  this.timeout(TIMEOUT_MS);
  let environment: Environment;
  let shop: RunningShop;
  let auditor: Shop;
  let keeper: Caller;
  const sku = freshName('SKU').toUpperCase();
  const id = `product_${sku}`;

  before(async () => {
    environment = { ...(await aws.freshEnvironment(engines)), COMMERCE_LOG: 'silent' };
    await prints(['import', 'online-retail', FIXTURE, '--limit', '30']);
    shop = await startShop(environment);
    auditor = await openShop(readConfig(environment), { tell: console.error });
    keeper = await shop.staff('catalogue');
    const variants = [{ sku, prices: [{ amount: 1, currency: 'GBP' }] }];
    const created = await keeper.post('/v1/products', { id, title: `Thing ${sku}`, categories: ['rebuilt'], variants });
    expect(created.status, JSON.stringify(created.body)).to.equal(201);
    expect((await keeper.post(`/v1/products/${id}/publish`)).status).to.be.below(300);
  });
  after(async () => {
    await auditor?.close();
    await endPrograms();
  });

  it('switch under writes and reads, equal the log, and are rolled back', async () => {
    const ended = new AbortController();
    const beside = Promise.all([writing(ended.signal), reading(ended.signal)]);
    beside.catch(() => ended.abort());
    try {
      const rebuilt = await prints(['rebuild', ...REBUILT, '--verify', 'full']);
      const lines = rebuilt.trim().split('\n').sort();
      expect(lines.map((line) => line.replace(/version \d+/, 'version N'))).to.deep.equal(
        REBUILT.map((name) => `${name} is served from version N.2.`).sort(),
      );
      await expectEqual();
      const ops = await shop.staff('ops');
      for (const name of REBUILT) {
        const { status, body } = await ops.post(`/v1/ops/projections/${name}/rollback`);
        expect([status, body.version.replace(/^\d+/, 'N')], name).to.deep.equal([200, 'N.1']);
      }
      await expectEqual();
    } finally {
      ended.abort();
      await beside;
    }
  });

  /** Each price is higher than the last one, and the writer sees it at once in every store. */
  async function writing(signal: AbortSignal): Promise<void> {
    for (let amount = 2; !signal.aborted; amount++) {
      const prices = [{ amount, currency: 'GBP' }];
      const { status } = await keeper.put(`/v1/products/${id}/variants/${sku}/prices`, { prices });
      expect(status).to.equal(200);
      for (const path of [`/v1/products/${id}`, '/v1/products?category=rebuilt', `/v1/search?q=${sku}`])
        expect(pricesIn((await keeper.get(path)).body), path).to.deep.equal(prices);
    }
  }

  async function reading(signal: AbortSignal): Promise<void> {
    const anybody = shop.anybody();
    const longest = new Map<string, number>();
    while (!signal.aborted) {
      for (const path of ['/v1/products?limit=100', '/v1/search?q=white']) {
        const { status, body } = await anybody.get(path);
        expect(status, path).to.equal(200);
        expect(body.data.length, `${path} does not shrink`).to.be.at.least(longest.get(path) ?? 1);
        longest.set(path, body.data.length);
        expect(body.data.every((product: { title?: string }) => product.title)).to.equal(true);
      }
    }
  }

  /** In another process than the shop, as `diff` does it. */
  async function expectEqual(): Promise<void> {
    const { differences } = await auditor.get('readModels');
    await (await auditor.get('decisions')).refresh();
    for (const name of REBUILT) {
      // Beside a writer a document may differ for a moment.
      await eventually(`${name} equals the log`, async () => {
        for await (const difference of the(differences(name, { repair: false })))
          expect(difference).to.equal(undefined);
      });
    }
  }

  async function prints(args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await commerce(args, environment);
    expect(code, `${args.join(' ')}: ${stdout}${stderr}`).to.equal(0);
    return stdout;
  }
});

// biome-ignore lint/suspicious/noExplicitAny: an answer
function pricesIn(body: any): unknown {
  const product = body.data ? body.data[0] : body;
  return product?.variants[0].prices;
}
