// The operations by example: their records in the log, and a payment whose provider does not answer.
import { expect } from 'chai';
import type { RecordedEvent } from '../../domain/kernel/event.js';
import { streamOf } from '../../domain/kernel/id.js';
import { OPS, ops } from '../../domain/ops/ops.js';
import type { Quarantine, Quarantined } from '../../domain/ops/quarantine.js';
import { order } from '../../domain/order/order.js';
import { PARKED_AFTER_MS } from '../../domain/payment/parked.js';
import { payment } from '../../domain/payment/payment.js';
import { createTestProvider } from '../../infra/payments/test-provider.js';
import { opsQueries, parkedPayments } from '../../read-api/queries/ops.js';
import { callerOf, problemOf } from '../../test/call-endpoint.js';
import { ADA, createShop, fill, sell, unsealed } from '../../test/shop.js';
import { opsEndpoints } from './endpoints.js';
import { createOperations } from './operations.js';

const OPERATOR = { role: 'ops', id: 'staff_olga' } as const;
const entry: Quarantined = {
  id: 'Q1',
  projection: 'orders',
  version: 'v1',
  stream: 'order#1',
  commitNo: 3,
  error: 'no room',
  since: '2026-01-01T00:00:00.000Z',
};

function createWorld() {
  const clock = { now: Date.now() };
  const provider = createTestProvider();
  let isSilent = false;
  const silent = {
    ...provider,
    authorise: async (...asked: Parameters<typeof provider.authorise>) => {
      if (isSilent) throw new Error('no answer');
      return provider.authorise(...asked);
    },
  };
  const shop = createShop({ clock: () => clock.now, provider: silent });
  const { runner, store, processes } = shop;
  let stuck = [entry];
  let released = 0;
  const quarantine: Quarantine = {
    list: async () => stuck,
    retry: async () => undefined,
    async release() {
      released++;
    },
  };
  const { checkout, settlement } = processes;
  const targets = ['agenda', 'orders'];
  const operations = createOperations({ runner, quarantine, targets, personal: unsealed, checkout, settlement });
  const agenda = {
    due: async () => [{ kind: 'payment', paymentId: 'payment_1', orderId: 'order_1' } as const],
  };
  const queries = opsQueries({ quarantine, targets, store, agenda, states: runner, clock: () => clock.now });
  const call = callerOf([...opsEndpoints({ operations }), ...queries], () => clock.now);
  const recorded = async () => {
    const events: RecordedEvent[] = [];
    for await (const commit of store.read(OPS)) events.push(...commit.events);
    return events.map(({ type, actor, data }) => ({ type, by: actor.id, ...(data as object) }));
  };
  return {
    clock,
    shop,
    call: (target: string, body?: unknown, key?: string) =>
      call(target, { caller: OPERATOR, ...(body !== undefined && { body }), ...(key && { key }) }),
    recorded,
    released: () => released,
    free: () => {
      stuck = [];
    },
    silence: (value: boolean) => {
      isSilent = value;
    },
  };
}

