// Opens the staff of a shop for a command that reads or changes them.
import { createStaff, type Staff } from '../commands/identity/staff.js';
import { isProblem } from '../domain/kernel/errors.js';
import { randomId } from '../infra/ids.js';
import { CommandFailed } from './errors.js';
import { openEngines } from './open-engines.js';
import { type CommonOptions, configOfShop } from './options.js';

export async function withStaff<T>(options: CommonOptions, use: (staff: Staff) => Promise<T>): Promise<T> {
  const shop = await openEngines(await configOfShop(options));
  try {
    const [runner, personal, clock] = await Promise.all([shop.get('runner'), shop.get('personal'), shop.get('clock')]);
    const newId = () => `staff_${randomId(clock())}`;
    return await use(createStaff({ runner, personal, clock, newId })).catch(explained);
  } finally {
    await shop.close();
  }
}

function explained(error: unknown): never {
  if (!isProblem(error, 'not_found') && !isProblem(error, 'conflict')) throw error;
  throw new CommandFailed(`${error.message} \`commerce staff list\` shows the members, \`staff add\` adds one.`);
}
