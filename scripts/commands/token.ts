// `commerce token --role R`: a bearer token for trying things out on this machine.
import { Command, InvalidArgumentError, Option } from 'commander';
import { ROLES, type Role } from '../../domain/kernel/endpoint.js';
import { customerIdSchema } from '../../domain/order/events.js';
import { randomId } from '../../infra/ids.js';
import { NOT_LOCAL, openLocalTokens } from '../local-tokens.js';
import { type CommonOptions, withJson, withProfile } from '../options.js';

interface TokenOptions extends CommonOptions {
  role: Role;
  customer?: string;
}

export function tokenCommand(): Command {
  return withJson(withProfile(new Command('token')))
    .description('print a bearer token and nothing else; local profiles only')
    .addOption(new Option('--role <role>', 'what the bearer may do (required)').choices(ROLES).makeOptionMandatory())
    .option(
      '--customer <id>',
      'whose data a customer sees, for example customer_17850 (default: a new one)',
      customerId,
    )
    .action(async ({ role, customer, ...options }: TokenOptions, command: Command) => {
      if (role !== 'customer' && customer !== undefined) command.error('--customer goes with --role customer only');
      const tokens = await openLocalTokens(options);
      if (!tokens) return command.error(NOT_LOCAL);
      const of = role === 'customer' ? { customerId: customer ?? `customer_${randomId(Date.now())}` } : {};
      const token = await tokens.mintToken(role, of.customerId);
      console.log(options.json ? JSON.stringify({ token, role, ...of }) : token);
    });
}

function customerId(text: string): string {
  if (customerIdSchema.safeParse(text).success) return text;
  throw new InvalidArgumentError(
    'It looks like customer_17850: behind customer_ come 1 to 50 letters, digits, dots, dashes or underscores.',
  );
}
