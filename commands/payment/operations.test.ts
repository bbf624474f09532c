// The provider of these tests behaves as real ones do: it loses answers, sends webhooks before it answers, and forgets its keys.
// The numbers are complaints of shops on other platforms.
import { expect } from 'chai';
import fc from 'fast-check';
import { eventTypes } from '../../domain/events.js';
import { isProblem, orThrow } from '../../domain/kernel/errors.js';
import { streamOf } from '../../domain/kernel/id.js';
import type { PersonalData } from '../../domain/kernel/personal.js';
import { capturedOf, heldOf, type Payment, paymentStatusOf, refundedOf } from '../../domain/payment/ledger.js';
import { type PaymentCommand, payment } from '../../domain/payment/payment.js';
import { type AuthorisationAnswer, type Held, KEY_LIFETIME_MS } from '../../domain/payment/provider-calls.js';
import { createCommitCodec } from '../../infra/event-store/codec.js';
import { createMemoryEventStore, createMemoryLog } from '../../infra/event-store/memory.js';
import { the } from '../../test/the.js';
import { createCommandRunner } from '../runtime/command-runner.js';
import { createPaymentOperations } from './operations.js';
import type { PaymentProvider } from './provider.js';

const ids = { paymentId: 'payment_1', orderId: 'order_1' };
const authorisation = { operationId: 'order_1/authorise', amount: 1000, currency: 'GBP', provider: 'stripe' } as const;
const origin = { correlationId: 'request', actor: { type: 'process', id: 'test' } } as const;
const request: PaymentCommand = { type: 'RequestAuthorisation', ...ids, ...authorisation, method: 'pm_card_visa' };
const requestVoid: PaymentCommand = { type: 'RequestVoid', ...ids, operationId: 'order_1/void' };
const capture = (key: string, amount: number): PaymentCommand => ({
  type: 'RequestCapture',
  operationId: key,
  amount,
});
const refund = (key: string, amount: number): PaymentCommand => ({
  type: 'RequestRefund',
  operationId: key,
  amount,
  reason: 'damaged',
});

const unsealed: PersonalData = {
  seal: async (event) => event,
  open: async (value) => value as never,
  sealFor: async (_subject, _place, value) => value,
  forget: async () => {},
};

/** Faults of a call: the request does not arrive, the answer is lost, or a webhook overtakes the answer. */
type Fault = 'request lost' | 'answer lost' | 'webhook first' | 'answer lost, webhook comes';

