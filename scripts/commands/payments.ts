// `commerce payments`: payments whose provider does not say what became of an operation.
import { Command, Option } from 'commander';
import { paymentIdSchema } from '../../domain/order/events.js';
import { RECORDED_OUTCOMES, type RecordedOutcome } from '../../domain/payment/events.js';
import { parkedPayments } from '../../read-api/queries/ops.js';
import { CommandFailed } from '../errors.js';
import { type ByOptions, staffOption, withOperations } from '../open-operations.js';
import { withJson, withProfile } from '../options.js';
import { table } from '../table.js';
import { reasonOf } from './quarantine.js';

interface ResolveOptions extends ByOptions {
  operation: string;
  outcome: RecordedOutcome;
  providerRef?: string;
  reason: string;
}

export function paymentsCommand(): Command {
  return new Command('payments')
    .description('parked payments, whose provider does not answer: list, resolve')
    .addCommand(command('list').description('list the parked payments').action(list))
    .addCommand(
      command('resolve')
        .description('state what became of an operation, after a look at the records of the provider')
        .argument('<payment>', 'as `payments list` shows it')
        .requiredOption('--operation <id>', 'as `payments list` shows it')
        .addOption(
          new Option('--outcome <outcome>', 'what became of it').choices(RECORDED_OUTCOMES).makeOptionMandatory(),
        )
        .option('--provider-ref <reference>', "the provider's reference, for an authorisation that is done")
        .requiredOption('--reason <text>', 'how you know', reasonOf)
        .addOption(staffOption())
        .action(resolve),
    );
}

const command = (name: string) => withJson(withProfile(new Command(name)));

async function list(options: ByOptions): Promise<void> {
  await withOperations(options, async ({ shop }) => {
    const [agenda, states, clock] = await Promise.all([shop.get('agenda'), shop.get('runner'), shop.get('clock')]);
    const parked = await parkedPayments({ agenda, states, now: clock() });
    if (options.json) return console.log(JSON.stringify({ data: parked }));
    if (parked.length === 0) return console.log('No payment is parked.');
    const rows = parked.flatMap(({ paymentId, currency, operations }) =>
      operations.map(({ operationId, kind, amount, since }) => [paymentId, operationId, kind, amount, currency, since]),
    );
    console.log(
      table({ head: ['payment', 'operation', 'kind', 'minor units', 'currency', 'waits since'], rows, right: [3] }),
    );
  });
}

async function resolve(paymentId: string, options: ResolveOptions): Promise<void> {
  if (!paymentIdSchema.safeParse(paymentId).success) throw new CommandFailed(`There is no payment ${paymentId}.`);
  await withOperations(options, async ({ operations, meta }) => {
    const { operation: operationId, outcome, providerRef, reason } = options;
    const { state } = await operations.resolvePayment(paymentId, { operationId, outcome, providerRef, reason }, meta());
    const { orderId, status } = state;
    const resolved = { paymentId, orderId, operationId, outcome, status };
    console.log(options.json ? JSON.stringify(resolved) : `${operationId} is recorded as ${outcome}.`);
  });
}
