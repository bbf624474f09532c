// Receives webhooks of a payment provider. A webhook is only a hint: the shop asks the provider for the current state and records
// that. So webhooks may arrive in any order, twice, or before our own call has returned.
import { z } from 'zod';
import { type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import { orThrow } from '../../domain/kernel/errors.js';
import { streamOf } from '../../domain/kernel/id.js';
import { isRejection } from '../../domain/kernel/rejection.js';
import { type DisputeFact, payment } from '../../domain/payment/payment.js';
import type { Settlement } from '../order/settlement.js';
import type { PaymentBooks } from '../payment/books.js';
import type { PaymentOperations } from '../payment/operations.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import type { Origin } from '../runtime/origin.js';
import type { CheckoutProcess } from './process.js';

export interface WebhookEvent {
  id: string;
  type: string;
  /** The payment that the event is about. Absent for types that this shop ignores. */
  about?: { providerRef: string; dispute?: DisputeFact };
}

/** `conflict`: the event contradicts the ledger. A retry would not help; the reconciliation shows the difference. */
export type WebhookOutcome = 'recorded' | 'unknown_type' | 'not_ours' | 'conflict';

export interface PaymentWebhookDeps {
  /** `/v1/webhooks/<provider>`. */
  provider: string;
  signedBy: string;
  /** Throws `invalid_request` unless the provider has signed the body recently. */
  read: (body: Uint8Array, signature: string) => WebhookEvent;
  books: Pick<PaymentBooks, 'find'>;
  runner: CommandRunner;
  payments: Pick<PaymentOperations, 'ask' | 'record'>;
  checkout: Pick<CheckoutProcess, 'resume'>;
  settlement: Pick<Settlement, 'run'>;
  /** Called for each event once it is recorded. `error` is what failed in the follow-up work. */
  onEvent: (event: WebhookEvent, outcome: WebhookOutcome, error?: unknown) => void;
}

export function paymentWebhook(deps: PaymentWebhookDeps): Endpoint {
  const { provider, signedBy, read, books, runner, payments, checkout, settlement, onEvent } = deps;

  async function take(event: WebhookEvent): Promise<{ outcome: WebhookOutcome; orderId?: string }> {
    if (!event.about) return { outcome: 'unknown_type' };
    const { providerRef, dispute } = event.about;
    const entry = await books.find(providerRef);
    if (!entry?.of) return { outcome: 'not_ours' };
    const { paymentId, operationId } = entry.of;
    const origin: Origin = { correlationId: event.id, actor: { type: 'process', id: provider } };
    const { state } = await runner.load(payment, streamOf(paymentId));
    if (!state?.authorisation) return { outcome: 'not_ours' };
    const meta = { id: `${provider}/${event.id}`, issuedAt: state.authorisation.requestedAt, ...origin };
    const recorded = dispute
      ? await runner.execute(payment, streamOf(paymentId), dispute, { ...meta, late: 'search' })
      : await payments.record(paymentId, operationId, entry.held, { origin });
    if (isRejection(recorded, 'conflict')) return { outcome: 'conflict' };
    orThrow(recorded);
    if (dispute) await payments.ask(paymentId, { origin });
    return { outcome: 'recorded', orderId: state.orderId };
  }

  /** A checkout waits for its authorisation. The refund of a return or cancellation waits for the end of a dispute. */
  async function goOn({ about }: WebhookEvent, orderId: string): Promise<void> {
    if (about?.dispute?.type === 'RecordDisputeClosed') await settlement.run(orderId);
    else await checkout.resume(orderId);
  }

  return endpoint({
    method: 'post',
    path: `/v1/webhooks/${provider}`,
    summary: `Receive webhooks of ${provider}`,
    roles: ['public'],
    limit: 'webhook',
    signedBy,
    answers: { 200: z.strictObject({ received: z.literal(true) }).meta({ id: 'WebhookReceived' }) },
    async handle({ signed }) {
      const event = read(signed!.body, signed!.signature);
      const { outcome, orderId } = await take(event);
      // A recorded event is acknowledged even if the follow-up fails, because the follow-up is on the agenda too.
      const error = orderId && (await goOn(event, orderId).then(noError, (thrown: unknown) => thrown));
      onEvent(event, outcome, error);
      return { status: 200, body: { received: true as const } };
    },
  });
}

function noError(): undefined {
  return undefined;
}
