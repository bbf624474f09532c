// How long customers may take to pay, by kind of payment.
export const METHOD_KINDS = ['card', 'voucher', 'bank_transfer'] as const;
export type MethodKind = (typeof METHOD_KINDS)[number];

/** Customers act at once, such as in a 3-D Secure step. */
const CARD_WAIT_MS = 15 * 60_000;

/** A voucher that is paid in a shop is usually valid for three days. The bank reports the payment on the next working day. */
const VOUCHER_WAIT_MS = 5 * 24 * 60 * 60_000;

/** Customers take a day or two to send a bank transfer, and banks as many working days to carry it out. */
const BANK_TRANSFER_WAIT_MS = 7 * 24 * 60 * 60_000;

/** Counted from the start of the checkout, in ms. */
export const PAY_WITHIN_MS: Readonly<Record<MethodKind, number>> = {
  card: CARD_WAIT_MS,
  voucher: VOUCHER_WAIT_MS,
  bank_transfer: BANK_TRANSFER_WAIT_MS,
};
