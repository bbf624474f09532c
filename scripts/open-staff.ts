// Opens the staff of a shop for a command that reads or changes them.
import { createStaff, type Staff } from '../commands/identity/staff.js';
import { isProblem } from '../domain/kernel/errors.js';
import { randomId } from '../infra/ids.js';
import type { Shop } from '../infra/modules/open-shop.js';
import { commandLine } from './command-line.js';
import { CommandFailed } from './errors.js';
import { openEngines } from './open-engines.js';
import { type CommonOptions, configOfShop } from './options.js';

export async function withStaff<T>(options: CommonOptions, use: (staff: Staff) => Promise<T>): Promise<T> {
  const shop = await openEngines(await configOfShop(options));
  try {
    const { during } = await shop.get('recordedOpenings');
    const staff = await staffOf(shop);
    return await during(commandLine('staff'), () => use(staff)).catch(explained);
  } finally {
    await shop.close();
  }
}

export async function staffOf(shop: Shop): Promise<Staff> {
  const [runner, clock] = await Promise.all([shop.get('runner'), shop.get('clock')]);
  const { personal } = await shop.get('recordedOpenings');
  return createStaff({ runner, personal, clock, newId: () => `staff_${randomId(clock())}` });
}

function explained(error: unknown): never {
  if (!isProblem(error, 'not_found') && !isProblem(error, 'conflict')) throw error;
  throw new CommandFailed(`${error.message} \`commerce staff list\` shows the members, \`staff add\` adds one.`);
}
