// The life of a PaymentIntent: confirmed, authenticated, captured (perhaps several times), cancelled or expired.
import { defined } from '../../domain/kernel/json.js';
import { the } from '../the.js';
import { declineMessage, MULTICAPTURE_BRANDS, type TestCard } from './cards.js';
import { invalidRequest, type StripeErrorBody, StripeRefusal } from './errors.js';
import { type Form, group, integer, mergedMetadata, text, texts } from './form.js';
import {
  type Books,
  type Charge,
  type Emit,
  NO_BILLING_DETAILS,
  type PaymentIntent,
  type PaymentMethod,
} from './objects.js';
import type { PaymentMethods } from './payment-methods.js';

const HOUR_SECONDS = 3600;
/** docs.stripe.com/payments/place-a-hold-on-a-payment-method: 7 days; Visa without the customer present 4 days 18 hours. */
const AUTHORISATION_SECONDS = 7 * 24 * HOUR_SECONDS;
const VISA_OFF_SESSION_AUTHORISATION_SECONDS = (4 * 24 + 18) * HOUR_SECONDS;
const MAX_CAPTURES = 50;

/** Radar's assessment of a usual payment. */
const RISK = { risk_level: 'normal', risk_score: 22 };

/** For a British account and a British card: 1.5 % and 20 pence. */
const FEE_RATE = 0.015;
const FEE_AMOUNT = 20;
const AVAILABLE_AFTER_SECONDS = 7 * 24 * HOUR_SECONDS;

interface Attempt {
  offSession: boolean;
  /** The shop prefers a decline to a required action of the customer. */
  refuseAction: boolean;
  authenticated: boolean;
  returnUrl: string | undefined;
}

export type PaymentIntents = ReturnType<typeof createPaymentIntents>;

