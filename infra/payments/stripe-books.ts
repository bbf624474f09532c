// Reads Stripe's records: one PaymentIntent, or all that were created or disputed in some period.
import Stripe from 'stripe';
import type { z } from 'zod';
import type { BookEntry, PaymentBooks } from '../../commands/payment/books.js';
import { Unavailable } from '../../domain/kernel/errors.js';
import { defined } from '../../domain/kernel/json.js';
import { moneySchema } from '../../domain/kernel/money.js';
import { paymentIdSchema } from '../../domain/order/events.js';
import {
  type AuthorisationDetails,
  type CaptureDetails,
  cardSchema,
  last4Schema,
  riskSchema,
} from '../../domain/payment/events.js';
import type { MethodKind } from '../../domain/payment/method-kinds.js';
import type { DisputeFact } from '../../domain/payment/payment.js';
import type { Held } from '../../domain/payment/provider-calls.js';

const PAGE_INTENTS = 100;
const MAX_CODE_LENGTH = 100;

/** Expands an intent with its latest charge and the charge's balance transaction. */
export const WITH_CHARGE = ['latest_charge.balance_transaction'];

/** An intent and the state that it implies. */
export async function readIntent(stripe: Stripe, id: string): Promise<{ intent: Stripe.PaymentIntent; held: Held }> {
  const intent = await stripe.paymentIntents.retrieve(id, { expand: WITH_CHARGE });
  return { intent, held: heldIn(intent, await refundsOf(stripe, intent)) };
}

/** A failed refund does not show in the charge, so the refunds of every captured intent are listed. */
async function refundsOf(stripe: Stripe, { id, amount_received }: Stripe.PaymentIntent): Promise<Stripe.Refund[]> {
  const found: Stripe.Refund[] = [];
  if (amount_received === 0) return found;
  for await (const refund of stripe.refunds.list({ payment_intent: id, limit: PAGE_INTENTS })) found.push(refund);
  return found;
}

function heldIn(intent: Stripe.PaymentIntent, refunds: readonly Stripe.Refund[]): Held {
  return {
    authorisation: authorisationIn(intent),
    captured: intent.amount_received,
    ...defined({ details: intent.amount_received > 0 ? captureIn(intent) : undefined }),
    capturable: intent.amount_capturable,
    refunds: refunds.flatMap(({ id, amount, status, metadata }) => {
      const operationId = metadata?.operationId;
      if (operationId === undefined) return [];
      return [{ operationId, amount, status: isMade(status) ? 'refunded' : 'failed', providerRef: id }];
    }),
  };
}

/** A pending refund counts as made. */
function isMade(status: string | null): boolean {
  return status !== 'failed' && status !== 'canceled';
}

/** `latest_charge` must be expanded. */
export function authorisationIn(intent: Stripe.PaymentIntent): Held['authorisation'] {
  const { id, amount, currency, status, latest_charge, client_secret, next_action, last_payment_error: error } = intent;
  switch (status) {
    case 'requires_capture':
    case 'succeeded': {
      const charge = typeof latest_charge === 'object' ? latest_charge : null;
      const card = charge?.payment_method_details?.card;
      return {
        status: 'authorised',
        amount,
        currency: currency.toUpperCase(),
        providerRef: id,
        ...defined({
          captureBefore: card?.capture_before ? new Date(card.capture_before * 1000).toISOString() : undefined,
          multicapture: card?.multicapture?.status === 'available' ? (true as const) : undefined,
        }),
        ...(charge && detailsIn(charge)),
      };
    }
    case 'requires_action':
      return {
        status: 'action_required',
        providerRef: id,
        clientSecret: client_secret!,
        ...defined({ kind: KINDS[next_action?.type ?? ''] }),
      };
    case 'requires_payment_method':
      if (!error) return { status: 'none' };
      return {
        status: 'declined',
        declineCode: (error.decline_code ?? error.code ?? error.type).slice(0, MAX_CODE_LENGTH),
      };
    case 'requires_confirmation':
      return { status: 'none' };
    case 'canceled':
      return { status: 'released' };
    case 'processing':
      return { status: 'pending' };
    default:
      throw new Error(`${id} is ${status}, which this program does not know.`);
  }
}

/** What the customer is shown tells the kind of method. Every other next action happens on screen. */
const KINDS: Readonly<Partial<Record<string, MethodKind>>> = {
  boleto_display_details: 'voucher',
  konbini_display_details: 'voucher',
  multibanco_display_details: 'voucher',
  oxxo_display_details: 'voucher',
  display_bank_transfer_instructions: 'bank_transfer',
};

function detailsIn({ payment_method_details, outcome }: Stripe.Charge): AuthorisationDetails {
  const { brand, last4, three_d_secure } = payment_method_details?.card ?? {};
  return defined({
    card: ifValid(cardSchema, { brand: brand ?? undefined, threeDSecure: three_d_secure?.result ?? undefined }),
    last4: ifValid(last4Schema, last4),
    risk: ifValid(riskSchema, { level: outcome?.risk_level, score: outcome?.risk_score }),
  });
}

