// `commerce forget`: forgets a customer, for an operator whom the person has asked.
import { Command, InvalidArgumentError } from 'commander';
import { customerIdSchema } from '../../domain/order/events.js';
import { DATA_KEY_TTL_MS } from '../../infra/crypto/personal-data.js';
import { commandLine } from '../command-line.js';
import { CommandFailed } from '../errors.js';
import { openEngines } from '../open-engines.js';
import { type CommonOptions, configOfShop, withJson, withProfile } from '../options.js';

export function forgetCommand(): Command {
  return withJson(withProfile(new Command('forget')))
    .description(
      'forget a customer for ever: delete their personal data everywhere, and cancel what was not sent to them',
    )
    .argument('<customer>', 'id of the customer, as orders show it', customerId)
    .action(forget);
}

async function forget(id: string, options: CommonOptions): Promise<void> {
  const shop = await openEngines(await configOfShop(options));
  try {
    const forgetting = await shop.get('forgetting');
    if (!(await forgetting.knows(id)))
      throw new CommandFailed(
        `There is no ${id}: nothing is recorded about such a customer. Orders show customer ids.`,
      );
    const { actor, requestId: correlationId } = commandLine('forget');
    const clock = await shop.get('clock');
    const meta = { id: `${id}/forget/${correlationId}`, issuedAt: clock(), correlationId, actor };
    const { isNew, unfinished } = await forgetting.forget(id, meta);
    console.log(options.json ? JSON.stringify({ id, isNew, unfinished }) : told(id, isNew, unfinished));
  } finally {
    await shop.close();
  }
}

function told(id: string, isNew: boolean, unfinished: readonly string[]): string {
  const done = isNew
    ? `${id} is forgotten. Programs that run now may open their data for ${DATA_KEY_TTL_MS / 1_000} more seconds.`
    : `${id} was forgotten before; all steps were taken again.`;
  return unfinished.length === 0
    ? done
    : `${done} A running \`commerce start\` will repeat what failed now: ${unfinished.join(', ')}.`;
}

function customerId(text: string): string {
  if (customerIdSchema.safeParse(text).success) return text;
  throw new InvalidArgumentError('An id looks like customer_01KC…; orders show the ids of customers.');
}
