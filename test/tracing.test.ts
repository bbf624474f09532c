// A request with a trace, from HTTP through command and append to the read models, as a collector sees it.
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { describeWith } from './engines.js';
import { type Collector, type ReceivedSpan, startCollector } from './otlp.js';
import {
  type Environment,
  endPrograms,
  eventually,
  freshFolder,
  once,
  type RunningShop,
  startShop,
} from './running-shop.js';
import { the } from './the.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const CALLER = '00f067aa0ba902b7';
const TRACED = { traceparent: `00-${TRACE}-${CALLER}-01` };

describeWith('postgres', 'The traces of a shop', function (engines) {
  this.timeout(120_000);
  let collector: Collector;
  let shop: RunningShop;
  let environment: Environment;

  before(async () => {
    collector = await startCollector();
    environment = {
      COMMERCE_DATA: await freshFolder(),
      DATABASE_URL: await engines.freshDatabase(),
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_BSP_SCHEDULE_DELAY: '200',
    };
    shop = await startShop(environment, ['--empty']);
  });

  after(async () => {
    await endPrograms();
    await collector.close();
  });

  const ofTrace = (traceId: string) => collector.spans.filter((span) => span.traceId === traceId);
  const one = (spans: readonly ReceivedSpan[], name: string | RegExp) =>
    the(spans.find((span) => (typeof name === 'string' ? span.name === name : name.test(span.name))));

  it('lead from the caller through request, command and append to the read model', async () => {
    const guest = await shop.guest();
    const { body, headers } = await guest.post('/v1/carts', { currency: 'GBP' }, TRACED);
    const [request, command, append, project, visible] = await eventually('the spans are there', () => {
      const spans = ofTrace(TRACE);
      return [
        one(spans, 'POST /v1/carts'),
        one(spans, /^cart /),
        one(spans, 'append cart'),
        one(spans, 'project Postgres'),
        one(spans, 'visible in Postgres'),
      ] as const;
    });
    expect(request).to.include({ parentSpanId: CALLER });
    expect(request.attributes).to.deep.equal({
      'http.request.method': 'POST',
      'http.route': '/v1/carts',
      'http.response.status_code': 201,
    });
    expect(command.parentSpanId).to.equal(request.spanId);
    expect(append.parentSpanId).to.equal(command.spanId);
    expect(append.attributes).to.include({ 'commerce.commit_no': 1, 'commerce.appended': true });
    for (const span of [project, visible]) expect(span.parentSpanId).to.equal(request.spanId);
    expect(append.endMs).to.be.at.most(visible.endMs);

    const auditor = await shop.staff('auditor');
    const id = the(headers.get('x-request-id'));
    expect(id).to.match(new RegExp(`\\.00-${TRACE}-${request.spanId}-01$`));
    const log = await auditor.get(`/v1/audit/streams/cart%23${body.id.replace('cart_', '')}`);
    expect(JSON.stringify(log.body)).to.include(`"correlationId":"${id}"`);
  });

  it('keep the id that a caller has given the request', async () => {
    const guest = await shop.guest();
    const headers = { ...TRACED, traceparent: `00-${'a'.repeat(32)}-${CALLER}-01`, 'X-Request-Id': 'my-own-id' };
    const { headers: answer } = await guest.post('/v1/carts', { currency: 'GBP' }, headers);
    expect(answer.get('x-request-id')).to.equal('my-own-id');
    await eventually('the append is there', () => one(ofTrace('a'.repeat(32)), 'append cart'));
  });

  it('leave out a request whose caller does not sample it, and its events', async () => {
    const guest = await shop.guest();
    const trace = 'b'.repeat(32);
    const { headers } = await guest.post('/v1/carts', { currency: 'GBP' }, { traceparent: `00-${trace}-${CALLER}-00` });
    expect(headers.get('x-request-id')).to.match(/^\w{26}$/);
    await delay(500);
    expect(ofTrace(trace)).to.deep.equal([]);
  });

  it('name routes, ids and types, and no value of a person', async () => {
    const guest = await shop.guest();
    const { body } = await guest.post('/v1/carts', { currency: 'GBP' });
    const address = {
      name: 'Zoë Kanariensis',
      line1: '4711 Canary Wharf',
      city: 'London',
      postcode: 'E14 5AB',
      country: 'GB',
    };
    await guest.put(`/v1/carts/${body.id}/shipping-address`, address, once());
    await guest.put(`/v1/carts/${body.id}/email`, { email: 'zoe@kanarien.example' }, once());
    await eventually('they are there', () => one(collector.spans, 'PUT /v1/carts/{id}/shipping-address'));
    await delay(500);
    for (const canary of ['Kanariensis', '4711', 'E14 5AB', 'zoe@']) expect(collector.text()).not.to.include(canary);
  });

  it('do not stop a shop whose collector is away', async () => {
    await collector.close();
    const guest = await shop.guest();
    for (let n = 0; n < 5; n++) expect((await guest.post('/v1/carts', { currency: 'GBP' })).status).to.equal(201);
    await shop.stop();
  });
});
