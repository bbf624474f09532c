// Calls the payment provider for whatever the ledger says is due, and records the outcome. Keys and command ids derive from
// recorded operations, so any number of workers may ask, at once or again.
import type { Clock } from '../../domain/kernel/clock.js';
import type { CommandMeta } from '../../domain/kernel/command.js';
import { orThrow, Unavailable } from '../../domain/kernel/errors.js';
import { streamOf } from '../../domain/kernel/id.js';
import { defined } from '../../domain/kernel/json.js';
import { isRejection, type Rejection } from '../../domain/kernel/rejection.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { type OrderCommand, operationCommandId, order } from '../../domain/order/order.js';
import type { PaymentProviderName } from '../../domain/payment/events.js';
import { type Authorisation, holderOf, lapsedOf, type Payment } from '../../domain/payment/ledger.js';
import { type PaymentCommand, payment } from '../../domain/payment/payment.js';
import { dueCall, factsIn, type Held, type ProviderCall, recordOf } from '../../domain/payment/provider-calls.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import type { Origin } from '../runtime/origin.js';
import type { AuthorisationRequest, PaymentProvider } from './provider.js';

export interface PaymentOperations {
  /**
   * Makes due calls until none is left, or until the outcome of an authorisation is unknown. Throws `Unavailable` if the provider
   * does not answer another operation, which then stays due.
   */
  ask(paymentId: string, asking: Asking): Promise<Asked>;
  /** Reads the provider's state, whatever is due, records it, and then makes the due calls. */
  refresh(paymentId: string, asking: Asking): Promise<Asked>;
  /**
   * Records a provider's state of an authorisation, for example from a webhook. Returns a rejection if it contradicts the ledger.
   */
  record(paymentId: string, operationId: string, held: Held, asking: Asking): Promise<Asked | Rejection>;
}

export type Asking = {
  /** The ledger, if the caller has just read or written it. */
  known?: Payment;
} & (
  | { origin: Origin }
  /** For a process, which creates the metadata of its commands itself. */
  | { metaOf: (commandId: string) => CommandMeta }
);

export interface Asked {
  state: Payment | null;
  /** The last commit of the payment's stream, if it was read or written. */
  seen: Map<StreamId, number>;
}

export interface PaymentOperationsDeps {
  runner: CommandRunner;
  clock: Clock;
  /** The providers, by their name in the ledger. */
  providers: Partial<Record<PaymentProviderName, PaymentProvider>>;
  /** Called with a payment whose authorisation has an unknown outcome, and the error. The provider will be asked again. */
  onUnknown?: (paymentId: string, error: unknown) => void;
}

/** Money that moves outside the shop: a recorded request counts as done. */
const EXTERNAL: PaymentProvider = {
  authorise: async ({ paymentId, amount }) => ({ status: 'authorised', providerRef: paymentId, ...amount }),
  capture: async () => ({ status: 'captured' }),
  void: async () => {},
  refund: async () => ({ status: 'refunded' }),
};

/** One worker's run on one payment. */
interface LedgerRun {
  paymentId: string;
  stream: StreamId;
  state: Payment | null;
  asking: Asking;
  seen: Map<StreamId, number>;
}

