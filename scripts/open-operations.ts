// Opens the operations of a shop for a command that an operator runs. The command may run beside a running `start`.
import { randomUUID } from 'node:crypto';
import { Option } from 'commander';
import type { Operations } from '../commands/ops/operations.js';
import { OPERATOR } from '../commands/runtime/origin.js';
import type { CommandMeta } from '../domain/kernel/command.js';
import { isProblem } from '../domain/kernel/errors.js';
import type { Actor } from '../domain/kernel/event.js';
import type { Shop } from '../infra/modules/open-shop.js';
import { staffId } from './commands/staff.js';
import { CommandFailed } from './errors.js';
import { openEngines } from './open-engines.js';
import { staffOf } from './open-staff.js';
import { type CommonOptions, configOfShop } from './options.js';

export interface ByOptions extends CommonOptions {
  staff?: string;
}

export const staffOption = () =>
  new Option('--staff <id>', 'member of staff who does this, as `staff list` shows them').argParser(staffId);

interface Opened {
  shop: Shop;
  operations: Operations;
  /** Metadata of one command, with the operator as its actor. */
  meta(): CommandMeta;
}

export async function withOperations<T>(options: ByOptions, use: (opened: Opened) => Promise<T>): Promise<T> {
  const shop = await openEngines(await configOfShop(options));
  try {
    const clock = await shop.get('clock');
    const actor = await actorOf(shop, options.staff);
    const meta = (): CommandMeta => {
      const id = randomUUID();
      return { id, issuedAt: clock(), correlationId: id, actor };
    };
    return await use({ shop, operations: await shop.get('operations'), meta });
  } catch (error) {
    if (isProblem(error, 'not_found') || isProblem(error, 'conflict')) throw new CommandFailed(error.message);
    throw error;
  } finally {
    await shop.close();
  }
}

async function actorOf(shop: Shop, staff: string | undefined): Promise<Actor> {
  if (staff === undefined) return OPERATOR;
  const { id, role } = await (await staffOf(shop)).caller(staff);
  return { type: 'staff', id, role: role as NonNullable<Actor['role']> };
}
