// The second half of a transfer: units that left one location arrive at the other. Any worker may run it.
import type { CommandMeta } from '../../domain/kernel/command.js';
import { orThrow } from '../../domain/kernel/errors.js';
import type { StockEvent } from '../../domain/stock/events.js';
import { type StockItem, stockItem, stockStream } from '../../domain/stock/stock-item.js';
import type { CommandRunner, Outcome } from '../runtime/command-runner.js';

/** The transfer as recorded by the location that it left. */
export type Departure = Extract<StockEvent, { type: 'StockTransferredOut' }>['data'];

/** Safe to repeat: the command id derives from the movement. */
export function arrive(
  runner: Pick<CommandRunner, 'execute'>,
  { sku, location: from, to: location, movementId, productId, quantity }: Departure,
  origin: Omit<CommandMeta, 'id'>,
): Promise<Outcome<StockItem>> {
  const key = { sku, location };
  const command = { type: 'TransferIn', ...key, movementId, productId, quantity, from } as const;
  return runner.execute(stockItem, stockStream(key), command, { ...origin, id: `${movementId}/arrival` }).then(orThrow);
}
