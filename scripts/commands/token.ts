// `commerce token --role R`: a bearer token for trying things out on this machine.
import { Command, Option } from 'commander';
import { ROLES, type Role } from '../../domain/kernel/endpoint.js';
import { NOT_LOCAL, openLocalTokens } from '../local-tokens.js';
import { type CommonOptions, withProfile } from '../options.js';

export function tokenCommand(): Command {
  return withProfile(new Command('token'))
    .description('print a bearer token and nothing else; local profiles only')
    .addOption(new Option('--role <role>', 'what the bearer may do').choices(ROLES).makeOptionMandatory())
    .option('--customer <id>', 'whose data a customer sees, for example customer_17850')
    .action(async (options: CommonOptions & { role: Role; customer?: string }, command: Command) => {
      const { role, customer } = options;
      if ((role === 'customer') !== (customer !== undefined)) {
        command.error('--customer goes with --role customer, and only with it');
      }
      const tokens = await openLocalTokens(options);
      if (!tokens) return command.error(NOT_LOCAL);
      console.log(await tokens.mintToken(role, customer));
    });
}