export function createPaymentIntents(books: Books, methods: PaymentMethods, emit: Emit, seconds: () => number) {
  const held = new Set<PaymentIntent>();
  const captures = new Map<string, number>();
  const offSession = new Set<string>();
  let isMulticaptureGranted = true;

  const find = (id: string) => books.get('payment_intent', id);
  const chargeOf = (intent: PaymentIntent) => books.get('charge', the(intent.latest_charge));

  function create(form: Form): PaymentIntent {
    const amount = integer(form, 'amount');
    if (amount === undefined || amount < 1) {
      const message = 'This value must be greater than or equal to 1.';
      throw invalidRequest(message, { code: 'parameter_invalid_integer', param: 'amount' });
    }
    const customer = text(form, 'customer') ?? null;
    if (customer) books.get('customer', customer, 'customer');
    const types = texts(form, 'allowed_payment_method_types');
    const automatic = group(form, 'automatic_payment_methods');
    const common = books.common('payment_intent', 'pi');
    const named = text(form, 'payment_method');
    const intent = books.put<PaymentIntent>({
      ...common,
      amount,
      amount_capturable: 0,
      amount_received: 0,
      automatic_payment_methods:
        types.length > 0 ? null : { enabled: true, allow_redirects: text(automatic, 'allow_redirects') ?? 'always' },
      canceled_at: null,
      cancellation_reason: null,
      capture_method: text(form, 'capture_method') ?? 'automatic_async',
      client_secret: books.newId(`${common.id}_secret`),
      confirmation_method: text(form, 'confirmation_method') ?? 'automatic',
      currency: (text(form, 'currency') ?? '').toLowerCase(),
      customer,
      description: text(form, 'description') ?? null,
      last_payment_error: null,
      latest_charge: null,
      livemode: false,
      metadata: mergedMetadata({}, form),
      next_action: null,
      payment_method: named ? methods.named(named, 'payment_method').id : null,
      payment_method_options: { card: { ...multicaptureOf(form), request_three_d_secure: 'automatic' } },
      payment_method_types: types.length > 0 ? types : ['card'],
      processing: null,
      setup_future_usage: text(form, 'setup_future_usage') ?? null,
      status: named ? 'requires_confirmation' : 'requires_payment_method',
    });
    emit('payment_intent.created', intent);
    return form.confirm === 'true' ? confirm(intent, form) : intent;
  }

  function confirm(intent: PaymentIntent, form: Form): PaymentIntent {
    assertStatus(intent, 'confirmed', ['requires_payment_method', 'requires_confirmation', 'requires_action']);
    const named = text(form, 'payment_method') ?? intent.payment_method;
    if (!named) {
      throw unexpectedState(
        intent,
        "You cannot confirm this PaymentIntent because it's missing a payment method. Update it with a payment method and confirm it again.",
      );
    }
    const method = methods.named(named, 'payment_method');
    methods.assertUsable(method, intent.customer);
    const returnUrl = text(form, 'return_url');
    if (
      intent.automatic_payment_methods &&
      intent.automatic_payment_methods.allow_redirects !== 'never' &&
      !returnUrl
    ) {
      throw invalidRequest(
        'This PaymentIntent accepts the payment methods of the Dashboard, some of which redirect the customer: provide a `return_url`, name `allowed_payment_method_types`, or set `automatic_payment_methods[allow_redirects]` to `never`.',
      );
    }
    if (!isMulticaptureGranted && isMulticaptureAsked(intent, form)) {
      throw invalidRequest(
        'This account is not eligible for the requested card features. See https://stripe.com/docs/payments/flexible-payments for more details.',
        { code: 'payment_intent_invalid_parameter' },
      );
    }
    intent.setup_future_usage = text(form, 'setup_future_usage') ?? intent.setup_future_usage;
    Object.assign(intent.payment_method_options.card, multicaptureOf(form));
    intent.payment_method = method.id;
    const isOffSession = text(form, 'off_session') !== undefined && form.off_session !== 'false';
    if (isOffSession) offSession.add(intent.id);
    else offSession.delete(intent.id);
    const refuseAction = isOffSession || form.error_on_requires_action === 'true';
    return attempt(intent, method, { offSession: isOffSession, refuseAction, authenticated: false, returnUrl });
  }

  /** The customer's answer to 3-D Secure. A later decline is not the customer's error. */
  function authenticate(id: string, outcome: 'succeed' | 'fail'): PaymentIntent {
    const intent = find(id);
    assertStatus(intent, 'authenticated', ['requires_action']);
    const method = books.get('payment_method', the(intent.payment_method));
    intent.next_action = null;
    if (outcome === 'fail') {
      failPayment(intent, {
        type: 'invalid_request_error',
        code: 'payment_intent_authentication_failure',
        message:
          'The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new PaymentMethod to attempt to fulfill this PaymentIntent again.',
        payment_method: structuredClone(method),
      });
      return intent;
    }
    try {
      return attempt(intent, method, {
        offSession: false,
        refuseAction: false,
        authenticated: true,
        returnUrl: undefined,
      });
    } catch (error) {
      if (error instanceof StripeRefusal && error.body.type === 'card_error') return intent;
      throw error;
    }
  }

  function attempt(intent: PaymentIntent, method: PaymentMethod, how: Attempt): PaymentIntent {
    const card = methods.cardOf(method);
    if (!how.authenticated && needsAuthentication(card, how.offSession, methods.isSetUp(method))) {
      if (how.refuseAction) {
        throw decline(intent, method, { code: 'authentication_required', declineCode: 'authentication_required' });
      }
      intent.status = 'requires_action';
      intent.next_action = how.returnUrl
        ? { type: 'redirect_to_url', redirect_to_url: { return_url: how.returnUrl, url: AUTHENTICATION_PAGE } }
        : { type: 'use_stripe_sdk', use_stripe_sdk: { type: 'three_d_secure_redirect' } };
      emit('payment_intent.requires_action', intent);
      return intent;
    }
    if (card.decline) throw decline(intent, method, card.decline);
    authorise(intent, method, how);
    return intent;
  }

  function authorise(intent: PaymentIntent, method: PaymentMethod, { authenticated }: Attempt): void {
    const isHeld = intent.capture_method === 'manual';
    const charge = addCharge(intent, method, undefined, authenticated);
    intent.last_payment_error = null;
    intent.next_action = null;
    if (intent.setup_future_usage) {
      if (intent.customer) method.customer ??= intent.customer;
      if (intent.setup_future_usage === 'off_session') methods.markSetUp(method);
    }
    methods.used(method);
    if (isHeld) {
      intent.status = 'requires_capture';
      intent.amount_capturable = intent.amount;
      held.add(intent);
    } else {
      intent.status = 'succeeded';
      intent.amount_received = intent.amount;
    }
    emit('charge.succeeded', charge);
    emit(isHeld ? 'payment_intent.amount_capturable_updated' : 'payment_intent.succeeded', intent);
  }

  function decline(intent: PaymentIntent, method: PaymentMethod, why: NonNullable<TestCard['decline']>): StripeRefusal {
    const charge = addCharge(intent, method, why);
    emit('charge.failed', charge);
    const error: StripeErrorBody = {
      type: 'card_error',
      code: why.code,
      ...defined({ decline_code: why.declineCode }),
      message: declineMessage(why),
      charge: charge.id,
      payment_method: structuredClone(method),
    };
    failPayment(intent, error);
    return new StripeRefusal(402, { ...error, payment_intent: structuredClone(intent) });
  }

  function failPayment(intent: PaymentIntent, error: StripeErrorBody): void {
    intent.status = 'requires_payment_method';
    intent.payment_method = null;
    intent.last_payment_error = error;
    emit('payment_intent.payment_failed', intent);
  }

  function addCharge(
    intent: PaymentIntent,
    method: PaymentMethod,
    why: TestCard['decline'],
    authenticated = false,
  ): Charge {
    const isHeld = !why && intent.capture_method === 'manual';
    const captured = why || isHeld ? 0 : intent.amount;
    const { networks: _networks, wallet: _wallet, ...face } = method.card;
    const charge = books.put<Charge>({
      ...books.common('charge', 'ch'),
      amount: intent.amount,
      amount_captured: captured,
      amount_refunded: 0,
      balance_transaction: null,
      billing_details: NO_BILLING_DETAILS,
      captured: captured > 0,
      currency: intent.currency,
      customer: intent.customer,
      description: intent.description,
      disputed: false,
      failure_code: why?.code ?? null,
      failure_message: why ? declineMessage(why) : null,
      livemode: false,
      metadata: structuredClone(intent.metadata),
      outcome: why
        ? {
            ...RISK,
            network_status: 'declined_by_network',
            reason: why.declineCode ?? why.code,
            type: 'issuer_declined',
          }
        : { ...RISK, network_status: 'approved_by_network', reason: null, type: 'authorized' },
      paid: !why,
      payment_intent: intent.id,
      payment_method: method.id,
      payment_method_details: {
        type: 'card',
        card: {
          ...face,
          amount_authorized: why ? null : intent.amount,
          ...(isHeld && { capture_before: seconds() + authorisationSeconds(face.brand, offSession.has(intent.id)) }),
          three_d_secure: authenticated ? { result: 'authenticated' } : null,
          multicapture: { status: isHeld && allowsMulticapture(intent, method) ? 'available' : 'unavailable' },
        },
      },
      refunded: false,
      status: why ? 'failed' : 'succeeded',
    });
    intent.latest_charge = charge.id;
    if (captured > 0) settle(charge);
    return charge;
  }

  /** Only the first of several captures gets a balance transaction. */
  function settle(charge: Charge): void {
    const { id: source, amount_captured: amount, currency } = charge;
    const fee = Math.round(amount * FEE_RATE) + FEE_AMOUNT;
    charge.balance_transaction ??= books.put({
      ...books.common('balance_transaction', 'txn'),
      amount,
      available_on: seconds() + AVAILABLE_AFTER_SECONDS,
      balance_type: 'payments',
      currency,
      description: null,
      exchange_rate: null,
      fee,
      fee_details: [],
      net: amount - fee,
      reporting_category: 'charge',
      source,
      status: 'pending',
      type: 'charge',
    }).id;
  }

  function allowsMulticapture(intent: PaymentIntent, method: PaymentMethod): boolean {
    const { brand, isCapturedOnce } = methods.cardOf(method);
    return isMulticaptureAsked(intent, {}) && !isCapturedOnce && MULTICAPTURE_BRANDS.includes(brand);
  }

  function capture(intent: PaymentIntent, form: Form): PaymentIntent {
    assertStatus(intent, 'captured', ['requires_capture']);
    const charge = chargeOf(intent);
    const amount = integer(form, 'amount_to_capture') ?? intent.amount_capturable;
    const isFinal = form.final_capture !== 'false' || amount === intent.amount_capturable;
    assertCapturable(intent, charge, amount, form.final_capture === 'false');
    const before = { amount_captured: charge.amount_captured };
    captures.set(intent.id, (captures.get(intent.id) ?? 0) + 1);
    charge.captured = true;
    charge.amount_captured += amount;
    settle(charge);
    intent.amount_received += amount;
    intent.amount_capturable -= amount;
    intent.metadata = mergedMetadata(intent.metadata, form);
    if (isFinal) return complete(intent, charge);
    emit('charge.updated', charge, before);
    emit('payment_intent.amount_capturable_updated', intent);
    return intent;
  }

  /** The capture is complete, because the shop said so or the time is over. */
  function complete(intent: PaymentIntent, charge: Charge): PaymentIntent {
    intent.status = 'succeeded';
    intent.amount_capturable = 0;
    held.delete(intent);
    emit('charge.captured', charge);
    emit('payment_intent.succeeded', intent);
    return intent;
  }

  function assertCapturable(intent: PaymentIntent, charge: Charge, amount: number, more: boolean): void {
    if (amount > intent.amount_capturable) {
      throw invalidRequest(
        `The amount to capture (${amount}) is greater than the amount that can be captured (${intent.amount_capturable}).`,
        { code: 'amount_too_large', param: 'amount_to_capture' },
      );
    }
    // A final capture of nothing more releases the rest.
    if (amount < 0 || (amount === 0 && (more || intent.amount_received === 0))) {
      const message = 'This value must be greater than or equal to 1.';
      throw invalidRequest(message, { code: 'parameter_invalid_integer', param: 'amount_to_capture' });
    }
    if (more && charge.payment_method_details.card.multicapture.status !== 'available') {
      throw invalidRequest('This PaymentIntent does not support multicapture: final_capture must be true.', {
        param: 'final_capture',
      });
    }
    if ((captures.get(intent.id) ?? 0) >= MAX_CAPTURES) {
      throw invalidRequest(`A PaymentIntent can be captured at most ${MAX_CAPTURES} times.`);
    }
  }

  function cancel(intent: PaymentIntent, form: Form): PaymentIntent {
    assertStatus(intent, 'canceled', CANCELABLE);
    return end(intent, text(form, 'cancellation_reason') ?? null);
  }

  /** Captured money stays captured. The rest is released. */
  function end(intent: PaymentIntent, reason: string | null): PaymentIntent {
    intent.status = 'canceled';
    intent.canceled_at = seconds();
    intent.cancellation_reason = reason;
    intent.amount_capturable = 0;
    intent.next_action = null;
    held.delete(intent);
    emit('payment_intent.canceled', intent);
    return intent;
  }

  return {
    find,
    create,
    capture,
    cancel,
    confirm,
    authenticate,

    update(intent: PaymentIntent, form: Form): PaymentIntent {
      const amount = integer(form, 'amount');
      const method = text(form, 'payment_method');
      if (amount !== undefined || method) assertStatus(intent, 'updated', UPDATABLE);
      if (amount !== undefined) intent.amount = amount;
      if (method) {
        intent.payment_method = methods.named(method, 'payment_method').id;
        intent.status = 'requires_confirmation';
      }
      intent.description = text(form, 'description') ?? intent.description;
      intent.metadata = mergedMetadata(intent.metadata, form);
      return intent;
    },

    /** Most accounts have no IC+ pricing, and therefore no multicapture. */
    withdrawMulticapture(): void {
      isMulticaptureGranted = false;
    },

    /** Since API version 2025-03-31 the reason is `expired` (before it was `automatic`), and no refund is made. */
    lapse(): void {
      for (const intent of held) {
        const charge = chargeOf(intent);
        if (the(charge.payment_method_details.card.capture_before) > seconds()) continue;
        if (intent.amount_received > 0) complete(intent, charge);
        else {
          emit('charge.expired', charge);
          end(intent, 'expired');
        }
      }
    },
  };
}

