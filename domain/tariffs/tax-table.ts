// The tax rates of the shop, at most one per place and category. The most specific one counts.
import type { Decider } from '../kernel/decider.js';
import { sameJson } from '../kernel/json.js';
import { type Rejection, reject } from '../kernel/rejection.js';
import { streamId } from '../kernel/stream.js';
import { type TaxRate, type TaxTableEvent, taxTableEvents } from './events.js';
import { type Place, sameRegion } from './place.js';

export const MAX_TAX_RATES = 1_000;

export const TAX_TABLE = streamId('tax-table', 'shop');

export type TaxTableCommand = { type: 'SetTaxRate'; rate: TaxRate } | { type: 'RemoveTaxRate'; id: string };

export type TaxTable = readonly TaxRate[];

export const taxTable: Decider<TaxTableCommand, TaxTable, TaxTableEvent> = {
  category: 'tax-table',
  events: taxTableEvents,
  initialState: [],
  decide,
  evolve,
  snapshot: { foldVersion: 1, every: 100 },
};

/** The rate for this category in this place. A region's rate goes before its country's, a category's before the general one. */
export function taxRateFor(table: TaxTable, place: Place, category: string | undefined): TaxRate | undefined {
  const fits = ({ country, region, category: of }: TaxRate) =>
    country === place.country &&
    (region === undefined || sameRegion(region, place.region)) &&
    (of === undefined || of === category);
  const weight = ({ region, category: of }: TaxRate) => (region === undefined ? 0 : 2) + (of === undefined ? 0 : 1);
  return table
    .filter(fits)
    .reduce<TaxRate | undefined>((best, rate) => (best && weight(best) >= weight(rate) ? best : rate), undefined);
}

/** True if any rate applies in this place. */
export function isTaxed(table: TaxTable, place: Place): boolean {
  return table.some(({ country, region }) => {
    return country === place.country && (region === undefined || sameRegion(region, place.region));
  });
}

/** True if any rate of the country depends on the region. */
export function isTaxedByRegion(table: TaxTable, country: string): boolean {
  return table.some((rate) => rate.country === country && rate.region !== undefined);
}

/** True if prices contain the tax of this country. */
export function isTaxIncluded(table: TaxTable, country: string): boolean {
  return table.some((rate) => rate.country === country && rate.included === true);
}

function decide(command: TaxTableCommand, table: TaxTable): readonly TaxTableEvent[] | Rejection {
  if (command.type === 'RemoveTaxRate') {
    const { id } = command;
    return table.some((rate) => rate.id === id) ? [{ type: 'TaxRateRemoved', data: { id } }] : [];
  }
  const { rate } = command;
  const { id, country, region, category, included } = rate;
  const others = table.filter((other) => other.id !== id);
  const twin = others.find(
    (other) => other.country === country && sameRegion(other.region, region) && other.category === category,
  );
  if (twin) return reject('conflict', `${twin.id} is already the rate for this place and category.`);
  const unlike = others.find((other) => other.country === country && other.included !== included);
  if (unlike) {
    const [how, mend] = unlike.included ? ['contain', 'send'] : ['do not contain', 'leave out'];
    return reject(
      'rule_violated',
      `According to ${unlike.id}, prices in ${country} ${how} the tax: ${mend} \`included: true\`, or remove the other rates of ${country} first.`,
    );
  }
  if (others.length >= MAX_TAX_RATES) return reject('rule_violated', `There are at most ${MAX_TAX_RATES} tax rates.`);
  const known = table.find((other) => other.id === id);
  return sameJson(known, rate) ? [] : [{ type: 'TaxRateSet', data: rate }];
}

function evolve(table: TaxTable, { type, data }: TaxTableEvent): TaxTable {
  const others = table.filter(({ id }) => id !== data.id);
  return type === 'TaxRateSet' ? [...others, data] : others;
}
