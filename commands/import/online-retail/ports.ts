// What the import asks of the shop, and how it signs what it does there.
import type { Clock } from '../../../domain/kernel/clock.js';
import type { CommandMeta } from '../../../domain/kernel/command.js';
import type { EventStore } from '../../../domain/kernel/event-store.js';
import type { CheckoutProcess } from '../../processes/checkout-process.js';
import type { Origin } from '../../processes/origin.js';
import type { Settlement } from '../../processes/settlement.js';
import type { CommandRunner } from '../../runtime/command-runner.js';
import { IMPORTER } from './own-entries.js';

export interface ImportPorts {
  runner: CommandRunner;
  store: EventStore;
  checkout: Pick<CheckoutProcess, 'run'>;
  settlement: Pick<Settlement, 'run'>;
  clock: Clock;
}

/** Told how many of the products, then how many of the invoices are done. */
export type OnProgress = (what: 'products' | 'invoices', done: number, total: number) => void;

export function importMeta(clock: Clock, id: string, more: Partial<CommandMeta> = {}): CommandMeta {
  return { id, issuedAt: clock(), correlationId: `import/${IMPORTER.id}`, actor: IMPORTER, ...more };
}

/** Everything that an invoice comes to hangs together. */
export function originOf(invoice: string): Origin {
  return { correlationId: `import/${IMPORTER.id}/${invoice}`, actor: IMPORTER };
}

export function orderIdOf(invoice: string): string {
  return `order_${invoice}`;
}