/**
 * The charge and the details of its settlement, once it is settled. Stripe names one balance transaction for a charge and does
 * not say which of several captures it belongs to. `latest_charge` must be expanded.
 */
export function captureIn({ latest_charge: charge }: Stripe.PaymentIntent): CaptureDetails {
  if (typeof charge === 'string' || !charge) return {};
  const { id: providerRef, balance_transaction: balance } = charge;
  if (typeof balance === 'string' || !balance) return { providerRef };
  const fee = ifValid(moneySchema, { amount: balance.fee, currency: balance.currency.toUpperCase() });
  return defined({ providerRef, fee });
}

/**
 * These details are optional. A value that is empty or that our schema rejects is left out, so that the money is still recorded.
 */
function ifValid<T>(schema: z.ZodType<T>, value: unknown): T | undefined {
  const whole = typeof value === 'object' && value !== null ? defined(value) : value;
  const isEmpty = typeof whole === 'object' && whole !== null && Object.keys(whole).length === 0;
  return isEmpty ? undefined : schema.safeParse(whole).data;
}

/** The fields of a dispute that are read. */
type DisputeTold = Pick<Stripe.Dispute, 'id' | 'amount' | 'reason'> & { status: string };

/**
 * An inquiry of a bank (`warning_…`) takes no money and often ends with a refund, so it is not a dispute. A dispute that ended
 * before it began has taken no money either. Until the decision, which an appeal delays, the money is withdrawn.
 */
export function disputeIn({ id: disputeId, amount, reason, status }: DisputeTold): DisputeFact | undefined {
  if (status.startsWith('warning_')) return undefined;
  const ids = { disputeId, amount, reason };
  const outcome = OUTCOMES[status];
  return outcome ? { type: 'RecordDisputeClosed', ...ids, outcome } : { type: 'RecordDisputeOpened', ...ids };
}

const OUTCOMES: Readonly<Record<string, 'won' | 'lost'>> = { won: 'won', prevented: 'won', lost: 'lost' };

/** The intent that a charge, refund or dispute belongs to. */
export function intentOf({ payment_intent: intent }: { payment_intent: string | { id: string } | null }) {
  return intent === null ? undefined : { providerRef: typeof intent === 'string' ? intent : intent.id };
}

export function createStripeBooks(stripe: Stripe): PaymentBooks {
  async function entryOf(intent: Stripe.PaymentIntent): Promise<BookEntry> {
    const { id, amount, currency, metadata } = intent;
    const { operationId } = metadata;
    const paymentId = paymentIdSchema.safeParse(metadata.paymentId).data;
    // Other users of the account may use the same metadata names, but not ids in our format.
    const of = paymentId === undefined || operationId === undefined ? undefined : { paymentId, operationId };
    const refunds = await refundsOf(stripe, intent);
    return {
      providerRef: id,
      ...defined({ of }),
      amount,
      currency: currency.toUpperCase(),
      held: heldIn(intent, refunds),
      refunded: refunds.reduce((total, refund) => total + (isMade(refund.status) ? refund.amount : 0), 0),
    };
  }

  return {
    async find(providerRef) {
      try {
        return await entryOf(await stripe.paymentIntents.retrieve(providerRef, { expand: WITH_CHARGE }));
      } catch (error) {
        if (error instanceof Stripe.errors.StripeInvalidRequestError && error.statusCode === 404) return undefined;
        throw away(error);
      }
    },

    async *opened({ from, upTo }) {
      const params = {
        created: createdIn(from, upTo),
        limit: PAGE_INTENTS,
        expand: WITH_CHARGE.map((path) => `data.${path}`),
      };
      try {
        for await (const intent of stripe.paymentIntents.list(params)) yield await entryOf(intent);
      } catch (error) {
        throw away(error);
      }
    },

    async *disputed({ from, upTo }) {
      try {
        for await (const dispute of stripe.disputes.list({ created: createdIn(from, upTo), limit: PAGE_INTENTS })) {
          const [about, fact] = [intentOf(dispute), disputeIn(dispute)];
          if (about && fact) yield { ...about, dispute: fact };
        }
      } catch (error) {
        throw away(error);
      }
    },

    async release({ providerRef }) {
      const idempotencyKey = `${providerRef}/let-go`;
      await stripe.paymentIntents.cancel(providerRef, {}, { idempotencyKey }).catch((error) => {
        throw away(error);
      });
    },
  };
}

function createdIn(from: number, upTo: number) {
  return { gte: Math.floor(from / 1000), lt: Math.ceil(upTo / 1000) };
}

function away(cause: unknown): Error {
  return Object.assign(new Unavailable('Stripe', String(cause)), { cause });
}
