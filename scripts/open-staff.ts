// Opens the staff of a shop for a command that reads or changes them.
import { createStaff, type Staff } from '../commands/identity/staff.js';
import { isProblem } from '../domain/kernel/errors.js';
import { randomId } from '../infra/ids.js';
import { commandLine } from './command-line.js';
import { CommandFailed } from './errors.js';
import { openEngines } from './open-engines.js';
import { type CommonOptions, configOfShop } from './options.js';

export async function withStaff<T>(options: CommonOptions, use: (staff: Staff) => Promise<T>): Promise<T> {
  const shop = await openEngines(await configOfShop(options));
  try {
    const [runner, clock] = await Promise.all([shop.get('runner'), shop.get('clock')]);
    const { personal, during } = await shop.get('recordedOpenings');
    const newId = () => `staff_${randomId(clock())}`;
    const staff = createStaff({ runner, personal, clock, newId });
    return await during(commandLine('staff'), () => use(staff)).catch(explained);
  } finally {
    await shop.close();
  }
}

function explained(error: unknown): never {
  if (!isProblem(error, 'not_found') && !isProblem(error, 'conflict')) throw error;
  throw new CommandFailed(`${error.message} \`commerce staff list\` shows the members, \`staff add\` adds one.`);
}
