// A shop made by `import-log` from the archive of another shop has its log, but not its keys. It shows personal values as those of forgotten
// customers, in all that it answers, and goes on.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { siblingId } from '../domain/kernel/id.js';
import { describeWith } from './engines.js';
import {
  type Caller,
  callerAt,
  commerce,
  type Environment,
  endPrograms,
  expectProblem,
  freshFolder,
  once,
  PROFILES,
  type RunningShop,
  startShop,
} from './running-shop.js';
import { ADDRESS } from './shop.js';
import { the } from './the.js';

const EMBEDDED = the(PROFILES.find(({ name }) => name === 'embedded'));

const EMAIL = 'ada@example.com';

/** Queries that need a filter. */
const FILTERS: Readonly<Record<string, string>> = {
  '/v1/audit/orders': `?email=${EMAIL}`,
  '/v1/search/suggest': '?q=mu',
};

/** Endpoints that have nothing to show in such a shop. */
const EMPTY = ['/v1/coupons/{code}', '/v1/ops/projections/{name}/rebuilds/{build}'];

describeWith('postgres', 'A shop that was made from a log without its keys', function (engines) {
  this.timeout(120_000);
  let environment: Environment;
  let shop: RunningShop;
  let support: Caller;
  /** The customer and what they have left behind, by the first part of a path. */
  let ids: Record<string, string>;

  before(async () => {
    const first = await EMBEDDED.freshEnvironment(engines);
    const folder = await freshFolder();
    const [exported, file] = [`${folder}/exported.jsonl`, `${folder}/archived.jsonl`];
    ids = await leaveSomething(first);
    environment = await EMBEDDED.freshEnvironment(engines);
    const succeeds = async (args: string[], where: Environment) =>
      expect(await commerce(args, where)).to.include({ code: 0, stderr: '' });
    await succeeds(['export', exported], first);
    await succeeds(['export', '--archive', await archiveFolderOf(first), file], first);
    await succeeds(['import-log', file], environment);
    expect(await readFile(file, 'utf8')).to.equal(await readFile(exported, 'utf8'));
    shop = await startShop(environment);
    support = await shop.staff('support');
  });

  after(endPrograms);

  async function leaveSomething(environment: Environment): Promise<typeof ids> {
    const shop = await startShop(environment);
    const support = await shop.staff('support');
    const ada = await shop.guest();
    const filled = async () => {
      const { id } = (await ada.post('/v1/carts', { currency: 'GBP' })).body;
      await ada.post(`/v1/carts/${id}/lines`, { sku: 'MUG-BLUE', quantity: 2 });
      await ada.put(`/v1/carts/${id}/shipping-address`, ADDRESS);
      await ada.put(`/v1/carts/${id}/shipping-method`, { method: 'standard' });
      return id;
    };
    const cart = await filled();
    const checkout = { paymentMethod: 'pm_card_visa', email: EMAIL };
    const placed = await ada.post(`/v1/carts/${cart}/checkout`, checkout, once());
    expect(placed.status, JSON.stringify(placed.body)).to.equal(201);
    const orders = placed.body.id;
    const { body: product } = await ada.get('/v1/products?limit=1');
    const { body: shipment } = await support.post(`/v1/orders/${orders}/shipments`, {
      lines: [{ lineId: '1', quantity: 1 }],
    });
    await support.post(`/v1/shipments/${shipment.id}/dispatch`);
    await support.post(`/v1/shipments/${shipment.id}/deliver`);
    const lines = [{ lineId: '1', quantity: 1, reason: 'It has a chip' }];
    const { body: returned } = await ada.post(`/v1/orders/${orders}/returns`, { lines }, once());
    expect((await commerce(['staff', 'add', 'Sue', '--role', 'support'], environment)).code).to.equal(0);
    const left = {
      customer: ada.customerId,
      carts: await filled(),
      orders,
      payments: siblingId('payment', orders),
      products: product.data[0].id,
      returns: returned.id,
      shipments: shipment.id,
      stock: 'MUG-BLUE',
      audit: `order#${orders.slice('order_'.length)}`,
    };
    await shop.stop();
    return left;
  }

  async function customer(): Promise<Caller> {
    const { stdout } = await commerce(['token', '--role', 'customer', '--customer', the(ids.customer)], environment);
    return callerAt(shop.url, stdout.trim());
  }

  it('answers every query of the API, to each role that may ask it', async () => {
    const asking: Record<string, Caller> = { customer: await customer(), support };
    for (const role of ['catalogue', 'ops', 'auditor'] as const) asking[role] = await shop.staff(role);
    const { paths } = (await shop.anybody().get('/openapi.json')).body;
    // A stream of events lasts 20 s, and its handler is that of another query.
    const isQuery = (path: string) => paths[path].get?.responses[200].content?.['application/json'];
    const queries = Object.keys(paths).filter((path) => path.startsWith('/v1/') && isQuery(path));
    expect(queries.length).to.be.above(25);
    for (const query of queries) {
      const path = query.replaceAll(/\{\w+\}/g, encodeURIComponent(ids[the(query.split('/')[2])] ?? 'none'));
      const asked = path + (FILTERS[query] ?? '');
      const answers = await Promise.all(Object.values(asking).map((caller) => caller.get(asked)));
      const statuses = answers.map(({ status }) => status);
      expect(statuses, `${asked}: ${JSON.stringify(answers)}`).to.include(EMPTY.includes(query) ? 404 : 200);
      for (const status of statuses) expect(status, asked).to.be.oneOf([200, 403, 404]);
      const told = JSON.stringify(answers.map(({ body }) => body));
      for (const text of [EMAIL, ADDRESS.line1, '4242']) expect(told, asked).not.to.include(text);
    }
  });

  it('shows an order without what is personal in it, and changes it as that of somebody forgotten', async () => {
    const order = `/v1/orders/${ids.orders}`;
    const { body } = await support.get(order);
    expect(body).to.include({ id: ids.orders, paymentStatus: 'partially_captured' });
    expect(body).not.to.have.any.keys('email', 'shippingAddress');
    expect((await support.get(`/v1/orders?email=${EMAIL}`)).body.data).to.deep.equal([]);
    expectProblem(await support.patch(`${order}/shipping-address`, { line1: '2 Mill Lane' }), 409, 'conflict');
  });

  it('lets a customer go on, with a new key; older values stay unreadable', async () => {
    const ada = await customer();
    const { body: cart } = await ada.post('/v1/carts', { currency: 'GBP' });
    expect((await ada.put(`/v1/carts/${cart.id}/shipping-address`, ADDRESS)).status).to.equal(200);
    expect((await ada.get(`/v1/carts/${cart.id}`)).body.shippingAddress).to.include(ADDRESS);
    const { status, body } = await ada.get(`/v1/orders/${ids.orders}`);
    expect(status).to.equal(200);
    expect(body).not.to.have.any.keys('email', 'shippingAddress');
  });

  it('says so to the operator and to auditors', async () => {
    expect(shop.program.stderr()).to.include('a personal value cannot be opened; it is shown as forgotten');
    const { stdout: members, code } = await commerce(['staff', 'list'], environment);
    expect({ code, knowsTheName: members.includes('Sue') }).to.deep.equal({ code: 0, knowsTheName: false });
    const added = await commerce(['staff', 'add', 'Ines', '--role', 'auditor', '--json'], environment);
    const replay = ['replay', the(ids.audit), '--open', '--staff', JSON.parse(added.stdout).id];
    const opened = await commerce(replay, environment);
    expect(opened.code, opened.stderr).to.equal(0);
    expect(opened.stdout).to.match(
      /email: \{ forgotten: true, because: 'it was changed or sealed with another key' \}/,
    );
    expect((await commerce(['diff', 'orders'], environment)).code).to.equal(0);
  });
});

/** The archive of the one shop in a data folder. */
async function archiveFolderOf({ COMMERCE_DATA }: Environment): Promise<string> {
  const objects = join(the(COMMERCE_DATA), 'objects');
  const [log] = await readdir(objects);
  return join(objects, the(log), 'archive');
}
