// What the import needs from the shop, the actor of its commands, and its ids.
import { createHash } from 'node:crypto';
import type { Clock } from '../../../domain/kernel/clock.js';
import type { CommandMeta } from '../../../domain/kernel/command.js';
import type { EventStore } from '../../../domain/kernel/event-store.js';
import { keyOf, MAX_KEY_LENGTH } from '../../../domain/kernel/id.js';
import type { CheckoutProcess } from '../../checkout/process.js';
import type { Settlement } from '../../order/settlement.js';
import type { CommandRunner } from '../../runtime/command-runner.js';
import type { Origin } from '../../runtime/origin.js';
import { IMPORTER } from './own-entries.js';

export interface ImportPorts {
  runner: CommandRunner;
  store: EventStore;
  checkout: Pick<CheckoutProcess, 'run' | 'resume'>;
  settlement: Pick<Settlement, 'run'>;
  /** Ids of all orders of a customer that existed when the import began. */
  ordersOf(customerId: string): Promise<readonly string[]>;
  clock: Clock;
}

/** Number of hex digits of a hash that distinguishes long keys. */
const KEY_HASH_LENGTH = 16;

/** Called with the number of finished products, then of finished invoices. */
export type OnProgress = (what: 'products' | 'invoices', done: number, total: number) => void;

export function importMeta(clock: Clock, id: string, more: Partial<CommandMeta> = {}): CommandMeta {
  return { id, issuedAt: clock(), correlationId: `import/${IMPORTER.id}`, actor: IMPORTER, ...more };
}

/** All commands of an invoice share a correlation id. */
export function originOf(invoice: string): Origin {
  return { correlationId: `import/${IMPORTER.id}/${invoice}`, actor: IMPORTER };
}

export function orderIdOf(invoice: string): string {
  return `order_${invoice}`;
}

const RETURN_ID = /^return_(C\d{6})-/;

/** `C536379` of `order_536365` → `return_C536379-536365`. */
export function returnIdOf(number: string, orderId: string): string {
  return `return_${number}-${keyOf(orderId)}`;
}

/** The number of the returning invoice. Undefined for a return that was not imported. */
export function invoiceOfReturn(returnId: string): string | undefined {
  return RETURN_ID.exec(returnId)?.[1];
}

/** For an invoice without a customer: a guest with this one invoice. */
export function guestIdOf(number: string): string {
  return `customer_guest-${number}`;
}

/** A character that an id cannot hold is written as its code point. A long key ends in a hash. */
export function customerIdOf(customer: string): string {
  const key = customer.replace(/[^A-Za-z0-9_-]/gu, (character) => `.${character.codePointAt(0)!.toString(16)}`);
  if (key.length <= MAX_KEY_LENGTH) return `customer_${key}`;
  const hash = createHash('sha256').update(customer).digest('hex').slice(0, KEY_HASH_LENGTH);
  return `customer_${key.slice(0, MAX_KEY_LENGTH - KEY_HASH_LENGTH)}${hash}`;
}
