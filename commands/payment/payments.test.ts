import { expect } from 'chai';
import { eventTypes } from '../../domain/events.js';
import { orThrow } from '../../domain/kernel/errors.js';
import { streamOf } from '../../domain/kernel/id.js';
import type { PersonalData } from '../../domain/kernel/personal.js';
import { type PaymentCommand, payment } from '../../domain/payment/payment.js';
import { createCommitCodec } from '../../infra/event-store/codec.js';
import { createMemoryEventStore, createMemoryLog } from '../../infra/event-store/memory.js';
import { createTestProvider } from '../../infra/payments/test-provider.js';
import { paymentQuery } from '../../read-api/queries/payments.js';
import { createRefundView } from '../../read-api/views/refund.js';
import { callerOf, problemOf } from '../../test/call-endpoint.js';
import { testPaymentEndpoints } from '../checkout/test-payments.js';
import { createCommandRunner } from '../runtime/command-runner.js';
import { createPaymentOperations } from './operations.js';
import { paymentEndpoints } from './payments.js';

const SUPPORT = { role: 'support', id: 'support' } as const;
const origin = { correlationId: 'request', actor: { type: 'staff', id: 'tests' } } as const;
const GBP = (amount: number) => ({ amount, currency: 'GBP' });

const unsealed: PersonalData = {
  seal: async (event) => event,
  open: async (value) => value as never,
  sealFor: async (_subject, _place, value) => value,
  forget: async () => {},
};

function createWorld() {
  const codec = createCommitCodec(eventTypes);
  const store = createMemoryEventStore({ codec, log: createMemoryLog(), watermarkLagMs: 0 });
  const runner = createCommandRunner({ store, eventTypes, personal: unsealed, clock: Date.now });
  const bank = createTestProvider();
  const payments = createPaymentOperations({ runner, clock: Date.now, providers: { test: bank } });
  const changed: string[] = [];
  const onChange = async (paymentId: string) => {
    changed.push(paymentId);
    return { seen: new Map([[streamOf('checkout_1'), 3]]) };
  };
  const call = callerOf([
    ...paymentEndpoints({ runner, payments, personal: unsealed, view: createRefundView(unsealed) }),
    paymentQuery({ states: runner, personal: unsealed }),
    ...testPaymentEndpoints({ runner, bank, onChange }),
  ]);

  /** Authorises as far as the method allows, and captures `captured` if it is authorised. */
  async function pay(method: string, amount = 1000, captured = 0): Promise<void> {
    const ids = { paymentId: 'payment_1', orderId: 'order_1' };
    const request: PaymentCommand = {
      type: 'RequestAuthorisation',
      ...ids,
      operationId: 'authorise',
      ...GBP(amount),
      provider: 'test',
      method,
    };
    await issue(request);
    if (captured > 0) await issue({ type: 'RequestCapture', operationId: 'shipment_1/capture', amount: captured });
  }

  async function issue(command: PaymentCommand): Promise<void> {
    const meta = { id: command.type, issuedAt: Date.now(), ...origin };
    orThrow(await runner.execute(payment, streamOf('payment_1'), command, meta));
    await payments.ask('payment_1', { origin });
  }

  return { call, pay, changed };
}

describe('Payments', () => {
  it('are refunded up to what is captured and not refunded', async () => {
    const { call, pay } = createWorld();
    await pay('pm_card_visa', 1000, 400);
    const give = (amount: number, key: string) =>
      call('post /v1/payments/payment_1/refunds', { caller: SUPPORT, key, body: { amount, reason: 'scratched' } });
    const { status, body } = await give(150, 'a');
    expect(status).to.equal(201);
    expect(body).to.deep.include({ amount: GBP(150), reason: 'scratched', status: 'refunded' });
    expect((await give(150, 'a')).body).to.deep.equal(body, 'the same request is the same refund');
    expect((await problemOf(give(251, 'b'), 'rule_violated')).facts).to.deep.equal({ refundable: 250 });
    await give(250, 'c');
    const { body: ledger } = await call('get /v1/payments/payment_1', { caller: SUPPORT });
    expect(ledger).to.deep.include({ status: 'refunded', refunded: GBP(400), refundable: GBP(0) });
  });

  it('are refunded in their own currency, whether or not it is named', async () => {
    const { call, pay } = createWorld();
    await pay('pm_card_visa', 1000, 400);
    const give = (amount: unknown) =>
      call('post /v1/payments/payment_1/refunds', { caller: SUPPORT, body: { amount, reason: 'scratched' } });
    expect((await give(GBP(150))).body).to.deep.include({ amount: GBP(150), status: 'refunded' });
    await problemOf(give({ amount: 150, currency: 'EUR' }), 'rule_violated');
    expect((await give(250)).body).to.deep.include({ amount: GBP(250), status: 'refunded' });
  });

  it('say when a refund fails, and can be refunded again', async () => {
    const { call, pay } = createWorld();
    await pay('pm_card_refundFail', 1000, 1000);
    const give = () =>
      call('post /v1/payments/payment_1/refunds', { caller: SUPPORT, body: { amount: 1000, reason: 'scratched' } });
    expect((await give()).body).to.deep.include({ status: 'failed', failure: 'expired_or_canceled_card' });
    expect((await give()).body).to.deep.include({ status: 'failed' });
  });
});

describe('A 3-D Secure step with the test provider', () => {
  const authenticate = ({ call }: Pick<ReturnType<typeof createWorld>, 'call'>, succeed: boolean) =>
    call('post /v1/test-payments/payment_1/authenticate', { body: { succeed } });

  it('is passed or failed by the customer, and the waiting checkout is told', async () => {
    for (const [succeed, status] of [
      [true, 'authorised'],
      [false, 'declined'],
    ] as const) {
      const world = createWorld();
      await world.pay('pm_card_authenticationRequired');
      const { body, seen } = await authenticate(world, succeed);
      expect(body).to.deep.equal({ id: 'payment_1', status });
      expect(world.changed).to.deep.equal(['payment_1']);
      expect(new Map(seen)).to.have.all.keys('payment#1', 'checkout#1');
      expect((await authenticate(world, succeed)).body.status).to.equal(status);
    }
  });

  it('exists only if it was required', async () => {
    const world = createWorld();
    await problemOf(authenticate(world, true), 'not_found');
    await world.pay('pm_card_visa');
    await problemOf(authenticate(world, true), 'conflict');
  });
});