const AUTHENTICATION_PAGE = 'https://hooks.stripe.com/redirect/authenticate';
const UPDATABLE: readonly PaymentIntent['status'][] = ['requires_payment_method', 'requires_confirmation'];
const CANCELABLE: readonly PaymentIntent['status'][] = [...UPDATABLE, 'requires_action', 'requires_capture'];

function needsAuthentication({ authentication }: TestCard, offSession: boolean, isSetUp: boolean): boolean {
  if (authentication === 'when_present') return !offSession;
  return authentication === 'always' || (authentication === 'until_set_up' && !isSetUp);
}

function multicaptureOf(form: Form): { request_multicapture?: string } {
  const asked = text(group(group(form, 'payment_method_options'), 'card'), 'request_multicapture');
  return asked ? { request_multicapture: asked } : {};
}

function isMulticaptureAsked(intent: PaymentIntent, form: Form): boolean {
  const options = { ...intent.payment_method_options.card, ...multicaptureOf(form) };
  return options.request_multicapture === 'if_available';
}

function authorisationSeconds(brand: string, offSession: boolean): number {
  return brand === 'visa' && offSession ? VISA_OFF_SESSION_AUTHORISATION_SECONDS : AUTHORISATION_SECONDS;
}

function assertStatus(intent: PaymentIntent, done: string, allowed: readonly PaymentIntent['status'][]): void {
  if (allowed.includes(intent.status)) return;
  const message = `This PaymentIntent could not be ${done} because it has a status of ${intent.status}. Only a PaymentIntent with one of the following statuses may be ${done}: ${allowed.join(', ')}.`;
  throw unexpectedState(intent, message);
}

function unexpectedState(intent: PaymentIntent, message: string): StripeRefusal {
  return invalidRequest(message, {
    code: 'payment_intent_unexpected_state',
    payment_intent: structuredClone(intent),
  });
}
