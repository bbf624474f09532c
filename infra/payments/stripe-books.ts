// What Stripe holds, read back: of one PaymentIntent, or of all that were opened or disputed in some time.
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

/** What is wanted with an intent: its latest charge, and what Stripe keeps of that. */
export const WITH_CHARGE = ['latest_charge.balance_transaction'];

/** An intent, and what follows from it. */
export async function readIntent(stripe: Stripe, id: string): Promise<{ intent: Stripe.PaymentIntent; held: Held }> {
  const intent = await stripe.paymentIntents.retrieve(id, { expand: WITH_CHARGE });
  return { intent, held: heldIn(intent, await refundsOf(stripe, intent)) };
}

/** A refund that failed leaves no trace in the charge, so whatever was captured is asked for its refunds. */
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
    ...(intent.amount_received > 0 && { details: captureIn(intent) }),
    capturable: intent.amount_capturable,
    refunds: refunds.flatMap(({ id, amount, status, metadata }) => {
      const operationId = metadata?.operationId;
      if (operationId === undefined) return [];
      return [{ operationId, amount, status: isMade(status) ? 'refunded' : 'failed', providerRef: id }];
    }),
  };
}

/** What is pending is on its way. */
function isMade(status: string | null): boolean {
  return status !== 'failed' && status !== 'canceled';
}

/** `latest_charge` has to be expanded. */
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
        ...(card?.capture_before && { captureBefore: new Date(card.capture_before * 1000).toISOString() }),
        ...(card?.multicapture?.status === 'available' && { multicapture: true as const }),
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
      return { status: 'let_go' };
    case 'processing':
      return { status: 'pending' };
    default:
      throw new Error(`${id} is ${status}, which this program does not know.`);
  }
}

/** What the customer is shown says what they pay with; all else is done at the screen. */
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
    card: told(cardSchema, { brand: brand ?? undefined, threeDSecure: three_d_secure?.result ?? undefined }),
    last4: told(last4Schema, last4),
    risk: told(riskSchema, { level: outcome?.risk_level, score: outcome?.risk_score }),
  });
}

/**
 * The charge, and what Stripe keeps of it, once that is settled. Stripe names one balance transaction for a charge: if there were
 * several captures, it does not say which of them this is of. `latest_charge` has to be expanded.
 */
export function captureIn({ latest_charge: charge }: Stripe.PaymentIntent): CaptureDetails {
  if (typeof charge === 'string' || !charge) return {};
  const { id: providerRef, balance_transaction: balance } = charge;
  if (typeof balance === 'string' || !balance) return { providerRef };
  const fee = told(moneySchema, { amount: balance.fee, currency: balance.currency.toUpperCase() });
  return defined({ providerRef, fee });
}

/** These are good to have: one that our schema does not know, or that says nothing, is left out and keeps no money from being recorded. */
function told<T>(schema: z.ZodType<T>, value: unknown): T | undefined {
  const whole = typeof value === 'object' && value !== null ? defined(value) : value;
  const isEmpty = typeof whole === 'object' && whole !== null && Object.keys(whole).length === 0;
  return isEmpty ? undefined : schema.safeParse(whole).data;
}

/** What is read of a dispute. */
type DisputeTold = Pick<Stripe.Dispute, 'id' | 'amount' | 'reason'> & { status: string };

/**
 * A bank that only asks (`warning_…`) has taken nothing, and a refund is how many such questions end: that is none. One that
 * ends before it began has taken nothing either. Until it is decided, which an appeal puts off, the money is away.
 */
export function disputeIn({ id: disputeId, amount, reason, status }: DisputeTold): DisputeFact | undefined {
  if (status.startsWith('warning_')) return undefined;
  const ids = { disputeId, amount, reason };
  const outcome = OUTCOMES[status];
  return outcome ? { type: 'RecordDisputeClosed', ...ids, outcome } : { type: 'RecordDisputeOpened', ...ids };
}

const OUTCOMES: Readonly<Record<string, 'won' | 'lost'>> = { won: 'won', prevented: 'won', lost: 'lost' };

/** Which intent a charge, refund or dispute is of. */
export function intentOf({ payment_intent: intent }: { payment_intent: string | { id: string } | null }) {
  return intent === null ? undefined : { providerRef: typeof intent === 'string' ? intent : intent.id };
}

export function createStripeBooks(stripe: Stripe): PaymentBooks {
  async function entryOf(intent: Stripe.PaymentIntent): Promise<BookEntry> {
    const { id, amount, currency, metadata } = intent;
    const { paymentId, operationId } = metadata;
    // Whoever else uses the account may have names like ours, but not ids like ours.
    const isOurs = paymentIdSchema.safeParse(paymentId).success && operationId !== undefined;
    const refunds = await refundsOf(stripe, intent);
    return {
      providerRef: id,
      ...(isOurs && { of: { paymentId: paymentId!, operationId } }),
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

    async letGo({ providerRef }) {
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
