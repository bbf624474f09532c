// Stripe's test cards by their payment method names (docs.stripe.com/testing), and their behaviour when charged.

export interface TestCard {
  number: string;
  brand: string;
  funding?: 'debit';
  /** The result of a charge once the customer is authenticated, or if no authentication is needed. */
  decline?: { code: string; declineCode?: string };
  /** A declining card that can be saved, and declines only when it is charged. */
  isSavable?: true;
  /** When the customer must authenticate: always, until the card is set up for later use, or whenever the customer is present. */
  authentication?: 'always' | 'until_set_up' | 'when_present';
  refund?: 'pending' | 'fails_later';
  /** The account may capture in parts, but not with this card. */
  isCapturedOnce?: true;
}

const declined = (declineCode: string) => ({ code: 'card_declined', declineCode });

export const TEST_CARDS: Readonly<Record<string, TestCard>> = {
  pm_card_visa: { number: '4242424242424242', brand: 'visa' },
  pm_card_visa_debit: { number: '4000056655665556', brand: 'visa', funding: 'debit' },
  pm_card_mastercard: { number: '5555555555554444', brand: 'mastercard' },
  pm_card_amex: { number: '378282246310005', brand: 'amex' },
  pm_card_jcb: { number: '3566002020360505', brand: 'jcb' },
  pm_card_visa_chargeDeclined: { number: '4000000000000002', brand: 'visa', decline: declined('generic_decline') },
  pm_card_visa_chargeDeclinedInsufficientFunds: {
    number: '4000000000009995',
    brand: 'visa',
    decline: declined('insufficient_funds'),
  },
  pm_card_visa_chargeDeclinedLostCard: { number: '4000000000009987', brand: 'visa', decline: declined('lost_card') },
  pm_card_visa_chargeDeclinedStolenCard: {
    number: '4000000000009979',
    brand: 'visa',
    decline: declined('stolen_card'),
  },
  pm_card_chargeDeclinedExpiredCard: { number: '4000000000000069', brand: 'visa', decline: { code: 'expired_card' } },
  pm_card_chargeDeclinedIncorrectCvc: { number: '4000000000000127', brand: 'visa', decline: { code: 'incorrect_cvc' } },
  pm_card_chargeDeclinedProcessingError: {
    number: '4000000000000119',
    brand: 'visa',
    decline: { code: 'processing_error' },
  },
  pm_card_chargeCustomerFail: {
    number: '4000000000000341',
    brand: 'visa',
    decline: declined('generic_decline'),
    isSavable: true,
  },
  pm_card_authenticationRequired: { number: '4000002760003184', brand: 'visa', authentication: 'always' },
  pm_card_authenticationRequiredOnSetup: {
    number: '4000002500003155',
    brand: 'visa',
    authentication: 'until_set_up',
  },
  pm_card_authenticationRequiredSetupForOffSession: {
    number: '4000003800000446',
    brand: 'visa',
    authentication: 'when_present',
  },
  pm_card_authenticationRequiredChargeDeclinedInsufficientFunds: {
    number: '4000008260003178',
    brand: 'visa',
    authentication: 'always',
    decline: declined('insufficient_funds'),
    isSavable: true,
  },
  pm_card_credit_disableEnterpriseCardFeatures: { number: '4000008400000076', brand: 'visa', isCapturedOnce: true },
  pm_card_pendingRefund: { number: '4000000000007726', brand: 'visa', refund: 'pending' },
  pm_card_refundFail: { number: '4000000000005126', brand: 'visa', refund: 'fails_later' },
};

const MESSAGES: Readonly<Record<string, string>> = {
  authentication_required: 'Your card was declined. This transaction requires authentication.',
  card_declined: 'Your card was declined.',
  expired_card: 'Your card has expired.',
  incorrect_cvc: "Your card's security code is incorrect.",
  insufficient_funds: 'Your card has insufficient funds.',
  processing_error: 'An error occurred while processing your card. Try again in a little bit.',
};

export function declineMessage({ code, declineCode }: NonNullable<TestCard['decline']>): string {
  return MESSAGES[declineCode ?? code] ?? MESSAGES[code] ?? 'Your card was declined.';
}

/** docs.stripe.com/payments/multicapture: JCB only in some countries. */
export const MULTICAPTURE_BRANDS = ['amex', 'mastercard', 'visa'];
