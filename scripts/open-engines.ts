// Opens a shop whose engines must answer now. Commands that read or delete do not wait for engines.
import type { Config } from '../infra/config.js';
import { EngineUnavailable } from '../infra/engines/errors.js';
import { openShop, type Shop } from '../infra/modules/open-shop.js';

const PATIENCE_MS = 5_000;

/** Calls reject with `EngineUnavailable` if an engine does not answer in time. */
export async function openEngines(config: Config): Promise<Shop> {
  const told = new Set<string>();
  const patience = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const tell = (message: string) => {
    told.add(message.replace(/; trying again.*$/, ''));
    timer ??= setTimeout(() => patience.abort(), PATIENCE_MS);
  };
  const shop = await openShop(config, { tell, signal: patience.signal });
  return {
    ...shop,
    async get(token) {
      try {
        return await shop.get(token);
      } catch (error) {
        if (!patience.signal.aborted) throw error;
        const reason = `${[...told].join('; ')}; see \`npm run engines -- status\``;
        throw new EngineUnavailable('engines', reason, { cause: error });
      }
    },
    close() {
      clearTimeout(timer);
      return shop.close();
    },
  };
}
