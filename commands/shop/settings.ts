// The current currencies and countries of the shop. Before a request is refused, the settings are read again, because another
// process may have changed them a moment ago.
import type { Clock } from '../../domain/kernel/clock.js';
import { type FieldError, invalidField, invalidFields, type Problem } from '../../domain/kernel/errors.js';
import { type Rejection, reject } from '../../domain/kernel/rejection.js';
import type { States } from '../../domain/kernel/states.js';
import type { ShopSettings } from '../../domain/shop/events.js';
import { SHOP, shop } from '../../domain/shop/shop.js';
import { type BriefMemory, createBriefMemory } from '../runtime/brief-memory.js';

/** How long after a change another process may still use the old settings. */
const SETTINGS_TTL_MS = 5_000;

export interface CurrentSettings extends BriefMemory<ShopSettings> {
  /** Throws `invalid_request` for every `currency` in a request's body that the shop does not sell in. */
  refuseForeignMoney(body: unknown): Promise<void>;
  /**
   * The `currency` that a query asks for, or the first one of the shop. Throws `invalid_request` for one that the shop does not
   * sell in.
   */
  currencyOf(asked: string | undefined): Promise<string>;
  /** Throws `invalid_request` for an address in a country that the shop does not send to. */
  refuseForeignCountry(address: { country: string }): Promise<void>;
  /** A rejection unless the shop still sells in the currency of a cart, and sends to its country. */
  rejectionOf(cart: { currency: string; country?: string | undefined }): Promise<Rejection | undefined>;
}

export interface CurrentSettingsDeps {
  runner: States;
  clock: Clock;
}

export function createCurrentSettings({ runner, clock }: CurrentSettingsDeps): CurrentSettings {
  const memory = createBriefMemory({
    load: async () => (await runner.load(shop, SHOP)).state,
    ttlMs: SETTINGS_TTL_MS,
    clock,
  });

  /** The objection of the current settings, if any. */
  async function objected<T>(objection: (settings: ShopSettings) => T | undefined): Promise<T | undefined> {
    if (!objection(await memory.current())) return undefined;
    memory.changed();
    return objection(await memory.current());
  }

  /** Throws the objection, if any. */
  async function refuse(objection: (settings: ShopSettings) => Problem | undefined): Promise<void> {
    const problem = await objected(objection);
    if (problem) throw problem;
  }

  return {
    ...memory,
    refuseForeignMoney(body) {
      const named = currenciesIn(body);
      return refuse(({ currencies }) => {
        const foreign = named.filter(({ currency }) => !currencies.includes(currency));
        if (foreign.length === 0) return undefined;
        return invalidFields(
          foreign.map(({ pointer, currency }): FieldError => {
            return { pointer, detail: notSold(currency, currencies) };
          }),
        );
      });
    },
    async currencyOf(asked) {
      const { currencies } = await memory.currentOrLast(); // a query works without the event store
      if (asked === undefined) return currencies[0]!;
      if (currencies.includes(asked)) return asked;
      await refuse((now) =>
        now.currencies.includes(asked) ? undefined : invalidField('?currency', notSold(asked, now.currencies)),
      );
      return asked;
    },
    refuseForeignCountry: ({ country }) =>
      refuse(({ countries }) => {
        if (countries.includes(country)) return undefined;
        return invalidField('/country', `is ${country}, but the shop sends only to ${countries.join(', ')}`);
      }),
    rejectionOf: ({ currency, country }) =>
      objected(({ currencies, countries }) => {
        if (!currencies.includes(currency)) {
          const detail = `The shop no longer sells in ${currency}; create a new cart in ${currencies.join(' or ')}.`;
          return reject('rule_violated', detail);
        }
        if (country === undefined || countries.includes(country)) return undefined;
        const detail = `The shop no longer sends to ${country}; use an address in ${countries.join(', ')}.`;
        return reject('rule_violated', detail);
      }),
  };
}

function notSold(currency: string, currencies: readonly string[]): string {
  return `is ${currency}, but the shop sells only in ${currencies.join(', ')}`;
}

/** Every `currency` in a body at any depth, with its pointer. */
function currenciesIn(value: unknown, pointer = ''): { pointer: string; currency: string }[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const at = `${pointer}/${key}`;
    return key === 'currency' && typeof inner === 'string'
      ? [{ pointer: at, currency: inner }]
      : currenciesIn(inner, at);
  });
}
