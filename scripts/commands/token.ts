// `commerce token --role R`: a bearer token for experiments on this machine.
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Caller } from '../../domain/kernel/endpoint.js';
import { ROLES, type Role } from '../../domain/kernel/role.js';
import { customerIdSchema } from '../../domain/order/events.js';
import { randomId } from '../../infra/ids.js';
import { CommandFailed } from '../errors.js';
import { NOT_LOCAL, openLocalTokens } from '../local-tokens.js';
import { withStaff } from '../open-staff.js';
import { type CommonOptions, withJson, withProfile } from '../options.js';
import { staffId } from './staff.js';

interface TokenOptions extends CommonOptions {
  role?: Role;
  customer?: string;
  staff?: string;
}

export function tokenCommand(): Command {
  return withJson(withProfile(new Command('token')))
    .description('print a bearer token; local engines only')
    .addOption(new Option('--role <role>', 'role of the token; required without --staff').choices(ROLES))
    .option('--customer <id>', 'id of the customer, for example customer_17850 (default: a new customer)', customerId)
    .option(
      '--staff <id>',
      'id of the member of staff, see `staff list` (default: the shared member of the role)',
      staffId,
    )
    .action(async (options: TokenOptions, command: Command) => {
      const { role, customer, staff } = options;
      if (role !== 'customer' && customer !== undefined)
        command.error('--customer can only be used with --role customer');
      if (role === 'customer' && staff !== undefined) command.error('--staff can only be used with roles of staff');
      const find = finderOf(options, command);
      const tokens = await openLocalTokens(options);
      if (!tokens) return command.error(NOT_LOCAL);
      const caller = await find();
      const token = await tokens.mint(caller);
      console.log(options.json ? JSON.stringify({ token, ...shown(caller) }) : token);
    });
}

/** Finds the bearer of the token. Ends the command if it names neither a role nor a member of staff. */
function finderOf({ role, customer, staff: id, ...options }: TokenOptions, command: Command): () => Promise<Caller> {
  if (id !== undefined) return () => withStaff(options, async (staff) => inRole(await staff.caller(id), role));
  if (role === undefined) return command.error('use --role ROLE or --staff ID');
  if (role === 'customer') return async () => customerCaller(customer);
  return () => withStaff(options, (staff) => staff.ofRole(role));
}

function customerCaller(id = `customer_${randomId(Date.now())}`): Caller {
  return { role: 'customer', id, customerId: id };
}

function inRole(caller: Caller, role = caller.role): Caller {
  if (caller.role === role) return caller;
  throw new CommandFailed(`--role: ${caller.id} has the role ${caller.role}, not ${role}; leave --role out.`);
}

function shown({ role, id, customerId }: Caller) {
  return customerId === undefined ? { role, staffId: id } : { role, customerId };
}

function customerId(text: string): string {
  if (customerIdSchema.safeParse(text).success) return text;
  throw new InvalidArgumentError(
    'An id looks like customer_17850: customer_ and 1 to 50 letters, digits, dots, dashes or underscores.',
  );
}
