// What auditors do with the running product, on the command line and over HTTP.
import { expect } from 'chai';
import { describeWith } from './engines.js';
import {
  commerce,
  type Environment,
  endPrograms,
  eventually,
  once,
  PROFILES,
  type RunningShop,
  startShop,
} from './running-shop.js';
import { ADDRESS } from './shop.js';
import { the } from './the.js';

const EMBEDDED = the(PROFILES.find(({ name }) => name === 'embedded'));

describeWith('postgres', 'An auditor', function (engines) {
  this.timeout(120_000);
  let environment: Environment;
  let shop: RunningShop;
  let stream: string;
  let request: string;

  before(async () => {
    environment = await EMBEDDED.freshEnvironment(engines);
    shop = await startShop(environment);
    const ada = await shop.guest();
    const { body: cart } = await ada.post('/v1/carts', { currency: 'GBP' });
    const { body: products } = await ada.get('/v1/search?inStock=true&limit=1');
    await ada.post(`/v1/carts/${cart.id}/lines`, { sku: products.data[0].variants[0].sku, quantity: 1 });
    await ada.put(`/v1/carts/${cart.id}/shipping-address`, ADDRESS);
    await ada.put(`/v1/carts/${cart.id}/shipping-method`, { method: 'standard' });
    const body = { paymentMethod: 'pm_card_visa', email: 'ada@example.com' };
    const placed = await ada.post(`/v1/carts/${cart.id}/checkout`, body, once());
    expect(placed.status, JSON.stringify(placed.body)).to.equal(201);
    stream = `order#${placed.body.id.slice('order_'.length)}`;
    request = the(placed.headers.get('x-request-id'));
  });

  after(endPrograms);

  const run = (...args: string[]) => commerce(args, environment);

  it('traces a request at once, by its id alone', async () => {
    const { code, stdout } = await run('trace', request);
    expect(code).to.equal(0);
    expect(stdout)
      .to.match(/\d+ events in \d+ streams/)
      .and.include('CartSubmitted')
      .and.include(`OrderPlaced  ${stream} version 1`);
    expect(stdout).to.match(/ {3}[├└]─ \S+\/ReserveStock\S+\n {3}[│ ] {2}└─ StockReserved/);
    const json = JSON.parse((await run('trace', request, '--json')).stdout);
    expect(json.events.map(({ correlationId }: { correlationId: string }) => correlationId)).to.deep.equal(
      json.events.map(() => request),
    );
  });

  it('replays a stream up to a version or a time, for people and for machines', async () => {
    const { stdout } = await run('replay', stream, '--at', '1');
    expect(stdout)
      .to.include('1 OrderPlaced')
      .and.include(`State of ${stream} at version 1`)
      .and.include("status: 'placed'");
    expect(stdout)
      .to.match(/email: \(sealed: customer_\w+\)/)
      .and.not.include('ada@example.com');
    const { events, state, version } = JSON.parse((await run('replay', stream, '--json')).stdout);
    expect(events.map((event: { version: number }) => event.version)).to.deep.equal([1, 2]);
    expect({ version, status: state.status }).to.deep.equal({ version: 2, status: 'confirmed' });
    const earlier = JSON.parse((await run('replay', stream, '--at', events[0].at, '--json')).stdout);
    expect(earlier.version).to.equal(1);
  });

  it('opens personal data as somebody who may, and is recorded', async () => {
    const added = JSON.parse((await run('staff', 'add', 'Ines', '--role', 'auditor', '--json')).stdout);
    const { stdout } = await run('replay', stream, '--open', '--staff', added.id);
    expect(stdout).to.include("email: 'ada@example.com'").and.include(ADDRESS.line1);
    const day = new Date().toISOString().slice(0, 10);
    const openings = await run('replay', `openings#staff@${added.id}@${day}`, '--json');
    const { data } = JSON.parse(openings.stdout).events[0];
    expect(data.purpose).to.equal('commerce replay --open');
    expect(data.subjects).to.have.length(1);

    const support = JSON.parse((await run('staff', 'add', 'Sue', '--role', 'support', '--json')).stdout);
    const refused = await run('replay', stream, '--open', '--staff', support.id);
    expect(refused).to.include({ code: 1, stdout: '' });
    expect(refused.stderr).to.include('has the role support; only an auditor may open personal data.');
  });

  it('is told in one line what there is', async () => {
    for (const [args, code, told] of [
      [['replay', 'order#0'], 1, 'There is no stream order#0;'],
      [['replay', stream, '--at', '99'], 1, `${stream} has only the versions 1 to 2.`],
      [['replay', stream, '--at', 'noon'], 2, 'It must be an event version such as 3, or a time'],
      [['replay', stream, '--open'], 2, '--open needs --staff ID'],
      [['trace', 'nobody'], 1, 'no event has the correlation id nobody;'],
    ] as const) {
      const finished = await run(...args);
      expect(finished, args.join(' ')).to.include({ code, stdout: '' });
      expect(finished.stderr).to.include(told);
      expect(finished.stderr.trimEnd()).not.to.include('\n');
    }
  });

  it('pages the log over HTTP, which nobody else may', async () => {
    const auditor = await shop.staff('auditor');
    const { body } = await eventually('the watermark has passed the order', async () => {
      const answer = await auditor.get(`/v1/audit/events?correlationId=${request}&type=OrderPlaced`);
      expect(answer.body.data).to.have.length(1);
      return answer;
    });
    expect(body.data[0]).to.include({ stream, version: 1, correlationId: request });
    const path = `/v1/audit/streams/${encodeURIComponent(stream)}`;
    expect((await auditor.get(path)).body.data).to.have.length(2);
    expect((await auditor.get(`${path}/state?at=1`)).body).to.deep.include({ stream, version: 1, final: true });
    expect((await auditor.get(`/v1/audit/orders?email=ada@example.com`)).body.data[0]).to.include({ stream });
    for (const role of ['support', 'catalogue', 'ops', 'customer'] as const) {
      const other = role === 'customer' ? await shop.guest() : await shop.staff(role);
      expect((await other.get('/v1/audit/events')).status, role).to.equal(403);
      expect((await other.get(`${path}/state`)).status, role).to.equal(403);
    }
    expect((await shop.anybody().get('/v1/audit/events')).status).to.equal(401);
    expect((await auditor.get('/v1/audit/events?category=nothing')).body.detail).to.include(
      'must be "cart" or "coupon"',
    );
  });
});
