// `commerce reconcile`: lists every difference between our payments and the provider's records, and repairs the safe ones.
import { Command, InvalidArgumentError } from 'commander';
import type { Difference, Reconciliation } from '../../commands/payment/reconcile.js';
import { ConfigError } from '../../infra/config.js';
import { openShop } from '../../infra/modules/open-shop.js';
import { FOUND_A_VIOLATION } from '../errors.js';
import { type CommonOptions, configOfShop, withJson, withProfile } from '../options.js';
import { table } from '../table.js';

const DAY_MS = 24 * 3_600_000;

interface Options extends CommonOptions {
  days: number;
  repair?: boolean;
}

export function reconcileCommand(): Command {
  return withJson(withProfile(new Command('reconcile')))
    .description('list every difference between our payments and Stripe')
    .option('--days <n>', 'compare the payments of this many last days', positive, 7)
    .option('--repair', 'record facts that Stripe reports, and release held money that is not needed')
    .action(async (options: Options) => {
      const shop = await openShop(await configOfShop(options), { tell: console.error });
      try {
        const { run } = await shop.get('reconciliation');
        if (!run) {
          const nothingToCompare = 'the shop uses the built-in test provider, which has no records to compare.';
          throw new ConfigError(`STRIPE_SECRET_KEY: is not set; ${nothingToCompare}`);
        }
        const clock = await shop.get('clock');
        const found = await run({ from: clock() - options.days * DAY_MS, repair: options.repair === true });
        console.log(options.json ? JSON.stringify(found) : report(found));
        if (found.differences.some(({ repaired }) => !repaired)) process.exitCode = FOUND_A_VIOLATION;
      } finally {
        await shop.close();
      }
    });
}

function positive(text: string): number {
  const days = Number(text);
  if (!(days > 0 && Number.isFinite(days))) throw new InvalidArgumentError('It must be a number above 0.');
  return days;
}

function report({ compared, notOurs, underWay, differences }: Reconciliation): string {
  const counts = `${compared} compared, ${notOurs} not made by this shop, ${underWay} under way.`;
  if (differences.length === 0) return `No differences. ${counts}`;
  const head = ['difference', 'payment', 'at Stripe', 'here', 'there', 'repaired'];
  return `${table({ head, rows: differences.map(rowOf) })}\n${counts}`;
}

function rowOf({ kind, paymentId, providerRef, here, there, repaired }: Difference) {
  return [kind, paymentId, providerRef, here, there, repaired ? 'yes' : 'no'];
}