function createWorld({ answer = {}, opens = false }: { answer?: Partial<AuthorisationAnswer>; opens?: boolean } = {}) {
  const store = createMemoryEventStore({
    codec: createCommitCodec(eventTypes),
    log: createMemoryLog(),
    watermarkLagMs: 0,
  });
  let now = Date.now();
  const clock = () => now;
  const faults: (Fault | undefined)[] = [];
  const calls: { call: string; key: string }[] = [];
  const done = new Map<string, number>();
  const world: Held & { isOpen: boolean; isReleased: boolean } = {
    authorisation: { status: 'none' },
    captured: 0,
    capturable: 0,
    refunds: [],
    isOpen: false,
    isReleased: false,
  };

  /** Everything here happens once per key. */
  function once(key: string, act: () => void): void {
    if (!done.has(key)) act();
    done.set(key, (done.get(key) ?? 0) + 1);
  }

  async function reached<T>(call: string, key: string, act: () => T): Promise<T> {
    calls.push({ call, key });
    const fault = faults.shift();
    if (fault === 'request lost') throw new Error('no connection');
    const answered = act();
    if (fault?.includes('webhook')) await webhook();
    if (fault?.startsWith('answer lost')) throw new Error('connection reset');
    return answered;
  }

  const authorised: AuthorisationAnswer = { status: 'authorised', amount: 1000, currency: 'GBP', providerRef: 'pi' };
  const held = (): Held => {
    const { captured, refunds, isReleased } = world;
    const authorisation = isReleased && captured === 0 ? ({ status: 'released' } as const) : world.authorisation;
    const capturable = authorisation.status === 'authorised' && !isReleased ? authorisation.amount - captured : 0;
    return { authorisation, captured, capturable, refunds };
  };

  const provider: PaymentProvider = {
    ...(opens && {
      open: ({ key }) =>
        reached('open', `${key}/create`, () => {
          world.isOpen = true;
          return { providerRef: 'pi' };
        }),
    }),
    authorise: ({ key }) =>
      reached('authorise', key, () => {
        once(key, () => {
          if (world.isReleased) return;
          world.authorisation = { ...authorised, multicapture: true, ...answer } as AuthorisationAnswer;
        });
        return world.authorisation as AuthorisationAnswer;
      }),
    retrieve: async () => held(),
    capture: ({ key, amount, final }) =>
      reached('capture', key, () => {
        once(key, () => {
          world.captured += amount.amount;
          if (final) world.isReleased = true;
        });
        return { status: 'captured' as const };
      }),
    void: ({ key }) =>
      reached('void', key, () => {
        world.isReleased = true;
      }),
    refund: ({ key, amount }) =>
      reached('refund', key, () => {
        once(key, () => {
          const made = {
            operationId: key,
            amount: amount.amount,
            status: 'refunded',
            providerRef: `re ${key}`,
          } as const;
          world.refunds = [...world.refunds, made];
        });
        return { status: 'refunded' as const, providerRef: `re ${key}` };
      }),
  };

  /** A new process. */
  function worker() {
    const runner = createCommandRunner({ store, eventTypes, personal: unsealed, clock });
    const operations = createPaymentOperations({ runner, clock, providers: { stripe: provider } });
    return { runner, operations };
  }

  async function webhook(): Promise<void> {
    orThrow(await worker().operations.record(ids.paymentId, authorisation.operationId, held(), { origin }));
  }

  let commands = 0;
  async function issue(command: PaymentCommand): Promise<Payment | null> {
    const meta = { id: `command ${commands++}`, issuedAt: now, ...origin };
    return orThrow(await worker().runner.execute(payment, streamOf(ids.paymentId), command, meta)).state;
  }

  /** New processes ask one after the other, until one gets every answer. */
  async function ask(): Promise<Payment> {
    for (let attempt = 0; attempt < 10; attempt++) {
      const asked = await worker()
        .operations.ask(ids.paymentId, { origin })
        .catch((error: unknown) => {
          if (!isProblem(error, 'unavailable')) throw error;
        });
      if (asked?.state && asked.state.status !== 'unknown') return asked.state;
    }
    throw new Error('The provider never answers.');
  }

  return {
    world,
    calls,
    faults,
    issue,
    ask,
    webhook,
    worker,
    pass: (ms: number) => {
      now += ms;
    },
    /** The keys of the provider's calls of one kind. */
    keysOf: (wanted: string) => new Set(calls.filter(({ call }) => call === wanted).map(({ key }) => key)),
  };
}