describe('The operations', () => {
  it('are recorded with their actor and reason', async () => {
    const { call, recorded, released } = createWorld();
    const { projection, stream, commitNo } = entry;
    const commit = { projection, stream, commitNo };
    expect((await call('post /v1/ops/quarantine/Q1/retry', { reason: 'mended' })).body).to.include({
      status: 'applied',
    });
    expect((await call('post /v1/ops/quarantine/Q1/skip', { reason: 'a test' })).status).to.equal(201);
    await call('post /v1/ops/skips/Q1/end', { reason: 'no test' });
    await call('post /v1/ops/work/orders/pause', { reason: 'moving' });
    await call('post /v1/ops/work/orders/resume', undefined);
    const [retried, ...others] = await recorded();
    expect(retried).to.include({ type: 'QuarantineRetried', by: OPERATOR.id, reason: 'mended', ...commit });
    expect(others).to.deep.equal([
      { type: 'CommitSkipped', by: OPERATOR.id, skipId: 'Q1', ...commit, reason: 'a test' },
      { type: 'CommitSkipEnded', by: OPERATOR.id, skipId: 'Q1', ...commit, reason: 'no test' },
      { type: 'WorkPaused', by: OPERATOR.id, target: 'orders', reason: 'moving' },
      { type: 'WorkResumed', by: OPERATOR.id, target: 'orders' },
    ]);
    expect(released()).to.equal(4);
  });

  it('are shown until they are undone, with who did them', async () => {
    const { call } = createWorld();
    expect((await call('get /v1/ops/quarantine')).body.data).to.deep.equal([entry]);
    await call('post /v1/ops/quarantine/Q1/skip', { reason: 'a test' });
    await call('post /v1/ops/work/agenda/pause', { reason: 'moving' });
    const [skip] = (await call('get /v1/ops/skips')).body.data;
    expect(skip).to.deep.include({ id: 'Q1', commitNo: 3, reason: 'a test' });
    expect(skip.by.id).to.equal(OPERATOR.id);
    const work = (await call('get /v1/ops/work')).body.data;
    expect(
      work.map(({ target, paused }: { target: string; paused: { reason: string } | null }) => [target, paused?.reason]),
    ).to.deep.equal([
      ['agenda', 'moving'],
      ['orders', undefined],
    ]);
    await call('post /v1/ops/skips/Q1/end', { reason: 'x' });
    await call('post /v1/ops/work/agenda/resume', {});
    expect((await call('get /v1/ops/skips')).body.data).to.deep.equal([]);
    expect((await call('get /v1/ops/work')).body.data[0].paused).to.equal(null);
  });

  it('are repeated without effect, also a skip that has freed its stream', async () => {
    const { call, recorded, free } = createWorld();
    const first = await call('post /v1/ops/quarantine/Q1/skip', { reason: 'a test' }, 'key');
    free();
    expect((await call('post /v1/ops/quarantine/Q1/skip', { reason: 'a test' }, 'key')).body).to.deep.equal(first.body);
    expect(await recorded()).to.have.length(1);
  });

  it('refuse what there is not', async () => {
    const { call, recorded, shop } = createWorld();
    for (const [target, body] of [
      ['post /v1/ops/quarantine/none/retry', {}],
      ['post /v1/ops/quarantine/none/skip', { reason: 'x' }],
      ['post /v1/ops/skips/none/end', { reason: 'x' }],
      ['post /v1/ops/work/none/pause', { reason: 'x' }],
      ['post /v1/ops/payments/payment_none/resolve', { operationId: 'x', outcome: 'done', reason: 'x' }],
    ] as const) {
      await problemOf(call(target, body), 'not_found');
    }
    expect(await recorded()).to.deep.equal([]);
    expect((await shop.runner.load(ops, OPS)).position.commitNo).to.equal(0);
  });

  for (const outcome of ['done', 'failed'] as const) {
    it(`resolve a payment whose provider is silent as ${outcome}, and its checkout goes on`, async () => {
      const { clock, shop, call, silence } = createWorld();
      await sell(shop, 'MUG', 500);
      const cartId = await fill(shop, { MUG: 1 });
      silence(true);
      const checkout = { caller: ADA, body: { paymentMethod: 'pm_card_visa', email: 'ada@example.com' } };
      const waiting = await shop.call(`post /v1/carts/${cartId}/checkout`, checkout);
      expect(waiting.status).to.equal(202);
      const paymentId = waiting.body.id.replace('order_', 'payment_');
      const ledger = async () => (await shop.runner.load(payment, streamOf(paymentId))).state;
      const operationId = (await ledger())?.authorisation?.operationId;
      const resolution = { operationId, outcome, providerRef: 'ref_1', reason: 'seen in the dashboard' };
      await problemOf(call(`post /v1/ops/payments/${paymentId}/resolve`, resolution), 'rule_violated');

      clock.now += PARKED_AFTER_MS;
      const agenda = { due: async () => [{ kind: 'payment', paymentId, orderId: waiting.body.id } as const] };
      const [parked] = await parkedPayments({ agenda, states: shop.runner, now: clock.now });
      expect(parked?.operations[0]).to.include({ operationId, kind: 'authorisation', amount: 500 });
      const resolved = await call(`post /v1/ops/payments/${paymentId}/resolve`, resolution);
      expect(resolved.body).to.include({ paymentId, operationId, outcome });
      expect((await ledger())?.status).to.equal(outcome === 'done' ? 'authorised' : 'declined');
      const { state } = await shop.runner.load(order, streamOf(waiting.body.id));
      expect(state?.status).to.equal(outcome === 'done' ? 'confirmed' : 'rejected');
      expect(await parkedPayments({ agenda, states: shop.runner, now: clock.now })).to.deep.equal([]);
    });
  }
});
