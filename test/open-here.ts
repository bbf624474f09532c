// The shop of an environment in the process of the tests: beside running programs, or before the first of them. It hosts nothing.
import { createStaff } from '../commands/identity/staff.js';
import type { StaffRole } from '../domain/kernel/role.js';
import { readConfig } from '../infra/config.js';
import { openShop, type Shop } from '../infra/modules/open-shop.js';
import type { Parts } from '../infra/modules/parts.js';
import { createTurns } from '../infra/turns.js';
import { freshName } from './engines.js';

/** Parts find their engines in the environment of the process, so one shop is opened at a time. */
const inTurn = createTurns(1);

/** Opens these parts. No other part may be asked for later, unless it needs no engine that these do not need. */
export function openHere(
  environment: Readonly<Record<string, string>>,
  parts: readonly (keyof Parts)[],
): Promise<Shop> {
  return inTurn(async () => {
    const before = process.env;
    process.env = { ...withoutSettings(before), ...environment };
    let shop: Shop | undefined;
    try {
      shop = await openShop(readConfig({}), { tell: console.error });
      await Promise.all(parts.map(shop.get));
      return shop;
    } catch (error) {
      await shop?.close();
      throw error;
    } finally {
      process.env = before;
    }
  });
}

/** The environment of a process without the settings of commerce, which must not affect tests. */
export function withoutSettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !/^COMMERCE_(?!ENGINES)|_URL$/.test(name)));
}

/** The token that `commerce token --role` prints, without a start of the program. */
export async function staffToken(environment: Readonly<Record<string, string>>, role: StaffRole): Promise<string> {
  const shop = await openHere(environment, ['runner', 'personal', 'tokens']);
  try {
    const [runner, personal, tokens] = await Promise.all([
      shop.get('runner'),
      shop.get('personal'),
      shop.get('tokens'),
    ]);
    const staff = createStaff({ runner, personal, clock: Date.now, newId: () => freshName('staff') });
    return await tokens.mint(await staff.ofRole(role));
  } finally {
    await shop.close();
  }
}