export function createPaymentOperations(deps: PaymentOperationsDeps): PaymentOperations {
  const { runner, clock, onUnknown } = deps;
  const providers: typeof deps.providers = { external: EXTERNAL, ...deps.providers };

  async function open(paymentId: string, asking: Asking): Promise<LedgerRun> {
    const stream = streamOf(paymentId);
    const run: LedgerRun = { paymentId, stream, state: asking.known ?? null, asking, seen: new Map() };
    if (!asking.known) {
      const { state, position } = await runner.load(payment, stream);
      run.state = state;
      run.seen.set(stream, position.commitNo);
    }
    return run;
  }

  /** Calls the provider, records the answer, and checks again, because another worker may have changed the payment meanwhile. */
  async function follow(run: LedgerRun): Promise<Asked> {
    for (let call = dueCall(run.state, clock()); call; call = dueCall(run.state, clock())) {
      if (call.retrieve && (await look(run, call))) continue;
      const answer = await answerTo(call);
      orThrow(await enter(run, call.requestedAt, answer));
      if (answer.type === 'RecordUnknown') break;
    }
    await holdIfLapsed(run);
    return { state: run.state, seen: run.seen };
  }

  /**
   * Holds an order whose authorisation has lapsed, so that nothing more is sent. It does so once, because staff may resume the
   * order.
   */
  async function holdIfLapsed(run: LedgerRun): Promise<void> {
    const { state } = run;
    const lapsed = state && lapsedOf(state);
    if (!lapsed) return;
    const id = `${lapsed.operationId}/hold`;
    await tellOrder(run, state.orderId, id, lapsed.requestedAt, { type: 'HoldOrder', code: 'authorisation_lapsed' });
  }

  /**
   * A renewal captures the amount for sent goods that the old authorisation could not give. If everything was captured while the
   * renewal was under way, the renewal is released. The order is told before the outcome is recorded in the payment, so that a
   * crash in between loses nothing. It is told of the renewal and of each failed capture, because the two may be recorded at the
   * same time without seeing each other, and the first collection may still find no money.
   */
  async function collectIfRenewed(run: LedgerRun, command: PaymentCommand): Promise<void> {
    const { state } = run;
    if (!state?.authorisation || state.earlier.length === 0) return;
    const { orderId, authorisation } = state;
    const isRenewed = command.type === 'RecordAuthorised' && isNewsOf(authorisation, command);
    if (command.type !== 'RecordCaptureFailed' && !isRenewed) return;
    const collectionId = `${authorisation.operationId}/${command.type}/collection`;
    const id = operationCommandId(collectionId);
    await tellOrder(run, orderId, id, authorisation.requestedAt, { type: 'RequestCollection', collectionId });
  }

  /** The order may reject this: an unconfirmed order is not sent, and an order that sent nothing owes nothing. */
  async function tellOrder(run: LedgerRun, orderId: string, id: string, issuedAt: number, command: OrderCommand) {
    const stream = streamOf(orderId);
    const outcome = await runner.execute(order, stream, command, metaOf(run.asking, id, issuedAt));
    if (isRejection(outcome, 'conflict') || isRejection(outcome, 'not_found')) return;
    run.seen.set(stream, orThrow(outcome).position.commitNo);
  }

  /** Returns true if this call is no longer the one that is due. */
  async function look(run: LedgerRun, call: ProviderCall): Promise<boolean> {
    const provider = providerOf(call.authorisation, call.paymentId);
    const held = await provider.retrieve?.(requestOf(call, call.authorisation)).catch(unanswered(call.authorisation));
    if (held) orThrow(await enterHeld(run, call.authorisation.operationId, held));
    const next = dueCall(run.state, clock());
    return next?.operationId !== call.operationId || next.call !== call.call;
  }

  /** Records the facts in turn and stops at the first that the ledger rejects. A payment without an authorisation has no facts. */
  async function enterHeld(run: LedgerRun, operationId: string, held: Held): Promise<LedgerRun | Rejection> {
    const { state } = run;
    if (!state?.authorisation) return run;
    const { requestedAt } = state.authorisation;
    for (const fact of factsIn(state, operationId, held)) {
      const entered = await enter(run, requestedAt, fact);
      if (isRejection(entered)) return entered;
    }
    return run;
  }

  async function enter(run: LedgerRun, issuedAt: number, command: PaymentCommand): Promise<LedgerRun | Rejection> {
    await collectIfRenewed(run, command);
    const id = `${'operationId' in command ? command.operationId : command.disputeId}/${command.type}`;
    const entered = await runner.execute(payment, run.stream, command, metaOf(run.asking, id, issuedAt));
    if (isRejection(entered)) return entered;
    run.state = entered.state;
    run.seen.set(run.stream, entered.position.commitNo);
    return run;
  }

  async function answerTo(call: ProviderCall): Promise<PaymentCommand> {
    const { operationId, paymentId, authorisation } = call;
    const provider = providerOf(authorisation, paymentId);
    const request = requestOf(call, authorisation);
    const operation = { key: operationId, paymentId, of: request };
    const { currency } = authorisation;
    const failed = unanswered(authorisation);
    switch (call.call) {
      case 'authorise':
        try {
          if (provider.open && request.providerRef === undefined) {
            const opened = await provider.open(request);
            return 'status' in opened
              ? recordOf(operationId, opened)
              : { type: 'RecordIntentOpened', operationId, ...opened };
          }
          return recordOf(operationId, await provider.authorise(request));
        } catch (error) {
          onUnknown?.(paymentId, error);
          return { type: 'RecordUnknown', operationId };
        }
      case 'capture': {
        const { amount, final } = call;
        const answer = await provider.capture({ ...operation, amount: { amount, currency }, final }).catch(failed);
        if (answer.status === 'failed') return { type: 'RecordCaptureFailed', operationId, reason: answer.reason };
        const { status, ...details } = answer;
        return { type: 'RecordCaptured', operationId, amount, ...details };
      }
      case 'void':
        for (const [index, one] of call.authorisations.entries()) {
          const key = index === 0 ? operationId : `${operationId}#${index + 1}`;
          await provider.void({ key, paymentId, of: requestOf(call, one) }).catch(failed);
        }
        return { type: 'RecordVoided', operationId };
      case 'release':
        await provider.void(operation).catch(failed);
        return { type: 'RecordLapsed', operationId: authorisation.operationId };
      case 'refund': {
        const { amount, isForbidden } = call;
        if (isForbidden) return { type: 'RecordRefundFailed', operationId, reason: 'a dispute was lost' };
        const answer = await provider.refund({ ...operation, amount: { amount, currency } }).catch(failed);
        if (answer.status === 'failed') return { type: 'RecordRefundFailed', operationId, reason: answer.reason };
        const reference = answer.providerRef === undefined ? {} : { providerRef: answer.providerRef };
        return { type: 'RecordRefunded', operationId, amount, ...reference };
      }
    }
  }

  function providerOf({ provider }: Authorisation, paymentId: string): PaymentProvider {
    const found = providers[provider];
    if (!found) throw new Error(`${paymentId} is with ${provider}, which this configuration does not have.`);
    return found;
  }

  return {
    ask: async (paymentId, asking) => follow(await open(paymentId, asking)),
    async refresh(paymentId, asking) {
      const run = await open(paymentId, asking);
      const { state } = run;
      const authorisation = state && (holderOf(state) ?? state.authorisation);
      if (!authorisation) return { state, seen: run.seen };
      const { orderId } = state;
      const renewal = state.earlier.length > 0;
      const request = requestOf({ paymentId, orderId, renewal }, authorisation);
      const provider = providerOf(authorisation, paymentId);
      const held = await provider.retrieve?.(request).catch(unanswered(authorisation));
      if (held) orThrow(await enterHeld(run, authorisation.operationId, held));
      return follow(run);
    },
    async record(paymentId, operationId, held, asking) {
      const run = await open(paymentId, asking);
      const entered = await enterHeld(run, operationId, held);
      return isRejection(entered) ? entered : follow(run);
    },
  };
}

function isNewsOf({ operationId, status }: Authorisation, command: { operationId: string }): boolean {
  return command.operationId === operationId && status !== 'authorised';
}

function metaOf(asking: Asking, id: string, issuedAt: number): CommandMeta {
  return 'metaOf' in asking ? asking.metaOf(id) : { id, issuedAt, late: 'search', ...asking.origin };
}

function requestOf(
  { paymentId, orderId, ...call }: { paymentId: string; orderId: string; renewal?: boolean },
  { operationId, amount, currency, method, customerId, providerRef }: Authorisation,
): AuthorisationRequest {
  return {
    key: operationId,
    paymentId,
    orderId,
    amount: { amount, currency },
    method,
    offSession: call.renewal === true,
    ...defined({ customerId, providerRef }),
  };
}

function unanswered({ provider }: Authorisation): (cause: unknown) => never {
  return (cause) => {
    throw Object.assign(new Unavailable(`Payment provider ${provider}`, String(cause)), { cause });
  };
}
