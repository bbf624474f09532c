// VAT documents of an order, made only from its recorded events: they apply no tax table and no rounding.
import type { OrderEvent, OrderLine } from '../../domain/order/events.js';

/** The content of a document. `byRate` has each rate of each jurisdiction once, as `GB 2000`. Amounts in minor units. */
export interface VatDocument {
  byRate: Readonly<Record<string, { net: number; tax: number }>>;
  untaxed: number;
  total: number;
}

export const NOTHING: VatDocument = { byRate: {}, untaxed: 0, total: 0 };

type Data<T extends OrderEvent['type']> = Extract<OrderEvent, { type: T }>['data'];

/** The invoice of the whole order. */
export function invoiceOf(placed: Data<'OrderPlaced'>): VatDocument {
  const { lines, shipping, taxIncluded } = placed;
  const priced = [...lines.map((line) => ({ ...line, price: line.total })), { ...shipping, price: shipping.amount }];
  return documentOf(
    placed,
    priced.map(({ price, discounts = [], tax = 0, taxRate }) => {
      const left = discounts.reduce((rest, discount) => rest - discount, price);
      return { amount: left + (taxIncluded ? 0 : tax), tax, taxRate };
    }),
  );
}

/** The invoice of a shipment, or the credit note of a cancellation or a return. */
export function shareOf(
  placed: Data<'OrderPlaced'>,
  { lines, shipping }: Data<'OrderFulfilled' | 'OrderLinesCancelled' | 'OrderReturned'>,
): VatDocument {
  const rates = new Map<string, OrderLine['taxRate']>(placed.lines.map(({ id, taxRate }) => [id, taxRate]));
  return documentOf(placed, [
    ...lines.map(({ lineId, amount, tax }) => ({ amount, tax, taxRate: rates.get(lineId) })),
    ...(shipping ? [{ ...shipping, taxRate: placed.shipping.taxRate }] : []),
  ]);
}

function documentOf(
  { taxRates = [] }: Data<'OrderPlaced'>,
  charges: readonly { amount: number; tax?: number | undefined; taxRate?: number | undefined }[],
): VatDocument {
  return charges.reduce((document, { amount, tax = 0, taxRate }) => {
    const rate = taxRate === undefined ? undefined : taxRates[taxRate];
    const taxes = rate ? [{ ...rate, net: amount - tax, tax }] : [];
    return plus(document, recorded({ amount, taxes }));
  }, NOTHING);
}

/** The parts of an amount as an event records them. */
export function recorded({
  amount,
  taxes = [],
}: {
  amount: number;
  taxes?:
    | readonly { country: string; region?: string | undefined; basisPoints: number; net: number; tax: number }[]
    | undefined;
}): VatDocument {
  const byRate: Record<string, { net: number; tax: number }> = {};
  let untaxed = amount;
  for (const { country, region, basisPoints, net, tax } of taxes) {
    if (net + tax === 0) continue;
    const rate = [country, region, basisPoints].filter((part) => part !== undefined).join(' ');
    const known = byRate[rate] ?? { net: 0, tax: 0 };
    byRate[rate] = { net: known.net + net, tax: known.tax + tax };
    untaxed -= net + tax;
  }
  return { byRate, untaxed, total: amount };
}

export function plus(one: VatDocument, other: VatDocument): VatDocument {
  const byRate = { ...one.byRate };
  for (const [rate, { net, tax }] of Object.entries(other.byRate)) {
    const known = byRate[rate] ?? { net: 0, tax: 0 };
    byRate[rate] = { net: known.net + net, tax: known.tax + tax };
  }
  return { byRate, untaxed: one.untaxed + other.untaxed, total: one.total + other.total };
}