describe('Calling the payment provider', () => {
  it('carries out what is due, and nothing twice', async () => {
    const { world, calls, issue, ask } = createWorld();
    await issue(request);
    expect(paymentStatusOf(await ask())).to.equal('authorised');
    await issue(capture('shipment_1/capture', 400));
    await issue(capture('shipment_2/capture', 600));
    await issue(refund('return_1/refund', 100)).catch(() => undefined);
    expect(paymentStatusOf(await ask())).to.equal('captured');
    await issue(refund('return_1/refund', 100));
    expect(paymentStatusOf(await ask())).to.equal('partially_refunded');
    await ask();
    expect(calls.map(({ call }) => call)).to.deep.equal(['authorise', 'capture', 'capture', 'refund']);
    expect(world.captured).to.equal(1000);
  });

  it('makes no refund that a lost dispute has already covered, and knows earlier refunds', async () => {
    for (const fault of ['request lost', 'answer lost'] as const) {
      const { world, calls, faults, issue, ask, worker } = createWorld();
      await issue(request);
      await ask();
      await issue(capture('shipment_1/capture', 1000));
      await ask();
      await issue(refund('return_1/refund', 400));
      faults.push(fault);
      await worker()
        .operations.ask(ids.paymentId, { origin })
        .catch(() => undefined);
      await issue({ type: 'RecordDisputeClosed', disputeId: 'dp', amount: 700, reason: 'fraudulent', outcome: 'lost' });
      const state = await ask();
      expect(refundedOf(state)).to.equal(fault === 'answer lost' ? 400 : 0);
      expect(world.refunds).to.have.length(fault === 'answer lost' ? 1 : 0);
      expect(state.refunds[0]).to.include({ status: fault === 'answer lost' ? 'refunded' : 'failed' });
      expect(calls.filter(({ call }) => call === 'refund')).to.have.length(1);
    }
  });

  it('opens an intent before it asks for money, and looks it up when in doubt', async () => {
    const { calls, faults, issue, ask } = createWorld({ opens: true });
    faults.push(undefined, 'answer lost');
    await issue(request);
    const state = await ask();
    expect(state.authorisation).to.deep.include({ status: 'authorised', providerRef: 'pi' });
    expect(calls.map(({ call }) => call)).to.deep.equal(['open', 'authorise']);
  });

  it('waits for the customer, and finds out what they did by asking', async () => {
    const answer = { status: 'action_required', providerRef: 'pi', clientSecret: 'secret' } as const;
    const { world, issue, ask, worker } = createWorld({ answer });
    await issue(request);
    expect(paymentStatusOf(await ask())).to.equal('requires_action');
    world.authorisation = { status: 'authorised', amount: 1000, currency: 'GBP', providerRef: 'pi' };
    const { state } = await worker().operations.refresh(ids.paymentId, { origin });
    expect(paymentStatusOf(state)).to.equal('authorised');
  });

  it('records a definite refusal, and continues', async () => {
    const { world, issue, ask, worker } = createWorld();
    await issue(request);
    await ask();
    await issue(capture('shipment_1/capture', 1000));
    const { runner } = worker();
    const refusing = createPaymentOperations({
      runner,
      clock: Date.now,
      providers: {
        stripe: { capture: async () => ({ status: 'failed', reason: 'expired' }) } as unknown as PaymentProvider,
      },
    });
    const { state } = await refusing.ask(ids.paymentId, { origin });
    expect(state?.captures[0]).to.deep.include({ status: 'failed', reason: 'expired' });
    expect(heldOf(the(state))).to.equal(1000);
    expect(world.captured).to.equal(0);
  });

  it('reads the provider’s state first, once the provider may have forgotten the key', async () => {
    const { calls, faults, issue, ask, pass, worker, world } = createWorld();
    await issue(request);
    await ask();
    await issue(capture('shipment_1/capture', 1000));
    faults.push('answer lost');
    await worker()
      .operations.ask(ids.paymentId, { origin })
      .catch(() => undefined);
    pass(KEY_LIFETIME_MS + 1);
    expect(capturedOf(await ask())).to.equal(1000);
    expect(calls.filter(({ call }) => call === 'capture').length).to.equal(1);
    expect(world.captured).to.equal(1000);
  });

  it('trusts the record of money that moves outside the shop', async () => {
    const { issue, worker } = createWorld();
    await issue({ ...request, provider: 'external' } as PaymentCommand);
    await issue({
      type: 'RecordAuthorised',
      operationId: authorisation.operationId,
      amount: 1000,
      providerRef: 'till',
    });
    await issue(capture('till', 1000));
    const { state } = await worker().operations.ask(ids.paymentId, { origin });
    expect(paymentStatusOf(state)).to.equal('captured');
  });

  it('releases money that is authorised after the order was given up (complaint 4: charged, but no order)', async () => {
    for (const fault of ['request lost', 'answer lost', 'webhook first'] as const) {
      const { world, faults, issue, ask, webhook, worker } = createWorld();
      await issue(request);
      faults.push(fault);
      await worker().operations.ask(ids.paymentId, { origin });
      await issue(requestVoid);
      await webhook();
      expect((await ask()).status, fault).to.equal('voided');
      await webhook();
      expect(world).to.deep.include({ isReleased: true, captured: 0 });
    }
  });

  it('captures once when a webhook overtakes the reply (complaint 5: webhook races confirm)', async () => {
    for (const fault of ['webhook first', 'answer lost, webhook comes'] as const) {
      const { world, faults, issue, ask, webhook, keysOf } = createWorld();
      await issue(request);
      faults.push(fault);
      await ask();
      await issue(capture('shipment_1/capture', 400));
      faults.push(fault);
      const state = await ask();
      await webhook();
      expect(state.captures.length, fault).to.equal(1);
      expect(capturedOf(state)).to.equal(400);
      expect(world.captured).to.equal(400);
      expect([...keysOf('capture')]).to.deep.equal(['shipment_1/capture']);
    }
  });

  it('retries a capture under the key it was stored with (complaint 6: a new key charges twice)', async () => {
    const { calls, faults, issue, ask, world } = createWorld();
    await issue(request);
    await ask();
    await issue(capture('shipment_1/capture', 400));
    faults.push('answer lost', 'request lost', 'answer lost');
    const state = await ask();
    const keys = calls.filter(({ call }) => call === 'capture').map(({ key }) => key);
    expect(keys).to.deep.equal(Array(4).fill('shipment_1/capture'));
    expect(capturedOf(state)).to.equal(400);
    expect(world.captured).to.equal(400);
  });

  it('moves each amount once, despite lost, repeated, overtaken and concurrent calls', async () => {
    const fault = fc.constantFrom<(Fault | undefined)[]>(
      undefined,
      'request lost',
      'answer lost',
      'webhook first',
      'answer lost, webhook comes',
    );
    const asked = fc.constantFrom(
      capture('c1', 300),
      capture('c2', 400),
      capture('c3', 500),
      refund('r1', 200),
      refund('r2', 300),
      requestVoid,
    );
    const plan = fc.record({
      opens: fc.boolean(),
      rivals: fc.integer({ min: 1, max: 3 }),
      faults: fc.array(fault, { maxLength: 12 }),
      commands: fc.array(asked, { maxLength: 8 }),
    });
    await fc.assert(
      fc.asyncProperty(plan, async ({ opens, rivals, faults, commands }) => {
        const shop = createWorld({ opens });
        shop.faults.push(...faults);
        const askAll = () => Promise.all(Array.from({ length: rivals }, () => shop.ask()));
        await shop.issue(request);
        for (const command of commands) {
          await shop
            .worker()
            .operations.ask(ids.paymentId, { origin })
            .catch(() => undefined);
          await shop.issue(command).catch((error: unknown) => {
            if (!isProblem(error, 'rule_violated')) throw error;
          });
        }
        const [state] = await askAll();
        await shop.webhook();
        const told = await shop.ask();
        expect(told).to.deep.equal(state, 'another webhook tells nothing new');

        expect(capturedOf(told)).to.equal(shop.world.captured);
        expect(refundedOf(told)).to.equal(shop.world.refunds.reduce((sum, { amount }) => sum + amount, 0));
        expect(shop.world.captured).to.be.at.most(1000);
        if (told.status === 'voided') expect(shop.world.isReleased).to.equal(true);
        for (const key of shop.keysOf('capture')) expect(key).to.be.oneOf(told.captures.map((one) => one.operationId));
        for (const key of shop.keysOf('refund')) expect(key).to.be.oneOf(told.refunds.map((one) => one.operationId));
      }),
      { numRuns: 100 },
    );
  });
});
