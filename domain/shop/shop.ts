// The settings of the shop: its currencies, and the countries it sends to.
import type { Decider } from '../kernel/decider.js';
import { sameJson } from '../kernel/json.js';
import { streamId } from '../kernel/stream.js';
import { type SettingsEvent, type ShopSettings, settingsEvents } from './events.js';

export const SHOP = streamId('shop', 'main');

/** The settings of a shop that was never configured. */
const DEFAULT_SETTINGS: ShopSettings = {
  currencies: ['GBP', 'EUR', 'USD'],
  countries: ['GB', 'IE', 'FR', 'DE', 'US'],
};

export interface ShopCommand {
  type: 'ConfigureShop';
  settings: ShopSettings;
}

export const shop: Decider<ShopCommand, ShopSettings, SettingsEvent> = {
  category: 'shop',
  events: settingsEvents,
  initialState: DEFAULT_SETTINGS,
  decide: ({ settings }, state) => (sameJson(settings, state) ? [] : [{ type: 'ShopConfigured', data: settings }]),
  evolve: (_, { data }) => data,
  snapshot: { foldVersion: 1, every: 100 },
};
