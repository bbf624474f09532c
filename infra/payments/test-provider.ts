// The built-in payment provider for development. It uses the names of Stripe's test methods. Its answers depend only on the
// request, so a repeat with the same key gives the same answer, even after a restart. The result of a 3-D Secure step goes
// directly into the ledger, so the provider keeps no state.
import type { TestBank } from '../../commands/checkout/test-payments.js';
import type { AuthorisationAnswer, PaymentProvider } from '../../commands/payment/provider.js';
import { defined } from '../../domain/kernel/json.js';
import type { Money } from '../../domain/kernel/money.js';
import type { MethodKind } from '../../domain/payment/method-kinds.js';

export const DECLINES: ReadonlyMap<string, string> = new Map([
  ['pm_card_visa_chargeDeclined', 'generic_decline'],
  ['pm_card_visa_chargeDeclinedInsufficientFunds', 'insufficient_funds'],
  ['pm_card_visa_chargeDeclinedLostCard', 'lost_card'],
  ['pm_card_chargeDeclinedExpiredCard', 'expired_card'],
]);

/** Methods whose authorisations may be captured in parts, as at Stripe. */
const MULTICAPTURE = /^pm_card_(visa|visa_debit|amex|us|gb|authenticationRequired|refundFail)$/;
const SINGLE_CAPTURE = /^pm_card_mastercard$/;
const NEEDS_CUSTOMER = 'pm_card_authenticationRequired';
/** Methods that wait for the customer. */
const WAITED_FOR: ReadonlyMap<string, MethodKind> = new Map([
  [NEEDS_CUSTOMER, 'card'],
  ['pm_voucher', 'voucher'],
  ['pm_bank_transfer', 'bank_transfer'],
]);
const REFUND_FAILS = 'pm_card_refundFail';

/** Brand and last digits, as on Stripe's test cards. */
const FACES: readonly (readonly [method: RegExp, brand: string, last4: string])[] = [
  [/^pm_card_mastercard$/, 'mastercard', '4444'],
  [/^pm_card_amex$/, 'amex', '0005'],
  [/^pm_card_visa_debit$/, 'visa', '5556'],
  [/^pm_card_gb$/, 'visa', '0008'],
  [/^pm_card_authenticationRequired$/, 'visa', '3184'],
  [/^pm_card_refundFail$/, 'visa', '5126'],
];
const VISA = ['visa', '4242'] as const;

/** True for every known test method, including the declined ones. */
export function isTestMethod(method: string): boolean {
  return DECLINES.has(method) || MULTICAPTURE.test(method) || SINGLE_CAPTURE.test(method);
}

export function createTestProvider(): PaymentProvider & TestBank {
  return {
    async authorise({ paymentId, key, amount, method, offSession }): Promise<AuthorisationAnswer> {
      const kind = WAITED_FOR.get(method);
      if (kind) {
        if (offSession) return { status: 'declined', declineCode: 'authentication_required' };
        return { status: 'action_required', providerRef: referenceOf(paymentId), clientSecret: `${key}_secret`, kind };
      }
      if (MULTICAPTURE.test(method) || SINGLE_CAPTURE.test(method)) return authorised(paymentId, amount, method);
      return { status: 'declined', declineCode: DECLINES.get(method) ?? 'no_such_test_method' };
    },
    capture: async ({ key }) => ({ status: 'captured', providerRef: named(key) }),
    async void() {},
    refund: async ({ key, of }) =>
      of.method === REFUND_FAILS
        ? { status: 'failed', reason: 'expired_or_canceled_card' }
        : { status: 'refunded', providerRef: named(key) },

    authenticated({ paymentId, amount, method, succeed }) {
      if (succeed) return authorised(paymentId, amount, method);
      return { status: 'declined', declineCode: 'payment_intent_authentication_failure' };
    },
  };
}

function authorised(paymentId: string, amount: Money, method: string): AuthorisationAnswer {
  const answer = { status: 'authorised' as const, ...amount, providerRef: referenceOf(paymentId) };
  if ((WAITED_FOR.get(method) ?? 'card') !== 'card') return answer;
  const [, brand, last4] = FACES.find(([face]) => face.test(method)) ?? ['', ...VISA];
  return {
    ...answer,
    ...defined({ multicapture: MULTICAPTURE.test(method) || undefined }),
    card: method === NEEDS_CUSTOMER ? { brand, threeDSecure: 'authenticated' } : { brand },
    last4,
    risk: { level: 'normal' },
  };
}

function named(key: string): string {
  return `test_${key}`.slice(0, 200);
}

function referenceOf(paymentId: string): string {
  return `test_${paymentId}`;
}
