// The built-in payment provider for development: Stripe's test method names, with answers that depend on the request
// alone, so that asking again under the same key gives the same answer whatever was restarted in between.
import type { AuthorisationAnswer, PaymentProvider } from '../../commands/processes/payment-provider.js';

const DECLINES: Readonly<Record<string, string>> = {
  pm_card_visa_chargeDeclined: 'generic_decline',
  pm_card_visa_chargeDeclinedInsufficientFunds: 'insufficient_funds',
  pm_card_visa_chargeDeclinedLostCard: 'lost_card',
  pm_card_chargeDeclinedExpiredCard: 'expired_card',
  pm_card_authenticationRequired: 'authentication_required',
};

const SUCCEEDS = /^pm_card_(visa|visa_debit|mastercard|amex|us|gb)$/;

export function createTestProvider(): PaymentProvider {
  return {
    async authorise({ paymentId, method }): Promise<AuthorisationAnswer> {
      if (SUCCEEDS.test(method)) return { status: 'authorised', providerRef: `test_${paymentId}` };
      return { status: 'declined', declineCode: DECLINES[method] ?? 'no_such_test_method' };
    },
    async capture() {},
    async void() {},
  };
}
