// `commerce token --role R`: a bearer token for trying things out on this machine.
import { Command, Option } from 'commander';
import { ROLES, type Role } from '../../domain/kernel/endpoint.js';
import { engineAddresses } from '../../infra/engines/addresses.js';
import { loadTokenKey } from '../../infra/identity/token-key.js';
import { createTokens } from '../../infra/identity/tokens.js';
import { type CommonOptions, configOf, withProfile } from '../options.js';

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
      const { profile, dataDir, tokenKey } = configOf(options);
      if (profile === 'aws' && !(await engineAddresses()).awsEndpoint) {
        command.error('tokens are printed for engines on this machine only; AWS_ENDPOINT_URL names none');
      }
      const key = await loadTokenKey({ dataDir, ...(tokenKey !== undefined && { given: tokenKey }) });
      console.log(await createTokens({ key, clock: Date.now }).mintToken(role, customer));
    });
}
