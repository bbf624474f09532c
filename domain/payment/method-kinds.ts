// How long customers may take to pay, by the kind of what they pay with.
export const METHOD_KINDS = ['card', 'voucher', 'bank_transfer'] as const;
export type MethodKind = (typeof METHOD_KINDS)[number];

/** At the screen, such as in a 3-D Secure step. */
const CARD_WAIT_MS = 15 * 60_000;

/** A voucher that is paid in a shop is good for three days, as a rule; the bank tells of it on the next working day. */
const VOUCHER_WAIT_MS = 5 * 24 * 60 * 60_000;

/** People take a day or two to send a bank transfer, and banks as many working days to carry it out. */
const BANK_TRANSFER_WAIT_MS = 7 * 24 * 60 * 60_000;

/** From the start of the checkout on, in ms. */
export const PAY_WITHIN_MS: Readonly<Record<MethodKind, number>> = {
  card: CARD_WAIT_MS,
  voucher: VOUCHER_WAIT_MS,
  bank_transfer: BANK_TRANSFER_WAIT_MS,
};
